from __future__ import annotations

import json
from typing import Any

from memlint.model import ErrorRecord, LintResult
from memlint.report.gitlab import GitlabReporter

from .samples import BIG_GRID, CLEAN, MIXED, context, finding, result


def render(lint: LintResult) -> Any:
    return json.loads("".join(GitlabReporter().render(lint, context())))


def test_an_issue_has_what_the_widget_reads() -> None:
    (issue,) = render(result(BIG_GRID))
    fingerprint = issue.pop("fingerprint")
    assert issue == {
        "type": "issue",
        "check_name": "MEM201",
        "description": "MEM201 large-allocation: numpy.zeros makes 763 MiB [763 MiB]",
        "severity": "critical",
        "location": {"path": "tests/test_prices.py", "lines": {"begin": 30, "end": 30}},
    }
    assert len(fingerprint) == 32
    assert int(fingerprint, 16)


def test_severities_are_those_gitlab_knows() -> None:
    assert [issue["severity"] for issue in render(MIXED)] == [
        "blocker",
        "critical",
        "critical",
        "major",
        "info",
    ]


def test_fingerprints_are_unique_and_keep_when_lines_move() -> None:
    twins = render(result(finding(line=1), finding(line=2), finding(line=3, fingerprint="")))
    assert len({issue["fingerprint"] for issue in twins}) == 3
    moved = render(result(finding(line=101), finding(line=102), finding(line=103, fingerprint="")))
    assert [issue["fingerprint"] for issue in moved] == [issue["fingerprint"] for issue in twins]


def test_an_error_without_a_line_points_at_the_first() -> None:
    (issue,) = render(result(errors=(ErrorRecord("tests/gone.py", 0, "no such file"),)))
    assert issue["location"] == {"path": "tests/gone.py", "lines": {"begin": 1}}
    assert issue["check_name"] == "not-checked"


def test_a_clean_run_is_an_empty_array() -> None:
    assert render(CLEAN) == []
