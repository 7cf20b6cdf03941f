"""What a test, a fixture or a module holds at one time: its statements, with the allocations evaluation met.

A name keeps what was bound to it until it is rebound, deleted or its function ends; what an expression does
not hand on lives as long as the expression. So ``x = ones(n)`` in a loop holds two arrays, and with ``del``
between them it holds one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.keeping import kept
from memlint.analysis.loads import estimate_in_memory, is_bounded, is_reduced, load_of
from memlint.analysis.objects import bytes_of
from memlint.analysis.project import Disk, Module
from memlint.analysis.running import never_runs
from memlint.analysis.sites import Frame, Site
from memlint.analysis.sources import Source, source_of
from memlint.analysis.suite import Body, Fixture, Suite
from memlint.analysis.values import ClassValue, Data, FunctionValue, Num, Obj, Value
from memlint.model import ZERO, Estimate

LEAST = 1_000_000  # bytes; what is smaller decides no peak
GRANTABLE = 2**47  # bytes; the address space of a process: a larger request fails at once and holds nothing
_GROWING = frozenset({"append", "add", "extend", "insert", "appendleft", "update", "put", "setdefault"})
_AFTER_ALLOCATING = frozenset(
    {"MemoryError", "Exception", "BaseException"}
)  # other refusals come before the work
_SAME_DATA = frozenset({"T", "values", "data", "real", "flat"})


@dataclass(frozen=True, slots=True)
class Part:
    """One allocation that is alive. ``line`` is where it is made, in the file ``path``."""

    bytes: Estimate
    path: str
    line: int
    text: str


Parts = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Footprint:
    """The allocations alive when a body holds most, and those that it leaves to whoever asked for it.

    ``read`` are the files that it reads whole and that were weighed.
    """

    peak: Parts
    kept: Parts
    read: frozenset[str] = frozenset()


NOTHING = Footprint((), ())


def total(parts: Iterable[Part]) -> Estimate:
    """The bytes of several allocations together."""
    out = ZERO
    for part in parts:
        out += part.bytes
    return out


def _weight(parts: Parts) -> int:
    return sum(part.bytes.likely for part in parts)


def _heavier(a: Parts, b: Parts) -> Parts:
    return a if _weight(a) >= _weight(b) else b


def footprints(suite: Suite) -> Footprints:
    """The footprints of a suite, which rules and ranking share."""
    return suite.shared(Footprints)


class Footprints:
    """Footprints of the suite's bodies, each worked out once."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self._bodies: dict[Body, Footprint] = {}
        self._modules: dict[str, Footprint] = {}
        self._tests: dict[Body, Parts] = {}
        self._providers: dict[tuple[str, int], tuple[Body, ...]] = {}

    def of_module(self, module: Module) -> Footprint:
        """What importing a module allocates; ``kept`` is what its globals and classes hold."""
        known = self._modules.get(module.path)
        if known is None:
            frame = self.suite.evaluator.module_frame(module)
            known = run(frame, module.body, self.suite.project.disk)
            self._modules[module.path] = known
        return known

    def of_body(self, body: Body) -> Footprint:
        """What one body allocates itself, without the fixtures that it is given."""
        known = self._bodies.get(body)
        if known is None:
            known = self._bodies[body] = of_frame(
                self.suite.evaluate(body), body.function, self.suite.project.disk
            )
        return known

    def of_test(self, body: Body) -> Parts:
        """The peak of a test: module globals, live fixtures of every scope, set-up methods, its own body."""
        known = self._tests.get(body)
        if known is None:
            known = self._tests[body] = self.of_test_as(body, self.of_body(body))
        return known

    def of_test_as(self, body: Body, own: Footprint) -> Parts:
        """The same with another footprint of its own body."""
        held = self.of_module(body.module).kept
        peak = held
        for provider in [*(fixture.body for fixture in self.fixtures(body)), *self._setups(body)]:
            part = self.of_body(provider)
            peak = _heavier(peak, held + part.peak)
            held += part.kept
        return _heavier(peak, held + own.peak)

    def read_by(self, body: Body) -> frozenset[str]:
        """The weighed files that a test, its module, its fixtures and set-up methods read whole."""
        providers = [*(fixture.body for fixture in self.fixtures(body)), *self._setups(body), body]
        read = (self.of_body(provider).read for provider in providers)
        return self.of_module(body.module).read.union(*read)

    def fixtures(self, body: Body) -> list[Fixture]:
        """Every fixture that is alive while a test runs, in the order of set-up."""
        alive: dict[Fixture, None] = {}
        for fixture in [*self.suite.autouse(body.module, body.owner), *self.suite.requested(body)]:
            self._set_up(fixture, alive, set())
        return list(alive)

    def _set_up(self, fixture: Fixture, alive: dict[Fixture, None], begun: set[Fixture]) -> None:
        if fixture in alive or fixture in begun:
            return
        begun.add(fixture)
        for needed in self.suite.requested(fixture.body):
            self._set_up(needed, alive, begun)
        alive[fixture] = None

    def _setups(self, body: Body) -> tuple[Body, ...]:
        """The set-up functions of a test's module, and the methods of its class and the bases."""
        key = (body.module.path, id(body.owner.cls) if body.owner is not None else 0)
        known = self._providers.get(key)
        if known is None:
            known = self._providers[key] = tuple(self._find_setups(body))
        return known

    def _find_setups(self, body: Body) -> Iterator[Body]:
        owners = list(self.suite.evaluator.mro(body.owner)) if body.owner is not None else []
        for module in {cls.module.path: cls.module for cls in owners} | {body.module.path: body.module}:
            for other in self.suite.of(self.suite.project.modules[module]).bodies:
                mine = other.owner is None or any(other.owner.cls is cls.cls for cls in owners)
                if other.role == "setup" and mine:
                    yield other


