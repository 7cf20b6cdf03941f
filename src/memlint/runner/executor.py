"""The one interface behind which a unit runs. ``local`` is this machine's."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from memlint.model import MeasuredStages
from memlint.runner.journal import Leftover, TestEnd, TestStart
from memlint.runner.units import Unit


class Mode(str, enum.Enum):
    """What a unit's pytest is to do."""

    RUN = "run"
    COLLECT = "collect"  # list the tests, run none
    BASELINE = "baseline"  # one empty test in the module's stead


@dataclass(frozen=True, slots=True)
class Job:
    """A unit and how to run it."""

    unit: Unit
    mode: Mode = Mode.RUN
    limit_bytes: int | None = None
    timeout: float | None = None  # seconds
    concurrent: bool = False  # whether other jobs may run beside it
    rounds: int = 1  # how often its tests run, one after the other in the same process


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What became of a job: all that an executor knows. Sizes in bytes."""

    job: Job
    verdict: str
    exit_code: int | None
    signal: str | None
    evidence: tuple[str, ...]
    peak_bytes: int | None
    retained_bytes: int | None
    cache_bytes: int | None
    meter: str
    seconds: float
    victim: str | None
    leftovers: tuple[Leftover, ...] = ()
    outcomes: dict[str, int] = field(default_factory=dict)
    listed: tuple[str, ...] = ()  # all tests that were collected
    ended: frozenset[str] = frozenset()  # those that ran to their end
    output: str | None = None
    pid: int | None = None
    collected_bytes: int | None = None
    stages: MeasuredStages | None = None


Event = TestStart | TestEnd | JobEnd


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A running job, for the display and for admission."""

    unit: Unit
    seconds: float
    held_bytes: int
    test: str | None


class ExecutorError(Exception):
    """Units cannot be started at all; the message says why and what to do."""


class Executor(Protocol):
    """Runs jobs. All methods are called from one thread."""

    def start(self, job: Job) -> int | None:
        """Begin a job and return its process id, where it has one here. Raises ExecutorError."""

    def poll(self, seconds: float) -> Iterator[Event]:
        """Wait at most so long for something to happen, then yield what did, in order for each job."""

    def running(self) -> list[Glimpse]:
        """The jobs that have begun and not ended."""

    def stop(self, reason: str) -> None:
        """Kill every running job; each still yields its end, with the verdict ``interrupted``."""

    def close(self) -> None:
        """Release everything; no process of a job lives on."""
