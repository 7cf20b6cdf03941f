"""Loops: whether they can end, how often they run, and what they rebuild in every round."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from memlint import facts as f
from memlint.analysis.sites import Frame, LoopSite
from memlint.analysis.values import UNKNOWN, Data, Literal, Num, Sequence, Value

_LARGE_TEXT = 100_000_000  # bytes

_LEAVING_CALLS = {"exit", "_exit", "fail", "skip", "skipTest", "abort", "xfail"}
# calls that raise, block or are cancelled when there is nothing more
ENDING_CALLS = {
    "accept",
    "get",
    "get_message",
    "get_nowait",
    "heappop",
    "input",
    "next",
    "pop",
    "popitem",
    "popleft",
    "readexactly",
    "readline",
    "receive",
    "recv",
    "recv_json",
    "recv_multipart",
    "recvfrom",
    "send",
    "throw",
}
_JOINS = {
    "append",
    "cat",
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "insert",
    "row_stack",
    "vstack",
}
_JOINING_LIBRARIES = (
    "numpy.",
    "pandas.",
    "torch.",
    "polars.",
    "tensorflow.",
    "jax.",
    "cupy.",
    "pyarrow.",
    "xarray.",
    "scipy.",
)


def leaves(body: tuple[f.Stmt, ...], inner: bool = False) -> bool:
    """Whether a statement of a loop's body can end the loop; a ``break`` of an inner loop cannot."""
    return any(_leaves(statement, inner) for statement in body)


def _leaves(statement: f.Stmt, inner: bool) -> bool:
    if isinstance(statement, (f.Return, f.Raise)):
        return True
    if isinstance(statement, f.Jump):
        return statement.kind == "break" and not inner
    if isinstance(statement, f.ExprStmt) and isinstance(statement.value, f.Call):
        func = statement.value.func
        return isinstance(func, f.Name) and func.path.rpartition(".")[2] in _LEAVING_CALLS
    if isinstance(statement, (f.FunctionDef, f.ClassDef)):
        return False
    if isinstance(statement, (f.For, f.While)):  # a break in its else belongs to the loop around it
        return leaves(statement.body, True) or leaves(statement.orelse, inner)
    return any(leaves(block, inner) for block in blocks(statement))


def passes_over(body: tuple[f.Stmt, ...], line: int) -> bool:
    """Whether a ``continue`` of a loop's body lets some rounds end before a line: ``except KeyError: continue``."""
    return any(_passes_over(statement, line) for statement in body)


def _passes_over(statement: f.Stmt, line: int) -> bool:
    if isinstance(statement, f.Jump):
        return statement.kind == "continue" and statement.line < line
    if isinstance(statement, (f.FunctionDef, f.ClassDef)):
        return False
    if isinstance(statement, (f.For, f.While)):  # a continue in its else belongs to the loop around it
        return passes_over(statement.orelse, line)
    return any(passes_over(block, line) for block in blocks(statement))


def blocks(statement: f.Stmt) -> Iterator[tuple[f.Stmt, ...]]:
    """The blocks of statements inside a compound statement."""
    for name in ("body", "orelse", "final"):
        block = getattr(statement, name, None)
        if isinstance(block, tuple):
            yield block
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    yield from getattr(statement, "cases", ())


def expressions(node: f.Node) -> Iterator[f.Node]:
    """The node and all nodes in it, without those of nested functions and classes."""
    stack: list[object] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple):
            stack += item
        elif isinstance(item, f.Node):
            yield item
            if not isinstance(item, (f.FunctionDef, f.ClassDef, f.Lambda)):
                stack += [getattr(item, name) for name in item.__struct_fields__]


def calls_in(node: f.Node) -> set[str]:
    """The last names of what is called inside a node."""
    found = (part.func for part in expressions(node) if isinstance(part, f.Call))
    return {
        func.path.rpartition(".")[2] if isinstance(func, f.Name) else getattr(func, "attr", "")
        for func in found
    }


def is_endless(loop: LoopSite) -> bool:
    """Whether nothing ends a loop: no way out of its body, no exception that something around it waits for."""
    return not loop.guarded and not leaves(loop.node.body) and not calls_in(loop.node) & ENDING_CALLS