def of_frame(frame: Frame, function: f.Function, disk: Disk) -> Footprint:
    """The footprint of one evaluated call of ``function``."""
    if not any(_matters(site, disk) for site in frame.sites):
        return NOTHING
    return run(frame, f.body_of(function), disk)


def left_behind(suite: Suite, body: Body) -> Parts:
    """What each case of a test leaves in containers that live as long as the session."""
    found = []
    for runs in [body, *(fixture.body for fixture in suite.requested(body) if fixture.scope == "function")]:
        for filling, size in kept(suite, runs):
            estimate = _as_estimate(size)
            if estimate is not None and estimate.likely >= LEAST:
                name = filling.container.key.name
                found.append(Part(estimate, runs.module.path, filling.line, f"kept in {name}"))
    return tuple(found) if found and not never_runs(suite, body) else ()


def _matters(site: Site, disk: Disk) -> bool:
    if site.inner:
        return any(_matters(inner, disk) for inner in site.inner)
    size = _estimate(site.result) if not site.untouched else None
    return (size is not None and size.likely >= LEAST) or _weighed(site, disk) is not None


def run(frame: Frame, block: tuple[f.Stmt, ...], disk: Disk) -> Footprint:
    """The footprint of a block whose evaluation left its sites in ``frame``."""
    if not any(_matters(site, disk) for site in frame.sites):
        return NOTHING
    walked = _Run(frame.sites, {growth.at: growth.count for growth in frame.growths}, disk)
    walked.block(block)
    kept = walked.given if frame.function is not None else walked.live()
    return Footprint(walked.peak, kept, frozenset(_files(frame.sites, disk)))


def _files(sites: Iterable[Site], disk: Disk) -> Iterator[str]:
    """The weighed files that these sites, and those within them, read whole."""
    for site in sites:
        yield from _files(site.inner, disk)
        weighed = _weighed(site, disk)
        if weighed is not None and weighed[0].path is not None:
            yield posixpath.normpath(weighed[0].path)


