from __future__ import annotations

from memlint.model import LintResult, Severity, Suspect
from memlint.report.text import TextReporter

from .samples import BIG_GRID, CLEAN, MIXED, context, finding, result

GOLDEN = """\
tests/conftest.py
  10:12 MEM501 in-memory-database-never-closed the in-memory SQLite database is never closed
    10 │     return sqlite3.connect(':memory:')
       │            ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    = note · medium confidence · in database
    see: tests/conftest.py:9 held by this session fixture, used by 14 tests

tests/test_prices.py
  12:13 MEM101 unbounded-table-load pandas.read_csv reads /data/prices.csv whole, size unknown
    12 │     frame = pd.read_csv("/data/prices.csv")
       │             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    = warning · medium confidence · in test_prices
    fix: Pass nrows= or chunksize=, or keep a small sample of the file in the repository.

  30:9 MEM201 large-allocation numpy.zeros makes 763 MiB
    30 │     grid = np.zeros((50_000, 2_000))  # 價格表
       │            ^^^^^^^^^^^^^^^^^^^^^^^^^
    = error · high confidence · 763 MiB · in TestGrid.test_dense
    fix: Use a smaller shape, or mark the test memory_intensive.

  44:14 MEM401 process-never-terminated the process is never waited for, terminated or killed
    44 │     worker = subprocess.Popen([
       │              ^^^^^^^^^^^^^^^^^^
    = error · high confidence · about 40 MiB (10 MiB to 900 MiB) · in test_server

Could not be checked
  tests/test_broken.py:3 MEM900 '(' was never closed

4 findings in 2 files (2 errors, 1 warning, 1 note) · 40 files checked, 1 not fully \
· 1 suppressed, 1 below level ci, 1 in the baseline

Profile these first (predicted peak memory)
   1.   2.1 GiB  tests/test_grid.py (1.17 GiB – 3.32 GiB)
                 4 worker processes 1.21 GiB, numpy.zeros((50_000, 2_000)) 600 MiB, imports of pand…
   2.   381 MiB  tests/test_prices.py
"""


def render(lint: LintResult, **settings: object) -> str:
    return "".join(TextReporter().render(lint, context(**settings)))  # type: ignore[arg-type]


def test_findings_stand_by_file_with_their_source() -> None:
    assert render(MIXED) == GOLDEN


def test_a_clean_run_is_one_line() -> None:
    assert render(CLEAN) == "No findings · 40 files checked\n"


def test_a_clean_run_still_counts_what_is_out_of_sight() -> None:
    lint = result(finding(status=MIXED.findings[-1].status), files=1)
    assert render(lint) == "No findings · 1 file checked · 1 below level ci\n"


def test_quiet_leaves_findings_and_errors_alone() -> None:
    assert render(CLEAN, quiet=True) == ""
    quiet = render(MIXED, quiet=True)
    assert "checked\n  tests/test_broken.py:3 MEM900" in quiet
    assert "findings in" not in quiet
    assert "Profile these first" not in quiet


def test_verbose_names_suspects_of_a_clean_run_too() -> None:
    assert "tests/test_grid.py" in render(CLEAN, verbose=1)


def test_statistics_count_active_findings_by_rule() -> None:
    lint = result(BIG_GRID, *(finding(line=line) for line in (1, 2, 3)))
    rows = render(lint, statistics=True).split("Findings by rule\n")[1].splitlines()[:3]
    assert [row.split() for row in rows] == [
        ["3", "MEM101", "unbounded-table-load"],
        ["1", "MEM201", "large-allocation"],
        [],
    ]


def test_suppressed_findings_say_why() -> None:
    output = render(MIXED, show_suppressed=True)
    assert "in test_prices · suppressed: small in CI\n" in output
    assert "in test_prices · baselined\n" in output


def test_each_severity_has_its_colour() -> None:
    colours = {
        severity: render(result(finding(severity=severity)), color=True)
        .split("MEM101")[0]
        .rsplit("\x1b", 1)[1]
        for severity in Severity
    }
    assert colours == {Severity.ERROR: "[1;31m", Severity.WARNING: "[1;33m", Severity.NOTE: "[1;36m"}


def test_links_are_written_only_where_asked_for() -> None:
    assert "\x1b" not in render(MIXED)
    assert "\x1b]8;;" not in render(MIXED, color=True)
    linked = render(result(finding(path="tests/a b#é.py")), hyperlinks=True)
    assert "\x1b]8;;file:///suite/tests/a%20b%23%C3%A9.py\x1b\\" in linked


def test_square_brackets_of_a_message_are_no_markup() -> None:
    assert "frame[[red]x[/red]] :smile:" in render(
        result(finding(message="frame[[red]x[/red]] :smile:")), color=True
    )


def test_a_headline_is_never_wrapped_and_advice_is() -> None:
    lint = result(finding(message="word " * 60, suggestion="advice " * 60))
    lines = render(lint, width=60).splitlines()
    assert sum("word" in line for line in lines) == 1
    advice = [line for line in lines if "advice" in line]
    assert len(advice) > 5
    assert max(map(len, advice)) <= 60


def test_a_missing_source_line_leaves_the_finding_without_a_picture() -> None:
    output = render(MIXED, source_line=lambda path, line: None)
    assert "│" not in output
    assert "12:13 MEM101" in output


def test_stale_baseline_entries_are_told() -> None:
    lint = LintResult((), (), CLEAN.summary, stale_baseline=("1 entry of tests/gone.py matches nothing",))
    assert render(lint).startswith("baseline: 1 entry of tests/gone.py matches nothing\n")


def test_five_suspects_at_most_are_named() -> None:
    peak = MIXED.suspects[0].peak
    suspects = tuple(Suspect(f"tests/test_{n}.py", n, peak, (), 0) for n in range(1, 9))
    lint = LintResult(MIXED.findings, (), MIXED.summary, suspects=suspects)
    output = render(lint)
    assert "tests/test_5.py" in output
    assert "tests/test_6.py" not in output
