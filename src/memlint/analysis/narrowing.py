"""What the condition of a branch says of the names in it: a known number that does not fit is not the one meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from memlint import facts as f
from memlint.analysis.traverse import statements, walk
from memlint.analysis.values import UNKNOWN, Literal, Num, Ref, Sequence, Value, text_of

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}  # what a comparison is with its sides exchanged
_OLDEST_PYTHON = (3, 10)
_CAN_HOLD: dict[str, Callable[[Num, Num], bool]] = {
    "<": lambda left, right: left.low < right.high,
    "<=": lambda left, right: left.low <= right.high,
    ">": lambda left, right: left.high > right.low,
    ">=": lambda left, right: left.high >= right.low,
}


def contradicted(test: f.Expr, value_of: Callable[[f.Expr], Value]) -> Iterator[str]:
    """Names whose known numbers cannot be what they hold where the condition is true.

    ``limit = 2**28 - 1``, perhaps replaced by what a server says, and then ``if limit < 65_535:``.
    """
    if isinstance(test, f.BoolOp) and test.op == "and":
        yield from contradicted(test.left, value_of)
        yield from contradicted(test.right, value_of)
    if not isinstance(test, f.Compare) or len(test.rest) != 1:
        return
    op, right = test.rest[0]
    sides = [(test.left, op, right), (right, MIRRORED.get(op, op), test.left)]
    for name, relation, other in sides:
        can_hold = _CAN_HOLD.get(relation)
        if can_hold is None or not isinstance(name, f.Name):
            continue
        known, bound = value_of(name), value_of(other)
        if isinstance(known, Num) and isinstance(bound, Num) and not can_hold(known, bound):
            yield name.path


def compare_texts(op: str, left: Value, right: Value) -> Value:
    """``kind == "csv"``, ``"mnist" in name`` and ``kind in ("csv", "tsv")`` of texts that are known."""
    first = _text(left)
    if first is None or op not in {"==", "!=", "in", "not in"}:
        return UNKNOWN
    second = _text(right)
    if second is not None:
        same = first == second if op in {"==", "!="} else first in second
        return Literal(same if op in {"==", "in"} else not same)
    items = right.items if isinstance(right, Sequence) and op in {"in", "not in"} else None
    texts = [_text(item) for item in items or ()]
    if items is None or None in texts:
        return UNKNOWN
    return Literal((first in texts) is (op == "in"))


def compare_numbers(test: f.Compare, left: Value, right: Value, function: f.Function | None) -> Value:
    """``tolerance != 0.0`` of a parameter that this call leaves at its default; UNKNOWN of anything but parameters."""
    op, other = test.rest[0]
    params = {param.name for param in function.params} if function is not None else set()
    named = {node.path for side in (test.left, other) for node in walk(side) if isinstance(node, f.Name)}
    if (
        not (isinstance(left, Num) and left.exact and isinstance(right, Num) and right.exact)
        or not named <= params
    ):
        return UNKNOWN
    if op in {"==", "!="}:
        return Literal((left.low == right.low) is (op == "=="))
    can_hold = _CAN_HOLD.get(op)
    return Literal(can_hold(left, right)) if can_hold is not None else UNKNOWN


def compare_python(op: str, left: Value, right: Value) -> Value:
    """``sys.version_info < (3, 7)``, as every Python that is supported answers it; UNKNOWN where they differ."""
    if left != Ref("sys.version_info"):
        return UNKNOWN
    items = right.items if isinstance(right, Sequence) and right.kind == "tuple" else None
    if not items or not all(isinstance(item, Num) and item.exact for item in items):
        return UNKNOWN
    asked = tuple(int(item.low) for item in items if isinstance(item, Num))
    if asked > _OLDEST_PYTHON or op not in {"<", "<=", ">", ">="}:
        return UNKNOWN
    if asked == _OLDEST_PYTHON and op in {"<=", ">"}:
        return UNKNOWN
    return Literal(op in {">", ">="})


def asks_for_python(test: f.Expr) -> bool:
    """Whether a condition compares the version of Python: what it says holds for the whole run."""
    return isinstance(test, f.Compare) and test.left == f.Name("sys.version_info")


def _text(value: Value) -> str | None:
    return text_of(value) if isinstance(value, Literal) and not value.is_bytes else None


def are_settled(sides: Iterable[f.Expr], function: f.Function | None, *, called: bool = True) -> bool:
    """Whether no name in the sides is bound anew while the function runs: what it is at first it stays.

    A function that is looked at by itself, and not where it is ``called``, may be given anything in place of a default.
    """
    if function is None:
        return False
    names = {node.path for side in sides for node in walk(side) if isinstance(node, f.Name)}
    if not names or any("." in name for name in names):
        return False
    if not called and any(param.default is not None and param.name in names for param in function.params):
        return False
    return not any(name in names for name in _bound_again(function))


def _bound_again(function: f.Function) -> Iterator[str]:
    """The names that a function binds, parameters from their first and others from their second binding on."""
    seen = {param.name for param in function.params}
    for statement, _ in statements(f.body_of(function)):
        targets = (
            *getattr(statement, "targets", ()),
            getattr(statement, "target", None),
            *(target for _, target in getattr(statement, "items", ())),
        )
        for target in targets:
            for node in walk(target) if target is not None else ():
                if isinstance(node, f.Name):
                    if node.path in seen:
                        yield node.path
                    seen.add(node.path)
        if isinstance(statement, f.Declare):
            yield from statement.names
