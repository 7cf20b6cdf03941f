"""The text format: findings by file, with the source they speak of, for people at a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby

from memlint.model import Finding, JudgementKind, LintResult, Status
from memlint.report.escape import shown
from memlint.report.interface import RenderContext
from memlint.report.problems import problems
from memlint.report.snippet import snippet
from memlint.report.style import Paint, fitted, link, painter, severity_style
from memlint.report.summary import (
    TOP_SUSPECTS,
    bounds_words,
    estimate_words,
    listed,
    reasons_words,
    statistics,
    summary_line,
)
from memlint.units import format_bytes

_INDENT = " " * 4
_JUDGEMENT_STYLES = {
    JudgementKind.CONFIRMED: "good",
    JudgementKind.CONTRADICTED: "error",
    JudgementKind.NOT_MEASURABLE: "dim",
}


class TextReporter:
    """A heading a file, then its findings; each begins with ``line:col CODE name message`` on one line."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield findings, errors, counts and the heaviest files; a clean run is one line, none if quiet."""
        paint = painter(context.color)
        findings = listed(result, context.show_suppressed)
        for path, group in groupby(findings, key=lambda finding: finding.location.path):
            yield from _file(path, group, context, paint)
        yield from problems(result.errors, context, paint)
        yield from _stale(result.stale_baseline, paint)
        if context.statistics:
            yield from _statistics(result, paint)
        if context.quiet:
            return
        yield f"{paint(summary_line(result, context.level), _summary_style(result))}\n"
        if findings or context.verbose:
            yield from _suspects(result, context, paint)


def _file(path: str, findings: Iterator[Finding], context: RenderContext, paint: Paint) -> Iterator[str]:
    yield f"{link(paint(shown(path), 'path'), context.root, path, context.hyperlinks)}\n"
    for finding in findings:
        yield "".join(f"{line}\n" for line in _finding(finding, context, paint))
        yield "\n"


def _finding(finding: Finding, context: RenderContext, paint: Paint) -> Iterator[str]:
    place = finding.location
    style = severity_style(finding.severity)
    code = paint(finding.code, style)
    where = link(paint(f"{place.line}:{place.column}", "place"), context.root, place.path, context.hyperlinks)
    yield f"  {where} {code} {paint(finding.name, 'strong')} {shown(finding.message)}"
    yield from _source(finding, context, paint)
    yield from _wrapped("=", _facts(finding), context.width, paint, "dim")
    if finding.judgement:
        kind, said = finding.judgement.kind, shown(finding.judgement.text)
        yield from _wrapped(f"{kind.value}:", said, context.width, paint, _JUDGEMENT_STYLES[kind])
    if finding.suggestion:
        yield from _wrapped("fix:", shown(finding.suggestion), context.width, paint, "fix")
    for related in finding.related:
        text = f"{shown(related.path)}:{related.line} {shown(related.message)}"
        yield from _wrapped("see:", text, context.width, paint, "dim")


def _source(finding: Finding, context: RenderContext, paint: Paint) -> Iterator[str]:
    place = finding.location
    line = context.source_line(place.path, place.line)
    if line is None or not line.strip():
        return
    gutter = len(str(place.line))
    part = snippet(line, place, context.width - len(_INDENT) - gutter - 3)
    yield f"{_INDENT}{paint(f'{place.line} │', 'dim')} {part.source}"
    yield f"{_INDENT}{' ' * gutter} {paint('│', 'dim')} {_carets(part.carets, finding, paint)}"


def _carets(carets: str, finding: Finding, paint: Paint) -> str:
    marks = carets.lstrip(" ")
    return " " * (len(carets) - len(marks)) + paint(marks, severity_style(finding.severity))


def _facts(finding: Finding) -> str:
    facts = [finding.severity.value, f"{finding.confidence.value} confidence"]
    if finding.estimate:
        facts.append(estimate_words(finding.estimate))
    if finding.symbol:
        facts.append(f"in {shown(finding.symbol)}")
    if finding.status is not Status.ACTIVE:
        facts.append(
            f"{finding.status.value}: {shown(finding.reason)}" if finding.reason else finding.status.value
        )
    return " · ".join(facts)


def _wrapped(label: str, text: str, width: int, paint: Paint, style: str) -> Iterator[str]:
    """Yield ``label text`` wrapped to the width under itself; paths and words stay whole."""
    lead = f"{_INDENT}{label} "
    room = max(width - len(lead), 40)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"{_INDENT}{paint(label, style)} {lines[0]}"
    for line in lines[1:]:
        yield f"{' ' * len(lead)}{line}"


def _stale(messages: tuple[str, ...], paint: Paint) -> Iterator[str]:
    for message in messages:
        yield f"{paint('baseline:', 'warning')} {shown(message)}\n"
    if messages:
        yield "\n"


def _statistics(result: LintResult, paint: Paint) -> Iterator[str]:
    rows = statistics(result)
    if not rows:
        return
    yield f"{paint('Findings by rule', 'path')}\n"
    for row in rows:
        yield f"  {row.count:>7,}  {paint(row.code, 'strong')} {row.name}\n"
    yield "\n"


def _summary_style(result: LintResult) -> str:
    if result.errors:
        return "error"
    return (
        severity_style(min((f.severity for f in result.active), key=lambda s: s.rank))
        if result.active
        else "good"
    )


def _suspects(result: LintResult, context: RenderContext, paint: Paint) -> Iterator[str]:
    suspects = result.suspects[:TOP_SUSPECTS]
    if not suspects:
        return
    yield f"\n{paint('Profile these first', 'path')} (predicted peak memory)\n"
    for suspect in suspects:
        peak = paint(f"{format_bytes(suspect.peak.likely):>9}", "strong")
        path = link(shown(suspect.path), context.root, suspect.path, context.hyperlinks)
        bounds = bounds_words(suspect.peak)
        yield f"  {suspect.rank:>2}. {peak}  {path}{paint(f' ({bounds})', 'dim') if bounds else ''}\n"
        if suspect.reasons:
            lead = " " * 17
            yield f"{lead}{paint(fitted(reasons_words(suspect), context.width - len(lead)), 'dim')}\n"
