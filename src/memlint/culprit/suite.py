"""Single or cumulative, for a suite measured unit by unit: what one process for all of it would hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memlint.culprit.growth import EXPLAINED, fewest, spread
from memlint.culprit.ledger import Ledger
from memlint.culprit.wording import SHOWN, cause, quoted, size
from memlint.model import Cause, CauseKind

CUMULATIVE = 0.5  # of the heaviest unit: what all keep together must come to, to be worth a word


def suite_causes(ledgers: Sequence[Ledger], floor: int) -> Iterator[Cause]:
    """The heaviest unit against what all units keep; nothing for fewer than two units."""
    units = [ledger for ledger in ledgers if ledger.unit.repeat == 1]
    if len(units) < 2:
        return
    found = [*_heaviest(units, floor), *_together(units, floor)]
    yield from sorted(found, key=lambda each: -each.bytes)


def _heaviest(units: Sequence[Ledger], floor: int) -> Iterator[Cause]:
    top = sorted(units, key=lambda ledger: -ledger.height)
    first = top[0]
    if first.height < floor:
        return
    yield cause(
        CauseKind.SINGLE_HEAVY,
        "",
        first.height,
        [
            (ledger.unit.name, ledger.height, f"added {size(ledger.height)} to an empty test")
            for ledger in top[:SHOWN]
            if ledger.height >= 0.5 * first.height
        ],
        (
            f"of {len(units)} units, the heaviest added {size(first.height)} to an empty test, "
            f"the median {size(top[len(top) // 2].height)}",
        ),
        command=f"memlint measure {quoted(first.unit.members[0])} --memray",
    )


def _together(units: Sequence[Ledger], floor: int) -> Iterator[Cause]:
    """What units keep to their end adds up in one process."""
    kept = [_kept(ledger) for ledger in units]
    total = sum(kept)
    tallest = max(ledger.height for ledger in units)
    if total < max(floor, CUMULATIVE * tallest):
        return
    shape = spread(kept)
    said = (
        f"in one process {len(units)} units would keep {size(total)}; the heaviest alone adds {size(tallest)}"
    )
    if shape.uniform:
        evidence = (said, f"{size(shape.slope)} a unit (Theil–Sen), and no few units explain it")
        tests = sum(len(ledger.unit.tests) for ledger in units)
        slope = total / tests if tests else None
        yield cause(CauseKind.UNIFORM_GROWTH, "", total, _rows(units, kept)[:3], evidence, slope=slope)
        return
    chosen = fewest(kept, EXPLAINED * total)
    named = _rows([units[i] for i in chosen], [kept[i] for i in chosen])[:SHOWN]
    evidence = (said, f"{len(chosen)} of them keep {size(sum(kept[i] for i in chosen))}")
    yield cause(CauseKind.LEAKERS, "", total, named, evidence)


def _kept(ledger: Ledger) -> int:
    """Growth over the unit's tests after gc and malloc_trim; 0 when its end is not known."""
    stages = ledger.stages
    if stages.finish_bytes is None or ledger.growth is None:
        return 0
    return max(0, ledger.growth - (stages.garbage_bytes or 0) - (stages.trimmed_bytes or 0))


def _rows(units: Sequence[Ledger], kept: Sequence[int]) -> list[tuple[str, float, str]]:
    pairs = sorted(zip(units, kept, strict=True), key=lambda pair: -pair[1])
    return [(ledger.unit.name, held, f"keeps {size(held)}") for ledger, held in pairs]
