"""What a journal says in total. Read from the file, so resumed and merged runs are like any other."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from memlint.runner.journal import Record, Run, TestEnd, UnitEnd, UnitStart
from memlint.runner.verdicts import EARLY, FINE

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of the last word on every unit."""

    run: Run | None
    units: int
    verdicts: dict[str, int]
    tests: dict[str, int]
    seconds: float  # of all units together
    troubled: tuple[UnitEnd, ...]  # every unit whose verdict is not fine
    heaviest_units: tuple[UnitEnd, ...]
    heaviest_tests: tuple[TestEnd, ...]
    littering: tuple[UnitEnd, ...]  # units that ended by themselves and left processes running
    in_flight: tuple[str, ...]

    @property
    def fine(self) -> bool:
        """Whether every unit passed or had no tests."""
        return not self.troubled


def summarise(records: Iterable[Record]) -> Summary:
    """Sum up. A unit that ended several times counts once, by its last end; its repeats count each."""
    run: Run | None = None
    ends: dict[tuple[str, int], UnitEnd] = {}
    flying: dict[str, None] = {}
    tests: dict[str, tuple[int, TestEnd]] = {}
    for record in records:
        if isinstance(record, Run):
            run = record
        elif isinstance(record, UnitStart):
            flying[record.unit] = None
        elif isinstance(record, UnitEnd):
            flying.pop(record.unit, None)
            ends[record.unit, record.repeat] = record
        elif isinstance(record, TestEnd):
            _keep_heaviest(tests, record)
    units = tuple(ends.values())
    outcomes: Counter[str] = Counter()
    for unit in units:
        outcomes.update(unit.tests)
    return Summary(
        run=run,
        units=len(units),
        verdicts=dict(Counter(unit.verdict for unit in units)),
        tests=dict(outcomes),
        seconds=sum(unit.seconds for unit in units),
        troubled=tuple(unit for unit in units if unit.verdict not in FINE),
        heaviest_units=tuple(heapq.nlargest(SHOWN, units, key=lambda unit: unit.peak_bytes or 0)),
        heaviest_tests=tuple(test for _, test in sorted(tests.values(), key=lambda entry: -entry[0])[:SHOWN]),
        littering=tuple(unit for unit in units if unit.leftover_processes and unit.verdict not in EARLY),
        in_flight=tuple(flying),
    )


def _keep_heaviest(tests: dict[str, tuple[int, TestEnd]], record: TestEnd) -> None:
    """Keep few, each test once; forget the light ones now and then."""
    size = record.peak_bytes or 0
    if record.test not in tests or tests[record.test][0] < size:
        tests[record.test] = (size, record)
    if len(tests) > 4 * SHOWN:
        for _, light in sorted(tests.values(), key=lambda entry: -entry[0])[SHOWN:]:
            del tests[light.test]
