"""A journal becomes a measurement: tests joined to their unit, the last end counting, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from memlint.model import Measurement
from memlint.runner.journal import Context, JournalError, Run, TestEnd, TestStart, UnitEnd, UnitStart, encode
from memlint.runner.measurement import failed_members, load_measurement, measurement

CONTEXT = Context("c1", "3.11.7", "linux", "cgroup1", 2**34, "9.2.0")
RUN = Run("memlint.journal/1", "r1", CONTEXT, ("memlint", "measure"), limit_bytes=2**31)


def start(unit: str) -> UnitStart:
    return UnitStart(unit, (unit,), "hash")


def end(
    unit: str, peak: int, *, verdict: str = "passed", repeat: int = 1, victim: str | None = None
) -> UnitEnd:
    return UnitEnd(unit, (unit,), verdict, 0, None, (), peak, 30, 5, 0, "cgroup1", 1.5, victim, repeat=repeat)


def ran(unit: str, test: str, peak: int) -> list[TestStart | TestEnd]:
    return [TestStart(unit, test), TestEnd(unit, test, "passed", 10, peak, 12, 0.1)]


def test_tests_stand_in_the_unit_they_ran_in_and_in_their_order() -> None:
    records = [RUN, start("a"), start("b"), *ran("b", "b::2", 7), *ran("a", "a::1", 8), *ran("b", "b::1", 9)]
    got = measurement([*records, end("a", 80), end("b", 90)])
    assert [(unit.name, [test.nodeid for test in unit.tests]) for unit in got.units] == [
        ("a", ["a::1"]),
        ("b", ["b::2", "b::1"]),
    ]
    assert got.units[0].context.limit_bytes == 2**31
    assert not got.mixed


def test_the_last_end_of_a_unit_counts_and_brings_its_own_tests() -> None:
    first = [RUN, start("a"), *ran("a", "a::1", 8), end("a", 80, verdict="oom")]
    got = measurement([*first, RUN, start("a"), *ran("a", "a::1", 9), end("a", 90)])
    (unit,) = got.units
    assert (unit.verdict, unit.peak_bytes) == ("passed", 90)
    assert [test.peak_bytes for test in unit.tests] == [9]


def test_repeats_count_each() -> None:
    got = measurement([RUN, start("a"), end("a", 1), start("a"), end("a", 2, repeat=2)])
    assert [unit.repeat for unit in got.units] == [1, 2]


def test_a_test_that_never_ended_is_kept_as_unfinished() -> None:
    got = measurement([RUN, start("a"), TestStart("a", "a::1"), end("a", 80, verdict="oom", victim="a::1")])
    assert [(test.nodeid, test.outcome) for test in got.units[0].tests] == [("a::1", "unfinished")]


def test_a_unit_without_an_end_is_in_flight() -> None:
    assert measurement([RUN, start("a"), *ran("a", "a::1", 8)]) == Measurement(
        measurement([RUN]).contexts, (), ("a",), ("a",)
    )


def test_runs_in_two_contexts_are_mixed() -> None:
    other = Run("memlint.journal/1", "r2", Context("c2", "3.12", "linux", "cgroup1", 1, "9"), ())
    assert measurement([RUN, other]).mixed


def test_what_failed_or_never_ended_is_named_by_its_files() -> None:
    batch = UnitStart("a +1", ("a", "b"), "hash")
    dead = UnitEnd("a +1", ("a", "b"), "oom", None, "SIGKILL", (), 80, 30, 5, 0, "cgroup1", 1.5, "a::1")
    piece = UnitEnd("a::1", ("a::1",), "oom", None, "SIGKILL", (), 80, 30, 5, 0, "cgroup1", 1.5, "a::1")
    alone = UnitEnd("d::1", ("d::1",), "failed", 1, None, (), 80, 30, 5, 0, "cgroup1", 1.5, None)
    records = [RUN, batch, dead, piece, start("c"), end("c", 8), alone, UnitStart("e +1", ("e", "f"), "hash")]
    assert failed_members(measurement(records)) == ("a", "b", "d::1", "e", "f")


def test_a_unit_before_any_run_is_refused() -> None:
    with pytest.raises(JournalError, match="before the first run"):
        measurement([end("a", 1)])


def test_a_file_is_read(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(
        b"".join(map(encode, [RUN, start("a"), *ran("a", "a::1", 8), end("a", 80)])) + b'{"torn'
    )
    assert load_measurement(journal).units[0].tests[0].peak_bytes == 8