def _weighed(site: Site, disk: Disk) -> tuple[Source, Estimate] | None:
    """What a site reads whole, and the bytes that this takes; None where it reads nothing, or nobody can weigh it."""
    load = load_of(site)
    if load is None or is_bounded(site, load) or is_reduced(site.receiver):
        return None
    source = source_of(site, load, disk)
    size = estimate_in_memory(load, source)
    return (source, size) if size is not None else None


def _estimate(value: Value) -> Estimate | None:
    size = bytes_of(value)
    return None if size is None else _as_estimate(size)


def _as_estimate(size: Num) -> Estimate | None:
    if not size.high < GRANTABLE:
        return None
    high = int(size.high)
    return Estimate(int(min(max(size.low, 0), high)), high, high)


class _Run:
    """One walk over a block."""

    def __init__(self, sites: Iterable[Site], growths: dict[f.Span, Num | None], disk: Disk) -> None:
        self.disk = disk
        self.sites = {site.at: site for site in sites}
        self.growths = growths
        self.names: dict[str, Parts] = {}
        self.peak: Parts = ()
        self.given: Parts = ()  # by return or yield

    def live(self) -> Parts:
        """What all names hold."""
        return tuple(part for parts in self.names.values() for part in parts)

    def reach(self, parts: Parts) -> None:
        """Something is alive beside what the names hold."""
        if parts:
            self.peak = _heavier(self.peak, self.live() + parts)

    # --- statements ---------------------------------------------------------------------------------------

    def block(self, block: tuple[f.Stmt, ...]) -> bool:
        """Walk statements; whether control never comes out at the end."""
        return any(self.statement(statement) for statement in block)

    def statement(self, node: f.Stmt) -> bool:
        """Walk one statement; whether it ends the function."""
        if isinstance(node, f.Assign):
            self.assign(node)
        elif isinstance(node, f.ExprStmt):
            self.effect(node.value)
        elif isinstance(node, f.AugAssign):
            grown = self.value(node.value)
            if isinstance(node.target, f.Name) and isinstance(node.value, (f.Seq, f.Comp)):
                self.names[node.target.path] = self.names.get(node.target.path, ()) + grown
        elif isinstance(node, f.Return):
            result = self.value(node.value) if node.value is not None else ()
            self.give(result + self.named(node.value))
            return True
        elif isinstance(node, f.Raise):
            return True
        elif isinstance(node, f.Del):
            for target in node.targets:
                if isinstance(target, f.Name):
                    self.names.pop(target.path, None)
        else:
            return self.compound(node)
        return False

    def compound(self, node: f.Stmt) -> bool:
        """Walk an if, a loop, a with, a try, a match; anything else for its expressions."""
        if isinstance(node, f.If):
            self.value(node.test)
            return self.branches([node.body, node.orelse])
        if isinstance(node, f.Match):
            self.value(node.subject)
            return self.branches([*node.cases, ()])
        if isinstance(node, (f.For, f.While)):
            source = self.value(node.iter if isinstance(node, f.For) else node.test)
            self.names["\0loop"] = source
            for _ in range(2):  # the second time round, names still hold what the first has bound
                self.block(node.body)
            self.names.pop("\0loop", None)
            self.block(node.orelse)
            return False
        if isinstance(node, f.With):
            for context, target in node.items:
                entered = self.value(context)
                if isinstance(target, f.Name):
                    self.names[target.path] = entered
            return self.block(node.body)
        if isinstance(node, f.Try):
            ends = self.block(node.body) or self.block(node.orelse)
            caught = (
                self.branches([*(handler.body for handler in node.handlers), ()]) if node.handlers else False
            )
            return self.block(node.final) or (ends and (caught or not node.handlers))
        for expression in traverse.own_expressions(node):
            self.value(expression)
        return False

    def branches(self, blocks: list[tuple[f.Stmt, ...]]) -> bool:
        """Walk alternatives; afterwards each name holds the heaviest of what it may hold."""
        before = dict(self.names)
        after: dict[str, Parts] = {}
        open_end = False
        for block in blocks:
            self.names = dict(before)
            if self.block(block):
                continue
            open_end = True
            for name, parts in self.names.items():
                after[name] = _heavier(after.get(name, ()), parts)
        self.names = after if open_end else before
        return not open_end

    def assign(self, node: f.Assign) -> None:
        """Evaluate, then bind: until then the names hold what they held."""
        if node.value is None:
            return
        result = self.value(node.value)
        for target in node.targets:
            self.bind(target, result)
            result = ()  # a = b = value: one object
        self.peak = _heavier(self.peak, self.live())

    def bind(self, target: f.Expr, parts: Parts) -> None:
        """The target takes over what the expression gave."""
        if isinstance(target, f.Name):
            self.names[target.path] = parts
        elif isinstance(target, f.Seq):
            for item in target.items:
                self.bind(item, parts)
                parts = ()
        elif isinstance(target, f.Star):
            self.bind(target.value, parts)
        elif isinstance(target, f.Subscript) and isinstance(target.base, f.Name) and parts:
            name = target.base.path
            self.names[name] = self.names.get(name, ()) + tuple(
                part for part in parts if part not in self.names.get(name, ())
            )

    def effect(self, node: f.Expr) -> None:
        """An expression statement; a container that takes something in keeps it."""
        call = node.value if isinstance(node, f.Await) else node
        if isinstance(call, f.Call) and isinstance(call.func, f.Name) and call.args:
            name, _, attr = call.func.path.rpartition(".")
            if name and attr in _GROWING:
                taken = tuple(part for arg in call.args for part in self.value(arg.value))
                self.take(name, taken, self.growths.get(call.at))
                return
        self.value(node)

    def take(self, name: str, parts: Parts, count: Num | None) -> None:
        """A container keeps ``count`` things like these."""
        held = self.names.get(name, ())
        times = int(min(count.high, 10**9)) if count is not None else 1
        grown = tuple(Part(part.bytes * times, part.path, part.line, part.text) for part in parts)
        self.names[name] = held + tuple(part for part in grown if part not in held)
        self.peak = _heavier(self.peak, self.live())

    def give(self, parts: Parts) -> None:
        """Hand something to the caller."""
        self.given = _heavier(self.given, parts)

    def named(self, node: f.Expr | None) -> Parts:
        """What the names in a returned expression hold."""
        if node is None or isinstance(node, f.Call):
            return ()
        paths = {part.path for part in traverse.walk(node) if isinstance(part, f.Name)}
        return tuple(part for path in sorted(paths) for part in self.names.get(path, ()))

    # --- expressions --------------------------------------------------------------------------------------

    def value(self, node: f.Expr) -> Parts:
        """The new memory that an expression gives; what was alive on the way counts for the peak."""
        result, peak = self.expression(node)
        self.reach(peak)
        return result

    def expression(self, node: f.Expr) -> tuple[Parts, Parts]:
        """New memory of the result, and what is alive at the worst moment of working it out."""
        if isinstance(node, (f.Name, f.Const, f.Text, f.Lambda, f.Other)):
            return (), ()
        if isinstance(node, f.Yield):
            result, peak = self.expression(node.value) if node.value is not None else ((), ())
            self.give(self.live() + result)
            return (), peak
        held: Parts = ()
        peak = ()
        for child in _operands(node):
            given, reached = self.expression(child)
            peak = _heavier(peak, held + reached)
            held += given
        made, reached, passes = self.made(node)
        peak = _heavier(peak, held + reached)
        if isinstance(node, f.Walrus) and isinstance(node.target, f.Name):
            self.names[node.target.path] = held
            return (), peak
        return made + (held if passes else ()), peak

    def made(self, node: f.Expr) -> tuple[Parts, Parts, bool]:
        """What a node itself makes: result, peak, and whether its operands live on in the result."""
        if isinstance(node, (f.Compare, f.FString, f.Unary)):
            return (), (), False
        if isinstance(node, f.Attr):
            return (), (), node.attr in _SAME_DATA
        if not isinstance(node, (f.Call, f.Binary, f.Comp, f.Subscript)):
            return (), (), True
        site = self.sites.get(node.at)
        if site is None:
            return (), (), isinstance(node, f.Subscript)
        return _made(site, self.disk)