def rounds(node: f.While, value: Callable[[f.Expr], Value]) -> Num | None:
    """How often ``while len(x) < n`` or ``while i < n`` runs, when what grows takes one step a round."""
    test = node.test
    if not isinstance(test, f.Compare) or len(test.rest) != 1 or test.rest[0][0] not in {"<", "<=", "!="}:
        return None
    limit = value(test.rest[0][1])
    if not isinstance(limit, Num) or limit.high < 1:
        return None
    if isinstance(test.left, f.Call) and isinstance(test.left.func, f.Name) and test.left.func.path == "len":
        grown = value(test.left.args[0].value) if test.left.args else UNKNOWN
        if isinstance(grown, (Literal, Data)) and limit.high < _LARGE_TEXT:
            return None  # bytes and texts: a round adds as much as it happens to get
        return Num(max(limit.low, 0), limit.high)
    if isinstance(test.left, f.Name) and _steps_by_one(node.body, test.left.path):
        return Num(0, limit.high)
    return None


def _steps_by_one(body: tuple[f.Stmt, ...], name: str) -> bool:
    return any(
        isinstance(s, f.AugAssign) and s.op == "+" and isinstance(s.target, f.Name) and s.target.path == name
        and isinstance(s.value, f.Const) and s.value.value == 1
        for s in body
    )  # fmt: skip


def immutable(value: Value) -> str | None:
    """What ``+=`` copies as a whole: a tuple or bytes. CPython extends a str in place when nothing else holds it."""
    if isinstance(value, Sequence) and value.kind == "tuple":
        return "tuple"
    is_bytes = (
        value.is_bytes if isinstance(value, Literal) else isinstance(value, Data) and value.kind == "bytes"
    )
    return "bytes" if is_bytes else None


def joining(name: str, node: f.Expr, frame: Frame) -> tuple[f.Span, str] | None:
    """Place and name of the expression that joins the old value of ``name`` with a further piece."""
    if isinstance(node, f.IfExp):
        return joining(name, node.body, frame) or joining(name, node.orelse, frame)
    if isinstance(node, f.Binary):
        return _added(name, node, frame)
    if not isinstance(node, f.Call) or not isinstance(node.func, f.Name):
        return None
    base, _, last = node.func.path.rpartition(".")
    if last not in _JOINS:
        return None
    site = next((site for site in reversed(frame.sites) if site.node is node), None)
    if site is None or not site.name.startswith(_JOINING_LIBRARIES):
        return None
    if len(node.args) > 1 and all(arg.value == f.Name(name) for arg in node.args):
        return None  # doubled each time: few rounds reach any size
    old = frame.env.get(name, UNKNOWN)
    if base == name or any(_takes(arg.value, name, old, frame) for arg in node.args):
        return node.at, site.name
    return None


def _takes(node: f.Expr, name: str, old: Value, frame: Frame) -> bool:
    if isinstance(node, f.Name):
        if node.path == name:
            return True
        value = frame.env.get(node.path)
        items = value.items if isinstance(value, Sequence) else None
        return old is not UNKNOWN and any(item is old for item in items or ())
    return isinstance(node, f.Seq) and any(
        isinstance(item, f.Name) and item.path == name for item in node.items
    )


def _added(name: str, node: f.Binary, frame: Frame) -> tuple[f.Span, str] | None:
    sides = [side for side in (node.left, node.right) if isinstance(side, f.Name) and side.path == name]
    old = frame.env.get(name, UNKNOWN)
    how = immutable(old) or ("list" if isinstance(old, Sequence) and old.kind == "list" else None)
    return (node.at, how) if node.op == "+" and sides and how is not None else None


def place_of(node: f.Node) -> f.Span | None:
    """The span of the parts of an expression that know theirs."""
    spans = [at for part in expressions(node) if (at := getattr(part, "at", None)) is not None]
    if not spans:
        return None
    first, last = min(spans), max((span[2], span[3]) for span in spans)
    return (first[0], first[1], *last)
