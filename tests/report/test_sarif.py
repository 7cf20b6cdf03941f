from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from memlint import __version__
from memlint.model import ErrorRecord, LintResult, Severity
from memlint.report.sarif import SarifReporter

from .samples import BIG_GRID, CLEAN, MIXED, OPEN_DATABASE, OPEN_PROCESS, READ_CSV, context, finding, result
from .test_formats import HOSTILE, hostile_result

SCHEMA_FILE = Path(__file__).parent.parent / "data" / "sarif-schema-2.1.0-rtm.4.json"
VALIDATOR = jsonschema.Draft4Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def render(lint: LintResult, **settings: object) -> Any:
    return json.loads("".join(SarifReporter().render(lint, context(**settings))))  # type: ignore[arg-type]


def run_of(lint: LintResult, **settings: object) -> Any:
    (run,) = render(lint, **settings)["runs"]
    return run


@pytest.mark.parametrize("lint", [MIXED, CLEAN, *map(hostile_result, HOSTILE)])
@pytest.mark.parametrize("show_suppressed", [False, True])
def test_the_log_fits_the_schema(lint: LintResult, show_suppressed: bool) -> None:
    VALIDATOR.validate(render(lint, show_suppressed=show_suppressed))


def test_the_schema_can_refuse() -> None:
    log = render(MIXED)
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not VALIDATOR.is_valid(log)


def test_a_result_says_all_about_its_finding() -> None:
    (record,) = run_of(result(BIG_GRID))["results"]
    assert record == {
        "ruleId": "MEM201",
        "ruleIndex": 1,
        "level": "error",
        "message": {
            "text": "numpy.zeros makes 763 MiB. Estimate: 763 MiB. "
            "Use a smaller shape, or mark the test memory_intensive."
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "tests/test_prices.py", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 30, "startColumn": 9, "endLine": 30, "endColumn": 34},
                },
                "logicalLocations": [{"fullyQualifiedName": "TestGrid.test_dense", "kind": "function"}],
            }
        ],
        "partialFingerprints": {"memlint/v1": "beef"},
        "properties": {
            "confidence": "high",
            "estimatedBytes": 800_000_000,
            "estimate": {"low": 800_000_000, "likely": 800_000_000, "high": 800_000_000},
        },
    }


def test_every_result_points_at_its_rule() -> None:
    run = run_of(MIXED)
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("memlint", __version__)
    assert [rule["id"] for rule in driver["rules"]] == ["MEM101", "MEM201", "MEM401", "MEM501"]
    for record in run["results"]:
        assert driver["rules"][record["ruleIndex"]]["id"] == record["ruleId"]


def test_a_rule_brings_its_texts() -> None:
    rule = run_of(result(READ_CSV))["tool"]["driver"]["rules"][0]
    assert rule["shortDescription"]["text"] == "A table reader loads a file of large or unknown size whole."
    markdown = rule["help"]["markdown"]
    assert "## Why\n\nA CSV takes" in markdown
    assert "pd.read_csv(path, nrows=1_000)" in markdown
    assert "- https://pandas.pydata.org/docs/user_guide/scale.html" in markdown
    assert rule["defaultConfiguration"] == {"level": "warning"}
    assert rule["properties"]["precision"] == "medium"
    assert rule["properties"]["problem.severity"] == "warning"


def test_related_places_are_numbered() -> None:
    (record,) = run_of(result(OPEN_DATABASE))["results"]
    (related,) = record["relatedLocations"]
    assert related["id"] == 1
    assert related["physicalLocation"]["region"] == {"startLine": 9}
    assert related["message"]["text"] == "held by this session fixture, used by 14 tests"


def test_suppressions_are_told_where_suppressed_findings_are_wanted() -> None:
    assert all("suppressions" not in record for record in run_of(MIXED)["results"])
    by_line = {
        record["locations"][0]["physicalLocation"]["region"]["startLine"]: record["suppressions"]
        for record in run_of(MIXED, show_suppressed=True)["results"]
    }
    assert by_line[70] == [{"kind": "inSource", "justification": "small in CI"}]
    assert by_line[71] == [{"kind": "external"}]
    assert by_line[12] == []


def test_errors_are_notifications_of_a_run_that_failed() -> None:
    (invocation,) = run_of(MIXED)["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["descriptor"] == {"id": "MEM900"}
    assert notification["message"]["text"] == "'(' was never closed"
    assert run_of(CLEAN)["invocations"][0]["executionSuccessful"] is True


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("tests/a b%.py", {"uri": "tests/a%20b%25.py", "uriBaseId": "%SRCROOT%"}),
        ("c:d/é.py", {"uri": "c%3Ad/%C3%A9.py", "uriBaseId": "%SRCROOT%"}),
        ("t/\udcff.py", {"uri": "t/%FF.py", "uriBaseId": "%SRCROOT%"}),
        ("t/\ud800.py", {"uri": "t/%ED%A0%80.py", "uriBaseId": "%SRCROOT%"}),
        ("/abs/x?.py", {"uri": "file:///abs/x%3F.py"}),
        ("C:/abs/x.py", {"uri": "file:///C:/abs/x.py"}),
    ],
)
def test_paths_become_uris(path: str, location: dict[str, str]) -> None:
    (record,) = run_of(result(finding(path=path)))["results"]
    assert record["locations"][0]["physicalLocation"]["artifactLocation"] == location


def test_an_error_without_a_line_has_no_region() -> None:
    lint = result(errors=(ErrorRecord("tests/gone.py", 0, "no such file"),))
    (notification,) = run_of(lint)["invocations"][0]["toolExecutionNotifications"]
    assert "region" not in notification["locations"][0]["physicalLocation"]
    VALIDATOR.validate(render(lint))


def test_within_a_severity_the_larger_estimate_comes_first() -> None:
    small = finding(
        "MEM201",
        severity=Severity.ERROR,
        line=1,
        estimate=OPEN_PROCESS.estimate,
        confidence=BIG_GRID.confidence,
    )
    records = run_of(result(small, BIG_GRID))["results"]
    assert [record["properties"]["estimatedBytes"] for record in records] == [800_000_000, 41_943_040]
