from __future__ import annotations

from memlint.model import LintResult
from memlint.report.concise import ConciseReporter

from .samples import CLEAN, MIXED, context


def render(lint: LintResult, **settings: object) -> list[str]:
    return "".join(ConciseReporter().render(lint, context(**settings))).splitlines()  # type: ignore[arg-type]


def test_each_finding_is_one_line() -> None:
    assert render(MIXED, quiet=True) == [
        "tests/test_broken.py:3:1: MEM900 '(' was never closed",
        "tests/conftest.py:10:12: MEM501 the in-memory SQLite database is never closed",
        "tests/test_prices.py:12:13: MEM101 pandas.read_csv reads /data/prices.csv whole, size unknown",
        "tests/test_prices.py:30:9: MEM201 numpy.zeros makes 763 MiB",
        "tests/test_prices.py:44:14: MEM401 the process is never waited for, terminated or killed",
    ]


def test_the_counts_end_it() -> None:
    assert render(CLEAN) == ["No findings · 40 files checked"]
    assert render(CLEAN, quiet=True) == []
    assert render(MIXED)[-1].startswith("4 findings in 2 files")


def test_findings_of_other_status_say_so() -> None:
    assert "tests/test_prices.py:70:13: MEM101 known load [suppressed]" in render(MIXED, show_suppressed=True)


def test_statistics_count_by_rule() -> None:
    assert "      1  MEM201 large-allocation" in render(MIXED, statistics=True)
