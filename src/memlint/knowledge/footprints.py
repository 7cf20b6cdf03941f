"""What importing a library costs: measured peaks of lone imports, and the additive model that joins them.

Footprints overlap: whoever imports scipy.stats has imported numpy. So a module keeps, beside the total of a
lone import, what is its *own*: the total less the own bytes of all measured modules that it brings along. A set of
imports then costs the own bytes of all that it brings, each module once, less what later imports reuse.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from memlint.knowledge.locate import rules_dir
from memlint.knowledge.toml import read_toml

# of what further imports need alone, the share that they need on top of the largest: importing makes garbage, and
# what one import has freed the next uses again (measured over combinations by scripts/measure_footprints.py --check)
TOGETHER = 0.8
# measurements of one and the same import differ by so many bytes from process to process
REPEATABLE = 1_500_000
LEAST_SCALE = 5_000_000  # bytes: errors of smaller totals are weighed as if they were this large
# the fit stops after so many rounds, or when none moves a figure by so many bytes
SWEEPS, PRECISION = 300, 1000.0
# stands for pytest itself: plugins registered, one empty test module rewritten and run
SESSION = "pytest:session"


class Module(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured module. Bytes are resident memory above a bare interpreter."""

    total: int  # of a lone import, at its peak
    own: int  # of that, what none of the measured modules it brings accounts for
    version: str | None = None  # of its distribution; None for the standard library
    brings: tuple[str, ...] = ()  # measured modules it imports, without those that these import in turn


class FirstUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the first ordinary use of a library adds to its import: allocators, registries, modules set up by then."""

    bytes: int  # resident memory, at its peak, above that of the library imported
    version: str | None = None  # of its distribution


class FootprintTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``rules/footprints.toml``, or what was measured in the suite's own environment."""

    python: str
    platform: str
    interpreter: int  # peak bytes of an interpreter that imports nothing
    module: dict[str, Module]
    first_use: dict[str, FirstUse] = {}  # by the module that a library is imported as


@dataclass(frozen=True, slots=True)
class Measured:
    """A lone import: its peak above the bare interpreter, and every measured module found loaded after it."""

    name: str
    bytes: int
    loaded: frozenset[str]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """What was measured in the suite's own environment, beside the table of its modules."""

    python: str  # path of its interpreter
    missing: frozenset[str] = frozenset()  # dotted names that cannot be imported there
    together: tuple[
        tuple[tuple[str, ...], int], ...
    ] = ()  # modules imported in one session: bytes above bare


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a set of imports costs together."""

    bytes: int
    parts: tuple[tuple[str, int], ...]  # module and its own bytes, largest first
    unknown: tuple[str, ...]  # imports of which nothing is known, sorted


class Footprints:
    """Answers what imports cost.

    ``probed`` is None where all figures come from elsewhere; ``holds`` tells of a top-level module whether the
    suite's environment has it, and is None where nobody knows.
    """

    def __init__(
        self,
        table: FootprintTable,
        probed: Probed | None = None,
        holds: Callable[[str], bool] | None = None,
    ) -> None:
        self.table = table
        self.probed = probed
        self.holds = holds
        self._closures: dict[str, frozenset[str]] = {}
        self._together = _levelled(
            {
                frozenset().union(*map(self.closure, names)): size
                for names, size in (probed.together if probed else ())
                if all(name in table.module for name in names)
            }
        )

    @property
    def interpreter(self) -> int:
        """Peak bytes of a bare interpreter."""
        return self.table.interpreter

    def resolve(self, name: str) -> str | None:
        """Return the measured module that stands for ``name``: itself, its nearest package, or None."""
        return None if self.is_missing(name) else _nearest(name, self.table.module)

    def resolve_use(self, name: str) -> str | None:
        """Return the library whose measured first use stands for a use of ``name``, or None."""
        return None if self.is_missing(name) else _nearest(name, self.table.first_use)

    def is_missing(self, name: str) -> bool:
        """Whether the suite's environment was looked at and ``name``, or a package it lies in, is not there."""
        if self.holds is not None and not self.holds(name.partition(".")[0].partition(":")[0]):
            return True
        if self.probed is None:
            return False
        parts = name.split(".")
        return any(".".join(parts[:end]) in self.probed.missing for end in range(1, len(parts) + 1))

    def closure(self, name: str) -> frozenset[str]:
        """Return the measured modules that importing the measured module ``name`` loads, itself included."""
        if name not in self._closures:
            self._closures[name] = reachable(name, self._brought)
        return self._closures[name]

    def _brought(self, name: str) -> Iterable[str]:
        """What a module brings, without what it gets along without in the suite's environment."""
        return (module for module in self.table.module[name].brings if not self.is_missing(module))

    @property
    def knows_environment(self) -> bool:
        """Whether it can be said what is installed where the suite runs."""
        return self.probed is not None or self.holds is not None

    def footprint(self, imports: Iterable[str]) -> Footprint:
        """Return the bytes above a bare interpreter of importing all these dotted names in one process."""
        loaded, unknown, largest = set[str](), set[str](), 0
        for name in set(imports):
            module = self.resolve(name)
            if module is not None:
                loaded |= self.closure(module)
                largest = max(largest, self._own(self.closure(module)))
            elif (
                name.partition(".")[0] not in sys.stdlib_module_names
            ):  # unmeasured there, it costs next to nothing
                unknown.add(name)
        together = self._own(loaded)
        whole = self._together.get(frozenset(loaded), largest + TOGETHER * (together - largest))
        share = whole / together if together else 1.0
        parts = [(module, round(self.table.module[module].own * share)) for module in loaded]
        parts.sort(key=lambda part: (-part[1], part[0]))
        return Footprint(sum(own for _, own in parts), tuple(parts), tuple(sorted(unknown)))

    def _own(self, modules: Iterable[str]) -> int:
        return sum(self.table.module[module].own for module in modules)

    def overlaid(self, measured: FootprintTable, probed: Probed) -> Footprints:
        """Return these footprints with the measured ones in place of all that is known of their packages."""
        own = measured.module
        tops = {name.partition(".")[0] for name in own}
        kept = {
            name: module for name, module in self.table.module.items() if name.partition(".")[0] not in tops
        }
        kept = {
            name: msgspec.structs.replace(
                module, brings=_still_there(module.brings, kept.keys() | own.keys())
            )
            for name, module in kept.items()
        }
        table = msgspec.structs.replace(measured, module={**kept, **own}, first_use=self.table.first_use)
        return Footprints(table, probed)


