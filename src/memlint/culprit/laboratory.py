"""Runs of a search for culprits on this machine: one process each, journalled, none repeated after a crash."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from memlint.culprit.ledger import DEADLY
from memlint.culprit.search import Happening, StoppedError
from memlint.model import MeasuredUnit, SearchRun
from memlint.runner import resume, suite
from memlint.runner.admission import Admission
from memlint.runner.display import Display
from memlint.runner.executor import ExecutorError
from memlint.runner.journal import Context, Writer
from memlint.runner.local import LocalExecutor, Places
from memlint.runner.measurement import load_measurement
from memlint.runner.meters import choose
from memlint.runner.run import Request, first_record
from memlint.runner.supervisor import Plan, Supervisor
from memlint.runner.units import Sources, Unit, file_of

RAN = frozenset({"passed", "failed", "no_tests"})


@dataclass(slots=True)
class LocalLaboratory:
    """Each run is a unit of the journal, known again by its number, files, their content, and the limit."""

    request: Request
    context: Context
    past: resume.Past
    sources: Sources
    supervisor: Supervisor
    most_runs: int
    runs: int = 0

    def run(self, files: Sequence[str], purpose: str) -> Happening:
        """Run the files, or read what came of the same run before.

        Raises StoppedError when no more runs are allowed, on Ctrl-C, and when the run ended otherwise than by
        its tests or its memory; ExecutorError when units cannot be started.
        """
        self.runs += 1
        if self.runs > self.most_runs:
            raise StoppedError(
                f"{self.most_runs} runs are made: allow more by --max-runs, nothing is repeated"
            )
        unit = Unit(
            name=f"run {self.runs}: {purpose} [{self._token(files)}]",
            members=tuple(files),
            files=tuple(files),
        )
        key = resume.key_of(unit, self.sources.hash(unit), self.context, self.request.limit)
        if key not in self.past.finished:
            self.supervisor.run([unit])
        if self.supervisor.interrupted:
            raise StoppedError(f"stopped by {self.supervisor.interrupted}; the same command goes on")
        return self._read(unit, purpose)

    def _token(self, files: Sequence[str]) -> str:
        """Tells runs of the same number apart, when files or limits change between two searches."""
        facts = [self.request.limit, self.context.hash, *files]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:4]

    def _read(self, unit: Unit, purpose: str) -> Happening:
        measured = load_measurement(self.request.journal).units
        found = next(each for each in reversed(measured) if each.name == unit.name)
        if found.verdict not in DEADLY | RAN:
            raise StoppedError(
                f"run {self.runs} ended as {found.verdict}: {'; '.join(found.evidence) or 'see its output'}"
                + (f" ({found.output})" if found.output else "")
            )
        return happening(found, self.runs, purpose, self.request.limit or found.peak_bytes or 0)


def happening(unit: MeasuredUnit, number: int, purpose: str, limit: int) -> Happening:
    """What a search wants to know of a run under a limit in bytes.

    A run that was over the limit for too short a time to be killed counts as dead: a meter that looks only now
    and then would else let the same files die in one run and live in the next.
    """
    stages = unit.stages
    collecting = stages.collecting if stages else None
    died = unit.verdict in DEADLY or (unit.peak_bytes or 0) > limit
    victim = (unit.victim or collecting or _over(unit, limit)) if died else None
    run = SearchRun(number, purpose, unit.members, died, victim, unit.peak_bytes, unit.seconds)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for test in unit.tests:
        if test.before_bytes is not None and test.after_bytes is not None:
            file = file_of(test.nodeid)
            first.setdefault(file, test.before_bytes)
            last[file] = test.after_bytes
    return Happening(
        run=run,
        victim=file_of(victim) if victim else None,
        importing=died and unit.victim is None and collecting is not None,
        base=(stages.collection_bytes if stages else None) or 0,
        kept={file: last[file] - first[file] for file in first},
        imports={each.file: each.bytes for each in stages.imports} if stages else {},
        tests=sum(1 for test in unit.tests if test.after_bytes is not None),
    )


def _over(unit: MeasuredUnit, limit: int) -> str | None:
    """The first test over the limit; of a unit that died between two tests or after all, the last that ended."""
    over = [test.nodeid for test in unit.tests if (test.peak_bytes or 0) > limit]
    return next(iter([*over, *(test.nodeid for test in unit.tests[-1:])]), None)


@contextmanager
def local_laboratory(
    request: Request, most_runs: int, display: Display, *, restart: bool
) -> Iterator[LocalLaboratory]:
    """Open the journal of a search, going on with what it holds unless told to restart.

    Raises ExecutorError, MeterUnavailableError or JournalError.
    """
    run = uuid.uuid4().hex[:12]
    found = suite.find(request.python, request.root, request.pytest_args, dict(request.environment))
    meters = choose.choose(run, request.meter)
    try:
        if meters.name == "rusage":
            raise ExecutorError("this machine cannot hold units to a limit; see memlint doctor")
        context = found.context(meters.name, choose.memory_bytes())
        past = resume.Past() if restart else resume.remember(request.journal, context)
        with Writer(request.journal, append=not restart) as writer:
            writer.write(first_record(run, request, context))
            folder = request.journal.absolute().parent
            places = Places(folder / f"spool-{run}", folder / "output" / run, request.keep_output)
            executor = LocalExecutor(run, found, meters, places)
            sources = Sources(request.root)
            plan = Plan(context, request.limit, request.timeout, whole=True)
            remembered = resume.Past(baselines=past.baselines)
            supervisor = Supervisor(
                plan, executor, writer, display, Admission(1, careful=False), sources, remembered
            )
            try:
                yield LocalLaboratory(request, context, past, sources, supervisor, most_runs)
            finally:
                display.close()
                executor.close()
    finally:
        meters.close()
