"""What a journal knows of one claim: for each quantity, the bytes that were seen and those that could have been.

``seen`` is a lower bound of the quantity and ``possible`` an upper one: a test that uses pages again which an
earlier test freed rises less than it holds. Between the two a claim can be neither confirmed nor contradicted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from memlint.crosscheck.join import base_of, children_of, rise_of
from memlint.knowledge.footprints import shipped_footprints
from memlint.model import MeasuredTest, MeasuredUnit, Quantity, Reason, Suspect
from memlint.runner.units import file_of
from memlint.runner.verdicts import EARLY


@dataclass(frozen=True, slots=True)
class Evidence:
    """Bytes of one quantity in one run."""

    seen: int
    possible: int
    where: str  # a node id, or a file
    doubt: str = ""  # why the two differ


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding can show: one run of a unit, the tests that reach it, and what its file's imports cost."""

    unit: MeasuredUnit
    file: str
    tests: tuple[MeasuredTest, ...]  # that can show it, skipped ones left out
    imports: int | None  # predicted, before the first test; None when the file was not ranked
    named: bool  # whether ``tests`` are those of the one test that the finding lies in


def imports_of(suspect: Suspect | None) -> int | None:
    """Return what a file's imports are predicted to cost between the start of pytest's session and its first test."""
    return None if suspect is None else imports_before_tests(suspect.reasons)


def imports_before_tests(reasons: Sequence[Reason]) -> int:
    """Return the bytes of the terms that are paid between the start of pytest's session and the first test."""
    paid = sum(reason.bytes for reason in reasons if reason.kind == "imports" and not reason.line)
    return max(0, paid - _session_bytes())


@lru_cache(maxsize=1)
def _session_bytes() -> int:
    """What pytest itself imports, which predictions count with the file's imports."""
    return shipped_footprints().footprint(["pytest:session"]).bytes


def _test_peak(place: Place) -> Iterator[Evidence]:
    """By how much tests rose; at most the distance to the lowest that the process had been."""
    lowest = min((t.before_bytes for t in place.unit.tests if t.before_bytes is not None), default=None)
    for test in place.tests:
        if test.peak_bytes is None:
            yield from _cut_off(place.unit, test)
        elif lowest is not None:
            own = test.peak_bytes - children_of(test)
            doubt = "it could use again what earlier tests had freed"
            yield Evidence(rise_of(test), max(0, own - lowest), test.nodeid, doubt)


def _cut_off(unit: MeasuredUnit, test: MeasuredTest) -> Iterator[Evidence]:
    """The test in which the unit died: it may have needed any amount more."""
    if unit.verdict not in EARLY or unit.peak_bytes is None or unit.victim != test.nodeid:
        return
    before = [t.after_bytes for t in unit.tests if t.after_bytes is not None]
    start = before[-1] if before else unit.baseline_bytes or 0
    yield Evidence(
        max(0, unit.peak_bytes - start), 2**62, test.nodeid, f"its run ended early: {unit.verdict}"
    )


def _whole_peak(place: Place) -> Iterator[Evidence]:
    """All that was held while a test ran; of a test alone in its process, the whole process."""
    for test in place.tests:
        alone = place.unit.members == (test.nodeid,) or place.unit.victim == test.nodeid
        peak = max(test.peak_bytes or 0, (place.unit.peak_bytes or 0) if alone else 0)
        ended_early = test.peak_bytes is None
        if peak:
            yield Evidence(peak, 2**62 if ended_early else peak, test.nodeid, "its run ended early")


def _collection(place: Place) -> Iterator[Evidence]:
    """What the process had grown by before its first test; imports are taken off by their prediction."""
    held = place.unit.collected_bytes
    if held is None:
        return
    if place.imports is None:
        yield Evidence(0, held, place.file, "what its imports cost is not predicted")
    else:
        yield Evidence(max(0, held - place.imports), held, place.file, "its imports may have taken it")


def _base_step(place: Place) -> Iterator[Evidence]:
    """What stayed behind a test that later tests started from; the last test can show none."""
    last = place.unit.tests[-1] if place.unit.tests else None
    for test in place.tests:
        if test.before_bytes is None or test.after_bytes is None:
            continue
        step, rise = max(0, test.after_bytes - test.before_bytes), rise_of(test)
        possible = max(step, rise) if test is last else step
        yield Evidence(step, possible, test.nodeid, "no test came after it")


