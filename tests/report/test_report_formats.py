"""A report as a job summary and as JSON, and what all formats take from the journal."""

from __future__ import annotations

import builtins
import json
from dataclasses import replace
from typing import Any

import pytest

from memlint.model import Measurement
from memlint.report import MissingExtraError
from memlint.report.headline import Mood, headline
from memlint.report.page import PageReporter
from memlint.report.page_data import excerpt
from memlint.report.report_json import JsonReportReporter
from memlint.report.report_markdown import MarkdownReportReporter
from memlint.report.rows import file_rows, rows_of_tests, slope

from .samples import context
from .suite_data import CALM, CONTEXT, FINDINGS, GRID, LOG, MIB, case, report_data, source_line, unit


def markdown(**changes: Any) -> str:
    return "".join(MarkdownReportReporter().render(report_data(**changes), context()))


def test_the_summary_begins_with_the_verdict_and_has_a_bar_a_row() -> None:
    text = markdown()
    assert text.startswith("### 🔴 tests/test\\_grid.py ran out of memory\n")
    rows = [line for line in text.splitlines() if "░" in line or "█" in line]
    assert len(rows) == 3
    assert "`██████░░░░`" in rows[0] and "**oom**" in rows[0]
    assert "**single heavy test**" in text


def test_the_summary_keeps_to_what_github_takes() -> None:
    many = tuple(
        replace(GRID, name=f"tests/test_{n:05}.py", members=(f"tests/test_{n:05}.py",)) for n in range(4000)
    )
    found = tuple(
        replace(FINDINGS[0], location=replace(FINDINGS[0].location, line=n), message="m" * 300)
        for n in range(4000)
    )
    text = markdown(measurement=Measurement((CONTEXT,), many), findings=found)
    assert len(text) < 60_000
    assert "lighter files" in text and "had no room" in text


def test_the_summary_shows_hostile_text_as_text() -> None:
    bad = replace(FINDINGS[0], message="<img src=x> | @team [a](javascript:b)\n# x\u202e")
    text = markdown(findings=(bad,))
    assert "<img" not in text and "\u202e" not in text and "@team" not in text and "[a](" not in text


def test_json_holds_everything() -> None:
    text = "".join(JsonReportReporter().render(report_data(), context()))
    data = json.loads(text)
    assert data["schema"] == "memlint.report/1"
    assert [item["path"] for item in data["files"]] == [
        "tests/test_grid.py",
        "tests/test_log.py",
        "tests/test_calm.py",
    ]
    assert data["files"][0]["peak_bytes"] == 511 * MIB
    assert data["files"][1]["predicted_peak_bytes"] == {"low": 50 * MIB, "likely": 60 * MIB, "high": 80 * MIB}
    log = next(item for item in data["units"] if item["name"] == "tests/test_log.py")
    assert log["growth_bytes_per_test"] == 20 * MIB and len(log["tests"]) == 5
    assert data["causes"][1]["bytes_per_test"] == 20 * MIB
    assert [item["code"] for item in data["findings"]] == ["MEM201", "MEM603"]
    bare = json.loads("".join(JsonReportReporter().render(report_data(measurement=None), context())))
    assert (bare["units"], bare["agreement"], bare["journal"]) == ([], None, None)


def test_in_a_batch_each_file_has_its_own_tests_peak_and_fate() -> None:
    batch = unit(
        "batch-1",
        "oom",
        500,
        members=("tests/test_log.py", "tests/test_calm.py"),
        victim="tests/test_calm.py::test_calm",
        tests=(
            case("tests/test_log.py::test_line", 40, 90, 50),
            case("tests/test_calm.py::test_calm", 50, 450, 60),
        ),
    )
    rows = {row.path: row for row in file_rows(report_data(measurement=Measurement((CONTEXT,), (batch,))))}
    assert (rows["tests/test_log.py"].peak_bytes, rows["tests/test_log.py"].verdict) == (90 * MIB, "passed")
    assert (rows["tests/test_calm.py"].peak_bytes, rows["tests/test_calm.py"].verdict) == (450 * MIB, "oom")


def test_cases_of_a_test_are_one_row() -> None:
    (row,) = (row for row in rows_of_tests(report_data()) if row.path == "tests/test_log.py")
    assert (row.nodeid, row.cases, row.peak_bytes, row.growth_bytes) == (
        "tests/test_log.py::test_line", 5, 160 * MIB, 100 * MIB,
    )  # fmt: skip
    assert slope(LOG) == pytest.approx(20 * MIB)
    assert slope(CALM) is None


@pytest.mark.parametrize(
    ("units", "in_flight", "mood", "text"),
    [
        ((LOG, CALM), (), Mood.GOOD, "No file ran out of memory; the heaviest reached 160 MiB"),
        ((LOG,), ("tests/test_x.py",), Mood.BAD, "The run was cut short while tests/test_x.py ran"),
        ((replace(LOG, verdict="failed"), CALM), (), Mood.DOUBTFUL, "and 1 of 2 files did not pass"),
        ((replace(LOG, verdict="killed"), CALM), (), Mood.BAD, "tests/test_log.py was killed"),
        (
            (replace(LOG, verdict="killed"), replace(CALM, verdict="killed")),
            (),
            Mood.BAD,
            "2 of 2 files were killed",
        ),
        ((), (), Mood.DOUBTFUL, "The journal holds no finished unit"),
    ],
)
def test_the_headline_names_the_worst(units: Any, in_flight: Any, mood: Mood, text: str) -> None:
    data = report_data(measurement=Measurement((CONTEXT,), units, in_flight), causes=())
    said = headline(data, file_rows(data))
    assert said.mood is mood
    assert text in said.text


def test_long_lines_are_cut_around_the_span() -> None:
    line = "x" * 5000 + "CALL()" + "y" * 5000
    place = replace(FINDINGS[0].location, line=1, column=5001, end_line=1, end_column=5007)
    ((number, text, start, end),) = excerpt(place, lambda _path, n: line if n == 1 else None)
    assert number == 1 and isinstance(text, str) and isinstance(start, int) and isinstance(end, int)
    assert text[start:end] == "CALL()" and len(text) < 300 and "more characters)" in text


def test_without_the_extra_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.startswith(("jinja2", "vl_convert")):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'pytest-memlint\[report\]'"):
        list(PageReporter().render(report_data(), context(source_line=source_line)))