def _operands(node: f.Expr) -> list[f.Expr]:
    if isinstance(node, f.Call):
        inner = [] if isinstance(node.func, f.Name) else [node.func]
        return [*(_receiver(part) for part in inner), *(arg.value for arg in node.args)]
    if isinstance(node, f.Comp):
        return [
            clause.iter for clause in node.clauses
        ]  # the element's own memory is in the comprehension's result
    if isinstance(node, f.Mapping):
        return [item for _, item in node.items]
    fields = (getattr(node, name) for name in node.__struct_fields__)
    out: list[f.Expr] = []
    for value in fields:
        found = value if isinstance(value, tuple) else (value,)
        out += [item for item in found if isinstance(item, f.Node)]  # type: ignore[misc]
    return out


def _receiver(func: f.Expr) -> f.Expr:
    return func.base if isinstance(func, f.Attr) else func


def _refused(site: Site) -> bool:
    """Whether an enclosing ``pytest.raises`` expects the call itself to fail before it allocates; operators do not."""
    if site.raises is None or site.raises in _AFTER_ALLOCATING:
        return False
    return not site.name.startswith(("operator ", "builtins."))


def _made(site: Site, disk: Disk) -> tuple[Parts, Parts, bool]:
    if site.mocked or site.untouched or _refused(site):
        return (), (), False
    if isinstance(site.callee, FunctionValue):
        if not site.inner or not any(_matters(inner, disk) for inner in site.inner):
            return (), (), False
        called = run(site.inner[0].frame, f.body_of(site.callee.function), disk)
        return called.kept, called.peak, False
    if isinstance(site.callee, ClassValue):
        parts = _instance_parts(site)
        return parts, parts, True
    if any(entry.reduces for entry in site.entries):
        return (), (), False
    if site.entries and not any(entry.makes or entry.load for entry in site.entries):
        return (), (), any(entry.returns == "self" or entry.lazy for entry in site.entries)
    if any(entry.lazy for entry in site.entries):
        return (), (), True
    size = _estimate(site.result)
    if size is None:
        weighed = _weighed(site, disk)
        size = weighed[1] if weighed is not None else None
    if size is None or size.likely < LEAST:
        return (), (), False
    part = _part(site, size)
    beside = _temporaries(site, size)
    return (part,), (part, *beside), False


def _temporaries(site: Site, size: Estimate) -> Parts:
    share = site.result.temporaries if isinstance(site.result, Data) else 0.0
    if not share:
        return ()
    scaled = Estimate(int(size.low * share), int(size.likely * share), int(size.high * share))
    return (Part(scaled, site.frame.module.path, site.line, f"temporaries of {_name(site)}"),)


def _instance_parts(site: Site) -> Parts:
    """What an object of the project holds beyond what it was given."""
    if not isinstance(site.result, Obj):
        return ()
    given = site.args.values()
    inner = [value for arg in given for value in (getattr(arg, "items", None) or (arg,))]
    sizes = [
        _estimate(value)
        for value in site.result.attrs.values()
        if isinstance(value, Data) and not any(value is arg for arg in inner)
    ]
    return tuple(_part(site, size) for size in sizes if size is not None and size.likely >= LEAST)


def _part(site: Site, size: Estimate) -> Part:
    return Part(size, site.frame.module.path, site.line, _name(site))


def _name(site: Site) -> str:
    return site.name.removeprefix("builtins.").removeprefix("?.")