def _retained(place: Place) -> Iterator[Evidence]:
    """What the process kept from its first test to its end, after a garbage collection and a trim of the heap."""
    unit = place.unit
    if unit.retained_bytes is None or unit.collected_bytes is None:
        return
    kept = max(0, unit.retained_bytes - unit.collected_bytes)
    if not place.named:
        yield Evidence(kept, kept, place.file)
        return
    own = sum(max(0, (t.after_bytes or 0) - (t.before_bytes or 0)) for t in place.tests)
    free = max((_free_before(unit, test) for test in place.tests), default=0)
    yield Evidence(
        min(kept, own), min(kept, own + free), place.file, "it could use again what others had freed"
    )


def _free_before(unit: MeasuredUnit, test: MeasuredTest) -> int:
    """What earlier tests may have left free in the process when ``test`` began."""
    highest = 0
    for other in unit.tests:
        if other is test:
            break
        highest = max(highest, other.peak_bytes or 0)
    return max(0, highest - (test.before_bytes or 0)) if highest else 0


def _children(place: Place) -> Iterator[Evidence]:
    for test in place.tests:
        if test.peak_bytes is not None:
            yield Evidence(children_of(test), children_of(test), test.nodeid)
        else:
            yield from _cut_off(place.unit, test)


_READERS: dict[Quantity, Callable[[Place], Iterator[Evidence]]] = {
    Quantity.TEST_PEAK: _test_peak,
    Quantity.WHOLE_PEAK: _whole_peak,
    Quantity.COLLECTION: _collection,
    Quantity.BASE_STEP: _base_step,
    Quantity.RETAINED: _retained,
    Quantity.CHILDREN: _children,
}


def evidence(quantity: Quantity, places: Sequence[Place]) -> Evidence | None:
    """Return the most that a run shows of a quantity; of several runs the middle one. None where none tells."""
    read = _READERS[quantity]
    runs: dict[str, list[Evidence]] = {}
    for place in places:
        found = list(read(place))
        if found:
            possible = max(item.possible for item in found)
            most = replace(max(found, key=_most), possible=possible)
            runs.setdefault(place.unit.name, []).append(most)
    middles = [sorted(of_unit, key=_most)[len(of_unit) // 2] for of_unit in runs.values()]
    return max(middles, key=_most, default=None)


def _most(item: Evidence) -> tuple[int, int]:
    return (item.seen, item.possible)


class Places:
    """Where findings can show, looked up by file. ``imports`` tells what a file's imports cost, in bytes."""

    def __init__(self, units: Iterable[MeasuredUnit], imports: Callable[[str], int | None]) -> None:
        self._imports = imports
        self._of_file: dict[str, dict[int, _Run]] = defaultdict(dict)
        for number, unit in enumerate(units):
            run = _run(unit)
            for file in run.files:
                self._of_file[file][number] = run

    def of(self, file: str, nodeid: str | None) -> list[Place]:
        """Return where a finding in ``file`` can show: in its own tests, or below a conftest in all of them."""
        folder, _, name = file.rpartition("/")
        if name != "conftest.py":
            return [self._place(run, [file], nodeid) for run in self._of_file.get(file, {}).values()]
        runs: dict[int, _Run] = {}
        for inside, found in self._of_file.items():
            if _below(folder, inside):
                runs.update(found)
        return [
            self._place(run, [inside for inside in run.files if _below(folder, inside)], nodeid)
            for _, run in sorted(runs.items())
        ]

    def _place(self, run: _Run, reached: Sequence[str], nodeid: str | None) -> Place:
        tests = (
            run.named.get(nodeid, ()) if nodeid else chain(*(run.inside.get(file, ()) for file in reached))
        )
        cost = self._imports(reached[0]) if len(run.files) == 1 else None
        return Place(run.unit, reached[0], tuple(tests), cost, nodeid is not None)


@dataclass(frozen=True, slots=True)
class _Run:
    """One unit, its files, and the tests that were not skipped, by file and by node id without parameters."""

    unit: MeasuredUnit
    files: tuple[str, ...]
    inside: Mapping[str, Sequence[MeasuredTest]]
    named: Mapping[str, Sequence[MeasuredTest]]


def _run(unit: MeasuredUnit) -> _Run:
    inside: dict[str, list[MeasuredTest]] = defaultdict(list)
    named: dict[str, list[MeasuredTest]] = defaultdict(list)
    for test in unit.tests:
        if test.outcome != "skipped":
            inside[file_of(test.nodeid)].append(test)
            named[base_of(test.nodeid)].append(test)
    files = tuple(dict.fromkeys(file_of(member) for member in unit.members or (unit.name,)))
    return _Run(unit, files, inside, named)


def _below(folder: str, file: str) -> bool:
    return not folder or file.startswith(f"{folder}/")
