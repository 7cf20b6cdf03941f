"""The record format: what is written is read back, whatever happened to the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memlint.runner import journal
from memlint.runner.journal import (
    Baseline,
    Context,
    JournalError,
    Leftover,
    Record,
    Run,
    TestEnd,
    TestStart,
    UnitEnd,
    UnitStart,
    Writer,
)

CONTEXT = Context("c0", "3.11.7", "linux-x86_64", "cgroup1", 8 << 30, "9.2.0")
RUN = Run(journal.SCHEMA, "r1", CONTEXT, ("tests",), "1/2", 1 << 30, "2026-01-01T00:00:00+00:00")
START = UnitStart("a.py", ("a.py",), "sha256:1", 2, 1, None, None)
END = UnitEnd(
    unit="a.py",
    members=("a.py",),
    verdict="oom",
    exit_code=None,
    signal="SIGKILL",
    evidence=("one", "two"),
    peak_bytes=5,
    baseline_bytes=4,
    retained_bytes=None,
    cache_bytes=0,
    meter="cgroup1",
    seconds=1.5,
    victim="a.py::test_x[\udcff é]",
    leftover_processes=(Leftover(7, "sleep 300"),),
    tests={"passed": 3},
)
RECORDS: list[Record] = [
    RUN,
    Baseline(("conftest.py",), None),
    START,
    TestStart("a.py", "a.py::test_x"),
    TestEnd("a.py", "a.py::test_x", "passed", 1, 2, 3, 0.5),
    END,
]


def write(path: Path, *records: Record, append: bool = False) -> None:
    with Writer(path, append=append) as writer:
        for record in records:
            writer.write(record)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind)
def test_round_trip(record: Record) -> None:
    line = journal.encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert journal.decode(line) == record


def test_keys_are_those_of_the_contract() -> None:
    assert list(json.loads(journal.encode(RUN)))[:2] == ["schema", "kind"]
    assert json.loads(journal.encode(START))["try"] == 2
    assert json.loads(journal.encode(END))["leftover_processes"] == [{"pid": 7, "command": "sleep 300"}]
    assert json.loads(journal.encode(TestStart("u", "t"))) == {"kind": "test_start", "unit": "u", "test": "t"}


def test_whole_journal(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "j.jsonl"
    write(path, *RECORDS, UnitStart("b.py", ("b.py",), "sha256:2"))
    loaded = journal.load(path)
    assert loaded.runs == (RUN,)
    assert loaded.units == (END,)
    assert [test.test for test in loaded.tests] == ["a.py::test_x"]
    assert [start.unit for start in loaded.in_flight] == ["b.py"]


@pytest.mark.parametrize("kept", [1, 10, -1])
def test_torn_last_line_is_left_out_and_overwritten(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "j.jsonl"
    write(path, *RECORDS)
    with path.open("ab") as stream:
        stream.write(journal.encode(END)[:kept])
    assert list(journal.read(path)) == RECORDS
    write(path, RUN, append=True)
    assert list(journal.read(path)) == [*RECORDS, RUN]
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_torn_line_longer_than_a_look_back(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    write(path, RUN)
    with path.open("ab") as stream:
        stream.write(b'{"kind":"' + b"x" * 200_000)
    write(path, END, append=True)
    assert list(journal.read(path)) == [RUN, END]


def test_file_of_one_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"schema":"memli')
    write(path, RUN, append=True)
    assert list(journal.read(path)) == [RUN]


def test_newer_kinds_and_keys_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    start = journal.encode(START).replace(b'"unit":', b'"colour":"red","unit":', 1)
    path.write_bytes(journal.encode(RUN) + b'{"kind":"weather"}\n' + start)
    assert list(journal.read(path)) == [RUN, START]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello\n", "not a memlint journal"),
        (b"hello\nworld\n", "not a journal record"),
        (b"[]\n", "not a memlint journal"),
        (journal.encode(END), "first record is no run"),
        (journal.encode(RUN).replace(b"journal/1", b"journal/9"), "has schema memlint.journal/9"),
        (journal.encode(RUN) + b"torn in the middle\n" + journal.encode(END), ":2 is not a journal record"),
        (journal.encode(RUN) + b'{"kind":"unit_end"}\n' + journal.encode(END), ":2 is not a journal record"),
    ],
)
def test_what_is_no_journal_is_said_so(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=message):
        list(journal.read(path))


def test_missing_and_unwritable(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        list(journal.read(tmp_path / "nowhere"))
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot write"):
        Writer(tmp_path / "file" / "j.jsonl", append=False)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with Writer(path, append=False), pytest.raises(JournalError, match="another run"):
        Writer(path, append=True)
    write(path, RUN, append=True)
