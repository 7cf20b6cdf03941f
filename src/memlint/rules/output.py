"""MEM606: output in bulk, which pytest keeps with the report of a passing test."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import Body
from memlint.analysis.values import INFINITE, ONE, Data, Literal, Num, Sequence, Value
from memlint.model import Estimate
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule
from memlint.units import format_bytes

_DROPPED = frozenset({"debug", "info", "log"})  # below the level that pytest leaves the root logger at
_CAPTURING = (
    "redirect_stdout",
    "redirect_stderr",
    "disabled",
    "capture",
    "stdout",
    "stderr",
    "quiet",
    "silence",
    "suppress",
)
_READ_BACK = frozenset({"readouterr", "capsys", "capfd", "capsysbinary", "capfdbinary"})
_LEVELLED = frozenset({"at_level", "set_level", "setLevel", "disable"})  # of a logger or of caplog
_SUMMARY = 1000  # characters; numpy and pandas print a summary of what is larger


@rule("MEM606")
def captured_output(body: Body, ctx: Context) -> Iterator[Draft]:
    """A statement whose output in one test, in all iterations, is bulk."""
    if body.role not in {"test", "fixture", "setup"} or body.within is not None:
        return
    words = {*traverse.words(body.function), *(param.name for param in body.function.params)}
    if words & _READ_BACK:
        return
    limit = ctx.option("MEM606", "min-bytes")
    seen: set[tuple[str, f.Span]] = set()
    for site, size, outer in _outputs(ctx.suite.evaluate(body).sites, ONE, None):
        if size < limit or size == INFINITE:  # how often an endless loop is run is unknown
            continue
        if _elsewhere(body, outer or site):
            continue
        if site.name.startswith("logging.") and words & _LEVELLED:
            continue  # the records may be dropped
        inner_here = site.frame.module is ctx.module
        at = site.at if outer is None or inner_here else outer.at
        if (site.name, at) in seen:
            continue
        seen.add((site.name, at))
        yield Draft(
            "MEM606",
            at,
            f"'{body.function.name}' writes about {format_bytes(size)} here, "
            "and pytest keeps what a passing test writes to the end of the session",
            "Write it to a file, print a summary, or take it out with capsys.readouterr().",
            estimate=Estimate(int(size), int(size), int(size)),
        )


def _outputs(
    sites: list[Site] | tuple[Site, ...], times: Num, outer: Site | None
) -> Iterator[tuple[Site, float, Site | None]]:
    """Every writing site with its bytes in one test, and the call in the test through which it is reached."""
    for site in sites:
        if site.repeats is None or site.mocked or site.raises:
            continue
        repeats = times * site.repeats
        if site.inner:
            yield from _outputs(site.inner, repeats, outer or site)
        elif any(entry.retains == "output" for entry in site.entries) and not _conditional(site):
            yield site, repeats.scaled(_written(site)).low, outer


def _written(site: Site) -> float:
    """The least that one call writes, in bytes."""
    last = site.name.rpartition(".")[2]
    if site.name.startswith("logging."):
        message, given = site.args.get("msg", Value()), site.args.get("*")
        filled_in = given.items or () if isinstance(given, Sequence) else ()
        return 0 if last in _DROPPED else _text(message) + sum(_text(item) for item in filled_in)
    if "file" in site.args or "stream" in site.args:
        return 0
    given = site.args.get("*")
    items = given.items if isinstance(given, Sequence) and given.items is not None else ()
    return sum(_text(item) for item in items) + (1 if last == "print" else 0)


def _text(value: Value) -> float:
    """The least number of characters that a value is written with."""
    if isinstance(value, Literal):
        return value.length if isinstance(value.value, str) else 4
    if isinstance(value, Data):
        if value.kind in {"str", "bytes", "list"} and value.bytes is not None:
            return value.bytes.low
        return min(_SUMMARY, value.bytes.low) if value.bytes is not None else 0
    if isinstance(value, Sequence):
        if value.items is not None:
            return sum(_text(item) + 2 for item in value.items)
        return value.length.low * (_text(value.element) + 2) if value.length is not None else 0
    return 1 if isinstance(value, Num) else 0


def _conditional(site: Site) -> bool:
    """Whether a branch inside the innermost function decides if it is run."""
    held = _enclosing(site)
    if held is None:
        return False
    loops = [number for number, statement in enumerate(held) if isinstance(statement, (f.For, f.While))]
    branches = [n for n, statement in enumerate(held) if isinstance(statement, (f.If, f.Match, f.Try))]
    first_loop = min(loops, default=len(held))
    leaves = any(_leaves(held[number]) for number in loops)
    return leaves or any(number > first_loop for number in branches)


def _leaves(loop: f.Stmt) -> bool:
    """Whether an iteration may be cut short or be the last."""
    for statement, _ in traverse.statements(next(iter(traverse.blocks(loop)), ())):
        if isinstance(statement, f.Return) or (isinstance(statement, f.Jump) and statement.kind != "pass"):
            return True
    return False


def _enclosing(site: Site) -> traverse.Enclosing | None:
    """The statements that hold a site in its function."""
    function = site.frame.function
    if function is None:
        return None
    for call, _, enclosing in traverse.calls(f.body_of(function)):
        if call.at == site.at:
            return enclosing
    return None


def _elsewhere(body: Body, site: Site) -> bool:
    """Whether the output goes to something of the test's own: a redirection, a replaced stream."""
    frame: Frame = site.frame
    if any("stdout" in name or "stderr" in name for name in frame.mocked):
        return True
    for statement in _enclosing(site) or ():
        if isinstance(statement, f.With):
            for context, _ in statement.items:
                paths = [node.path for node in traverse.walk(context) if isinstance(node, f.Name)]
                if any(word in path.lower() for path in paths for word in _CAPTURING):
                    return True
    for statement, _ in traverse.statements(f.body_of(body.function)):
        if isinstance(statement, f.Assign):
            for target in statement.targets:
                if isinstance(target, f.Name) and target.path in {"sys.stdout", "sys.stderr"}:
                    return True
    return False
