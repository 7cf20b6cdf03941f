"""What the tests themselves expect: exceptions, failures, warnings of leaks, resources that are none."""

from __future__ import annotations

from collections.abc import Iterable

from memlint import facts as f
from memlint.analysis.obligations import NOTHING, Obligation, State
from memlint.analysis.traverse import walk

PIPES = frozenset({"stdin", "stdout", "stderr"})
ANY_PART = ".*."  # in the path of a call: of whichever part a loop is at

_EXPECTING = frozenset({"raises", "assertRaises", "assertRaisesRegex", "suppress", "RaisesGroup"})
_CONNECTIONS = frozenset({"sock", "socket", "transport", "connection", "conn"})


def says_gone(test: f.Expr) -> bool:
    """``assert not process.is_alive()``, ``assert thread.is_alive() is False``, ``assert process.poll() is not None``,
    ``assert process.poll() == 0``.
    """
    if isinstance(test, f.Unary):
        return test.op == "not"
    if not isinstance(test, f.Compare):
        return False
    op, right = test.rest[0]
    if isinstance(right, f.Const) and isinstance(right.value, bool):
        return right.value is (op in {"is not", "!="})  # ``is_alive() is not True``
    return op == "is not" or (op == "==" and right != f.Const(None))


def last_part(func: f.Expr | None) -> str:
    """The last part of what a call calls: ``close`` of ``file.close()`` and of ``open(path).close()``."""
    return func.attr if isinstance(func, f.Attr) else last_name(func)


def last_name(node: f.Expr | None) -> str:
    """The last part of a dotted name; of several their last parts."""
    if isinstance(node, f.Seq):
        return " ".join(last_name(item) for item in node.items)
    return node.path.rpartition(".")[2] if isinstance(node, f.Name) else ""


def catches_all(handler: f.Handler) -> bool:
    """Whether a handler takes every error."""
    return handler.type is None or last_name(handler.type) in {"Exception", "BaseException"}


def expects_exception(node: f.Expr) -> bool:
    """``pytest.raises`` and its like."""
    name = last_name(node.func) if isinstance(node, f.Call) else ""
    return name in _EXPECTING or "raises" in name


def expects_leak(node: f.Expr) -> bool:
    """``assertWarns(ResourceWarning)``: leaving something open is what the test is about."""
    if not isinstance(node, f.Call):
        return False
    arguments = [
        item for a in node.args for item in (a.value.items if isinstance(a.value, f.Seq) else (a.value,))
    ]
    return any(last_name(item) == "ResourceWarning" for item in arguments)


def expects_failure(node: f.Try) -> bool:
    """``try: Archive("broken") except BadArchive: pass``: a lone call whose failure is not made a failure.

    What follows it in the body, and never goes well, says the same: ``self.fail("no error")``.
    """
    if node.final or not all(map(_never_goes_well, node.body[1:])) or (node.orelse and len(node.body) == 1):
        return False
    return any(not any(_gives_up(statement) for statement in handler.body) for handler in node.handlers)


def skips(body: tuple[f.Stmt, ...]) -> bool:
    """``except Exception: pytest.skip("no database here")``: there was nothing to acquire."""
    last = body[-1] if body else None
    call = last.value if isinstance(last, f.ExprStmt) else None
    return isinstance(call, f.Call) and last_name(call.func) in {"skip", "skipTest", "importorskip"}


def _never_goes_well(statement: f.Stmt) -> bool:
    """``self.fail()``, ``raise AssertionError``, ``assert False``, ``self.assertEqual(0, 1)``."""
    if isinstance(statement, f.Raise):
        return True
    if isinstance(statement, f.Assert):
        return statement.test == f.Const(False)
    call = statement.value if isinstance(statement, f.ExprStmt) else None
    if not isinstance(call, f.Call):
        return False
    name, given = last_name(call.func), [arg.value for arg in call.args]
    if name == "assertEqual" and len(given) > 1:
        first, second = given[:2]
        return isinstance(first, f.Const) and isinstance(second, f.Const) and first != second
    return name == "fail" or (name == "assertTrue" and given[:1] == [f.Const(False)])


def seen_closed(test: f.Expr) -> str:
    """The name of what an assertion shows to be closed: ``file.closed``, ``client.sock is None``; "" for none."""
    if isinstance(test, f.Compare) and test.rest == (("is", f.Const(None)),):
        holder, _, part = test.left.path.rpartition(".") if isinstance(test.left, f.Name) else ("", "", "")
        return holder if part.lstrip("_") in _CONNECTIONS else ""
    holder, _, part = test.path.rpartition(".") if isinstance(test, f.Name) else ("", "", "")
    return holder if part in {"closed", "is_closed"} else ""


def _gives_up(statement: f.Stmt) -> bool:
    if isinstance(statement, (f.Raise, f.Return)):
        return True
    call = statement.value if isinstance(statement, f.ExprStmt) else None
    return isinstance(call, f.Call) and last_name(call.func) in {"fail", "skip", "skipTest", "exit"}


def without_tested(tests: Iterable[f.Expr], state: State) -> State:
    """Where an assertion about the resource itself fails (``is not None``, its type), there is none to release."""
    tests = tuple(tests)
    parts = [part for test in tests for part in _operands(test)]
    tested = NOTHING.union(
        *(state.names.get(part.path, NOTHING) for part in parts if isinstance(part, f.Name)),
        # no more than a hint to whoever checks the types
        *(state.names.get(holder, NOTHING) for holder in map(_holder_of_part, tests)),
    )
    return state.without(tested)


def used_in(tests: Iterable[f.Expr], state: State) -> frozenset[Obligation]:
    """``assert solve(browser) == 7``: what an assertion gives to a call: it judges the use of that very thing."""
    if not state.masks:
        return NOTHING
    calls = [part for test in tests for part in walk(test) if isinstance(part, f.Call)]
    return NOTHING.union(
        *(
            state.names.get(arg.value.path, NOTHING)
            for call in calls
            for arg in call.args
            if isinstance(arg.value, f.Name)
        )
    )


def _holder_of_part(test: f.Expr) -> str:
    """``process`` in ``assert process.pid`` and ``assert process.stdin is not None``."""
    if isinstance(test, f.Compare) and test.rest == (("is not", f.Const(None)),):
        test = test.left
    return test.path.rpartition(".")[0] if isinstance(test, f.Name) else ""


def _operands(test: f.Expr) -> tuple[f.Expr, ...]:
    if isinstance(test, f.Compare):
        return (test.left, *(right for _, right in test.rest))
    if isinstance(test, f.Call) and last_name(test.func) == "isinstance":
        return tuple(arg.value for arg in test.args[:1])
    return (test,)


def first_name(node: f.Expr) -> str:
    """The exception that a manager expects; "" when it merely suppresses one."""
    if not isinstance(node, f.Call) or last_name(node.func) == "suppress":
        return ""
    return (last_name(node.args[0].value) if node.args else "") or "Exception"


def tells_type(test: f.Expr, aliases: dict[str, str]) -> bool:
    """``assert process.stdin is not None``, said to a type checker of a pipe that was asked for."""
    if not isinstance(test, f.Compare) or test.rest != (("is not", f.Const(None)),):
        return False
    path = test.left.path if isinstance(test.left, f.Name) else ""
    return aliases.get(path, path).rpartition(".")[2] in PIPES


def is_for_type_checkers(test: f.Expr) -> bool:
    """``if TYPE_CHECKING:``, which holds nowhere but in the eyes of a type checker."""
    return isinstance(test, f.Name) and test.path.rpartition(".")[2] == "TYPE_CHECKING"
