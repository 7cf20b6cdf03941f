"""What the condition of a branch says of the names in it: a known number that does not fit is not the one meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from memlint import facts as f
from memlint.analysis.values import Num, Value

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}  # what a comparison is with its sides exchanged
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
