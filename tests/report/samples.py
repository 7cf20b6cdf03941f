"""Hand-made results that the tests of the formats share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memlint.model import (
    Confidence,
    ErrorRecord,
    Estimate,
    Finding,
    Level,
    LintResult,
    Location,
    RankResult,
    Reason,
    Related,
    RuleInfo,
    Severity,
    Status,
    Summary,
    Suspect,
)
from memlint.report import RenderContext

MIB = 1024**2
SOURCES = {
    "tests/test_prices.py": {
        12: '    frame = pd.read_csv("/data/prices.csv")',
        30: "\tgrid = np.zeros((50_000, 2_000))  # 價格表",
        44: "    worker = subprocess.Popen([",
    },
    "tests/conftest.py": {
        9: "@pytest.fixture(scope='session')",
        10: "    return sqlite3.connect(':memory:')",
    },
}


def source_line(path: str, line: int) -> str | None:
    return SOURCES.get(path, {}).get(line)


def context(
    *,
    color: bool = False,
    hyperlinks: bool = False,
    width: int = 100,
    level: Level = Level.CI,
    statistics: bool = False,
    verbose: int = 0,
    quiet: bool = False,
    show_suppressed: bool = False,
    top: int | None = None,
    source_line: Callable[[str, int], str | None] = source_line,
) -> RenderContext:
    return RenderContext(
        color=color,
        hyperlinks=hyperlinks,
        width=width,
        level=level,
        statistics=statistics,
        verbose=verbose,
        quiet=quiet,
        source_line=source_line,
        root=Path("/suite"),
        show_suppressed=show_suppressed,
        top=top,
    )


def finding(
    code: str = "MEM101",
    name: str = "unbounded-table-load",
    family: str = "load",
    *,
    path: str = "tests/test_prices.py",
    line: int = 12,
    column: int = 13,
    end_line: int = 0,
    end_column: int = 0,
    symbol: str = "test_prices",
    nodeid: str | None = None,
    message: str = "pandas.read_csv reads /data/prices.csv whole, size unknown",
    suggestion: str = "",
    severity: Severity = Severity.WARNING,
    confidence: Confidence = Confidence.MEDIUM,
    estimate: Estimate | None = None,
    related: tuple[Related, ...] = (),
    fingerprint: str = "f00d",
    status: Status = Status.ACTIVE,
    reason: str = "",
) -> Finding:
    return Finding(
        code=code,
        name=name,
        family=family,
        location=Location(path, line, column, end_line or line, end_column),
        symbol=symbol,
        nodeid=nodeid,
        message=message,
        suggestion=suggestion,
        severity=severity,
        confidence=confidence,
        estimate=estimate,
        related=related,
        fingerprint=fingerprint,
        status=status,
        reason=reason,
    )


def result(*findings: Finding, errors: tuple[ErrorRecord, ...] = (), files: int = 40) -> LintResult:
    count = dict.fromkeys(Status, 0)
    for item in findings:
        count[item.status] += 1
    return LintResult(
        findings=tuple(sorted(findings, key=lambda item: item.sort_key)),
        errors=errors,
        summary=Summary(
            files=files,
            findings=count[Status.ACTIVE],
            hidden=count[Status.HIDDEN],
            suppressed=count[Status.SUPPRESSED],
            baselined=count[Status.BASELINED],
        ),
        rules=RULES,
        suspects=SUSPECTS,
    )


RULES = (
    RuleInfo(
        code="MEM101",
        name="unbounded-table-load",
        family="load",
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        summary="A table reader loads a file of large or unknown size whole.",
        why="A CSV takes two to ten times its size on disk once it is a frame.",
        fix="Pass `nrows`, or read in chunks:\n\n```python\npd.read_csv(path, nrows=1_000)\n```",
        references=("https://pandas.pydata.org/docs/user_guide/scale.html",),
    ),
)
READ_CSV = finding(
    end_column=44,
    nodeid="tests/test_prices.py::test_prices",
    suggestion="Pass nrows= or chunksize=, or keep a small sample of the file in the repository.",
)
BIG_GRID = finding(
    "MEM201",
    "large-allocation",
    "grow",
    line=30,
    column=9,
    end_column=34,
    symbol="TestGrid.test_dense",
    message="numpy.zeros makes 763 MiB",
    suggestion="Use a smaller shape, or mark the test memory_intensive.",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    estimate=Estimate.exact(800_000_000),
    fingerprint="beef",
)
OPEN_PROCESS = finding(
    "MEM401",
    "process-never-terminated",
    "process",
    line=44,
    column=14,
    end_line=48,
    end_column=6,
    symbol="test_server",
    message="the process is never waited for, terminated or killed",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    estimate=Estimate(10 * MIB, 40 * MIB, 900 * MIB),
    fingerprint="cafe",
)
OPEN_DATABASE = finding(
    "MEM501",
    "in-memory-database-never-closed",
    "handle",
    path="tests/conftest.py",
    line=10,
    column=12,
    end_column=39,
    symbol="database",
    message="the in-memory SQLite database is never closed",
    severity=Severity.NOTE,
    related=(Related("tests/conftest.py", 9, "held by this session fixture, used by 14 tests"),),
    fingerprint="d00d",
)
SUPPRESSED = finding(
    line=70, message="known load", status=Status.SUPPRESSED, reason="small in CI", fingerprint="aaaa"
)
BASELINED = finding(line=71, message="old load", status=Status.BASELINED, fingerprint="bbbb")
HIDDEN = finding(
    line=72, message="thin evidence", status=Status.HIDDEN, confidence=Confidence.LOW, fingerprint="cccc"
)
BROKEN_FILE = ErrorRecord("tests/test_broken.py", 3, "'(' was never closed", "MEM900")
SUSPECTS = (
    Suspect(
        "tests/test_grid.py",
        1,
        Estimate(1200 * MIB, 2150 * MIB, 3400 * MIB),
        (
            Reason("imports", 310 * MIB, "tests/test_grid.py", 1, "imports of pandas, scipy"),
            Reason("workers", 1240 * MIB, "tests/test_grid.py", 20, "4 worker processes"),
            Reason("allocation", 600 * MIB, "tests/test_grid.py", 33, "numpy.zeros((50_000, 2_000))"),
            Reason("base", 12 * MIB, "", 0, "interpreter"),
        ),
        2,
    ),
    Suspect("tests/test_prices.py", 2, Estimate.exact(381 * MIB), (), 0),
)
MIXED = result(
    READ_CSV, BIG_GRID, OPEN_PROCESS, OPEN_DATABASE, SUPPRESSED, BASELINED, HIDDEN, errors=(BROKEN_FILE,)
)
CLEAN = result()
RANKING = RankResult(
    files=SUSPECTS,
    tests=(
        Suspect(
            "tests/test_grid.py",
            1,
            Estimate(1100 * MIB, 2000 * MIB, 3300 * MIB),
            SUSPECTS[0].reasons[:2],
            1,
            nodeid="tests/test_grid.py::TestGrid::test_dense",
        ),
    ),
    errors=(BROKEN_FILE,),
)
EMPTY_RANKING = RankResult((), ())
