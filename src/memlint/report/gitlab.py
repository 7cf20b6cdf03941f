"""The gitlab format: a Code Quality report for merge requests."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

from memlint.model import ErrorRecord, Finding, LintResult, Severity
from memlint.report.escape import shown
from memlint.report.interface import RenderContext
from memlint.report.strict_json import array
from memlint.report.summary import estimate_words, worst_first

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTE: "info"}


class GitlabReporter:
    """One array of issues, worst first."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield the array."""
        yield from array(_issues(result), indent="")
        yield "\n"


def _issues(result: LintResult) -> Iterator[dict[str, object]]:
    seen: Counter[str] = Counter()
    for error in result.errors:
        yield _issue_of_error(error, seen)
    for finding in worst_first(result.active):
        yield _issue_of_finding(finding, seen)


def _issue_of_finding(finding: Finding, seen: Counter[str]) -> dict[str, object]:
    place = finding.location
    size = f" [{estimate_words(finding.estimate)}]" if finding.estimate else ""
    identity = finding.fingerprint or f"{finding.code} {place.path} {finding.symbol}"
    lines = {"begin": place.line, "end": max(place.line, place.end_line)}
    return {
        "type": "issue",
        "check_name": finding.code,
        "description": f"{finding.code} {finding.name}: {shown(finding.message)}{size}",
        "fingerprint": _unique(identity, seen),
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": place.path, "lines": lines},
    }


def _issue_of_error(error: ErrorRecord, seen: Counter[str]) -> dict[str, object]:
    return {
        "type": "issue",
        "check_name": error.code or "not-checked",
        "description": f"Not checked: {shown(error.message)}",
        "fingerprint": _unique(f"error {error.code} {error.path}", seen),
        "severity": "blocker",
        "location": {"path": error.path, "lines": {"begin": max(error.line, 1)}},
    }


def _unique(identity: str, seen: Counter[str]) -> str:
    # GitLab shows only the first of several issues with one fingerprint
    seen[identity] += 1
    text = f"{identity} {seen[identity]}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
