"""Which way a branch goes in one call, as far as the arguments of that call decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memlint import facts as f
from memlint.analysis.expectations import is_for_type_checkers, last_name
from memlint.analysis.narrowing import are_settled
from memlint.analysis.obligations import Obligation, State
from memlint.analysis.traverse import walk
from memlint.analysis.values import Literal

if TYPE_CHECKING:
    from memlint.analysis.evaluate import Evaluator
    from memlint.analysis.flow import Run

_RUNNING = ("threading.", "multiprocessing.", "subprocess.")


def passed_in(node: f.Call, function: f.Function) -> dict[str, f.Expr | None]:
    """What each parameter is given in this call, or left at; nothing where that cannot be told."""
    if any(arg.star for arg in node.args):
        return {}
    passed = {arg.keyword: arg.value for arg in node.args if arg.keyword}
    placed = [p.name for p in function.params if p.kind == "positional"]
    bound = bool(placed) and placed[0] in {"self", "cls"}
    passed.update(zip(placed[bound:], [arg.value for arg in node.args if not arg.keyword], strict=False))
    return {
        p.name: passed.get(p.name, p.default) for p in function.params if p.kind in {"positional", "keyword"}
    }


def texts_in(node: f.Call, function: f.Function, caller: Run) -> dict[str, f.Text]:
    """Parameters whose value in this call is a text: ``def writer(kind="csv")``, handed on or not."""
    given = (
        (name, caller.texts.get(value.path) if isinstance(value, f.Name) else value)
        for name, value in passed_in(node, function).items()
    )
    return {
        name: value for name, value in given if isinstance(value, f.Text) and len(value.value) == value.length
    }


def flags_in(node: f.Call, function: f.Function, caller: Run) -> dict[str, bool]:
    """Parameters whose value in this call is True or False: ``def run(command, blocking=True)``, handed on or not."""
    if any(arg.star for arg in node.args):
        return {}
    flags = {
        name: value.value
        for name, value in passed_in(node, function).items()
        if isinstance(value, f.Const) and isinstance(value.value, bool)
    }
    for name, value in passed_in(node, function).items():
        if isinstance(value, f.Name) and value.path in caller.flags:
            flags[name] = caller.flags[value.path]
    request = next(
        (p.name for p in function.params if p.name == "request" and p.default == f.Const(None)), None
    )
    if request is not None:  # pytest's request, handed to a helper that can do without
        given = [arg.value for arg in node.args if arg.keyword in {None, request}]
        flags[request] = any(value == f.Name("request") for value in given)
    return flags


def flag_of(test: f.Expr, run: Run) -> bool | None:
    """What a parameter says that this call sets to, or leaves at, a constant: ``if wait:``, ``if not wait:``."""
    if isinstance(test, f.Unary) and test.op == "not":
        inner = flag_of(test.value, run)
        return None if inner is None else not inner
    if isinstance(test, f.Compare):
        return _text_of(test, run)
    return run.flags.get(test.path) if isinstance(test, f.Name) else None


def asks_for_none(test: f.Expr, run: Run) -> bool | None:
    """What ``ax is None``, ``ax is not None`` and ``not ax`` say of a parameter; None when that is not known."""
    negated = isinstance(test, f.Unary) and test.op == "not"
    if isinstance(test, f.Unary) and negated and isinstance(test.value, f.Name):
        return True if run.nones.get(test.value.path) else None
    if isinstance(test, f.Name):
        return False if run.nones.get(test.path) else None
    if not isinstance(test, f.Compare) or not isinstance(test.left, f.Name) or len(test.rest) != 1:
        return None
    op, right = test.rest[0]
    known = run.nones.get(test.left.path)
    if known is None or right != f.Const(None) or op not in {"is", "is not"}:
        return None
    return known if op == "is" else not known


def _text_of(test: f.Compare, run: Run) -> bool | None:
    """What ``kind == "csv"`` and ``kind in ("csv", "tsv")`` say of a parameter that is a text in this call."""
    known = run.texts.get(test.left.path) if isinstance(test.left, f.Name) else None
    if known is None or len(test.rest) != 1:
        return None
    op, right = test.rest[0]
    if op in {"==", "!="} and isinstance(right, f.Text):
        return (right == known) is (op == "==")
    items = right.items if isinstance(right, f.Seq) else ()
    if op in {"in", "not in"} and items and all(isinstance(item, f.Text) for item in items):
        return (known in items) is (op == "in")
    return None


def cannot_be(test: f.Expr, about: frozenset[Obligation]) -> bool:
    """``if inspect.isawaitable(first)``, of a thread or process."""
    parts = [part for part in walk(test) if isinstance(part, f.Call)]
    asks = any(last_name(part.func) in {"isawaitable", "iscoroutine", "isfuture"} for part in parts)
    return asks and all(o.resource.name.startswith(_RUNNING) for o in about)


def early_exits(function: f.Function, line: int) -> list[f.Expr]:
    """Conditions with which a set-up method ends before it opens what it opens at a line."""
    before = [s for s in f.body_of(function) if isinstance(s, f.If) and s.line < line]
    tests = [s.test for s in before if leaves(s.body) and not s.orelse]
    return [part for test in tests for part in (test, *_alternatives(test)) if _is_settled(part, function)]


def is_ruled_out(node: f.If, run: Run) -> bool:
    """``if SERVER is None: return`` in a tear-down whose set-up says so too: there is nothing to tear down then."""
    return leaves(node.body) and any(_is_same(node.test, test) for test in run.ruled_out)


def leaves(body: tuple[f.Stmt, ...]) -> bool:
    """Whether a branch ends in a jump."""
    return bool(body) and isinstance(body[-1], (f.Return, f.Raise, f.Jump))


def _alternatives(test: f.Expr) -> tuple[f.Expr, ...]:
    if not isinstance(test, f.BoolOp) or test.op != "or":
        return ()
    return (test.left, *_alternatives(test.left), test.right, *_alternatives(test.right))


def _is_settled(test: f.Expr, function: f.Function) -> bool:
    """Whether it asks for constants alone, which no method changes."""
    said = {part.path.partition(".")[0] for part in walk(test) if isinstance(part, f.Name)}
    return said.isdisjoint({*function.binds, *(param.name for param in function.params)})


def _is_same(one: Any, other: Any) -> bool:
    """Whether two expressions say the same, wherever they stand."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if not isinstance(one, f.Node) or type(one) is not type(other):
        return bool(one == other)
    return all(
        _is_same(getattr(one, name), getattr(other, name)) for name in one.__struct_fields__ if name != "at"
    )


