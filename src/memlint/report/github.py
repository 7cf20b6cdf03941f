"""The github format: workflow commands that GitHub Actions turns into annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from memlint.model import ErrorRecord, Finding, LintResult, Severity
from memlint.report.escape import shown, visible
from memlint.report.interface import RenderContext
from memlint.report.summary import estimate_words, summary_line, worst_first

ANNOTATIONS_SHOWN = 10  # of one kind in one step; GitHub drops the others from the page, not from the log
_STALE_SHOWN = 20  # lines of one annotation
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
# escapes as in the `command` module of GitHub's actions toolkit
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


class GithubReporter:
    """Errors and findings, worst first, so that those GitHub shows are those that matter most."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield one command a line, then the counts as plain text."""
        if not context.quiet and _overflows(result):
            text = f"{summary_line(result, context.level)}. GitHub shows {ANNOTATIONS_SHOWN} annotations "
            yield _command("notice", {"title": "memlint"}, f"{text}of a kind; the log of this step has all.")
        for error in result.errors:
            yield _error_command(error)
        for finding in worst_first(result.active):
            yield _finding_command(finding)
        if result.stale_baseline:
            yield _command("notice", {"title": "memlint baseline"}, _stale(result.stale_baseline))
        if not context.quiet:
            yield f"memlint: {summary_line(result, context.level)}\n"


def _stale(messages: tuple[str, ...]) -> str:
    lines = [shown(message) for message in messages[:_STALE_SHOWN]]
    if len(messages) > _STALE_SHOWN:
        lines.append(f"… and {len(messages) - _STALE_SHOWN:,} more")
    return "\n".join(lines)


def _overflows(result: LintResult) -> bool:
    kinds = Counter(finding.severity for finding in result.active)
    kinds[Severity.ERROR] += len(result.errors)
    return any(count > ANNOTATIONS_SHOWN for count in kinds.values())


def _finding_command(finding: Finding) -> str:
    place = finding.location
    properties: dict[str, object] = {"file": place.path, "line": place.line}
    if place.end_line > place.line:
        properties["endLine"] = place.end_line  # GitHub refuses columns beside a span of several lines
    else:
        properties["col"] = place.column
    properties["title"] = f"{finding.code} {finding.name}"
    lines = [shown(finding.message)]
    if finding.estimate:
        lines.append(f"Estimate: {estimate_words(finding.estimate)}")
    if finding.suggestion:
        lines.append(shown(finding.suggestion))
    return _command(_COMMANDS[finding.severity], properties, "\n".join(lines))


def _error_command(error: ErrorRecord) -> str:
    title = f"{error.code} not checked".strip()
    properties = {"file": error.path, "line": max(error.line, 1), "title": title}
    return _command("error", properties, shown(error.message))


def _command(name: str, properties: dict[str, object], message: str) -> str:
    written = ",".join(
        f"{key}={visible(str(value)).translate(_PROPERTY)}" for key, value in properties.items()
    )
    return f"::{name} {written}::{message.translate(_DATA)}\n"