def _nearest(name: str, known: Collection[str]) -> str | None:
    """A dotted name, or the nearest package of it, that is known."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def _levelled(sizes: Mapping[frozenset[str], int]) -> dict[frozenset[str], int]:
    """The sizes, those equal that differ by no more than chance: no order of files is to be read out of it."""
    out: dict[frozenset[str], int] = {}
    level = 0
    for modules, size in sorted(sizes.items(), key=lambda item: (item[1], sorted(item[0]))):
        if size - level > REPEATABLE:
            level = size
        out[modules] = level
    return out


def additive(measured: Iterable[Measured]) -> dict[str, Module]:
    """Return the modules with own bytes such that the totals of lone imports are sums over what each brings.

    Of modules that load each other the first by name bears the cost. Own bytes are never negative. Where sums cannot
    be exact (two modules together need less than one after the other) they are the best in the least-squares sense.
    """
    runs = {run.name: run for run in measured}
    closures = _closures({name: run.loaded & runs.keys() for name, run in runs.items()})
    own: dict[str, float] = {}
    for name in sorted(runs, key=lambda name: (len(closures[name]), name)):
        own[name] = max(0.0, runs[name].bytes - sum(own.get(module, 0.0) for module in closures[name]))
    own = _fitted(own, closures, {name: run.bytes for name, run in runs.items()})
    return {
        name: Module(runs[name].bytes, round(own[name]), runs[name].version, _brings(name, closures))
        for name in sorted(runs)
    }


def _fitted(
    own: dict[str, float], closures: Mapping[str, frozenset[str]], totals: Mapping[str, int]
) -> dict[str, float]:
    """Own bytes ≥ 0 with the least sum of squared relative errors: coordinate descent from ``own``."""
    own, users = (
        dict(own),
        {name: [user for user in sorted(closures) if name in closures[user]] for name in own},
    )
    weights = {name: max(total, LEAST_SCALE) ** -2.0 for name, total in totals.items()}
    missing = {name: total - sum(own[module] for module in closures[name]) for name, total in totals.items()}
    for _ in range(SWEEPS):
        largest = 0.0
        for name, using in users.items():
            step = sum(weights[user] * missing[user] for user in using) / sum(weights[user] for user in using)
            step = max(step, -own[name])
            own[name] += step
            for user in using:
                missing[user] -= step
            largest = max(largest, abs(step))
        if largest < PRECISION:
            break
    return own


def _closures(loaded: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """What each module loads, and what that loads in turn, itself included."""
    return {name: reachable(name, lambda module: loaded[module]) for name in loaded}


def _brings(name: str, closures: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The fewest modules whose closures make up that of ``name``; of a cycle all members bring the first."""
    cycle = sorted(module for module in closures[name] if closures[module] == closures[name])
    if cycle[0] != name:
        return (cycle[0],)
    kept = set(closures[name].difference(cycle))
    for module in sorted(kept, key=lambda module: (-len(closures[module]), module)):
        if module in kept:
            kept -= closures[module]
            kept.add(module)
    return tuple(sorted(kept.union(cycle[1:])))


def _still_there(brings: Iterable[str], modules: Collection[str]) -> tuple[str, ...]:
    """What a module brings, by the nearest package where a submodule is not told apart any more."""
    out = []
    for name in brings:
        while name not in modules and "." in name:
            name = name.rpartition(".")[0]
        out += [name] if name in modules else []
    return tuple(sorted(set(out)))


def reachable(start: str, following: Callable[[str], Iterable[str]]) -> frozenset[str]:
    """Return ``start`` and all that can be reached from it."""
    seen, waiting = set[str](), [start]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += following(module)
    return frozenset(seen)


def read_footprints(path: Path) -> Footprints:
    """Read a table.

    Raises knowledge.toml.BadToml when it does not fit the format.
    """
    return Footprints(read_toml(path, FootprintTable))


@lru_cache(maxsize=1)
def shipped_footprints() -> Footprints:
    """The footprints of ``rules/footprints.toml``."""
    return read_footprints(rules_dir() / "footprints.toml")


def table_as_toml(table: FootprintTable) -> str:
    """Write the table as TOML, one line a module, in order of names."""
    lines = [
        f"python = {_quoted(table.python)}",
        f"platform = {_quoted(table.platform)}",
        f"interpreter = {table.interpreter}",
        "",
        "[module]",
    ]
    for name, module in sorted(table.module.items()):
        version = f"version = {_quoted(module.version)}, " if module.version else ""
        brings = f", brings = [{', '.join(map(_quoted, module.brings))}]" if module.brings else ""
        lines.append(f"{_quoted(name)} = {{ {version}total = {module.total}, own = {module.own}{brings} }}")
    if table.first_use:
        lines += ["", "[first_use]"]
    for name, use in sorted(table.first_use.items()):
        version = f", version = {_quoted(use.version)}" if use.version else ""
        lines.append(f"{_quoted(name)} = {{ bytes = {use.bytes}{version} }}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
