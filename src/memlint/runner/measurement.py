"""A journal as the rest of memlint reads it: ``model.Measurement``, tests joined to the unit they ran in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from memlint.model import MeasuredContext, MeasuredProcess, MeasuredTest, MeasuredUnit, Measurement
from memlint.runner.journal import JournalError, Record, Run, TestEnd, TestStart, UnitEnd, UnitStart, read
from memlint.runner.units import file_of
from memlint.runner.verdicts import FINE


def load_measurement(path: Path) -> Measurement:
    """Return a journal as a measurement. Raises JournalError as ``journal.read`` does."""
    return measurement(read(path))


@dataclass(slots=True)
class _Flight:
    """A unit that has begun, and its tests so far."""

    members: tuple[str, ...] = ()
    tests: list[MeasuredTest] = field(default_factory=list)
    running: str | None = None


def measurement(records: Iterable[Record]) -> Measurement:
    """Join records. A unit that ended several times counts by its last end; its repeats count each.

    Raises JournalError when a unit stands before the first run.
    """
    contexts: list[MeasuredContext] = []
    flying: dict[str, _Flight] = {}
    ended: dict[tuple[str, int], MeasuredUnit] = {}
    for record in records:
        if isinstance(record, Run):
            contexts.append(_context(record))
        elif isinstance(record, UnitStart):
            flying[record.unit] = _Flight(record.members)
        elif isinstance(record, TestStart):
            flying.setdefault(record.unit, _Flight()).running = record.test
        elif isinstance(record, TestEnd):
            flight = flying.setdefault(record.unit, _Flight())
            flight.running = None
            flight.tests.append(_test(record))
        elif isinstance(record, UnitEnd):
            if not contexts:
                raise JournalError(f"unit {record.unit} stands before the first run")
            flight = flying.pop(record.unit, _Flight())
            if flight.running is not None:
                flight.tests.append(MeasuredTest(flight.running, "unfinished", None, None, None, 0.0))
            key = (record.unit, record.repeat)
            ended.pop(key, None)
            ended[key] = _unit(record, tuple(flight.tests), contexts[-1])
    unfinished = tuple(member for flight in flying.values() for member in flight.members)
    return Measurement(tuple(contexts), tuple(ended.values()), tuple(flying), unfinished)


def failed_members(measured: Measurement) -> tuple[str, ...]:
    """Files, and node ids of other files, of all units that were not fine or never ended; each once."""
    failed = [member for unit in measured.units if unit.verdict not in FINE for member in unit.members]
    names = dict.fromkeys([*failed, *measured.unfinished])
    return tuple(name for name in names if "::" not in name or file_of(name) not in names)


def _context(run: Run) -> MeasuredContext:
    where = run.context
    return MeasuredContext(
        hash=where.hash,
        python=where.python,
        platform=where.platform,
        meter=where.meter,
        memory_bytes=where.memory_bytes,
        pytest=where.pytest,
        started=run.started,
        argv=run.argv,
        limit_bytes=run.limit_bytes,
        shard=run.shard,
    )


def _test(end: TestEnd) -> MeasuredTest:
    return MeasuredTest(
        nodeid=end.test,
        outcome=end.outcome,
        before_bytes=end.before_bytes,
        peak_bytes=end.peak_bytes,
        after_bytes=end.after_bytes,
        seconds=end.seconds,
        tree_bytes=end.tree_bytes,
        memory_error=end.memory_error,
        own_bytes=end.own_bytes,
        output_bytes=end.output_bytes,
        new_modules=end.new_modules,
    )


def _unit(end: UnitEnd, tests: tuple[MeasuredTest, ...], context: MeasuredContext) -> MeasuredUnit:
    return MeasuredUnit(
        name=end.unit,
        members=end.members,
        verdict=end.verdict,
        exit_code=end.exit_code,
        signal=end.signal,
        evidence=end.evidence,
        peak_bytes=end.peak_bytes,
        baseline_bytes=end.baseline_bytes,
        retained_bytes=end.retained_bytes,
        collected_bytes=end.collected_bytes,
        cache_bytes=end.cache_bytes,
        meter=end.meter,
        seconds=end.seconds,
        victim=end.victim,
        leftovers=tuple(MeasuredProcess(p.pid, p.command) for p in end.leftover_processes),
        tests=tests,
        context=context,
        trial=end.trial,
        repeat=end.repeat,
        output=end.output,
        stages=end.stages,
        batch=end.batch,
    )
