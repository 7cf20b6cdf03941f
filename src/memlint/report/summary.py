"""What the formats for people count and how they put it into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from memlint.model import Basis, Confidence, Estimate, Finding, Level, LintResult, Severity, Status, Suspect
from memlint.report.escape import shown
from memlint.units import format_bytes

_NAMES_SHOWN = 5
TOP_SUSPECTS = 5  # named at the end of a lint run
_CONFIDENCE_ORDER = {Confidence.HIGH: 0, Confidence.MEDIUM: 1, Confidence.LOW: 2}


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a rule fired."""

    code: str
    name: str
    count: int


def plural(count: int, noun: str) -> str:
    """Return ``"1 file"``, ``"2,000 files"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Order by severity, confidence and estimate, then by place."""
    return sorted(findings, key=_badness)


def _badness(finding: Finding) -> tuple[object, ...]:
    likely = finding.estimate.likely if finding.estimate else 0
    return (finding.severity.rank, _CONFIDENCE_ORDER[finding.confidence], -likely, finding.sort_key)


def listed(result: LintResult, show_suppressed: bool) -> list[Finding]:
    """Return the findings to list: the active ones, and where wanted the suppressed and baselined ones."""
    wanted = {Status.ACTIVE, Status.SUPPRESSED, Status.BASELINED} if show_suppressed else {Status.ACTIVE}
    return [finding for finding in result.findings if finding.status in wanted]


def statistics(result: LintResult) -> list[CodeCount]:
    """Count the active findings by rule, the most frequent first."""
    counts = Counter((finding.code, finding.name) for finding in result.active)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [CodeCount(code, name, count) for (code, name), count in ordered]


def summary_line(result: LintResult, level: Level) -> str:
    """Return the sentence that ends a run: what was found, what was checked, what was left out of sight."""
    parts = [_found(result.active), _checked(result), _left_out(result, level)]
    return " · ".join(filter(None, parts))


def _found(active: tuple[Finding, ...]) -> str:
    if not active:
        return "No findings"
    files = len({finding.location.path for finding in active})
    by_severity = Counter(finding.severity for finding in active)
    kinds = ", ".join(plural(by_severity[kind], kind.value) for kind in Severity if by_severity[kind])
    return f"{plural(len(active), 'finding')} in {plural(files, 'file')} ({kinds})"


def _checked(result: LintResult) -> str:
    checked = f"{plural(result.summary.files, 'file')} checked"
    failed = len({error.path for error in result.errors})
    return f"{checked}, {failed:,} not fully" if failed else checked


def _left_out(result: LintResult, level: Level) -> str:
    summary = result.summary
    parts = [
        f"{summary.suppressed:,} suppressed" if summary.suppressed else "",
        f"{summary.hidden:,} below level {level.value}" if summary.hidden else "",
        f"{summary.baselined:,} in the baseline" if summary.baselined else "",
    ]
    return ", ".join(filter(None, parts))


def estimate_words(estimate: Estimate) -> str:
    """Return ``"381 MiB"``, or ``"about 381 MiB (100 MiB to 1.2 GiB)"`` where the bounds say more."""
    likely = format_bytes(estimate.likely)
    low, high = format_bytes(estimate.low), format_bytes(estimate.high)
    return likely if low == likely == high else f"about {likely} ({low} to {high})"


def bounds_words(estimate: Estimate) -> str:
    """Return ``"1.2 GiB – 3.4 GiB"``, or nothing where the bounds agree."""
    low, high = format_bytes(estimate.low), format_bytes(estimate.high)
    return "" if low == high else f"{low} – {high}"


def reasons_words(suspect: Suspect, most: int = 3) -> str:
    """Return the heaviest reasons of a predicted peak: ``"imports 310 MiB, workers 1.2 GiB"``."""
    heaviest = sorted(suspect.reasons, key=lambda reason: -reason.bytes)[:most]
    return ", ".join(f"{shown(reason.text, 80)} {format_bytes(reason.bytes)}" for reason in heaviest)


def share_words(files: Sequence[Suspect], most: int = 10) -> str:
    """Return how much of the suite's total the heaviest files hold; ``files`` come heaviest first."""
    if not files:
        return "No test files to rank."
    total = sum(file.peak.likely for file in files)
    top = files[:most]
    share = sum(file.peak.likely for file in top) / total if total else 0.0
    held = f"hold {share:.0%} of the predicted total of {format_bytes(total)}"
    if len(files) <= most:
        return f"{plural(len(files), 'file')} with a predicted total of {format_bytes(total)}."
    return f"The {len(top)} heaviest of {len(files):,} files {held}."


def basis_words(basis: Basis) -> Iterator[str]:
    """Yield where the import figures of a ranking come from, and what has none, a sentence a line."""
    if basis.probed:
        yield f"Imports as 'memlint probe' measured them in {shown(basis.python)}."
    elif basis.note:
        yield f"Imports by the shipped figures: {shown(basis.note, 300)}."
    else:
        yield "Imports by the shipped figures; 'memlint probe' measures those of your environment."
        if basis.environment:
            yield f"What is installed was seen in {_folder(basis.environment)}."
        else:
            yield "No environment was seen: imports that a suite gets along without count in part."
    if basis.missing:
        yield f"Imported, but not installed: {_some(basis.missing)}. Such imports cost nothing here."
    if basis.unmeasured:
        yield f"Imported, but never measured: {_some(basis.unmeasured)}. Each counts as a small library."


def _folder(path: str) -> str:
    return "this folder" if path == "./" else shown(path)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(shown(name) for name in names[:_NAMES_SHOWN]) + more
