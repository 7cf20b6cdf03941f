"""What the user sees: lines, the live view, the closing text."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from memlint.runner import journal
from memlint.runner.closing import closing_lines
from memlint.runner.display import BEAT, Lines, unit_line
from memlint.runner.executor import Glimpse
from memlint.runner.journal import Context, Leftover, Record, Run, TestEnd, UnitEnd, UnitStart
from memlint.runner.live import LiveView
from memlint.runner.summary import Summary, summarise
from memlint.runner.units import Unit

MB = 2**20
RUN = Run(journal.SCHEMA, "r", Context("c", "3", "linux", "cgroup1", 1, "9"), ())
PASSED = UnitEnd(
    unit="tests/test_a.py",
    members=("tests/test_a.py",),
    verdict="passed",
    exit_code=0,
    signal=None,
    evidence=(),
    peak_bytes=100 * MB,
    baseline_bytes=33 * MB,
    retained_bytes=7 * MB,
    cache_bytes=400 * MB,
    meter="cgroup1",
    seconds=2.5,
    victim=None,
    tests={"passed": 3, "skipped": 1},
)
OOM = replace(
    PASSED,
    unit="tests/e2e/test_backtest_end2end.py",
    members=("tests/e2e/test_backtest_end2end.py",),
    verdict="oom",
    exit_code=None,
    signal="SIGKILL",
    evidence=("control group: oom_kill 1",),
    peak_bytes=round(4.1 * 1024 * MB),
    seconds=45.2,
    victim="tests/e2e/test_backtest_end2end.py::test_x",
    tests={"passed": 1},
    output="out.log",
)
UNIT = Unit("tests/test_a.py", ("tests/test_a.py",), ("tests/test_a.py",))
GLIMPSE = Glimpse(UNIT, 31.0, 50 * MB, "tests/test_a.py::test_now")


def test_one_line_a_unit() -> None:
    assert unit_line(PASSED, 3, 42) == "[3/42] PASSED 2.5 s 100 MiB tests/test_a.py"
    assert unit_line(OOM, 15, 42) == (
        "[15/42] OOM 45.2 s 4.1 GiB tests/e2e/test_backtest_end2end.py"
        "; in tests/e2e/test_backtest_end2end.py::test_x; control group: oom_kill 1"
    )
    assert "(run 2)" in unit_line(replace(PASSED, repeat=2), 1, 1)


@pytest.mark.parametrize("name", ["a\nb.py", "a\x1b[31mb.py", "a\udcffb.py", "a\u2028b.py"])
def test_hostile_names_stay_on_their_line(name: str) -> None:
    line = unit_line(replace(PASSED, unit=name), 1, 1)
    assert line.isprintable()
    line.encode("utf-8")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_heartbeat() -> None:
    said: list[str] = []
    clock = Clock()
    lines = Lines(said.append, heartbeat=True, now=clock)
    lines.started(UNIT)
    lines.tick([GLIMPSE], 0, 2)
    clock.now = BEAT + 1
    lines.tick([GLIMPSE], 0, 2)
    lines.tick([GLIMPSE], 0, 2)
    assert said == ["start tests/test_a.py", "[0/2] running 31 s 50 MiB tests/test_a.py::test_now"]


def test_without_heartbeat_only_ends_are_said() -> None:
    said: list[str] = []
    clock = Clock()
    lines = Lines(said.append, now=clock)
    lines.started(UNIT)
    clock.now = 10 * BEAT
    lines.tick([GLIMPSE], 0, 2)
    lines.ended(PASSED, 1, 2)
    assert said == [unit_line(PASSED, 1, 2)]


def test_live_view() -> None:
    stream = io.StringIO()
    view = LiveView(Console(file=stream, force_terminal=True, width=100, height=30))
    view.begin(2)
    view.ended(OOM, 1, 2)
    view.tick([GLIMPSE], 1, 2)
    view.close()
    shown = stream.getvalue()
    for text in (
        "[1/2] OOM",
        "tests/test_a.py::test_now",
        "50 MiB",
        "heaviest 4.1 GiB",
        "1 not fine",
        "left",
    ):
        assert text in shown


def test_live_view_starts_no_thread() -> None:
    """Units are forked from the process that shows it."""
    import threading

    before = threading.active_count()
    view = LiveView(Console(file=io.StringIO(), force_terminal=True))
    view.begin(1)
    assert threading.active_count() == before
    view.close()


def _summary(*records: Record) -> Summary:
    return summarise([RUN, *records])


def _closing(*records: Record) -> str:
    return "\n".join(closing_lines(_summary(*records), "j.jsonl"))


def test_summary_counts_the_last_word_on_each_unit() -> None:
    failed = replace(PASSED, verdict="failed", tests={"failed": 1})
    summary = _summary(failed, PASSED, OOM, replace(PASSED, repeat=2))
    assert summary.verdicts == {"passed": 2, "oom": 1}
    assert summary.tests == {"passed": 7, "skipped": 2}
    assert [unit.unit for unit in summary.troubled] == [OOM.unit]
    assert not summary.fine
    assert _summary(PASSED, replace(PASSED, unit="b", verdict="no_tests")).fine


def test_summary_names_what_was_in_flight() -> None:
    start = UnitStart("b.py", ("b.py",), "s")
    assert _summary(start).in_flight == ("b.py",)
    assert _summary(start, replace(PASSED, unit="b.py")).in_flight == ()


def test_heaviest_ten_of_many() -> None:
    tests = [TestEnd("u", f"t{n}", "passed", 0, n, 0, 0.1) for n in range(500)]
    again = [TestEnd("u", "t3", "passed", 0, 10_000, 0, 0.1)]
    found = _summary(*tests, *again).heaviest_tests
    assert [test.test for test in found] == ["t3", *(f"t{n}" for n in range(499, 490, -1))]


def test_closing_text() -> None:
    batch = replace(
        OOM, unit="a.py +1", members=("a.py", "b.py", "c.py"), batch=5, verdict="terminated", exit_code=None
    )
    batch = replace(batch, signal="SIGTERM")
    littering = replace(PASSED, unit="c.py", leftover_processes=(Leftover(77, "sleep 300"),))
    text = _closing(
        PASSED, OOM, batch, littering, TestEnd("u", "a.py::t", "passed", 5 * MB, 60 * MB, 5 * MB, 1.0)
    )
    for line in (
        "4 units in 95.4 s of unit time: 1 oom, 2 passed, 1 terminated",
        "  OOM (137 = SIGKILL) tests/e2e/test_backtest_end2end.py",
        "      running: tests/e2e/test_backtest_end2end.py::test_x",
        "      output: out.log",
        "  Batch 5: a.py, b.py, … (exit 143) TERMINATED",
        "      members: a.py, b.py, c.py",
        "    100 MiB  tests/test_a.py  (+67 MiB over an empty test, 7 MiB retained, 400 MiB page cache beside it)",
        "     60 MiB  a.py::t  (+55 MiB)",
        "  c.py: 77 sleep 300",
        "Journal: j.jsonl",
    ):
        assert line in text.splitlines()
    assert "  terminated: SIGTERM is often collateral" in text


def test_closing_text_of_nothing() -> None:
    assert "nothing ran" in _closing()
