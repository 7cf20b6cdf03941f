"""The concise format: one line a finding, for editors, grep and long logs."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import ErrorRecord, Finding, LintResult, Status
from memlint.report.escape import shown
from memlint.report.interface import RenderContext
from memlint.report.summary import listed, statistics, summary_line


class ConciseReporter:
    """``path:line:col: CODE message`` a line."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield errors, findings in order of place, and unless quiet the counts."""
        for error in result.errors:
            yield _error_line(error)
        for finding in listed(result, context.show_suppressed):
            yield _finding_line(finding)
        for message in result.stale_baseline:
            yield f"baseline: {shown(message)}\n"
        if context.statistics:
            for row in statistics(result):
                yield f"{row.count:>7,}  {row.code} {row.name}\n"
        if not context.quiet:
            yield f"{summary_line(result, context.level)}\n"


def _finding_line(finding: Finding) -> str:
    place = finding.location
    aside = "" if finding.status is Status.ACTIVE else f" [{finding.status.value}]"
    return (
        f"{shown(place.path)}:{place.line}:{place.column}: {finding.code} {shown(finding.message)}{aside}\n"
    )


def _error_line(error: ErrorRecord) -> str:
    code = f"{error.code} " if error.code else "error: "
    return f"{shown(error.path)}:{max(error.line, 1)}:1: {code}{shown(error.message)}\n"
