"""MEM201, MEM203 and MEM204 where the size does not show: capacities, grids of drawn arrays, fakes without an end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.iterators import has_every_item
from memlint.analysis.suite import Body, ModuleSuite
from memlint.analysis.values import ClassValue, FunctionValue, Num
from memlint.model import Confidence, Estimate
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule
from memlint.units import format_bytes

_ELEMENT = 8  # bytes of a number; a record is larger
_MOST = 2**33  # a capacity beyond this is a limit, not a request
_BOUNDED = re.compile(r"(?i)cache|lru|queue|limit|pool|bucket|semaphore|channel|throttl|quota")
_GRIDS = frozenset({"meshgrid", "ix_"})
_BOUNDS = frozenset({"max_side", "max_dims", "max_size", "max_length", "max_len", "max_ndim"})
_ANYTHING = ("__getattr__", "__call__")


@rule("MEM201")
def large_capacity(body: Body, ctx: Context) -> Iterator[Draft]:
    """A buffer asked for by its number of elements: ``start_logging(capacity=int(1e8))``."""
    if not traverse.says(body.function, "capacity"):
        return
    frame = ctx.suite.evaluate(body)
    for node, _, _ in traverse.calls(f.body_of(body.function)):
        given = next((arg.value for arg in node.args if arg.keyword == "capacity"), None)
        callee = node.func.path if isinstance(node.func, f.Name) else getattr(node.func, "attr", "")
        if given is None or _BOUNDED.search(callee):
            continue
        if isinstance(ctx.suite.evaluator.quiet_eval(node.func, frame), ClassValue):
            continue  # a class of the project: what its constructor makes is seen there
        count = ctx.suite.evaluator.quiet_eval(given, frame)
        if not isinstance(count, Num) or count.high >= _MOST:
            continue
        size = Estimate(int(count.low), int(count.high * _ELEMENT), int(count.high * _ELEMENT * 8))
        if size.likely < ctx.option("MEM201", "min-bytes"):
            continue
        message = (
            f"{callee.rpartition('.')[2]}() is asked for a capacity of {count.high:,.0f} elements: "
            f"about {format_bytes(size.likely)} at 8 bytes each"
        )
        yield Draft("MEM201", node.at, message, "Record less, or in chunks.", Confidence.MEDIUM, size)


@rule("MEM204")
def grid_of_drawn_arrays(body: Body, ctx: Context) -> Iterator[Draft]:
    """A grid over as many arrays of any side as hypothesis likes to draw: their sizes multiply."""
    if body.role != "test" or not _is_property(body.function):
        return
    block = f.body_of(body.function)
    shown = [*(decorator for decorator, _ in body.function.decorators)]
    given = {node.keyword for part in shown for node in traverse.walk(part) if isinstance(node, f.Arg)}
    given |= {arg.keyword for call, _, _ in traverse.calls(block) for arg in call.args}
    if given & _BOUNDS or ("max_value" in given and not traverse.says(body.function, "arrays")):
        return  # each side, or the numbers of which sides and axes are drawn
    for node, _, _ in traverse.calls(block):
        name = node.func.path.rpartition(".")[2] if isinstance(node.func, f.Name) else ""
        if name in _GRIDS and any(arg.star == "*" for arg in node.args):
            message = f"{name}() of as many drawn arrays as hypothesis likes: the sizes of all are multiplied"
            advice = "Bound what is drawn: fewer arrays, max_dims=1, max_side=5."
            yield Draft("MEM204", node.at, message, advice, Confidence.MEDIUM)


def _is_property(function: f.Function) -> bool:
    calls = (decorator for decorator, _ in function.decorators if isinstance(decorator, f.Call))
    return any(isinstance(c.func, f.Name) and c.func.path.rpartition(".")[2] == "given" for c in calls)


@rule("MEM203")
def fake_without_end(suite: ModuleSuite, ctx: Context) -> Iterator[Draft]:
    """A fake with an item for every index and no ``__iter__``: whoever loops over it never comes to an end."""
    evaluator = ctx.suite.evaluator
    for cls in suite.classes:
        item = evaluator.class_frame(cls).env.get("__getitem__")
        if not isinstance(item, FunctionValue) or evaluator.external_bases(cls) not in {
            (),
            ("builtins.object",),
        }:
            continue
        known = {
            name
            for name in (*_ANYTHING, "__iter__", "__len__", "__contains__", "keys")
            if evaluator.class_member(cls, name, None) is not None
        }
        if known & {"__iter__", "__len__", "__contains__", "keys"}:
            continue
        if not has_every_item(item.function, cls.cls.name):
            continue
        line = item.function.line
        message = f"{cls.cls.name} has an item for every index and no __iter__: a loop over it never ends"
        advice = "Give it `def __iter__(self): return iter(())`, or raise IndexError."
        confidence = Confidence.MEDIUM if known & {*_ANYTHING} else Confidence.LOW
        yield Draft(
            "MEM203", (line, 1, line, 1), message, advice, confidence, symbol=f"{cls.cls.name}.__getitem__"
        )
