from __future__ import annotations

import json
from typing import Any

import msgspec

from memlint.report.lint_json import JsonLinesReporter, JsonReporter
from memlint.report.strict_json import dumps

from .samples import BIG_GRID, CLEAN, MIXED, OPEN_DATABASE, context, finding, result

KEYS = [
    "code",
    "name",
    "path",
    "line",
    "column",
    "end_line",
    "symbol",
    "nodeid",
    "severity",
    "confidence",
    "message",
    "suggestion",
    "estimated_bytes",
    "estimate",
    "related",
    "fingerprint",
]


def render(**settings: object) -> Any:
    return json.loads("".join(JsonReporter().render(MIXED, context(**settings))))  # type: ignore[arg-type]


def test_the_contract_is_kept() -> None:
    document = render()
    assert list(document) == ["schema", "findings", "errors", "summary"]
    assert document["schema"] == "memlint.lint/1"
    assert [list(record) for record in document["findings"]] == [KEYS] * 4
    assert document["errors"] == [
        {"path": "tests/test_broken.py", "line": 3, "message": "'(' was never closed"}
    ]
    assert document["summary"] == {"files": 40, "findings": 4, "hidden": 1, "suppressed": 1, "baselined": 1}


def test_a_finding_keeps_all_it_says() -> None:
    (record,) = json.loads("".join(JsonReporter().render(result(BIG_GRID), context())))["findings"]
    assert record == {
        "code": "MEM201",
        "name": "large-allocation",
        "path": "tests/test_prices.py",
        "line": 30,
        "column": 9,
        "end_line": 30,
        "symbol": "TestGrid.test_dense",
        "nodeid": None,
        "severity": "error",
        "confidence": "high",
        "message": "numpy.zeros makes 763 MiB",
        "suggestion": "Use a smaller shape, or mark the test memory_intensive.",
        "estimated_bytes": 800_000_000,
        "estimate": {"low": 800_000_000, "likely": 800_000_000, "high": 800_000_000},
        "related": [],
        "fingerprint": "beef",
    }


def test_what_is_not_known_is_null() -> None:
    (record,) = json.loads("".join(JsonReporter().render(result(OPEN_DATABASE), context())))["findings"]
    assert record["estimated_bytes"] is None
    assert record["estimate"] is None
    assert record["related"] == [
        {"path": "tests/conftest.py", "line": 9, "message": "held by this session fixture, used by 14 tests"}
    ]


def test_suppressed_findings_come_with_their_status() -> None:
    statuses = {
        record["line"]: (record["status"], record["reason"])
        for record in render(show_suppressed=True)["findings"]
    }
    assert statuses[70] == ("suppressed", "small in CI")
    assert statuses[71] == ("baselined", "")
    assert statuses[12] == ("active", "")
    assert 72 not in statuses


def test_a_clean_run_has_empty_lists() -> None:
    assert "".join(JsonReporter().render(CLEAN, context())) == (
        "{\n"
        '  "schema": "memlint.lint/1",\n'
        '  "findings": [],\n'
        '  "errors": [],\n'
        '  "summary": {"files": 40, "findings": 0, "hidden": 0, "suppressed": 0, "baselined": 0}\n'
        "}\n"
    )


def test_lines_hold_findings_then_errors_then_the_summary() -> None:
    lines = [json.loads(line) for line in "".join(JsonLinesReporter().render(MIXED, context())).splitlines()]
    assert [line["type"] for line in lines] == ["finding"] * 4 + ["error", "summary"]
    assert {line["schema"] for line in lines} == {"memlint.lint/1"}
    assert list(lines[0]) == ["schema", "type", *KEYS]


def test_lone_surrogates_are_spelt_out_so_that_strict_parsers_take_it() -> None:
    assert msgspec.json.decode(dumps(["\udcff", "\\ud800", "🐘", "\\\udcff", "a\ud83d"])) == [
        r"\udcff",
        r"\ud800",
        "🐘",
        r"\\udcff",
        r"a\ud83d",
    ]
    output = "".join(JsonReporter().render(result(finding(path="tests/\udcff.py")), context()))
    assert msgspec.json.decode(output)["findings"][0]["path"] == r"tests/\udcff.py"
