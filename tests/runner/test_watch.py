"""One watched unit, told by hand what happened between two looks."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from memlint.runner import watch as watching
from memlint.runner.executor import Job, JobEnd
from memlint.runner.meters.base import Sample
from memlint.runner.units import Unit
from memlint.runner.watch import Watched


@dataclass
class _Kernel:
    """A meter whose figures the test sets."""

    name: str = "cgroup1"
    enforces_limit: bool = True
    peak: int | None = 100
    kills: int | None = 0
    noted: list[int] = field(default_factory=list)

    def enter(self) -> None: ...

    def begin(self, pid: int) -> None: ...

    def sample(self) -> Sample:
        return Sample(100, 100, 0, 1)

    def note_process_peak(self, size: int) -> None:
        self.noted.append(size)

    def pids(self) -> list[int]:
        return []

    def oom_kills(self) -> int | None:
        return self.kills

    def close(self) -> None: ...


class _Watch:
    def __init__(self, folder: Path, kills: int | None = 0) -> None:
        self.kernel = _Kernel(kills=kills)
        self.spool = folder / "spool"
        unit = Unit("all", ("test_a.py",), ("test_a.py",))
        # memlint: ignore[MEM503] bury() closes what it holds
        self.watched = Watched(Job(unit), self.kernel, self.spool, folder / "output", 1 << 30)
        self.watched.begin(2**30)

    def look(self, *events: list[Any]) -> None:
        with self.spool.open("a") as spool:
            spool.writelines(json.dumps(event) + "\n" for event in events)
        list(self.watched.look())

    def end(self, status: int) -> JobEnd:
        found = list(self.watched.bury(status, 0, lambda verdict: False))[-1]
        assert isinstance(found, JobEnd)
        return found


def _start(test: str) -> list[Any]:
    return ["start", test, 0, ""]


def _end(test: str) -> list[Any]:
    return ["end", test, "", "passed", 1, 2, 1, 0.0, False, 0, 0]


def test_the_victim_is_what_the_process_died_in_not_what_ran_at_the_look_before(tmp_path: Path) -> None:
    watch = _Watch(tmp_path)
    watch.look(["session", 1, 1], _start("test_a.py::test_quick"))
    watch.kernel.kills = 1
    watch.look(_end("test_a.py::test_quick"), _start("test_a.py::test_heavy"))
    ended = watch.end(signal.SIGKILL)
    assert (ended.verdict, ended.victim) == ("oom", "test_a.py::test_heavy")


def test_a_killed_child_belongs_to_the_test_that_ran_when_it_was_last_seen(tmp_path: Path) -> None:
    watch = _Watch(tmp_path)
    watch.look(["session", 1, 1], _start("test_a.py::test_with_child"))
    watch.kernel.kills = 1
    watch.look(
        _end("test_a.py::test_with_child"), _start("test_a.py::test_next"), _end("test_a.py::test_next")
    )
    watch.look(["finish", 0, 3, None, 1, 0, 0])
    ended = watch.end(0)
    assert (ended.verdict, ended.victim) == ("oom", "test_a.py::test_with_child")


@pytest.mark.parametrize(("counted", "verdict"), [(0, "killed"), (None, "oom_suspected")])
def test_what_the_kernel_kills_elsewhere_says_nothing_of_a_unit_whose_kills_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: int | None, verdict: str
) -> None:
    machine = iter([5, 6])
    monkeypatch.setattr(watching, "_machine_oom_kills", lambda: next(machine, 6))
    watch = _Watch(tmp_path, counted)
    watch.look(["session", 1, 1], _start("test_a.py::test_a"))
    assert watch.end(signal.SIGKILL).verdict == verdict
