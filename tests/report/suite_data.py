"""A small measured suite, made by hand, that the tests of reports and plans share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from memlint.model import (
    Cause,
    CauseKind,
    Confidence,
    Culprit,
    Estimate,
    Finding,
    LintResult,
    Location,
    MeasuredContext,
    MeasuredProcess,
    MeasuredTest,
    MeasuredUnit,
    Measurement,
    RankResult,
    Reason,
    ReportData,
    RuleInfo,
    Severity,
    Summary,
    Suspect,
)

MIB = 1 << 20
CONTEXT = MeasuredContext(
    hash="c0ffee",
    python="3.11.7",
    platform="linux-x86_64",
    meter="sampling",
    memory_bytes=16 << 30,
    pytest="9.2.0",
    started="2026-03-01T10:00:00+00:00",
    argv=("measure", "tests", "--limit", "512MiB", "--journal", "journal.jsonl"),
    limit_bytes=512 * MIB,
)
SOURCES = {
    "tests/test_grid.py": [
        "import numpy as np",
        "",
        "",
        "def test_dense():",
        "    grid = np.zeros((50_000, 2_000))",
        "    assert grid.sum() == 0",
    ],
    "tests/test_log.py": [
        "SEEN = []",
        "",
        "",
        "def test_line(number):",
        "    SEEN.append(b'.' * number)",
        "    assert SEEN",
    ],
    "tests/test_calm.py": ["def test_calm():", "    pass"],
}
RULES = (
    RuleInfo(
        "MEM201", "large-allocation", "grow", Severity.ERROR, Confidence.HIGH, "One `call` is large.", "", ""
    ),
    RuleInfo(
        "MEM603", "global-accumulator", "retain", Severity.WARNING, Confidence.MEDIUM, "It is kept.", "", ""
    ),
    RuleInfo(
        "MEM501",
        "in-memory-database-never-closed",
        "handle",
        Severity.WARNING,
        Confidence.HIGH,
        "Open.",
        "",
        "",
    ),
)


def source_line(path: str, line: int) -> str | None:
    lines = SOURCES.get(path, [])
    return lines[line - 1] if 1 <= line <= len(lines) else None


def case(nodeid: str, before: int, peak: int, after: int, outcome: str = "passed") -> MeasuredTest:
    return MeasuredTest(nodeid, outcome, before * MIB, peak * MIB, after * MIB, 0.1)


def unit(name: str, verdict: str = "passed", peak: int | None = 60, **changes: object) -> MeasuredUnit:
    made = MeasuredUnit(
        name=name,
        members=(name,),
        verdict=verdict,
        exit_code=0 if verdict == "passed" else None,
        signal=None if verdict == "passed" else "SIGKILL",
        evidence=(),
        peak_bytes=None if peak is None else peak * MIB,
        baseline_bytes=36 * MIB,
        retained_bytes=1 * MIB,
        cache_bytes=0,
        meter="sampling",
        seconds=2.0,
        victim=None,
        leftovers=(),
        tests=(),
        context=CONTEXT,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


GRID = unit(
    "tests/test_grid.py",
    "oom",
    511,
    retained_bytes=None,
    evidence=("killed by the watchdog: 511 MiB over the limit of 512 MiB",),
    victim="tests/test_grid.py::test_dense",
    tests=(MeasuredTest("tests/test_grid.py::test_dense", "unfinished", None, None, None, 0.0),),
)
LOG = unit(
    "tests/test_log.py",
    peak=160,
    retained_bytes=100 * MIB,
    tests=tuple(
        case(f"tests/test_log.py::test_line[{n}]", 60 + 20 * n, 80 + 20 * n, 80 + 20 * n) for n in range(5)
    ),
)
CALM = unit(
    "tests/test_calm.py",
    peak=40,
    leftovers=(MeasuredProcess(77, "sleep 300"),),
    tests=(case("tests/test_calm.py::test_calm", 36, 40, 36),),
)
MEASUREMENT = Measurement((CONTEXT,), (GRID, LOG, CALM))


def suspect(path: str, rank: int, low: int, likely: int, high: int, nodeid: str | None = None) -> Suspect:
    reasons = (
        Reason("allocation", (likely - 20) * MIB, path, 5, "numpy.zeros((50_000, 2_000))"),
        Reason("base", 20 * MIB, "", 0, "the interpreter and pytest"),
    )
    return Suspect(path, rank, Estimate(low * MIB, likely * MIB, high * MIB), reasons, 1, nodeid)


def finding(
    code: str, name: str, path: str, place: tuple[int, int, int], message: str, **more: object
) -> Finding:
    line, column, end = place
    made = Finding(
        code=code,
        name=name,
        family="grow",
        location=Location(path, line, column, line, end),
        symbol="test_dense",
        nodeid=f"{path}::test_dense",
        message=message,
        suggestion="Use `np.zeros` of a smaller shape.",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
    )
    return replace(made, **more)  # type: ignore[arg-type]


FINDINGS = (
    finding(
        "MEM201",
        "large-allocation",
        "tests/test_grid.py",
        (5, 12, 38),
        "numpy.zeros makes 763 MiB",
        estimate=Estimate.exact(763 * MIB),
    ),
    finding(
        "MEM603",
        "global-accumulator",
        "tests/test_log.py",
        (5, 5, 31),
        "'SEEN' keeps what it is given",
        symbol="test_line",
        nodeid="tests/test_log.py::test_line",
        severity=Severity.WARNING,
        suggestion="Let a fixture own the container.",
    ),
)
CAUSES = (
    Cause(
        CauseKind.SINGLE_HEAVY,
        "tests/test_grid.py",
        (Culprit("tests/test_grid.py::test_dense", 475 * MIB, "holds it alone"),),
        ("test_dense was running, and nothing before it had kept anything.",),
        475 * MIB,
        next_command="memlint measure tests/test_grid.py::test_dense --memray",
    ),
    Cause(
        CauseKind.UNIFORM_GROWTH,
        "tests/test_log.py",
        (Culprit("tests/test_log.py::test_line", 100 * MIB, "20 MiB in each case"),),
        ("All five cases grow alike.",),
        100 * MIB,
        bytes_per_test=20.0 * MIB,
    ),
)


def report_data(
    *,
    measurement: Measurement | None = MEASUREMENT,
    findings: Iterable[Finding] = FINDINGS,
    causes: tuple[Cause, ...] = CAUSES,
    **changes: object,
) -> ReportData:
    found = tuple(findings)
    files = (
        suspect("tests/test_grid.py", 1, 700, 800, 900),
        suspect("tests/test_log.py", 2, 50, 60, 80),
        suspect("tests/test_calm.py", 3, 30, 45, 60),
    )
    tests = (suspect("tests/test_grid.py", 1, 700, 800, 900, nodeid="tests/test_grid.py::test_dense"),)
    data = ReportData(
        suite="shop",
        version="0.1.0",
        lint=LintResult(found, (), Summary(3, len(found)), RULES),
        ranking=RankResult(files, tests),
        measurement=measurement,
        journal="journal.jsonl" if measurement else "",
        causes=causes if measurement else (),
    )
    return replace(data, **changes)  # type: ignore[arg-type]
