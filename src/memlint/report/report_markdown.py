"""The markdown format of a report: a job summary with a bar a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memlint.model import Cause, Finding, ReportData, Severity
from memlint.report.agreement_words import agreement_words
from memlint.report.headline import Mood, headline
from memlint.report.interface import RenderContext
from memlint.report.markup import code, row, within, words
from memlint.report.rows import FileRow, file_rows, weight
from memlint.report.summary import estimate_words, plural, worst_first
from memlint.report.verdict_words import FINE, exit_words
from memlint.units import format_bytes

# GitHub takes summaries of 1 MiB a step and comments of 65,536 characters; all parts together stay below 60,000
_CAUSES_ROOM = 8_000
_FILES_ROOM = 22_000
_FORCED_ROOM = 6_000
_FINDINGS_ROOM = 14_000
_ERRORS_ROOM = 4_000
_BAR_CELLS = 10
_FILES_SHOWN = 30
_SIGNS = {Mood.BAD: "🔴", Mood.DOUBTFUL: "🟡", Mood.GOOD: "🟢", Mood.PLAIN: "🔵"}
_SEVERITIES = {Severity.ERROR: "🔴", Severity.WARNING: "🟡", Severity.NOTE: "🔵"}


class MarkdownReportReporter:
    """Verdict, causes, the heaviest files with their bars, agreement, findings."""

    def render(self, data: ReportData, context: RenderContext) -> Iterator[str]:
        """Yield at most 60,000 characters; what does not fit is counted."""
        rows = file_rows(data)
        verdict = headline(data, rows)
        yield f"### {_SIGNS[verdict.mood]} {words(verdict.text)}\n"
        for sentence in verdict.lead:
            yield f"\n{words(sentence)}\n"
        figures = " · ".join(f"{figure.label} **{figure.value}**" for figure in verdict.figures)
        yield f"\n{figures}\n"
        yield from _causes(data.causes)
        yield from _files(rows, context.top or _FILES_SHOWN)
        yield from _by_force(data)
        yield from _agreement(data)
        yield from _findings(worst_first(data.lint.active))
        yield from _errors(data)


def _causes(causes: Sequence[Cause]) -> Iterator[str]:
    if not causes:
        return
    yield "\n**Causes**\n\n"
    yield from within(_CAUSES_ROOM, map(_cause, causes), len(causes), "cause")


def _cause(cause: Cause) -> str:
    where = f" in {code(cause.where, 200)}" if cause.where else ""
    size = f", {format_bytes(cause.bytes)}" if cause.bytes else ""
    lines = [f"- **{cause.kind.value}**{where}{size}"]
    lines += [f"  - {words(sentence, 300)}" for sentence in cause.evidence[:5]]
    lines += [
        f"  - {format_bytes(c.bytes)} {code(c.name, 200)} {words(c.text, 200)}" for c in cause.culprits[:5]
    ]
    if cause.next_command:
        lines.append(f"  - next: {code(cause.next_command)}")
    return "".join(f"{line}\n" for line in lines)


def _files(rows: Sequence[FileRow], most: int) -> Iterator[str]:
    if not rows:
        return
    shown = rows[:most]
    heaviest = max(
        (max(weight(row), row.suspect.peak.likely if row.suspect else 0) for row in shown), default=0
    )
    yield f"\n{row('File', 'Peak', 'Measured', 'Predicted', 'Findings', 'Verdict')}"
    yield "| --- | --- | ---: | ---: | ---: | --- |\n"
    yield from within(_FILES_ROOM, (_file(item, heaviest) for item in shown), len(shown), "file")
    if len(rows) > len(shown):
        yield f"\n… and {plural(len(rows) - len(shown), 'lighter file')}.\n"


def _file(item: FileRow, heaviest: float) -> str:
    peak = item.suspect.peak if item.suspect else None
    bounds = (
        f" ({format_bytes(peak.low)} – {format_bytes(peak.high)})" if peak and peak.low != peak.high else ""
    )
    return row(
        code(item.path, 200),
        f"`{bar(weight(item), heaviest)}`",
        "" if item.peak_bytes is None else format_bytes(item.peak_bytes),
        f"{format_bytes(peak.likely)}{bounds}" if peak else "",
        str(len(item.findings) or ""),
        _verdict(item.verdict),
    )


def bar(size: float, heaviest: float) -> str:
    """Return a bar of full and empty cells, which keep their width in every font."""
    full = min(round(_BAR_CELLS * size / heaviest), _BAR_CELLS) if heaviest > 0 else 0
    return "█" * full + "░" * (_BAR_CELLS - full)


def _verdict(verdict: str) -> str:
    text = words(verdict.replace("_", " "))
    return f"**{text}**" if verdict and verdict not in FINE else text


def _by_force(data: ReportData) -> Iterator[str]:
    """Units that did not end by themselves, with what is known of their end."""
    units = data.measurement.units if data.measurement else ()
    forced = [unit for unit in units if unit.verdict not in FINE]
    if not forced:
        return
    yield "\n<details>\n<summary>What did not pass, and how it ended</summary>\n\n"
    items = (
        f"- {code(unit.name, 200)}: **{words(unit.verdict.replace('_', ' '))}**"
        + (f", running {code(unit.victim, 200)}" if unit.victim else "")
        + "".join(f"\n  - {words(text, 300)}" for text in (*unit.evidence[:4], exit_words(unit)) if text)
        + "\n"
        for unit in forced
    )
    yield from within(_FORCED_ROOM, items, len(forced), "unit")
    yield "\n</details>\n"


def _agreement(data: ReportData) -> Iterator[str]:
    if data.agreement is None or not data.agreement.rows:
        return
    yield "\n<details>\n<summary>How well the prediction agrees with the measurement</summary>\n\n"
    for said in agreement_words(data.agreement):
        yield f"- {said.label} **{said.value}**: {words(said.text)}\n"
    yield "\n</details>\n"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"\n<details>\n<summary>{plural(len(findings), 'finding')}</summary>\n\n"
    yield f"{row('', 'Where', 'Finding', 'Estimate')}| --- | --- | --- | --- |\n"
    yield from within(_FINDINGS_ROOM, map(_finding, findings), len(findings), "finding")
    yield "\n</details>\n"


def _finding(finding: Finding) -> str:
    place = finding.location
    size = estimate_words(finding.estimate) if finding.estimate else ""
    what = f"**{finding.code}** {words(finding.message, 200)}"
    return row(_SEVERITIES[finding.severity], code(f"{place.path}:{place.line}", 200), what, size)


def _errors(data: ReportData) -> Iterator[str]:
    if not data.lint.errors:
        return
    yield "\n**Could not be checked**\n\n"
    items = (
        f"- {code(f'{e.path}:{max(e.line, 1)}', 200)} {words(e.message, 300)}\n" for e in data.lint.errors
    )
    yield from within(_ERRORS_ROOM, items, len(data.lint.errors), "problem")
