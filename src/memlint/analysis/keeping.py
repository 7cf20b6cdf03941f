"""What tests leave behind: values put into containers that live as long as the session and that nothing empties."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.containers import Containers, Filling, scope_of
from memlint.analysis.objects import bytes_of
from memlint.analysis.suite import Body, Suite
from memlint.analysis.values import ONE, UNKNOWN, Num, Value


def containers(suite: Suite) -> Containers:
    """The long-lived containers of a suite."""
    return suite.shared(Containers)


def is_cache(suite: Suite, filling: Filling, body: Body) -> bool:
    """Whether the function looks into the dict before it stores there, so that a thing is kept once, not each time."""
    if filling.container.kind != "dict" or filling.how not in {"[]=", "setdefault"}:
        return False
    if filling.how == "setdefault":
        return True
    scope, found = scope_of(body), containers(suite)
    for statement, enclosing in traverse.statements(f.body_of(body.function)):
        if isinstance(statement, f.If) and isinstance(statement.test, f.Unary) and statement.test.op == "not":
            asked = statement.test.value  # ``if not SETTINGS:`` fill it, once
            if isinstance(asked, f.Name) and found.resolve(asked.path, scope) == filling.container:
                return True
        for expression in traverse.own_expressions(statement):
            for node in traverse.walk(expression):
                path = _looked_up(node, bool(enclosing))
                if path is not None and found.resolve(path, scope) == filling.container:
                    return True
    return False


def _looked_up(node: f.Node, nested: bool) -> str | None:
    """The name of a dict in ``key in NAME``, ``NAME.get(key)``, or in ``try: NAME[key]``."""
    if isinstance(node, f.Compare):
        for op, right in node.rest:
            if op in {"in", "not in"} and isinstance(right, f.Name):
                return right.path
    if isinstance(node, f.Call) and isinstance(node.func, f.Name) and node.func.path.endswith(".get"):
        return node.func.path.removesuffix(".get")
    return None


def stored(suite: Suite, filling: Filling, body: Body) -> Value:
    """The value that goes in; unknown where several do."""
    if filling.element is None:
        return UNKNOWN
    return suite.evaluator.quiet_eval(filling.element, suite.evaluate(body))


def kept_by_one_run(suite: Suite, filling: Filling, body: Body) -> Num | None:
    """Bytes that one run of the body leaves in the container; None when not known."""
    size = bytes_of(stored(suite, filling, body))
    rounds = {growth.at: growth.count for growth in suite.evaluate(body).growths}.get(filling.at, ONE)
    return size * rounds if size is not None and rounds is not None else None


def kept(suite: Suite, body: Body) -> Iterator[tuple[Filling, Num]]:
    """What one run of a body leaves behind for the rest of the session, where its bytes are known."""
    found = containers(suite)
    for filling in found.fillings(body):
        size = kept_by_one_run(suite, filling, body)
        if size is not None and not is_cache(suite, filling, body) and not found.emptied(filling.container):
            yield filling, size
