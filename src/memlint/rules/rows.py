"""Values that come together: the rows of parametrize, and what a loop takes apart.

Evaluation knows every column of such rows by itself, as a range, and a product of ranges may belong to no row. What a
finding says of a size is therefore asked again of one row after the other before it is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.sites import Frame
from memlint.analysis.suite import Body
from memlint.analysis.values import Literal, Sequence, Value
from memlint.rules.allocations import Allocation, allocation
from memlint.rules.context import Context

_MOST_ROWS = 24  # of one mark; more are left as ranges
_COUNTING = frozenset({"enumerate"})  # one of whose names is a number of rounds


def frames_by_row(body: Body, ctx: Context) -> Iterator[list[Frame]]:
    """For each parametrize mark the evaluations of the test, one for every row."""
    if body.role != "test":
        return
    for names, values, mark in ctx.suite.parametrized(body):
        rows = values.items if isinstance(values, Sequence) else None
        direct = mark.keywords.get("indirect", Literal(False)) == Literal(False)
        if not direct or rows is None or not 1 < len(rows) <= _MOST_ROWS:
            continue
        given = [_named(names, row) for row in rows]
        if all(row is not None for row in given):
            yield [ctx.suite.evaluate_with(body, row) for row in given if row is not None]


def _named(names: tuple[str, ...], row: Value) -> dict[str, Value] | None:
    items = row.items if isinstance(row, Sequence) else None
    if len(names) == 1:
        marked = isinstance(row, Sequence) and row.kind == "param" and bool(row.items)
        return {names[0]: items[0] if marked and items else row}
    return dict(zip(names, items, strict=True)) if items is not None and len(items) == len(names) else None


def as_some_row_has_it(found: Allocation, ctx: Context) -> Allocation | None:
    """The allocation in the row that makes most of it; None when no row makes it large."""
    if ctx.body is None or found.size.low >= found.size.likely or found.site.frame is not ctx.body.frame:
        return found
    for frames in frames_by_row(ctx.body, ctx):
        made = [
            one
            for frame in frames
            for site in frame.sites
            if (site.at, site.name) == (found.site.at, found.site.name)
            if (one := allocation(site, ctx)) is not None
        ]
        heaviest = max(made, key=lambda one: one.size.likely, default=None)
        if heaviest is None:
            return None
        if heaviest.size.likely < found.size.likely:
            found = heaviest
    return found


def is_of_a_loops_rows(function: f.Function | None, line: int) -> bool:
    """Whether a loop around the line takes rows apart: ``for height, width in SHAPES``, or one counts to another's."""
    return function is not None and is_in_a_loops_rows(f.body_of(function), line)


def is_in_a_loops_rows(block: tuple[f.Stmt, ...], line: int) -> bool:
    """The same for a block, which may be that of a module."""
    for statement, enclosing in traverse.statements(block):
        loops = [outer for outer in enclosing if isinstance(outer, f.For)]
        if statement.line == line and (any(map(_takes_rows_apart, loops)) or _depend(loops)):
            return True
    return False


def _depend(loops: list[f.For]) -> bool:
    """``for n in range(2, 6): for k in range(n)``: the largest of both may never come together."""
    counted = [loop.target for loop in loops if isinstance(loop.target, f.Name)]
    return any(node in counted for loop in loops for node in traverse.walk(loop.iter))


def _takes_rows_apart(statement: f.Stmt) -> bool:
    if not isinstance(statement, f.For) or not isinstance(statement.target, f.Seq):
        return False
    source = statement.iter
    called = source.func.path if isinstance(source, f.Call) and isinstance(source.func, f.Name) else ""
    return called.rpartition(".")[2] not in _COUNTING
