"""Data kept longer than a test: by wide fixtures, by classes, and by the import of test code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.flow import names_returned
from memlint.analysis.loads import is_bounded, load_of
from memlint.analysis.sites import Frame, Site
from memlint.analysis.sources import source_of
from memlint.analysis.suite import SETUP, Body, Fixture, ModuleSuite
from memlint.analysis.values import Data, FunctionValue, Obj, Sequence, Value
from memlint.model import ZERO, Confidence, Estimate, Related
from memlint.rules.context import Context, Draft, estimate_of
from memlint.rules.devices import is_on_accelerator
from memlint.rules.load import is_bare
from memlint.rules.registry import rule
from memlint.rules.rows import is_in_a_loops_rows
from memlint.units import format_bytes

_MAX_VALUES = 2_000  # values looked at inside one container
_WORTH_ADDING = 1_000_000  # bytes; what is smaller does not count among what a fixture keeps
_BRIEF = frozenset({"class", "module"})  # scopes that end long before the session does
_OF_CLASS = ("request.cls.", "cls.")  # what pytest keeps to the session's end, whatever the scope
_NARROW = "Keep a path or a loader on the wide scope, and make the data in the tests that use it."
_PLACES = {
    "module": "at module level",
    "class": "in a class body",
    "default": "in a default argument",
    "decorator": "in a decorator argument",
}


@rule("MEM302")
def wide_fixture_holds_data(fixture: Fixture, ctx: Context) -> Iterator[Draft]:
    """A wide or autouse fixture keeps loaded or large data until its scope ends."""
    if not fixture.wide and not fixture.autouse:
        return
    frame = ctx.suite.evaluate(fixture.body)
    scope = f"{fixture.scope}-scoped" if fixture.wide else "autouse"
    keeps = f"the {scope} fixture '{fixture.name}' keeps"
    until = f"to the end of the {fixture.scope}" if fixture.wide else "through every test in reach"
    where = (Related(ctx.module.path, fixture.body.function.line, f"fixture '{fixture.name}'"),)
    held = list(_large_sites(frame, _given(fixture, frame), _WORTH_ADDING))
    size = sum((size for _, size in held), start=ZERO)
    if size.likely >= ctx.option("MEM302", "min-bytes"):
        largest = max(held, key=lambda one: one[1].likely)[0]
        others = tuple(
            Related(ctx.module.path, site.line, f"{format_bytes(one.likely)} of it")
            for site, one in held
            if site is not largest
        )
        brief = fixture.scope in _BRIEF and not any(name.startswith(_OF_CLASS) for name in frame.env)
        passing = brief and size.likely < ctx.option("MEM302", "min-bytes-of-module")
        message = f"{keeps} {format_bytes(size.likely)} {until}"
        confidence = Confidence.LOW if passing else None
        yield Draft("MEM302", largest.at, message, _NARROW, confidence, size, where + others)
    for site, text, near in _unweighed_loads(frame, _given(fixture, frame), ctx):
        yield Draft(
            "MEM302",
            site.at,
            f"{keeps} {text}, of unknown size, {until}",
            _NARROW,
            Confidence.LOW
            if fixture.scope in _BRIEF or near
            else Confidence.MEDIUM,  # soon gone, or made on the way, and most often small
            None,
            where,
        )


def _given(fixture: Fixture, frame: Frame) -> list[Value]:
    """What outlives the body: its value, attributes of the class, globals, and the locals of a suspended generator."""
    out = [*frame.yields, *frame.returns]
    for name, value in frame.env.items():
        if name.startswith(("request.cls.", "cls.", "self.")) or name in frame.globals or frame.yields:
            out.append(value)
    given = {param.name for param in fixture.body.function.params}
    return [value for value in out if not any(value is frame.env.get(name) for name in given)]


def _unweighed_loads(frame: Frame, kept: list[Value], ctx: Context) -> Iterator[tuple[Site, str, bool]]:
    """Loads of files that nobody can weigh, what they read, and whether by a bare name, beside the tests."""
    held = _reachable(kept)
    for site in frame.sites:
        load = load_of(site)
        if (
            load is None
            or load.what not in {"table", "array"}
            or is_bounded(site, load)
            or id(site.result) not in held
        ):
            continue
        source = source_of(site, load, ctx.project.disk)
        if source.known == "unknown" and source.bytes is None:
            yield site, f"what {site.name.rpartition('.')[2]} reads from {source.text}", is_bare(source)


@rule("MEM303")
def set_up_keeps_data(body: Body, ctx: Context) -> Iterator[Draft]:
    """Large data on a class, or on the instance of a plain pytest class: pytest keeps both to the session's end."""
    if body.role != "setup" or body.owner is None:
        return
    of_class = SETUP.get(body.function.name) == "class"
    if (not of_class and ctx.suite.is_unittest(body.owner)) or not ctx.suite.is_test_class(body.owner):
        return
    first = "cls" if of_class else "self"
    frame = ctx.suite.evaluate(body)
    let_go = ctx.lifetimes.teardowns.let_go(body)
    kept = {
        name: value
        for name, value in frame.env.items()
        if name.startswith(f"{first}.") and name.partition(".")[2] not in let_go
    }
    for site, size in _large_sites(frame, list(kept.values()), ctx.option("MEM303", "min-bytes")):
        holder = "class" if of_class else "instance"
        message = (
            f"{body.function.name} keeps {format_bytes(size.likely)} on the {holder}, "
            "and pytest keeps that to the end of the session"
        )
        yield Draft(
            "MEM303",
            site.at,
            message,
            "Delete it in the teardown, or make it in a fixture.",
            Confidence.MEDIUM,
            size,
        )


