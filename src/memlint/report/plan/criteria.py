"""The boxes of a plan: which there are, how they read, and whether a journal fills them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from memlint.model import (
    Cause,
    CauseKind,
    Criterion,
    CriterionKind,
    MeasuredTest,
    MeasuredUnit,
    Measurement,
    Observation,
    State,
)
from memlint.report.rows import files_of, peak_of_case, slope
from memlint.report.summary import plural
from memlint.report.verdict_words import BY_FORCE, FINE, OF_MEMORY, verdict_words, worst
from memlint.units import format_bytes

MIB = 1 << 20
_UNITS_WITH_BOXES = 12
_LEAST_KEPT = 8 * MIB  # what CPython's own caches keep as well
_LEAST_GROWTH = MIB // 4  # a test; less is noise
_SHARE_LEFT = 0.1  # of what is kept or grows now
_TIME_FACTOR = 1.5
_TIME_GRACE = 30.0  # seconds
_CUT_OFF = OF_MEMORY | BY_FORCE | {"interrupted", "unfinished"}  # a peak read there is a lower bound
_KEEPS = frozenset({CauseKind.LEAKERS, CauseKind.UNIFORM_GROWTH, CauseKind.CAPTURED_OUTPUT})


def criteria(measurement: Measurement, causes: Sequence[Cause], budget: int | None) -> tuple[Criterion, ...]:
    """Return what must hold for the plan to be done: of the units at fault, of the causes, of the whole suite."""
    found = [
        *_of_units(measurement, causes, budget),
        *_of_causes(measurement, causes),
        *_of_suite(measurement, budget),
    ]
    return tuple(dict.fromkeys(found))


def focus(measurement: Measurement, causes: Sequence[Cause]) -> list[MeasuredUnit]:
    """Return the units that the plan is about, those ended for their memory first."""
    named = {cause.where for cause in causes if cause.kind is not CauseKind.NOTHING}
    units = {unit.name: unit for unit in measurement.units}
    bad = [unit for unit in units.values() if unit.verdict not in FINE]
    bad.sort(
        key=lambda unit: (worst([unit.verdict, "failed"]) == "failed", -(unit.peak_bytes or 0), unit.name)
    )
    return [*bad, *(unit for unit in units.values() if unit.name in named and unit.verdict in FINE)]


def _of_units(measurement: Measurement, causes: Sequence[Cause], budget: int | None) -> Iterator[Criterion]:
    for unit in focus(measurement, causes)[:_UNITS_WITH_BOXES]:
        if unit.verdict not in FINE:
            yield Criterion(CriterionKind.PASSES, unit.name)
        if budget is not None and unit.verdict in OF_MEMORY | BY_FORCE:
            yield Criterion(CriterionKind.PEAK, unit.name, budget)
    for unit in measurement.units[: 50 * _UNITS_WITH_BOXES]:
        if unit.leftovers:
            yield Criterion(CriterionKind.LEFTOVERS, unit.name, 0)


def _of_causes(measurement: Measurement, causes: Sequence[Cause]) -> Iterator[Criterion]:
    units = {unit.name: unit for unit in measurement.units}
    for cause in causes[: 2 * _UNITS_WITH_BOXES]:
        unit = units.get(cause.where)
        if unit is None or cause.kind not in _KEEPS:
            continue
        grows = slope(unit)
        if grows is not None and grows > _LEAST_GROWTH:
            yield Criterion(CriterionKind.GROWTH, unit.name, round(max(_SHARE_LEFT * grows, _LEAST_GROWTH)))
        if unit.retained_bytes is not None and unit.retained_bytes > _LEAST_KEPT:
            yield Criterion(
                CriterionKind.KEPT, unit.name, round(max(_SHARE_LEFT * unit.retained_bytes, _LEAST_KEPT))
            )


def _of_suite(measurement: Measurement, budget: int | None) -> Iterator[Criterion]:
    yield Criterion(CriterionKind.SUITE_MEMORY, "")
    heaviest = max((unit.peak_bytes or 0 for unit in measurement.units), default=0)
    most = budget if budget is not None else round(1.1 * heaviest)
    if most:
        yield Criterion(CriterionKind.SUITE_PEAK, "", most)
    seconds = math.fsum(unit.seconds for unit in measurement.units)
    yield Criterion(
        CriterionKind.SUITE_SECONDS, "", math.ceil(max(_TIME_FACTOR * seconds, seconds + _TIME_GRACE))
    )


_WORDS = {
    CriterionKind.PASSES: "{where} passes",
    CriterionKind.PEAK: "{where} peaks at {size} or less",
    CriterionKind.KEPT: "{where} keeps {size} or less at its end",
    CriterionKind.GROWTH: "{where} grows by {size} a test or less",
    CriterionKind.LEFTOVERS: "{where} leaves no process running",
    CriterionKind.SUITE_MEMORY: "no unit of the suite is ended for its memory, by a signal or by the clock",
    CriterionKind.SUITE_PEAK: "the heaviest unit peaks at {size} or less",
    CriterionKind.SUITE_SECONDS: "all units together take {number} s or less",
}


def criterion_words(criterion: Criterion, name: Callable[[str], str]) -> str:
    """Return a box's text; ``name`` writes a unit's name."""
    most = criterion.most or 0
    return _WORDS[criterion.kind].format(
        where=name(criterion.where), size=format_bytes(most), number=f"{most:,.0f}"
    )


def observe(criterion: Criterion, measurement: Measurement, files: int) -> Observation:
    """Hold one criterion against a journal; the whole suite counts only where all ``files`` were measured."""
    if criterion.kind in _SUITE:
        seen = len({path for unit in measurement.units for path in files_of(unit)})
        if seen < files:
            return Observation(State.UNJUDGED, f"only {seen} of {plural(files, 'file')} measured")
        return _SUITE[criterion.kind](criterion, measurement.units)
    units = [unit for unit in measurement.units if unit.name == criterion.where]
    tests = _cases(measurement, criterion.where)
    if not units and not tests:
        return Observation(State.UNJUDGED, "not measured")
    return _UNITS[criterion.kind](criterion, units, tests)


_Tests = list[tuple[MeasuredTest, MeasuredUnit]]


def _cases(measurement: Measurement, nodeid: str) -> _Tests:
    """The runs of one case, wherever it ran."""
    if "::" not in nodeid:
        return []
    return [(test, unit) for unit in measurement.units for test in unit.tests if test.nodeid == nodeid]


def _verdicts(units: list[MeasuredUnit], tests: _Tests) -> list[str]:
    if units:
        return [unit.verdict for unit in units]
    return [_outcome(test, unit) for test, unit in tests]


def _outcome(test: MeasuredTest, unit: MeasuredUnit) -> str:
    if test.outcome == "unfinished":
        return unit.verdict
    return "failed" if test.outcome == "error" else test.outcome


def _passes(_: Criterion, units: list[MeasuredUnit], tests: _Tests) -> Observation:
    verdict = worst(_verdicts(units, tests))
    return Observation(State.MET if verdict in FINE else State.OPEN, verdict_words(verdict))


def _peak(criterion: Criterion, units: list[MeasuredUnit], tests: _Tests) -> Observation:
    peaks = [unit.peak_bytes for unit in units] or [peak_of_case(test) for test, _ in tests]
    known = [peak for peak in peaks if peak is not None]
    verdict = worst(_verdicts(units, tests))
    if verdict in _CUT_OFF:
        held = f"{format_bytes(max(known))} or more, " if known else ""
        return Observation(State.OPEN, f"{held}{verdict_words(verdict)}")
    return _at_most(criterion, max(known) if known else None, format_bytes)


def _kept(criterion: Criterion, units: list[MeasuredUnit], _: _Tests) -> Observation:
    kept = [unit.retained_bytes for unit in units if unit.retained_bytes is not None]
    return _at_most(criterion, max(kept, default=None), format_bytes)


def _growth(criterion: Criterion, units: list[MeasuredUnit], _: _Tests) -> Observation:
    slopes = [grows for unit in units if (grows := slope(unit)) is not None]
    return _at_most(criterion, max(slopes, default=None), lambda size: f"{format_bytes(max(size, 0))} a test")


def _leftovers(criterion: Criterion, units: list[MeasuredUnit], _: _Tests) -> Observation:
    if not units:
        return Observation(State.UNJUDGED, "not measured by itself")
    return _at_most(criterion, max(len(unit.leftovers) for unit in units), processes)


def processes(count: float) -> str:
    """Return ``"1 process"``, ``"2 processes"``."""
    return "1 process" if count == 1 else f"{count:,.0f} processes"


def _at_most(criterion: Criterion, value: float | None, words: Callable[[float], str]) -> Observation:
    if value is None:
        return Observation(State.UNJUDGED, "the journal has no figure for it")
    return Observation(State.MET if value <= (criterion.most or 0) else State.OPEN, words(value))


def _suite_memory(_: Criterion, units: Sequence[MeasuredUnit]) -> Observation:
    ended = [unit for unit in units if unit.verdict in OF_MEMORY | BY_FORCE]
    if not ended:
        return Observation(State.MET, f"none of {len(units):,}")
    return Observation(State.OPEN, f"{len(ended):,} of {len(units):,}")


def _suite_peak(criterion: Criterion, units: Sequence[MeasuredUnit]) -> Observation:
    known = [unit.peak_bytes for unit in units if unit.peak_bytes is not None]
    if any(unit.verdict in OF_MEMORY for unit in units):
        return Observation(State.OPEN, f"{format_bytes(max(known, default=0))} or more")
    return _at_most(criterion, max(known, default=None), format_bytes)


def _suite_seconds(criterion: Criterion, units: Sequence[MeasuredUnit]) -> Observation:
    return _at_most(criterion, math.fsum(unit.seconds for unit in units), lambda seconds: f"{seconds:,.0f} s")


_UNITS: dict[CriterionKind, Callable[[Criterion, list[MeasuredUnit], _Tests], Observation]] = {
    CriterionKind.PASSES: _passes,
    CriterionKind.PEAK: _peak,
    CriterionKind.KEPT: _kept,
    CriterionKind.GROWTH: _growth,
    CriterionKind.LEFTOVERS: _leftovers,
}
_SUITE: dict[CriterionKind, Callable[[Criterion, Sequence[MeasuredUnit]], Observation]] = {
    CriterionKind.SUITE_MEMORY: _suite_memory,
    CriterionKind.SUITE_PEAK: _suite_peak,
    CriterionKind.SUITE_SECONDS: _suite_seconds,
}
