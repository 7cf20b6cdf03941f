"""What the page's script reads: files, tests, units and findings as JSON that fits into a page.

Every kind has room for so many bytes; the heaviest come first, and what had no room is counted and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from memlint.model import Finding, Location, MeasuredTest, MeasuredUnit, ReportData, Suspect
from memlint.report.escape import shown, visible
from memlint.report.rows import FileRow, TestRow, peak_of_case, slope
from memlint.report.strict_json import dumps
from memlint.report.verdict_words import exit_words, verdict_words
from memlint.units import format_bytes

SourceLine = Callable[[str, int], str | None]

# bytes of JSON; with the page's own parts and its table of files they stay below 15 MB
_FILES_ROOM = 3_000_000
_FINDINGS_ROOM = 3_000_000
_UNITS_ROOM = 3_000_000
_TESTS_ROOM = 2_500_000
_STEPS_SHOWN = 1_200  # of one unit's staircase
_REASONS = 8  # of one prediction
_EXCERPT = 3  # lines before and after a finding
_LONGEST_SPAN = 12  # lines of a finding's own span
_LINE_CHARACTERS = 240
_LEAD_CHARACTERS = 60  # kept before the span of a line that is cut
_TAB = " " * 4


@dataclass(frozen=True, slots=True)
class Payload:
    """The script's data, and what was left out of it."""

    json: str
    left_out: tuple[str, ...]


def payload(
    data: ReportData, files: Sequence[FileRow], tests: Sequence[TestRow], source_line: SourceLine
) -> Payload:
    """Return the JSON of a page whose table shows ``files`` in this order."""
    units = list({id(unit): unit for row in files for unit in row.units}.values())
    findings = [finding for row in files for finding in row.findings]
    unit_number = {id(unit): number for number, unit in enumerate(units)}
    finding_number = {id(finding): number for number, finding in enumerate(findings)}
    file_number = {row.path: number for number, row in enumerate(files)}
    parts = {
        "files": _fitting(
            (_file_record(row, unit_number, finding_number) for row in files), _FILES_ROOM, len(files)
        ),
        "findings": _fitting(
            (_finding_record(finding, source_line) for finding in findings),
            _FINDINGS_ROOM,
            len(findings),
        ),
        "units": _fitting((_unit_record(unit) for unit in units), _UNITS_ROOM, len(units)),
        "tests": _fitting(
            (_test_record(test, file_number) for test in tests if test.path in file_number),
            _TESTS_ROOM,
            len(tests),
        ),
    }
    body = ",".join(f"{dumps(name)}:[{','.join(part.records)}]" for name, part in parts.items())
    left_out = tuple(
        f"{part.left_out:,} of the lighter {name}" for name, part in parts.items() if part.left_out
    )
    limit = (
        data.measurement.contexts[-1].limit_bytes if data.measurement and data.measurement.contexts else None
    )
    words = {unit.verdict: verdict_words(unit.verdict) for unit in units}
    return Payload(in_script(f'{{"limit":{dumps(limit)},"words":{dumps(words)},{body}}}'), left_out)


