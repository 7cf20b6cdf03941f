"""Joins what was predicted, found and measured: a row a file, a row a test."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import linear_regression

from memlint.model import Finding, MeasuredTest, MeasuredUnit, Measurement, ReportData, Suspect
from memlint.report.summary import worst_first
from memlint.report.verdict_words import worst

_LEAST_TESTS_FOR_SLOPE = 4
_OUTCOME_VERDICTS = {"failed": "failed", "error": "failed", "unfinished": "unfinished"}


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file. ``peak_bytes`` is the highest that any of its units reached; None where none was measured."""

    path: str
    suspect: Suspect | None
    findings: tuple[Finding, ...]
    units: tuple[MeasuredUnit, ...]
    peak_bytes: int | None
    retained_bytes: int | None
    seconds: float
    verdict: str  # "" where it was not measured


@dataclass(frozen=True, slots=True)
class TestRow:
    """One test with all its cases. ``nodeid`` has no parameters."""

    nodeid: str
    path: str
    suspect: Suspect | None
    peak_bytes: int | None  # of its heaviest case
    growth_bytes: int | None  # what its cases together left behind in their process
    cases: int
    verdict: str


def file_rows(data: ReportData) -> list[FileRow]:
    """Return a row for every file that was ranked, measured or found at fault, heaviest first."""
    suspects = {suspect.path: suspect for suspect in data.ranking.files}
    findings: dict[str, list[Finding]] = defaultdict(list)
    for finding in worst_first(data.lint.active):
        findings[finding.location.path].append(finding)
    measured = _by_file(data.measurement)
    paths = dict.fromkeys([*suspects, *measured, *findings])
    rows = [
        _file_row(path, suspects.get(path), tuple(findings.get(path, ())), measured.get(path, []))
        for path in paths
    ]
    return sorted(rows, key=lambda row: (-weight(row), row.path))


def weight(row: FileRow | TestRow) -> float:
    """Return what a row is ordered by: its measured peak, or the predicted one where there is none."""
    if row.peak_bytes is not None:
        return row.peak_bytes
    return row.suspect.peak.likely if row.suspect else 0


def rows_of_tests(data: ReportData) -> list[TestRow]:
    """Return a row for every test that was ranked or measured, heaviest first."""
    suspects = {suspect.nodeid: suspect for suspect in data.ranking.tests if suspect.nodeid}
    gathered: dict[str, _Cases] = {}
    for unit in data.measurement.units if data.measurement else ():
        for test in unit.tests:
            gathered.setdefault(without_parameters(test.nodeid), _Cases()).add(test, unit)
    rows = [
        _test_row(nodeid, suspects.get(nodeid), gathered.get(nodeid))
        for nodeid in dict.fromkeys([*suspects, *gathered])
    ]
    return sorted(rows, key=lambda row: (-weight(row), row.nodeid))


def without_parameters(nodeid: str) -> str:
    """Return a node id without the parameters of its case."""
    head, bracket, _ = nodeid.partition("[")
    return head if bracket and "::" in head else nodeid


def peak_of_case(test: MeasuredTest) -> int | None:
    """Return the peak of one case with its children, where one is known."""
    return max(test.peak_bytes or 0, test.tree_bytes) or None


def slope(unit: MeasuredUnit) -> float | None:
    """Return the growth of a unit in bytes a test: least squares over what each test left; None for a few tests."""
    left = [test.after_bytes for test in unit.tests if test.after_bytes is not None]
    if len(left) < _LEAST_TESTS_FOR_SLOPE:
        return None
    return linear_regression(range(len(left)), left).slope


def is_batch(unit: MeasuredUnit) -> bool:
    """Whether several files ran in this unit's process."""
    return len(files_of(unit)) > 1


def files_of(unit: MeasuredUnit) -> tuple[str, ...]:
    """Return the files a unit ran."""
    return tuple(dict.fromkeys(member.partition("::")[0] for member in unit.members))


def _by_file(measurement: Measurement | None) -> dict[str, list[MeasuredUnit]]:
    units: dict[str, list[MeasuredUnit]] = defaultdict(list)
    for unit in measurement.units if measurement else ():
        for path in files_of(unit):
            units[path].append(unit)
    return units


def _file_row(
    path: str, suspect: Suspect | None, findings: tuple[Finding, ...], units: list[MeasuredUnit]
) -> FileRow:
    own = [unit for unit in units if not is_batch(unit)]
    whole = [unit for unit in own if "::" not in unit.name]
    return FileRow(
        path=path,
        suspect=suspect,
        findings=findings,
        units=tuple(units),
        peak_bytes=max((peak for unit in units if (peak := _peak_in(unit, path)) is not None), default=None),
        retained_bytes=max((u.retained_bytes for u in whole if u.retained_bytes is not None), default=None),
        seconds=math.fsum(unit.seconds for unit in own),
        verdict=worst([_verdict_in(unit, path) for unit in units]),
    )


def _tests_in(unit: MeasuredUnit, path: str) -> Iterable[MeasuredTest]:
    return (test for test in unit.tests if test.nodeid.partition("::")[0] == path)


def _peak_in(unit: MeasuredUnit, path: str) -> int | None:
    """The peak of one file: its unit's, or in a batch that of its own tests."""
    if not is_batch(unit):
        return unit.peak_bytes
    return max(
        (peak for test in _tests_in(unit, path) if (peak := peak_of_case(test)) is not None), default=None
    )


def _verdict_in(unit: MeasuredUnit, path: str) -> str:
    """What became of one file: its unit's verdict, or in a batch that died what its own tests say."""
    if not is_batch(unit) or unit.verdict in ("passed", "no_tests"):
        return unit.verdict
    if unit.victim is not None and unit.victim.partition("::")[0] == path:
        return unit.verdict
    seen = [_OUTCOME_VERDICTS.get(test.outcome, "passed") for test in _tests_in(unit, path)]
    return worst(seen) or "unfinished"


@dataclass(slots=True)
class _Cases:
    """The cases of one test as they were measured."""

    peaks: list[int] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    nodeids: set[str] = field(default_factory=set)
    growth: int = 0
    grown: bool = False

    def add(self, test: MeasuredTest, unit: MeasuredUnit) -> None:
        self.nodeids.add(test.nodeid)
        peak = peak_of_case(test)
        if test.outcome == "unfinished":  # it was running when its process died
            self.verdicts.append(unit.verdict)
            peak = peak or unit.peak_bytes
        else:
            self.verdicts.append(_OUTCOME_VERDICTS.get(test.outcome, test.outcome))
        if peak is not None:
            self.peaks.append(peak)
        if test.before_bytes is not None and test.after_bytes is not None:
            self.growth += test.after_bytes - test.before_bytes
            self.grown = True


def _test_row(nodeid: str, suspect: Suspect | None, cases: _Cases | None) -> TestRow:
    cases = cases or _Cases()
    return TestRow(
        nodeid=nodeid,
        path=nodeid.partition("::")[0],
        suspect=suspect,
        peak_bytes=max(cases.peaks, default=None),
        growth_bytes=cases.growth if cases.grown else None,
        cases=len(cases.nodeids),
        verdict=worst(cases.verdicts),
    )
