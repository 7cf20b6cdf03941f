"""Causes that last to the session's end and that the process itself tells apart: imports, output, free memory."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.culprit.ledger import Ledger
from memlint.culprit.passing import COLLECTOR, outlasting_failures
from memlint.culprit.wording import SHOWN, cause, file_of, quoted, size
from memlint.model import Cause, CauseKind, MeasuredImport

OWN_MODULES = 2  # up to so many new modules, what a file's import added is its own data
MANY_MODULES = 10  # imported while a test ran: what it kept is libraries


def imports(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """Libraries, module globals and parametrize values, alive before the first test runs."""
    early = ledger.import_bytes
    late = [line for line in ledger.lines if line.new_modules >= MANY_MODULES and line.kept > 0]
    total = early + sum(line.kept for line in late)
    if total < worth:
        return
    rows = [(each.file, each.bytes, _what(each)) for each in ledger.stages.imports]
    rows += [
        (line.nodeid, line.kept, f"imported {line.new_modules} modules while it ran, {size(line.kept)}")
        for line in late
    ]
    evidence = [f"{size(early)} were there before the first test ran"]
    if ledger.stages.collecting:
        evidence = [f"the process ended while it imported {ledger.stages.collecting}"]
    if late:
        evidence.append(f"{len(late)} tests imported libraries while they ran")
    rows = sorted(rows, key=lambda row: -row[1])[:SHOWN]
    name = quoted(file_of(rows[0][0])) if rows else ""
    yield cause(
        CauseKind.IMPORT_COST, ledger.unit.name, total, rows, evidence, command=f"memlint lint {name}".strip()
    )


def _what(each: MeasuredImport) -> str:
    if each.modules <= OWN_MODULES:
        return f"{size(each.bytes)} of its own: module globals, parametrize values"
    return f"{size(each.bytes)} with {each.modules} modules that it imports first"


def captured_output(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """What tests printed and logged: pytest keeps it, byte for byte, until the session ends."""
    lines = sorted((line for line in ledger.lines if line.output), key=lambda line: -line.output)
    total = sum(line.output for line in lines)
    if total < worth:
        return
    passing = sum(line.output for line in lines if line.outcome == "passed")
    yield cause(
        CauseKind.CAPTURED_OUTPUT,
        ledger.unit.name,
        total,
        [
            (line.nodeid, line.output, f"printed or logged {size(line.output)}")
            for line in lines[:SHOWN]
            if line.output >= 0.05 * total
        ],
        (
            f"reports of {len(lines)} tests keep {size(total)} of captured output, {size(passing)} of it passing",
        ),
        command=f'memlint measure {quoted(file_of(lines[0].nodeid))} --pytest-args "-s -p no:logging"',
    )


def garbage(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """Objects in cycles that nobody needs, alive until the garbage collector looks."""
    found = ledger.stages.garbage_bytes or 0
    failures = outlasting_failures(ledger, worth)
    found -= sum(ledger.lines[index].kept for index, who in failures.items() if who == COLLECTOR)
    if found >= worth:
        said = (f"{COLLECTOR} gave back {size(found)}",)
        rows = _largest_keepers(ledger)
        yield cause(CauseKind.GARBAGE, ledger.unit.name, found, rows, said)


def fragmentation(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """Free memory that the allocator does not give back."""
    found = ledger.stages.trimmed_bytes or 0
    if found >= worth:
        said = (f"malloc_trim(0) at the end gave back {size(found)}, after garbage was collected",)
        yield cause(CauseKind.FRAGMENTATION, ledger.unit.name, found, _largest_keepers(ledger), said)


def _largest_keepers(ledger: Ledger) -> list[tuple[str, int, str]]:
    """The tests after which most was resident that had not been before: garbage comes from one of them."""
    rows = sorted((line for line in ledger.lines if line.kept > 0), key=lambda line: -line.kept)
    return [(line.nodeid, line.kept, f"left {size(line.kept)} resident") for line in rows[:3]]
