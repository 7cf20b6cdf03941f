"""The text at the end of a run: totals, what failed and why, the heaviest, what was left, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from memlint.runner.display import printable
from memlint.runner.journal import TestEnd, UnitEnd
from memlint.runner.summary import Summary
from memlint.runner.verdicts import FIELD_WORDS, exit_number
from memlint.units import format_bytes

_WORTH = 1 << 20  # bytes beside a peak that are worth a word
_ADVICE = {
    "oom": "lint the victim's file for what fills its memory; a higher --limit tells whether it fits at all",
    "oom_suspected": "run again with --limit below the machine's memory, so that memlint decides who dies",
    "killed": "killed from outside without a sign of memory pressure: look at the CI system's own log",
    "terminated": "SIGTERM is often collateral: look which other process of the job was killed",
    "timeout": "raise --timeout, or run the victim alone",
    "crashed": "the unit's output holds the traceback; PYTHONFAULTHANDLER=1 shows more",
    "quarantined": "run the file by hand: the run died twice while it was in flight",
    "usage_error": "check --pytest-args and the suite's pytest configuration",
    "collection_error": "these files cannot be imported: the unit's output says why",
    "interrupted": "continue with --resume",
}


def closing_lines(summary: Summary, journal: str) -> Iterator[str]:
    """The text, line by line."""
    yield from _totals(summary)
    yield from _troubled(summary.troubled)
    yield from _heaviest(
        "Heaviest units", [_unit_row(unit) for unit in summary.heaviest_units if unit.peak_bytes]
    )
    yield from _heaviest(
        "Heaviest tests", [_test_row(test) for test in summary.heaviest_tests if test.peak_bytes]
    )
    yield from _littering(summary.littering)
    yield from _notes(summary, journal)


def _totals(summary: Summary) -> Iterator[str]:
    verdicts = ", ".join(f"{count} {name}" for name, count in sorted(summary.verdicts.items()))
    tests = ", ".join(f"{count} {name}" for name, count in sorted(summary.tests.items()))
    yield ""
    yield f"{summary.units} units in {summary.seconds:.1f} s of unit time: {verdicts or 'nothing ran'}"
    if tests:
        yield f"{sum(summary.tests.values())} tests: {tests}"


def _troubled(units: tuple[UnitEnd, ...]) -> Iterator[str]:
    if units:
        yield ""
        yield "Not fine"
    for unit in units:
        yield f"  {_title(unit)}"
        if unit.victim and unit.victim != unit.unit:
            yield f"      running: {printable(unit.victim)}"
        for fact in unit.evidence:
            yield f"      {printable(fact)}"
        if len(unit.members) > 1:
            yield f"      members: {', '.join(map(printable, unit.members[:20]))}" + _more(
                len(unit.members), 20
            )
        if unit.output:
            yield f"      output: {printable(unit.output)}"


def _title(unit: UnitEnd) -> str:
    """``OOM (137 = SIGKILL) tests/test_a.py``; a batch as its log lines are known: ``Batch 5: … (exit 143)``."""
    if unit.batch is None:
        return f"{unit.verdict.upper()} ({status(unit)}) {printable(unit.unit)}"
    number = exit_number(unit.exit_code, unit.signal)
    exit_code = "not started" if number is None else f"exit {number}"
    files = ", ".join(map(printable, unit.members[:2])) + (", …" if len(unit.members) > 2 else "")
    return f"Batch {unit.batch}: {files} ({exit_code}) {unit.verdict.upper()}"


def status(unit: UnitEnd) -> str:
    """How the process ended, as people search for it: ``137 = SIGKILL``, ``exit code 1``."""
    if unit.signal is not None:
        return FIELD_WORDS.get(unit.signal, unit.signal)
    return "not started" if unit.exit_code is None else f"exit code {unit.exit_code}"


def _more(count: int, shown: int) -> str:
    return f" and {count - shown} more" if count > shown else ""


def _heaviest(title: str, rows: list[str]) -> Iterator[str]:
    if rows:
        yield ""
        yield title
        yield from rows


def _unit_row(unit: UnitEnd) -> str:
    above = unit.peak_bytes - unit.baseline_bytes if unit.peak_bytes and unit.baseline_bytes else None
    beside = [f"+{format_bytes(max(0, above))} over an empty test"] if above is not None else []
    if (unit.retained_bytes or 0) >= _WORTH:
        beside.append(f"{format_bytes(unit.retained_bytes or 0)} retained")
    if (unit.cache_bytes or 0) >= _WORTH:
        beside.append(f"{format_bytes(unit.cache_bytes or 0)} page cache beside it")
    more = f"  ({', '.join(beside)})" if beside else ""
    return f"  {format_bytes(unit.peak_bytes or 0):>9}  {printable(unit.unit)}{more}"


def _test_row(test: TestEnd) -> str:
    added = max(0, (test.peak_bytes or 0) - (test.before_bytes or 0))
    children = " with its child processes" if test.tree_bytes and test.tree_bytes == test.peak_bytes else ""
    size = format_bytes(test.peak_bytes or 0)
    return f"  {size:>9}  {printable(test.test)}  (+{format_bytes(added)}{children})"


def _littering(units: tuple[UnitEnd, ...]) -> Iterator[str]:
    if units:
        yield ""
        yield "Left running, and killed"
    for unit in units:
        for process in unit.leftover_processes:
            yield f"  {printable(unit.unit)}: {process.pid} {printable(process.command)[:120]}"


def _notes(summary: Summary, journal: str) -> Iterator[str]:
    yield ""
    yield f"Journal: {printable(journal)}"
    for verdict, text in _ADVICE.items():
        if verdict in summary.verdicts:
            yield f"  {verdict}: {text}"


def next_command(summary: Summary) -> str | None:
    """What leads on when no cause says so: a look at the heaviest file."""
    if not summary.heaviest_units:
        return None
    return f"memlint lint {shlex.quote(summary.heaviest_units[0].members[0].partition('::')[0])}"
