"""Where prediction and measurement part: heavy but not predicted, and predicted but light."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from memlint.crosscheck.evidence import imports_before_tests
from memlint.crosscheck.statistics import tenth
from memlint.model import Finding, JoinedRow, Missed, Overcalled, Reason, Status
from memlint.units import format_bytes

_FACTOR = 1.25  # measured over predicted, or the reverse, from which the two are said to differ
_LEAST_GAP = 20_000_000  # bytes; smaller differences are not worth a reader's time
_EXPLAINS = 0.3  # of the gap that one kind of term must explain to be named
_OF_TESTS = frozenset({"allocation", "fixture", "load"})


@dataclass(frozen=True, slots=True)
class _Term:
    """One kind of term: what was measured of it and what was predicted."""

    kind: str
    measured: int | None
    predicted: int
    words: str  # with places for both

    @property
    def short(self) -> int:
        return 0 if self.measured is None else self.measured - self.predicted

    @property
    def text(self) -> str:
        return self.words.format(format_bytes(self.measured or 0), format_bytes(self.predicted))


def missed(rows: Sequence[JoinedRow]) -> tuple[Missed, ...]:
    """Return the heavy rows that the ranking did not foresee, heaviest first.

    A row counts when it is among the heaviest tenth, the first tenth of the ranking lacks it, and it measured
    well above its prediction; or when it measured that much above its high bound.
    """
    heavy = tenth(len(rows))
    return tuple(_missed(row) for row in rows if _is_missed(row, heavy))


def _is_missed(row: JoinedRow, heavy: int) -> bool:
    overlooked = row.measured_rank <= heavy < row.predicted_rank
    reference = row.predicted.likely if overlooked else row.predicted.high
    factor = _FACTOR if overlooked else 1.0
    return row.measured > factor * reference and row.measured - reference >= _LEAST_GAP


def _missed(row: JoinedRow) -> Missed:
    gap = row.measured - row.predicted.likely
    worst = max(_terms(row), key=lambda term: term.short)
    if worst.short < _EXPLAINS * gap:
        return Missed(row, "unknown", gap, "the journal does not tell which part of it was not foreseen")
    return Missed(row, worst.kind, worst.short, worst.text)


def _terms(row: JoinedRow) -> list[_Term]:
    """The kinds of term that a journal can weigh by itself."""
    predicted = {kind: sum(r.bytes for r in row.reasons if r.kind == kind) for kind in ("workers", "growth")}
    of_tests = sum(r.bytes for r in row.reasons if r.kind in _OF_TESTS or (r.kind == "imports" and r.line))
    imports = imports_before_tests(row.reasons)
    kept = None
    if row.retained is not None and row.collected is not None:
        kept = max(0, row.retained - row.collected)
    return [
        _Term(
            "workers", row.children, predicted["workers"], "child processes held {}, {} was predicted of them"
        ),
        _Term("allocation", row.rise, of_tests, "one test rose by {}, {} was predicted of any"),
        _Term("collection", row.collected, imports, "collecting it took {}, {} was predicted of its imports"),
        _Term("growth", kept, predicted["growth"], "it had grown by {} at its end, {} was predicted of that"),
    ]


def overcalled(rows: Sequence[JoinedRow], findings: Sequence[Finding]) -> tuple[Overcalled, ...]:
    """Return the rows that were predicted heavy and measured light, by how much too heavy, worst first.

    A row counts when the first tenth of the ranking holds it, the heaviest tenth does not, and it measured well
    below its prediction; or when it measured that much below its low bound.
    """
    heavy = tenth(len(rows))
    lying_in: dict[str, list[Finding]] = defaultdict(list)  # a file, or a test
    for finding in findings:
        if finding.status is not Status.HIDDEN:
            for name in (finding.location.path, finding.nodeid):
                lying_in[name or ""].append(finding)
    found = [_overcalled(row, lying_in[row.name]) for row in rows if _is_overcalled(row, heavy)]
    return tuple(sorted(found, key=lambda item: (-item.excess_bytes, item.row.name)))


def _is_overcalled(row: JoinedRow, heavy: int) -> bool:
    if row.at_least:
        return False
    first = row.predicted_rank <= heavy < row.measured_rank
    reference = row.predicted.likely if first else row.predicted.low
    factor = _FACTOR if first else 1.0
    return row.measured * factor < reference and reference - row.measured >= _LEAST_GAP


def _overcalled(row: JoinedRow, findings: Sequence[Finding]) -> Overcalled:
    excess = row.predicted.likely - row.measured
    responsible = tuple(_responsible(row.reasons, excess))
    weight = sum(reason.bytes for reason in responsible)
    text = f"predicted {format_bytes(row.predicted.likely)}, measured {format_bytes(row.measured)}"
    if responsible:
        text += f"; {format_bytes(weight)} of it for {responsible[0].text}"
        text += f" and {len(responsible) - 1} more" if len(responsible) > 1 else ""
    return Overcalled(row, excess, responsible, tuple(findings), text)


def _responsible(reasons: Sequence[Reason], excess: int) -> list[Reason]:
    """The largest terms beside the base, until together they could be the excess."""
    out: list[Reason] = []
    for reason in sorted(reasons, key=lambda reason: -reason.bytes):
        if reason.kind == "base":
            continue
        out.append(reason)
        excess -= reason.bytes
        if excess <= 0:
            break
    return out
