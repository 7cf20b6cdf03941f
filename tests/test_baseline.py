"""Accepted findings: matched by fingerprint, judged by growth, told of when they are gone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from memlint import baseline
from memlint.config import ConfigError, Settings, load_settings
from memlint.model import (
    Confidence,
    ErrorRecord,
    Estimate,
    Finding,
    LintResult,
    Location,
    Severity,
    Status,
    Summary,
)


def finding(
    fingerprint: str, path: str = "tests/test_a.py", line: int = 3, size: int | None = None
) -> Finding:
    return Finding(
        code="MEM201",
        name="large-allocation",
        family="grow",
        location=Location(path, line),
        symbol="test_x",
        nodeid=None,
        message="large",
        suggestion="",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        estimate=None if size is None else Estimate.exact(size),
        fingerprint=fingerprint,
    )


def result(*findings: Finding, errors: tuple[ErrorRecord, ...] = ()) -> LintResult:
    active = sum(f.status is Status.ACTIVE for f in findings)
    return LintResult(findings, errors, Summary(files=1, findings=active))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return load_settings()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known.json"


def statuses(found: LintResult) -> list[str]:
    return [f.status.value for f in found.findings]


def test_what_is_accepted_no_longer_counts(settings, file):
    assert baseline.write(file, result(finding("a"), finding("b")), settings) == 2
    now = baseline.apply(file, result(finding("a", line=99), finding("c")), settings, ("tests/gone",))
    assert statuses(now) == ["baselined", "active"]
    assert (now.summary.findings, now.summary.baselined) == (1, 1)
    assert now.stale_baseline == ()


def test_the_file_holds_no_line_numbers_and_does_not_depend_on_order(settings, file):
    one, two = finding("a", line=3, size=5), finding("b", path="tests/test_0.py", line=9)
    baseline.write(file, result(one, two), settings)
    content = file.read_text()
    baseline.write(file, result(replace(two, location=Location("tests/test_0.py", 1)), one), settings)
    assert file.read_text() == content
    assert content.endswith("}\n")
    assert json.loads(content) == {
        "schema": "memlint.baseline/1",
        "findings": [
            {
                "fingerprint": key,
                "code": "MEM201",
                "path": path,
                "symbol": "test_x",
                "message": "large",
                "estimated_bytes": size,
                "reason": "",
            }
            for key, path, size in [("b", "tests/test_0.py", None), ("a", "tests/test_a.py", 5)]
        ],
    }


def test_only_what_counts_is_accepted(settings, file):
    hidden = replace(finding("h"), status=Status.HIDDEN)
    suppressed = replace(finding("s"), status=Status.SUPPRESSED)
    assert baseline.write(file, result(hidden, suppressed, finding("a")), settings) == 1
    now = baseline.apply(file, result(hidden, suppressed, finding("a")), settings, ())
    assert statuses(now) == ["hidden", "suppressed", "baselined"]


def test_reasons_written_by_hand_are_kept_and_shown(settings, file):
    baseline.write(file, result(finding("a"), finding("b")), settings)
    file.write_text(file.read_text().replace('"reason": ""', '"reason": "needs the whole table"', 1))
    baseline.write(file, result(finding("a"), finding("c")), settings)
    now = baseline.apply(file, result(finding("a"), finding("c")), settings, ())
    assert [f.reason for f in now.findings] == ["needs the whole table", ""]


@pytest.mark.parametrize(
    ("before", "now", "status"),
    [(100, 200, "baselined"), (100, 201, "active"), (None, 10**9, "baselined"), (100, None, "baselined")],
)
def test_growth_beyond_the_factor_makes_a_finding_count_again(settings, file, before, now, status):
    baseline.write(file, result(finding("a", size=before)), settings)
    found = baseline.apply(file, result(finding("a", size=now)), settings, ())
    assert statuses(found) == [status]
    assert bool(found.stale_baseline) == (status == "active")


def test_growth_is_told_in_bytes(settings, file):
    baseline.write(file, result(finding("a", size=100 * 1024**2)), settings)
    found = baseline.apply(file, result(finding("a", size=300 * 1024**2)), settings, ())
    assert found.stale_baseline == (
        "tests/test_a.py:3: MEM201 was accepted at 100 MiB and is 300 MiB now: it counts again",
    )


class TestStale:
    @pytest.fixture(autouse=True)
    def known(self, settings, file):
        baseline.write(file, result(finding("a"), finding("b", path="tests/sub/test_b.py")), settings)

    def told(self, file, settings, *paths, findings=(), errors=()):
        found = baseline.apply(file, result(*findings, errors=errors), settings, paths)
        return [message.split(",")[0] for message in found.stale_baseline]

    def test_entries_that_match_nothing_are_told(self, settings, file):
        found = baseline.apply(file, result(finding("a")), settings, ())
        assert found.stale_baseline == (
            "MEM201 in tests/sub/test_b.py, test_x is no longer found: write the baseline anew",
        )

    @pytest.mark.parametrize(
        ("paths", "expected"),
        [
            (["tests/test_a.py"], ["MEM201 in tests/test_a.py"]),
            (["tests/sub"], ["MEM201 in tests/sub/test_b.py"]),
            (["tests/sub/test_b.py::test_x"], ["MEM201 in tests/sub/test_b.py"]),
            (["./tests"], ["MEM201 in tests/sub/test_b.py", "MEM201 in tests/test_a.py"]),
            (["tests/su", "other"], []),
        ],
    )
    def test_only_those_below_the_checked_paths(self, settings, file, paths, expected):
        assert sorted(self.told(file, settings, *paths)) == expected

    def test_not_those_of_files_that_could_not_be_read(self, settings, file):
        errors = (ErrorRecord("tests/test_a.py", 1, "does not parse"),)
        assert self.told(file, settings, errors=errors) == ["MEM201 in tests/sub/test_b.py"]

    def test_not_those_that_are_hidden_or_whose_rule_is_off(self, settings, file):
        hidden = [replace(finding(key), status=Status.HIDDEN) for key in "ab"]
        assert self.told(file, settings, findings=hidden) == []
        assert self.told(file, replace(settings, codes=frozenset({"MEM101"}))) == []

    def test_paths_count_from_the_root_wherever_memlint_runs(self, settings, file, tmp_path, monkeypatch):
        (tmp_path / "tests").mkdir()
        monkeypatch.chdir(tmp_path / "tests")
        assert self.told(file, load_settings(), "sub") == ["MEM201 in tests/sub/test_b.py"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not a baseline"),
        ("[]", "is not a baseline"),
        ('{"schema": "memlint.baseline/1", "findings": [{"code": "MEM101"}]}', "is not a baseline"),
        ('{"schema": "memlint.baseline/9", "findings": []}', "has the schema 'memlint.baseline/9'"),
        ('{"schema": "memlint.lint/1", "findings": [], "errors": []}', "is not a baseline"),
    ],
)
def test_another_file_is_refused_and_never_overwritten(settings, file, content, message):
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        baseline.apply(file, result(), settings, ())
    with pytest.raises(ConfigError, match=message):
        baseline.write(file, result(finding("a")), settings)
    assert file.read_text() == content


def test_a_place_that_cannot_be_written(settings, tmp_path):
    with pytest.raises(ConfigError, match=r"gone/known\.json: cannot be written: No such file"):
        baseline.write(tmp_path / "gone" / "known.json", result(), settings)


def test_nothing_is_left_beside_the_file(settings, file, tmp_path):
    baseline.write(file, result(finding("a")), settings)
    assert {path.name for path in tmp_path.iterdir()} == {".git", "known.json"}
