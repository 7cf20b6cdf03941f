"""How sure a rule may be in this project, from its findings that were confirmed and contradicted."""

from __future__ import annotations

from collections.abc import Iterable

from memlint.knowledge.calibration import Shift
from memlint.model import Finding, JudgementKind

# what share of its findings a rule of each confidence is taken to get right, and from which share on it has the next
_EXPECTED = {"high": 0.95, "medium": 0.8, "low": 0.5}
_LEAST = (("high", 0.9), ("medium", 0.65), ("low", 0.0))
_STRENGTH = 6.0  # judged findings that the shipped confidence is worth
_LEAST_JUDGED = 3


def shifts(findings: Iterable[Finding], shipped: dict[str, str]) -> dict[str, Shift]:
    """Return the rules whose confidence moves; ``shipped`` is each rule's own.

    The share of right findings is the mean of a beta distribution: the shipped confidence counts as findings seen
    before, so that one bad finding moves nothing.
    """
    counts: dict[str, list[int]] = {}
    for finding in findings:
        if finding.judgement is None or finding.judgement.kind is JudgementKind.NOT_MEASURABLE:
            continue
        count = counts.setdefault(finding.code, [0, 0])
        count[finding.judgement.kind is JudgementKind.CONTRADICTED] += 1
    out = {}
    for code, (confirmed, contradicted) in sorted(counts.items()):
        was = shipped.get(code)
        if was is None or confirmed + contradicted < _LEAST_JUDGED:
            continue
        share = (confirmed + _STRENGTH * _EXPECTED[was]) / (confirmed + contradicted + _STRENGTH)
        now = next(name for name, least in _LEAST if share >= least)
        if now != was:
            out[code] = Shift(was, now, confirmed, contradicted)
    return out
