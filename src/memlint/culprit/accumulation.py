"""Memory that tests keep until the session ends: leakers, uniform growth, caches that fill once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from memlint.culprit.growth import EXPLAINED, fewest, spread
from memlint.culprit.lasting import MANY_MODULES
from memlint.culprit.ledger import Ledger, Line
from memlint.culprit.passing import FAILED, loans, outlasting_failures
from memlint.culprit.wording import SHOWN, cause, file_of, quoted, size, tests_of
from memlint.model import Cause, CauseKind

CACHED = 0.6  # of the growth, held by caches, makes them its cause
WAVER = 64 << 10  # bytes by which resident memory differs between rounds that keep nothing
FEWEST_ROUNDS = 3


def accumulated(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """What grew from test to test, less what other causes account for."""
    if len(ledger.stages.rounds) >= FEWEST_ROUNDS:
        yield from _over_rounds(ledger, worth)
        return
    kept = _keepers(ledger, worth)
    positive = sum(max(0, held) for held in kept)
    lasting = min(positive, _net(ledger, positive))
    if lasting < worth:
        return
    shape = spread(kept)
    if shape.uniform:
        yield _uniform(ledger, kept, lasting, shape.slope)
        return
    chosen = fewest(kept, EXPLAINED * positive)
    rows = [(ledger.lines[i].nodeid, kept[i], f"kept {size(kept[i])}") for i in chosen[:SHOWN]]
    caches = [holder for holder in ledger.stages.holders if holder.kind == "cache"]
    once = sum(holder.bytes for holder in caches) >= CACHED * lasting
    evidence = [
        f"{len(chosen)} of {tests_of(len(kept))} kept {size(sum(kept[i] for i in chosen))} of the {size(positive)} "
        "that tests kept",
        *_held(ledger),
    ]
    first = quoted(file_of(rows[0][0]))
    yield cause(
        CauseKind.FILL_ONCE_CACHE if once else CauseKind.LEAKERS,
        ledger.unit.name,
        lasting,
        rows,
        evidence,
        command=f"memlint measure {first} --repeat 5 --in-process",
    )


def _keepers(ledger: Ledger, worth: int) -> list[int]:
    """Bytes that each test kept, without output, late imports, loans, and the locals of a last failure."""
    lines = ledger.lines
    kept = [0 if line.new_modules >= MANY_MODULES else line.kept - line.output for line in lines]
    for loan in loans(ledger, worth):
        kept[loan.taken] = kept[loan.returned] = 0
    for index in outlasting_failures(ledger, worth):
        kept[index] = 0
    if lines and lines[-1].outcome in FAILED and lines[-1].kept >= worth:
        kept[-1] = 0
    return kept


def _net(ledger: Ledger, otherwise: int) -> int:
    """Growth that is neither garbage, free memory nor output; as far as the unit's end is known."""
    growth, stages = ledger.growth, ledger.stages
    if growth is None or stages.finish_bytes is None:
        return otherwise
    output = sum(line.output for line in ledger.lines)
    return growth - (stages.garbage_bytes or 0) - (stages.trimmed_bytes or 0) - output


def _uniform(ledger: Ledger, kept: list[int], lasting: int, slope: float) -> Cause:
    top = sorted(zip(kept, ledger.lines, strict=True), key=lambda pair: -pair[0])[:3]
    return cause(
        CauseKind.UNIFORM_GROWTH,
        ledger.unit.name,
        lasting,
        [(line.nodeid, held, f"kept {size(held)}, as others do") for held, line in top],
        (
            f"memory grew by {size(slope)} a test (Theil–Sen) over {len(kept)} tests",
            "no few of them explain it: look at fixtures and helpers that all of them use",
            *_held(ledger),
        ),
        slope=slope,
        command=f"memlint measure {' '.join(map(quoted, ledger.unit.members[:3]))} --repeat 5 --in-process",
    )


def _held(ledger: Ledger) -> list[str]:
    """What was found holding memory at the end."""
    words = {"cache": "lru_cache of", "property": "recorded properties of"}
    return [
        f"held at the end by {words.get(holder.kind, holder.kind)} {holder.name}: {size(holder.bytes)}"
        for holder in ledger.stages.holders[:3]
    ]


def warm_ups(rounds: int) -> int:
    """Rounds that do not count, in which caches fill."""
    return 2 if rounds >= 5 else 1


def _over_rounds(ledger: Ledger, worth: int) -> Iterator[Cause]:
    """The rule of regrtest's -R: warm-ups dropped, a leak is what grows in every round that counts."""
    rounds = ledger.stages.rounds
    dropped = warm_ups(len(rounds))
    counted = rounds[dropped - 1 :]
    deltas = [after - before for before, after in pairwise(counted)]
    said = f"after {dropped} warm-up rounds, each round added {', '.join(map(size, deltas))}"
    if min(deltas) > WAVER:
        rows = _growing_tests(ledger.lines, len(rounds), dropped)
        yield cause(
            CauseKind.LEAKERS,
            ledger.unit.name,
            sum(deltas),
            rows,
            (said, *_held(ledger)),
            slope=sum(deltas) / len(deltas) / max(1, len(ledger.lines) // len(rounds)),
            command=f"memlint lint {quoted(file_of(rows[0][0]))}" if rows else None,
        )
        return
    first = rounds[0] - (ledger.stages.collection_bytes or rounds[0])
    if first >= worth:
        rows = _first_keepers(ledger.lines, len(rounds), worth)
        evidence = (f"the first round added {size(first)}", said, *_held(ledger))
        yield cause(CauseKind.FILL_ONCE_CACHE, ledger.unit.name, first, rows, evidence)


def _growing_tests(lines: tuple[Line, ...], rounds: int, dropped: int) -> list[tuple[str, float, str]]:
    """Tests that kept memory in every round that counts."""
    by_test: dict[str, list[int]] = {}
    for line in lines:
        by_test.setdefault(line.nodeid, []).append(line.kept)
    rows = []
    for name, kept in by_test.items():
        counted = kept[dropped:]
        if len(kept) == rounds and min(counted) > 0 and sum(counted) / len(counted) > WAVER / 2:
            mean = sum(counted) / len(counted)
            rows.append((name, float(sum(counted)), f"kept {size(mean)} in each of {len(counted)} rounds"))
    return sorted(rows, key=lambda row: -row[1])[:SHOWN]


def _first_keepers(lines: tuple[Line, ...], rounds: int, worth: int) -> list[tuple[str, float, str]]:
    first = lines[: len(lines) // rounds]
    heavy = [line for line in first if line.kept >= worth / 2]
    return [
        (line.nodeid, float(line.kept), f"kept {size(line.kept)} when it first ran") for line in heavy[:SHOWN]
    ]
