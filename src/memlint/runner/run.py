"""A run from its request to its summary: the one function that the command line calls."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from memlint.runner import journal, resume, suite
from memlint.runner.admission import admission
from memlint.runner.display import Display
from memlint.runner.journal import Run, Writer
from memlint.runner.local import LocalExecutor, Places
from memlint.runner.meters import choose
from memlint.runner.summary import Summary, summarise
from memlint.runner.supervisor import Plan, Supervisor
from memlint.runner.units import Sources, Unit, in_order, shard_of, units_of


@dataclass(frozen=True, slots=True)
class Request:
    """What to run, and how. Sizes in bytes, times in seconds."""

    named: tuple[str, ...]  # files and node ids, POSIX and relative to ``root``
    predictions: Mapping[str, int]  # file → likely peak
    root: Path
    python: str
    journal: Path
    argv: tuple[str, ...] = ()
    order: str = "given"
    seed: int = 0
    shard: tuple[int, int] | None = None
    batch_size: int = 1
    repeat: int = 1
    in_process: bool = False  # repeats run in one process, not in one each
    by_test: bool = False
    fail_fast: bool = False
    limit: int | None = None
    timeout: float | None = None
    jobs: int | None = 1  # None: as memory allows
    resume: bool = False
    pytest_args: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    keep_output: str = "failed"
    meter: str = "auto"
    profiles: Path | None = None  # folder for memray's files: units run under memray and are not split


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run leaves besides its journal."""

    summary: Summary
    interrupted: str  # name of the signal that stopped it, or ""


def plan_units(request: Request) -> list[Unit]:
    """The units of a run in their order."""
    named = list(request.named)
    if request.shard is not None:
        named = shard_of(named, *request.shard)
    named = in_order(named, request.order, request.predictions, request.seed)
    units = units_of(named, request.predictions, request.batch_size)
    repeats = 1 if request.in_process else request.repeat
    return [replace(unit, repeat=number + 1) for number in range(repeats) for unit in units]


def carry_out(request: Request, display: Display) -> Outcome:
    """Run everything.

    Raises ExecutorError, MeterUnavailableError or JournalError when the job cannot be done.
    """
    run = uuid.uuid4().hex[:12]
    found = suite.find(request.python, request.root, request.pytest_args, dict(request.environment))
    found = replace(found, profiles=request.profiles)
    meters = choose.choose(run, request.meter)
    try:
        if request.limit is not None and meters.name == "rusage":
            raise choose.MeterUnavailableError("rusage cannot hold units to a limit; see memlint doctor")
        interrupted = _run(run, request, found, meters, display)
    finally:
        meters.close()
    return Outcome(summarise(journal.read(request.journal)), interrupted)


def _run(run: str, request: Request, found: suite.Suite, meters: choose.Meters, display: Display) -> str:
    rounds = request.repeat if request.in_process else 1
    context = found.context(meters.name, choose.memory_bytes(), rounds)
    past = resume.remember(request.journal, context) if request.resume else resume.Past()
    units = plan_units(request)
    with Writer(request.journal, append=request.resume) as writer:
        writer.write(first_record(run, request, context))
        folder = request.journal.absolute().parent
        places = Places(folder / f"spool-{run}", folder / "output" / run, request.keep_output)
        executor = LocalExecutor(run, found, meters, places)
        plan = Plan(
            context=context,
            limit_bytes=request.limit,
            timeout=request.timeout,
            by_test=request.by_test,
            fail_fast=request.fail_fast,
            rounds=rounds,
            whole=request.profiles is not None,
        )
        sources = Sources(request.root)
        supervisor = Supervisor(
            plan, executor, writer, display, admission(request.jobs, units), sources, past
        )
        try:
            supervisor.run(units)
        finally:
            display.close()
            executor.close()
    return supervisor.interrupted


def first_record(run: str, request: Request, context: journal.Context) -> Run:
    """What a journal says of the run to come."""
    return Run(
        schema=journal.SCHEMA,
        run=run,
        context=context,
        argv=request.argv,
        shard="{}/{}".format(*request.shard) if request.shard else None,
        limit_bytes=request.limit,
        started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )
