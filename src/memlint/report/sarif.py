"""The sarif format: SARIF 2.1.0 for code scanning and editors."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import __version__
from memlint.model import ErrorRecord, Finding, Level, LintResult, Related, RuleInfo, Severity, Status
from memlint.report.escape import visible
from memlint.report.interface import RenderContext
from memlint.report.lint_json import estimate_record, judgement_record
from memlint.report.strict_json import array, dumps
from memlint.report.summary import estimate_words, listed, worst_first
from memlint.report.uri import file_uri, is_absolute, relative_uri

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BASE = "%SRCROOT%"
_BASES = {_BASE: {"description": {"text": "The directory that memlint was run in."}}}
# what GitHub sorts quality alerts by
_PROBLEM_SEVERITY = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}
_SUPPRESSION_KIND = {Status.SUPPRESSED: "inSource", Status.BASELINED: "external"}

Record = dict[str, object]


class SarifReporter:
    """One run; results worst first, because consumers cut long lists at the end."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield the log, a result at a time.

        Suppressed findings are in it only where they are asked for: GitHub shows them as open alerts.
        """
        rules = _rules(result)
        index = {rule.code: position for position, rule in enumerate(rules)}
        findings = worst_first(listed(result, context.show_suppressed))
        yield f'{{\n  "$schema": {dumps(SCHEMA)},\n  "version": "2.1.0",\n  "runs": [\n    {{\n'
        yield '      "tool": {"driver": {"name": "memlint", '
        yield f'"version": {dumps(__version__)}, "semanticVersion": {dumps(__version__)}, "rules": '
        yield from array(map(_rule, rules), indent="      ")
        yield f'}}}},\n      "originalUriBaseIds": {dumps(_BASES)},\n'
        yield '      "columnKind": "unicodeCodePoints",\n'
        yield f'      "invocations": [{dumps(_invocation(result, context.level))}],\n      "results": '
        yield from array((_result(f, index[f.code], context) for f in findings), indent="      ")
        yield "\n    }\n  ]\n}\n"


def _rules(result: LintResult) -> list[RuleInfo]:
    """Return the rules of the run, with a bare entry for any code they lack."""
    rules = {rule.code: rule for rule in result.rules}
    for finding in result.findings:
        if finding.code not in rules:
            summary = finding.name.replace("-", " ")
            rules[finding.code] = RuleInfo(
                finding.code,
                finding.name,
                finding.family,
                finding.severity,
                finding.confidence,
                summary,
                "",
                "",
            )
    return [rules[code] for code in sorted(rules)]


def _rule(rule: RuleInfo) -> Record:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why or rule.summary},
        "help": {"text": _help(rule), "markdown": _help(rule)},
        "defaultConfiguration": {"level": rule.severity.value},
        "properties": {
            "tags": ["memory", "tests", rule.family],
            "precision": rule.confidence.value,
            "problem.severity": _PROBLEM_SEVERITY[rule.severity],
        },
    }


def _help(rule: RuleInfo) -> str:
    parts = [f"# {rule.name} ({rule.code})", rule.summary]
    if rule.why:
        parts.append(f"## Why\n\n{rule.why.strip()}")
    if rule.fix:
        parts.append(f"## What to do instead\n\n{rule.fix.strip()}")
    if rule.references:
        parts.append("## References\n\n" + "\n".join(f"- {reference}" for reference in rule.references))
    return "\n\n".join(parts)


def _result(finding: Finding, rule_index: int, context: RenderContext) -> Record:
    record: Record = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": finding.severity.value,
        "message": {"text": _message(finding)},
        "locations": [_location(finding)],
    }
    if finding.related:
        record["relatedLocations"] = [_related(number, r) for number, r in enumerate(finding.related, 1)]
    if finding.fingerprint:
        record["partialFingerprints"] = {"memlint/v1": finding.fingerprint}
    if context.show_suppressed:
        record["suppressions"] = _suppressions(finding)
    record["properties"] = _properties(finding)
    return record


def _message(finding: Finding) -> str:
    size = f" Estimate: {estimate_words(finding.estimate)}." if finding.estimate else ""
    advice = f" {visible(finding.suggestion)}" if finding.suggestion else ""
    message = visible(finding.message)
    stop = "" if message.endswith((".", "!", "?", "…")) else "."
    return f"{message}{stop}{size}{advice}"


def _location(finding: Finding) -> Record:
    place = finding.location
    region: Record = {"startLine": max(place.line, 1), "startColumn": max(place.column, 1)}
    if place.end_line >= place.line:
        region["endLine"] = max(place.end_line, 1)
        if place.end_column > 0:
            region["endColumn"] = place.end_column
    record: Record = {"physicalLocation": {"artifactLocation": _artifact(place.path), "region": region}}
    if finding.symbol:
        record["logicalLocations"] = [{"fullyQualifiedName": finding.symbol, "kind": "function"}]
    return record


def _related(number: int, related: Related) -> Record:
    return {
        "id": number,
        "message": {"text": visible(related.message)},
        "physicalLocation": {
            "artifactLocation": _artifact(related.path),
            "region": {"startLine": max(related.line, 1)},
        },
    }


def _artifact(path: str) -> Record:
    if is_absolute(path):
        return {"uri": file_uri(path)}
    return {"uri": relative_uri(path), "uriBaseId": _BASE}


def _suppressions(finding: Finding) -> list[Record]:
    kind = _SUPPRESSION_KIND.get(finding.status)
    if kind is None:
        return []
    # no status: the schema's releases disagree on its name, and a suppression without one is accepted
    return [{"kind": kind, **({"justification": finding.reason} if finding.reason else {})}]


def _properties(finding: Finding) -> Record:
    properties: Record = {"confidence": finding.confidence.value}
    if finding.estimate:
        properties["estimatedBytes"] = finding.estimate.likely
        properties["estimate"] = estimate_record(finding.estimate)
    if finding.nodeid:
        properties["nodeid"] = finding.nodeid
    if finding.judgement:
        properties["measured"] = judgement_record(finding.judgement)
    return properties


def _invocation(result: LintResult, level: Level) -> Record:
    record: Record = {"executionSuccessful": not result.errors}
    if result.errors:
        record["toolExecutionNotifications"] = [_notification(error) for error in result.errors]
    if result.stale_baseline:
        record["toolConfigurationNotifications"] = [
            {"level": "note", "message": {"text": visible(message)}} for message in result.stale_baseline
        ]
    record["properties"] = {
        "level": level.value,
        "files": result.summary.files,
        "hidden": result.summary.hidden,
        "suppressed": result.summary.suppressed,
        "baselined": result.summary.baselined,
    }
    return record


def _notification(error: ErrorRecord) -> Record:
    region = {"region": {"startLine": error.line}} if error.line > 0 else {}
    record: Record = {
        "level": "error",
        "message": {"text": visible(error.message)},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(error.path), **region}}],
    }
    if error.code:
        record["descriptor"] = {"id": error.code}
    return record