def in_script(text: str) -> str:
    """Return JSON that no HTML parser can take for the end of its script element."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@dataclass(frozen=True, slots=True)
class _Part:
    records: list[str]
    left_out: int


def _fitting(records: Iterable[object], room: int, total: int) -> _Part:
    kept: list[str] = []
    for record in records:
        text = dumps(record)
        room -= len(text) + 1
        if room < 0:
            return _Part(kept, total - len(kept))
        kept.append(text)
    return _Part(kept, 0)


def _present(record: dict[str, object]) -> dict[str, object]:
    """Leave out what is not known: the script takes what is missing for that."""
    return {key: value for key, value in record.items() if value not in (None, "", [], ())}


def _estimate(suspect: Suspect | None) -> list[int] | None:
    return [suspect.peak.low, suspect.peak.likely, suspect.peak.high] if suspect else None


def _file_record(row: FileRow, units: dict[int, int], findings: dict[int, int]) -> dict[str, object]:
    reasons = sorted(row.suspect.reasons, key=lambda reason: -reason.bytes)[:_REASONS] if row.suspect else []
    return _present(
        {
            "path": shown(row.path, 400),
            "peak": row.peak_bytes,
            "predicted": _estimate(row.suspect),
            "verdict": row.verdict,
            "retained": row.retained_bytes,
            "reasons": [[r.bytes, shown(r.text, 200), _place(r.path, r.line)] for r in reasons],
            "units": [units[id(unit)] for unit in row.units],
            "findings": [findings[id(finding)] for finding in row.findings],
        }
    )


def _place(path: str, line: int) -> str:
    if not path:
        return ""
    return f"{shown(path, 400)}:{line}" if line else shown(path, 400)


def _test_record(row: TestRow, files: dict[str, int]) -> dict[str, object]:
    return _present(
        {
            "name": shown(row.nodeid.partition("::")[2] or row.nodeid, 300),
            "file": files[row.path],
            "peak": row.peak_bytes,
            "predicted": _estimate(row.suspect),
            "grown": row.growth_bytes,
            "cases": row.cases,
            "verdict": row.verdict,
        }
    )


def _unit_record(unit: MeasuredUnit) -> dict[str, object]:
    tests, each = _thinned(unit.tests)
    several = len(unit.members) > 1
    grows = slope(unit)
    return _present(
        {
            "name": shown(unit.name, 400),
            "verdict": unit.verdict,
            "exit": exit_words(unit) if unit.verdict != "passed" else None,
            "evidence": [shown(text, 400) for text in unit.evidence],
            "victim": shown(unit.victim, 400) if unit.victim else None,
            "peak": unit.peak_bytes,
            "baseline": unit.baseline_bytes,
            "retained": unit.retained_bytes,
            "cache": unit.cache_bytes,
            "seconds": round(unit.seconds, 2),
            "leftovers": [[p.pid, shown(p.command, 200)] for p in unit.leftovers],
            "output": shown(unit.output, 400) if unit.output else None,
            "slope": round(grows) if grows is not None else None,
            "each": each if each > 1 else None,
            "steps": [
                [
                    _case_name(test, several),
                    test.before_bytes,
                    peak_of_case(test),
                    test.after_bytes,
                    test.outcome,
                ]
                for test in tests
            ],
        }
    )


def _thinned(tests: Sequence[MeasuredTest]) -> tuple[Sequence[MeasuredTest], int]:
    """At most so many steps: the heaviest of every ``each`` tests in a row."""
    each = -(-len(tests) // _STEPS_SHOWN)
    if each <= 1:
        return tests, 1
    groups = (tests[start : start + each] for start in range(0, len(tests), each))
    return [max(group, key=lambda test: peak_of_case(test) or 0) for group in groups], each


def _case_name(test: MeasuredTest, several: bool) -> str:
    name = test.nodeid if several else test.nodeid.partition("::")[2] or test.nodeid
    return shown(name, 200)


def _finding_record(finding: Finding, source_line: SourceLine) -> dict[str, object]:
    place = finding.location
    return _present(
        {
            "code": finding.code,
            "name": finding.name,
            "severity": finding.severity.value,
            "confidence": finding.confidence.value,
            "message": shown(finding.message, 500),
            "suggestion": shown(finding.suggestion, 600),
            "symbol": shown(finding.symbol, 200),
            "place": f"{shown(place.path, 400)}:{place.line}",
            "size": format_bytes(finding.estimate.likely) if finding.estimate else None,
            "judged": [finding.judgement.kind.value, shown(finding.judgement.text, 300)]
            if finding.judgement
            else None,
            "related": [[_place(r.path, r.line), shown(r.message, 300)] for r in finding.related[:6]],
            "source": list(excerpt(place, source_line)),
        }
    )


def excerpt(place: Location, source_line: SourceLine) -> Iterable[list[object]]:
    """Yield ``[number, text, mark start, mark end]`` of the lines about a finding; marks are 0 outside of it."""
    end = min(max(place.end_line, place.line), place.line + _LONGEST_SPAN)
    lines = [
        (number, line)
        for number in range(max(place.line - _EXCERPT, 1), end + _EXCERPT + 1)
        if (line := source_line(place.path, number)) is not None
    ]
    while lines and lines[0][0] < place.line and not lines[0][1].strip():
        lines.pop(0)
    while lines and lines[-1][0] > end and not lines[-1][1].strip():
        lines.pop()
    for number, line in lines:
        start, stop = _marked(line, number, place) if place.line <= number <= end else (0, 0)
        yield [number, *_window(line.rstrip(), start, stop)]


def _marked(line: str, number: int, place: Location) -> tuple[int, int]:
    """The span's part of one of its lines, as indices."""
    last = max(place.end_line, place.line)
    begin = max(place.column - 1, 0) if number == place.line else len(line) - len(line.lstrip())
    end = place.end_column - 1 if number == last and place.end_column > 1 else len(line.rstrip())
    return begin, max(end, begin)


def _window(line: str, start: int, stop: int) -> tuple[str, int, int]:
    """A line as it is shown, cut about its mark where it is too long, and the mark in the shown text."""
    first = max(start - _LEAD_CHARACTERS, 0) if max(stop, 1) > _LINE_CHARACTERS else 0
    stop = min(stop, first + _LINE_CHARACTERS)
    lead = ("…" if first else "") + _text(line[first:start])
    marked = _text(line[start:stop])
    rest = _text(line[max(stop, start) : first + _LINE_CHARACTERS])
    cut = len(line) - (first + _LINE_CHARACTERS)
    tail = f"… ({cut:,} more characters)" if cut > 0 else ""
    return lead + marked + rest + tail, len(lead), len(lead) + len(marked)


def _text(text: str) -> str:
    return "".join(_TAB if char == "\t" else visible(char) for char in text)