def join_aliases(aliases: dict[str, str], run: Run) -> None:
    """After a branch that has these: ``out = process.stdout`` there and ``out = process.stderr`` here is either."""
    for name, part in aliases.items():
        other = run.aliases.setdefault(name, part)
        if other != part:
            run.either[name] = (part, other)
            del run.aliases[name]


def as_asked(test: f.Expr, run: Run) -> f.Expr:
    """``code is None`` as ``process.poll() is None`` when that is where the code comes from."""
    if isinstance(test, f.Compare) and isinstance(test.left, f.Name) and test.left.path in run.asked:
        return f.Compare(run.asked[test.left.path], test.rest)
    return test


def settle_in_child(test: f.Expr, about: frozenset[Obligation], taken: State, other: State) -> None:
    """After a fork there is no child in the child: what it does, and how it ends, releases nothing of the parent's."""
    forks = frozenset(o for o in about if o.resource.name == "os.fork")
    if not forks:
        return
    negated = isinstance(test, f.Unary) and test.op == "not"
    compared = test.rest[0] if isinstance(test, f.Compare) else ("", test)
    if not (isinstance(test, f.Name) or negated or compared[1] == f.Const(0)):
        other.settle(forks)  # ``if found == pid:`` of what waits for it
        return
    child = taken if negated or compared[0] == "==" else other
    for fork in forks:
        child.masks.pop(fork, None)


def constant(test: f.Expr, run: Run, evaluator: Evaluator) -> bool | None:
    """What a condition always says: by a name that the body, its class or the module sets, and no more; else None.

    ``if debug and installed:`` with ``debug = False``, ``if not FAST:`` where the module says ``FAST = True``, a switch
    of the command line that a fixture asks for. Of comparisons and calls only a no is believed: ``if kind == "csv":``
    with ``kind = "tsv"``.
    """
    if isinstance(test, f.Unary) and test.op == "not":
        inner = constant(test.value, run, evaluator)
        return None if inner is None else not inner
    if isinstance(test, f.BoolOp) and test.op == "and":
        never = any(constant(side, run, evaluator) is False for side in (test.left, test.right))
        return False if never else None
    if isinstance(test, f.Name):
        if test.path in run.off or is_for_type_checkers(test):
            return False
        if not _may_be_asked(test.path.partition(".")[0], test, run):
            return None
    elif not isinstance(test, (f.Compare, f.Call)):
        return None
    value = evaluator.quiet_eval(test, run.frame)
    if value == Literal(True):
        return True if isinstance(test, f.Name) else None
    return False if value == Literal(False) else None


def _may_be_asked(first: str, test: f.Name, run: Run) -> bool:
    """Whether a name stands for one thing all the while: no local one, but what a fixture gives to a test."""
    param = next((param for param in run.function.params if param.name == first), None)
    if first == "self" or param is None:
        return first == "self" or first not in run.function.binds
    return run.depth == 0 and param.default is None and are_settled((test,), run.function)


def asked_by_library(test: f.Expr, state: State) -> frozenset[Obligation]:
    """``ray.is_initialized()``: what the library was told to start is meant, which has no name of its own."""
    if not isinstance(test, f.Call) or not isinstance(test.func, f.Name):
        return frozenset()
    library, _, asking = test.func.path.rpartition(".")
    if not library or not asking.startswith("is_"):
        return frozenset()
    return frozenset(o for o in state.masks if _is_call_of(library, o.site.node))


def _is_call_of(library: str, node: f.Node | None) -> bool:
    if not isinstance(node, f.Call) or not isinstance(node.func, f.Name):
        return False
    return node.func.path.rpartition(".")[0] == library
