"""Runs units on this machine: starts them, watches them, kills them, and says how they ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlint.runner import processes
from memlint.runner.executor import Event, ExecutorError, Glimpse, Job, Mode
from memlint.runner.meters.choose import Meters, memory_bytes
from memlint.runner.suite import Suite
from memlint.runner.units import slug
from memlint.runner.watch import Watched

OOM_SCORE = b"1000"  # of units: the kernel's first choice, so that the supervisor lives to tell


@dataclass(frozen=True, slots=True)
class Places:
    """Where an executor keeps its files."""

    spool: Path  # for the run alone, removed at its end
    output: Path  # what units printed
    keep_output: str = "failed"  # always, failed or never


class LocalExecutor:
    """Each job is a pytest process in its own session, watched every few milliseconds."""

    def __init__(self, run: str, suite: Suite, meters: Meters, places: Places) -> None:
        """Become subreaper, start the guardian. Raises ExecutorError."""
        self._run = run
        self._suite = suite
        self._meters = meters
        self._places = places
        self._memory = memory_bytes()
        self._watched: dict[int, Watched] = {}
        self._count = 0
        for folder in (places.spool, places.output):
            folder.mkdir(parents=True, exist_ok=True)
        self._plugin_folder = suite.install_plugin(places.spool)
        processes.become_subreaper()
        self._elders = processes.children(os.getpid())  # not ours to kill
        self._guardian = _start_guardian(run, meters)
        self._wake, self._old_handler, self._old_wake = _wake_on_death()

    def start(self, job: Job) -> int | None:
        """Start the job's pytest."""
        self._count += 1
        tag = f"MEMLINT_UNIT={self._run}-{self._count}"
        spool = self._places.spool / f"{self._count}.events"
        output = self._places.output / f"{self._count:04d}-{slug(job.unit.name)}.log"
        try:
            meter = self._meters.meter(job.limit_bytes, tag, not job.concurrent)
            watched = Watched(job, meter, spool, output, self._memory)
            process = self._spawn(job, watched, tag)
        except OSError as error:
            raise ExecutorError(f"cannot start {job.unit.name}: {error}") from error
        watched.begin(process.pid)
        self._watched[process.pid] = watched
        process.returncode = 0  # reaped by its id, with its resource usage
        self._tell_guardian(f"+{process.pid}")
        return process.pid

    def _spawn(self, job: Job, watched: Watched, tag: str) -> subprocess.Popen[bytes]:
        supervisor = os.getpid()

        def before_exec() -> None:
            processes.die_with(supervisor)
            _offer_to_oom_killer()
            watched.meter.enter()

        return subprocess.Popen(
            self._suite.command(job),
            stdin=subprocess.DEVNULL,
            stdout=watched.output_fd,
            stderr=watched.output_fd,
            env=self._environment(job, watched, tag),
            cwd=self._suite.root,
            start_new_session=True,
            preexec_fn=before_exec,
        )

    def _environment(self, job: Job, watched: Watched, tag: str) -> dict[str, str]:
        environment = {**os.environ, **self._suite.environment, "MEMLINT_RUN": self._run}
        name, _, value = tag.partition("=")
        environment[name] = value
        environment["MEMLINT_EVENTS"] = str(watched.spool.path)
        environment["MEMLINT_MODE"] = job.mode.value
        environment["MEMLINT_ROUNDS"] = str(job.rounds if job.mode is Mode.RUN else 1)
        if job.unit.tests:
            select_file = watched.spool.path.with_suffix(".tests")
            select_file.write_text(json.dumps(job.unit.tests), encoding="ascii")
            environment["MEMLINT_SELECT"] = str(select_file)
        if self._plugin_folder is not None:
            known = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join(
                [str(self._plugin_folder), *([known] if known else [])]
            )
        return environment

    def poll(self, seconds: float) -> Iterator[Event]:
        """Wait for a death or the time, then look at every unit."""
        if select.select([self._wake], [], [], seconds)[0]:
            os.read(self._wake, 4096)
        for pid, watched in list(self._watched.items()):
            status = _reap(pid)
            yield from watched.look()
            if status is not None:
                yield from self._finish(pid, watched, *status)
        self._reap_orphans()

    def _finish(self, pid: int, watched: Watched, status: int, maxrss: int) -> Iterator[Event]:
        del self._watched[pid]
        self._tell_guardian(f"-{pid}")
        yield from watched.bury(status, maxrss, self._keeps)
        watched.spool.path.with_suffix(".tests").unlink(missing_ok=True)

    def _keeps(self, verdict: str) -> bool:
        keep = self._places.keep_output
        return keep == "always" or (keep == "failed" and verdict not in ("passed", "no_tests"))

    def _reap_orphans(self) -> None:
        if processes.LINUX:
            processes.reap_strangers([*self._watched, self._guardian.pid])

    def running(self) -> list[Glimpse]:
        """The units that run now."""
        return [watched.glimpse() for watched in self._watched.values()]

    def stop(self, reason: str) -> None:
        """Kill them."""
        for watched in self._watched.values():
            watched.kill(reason)

    def close(self) -> None:
        """Kill what runs, let the guardian look once more, remove the run's files."""
        for pid, watched in list(self._watched.items()):
            watched.kill("interrupt")
            for _ in self._finish(pid, watched, *_wait(pid)):
                continue
        signal.set_wakeup_fd(self._old_wake)
        signal.signal(signal.SIGCHLD, self._old_handler)
        os.close(self._wake)
        self._kill_orphans()
        if self._guardian.stdin is not None:
            self._guardian.stdin.close()
        self._guardian.wait()
        self._meters.close()
        shutil.rmtree(self._places.spool, ignore_errors=True)
        with contextlib.suppress(OSError):  # something is kept in it
            self._places.output.rmdir()

    def _kill_orphans(self) -> None:
        """Daemons without a mark or a parent that was seen: nobody knows which unit they came from."""
        strangers = set(processes.children(os.getpid())).difference(self._elders, [self._guardian.pid])
        processes.kill(processes.descendants(strangers))
        for pid in strangers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _tell_guardian(self, line: str) -> None:
        if self._guardian.stdin is not None:
            try:
                self._guardian.stdin.write(line.encode() + b"\n")
                self._guardian.stdin.flush()
            except OSError:
                return  # killed by someone; the units still die with us


def _start_guardian(run: str, meters: Meters) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("guardian.py")
    folder = str(meters.groups.parent) if meters.groups is not None else ""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(script), f"MEMLINT_RUN={run}", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**_without_marks(os.environ), "MEMLINT_GUARDIAN": "1"},
        start_new_session=True,
    )


def _without_marks(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("MEMLINT_")}


def _wake_on_death() -> tuple[int, Any, int]:
    """A descriptor that becomes readable when a child dies, and what to put back at the end."""
    wake, signalled = os.pipe()
    for fd in (wake, signalled):
        os.set_blocking(fd, False)
    handler = signal.signal(signal.SIGCHLD, _ignore)
    return wake, handler, signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)


def _ignore(number: int, frame: object) -> None:
    """Exists so that the wake-up descriptor is written to."""


def _offer_to_oom_killer() -> None:
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        return
    os.write(fd, OOM_SCORE)
    os.close(fd)


def _reap(pid: int) -> tuple[int, int] | None:
    """Status and ``ru_maxrss`` of a dead child; None while it lives."""
    dead, status, usage = os.wait4(pid, os.WNOHANG)
    return (status, usage.ru_maxrss) if dead else None


def _wait(pid: int) -> tuple[int, int]:
    _, status, usage = os.wait4(pid, 0)
    return status, usage.ru_maxrss
