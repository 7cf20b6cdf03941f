"""One running unit: its events, its memory, its limit, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from memlint.model import MeasuredHolder, MeasuredImport, MeasuredStages
from memlint.runner import processes, verdicts
from memlint.runner.executor import Event, Glimpse, Job, JobEnd, Mode
from memlint.runner.journal import Leftover, TestEnd, TestStart
from memlint.runner.meters.base import Meter, Sample
from memlint.runner.meters.cgroup import fields
from memlint.runner.spool import Spool

GRACE = 0.5  # seconds in which helpers of a dead process may end by themselves (resource trackers do)
MOST_GRACE = 5.0  # seconds, where processes outnumber the cores
BURIAL = 5.0  # seconds for killed processes to go
TAIL = 1 << 20  # bytes of output that are kept
FLOOD = 256 << 20  # bytes of output beyond which its beginning is dropped while the unit runs
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Watched:
    """A unit from its start to its end. Made before its process, which joins the meter's group at birth."""

    def __init__(self, job: Job, meter: Meter, spool: Path, output: Path, memory: int) -> None:
        self.job = job
        self.meter = meter
        self.spool = Spool(spool)
        self.output = output
        self.output_fd = os.open(
            output, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
        self._memory = memory
        self._machine_kills = _machine_oom_kills()
        self._pid = 0
        self._started = time.monotonic()
        self._killed_for = ""
        self._sample = Sample(0, 0, 0, 0)
        self._last_held = 0  # while it lived
        self._cache = 0
        self._oom_kills = meter.oom_kills()
        self._victim: str | None = None
        self._running: dict[str, str] = {}  # worker → test; without xdist the worker is ""
        self._trees: dict[str, int] = {}  # worker → highest sample of the tree during its test
        self._changed = False  # whether another test began since the last sample
        self._listed: tuple[str, ...] = ()
        self._ended: set[str] = set()
        self._outcomes: dict[str, int] = {}
        self._notes: list[tuple[str, str]] = []
        self._began = False
        self._finished: int | None = None
        self._retained: int | None = None
        self._resident: int | None = None  # when pytest's session began
        self._collected: int | None = None
        self._stages = MeasuredStages()

    def begin(self, pid: int) -> None:
        """The process exists."""
        self._pid = pid
        self._started = time.monotonic()
        self.meter.begin(pid)

    def glimpse(self) -> Glimpse:
        """For the display."""
        test = next(iter(self._running.values()), None)
        return Glimpse(self.job.unit, time.monotonic() - self._started, self._sample.held, test)

    # --------------------------------------------------------------------------------------- each look

    def look(self) -> Iterator[Event]:
        """Take in events, measure, and enforce what is to be enforced."""
        suspects = list(self._running.values())
        yield from self._take_events()
        self._measure(suspects)
        self._enforce()

    def _take_events(self) -> Iterator[Event]:
        for kind, *values in self.spool.events():
            take = getattr(self, f"_on_{kind}", None)
            event = take(*values) if take else None
            if event is not None and self.job.mode is Mode.RUN:
                yield event

    def _measure(self, suspects: list[str]) -> None:
        sample = self.meter.sample()
        self._sample = sample
        if sample.processes:
            self._last_held = sample.held
        self._cache = max(self._cache, sample.cache)
        if sample.processes > 1 and len(self._running) == 1:
            worker = next(iter(self._running))
            size = sample.held if self._changed else sample.peak
            if worker == "":
                self._trees[worker] = max(self._trees.get(worker, 0), size)
        self._changed = False
        kills = self.meter.oom_kills()
        if kills is not None and kills > (self._oom_kills or 0):
            self._oom_kills = kills
            self._victim = self._victim or next(iter([*suspects, *self._running.values()]), None)

    def _enforce(self) -> None:
        job = self.job
        if self._killed_for:
            self.kill(self._killed_for)  # what it started in the meantime
        elif not self.meter.enforces_limit and job.limit_bytes and self._sample.held > job.limit_bytes:
            self.kill("limit")
        elif job.timeout and time.monotonic() - self._started > job.timeout:
            self.kill("timeout")
        if os.fstat(self.output_fd).st_size > FLOOD:
            os.ftruncate(self.output_fd, 0)
            os.write(self.output_fd, b"[memlint: the beginning of this flood was dropped]\n")

    def kill(self, reason: str) -> None:
        """Kill every process of the unit; the first reason given is the one that counts."""
        self._killed_for = self._killed_for or reason
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        processes.kill(self.meter.pids())

    # ------------------------------------------------------------------------------------------ events

    def _on_session(self, pid: int, resident: int | None) -> None:
        self._began = True
        self._resident = resident
        self._stages = replace(self._stages, start_bytes=resident)

    def _on_collecting(self, file: str) -> None:
        self._stages = replace(self._stages, collecting=file)

    def _on_imported(self, file: str, size: int, modules: int) -> None:
        imports = (*self._stages.imports, MeasuredImport(file, size, modules))
        self._stages = replace(self._stages, imports=imports)

    def _on_tests(self, tests: list[str], resident: int | None = None) -> None:
        self._listed = tuple(dict.fromkeys(tests))
        self._stages = replace(self._stages, collection_bytes=resident, collecting=None)

    def _on_round(self, resident: int | None) -> None:
        if resident is not None:
            self._stages = replace(self._stages, rounds=(*self._stages.rounds, resident))

    def _on_holders(self, found: list[Any]) -> None:
        self._stages = replace(self._stages, holders=tuple(MeasuredHolder(*holder) for holder in found))

    def _on_start(self, test: str, gap_peak: int, worker: str) -> Event:
        self.meter.note_process_peak(gap_peak)
        self._running[worker] = test
        self._trees.pop(worker, None)
        self._changed = True
        return TestStart(self.job.unit.name, test)

    def _on_end(self, test: str, worker: str, outcome: str, *figures: Any) -> Event:
        before, peak, after, seconds, memory_error, output, modules = figures
        self.meter.note_process_peak(peak)
        if not self._ended and worker == "" and before is not None and self._resident is not None:
            self._collected = max(0, before - self._resident)
        self._running.pop(worker, None)
        self._ended.add(test)
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
        if memory_error:
            self._victim = test
        tree = self._trees.pop(worker, 0)
        highest = max(peak, tree)
        return TestEnd(
            self.job.unit.name,
            test,
            outcome,
            before,
            highest,
            after,
            seconds,
            tree,
            memory_error=memory_error,
            own_bytes=peak if tree > peak else None,
            output_bytes=output,
            new_modules=modules,
        )

    def _on_note(self, kind: str, text: str) -> None:
        self._notes.append((kind, text))

    def _on_finish(self, exit_status: int, peak: int, retained: int | None, *figures: int | None) -> None:
        self.meter.note_process_peak(peak)
        self._finished = exit_status
        self._retained = retained
        resident, garbage, trimmed = figures
        self._stages = replace(
            self._stages, finish_bytes=resident, garbage_bytes=garbage, trimmed_bytes=trimmed
        )

    # --------------------------------------------------------------------------------------------- end

    def bury(self, status: int, maxrss: int, keeps: Callable[[str], bool]) -> Iterator[Event]:
        """The main process is dead: take in the last events, clear away what it left, and judge."""
        seconds = time.monotonic() - self._started
        if self.meter.name == "rusage":
            self.meter.note_process_peak(maxrss * _MAXRSS_UNIT)
        leftovers = self._clear_away()
        yield from self._take_events()
        self.spool.close()
        if self._finished is None and (self._victim is None or os.WIFSIGNALED(status)):
            # Many tests may have begun and ended since the look before: what the main process died in counts.
            self._victim = next(iter(self._running.values()), self._victim)
        ending = self._ending(status)
        judgement = verdicts.judge(ending)
        code, killer = verdicts.status_of(status)
        kept = self.job.mode is not Mode.BASELINE and keeps(judgement.verdict)
        self._close_output(kept)
        yield JobEnd(
            job=self.job,
            verdict=judgement.verdict,
            exit_code=code,
            signal=killer,
            evidence=judgement.evidence,
            peak_bytes=self.meter.peak,
            retained_bytes=self._retained,
            collected_bytes=self._collected,
            cache_bytes=self._cache if self.meter.name.startswith("cgroup") else None,
            meter=self.meter.name,
            seconds=round(seconds, 3),
            victim=self._victim,
            leftovers=leftovers,
            outcomes=dict(self._outcomes),
            listed=self._listed,
            ended=frozenset(self._ended),
            output=_shown(self.output) if kept else None,
            pid=self._pid,
            stages=self._stages if self._stages != MeasuredStages() else None,
        )

    def _clear_away(self) -> tuple[Leftover, ...]:
        """List and kill what still runs. After a kill of ours nothing is listed: it could not clean up."""
        pids = self._after_grace()
        found = () if self._killed_for else tuple(Leftover(pid, processes.command(pid)) for pid in pids)
        deadline = time.monotonic() + BURIAL
        while pids and time.monotonic() < deadline:
            processes.kill(pids)
            time.sleep(0.002)
            pids = self.meter.pids()
        self._measure([])
        self.meter.close()
        return found

    def _after_grace(self) -> list[int]:
        deadline = time.monotonic() + (0 if self._killed_for else _grace())
        while (pids := self.meter.pids()) and time.monotonic() < deadline:
            time.sleep(0.005)
        return pids

    def _ending(self, status: int) -> verdicts.Ending:
        return verdicts.Ending(
            status=status,
            began=self._began,
            finished=self._finished,
            notes=tuple(self._notes),
            killed_for=self._killed_for,
            oom_kills=self._oom_kills or 0,
            # where the unit's own are counted, those of the machine are somebody else's
            machine_oom_kills=_machine_oom_kills() - self._machine_kills if self._oom_kills is None else 0,
            last_bytes=self._last_held,
            memory_bytes=self._memory,
            peak_bytes=self.meter.peak or 0,
            limit_bytes=self.job.limit_bytes,
            timeout=self.job.timeout,
            output=_tail(self.output_fd, 65536),
        )

    def _close_output(self, kept: bool) -> None:
        if kept:
            if os.fstat(self.output_fd).st_size > TAIL:
                tail = _tail(self.output_fd, TAIL)
                os.ftruncate(self.output_fd, 0)
                os.write(self.output_fd, b"[memlint: only the end is kept]\n" + tail)
        else:
            self.output.unlink(missing_ok=True)
        os.close(self.output_fd)


def _grace() -> float:
    """Seconds of this machine as it is: on a busy one the same work takes longer."""
    return min(MOST_GRACE, GRACE * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def _shown(path: Path) -> str:
    """Relative to the working directory where it lies below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _tail(fd: int, size: int) -> bytes:
    end = os.fstat(fd).st_size
    return os.pread(fd, size, max(0, end - size))


def _machine_oom_kills() -> int:
    return fields(processes.read("/proc/vmstat")).get(b"oom_kill", 0)
