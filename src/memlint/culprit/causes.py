"""The diagnosis: which causes fill the memory of each unit, and of the suite were it one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from memlint.culprit import accumulation, lasting, passing
from memlint.culprit.ledger import DEADLY, Ledger
from memlint.culprit.suite import suite_causes
from memlint.culprit.wording import cause, quoted
from memlint.model import Cause, CauseKind, MeasuredUnit, Measurement
from memlint.units import format_bytes

FLOOR = 8 << 20  # bytes: what a cause must account for to be named
SHARE = 0.2  # of what the unit added to an empty test, the same

_FINDERS = (
    passing.single_heavy,
    passing.child_processes,
    passing.failing_locals,
    passing.long_fixtures,
    lasting.imports,
    lasting.captured_output,
    lasting.garbage,
    lasting.fragmentation,
    accumulation.accumulated,
)


def diagnose(measurement: Measurement) -> tuple[Cause, ...]:
    """Causes by unit, heaviest first in each; then those of the suite as a whole (``where`` is "").

    A unit to whose memory no cause adds much has none. When that is so for all, the one answer is
    ``CauseKind.NOTHING``.
    """
    ledgers = [Ledger(unit) for unit in measurement.units]
    found = [*_pressure(measurement.units)]
    pressed = {each.where for each in found}
    for ledger in ledgers:
        if ledger.unit.name not in pressed:
            found += unit_causes(ledger)
    found += suite_causes(ledgers, FLOOR)
    return tuple(found) or (_nothing(ledgers),)


def unit_causes(ledger: Ledger) -> list[Cause]:
    """Causes that account for enough of the unit's memory, heaviest first."""
    worth = max(FLOOR, round(SHARE * ledger.height))
    found = [each for finder in _FINDERS for each in finder(ledger, worth)]
    return sorted(found, key=lambda each: -each.bytes)


def _nothing(ledgers: list[Ledger]) -> Cause:
    heaviest = max(ledgers, key=lambda ledger: ledger.height, default=None)
    said = (
        f"the heaviest of {len(ledgers)} units, {heaviest.unit.name}, added "
        f"{format_bytes(heaviest.height)} to an empty test"
        if heaviest
        else "nothing was measured"
    )
    return Cause(CauseKind.NOTHING, "", (), (said,), 0)


def _pressure(units: tuple[MeasuredUnit, ...]) -> Iterator[Cause]:
    """Units that died in several repeats, each time in another test."""
    by_name: dict[str, list[MeasuredUnit]] = {}
    for unit in units:
        by_name.setdefault(unit.name, []).append(unit)
    for name, runs in by_name.items():
        deaths = [unit for unit in runs if unit.verdict in DEADLY]
        victims = list(dict.fromkeys(unit.victim for unit in deaths if unit.victim))
        if len(victims) > 1:
            command = f"memlint bisect {' '.join(map(quoted, runs[0].members[:20]))}"
            yield replace(
                cause(
                    CauseKind.PRESSURE,
                    name,
                    max(unit.peak_bytes or 0 for unit in deaths),
                    evidence=(
                        f"{len(deaths)} of {len(runs)} runs died",
                        f"each time in another test: {', '.join(victims[:5])}",
                    ),
                ),
                next_command=command,
            )
