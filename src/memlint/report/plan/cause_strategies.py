"""What to do about a cause as a whole, with the tests and figures of the suite it was found in."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from memlint.model import Cause, CauseKind, CauseRemedy, MeasuredUnit, Measurement, Strategy
from memlint.report.plan.criteria import MIB
from memlint.report.rows import files_of, is_batch, slope
from memlint.units import format_bytes

_REMEDIES = 6
_LEAST_SLOPE = MIB // 4  # bytes a test
_FILES_A_JOB = 20  # named in a command
_GROWS = frozenset(
    {CauseKind.LEAKERS, CauseKind.UNIFORM_GROWTH, CauseKind.CAPTURED_OUTPUT, CauseKind.FILL_ONCE_CACHE}
)


def cause_remedies(
    causes: Sequence[Cause], measurement: Measurement, budget: int | None
) -> tuple[CauseRemedy, ...]:
    """Return what can be done about each cause; causes about which nothing can be said here are left out."""
    units = {unit.name: unit for unit in measurement.units}
    made = [CauseRemedy(cause, tuple(_strategies(cause, units.get(cause.where), budget))) for cause in causes]
    return tuple(remedy for remedy in made if remedy.strategies)[:_REMEDIES]


def _strategies(cause: Cause, unit: MeasuredUnit | None, budget: int | None) -> Iterator[Strategy]:
    if cause.kind in _GROWS and unit is not None:
        yield from _smaller_processes(cause, unit, budget)
    if cause.kind is CauseKind.SINGLE_HEAVY:
        yield from _job_of_its_own(cause)
    if cause.kind is CauseKind.CAPTURED_OUTPUT:
        yield from _uncaptured(cause)


def _smaller_processes(cause: Cause, unit: MeasuredUnit, budget: int | None) -> Iterator[Strategy]:
    """How long a process may live, from its slope and the budget."""
    grows = cause.bytes_per_test or slope(unit)
    if not grows or grows < _LEAST_SLOPE or budget is None:
        return
    tests = int((budget - (unit.baseline_bytes or 0)) // grows)
    if tests < 1:
        return
    text = (
        f"At {format_bytes(grows)} a test a process that starts at {format_bytes(unit.baseline_bytes or 0)} reaches "
        f"{format_bytes(budget)} after about {tests:,} tests; this one ran {len(unit.tests):,}. "
        f"Until the growth is mended, no process may run more."
    )
    yield Strategy("Split job", text, _halves(unit), "sh")


def _halves(unit: MeasuredUnit) -> tuple[str, ...]:
    """Two pytest runs that share a batch's files."""
    files = files_of(unit)
    if not is_batch(unit) or len(files) > 2 * _FILES_A_JOB:
        return ()
    middle = (len(files) + 1) // 2
    return tuple(f"pytest {' '.join(map(shlex.quote, part))}" for part in (files[:middle], files[middle:]))


def _job_of_its_own(cause: Cause) -> Iterator[Strategy]:
    heavy = next((culprit for culprit in cause.culprits if "::" in culprit.name), None)
    if heavy is None:
        return
    test = shlex.quote(heavy.name)
    file = shlex.quote(heavy.name.partition("::")[0])
    text = f"{format_bytes(heavy.bytes)} are one test's: apart, the rest of the file keeps its job and its limit."
    yield Strategy("Split job", text, (f"pytest {file} --deselect {test}", f"pytest {test}"), "sh")


def _uncaptured(cause: Cause) -> Iterator[Strategy]:
    loudest = next((culprit for culprit in cause.culprits if "::" in culprit.name), None)
    if loudest is None:
        return
    text = (
        f"pytest keeps what passing tests print until the session ends, {format_bytes(cause.bytes)} here. "
        f"Print less in the loudest test, or run its file uncaptured."
    )
    file = shlex.quote(loudest.name.partition("::")[0])
    yield Strategy("Less output", text, (f"pytest -s -p no:logging {file}",), "sh")
