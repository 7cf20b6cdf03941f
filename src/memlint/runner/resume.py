"""What an earlier attempt finished, and what was in flight when it died."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from memlint.disk import exists
from memlint.runner import journal
from memlint.runner.journal import Baseline, Context, Run, TestEnd, UnitEnd, UnitStart
from memlint.runner.units import Unit

MOST_TRIALS = 2

Key = tuple[str, tuple[str, ...], str, str, "int | None", int]


@dataclass(slots=True)
class Past:
    """Read from a journal. A unit counts only under the same source, context and limit."""

    finished: dict[Key, str] = field(default_factory=dict)  # → verdict
    trials: dict[Key, int] = field(default_factory=dict)  # of units in flight: how often they were begun
    ended_tests: dict[str, set[str]] = field(default_factory=dict)  # of units that ran out of memory
    victims: dict[str, str | None] = field(default_factory=dict)  # of the same units
    baselines: dict[tuple[str, ...], int | None] = field(default_factory=dict)

    def retry(self, unit: Unit, key: Key) -> Unit:
        """The unit, marked as a second trial when the run died in the first."""
        return replace(unit, trial=self.trials.get(key, 0) + 1)


def key_of(unit: Unit, source: str, context: Context, limit: int | None) -> Key:
    """By what a unit is known again."""
    return (unit.name, unit.members, source, context.hash, limit, unit.repeat)


def remember(path: Path, context: Context) -> Past:
    """Read the past of a journal; of a journal that does not exist, nothing. Raises JournalError."""
    past = Past()
    if exists(path) and path.stat().st_size:
        _fill(past, journal.read(path), context)
    return past


def _fill(past: Past, records: Iterable[journal.Record], context: Context) -> None:
    context_hash = ""
    begun: dict[str, Key] = {}
    ended: dict[str, set[str]] = {}
    for record in records:
        if isinstance(record, Run):
            context_hash = record.context.hash
        elif isinstance(record, Baseline) and context_hash == context.hash:
            past.baselines[record.conftests] = record.bytes
        elif isinstance(record, UnitStart):
            start = record
            key = (start.unit, start.members, start.source, context_hash, start.limit_bytes, start.repeat)
            begun[record.unit], ended[record.unit] = key, set()
            past.trials[key] = record.trial
        elif isinstance(record, TestEnd):
            ended.setdefault(record.unit, set()).add(record.test)
        elif isinstance(record, UnitEnd) and record.unit in begun:
            _end(past, record, begun.pop(record.unit), ended.pop(record.unit))


def _end(past: Past, record: UnitEnd, key: Key, ended: set[str]) -> None:
    past.trials.pop(key, None)
    if record.verdict == "interrupted":
        return
    past.finished[key] = record.verdict
    if record.verdict == "oom":
        past.ended_tests[record.unit] = ended
        past.victims[record.unit] = record.victim
