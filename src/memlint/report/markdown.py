"""The markdown format: for a job summary or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import ErrorRecord, Finding, LintResult, Severity
from memlint.report.interface import RenderContext
from memlint.report.markup import code, row, within, words
from memlint.report.rank_markdown import suspect_table
from memlint.report.summary import TOP_SUSPECTS, estimate_words, statistics, summary_line, worst_first

# GitHub refuses comments of more than 65,536 characters; the parts together stay below 60,000
_TABLE_ROOM = 28_000
_DETAILS_ROOM = 18_000
_ERRORS_ROOM = 4_000
_COUNTS_ROOM = 4_000
_SUSPECTS_ROOM = 4_000
_STALE_ROOM = 1_500
_SIGNS = {Severity.ERROR: "🔴", Severity.WARNING: "🟡", Severity.NOTE: "🔵"}


class MarkdownReporter:
    """Headline, findings worst first, details folded away, counts, and what to profile first."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield at most 60,000 characters; what does not fit is counted."""
        headline, *rest = summary_line(result, context.level).split(" · ", 1)
        yield f"### memlint: {headline}\n"
        if rest and not context.quiet:
            yield f"\n{rest[0]}\n"
        findings = worst_first(result.active)
        yield from _errors(result.errors)
        yield from _stale(result.stale_baseline)
        yield from _findings(findings)
        yield from _details(findings)
        if findings and (context.statistics or not context.quiet):
            yield from _counts(result, unfolded=context.statistics)
        if findings and not context.quiet:
            yield from suspect_table("Profile these first", result.suspects[:TOP_SUSPECTS], _SUSPECTS_ROOM)


def _findings(findings: list[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"\n{row('', 'Where', 'Finding', 'Estimate')}| --- | --- | --- | --- |\n"
    yield from within(_TABLE_ROOM, map(_finding_row, findings), len(findings), "finding")


def _finding_row(finding: Finding) -> str:
    place = finding.location
    size = estimate_words(finding.estimate) if finding.estimate else ""
    what = f"**{finding.code}** {words(finding.name)}: {words(finding.message, 300)}"
    return row(
        f"{_SIGNS[finding.severity]} {finding.severity.value}", code(f"{place.path}:{place.line}"), what, size
    )


def _details(findings: list[Finding]) -> Iterator[str]:
    if not any(finding.suggestion or finding.related for finding in findings):
        return
    yield "\n<details>\n<summary>What to do about them</summary>\n\n"
    yield from within(_DETAILS_ROOM, map(_detail, findings), len(findings), "finding")
    yield "\n</details>\n"


def _detail(finding: Finding) -> str:
    place = finding.location
    where = code(f"{place.path}:{place.line}:{place.column}")
    inside = f" in {code(finding.symbol, 200)}" if finding.symbol else ""
    lines = [f"- {where}{inside} **{finding.code}** ({finding.confidence.value} confidence)"]
    if finding.suggestion:
        lines.append(f"  - {words(finding.suggestion)}")
    lines += [f"  - see {code(f'{r.path}:{r.line}')} {words(r.message, 200)}" for r in finding.related[:5]]
    return "".join(f"{line}\n" for line in lines)


def _errors(errors: tuple[ErrorRecord, ...]) -> Iterator[str]:
    if not errors:
        return
    yield "\n**Could not be checked**\n\n"
    items = (f"- {code(f'{e.path}:{max(e.line, 1)}')} {e.code} {words(e.message, 300)}\n" for e in errors)
    yield from within(_ERRORS_ROOM, items, len(errors), "problem")


def _stale(messages: tuple[str, ...]) -> Iterator[str]:
    if not messages:
        return
    yield "\n**Baseline**\n\n"
    items = (f"- {words(message)}\n" for message in messages)
    yield from within(_STALE_ROOM, items, len(messages), "note")


def _counts(result: LintResult, unfolded: bool) -> Iterator[str]:
    rows = statistics(result)
    yield f"\n<details{' open' if unfolded else ''}>\n<summary>Findings by rule</summary>\n\n"
    yield f"{row('Rule', 'Name', 'Findings')}| --- | --- | ---: |\n"
    written = (row(count.code, words(count.name), f"{count.count:,}") for count in rows)
    yield from within(_COUNTS_ROOM, written, len(rows), "rule")
    yield "\n</details>\n"