@rule("MEM304")
def large_at_import(suite: ModuleSuite, ctx: Context) -> Iterator[Draft]:
    """Something large that is built when pytest imports the module, and stays."""
    frame = ctx.suite.evaluator.module_frame(suite.module)
    limit = ctx.option("MEM304", "min-bytes")
    lasting = [*frame.env.values()]
    for cls in suite.classes:
        lasting += ctx.suite.evaluator.class_frame(cls).env.values()
    held = _reachable(lasting)
    found: list[tuple[Site, Estimate]] = []
    for site in frame.sites:
        if site.mocked or site.raises or not ctx.at_collection(site):
            continue
        if site.where in {"module", "class"} and id(site.result) not in held:
            continue
        size = _size(site.result)
        if size is not None and size.likely >= limit and load_of(site) is None:
            found.append((site, size))
    built: set[int] = set()  # by functions that keep their result: once
    for site, size in _outermost(found):
        if isinstance(site.callee, FunctionValue) and _keeps_its_result(site.callee.function):
            if id(site.callee.function) in built:
                continue
            built.add(id(site.callee.function))
        message = (
            f"{format_bytes(size.likely)} built {_PLACES[site.where]}: every run and every worker pays for it at "
            "collection, and it stays to the end of the session"
        )
        ranges = size.low < size.likely and is_in_a_loops_rows(suite.module.body, site.statement)
        vague = ranges or is_on_accelerator(site, ctx) or _is_given_on(site, frame)
        confidence = Confidence.LOW if vague else None
        yield Draft(
            "MEM304",
            site.at,
            message,
            "Build it in a fixture, or in the test that uses it.",
            confidence,
            size,
        )


def _keeps_its_result(function: f.Function) -> bool:
    """``global DATA``, ``if DATA is None: DATA = …``, ``return DATA``: further calls build nothing."""
    tests = (statement.test for statement in f.body_of(function) if isinstance(statement, f.If))
    asked = {node.path for test in tests for node in traverse.walk(test) if isinstance(node, f.Name)}
    return traverse.says(function, "global") and not asked.isdisjoint(names_returned(function))


def _is_given_on(site: Site, frame: Frame) -> bool:
    """``masked(values * 3)`` in a decorator: what the project's function gives back stays, and not what it is given."""
    return site.where in {"decorator", "default"} and any(
        isinstance(other.callee, FunctionValue) and other is not site and _encloses(other.at, site.at)
        for other in frame.sites
    )


# --- what is kept -----------------------------------------------------------------------------------------------------


def _large_sites(frame: Frame, kept: list[Value], limit: int) -> Iterator[tuple[Site, Estimate]]:
    """The expressions of a body that made something large which is kept."""
    held = _reachable(kept)
    found = []
    for site in frame.sites:
        if site.mocked or site.raises or id(site.result) not in held:
            continue
        size = _size(site.result)
        if size is not None and size.likely >= limit:
            found.append((site, size))
    yield from _outermost(found)


def _outermost(found: list[tuple[Site, Estimate]]) -> Iterator[tuple[Site, Estimate]]:
    """Those that lie in no other of them, and one where several expressions have the same value."""
    seen: set[int] = set()
    for site, size in found:
        inside = any(other is not site and _encloses(other.at, site.at) for other, _ in found)
        if not inside and id(site.result) not in seen:
            seen.add(id(site.result))
            yield site, size


def _encloses(outer: f.Span, inner: f.Span) -> bool:
    return outer != inner and outer[:2] <= inner[:2] and outer[2:] >= inner[2:]


def _size(value: Value) -> Estimate | None:
    """Bytes of a value; of an object of which not all is known, those of the data in it."""
    size = estimate_of(value)
    if size is not None or not isinstance(value, (Obj, Sequence)):
        return size
    parts = [estimate_of(part) for part in _inside([value]) if isinstance(part, Data)]
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return Estimate(sum(p.low for p in known), sum(p.likely for p in known), sum(p.high for p in known))


def _reachable(values: Iterable[Value]) -> frozenset[int]:
    """Identities of the values and of all that they hold."""
    return frozenset(id(value) for value in _inside(values))


def _inside(values: Iterable[Value]) -> list[Value]:
    seen: dict[int, Value] = {}
    stack = list(values)
    while stack and len(seen) < _MAX_VALUES:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, Sequence):
            stack += value.items or (value.element,)
        elif isinstance(value, Obj):
            stack += value.attrs.values()
    return list(seen.values())
