"""The json and jsonl formats of a lint run: schema ``memlint.lint/1``."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import ErrorRecord, Estimate, Finding, Judgement, LintResult, Summary
from memlint.report.interface import RenderContext
from memlint.report.strict_json import array, dumps
from memlint.report.summary import listed

SCHEMA = "memlint.lint/1"


class JsonReporter:
    """One object; findings stand one a line, so that outputs can be compared line by line."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield the object; with ``show_suppressed`` every finding also has ``status`` and ``reason``."""
        findings = listed(result, context.show_suppressed)
        yield f'{{\n  "schema": {dumps(SCHEMA)},\n  "findings": '
        yield from array((finding_record(f, context.show_suppressed) for f in findings), indent="  ")
        yield ',\n  "errors": '
        yield from array(map(error_record, result.errors), indent="  ")
        yield f',\n  "summary": {dumps(_summary_record(result.summary))}\n}}\n'


class JsonLinesReporter:
    """One object a line: findings, then errors, then the summary; ``type`` tells them apart."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield the lines."""
        for finding in listed(result, context.show_suppressed):
            yield _line("finding", finding_record(finding, context.show_suppressed))
        for error in result.errors:
            yield _line("error", error_record(error))
        yield _line("summary", _summary_record(result.summary))


def _line(kind: str, record: dict[str, object]) -> str:
    return f"{dumps({'schema': SCHEMA, 'type': kind, **record})}\n"


def finding_record(finding: Finding, with_status: bool) -> dict[str, object]:
    """Return a finding with its keys in the order of the contract."""
    place = finding.location
    record: dict[str, object] = {
        "code": finding.code,
        "name": finding.name,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line or place.line,
        "symbol": finding.symbol,
        "nodeid": finding.nodeid,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "message": finding.message,
        "suggestion": finding.suggestion,
        "estimated_bytes": finding.estimate.likely if finding.estimate else None,
        "estimate": estimate_record(finding.estimate) if finding.estimate else None,
        "related": [{"path": r.path, "line": r.line, "message": r.message} for r in finding.related],
        "fingerprint": finding.fingerprint,
    }
    if with_status:
        record |= {"status": finding.status.value, "reason": finding.reason}
    if finding.judgement:
        record["measured"] = judgement_record(finding.judgement)
    return record


def judgement_record(judgement: Judgement) -> dict[str, object]:
    """Return what a journal says of a finding."""
    return {
        "judgement": judgement.kind.value,
        "quantity": judgement.quantity.value,
        "predicted_bytes": judgement.predicted_bytes,
        "measured_bytes": judgement.measured_bytes,
        "where": judgement.where,
        "text": judgement.text,
    }


def estimate_record(estimate: Estimate) -> dict[str, int]:
    """Return the three figures, in bytes."""
    return {"low": estimate.low, "likely": estimate.likely, "high": estimate.high}


def error_record(error: ErrorRecord) -> dict[str, object]:
    """Return what could not be checked, and why."""
    return {"path": error.path, "line": error.line, "message": error.message}


def _summary_record(summary: Summary) -> dict[str, object]:
    return {
        "files": summary.files,
        "findings": summary.findings,
        "hidden": summary.hidden,
        "suppressed": summary.suppressed,
        "baselined": summary.baselined,
    }
