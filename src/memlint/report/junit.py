"""The junit format: one test suite a file, one failed case a finding."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from xml.etree import ElementTree

from memlint.model import ErrorRecord, Finding, LintResult, Status
from memlint.report.escape import shown, visible
from memlint.report.interface import RenderContext
from memlint.report.summary import estimate_words, listed

# attributes and elements as in junit-10.xsd of Jenkins' xunit plugin


class JunitReporter:
    """Findings as failures, unchecked files as errors, suppressed findings as skipped."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield the document, a suite at a time; a clean run is one suite with one case that passes."""
        findings = listed(result, context.show_suppressed)
        yield '<?xml version="1.0" encoding="utf-8"?>\n'
        yield (
            f'<testsuites name="memlint" tests="{max(len(findings) + len(result.errors), 1)}" '
            f'failures="{len(result.active)}" errors="{len(result.errors)}">\n'
        )
        by_path = _by_path(findings, result.errors)
        for path in sorted(by_path):
            yield _serialized(_suite(path, [_case_of(record) for record in by_path[path]]))
        if not by_path:
            # Jenkins fails a build whose report holds no case
            yield _serialized(_suite("memlint", [_case("memlint", "no findings")]))
        yield "</testsuites>\n"


def _by_path(
    findings: list[Finding], errors: tuple[ErrorRecord, ...]
) -> dict[str, list[Finding | ErrorRecord]]:
    records: dict[str, list[Finding | ErrorRecord]] = defaultdict(list)
    for error in errors:
        records[error.path].append(error)
    for finding in findings:
        records[finding.location.path].append(finding)
    return records


def _case_of(record: Finding | ErrorRecord) -> ElementTree.Element:
    return _finding_case(record) if isinstance(record, Finding) else _error_case(record)


def _finding_case(finding: Finding) -> ElementTree.Element:
    place = finding.location
    name = f"{finding.code} {finding.name} at {place.line}:{place.column}"
    case = _case(place.path, name)
    message = shown(finding.message)
    if finding.status is not Status.ACTIVE:
        reason = (
            f"{finding.status.value}: {shown(finding.reason)}" if finding.reason else finding.status.value
        )
        ElementTree.SubElement(case, "skipped", message=f"{reason} ({message})")
        return case
    kind = f"{finding.severity.value}.{finding.code}"
    failure = ElementTree.SubElement(case, "failure", message=message, type=kind)
    failure.text = "\n".join(_details(finding))
    return case


def _details(finding: Finding) -> Iterator[str]:
    place = finding.location
    yield f"{visible(place.path)}:{place.line}:{place.column}: {finding.code} {shown(finding.message)}"
    yield f"{finding.severity.value}, {finding.confidence.value} confidence"
    if finding.nodeid or finding.symbol:
        yield f"in {shown(finding.nodeid or finding.symbol)}"
    if finding.estimate:
        yield f"estimate: {estimate_words(finding.estimate)}"
    for related in finding.related:
        yield f"see {visible(related.path)}:{related.line}: {shown(related.message)}"
    if finding.suggestion:
        yield f"fix: {shown(finding.suggestion)}"


def _error_case(error: ErrorRecord) -> ElementTree.Element:
    case = _case(error.path, f"{error.code} not checked".strip())
    problem = ElementTree.SubElement(
        case, "error", message=shown(error.message), type=error.code or "not-checked"
    )
    problem.text = f"{visible(error.path)}:{max(error.line, 1)}: {shown(error.message)}"
    return case


def _case(path: str, name: str) -> ElementTree.Element:
    # Jenkins splits the class name at dots into packages: tests.unit.test_prices
    class_name = visible(path).removesuffix(".py").replace(".", "_").replace("/", ".")
    return ElementTree.Element("testcase", name=name, classname=class_name, time="0")


def _suite(path: str, cases: list[ElementTree.Element]) -> ElementTree.Element:
    counts = _counts(cases)
    attributes = {
        "name": visible(path),
        "file": visible(path),
        "tests": str(counts["testcase"]),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": "0",
    }
    suite = ElementTree.Element("testsuite", attributes)
    suite.extend(cases)
    return suite


def _counts(cases: list[ElementTree.Element]) -> Counter[str]:
    return Counter(element.tag for case in cases for element in case.iter())


def _serialized(suite: ElementTree.Element) -> str:
    ElementTree.indent(suite)
    return f"{ElementTree.tostring(suite, encoding='us-ascii', xml_declaration=False).decode('ascii')}\n"
