"""What runs when, and what is written: the loop between the executor, the journal and the display."""

from __future__ import annotations

import signal
import types
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from memlint.runner.admission import Admission
from memlint.runner.display import Display
from memlint.runner.executor import Event, Executor, Job, JobEnd, Mode
from memlint.runner.journal import Baseline, Context, UnitEnd, UnitStart, Writer
from memlint.runner.resume import MOST_TRIALS, Past, key_of
from memlint.runner.units import Sources, Unit, split, units_by_test
from memlint.runner.verdicts import EARLY, FINE

TICK = 0.02  # seconds between two looks at the running units
SPLIT = frozenset(
    {"oom", "oom_suspected"}
)  # verdicts after which the rest of a unit's tests gets its own processes


@dataclass(frozen=True, slots=True)
class Plan:
    """How the units are to be run."""

    context: Context
    limit_bytes: int | None = None
    timeout: float | None = None  # seconds a unit
    by_test: bool = False  # --unit test: every test in its own process
    fail_fast: bool = False
    rounds: int = 1  # of a unit's tests in its process
    whole: bool = False  # a unit that ran out of memory is left at that, not split


class Supervisor:
    """Runs units to their end and leaves the journal as the only result."""

    def __init__(
        self,
        plan: Plan,
        executor: Executor,
        journal: Writer,
        display: Display,
        admission: Admission,
        sources: Sources,
        past: Past,
    ) -> None:
        self._plan = plan
        self._executor = executor
        self._journal = journal
        self._display = display
        self._admission = admission
        self._sources = sources
        self._past = past
        self._waiting: deque[Job] = deque()
        self._baselines: dict[tuple[str, ...], int | None] = dict(past.baselines)
        self._baselines_begun = set(past.baselines)
        self._total = 0
        self._done = 0
        self.interrupted = ""  # name of the signal that stopped the run

    def run(self, units: Iterable[Unit]) -> None:
        """Run what the past did not finish. Raises ExecutorError when units cannot be started."""
        with _Interruptions(self._interrupt):
            for unit in units:
                self._enqueue(unit)
            self._retries_first()
            self._display.begin(self._total)
            while self._waiting or self._executor.running():
                if self.interrupted:
                    self._stop()
                self._admit()
                for event in self._executor.poll(TICK):
                    self._take(event)
                self._display.tick(self._executor.running(), self._done, self._total)

    # ------------------------------------------------------------------------------------------ before

    def _key(self, unit: Unit) -> Any:
        return key_of(unit, self._sources.hash(unit), self._plan.context, self._plan.limit_bytes)

    def _enqueue(self, unit: Unit) -> None:
        """Queue a unit, or what an earlier attempt left of it."""
        self._total += 1
        key = self._key(unit)
        verdict = self._past.finished.get(key)
        if verdict is not None:
            self._done += 1
            if verdict == "oom" and unit.name in self._past.ended_tests:
                self._waiting.append(self._job(unit, Mode.COLLECT))
            return
        unit = self._past.retry(unit, key)
        if unit.trial > MOST_TRIALS:
            self._quarantine(unit)
        elif self._plan.by_test and not unit.tests:
            self._total -= 1
            self._waiting.append(self._job(unit, Mode.COLLECT))
        else:
            self._waiting.append(self._job(unit, Mode.RUN))

    def _job(self, unit: Unit, mode: Mode) -> Job:
        concurrent = self._admission.slots > 1
        plan = self._plan
        return Job(unit, mode, plan.limit_bytes, plan.timeout, concurrent, plan.rounds)

    def _retries_first(self) -> None:
        self._waiting = deque(sorted(self._waiting, key=lambda job: job.unit.trial == 1))

    def _quarantine(self, unit: Unit) -> None:
        evidence = (
            f"the run died {MOST_TRIALS} times while this unit was in flight; it was not started again",
        )
        self._write_start(unit, None)
        self._end(
            UnitEnd(
                unit=unit.name,
                members=unit.members,
                verdict="quarantined",
                exit_code=None,
                signal=None,
                evidence=evidence,
                peak_bytes=None,
                baseline_bytes=None,
                retained_bytes=None,
                cache_bytes=None,
                meter=self._plan.context.meter,
                seconds=0.0,
                victim=None,
                trial=unit.trial,
                repeat=unit.repeat,
                batch=unit.batch,
            )
        )

    # ----------------------------------------------------------------------------------------- running

    def _admit(self) -> None:
        while self._waiting:
            position = self._admission.pick(self._waiting, self._executor.running())
            if position is None:
                return
            job = self._waiting[position]
            if job.mode is Mode.RUN and not self._has_baseline(job.unit):
                self._measure_baseline(job.unit)
                return
            del self._waiting[position]
            self._start(job)

    def _has_baseline(self, unit: Unit) -> bool:
        return self._sources.conftests(unit.files[0]) in self._baselines

    def _measure_baseline(self, unit: Unit) -> None:
        """Run an empty test below the same conftest files, once for each such chain."""
        chain = self._sources.conftests(unit.files[0])
        if chain not in self._baselines_begun:
            self._baselines_begun.add(chain)
            empty = replace(
                unit, name="baseline", tests=(), files=unit.files[:1], predicted_bytes=None, trial=1
            )
            self._executor.start(self._job(empty, Mode.BASELINE))

    def _start(self, job: Job) -> None:
        if job.mode is not Mode.RUN:
            self._executor.start(job)
            return
        self._display.started(job.unit)
        self._write_start(job.unit, self._executor.start(job))

    def _write_start(self, unit: Unit, pid: int | None) -> None:
        source = self._sources.hash(unit)
        limit = self._plan.limit_bytes
        self._journal.write(
            UnitStart(unit.name, unit.members, source, unit.trial, unit.repeat, limit, pid, unit.batch)
        )

    def _interrupt(self, name: str) -> None:
        """Called by a signal's handler, so the loop does the work."""
        self.interrupted = name

    def _stop(self) -> None:
        self._waiting.clear()
        self._executor.stop("interrupt")

    # ------------------------------------------------------------------------------------------ events

    def _take(self, event: Event) -> None:
        if not isinstance(event, JobEnd):
            self._journal.write(event)
        elif event.job.mode is Mode.BASELINE:
            self._take_baseline(event)
        elif event.job.mode is Mode.COLLECT:
            self._take_listing(event)
        else:
            self._take_end(event)

    def _take_baseline(self, end: JobEnd) -> None:
        chain = self._sources.conftests(end.job.unit.files[0])
        size = end.peak_bytes if end.verdict == "passed" else None
        self._baselines[chain] = size
        if not self.interrupted:
            self._journal.write(Baseline(chain, size))

    def _take_listing(self, end: JobEnd) -> None:
        unit = end.job.unit
        if self.interrupted:
            return
        if unit.name in self._past.ended_tests:
            ended, victim = self._past.ended_tests.pop(unit.name), self._past.victims[unit.name]
            self._enqueue_first(split(unit, end.listed, ended, victim))
        elif end.listed:
            self._enqueue_first(units_by_test(unit, end.listed))
        else:  # nothing to run test by test: what pytest said of the file is the result
            self._total += 1
            self._write_start(unit, end.pid)
            self._take_end(end)

    def _enqueue_first(self, units: list[Unit]) -> None:
        """What comes out of a unit runs before the units behind it."""
        behind, self._waiting = self._waiting, deque()
        for unit in units:
            self._enqueue(unit)
        self._waiting.extend(behind)

    def _take_end(self, end: JobEnd) -> None:
        unit = end.job.unit
        missing = len(end.listed) - len(end.ended) if end.verdict in EARLY else 0
        cut_short = missing > (1 if end.victim else 0)
        never_ran = (f"{missing} of {len(end.listed)} tests did not run to their end",) if cut_short else ()
        self._end(
            UnitEnd(
                unit=unit.name,
                members=unit.members,
                verdict=end.verdict,
                exit_code=end.exit_code,
                signal=end.signal,
                evidence=end.evidence + never_ran,
                peak_bytes=end.peak_bytes,
                baseline_bytes=self._baselines.get(self._sources.conftests(unit.files[0])),
                retained_bytes=end.retained_bytes,
                collected_bytes=end.collected_bytes,
                cache_bytes=end.cache_bytes,
                meter=end.meter,
                seconds=end.seconds,
                victim=end.victim,
                leftover_processes=end.leftovers,
                tests=end.outcomes,
                trial=unit.trial,
                repeat=unit.repeat,
                output=end.output,
                pid=end.pid,
                stages=end.stages,
                batch=unit.batch,
            )
        )
        if not self._plan.whole and end.verdict in SPLIT and len(end.listed) > 1 and not self.interrupted:
            self._enqueue_first(split(unit, end.listed, end.ended, end.victim))
        if self._plan.fail_fast and end.verdict not in FINE:
            self._waiting.clear()

    def _end(self, record: UnitEnd) -> None:
        self._journal.write(record)
        self._done += 1
        self._display.ended(record, self._done, self._total)


class _Interruptions:
    """While it lasts, Ctrl-C, SIGTERM and a hang-up stop the run in good order."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, interrupt: Callable[[str], None]) -> None:
        self._interrupt = interrupt
        self._before: dict[int, Any] = {}

    def _handle(self, number: int, frame: types.FrameType | None) -> None:
        self._interrupt(signal.Signals(number).name)

    def __enter__(self) -> None:
        wanted = [
            number for number in self._SIGNALS if signal.getsignal(number) is not signal.SIG_IGN
        ]  # nohup
        self._before = {number: signal.signal(number, self._handle) for number in wanted}

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
