"""``memlint classify``."""

from __future__ import annotations

import io
import json
import sys

LOG = b"""tests/test_wide.py ....
run.sh: line 1:  9 Killed                  pytest
##[error]Process completed with exit code 137.
"""


def test_text_names_lines_test_and_next_command(memlint, suite):
    (suite / "job.log").write_bytes(LOG)
    ended = memlint("classify", "job.log")
    assert ended.code == 0
    assert "job.log:2: a shell reports" in ended.out
    assert "running: tests/test_wide.py (line 1: test 5 of this file" in ended.out
    assert "next: memlint measure tests/test_wide.py --unit test --limit 2GiB" in ended.out


def test_json(memlint, suite):
    (suite / "job.log").write_bytes(LOG)
    found = json.loads(memlint("classify", "job.log", "--format", "json").out)
    assert found["schema"] == "memlint.classify/1"
    assert (found["cause"], found["confidence"], found["lines"]) == ("oom_likely", "medium", 3)
    assert [item["line"] for item in found["evidence"]] == [2, 3]
    assert found["running"]["file"] == "tests/test_wide.py"


def test_standard_input(memlint, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(LOG))))
    assert "-:3: exit status 137" in memlint("classify", "-").out


def test_what_cannot_be_read(memlint, suite):
    (suite / "logs.zip").write_bytes(b"PK\x03\x04")
    for name, message in (("missing.log", "No such file"), ("logs.zip", "unpack it")):
        ended = memlint("classify", name)
        assert (ended.code, message in ended.err) == (2, True)


def test_nothing_of_the_log_is_obeyed_by_the_terminal(memlint, suite):
    (suite / "job.log").write_bytes(b"a.sh: line 1:  9 Killed \x9b31m\x07\xe2\x80\xaepytest\n")
    out = memlint("classify", "job.log").out
    assert "Killed" in out
    assert all(c.isprintable() or c == "\n" for c in out)
