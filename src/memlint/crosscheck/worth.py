"""Which rules earn their place: units with a rule's findings against those without, and its claims judged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from memlint.crosscheck.claims import claim_of
from memlint.crosscheck.statistics import lift, median_of
from memlint.model import Finding, JoinedRow, JudgementKind, RuleWorth, Status


def worth(rows: Sequence[JoinedRow], findings: Sequence[Finding]) -> tuple[RuleWorth, ...]:
    """Return a row for every rule with findings that lie in joined units, by code. MEM9 is not about memory."""
    of_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.family != "meta" and finding.status is not Status.HIDDEN:
            of_rule[finding.code].append(finding)
    return tuple(_worth(code, found, rows) for code, found in sorted(of_rule.items()))


def _worth(code: str, findings: Sequence[Finding], rows: Sequence[JoinedRow]) -> RuleWorth:
    with_it = [row.measured for row in rows if code in row.findings]
    without = [row.measured for row in rows if code not in row.findings]
    kinds = Counter(finding.judgement.kind for finding in findings if finding.judgement)
    return RuleWorth(
        code=code,
        name=findings[0].name,
        hits=len(findings),
        with_units=len(with_it),
        without_units=len(without),
        median_peak_with=_rounded(with_it),
        median_peak_without=_rounded(without),
        lift=lift(with_it, without),
        quantity=claim_of(code).quantity,
        confirmed=kinds[JudgementKind.CONFIRMED],
        contradicted=kinds[JudgementKind.CONTRADICTED],
        not_measurable=kinds[JudgementKind.NOT_MEASURABLE],
    )


def _rounded(values: Sequence[int]) -> int | None:
    middle = median_of(values)
    return None if middle is None else round(middle)
