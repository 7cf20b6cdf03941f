"""Causes that pass: memory that a test takes and gives back, or that a later test gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memlint.culprit.ledger import Ledger, Line
from memlint.culprit.wording import SHOWN, cause, file_of, quoted, size, tests_of
from memlint.model import Cause, CauseKind

ALIKE = 0.5  # of the heaviest: tests above it are culprits beside it
NEARLY_ALL = 0.8  # of what a test took
MATCH = 0.3  # by so much may what is given back differ from what was kept
FAILED = frozenset({"failed", "error"})
SESSION_END = "the end of the session"
COLLECTOR = "gc.collect() at the end"


def single_heavy(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """Tests that need much by themselves, whatever ran before them."""
    freed = ledger.stages.trimmed_bytes or 0
    needs = {line.nodeid: _need(line, freed) for line in ledger.lines}
    heaviest = max(needs.values(), default=0)
    if heaviest < worth:
        return
    alike = {name: need for name, need in needs.items() if need >= max(worth, ALIKE * heaviest)}
    first = max(alike, key=lambda name: alike[name])
    took = max(line.took for line in ledger.lines if line.nodeid == first)
    beyond = "" if size(took) == size(heaviest) else f", {size(heaviest)} of it beyond what it left behind"
    evidence = [f"{first} took {size(took)} above its start{beyond}"]
    if ledger.unit.peak_bytes:
        evidence.append(f"the unit's peak was {size(ledger.unit.peak_bytes)}")
    if len(alike) > 1:
        evidence.append(f"{len(alike)} of {tests_of(len(needs))} took at least {size(min(alike.values()))}")
    yield cause(
        CauseKind.SINGLE_HEAVY,
        ledger.unit.name,
        heaviest,
        sorted(((name, need, f"took {size(need)}") for name, need in alike.items()), key=lambda row: -row[1])[
            :SHOWN
        ],
        evidence,
        command=f"memlint measure {quoted(first)} --memray",
    )


def _need(line: Line, freed: int) -> int:
    """What a test takes and gives back. Pages that were free at the end of the unit, unreturned, it gave back too.

    Where they are nearly all that it took, what is of interest is that they stayed: fragmentation, not the test.
    """
    kept = 0 if line.outcome == "unfinished" else max(0, line.kept)
    unreturned = min(kept, freed)
    return line.took - kept if unreturned >= NEARLY_ALL * line.took else line.took - kept + unreturned


def child_processes(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """Tests whose child processes hold the memory."""
    heavy = [line for line in ledger.lines if line.children >= worth]
    if not heavy:
        return
    most = max(heavy, key=lambda line: line.children)
    yield cause(
        CauseKind.CHILD_PROCESSES,
        ledger.unit.name,
        most.children,
        [(line.nodeid, line.children, f"child processes held {size(line.children)}") for line in heavy][
            :SHOWN
        ],
        (
            f"while {most.nodeid} ran, its child processes held {size(most.children)}, "
            f"its own process took {size(most.took)}",
        ),
        command=f"memlint lint {quoted(file_of(most.nodeid))}",
    )


@dataclass(frozen=True, slots=True)
class Loan:
    """Memory kept by one test and given back by a later one: positions and bytes."""

    taken: int
    returned: int
    bytes: int


def loans(ledger: Ledger, worth: int) -> list[Loan]:
    """Pair what tests kept with what later tests gave back, last kept first."""
    lines, open_, out = ledger.lines, [], []
    for index, line in enumerate(lines):
        if line.kept >= worth:
            open_.append(index)
        elif line.kept <= -worth * (1 - MATCH):
            for back in reversed(open_):
                if abs(lines[back].kept + line.kept) <= MATCH * lines[back].kept:
                    out.append(Loan(back, index, lines[back].kept))
                    open_.remove(back)
                    break
    return out


def failing_locals(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """Local variables of failed tests: the traceback holds them past the next test's setup, a cycle until gc."""
    lines = ledger.lines
    rows = [loan for loan in loans(ledger, worth) if lines[loan.taken].outcome in FAILED]
    said = [f"{lines[r.taken].nodeid} failed; {lines[r.returned].nodeid} gave it back" for r in rows[:3]]
    held = {loan.taken: loan.bytes for loan in rows}
    for index, who in outlasting_failures(ledger, worth).items():
        held[index] = lines[index].kept
        said.append(f"{lines[index].nodeid} failed; {who} gave it back")
    if lines and lines[-1].outcome in FAILED and lines[-1].kept >= worth:
        held.setdefault(len(lines) - 1, lines[-1].kept)
        said.append(f"{lines[-1].nodeid} failed last; its traceback lives to the end of the session")
    if held:
        heaviest = max(held, key=lambda index: held[index])
        yield cause(
            CauseKind.FAILING_LOCALS,
            ledger.unit.name,
            held[heaviest],
            [
                (lines[index].nodeid, kept, f"held {size(kept)} after it had failed")
                for index, kept in held.items()
            ],
            said,
            command=f"memlint measure {quoted(lines[heaviest].nodeid)}",
        )


def outlasting_failures(ledger: Ledger, worth: int) -> dict[int, str]:
    """Positions of failed tests whose locals no later test gave back, and what did: ``SESSION_END`` or ``COLLECTOR``.

    Python 3.12 keeps the last traceback reachable (``sys.last_exc``) until pytest's session lets go of it.
    """
    given_back = {SESSION_END: ledger.given_back_at_end, COLLECTOR: ledger.stages.garbage_bytes or 0}
    lent = {loan.taken for loan in loans(ledger, worth)}
    out = {}
    for index, line in enumerate(ledger.lines):
        if line.outcome not in FAILED or line.kept < worth or index in lent:
            continue
        who = next((name for name, held in given_back.items() if line.kept * (1 - MATCH) <= held), None)
        if who is not None:
            given_back[who] -= line.kept
            out[index] = who
    return out


def long_fixtures(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """Fixtures of a class, module or session, alive under tests that may not need them."""
    lines = ledger.lines
    rows = [loan for loan in loans(ledger, worth) if lines[loan.taken].outcome not in FAILED]
    if not rows:
        return
    most = max(row.bytes for row in rows)
    yield cause(
        CauseKind.LONG_FIXTURE,
        ledger.unit.name,
        most,
        [
            (lines[row.taken].nodeid, row.bytes, f"kept {size(row.bytes)} that a later test gave back")
            for row in rows
        ][:SHOWN],
        [
            f"{lines[row.taken].nodeid} kept {size(row.bytes)}; "
            f"{lines[row.returned].nodeid} gave it back {tests_of(row.returned - row.taken)} later"
            for row in sorted(rows, key=lambda row: -row.bytes)[:3]
        ],
        command=f"memlint lint {quoted(file_of(lines[rows[0].taken].nodeid))}",
    )
