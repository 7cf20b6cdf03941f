"""MEM203 and MEM205: loops without an end that grow something, and loops that rebuild what they gather."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis.loops import ENDING_CALLS, calls_in, expressions, leaves
from memlint.analysis.sites import Accumulation, LoopSite
from memlint.analysis.traverse import walk
from memlint.model import Confidence
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule

_LEAST_ROUNDS = 100  # fewer copies than this cost nothing
_MANY_ROUNDS = 1000
_MANY = re.compile(
    r"(?i)glob|iterdir|listdir|scandir|walk|read|open|chunk|batch|cursor|fetch|files|rows|lines"
)
# which add a value a round as often as not: a thousand copies of up to as many numbers are some megabytes in all
_ONE_BY_ONE = frozenset({"numpy.append", "numpy.insert"})
_WAITING = {"sleep", "wait"}


@rule("MEM203")
def endless_growth(loop: LoopSite, ctx: Context) -> Iterator[Draft]:
    """A loop without end that fills something and has no way out."""
    if loop.guarded or leaves(loop.node.body):
        return
    growths = [g for g in loop.frame.growths if any(node is loop.node for node in g.loops) and _kept(g.name)]
    if not growths or any(isinstance(node, (f.Await, f.Yield)) for node in expressions(loop.node)):
        return
    calls = calls_in(loop.node)
    if calls & ENDING_CALLS:
        return
    role = ctx.body.role if ctx.body is not None else "module"
    confidence = None if role in {"test", "fixture", "setup"} else Confidence.MEDIUM
    if calls & _WAITING:
        confidence = Confidence.LOW
    first = growths[0]
    message = f"'{first.name}' grows in a loop that nothing ends: no break, return or check of its size"
    yield Draft("MEM203", first.at, message, "Give the loop an end.", confidence)


def _kept(name: str) -> bool:
    return name != "_"


def _may_be_long(loop: f.Node) -> bool:
    """Whether a loop of unknown length goes over files or rows, or up to a large number."""
    if isinstance(loop, f.While):
        numbers = (node.value for node in walk(loop.test) if isinstance(node, f.Const))
        return any(isinstance(number, int) and number >= _LEAST_ROUNDS for number in numbers)
    if not isinstance(loop, f.For):
        return False
    words = (getattr(node, "path", "") or getattr(node, "attr", "") for node in walk(loop.iter))
    return any(_MANY.search(word) for word in words)


@rule("MEM205")
def rebuilt_in_loop(found: Accumulation, ctx: Context) -> Iterator[Draft]:
    """What a loop gathers is copied whole for every further piece."""
    count = found.count
    if count is not None and count.high < _LEAST_ROUNDS:
        return
    plain = found.how in {"tuple", "bytes", "list"}
    confidence = None
    if plain and (count is None or count.high <= _MANY_ROUNDS):
        confidence = Confidence.LOW
    if found.how in _ONE_BY_ONE and count is not None and count.high <= _MANY_ROUNDS:
        confidence = Confidence.LOW
    if (count is None or count.high == float("inf")) and not any(map(_may_be_long, found.loops)):
        confidence = Confidence.LOW
    many = (
        f"{count.high:,.0f} rounds copy"
        if count is not None and count.high != float("inf")
        else "every round copies"
    )
    how = f"{found.how} +" if plain else found.how
    message = f"{how} in a loop: {many} all that '{found.name}' holds"
    advice = (
        "Use a list or bytearray, and convert once."
        if plain
        else "Gather the pieces in a list and join once."
    )
    yield Draft("MEM205", found.at, message, advice, confidence)
