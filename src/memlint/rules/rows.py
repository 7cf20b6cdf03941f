"""Values that come together: the rows of parametrize, and what a loop takes apart.

Evaluation knows every column of such rows by itself, as a range, and a product of ranges may belong to no row. What a
finding says of a size is therefore asked again of one row after the other before it is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.objects import bytes_of
from memlint.analysis.sites import Frame, Growth, Site
from memlint.analysis.suite import Body
from memlint.analysis.values import UNKNOWN, Literal, Sequence, Value
from memlint.model import Estimate
from memlint.rules.allocations import Allocation, allocation
from memlint.rules.context import Context, estimate_of

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
    if found.size.low >= found.size.likely:
        return found
    for sites in _in_rows(found.site, ctx):
        made = [one for site in sites if (one := allocation(site, ctx)) is not None]
        heaviest = max(made, key=lambda one: one.size.likely, default=None)
        if heaviest is None:
            return None
        if heaviest.size.likely < found.size.likely:
            found = heaviest
    return found


def made_in_some_row(site: Site, made: Sequence, ctx: Context) -> Sequence:
    """The objects that a site makes in the row that makes most of them."""
    for sites in _in_rows(site, ctx):
        weighed = [
            (size.likely, one.result)
            for one in sites
            if isinstance(one.result, Sequence) and (size := estimate_of(one.result)) is not None
        ]
        heaviest = max(weighed, key=lambda pair: pair[0], default=None)
        size = estimate_of(made)
        if heaviest is not None and size is not None and heaviest[0] < size.likely:
            made = heaviest[1]
    return made


def filled_in_some_row(growth: Growth, ctx: Context) -> Growth:
    """What a loop of the test at hand gathers in the row in which it gathers most."""
    if ctx.body is None or growth.frame is not ctx.body.frame:
        return growth
    for frames in frames_by_row(ctx.body, ctx):
        same = [
            one for frame in frames for one in frame.growths if (one.at, one.name) == (growth.at, growth.name)
        ]
        weighed = [(size.likely, one) for one in same if (size := size_of(one)) is not None]
        heaviest = max(weighed, key=lambda pair: pair[0], default=None)
        size = size_of(growth)
        if heaviest is not None and size is not None and heaviest[0] < size.likely:
            growth = heaviest[1]
    return growth


def size_of(growth: Growth) -> Estimate | None:
    """The bytes of all that a loop gathers; None where nobody knows them."""
    if growth.element is UNKNOWN or bytes_of(growth.element) is None or growth.count is None:
        return None
    return estimate_of(Sequence("list", None, growth.count, growth.element))


def _in_rows(site: Site, ctx: Context) -> Iterator[list[Site]]:
    """For each parametrize mark what a site of the test at hand is in its rows."""
    if ctx.body is None or site.frame is not ctx.body.frame:
        return
    for frames in frames_by_row(ctx.body, ctx):
        yield [one for frame in frames for one in frame.sites if (one.at, one.name) == (site.at, site.name)]


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
