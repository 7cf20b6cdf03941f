"""``memlint lint``: options become a request, a result becomes output and an exit code."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli_fakes import finding

from memlint.model import ErrorRecord, Level, Severity, Status
from memlint.report import FORMATS


def as_json(ended) -> dict:
    return json.loads(ended.out)


class TestExitCodes:
    def test_nothing_found(self, memlint):
        assert memlint("tests").code == 0

    def test_findings(self, memlint, fake):
        fake.findings = [finding()]
        assert memlint("tests").code == 1
        assert memlint("tests", "--exit-zero").code == 0

    @pytest.mark.parametrize(
        ("severity", "fail_on", "code"),
        [("note", "note", 1), ("note", "warning", 0), ("warning", "error", 0), ("error", "error", 1)],
    )
    def test_only_severities_from_fail_on_count(self, memlint, fake, severity, fail_on, code):
        fake.findings = [finding(severity=Severity(severity))]
        assert memlint("tests", "--fail-on", fail_on).code == code

    @pytest.mark.parametrize("status", [Status.HIDDEN, Status.SUPPRESSED, Status.BASELINED])
    def test_only_active_findings_count(self, memlint, fake, status):
        fake.findings = [finding(status=status)]
        assert memlint("tests").code == 0

    def test_errors_are_2_and_beat_findings_and_exit_zero(self, memlint, fake):
        fake.findings = [finding()]
        fake.errors = [ErrorRecord("tests/test_b.py", 3, "does not parse", "MEM900")]
        assert memlint("tests").code == 2
        assert memlint("tests", "--exit-zero").code == 2

    def test_a_missing_path_is_2_and_the_rest_is_linted(self, memlint, fake):
        ended = memlint("tests", "gone", "--format", "json")
        assert ended.code == 2
        report = as_json(ended)
        assert [error["path"] for error in report["errors"]] == ["gone"]
        assert report["summary"]["files"] == 2


class TestRequest:
    def test_options_reach_the_request(self, memlint, fake, suite):
        memlint(
            "tests", "-j", "3", "--no-cache", "--level", "hook", "--select", "MEM1,MEM401", "--ignore", "load"
        )
        request = fake.request
        assert (request.paths, request.jobs, request.cache, request.level) == (
            ("tests",),
            3,
            False,
            Level.HOOK,
        )
        assert request.settings.codes == {"MEM401"}
        assert request.root == suite

    def test_defaults(self, memlint, fake):
        memlint("--jobs", "auto")
        request = fake.request
        assert (request.jobs, request.cache, request.level, request.stdin) == (None, True, Level.CI, None)

    def test_the_configuration_closest_to_the_paths_counts(self, memlint, fake, suite):
        (suite / "memlint.toml").write_text("cores = 1")
        (suite / "tests" / "memlint.toml").write_text("cores = 2")
        (suite / "other.toml").write_text("cores = 3")
        for arguments, cores in [
            (["tests/test_a.py::test_x", "tests/test_b.py"], 2),
            (["tests", "."], 1),
            ([], 1),
            (["tests/gone/deep"], 2),
            (["tests", "--config", "other.toml"], 3),
            (["tests", "--isolated"], None),
        ]:
            memlint(*arguments)
            assert fake.request.cores == cores, arguments

    def test_config_and_isolated_exclude_each_other(self, memlint):
        assert memlint("--isolated", "--config", "x.toml").code == 2

    def test_test_files(self, memlint, fake, suite):
        (suite / "a.txt").write_text("tests/test_a.py::test_x\n# no\n")
        (suite / "b.txt").write_text("tests/test_b.py\n")
        memlint("tests/test_b.py", "--test-file", "a.txt", "--test-file", "b.txt")
        assert fake.request.paths == ("tests/test_b.py", "tests/test_a.py::test_x", "tests/test_b.py")

    def test_an_empty_list_checks_nothing_rather_than_everything(self, memlint, fake, suite):
        (suite / "a.txt").write_text("# none\n")
        ended = memlint("--test-file", "a.txt", "--format", "json")
        assert (ended.code, fake.requests) == (0, [])
        assert as_json(ended)["summary"]["files"] == 0

    def test_a_list_that_is_missing_or_not_text(self, memlint, suite):
        (suite / "bad.txt").write_bytes(b"\xff\xfe\x00")
        for name in ("gone.txt", "bad.txt"):
            ended = memlint("--test-file", name)
            assert (ended.code, ended.out) == (2, "")
            assert name in ended.err

    def test_nothing_to_check_is_said(self, memlint, suite):
        (suite / "docs").mkdir()
        ended = memlint("docs")
        assert ended.code == 0
        assert ended.err == "memlint: no test code found in docs\n"


class TestStdin:
    @pytest.fixture(autouse=True)
    def buffer(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"x = 1\n")))

    def test_name_and_content(self, memlint, fake):
        assert memlint("-", "--stdin-filename", "tests/test_new.py").code == 0
        assert fake.request.stdin == ("tests/test_new.py", b"x = 1\n")
        assert fake.request.paths == ()

    def test_the_source_shown_is_that_of_the_buffer(self, memlint, fake, suite):
        fake.findings = [finding("tests/test_a.py", 1)]
        ended = memlint("-", "--stdin-filename", "tests/test_a.py")
        assert "x = 1" in ended.out
        assert "import subprocess" not in ended.out

    def test_an_excluded_name_is_not_checked(self, memlint, fake, suite):
        (suite / "memlint.toml").write_text('exclude = ["tests/old"]')
        assert memlint("-", "--stdin-filename", "tests/old/test_new.py").code == 0
        assert fake.requests == []

    @pytest.mark.parametrize(
        "arguments", [["-", "tests"], ["--stdin-filename", "x.py", "tests"], ["-", "--add-ignore", "why"]]
    )
    def test_what_makes_no_sense_is_refused(self, memlint, fake, arguments):
        assert memlint(*arguments).code == 2
        assert fake.requests == []


class TestOutput:
    @pytest.mark.parametrize("name", FORMATS)
    def test_every_format_writes_something(self, memlint, fake, name):
        fake.findings = [finding()]
        ended = memlint("tests", "--format", name)
        assert ended.code == 1
        assert "MEM401" in ended.out

    def test_to_a_file(self, memlint, fake, suite):
        fake.findings = [finding()]
        ended = memlint("tests", "--format", "json", "-o", "out.json")
        assert (ended.code, ended.out) == (1, "")
        assert json.loads((suite / "out.json").read_text())["findings"][0]["code"] == "MEM401"

    def test_to_a_file_that_cannot_be_written(self, memlint):
        ended = memlint("tests", "-o", "gone/out.json")
        assert ended.code == 2
        assert "gone/out.json: cannot be written" in ended.err

    def test_colour(self, memlint, fake, monkeypatch):
        fake.findings = [finding()]
        assert "\x1b" not in memlint("tests").out
        assert "\x1b[" in memlint("tests", "--color", "always").out
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert "\x1b[" in memlint("tests").out
        assert "\x1b" not in memlint("tests", "--color", "never").out
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in memlint("tests").out

    def test_a_file_gets_no_colour_unless_it_is_asked_for(self, memlint, fake, suite, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        memlint("tests", "-o", "out.txt")
        assert "\x1b" not in (suite / "out.txt").read_text()
        memlint("tests", "-o", "out.txt", "--color", "always")
        assert "\x1b" in (suite / "out.txt").read_text()


class TestBaseline:
    def test_write_then_apply(self, memlint, fake, suite):
        fake.findings = [finding(line=1), finding(line=2)]
        ended = memlint("tests", "--write-baseline", "known.json")
        assert ended.code == 0
        assert ended.err == "memlint: 2 findings written to known.json\n"
        fake.findings.append(finding(line=3))
        ended = memlint("tests", "--baseline", "known.json", "--format", "json")
        assert ended.code == 1
        assert [f["line"] for f in as_json(ended)["findings"]] == [3]
        assert as_json(ended)["summary"]["baselined"] == 2

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            (["--write-baseline", "tests"], "memlint-baseline.json"),
            (["tests", "--write-baseline"], "memlint-baseline.json"),
            (["tests", "--write-baseline", "--exit-zero"], "memlint-baseline.json"),
            (["tests", "--baseline", "b.json", "--write-baseline"], "b.json"),
            (["tests", "--write-baseline=c.txt"], "c.txt"),
        ],
    )
    def test_where_it_is_written(self, memlint, fake, suite, arguments, name):
        fake.findings = [finding()]
        assert memlint(*arguments).code == 0
        assert fake.request.paths == ("tests",)
        assert len(json.loads((suite / name).read_text())["findings"]) == 1

    def test_the_configured_one_is_applied_and_rewritten(self, memlint, fake, suite):
        (suite / "memlint.toml").write_text('baseline = "known.json"')
        fake.findings = [finding()]
        assert memlint("tests", "--write-baseline").code == 0
        assert (suite / "known.json").exists()
        assert memlint("tests").code == 0
        assert memlint("tests", "--isolated").code == 1

    def test_a_missing_one_is_refused(self, memlint, suite):
        ended = memlint("tests", "--baseline", "gone.json")
        assert (ended.code, ended.out) == (2, "")
        assert "gone.json: there is no such baseline; --write-baseline makes one" in ended.err


class TestAddIgnore:
    def test_comments_are_written_and_the_suite_is_checked_again(self, memlint, fake, suite):
        fake.findings = [finding(line=3)]
        ended = memlint("tests", "--add-ignore", "known to be small")
        # memlint: ignore[MEM103] the test has just written it
        lines = Path("tests/test_a.py").read_text().splitlines()
        assert lines[2] == "subprocess.Popen(['x'])  # memlint: ignore[MEM401] known to be small"
        assert ended.err == "memlint: 1 comment added to 1 file\n"
        assert len(fake.requests) == 2
        assert ended.code == 1  # the fake finds it again, and what is found is what counts

    def test_a_file_that_cannot_take_one(self, memlint, fake, suite):
        (suite / "tests" / "test_a.py").write_text("def (:\n")
        fake.findings = [finding(line=1)]
        ended = memlint("tests", "--add-ignore", "why")
        assert ended.code == 2
        assert "tests/test_a.py: unchanged: it does not parse" in ended.err

    @pytest.mark.parametrize("reason", ["", "  ", "two\nlines"])
    def test_a_reason_is_needed(self, memlint, fake, reason):
        assert memlint("tests", "--add-ignore", reason).code == 2
        assert fake.requests == []
