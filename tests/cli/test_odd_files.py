"""Files as they come, through the whole of memlint: what cannot be checked is told, the rest is checked."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memlint import cli, reading
from memlint.facts import FileFacts

FAULT = b"import subprocess\n\ndef test_x():\n    p = subprocess.Popen(['x'])\n"


OPTIONS = ("--format", "json", "--isolated", "--select", "MEM401,MEM9")


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, dict]:
        code = cli.run([*arguments, *OPTIONS])
        out, err = capfd.readouterr()
        assert err == ""
        return code, json.loads(out)

    return call


def lines(report: dict) -> list[tuple[str, int]]:
    return [(finding["path"], finding["line"]) for finding in report["findings"]]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("byte order mark", b"\xef\xbb\xbf" + FAULT, 4),
        ("windows line ends", FAULT.replace(b"\n", b"\r\n"), 4),
        ("old mac line ends", FAULT.replace(b"\n", b"\r"), 4),
        ("tabs", FAULT.replace(b"    ", b"\t"), 4),
        ("form feed", b"\x0c\n" + FAULT.replace(b"def", b"\x0cdef"), 5),
        ("latin-1 with a coding line", b"# coding: latin-1\n# \xfc\n" + FAULT, 6),
        ("no newline at the end", FAULT.rstrip(), 4),
        ("separators in a string", "x = '\x1c\x85\u2028'\n".encode() + FAULT, 5),
        ("continued line", FAULT.replace(b"p = ", b"p = \\\n        "), 5),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read_in_whatever_form_it_comes(lint, tmp_path, name, content, line):
    (tmp_path / "test_a.py").write_bytes(content)
    code, report = lint("test_a.py")
    assert report["errors"] == []
    assert lines(report) == [("test_a.py", line)]
    assert code == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"# only a comment", b"\xef\xbb\xbf", b"\x0c"])
def test_nothing_in_it_is_no_trouble(lint, tmp_path, content):
    (tmp_path / "test_a.py").write_bytes(content)
    code, report = lint("test_a.py")
    assert (code, report["errors"], report["findings"]) == (0, [], [])
    assert report["summary"]["files"] == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("syntax error", b"def (:\n"),
        ("null bytes", b"x = 1\x00\n"),
        ("binary", bytes(range(256)) * 40),
        ("latin-1 without a coding line", b"# \xfc\n"),
        ("unknown coding", b"# coding: klingon\n"),
        ("utf-16", "x = 1\n".encode("utf-16")),
        ("mixed tabs and blanks", b"if 1:\n        x = 1\n\ty = 1\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_checked_is_told_and_the_rest_is_checked(lint, tmp_path, name, content):
    (tmp_path / "test_a.py").write_bytes(content)
    (tmp_path / "test_b.py").write_bytes(FAULT)
    code, report = lint(".")
    assert [error["path"] for error in report["errors"]] == ["test_a.py"]
    assert report["errors"][0]["message"]
    assert lines(report) == [("test_b.py", 4)]
    assert code == 2


def test_a_line_of_10_megabytes_ends_in_good_time(lint, tmp_path):
    (tmp_path / "test_a.py").write_bytes(b"x = [" + b"1, " * 3_400_000 + b"]\n")
    (tmp_path / "test_b.py").write_bytes(FAULT)
    code, report = lint(".")
    assert lines(report) == [("test_b.py", 4)]
    assert [error["path"] for error in report["errors"]] == ["test_a.py"]
    assert code == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(lint, tmp_path):
    (tmp_path / "test_a.py").write_bytes(FAULT)
    (tmp_path / "test_a.py").chmod(0)
    (tmp_path / "test_b.py").write_bytes(FAULT)
    code, report = lint(".")
    assert [error["path"] for error in report["errors"]] == ["test_a.py"]
    assert lines(report) == [("test_b.py", 4)]
    assert code == 2


# memlint: ignore[MEM304] the odd files are large by design
@pytest.mark.parametrize(
    "content",
    [
        b"x = " + b"(" * 5000 + b")" * 5000 + b"\n",
        b"x = " + b"-" * 5000 + b"1\n",
        b"x = 1" + b" + 1" * 20_000 + b"\n",
        b"".join(b" " * n + b"if 1:\n" for n in range(5000)) + b" " * 5000 + b"x\n",
    ],
    ids=["parentheses", "signs", "sum", "blocks"],
)
def test_deep_nesting_costs_no_more_than_its_file(tmp_path, content):
    """In a process of its own: a parser that runs out of stack takes its process with it."""
    (tmp_path / "test_a.py").write_bytes(content)
    (tmp_path / "test_b.py").write_bytes(FAULT)
    command = [sys.executable, "-m", "memlint", ".", *OPTIONS]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    report = json.loads(ended.stdout)
    assert ended.stderr == ""
    assert lines(report) == [("test_b.py", 4)]
    assert [error["path"] for error in report["errors"]] in ([], ["test_a.py"])
    assert ended.returncode == (2 if report["errors"] else 1)


def test_standard_input(tmp_path):
    (tmp_path / "test_a.py").write_bytes(b"x = 1\n")
    command = [
        sys.executable,
        "-m",
        "memlint",
        "-",
        "--stdin-filename",
        "test_a.py",
        "--format",
        "json",
        "--isolated",
    ]
    ended = subprocess.run(command, cwd=tmp_path, input=FAULT, capture_output=True, timeout=120)
    assert lines(json.loads(ended.stdout)) == [("test_a.py", 4)]
    assert ended.returncode == 1


def test_the_order_of_paths_and_the_number_of_jobs_change_nothing(lint, tmp_path):
    for folder in ("b", "a"):
        (tmp_path / folder).mkdir()
        for number in range(4):
            (tmp_path / folder / f"test_{number}.py").write_bytes(FAULT)
    reports = [
        lint("a", "b", "-j", "1", "--no-cache"),
        lint("b", "a", "b/test_1.py", "-j", "3", "--no-cache"),
        lint("."),
        lint("."),  # from the cache
    ]
    assert len(lines(reports[0][1])) == 8
    assert all(report == reports[0] for report in reports)


def test_a_number_of_thousands_of_digits_keeps_no_other_file_from_being_checked(lint, tmp_path):
    (tmp_path / "test_long.py").write_bytes(b"x = " + b"9" * 5000 + b"\n")
    (tmp_path / "test_fault.py").write_bytes(FAULT)
    _, report = lint("test_long.py", "test_fault.py")
    assert lines(report) == [("test_fault.py", 4)]


@pytest.mark.parametrize(
    "command",
    [
        ["lint", "NAME"],
        ["rank", "NAME"],
        ["lint", "--config", "NAME"],
        ["lint", "--baseline", "NAME"],
        ["lint", "--test-file", "NAME"],
        ["logs", "NAME"],
        ["report", "--journal", "NAME"],
        ["plan", "--journal", "NAME"],
        ["crosscheck", "--journal", "NAME"],
        ["calibrate", "--journal", "NAME"],
        ["diff", "NAME", "NAME"],
        ["measure", "NAME"],
        ["measure", "--journal", "NAME", "test_a.py"],
    ],
    ids=" ".join,
)
def test_a_name_that_no_file_can_have_is_bad_input(tmp_path, monkeypatch, capfd, command):
    (tmp_path / "test_a.py").write_bytes(b"def test_a(): pass\n")
    monkeypatch.chdir(tmp_path)
    code = cli.run(["x" * 300 if word == "NAME" else word for word in command])
    out, err = capfd.readouterr()
    assert code == 2
    assert "xxx" in out + err
    assert "Traceback" not in out + err
    assert "fault in memlint" not in err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_fault_of_memlints_in_one_file_leaves_the_others(lint, tmp_path, monkeypatch, jobs):
    real = reading.lower_file

    def faulty(path: str, content: bytes, rules: tuple[Path, ...]) -> FileFacts:
        if path == "test_a.py":
            raise ValueError("odd \udfff")
        return real(path, content, rules)

    monkeypatch.setattr(reading, "lower_file", faulty)
    for name in "abc":
        (tmp_path / f"test_{name}.py").write_bytes(FAULT)
    code, report = lint(".", "--no-cache", "-j", jobs)
    assert code == 2
    assert lines(report) == [("test_b.py", 4), ("test_c.py", 4)]
    (error,) = report["errors"]
    assert error["path"] == "test_a.py"
    assert (
        "memlint failed on it (ValueError: odd ?); please report this; it was not checked" in error["message"]
    )


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the workers must be forked"
)
def test_a_file_that_crashes_the_parser_is_named_and_leaves_the_others(lint, tmp_path, monkeypatch):
    real, parent = reading.lower_file, os.getpid()

    def crashing(path: str, content: bytes, rules: tuple[Path, ...]) -> FileFacts:
        if path == "test_a.py":
            assert os.getpid() != parent
            os._exit(11)
        return real(path, content, rules)

    monkeypatch.setattr(reading, "lower_file", crashing)
    for name in "abc":
        (tmp_path / f"test_{name}.py").write_bytes(FAULT)
    code, report = lint(".", "--no-cache", "-j", "2")
    assert code == 2
    assert lines(report) == [("test_b.py", 4), ("test_c.py", 4)]
    assert [(error["path"], error["message"]) for error in report["errors"]] == [
        ("test_a.py", "the parser crashed on it; it was not checked")
    ]
