"""Each finding held against the journal: confirmed, contradicted, or not measurable, with bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from memlint.crosscheck.claims import Claim, Unsized, claim_of
from memlint.crosscheck.evidence import Evidence, Place, Places, evidence, imports_of
from memlint.model import (
    Finding,
    Judgement,
    JudgementKind,
    MeasuredUnit,
    Quantity,
    Suspect,
)
from memlint.units import format_bytes

LEAST_BYTES = 4_000_000  # below it the noise of an allocator hides a claim
WEIGHTY_BYTES = 10_000_000  # what a finding of unknown size must show to be worth its line
_HOLDS = 0.5  # of the predicted bytes must be there for a claim to hold
_WORDS = {
    Quantity.TEST_PEAK: "measured {} in {}",
    Quantity.WHOLE_PEAK: "measured {} while {} ran",
    Quantity.COLLECTION: "measured {} beyond its imports when {} was collected",
    Quantity.BASE_STEP: "measured {} that stayed behind {}",
    Quantity.RETAINED: "measured {} still held at the end of {}",
    Quantity.CHILDREN: "measured {} in child processes of {}",
}


def judged(
    findings: Iterable[Finding], units: Sequence[MeasuredUnit], files: Iterable[Suspect]
) -> tuple[Finding, ...]:
    """Return the findings with their judgements; what says nothing about memory (MEM9) gets none."""
    findings = list(findings)
    ranked = {suspect.path: suspect for suspect in files}
    places = Places(units, lambda file: imports_of(ranked.get(file)))
    rivals: dict[str, int] = {}
    for finding in findings:
        if claim_of(finding.code).quantity is Quantity.LEFTOVERS:
            rivals[finding.location.path] = rivals.get(finding.location.path, 0) + 1
    return tuple(
        finding
        if finding.family == "meta"
        else replace(finding, judgement=_judge(finding, places, rivals.get(finding.location.path, 0)))
        for finding in findings
    )


def _judge(finding: Finding, known: Places, rivals: int) -> Judgement:
    """Judge one finding. ``rivals`` is how many findings of its file speak of processes left running."""
    claim = claim_of(finding.code)
    predicted = finding.estimate.likely if finding.estimate else None
    if claim.quantity is Quantity.NONE:
        return _silent(claim, predicted, "no journal can tell")
    places = known.of(finding.location.path, finding.nodeid)
    gap = _unmeasured(finding, places)
    if gap:
        return _silent(claim, predicted, gap)
    if claim.quantity is Quantity.LEFTOVERS:
        return _processes(claim, places, rivals)
    found = evidence(claim.quantity, places)
    if found is None:
        return _silent(claim, predicted, f"the journal has no figure of what is {claim.quantity.value}")
    return _weighed(finding, claim, found)


def _silent(claim: Claim, predicted: int | None, why: str) -> Judgement:
    return Judgement(JudgementKind.NOT_MEASURABLE, claim.quantity, predicted, None, "", why)


def _unmeasured(finding: Finding, places: Sequence[Place]) -> str:
    """Why nothing was measured of a finding, or nothing."""
    where = finding.nodeid or finding.location.path
    if not places:
        return f"{finding.location.path} is in no unit of the journal"
    if any(place.tests for place in places):
        return ""
    if finding.nodeid and any(
        test.nodeid.partition("[")[0] == finding.nodeid for place in places for test in place.unit.tests
    ):
        return f"{where} was skipped"
    return f"no test of {where} ran" if not finding.nodeid else f"{where} was not measured"


def _processes(claim: Claim, places: Sequence[Place], rivals: int) -> Judgement:
    left = [(place, process) for place in places for process in place.unit.leftovers]
    if not left:
        kind = JudgementKind.CONTRADICTED if claim.absence_contradicts else JudgementKind.NOT_MEASURABLE
        cut_short = any(place.unit.exit_code is None for place in places)
        if cut_short:  # what runs at a kill of the runner's own is not listed
            kind = JudgementKind.NOT_MEASURABLE
        where = places[-1].unit.name
        return Judgement(kind, claim.quantity, None, None, where, f"no process was left running by {where}")
    place, process = left[-1]
    most = max(len(p.unit.leftovers) for p in places)
    command = process.command if len(process.command) <= 60 else f"{process.command[:59]}…"
    noun = "process was" if most == 1 else "processes were"
    text = f"{most} {noun} left running by {place.unit.name}: {command}"
    if most < rivals:
        doubt = f"; which of {rivals} findings that is, is not known"
        return Judgement(
            JudgementKind.NOT_MEASURABLE, claim.quantity, None, None, place.unit.name, text + doubt
        )
    return Judgement(JudgementKind.CONFIRMED, claim.quantity, None, None, place.unit.name, text)


def _weighed(finding: Finding, claim: Claim, found: Evidence) -> Judgement:
    estimate = finding.estimate
    predicted = estimate.likely if estimate else None
    if predicted is not None and predicted < LEAST_BYTES:
        return _silent(
            claim, predicted, f"{format_bytes(predicted)} cannot be told from an allocator's noise"
        )
    need = WEIGHTY_BYTES
    if estimate and predicted is not None:
        need = round(max(LEAST_BYTES / 2, min(predicted * _HOLDS, estimate.low or predicted)))
    said = f"predicted {format_bytes(predicted)}" if predicted is not None else "predicted no size"
    text = f"{said}, {_WORDS[claim.quantity].format(format_bytes(found.seen), found.where)}"
    if found.seen >= need:
        kind = JudgementKind.CONFIRMED
    elif found.possible >= need:
        kind = JudgementKind.NOT_MEASURABLE
        text = f"{text}, which is no answer: {found.doubt}"
    elif predicted is None and claim.unsized is Unsized.RISK:
        kind = JudgementKind.NOT_MEASURABLE
        text = f"{text}; the finding claims no weight"
    else:
        kind = JudgementKind.CONTRADICTED
    return Judgement(kind, claim.quantity, predicted, found.seen, found.where, text)
