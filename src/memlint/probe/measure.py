"""Measures a suite's imports: each module alone, and those of each test file together, as pytest collects them."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from memlint.knowledge.footprints import SESSION, Footprints, FootprintTable
from memlint.probe.environment import Environment, Survey
from memlint.probe.isolated import Answer, Bounds, Compiled, Task, run_all
from memlint.probe.store import Group, Probe, Run, table_of
from memlint.ranking.suite_imports import SuiteImports

MOST_GROUPS = 60  # sets of modules measured together; those of the most files first
_LASTING = frozenset({"", "missing"})  # what another try cannot change

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Measuring:
    """One probe at work. What is known already is not measured again."""

    survey: Survey
    environment: Environment
    bounds: Bounds
    jobs: int
    progress: Progress | None
    runs: dict[str, Run] = field(default_factory=dict)
    groups: dict[tuple[str, ...], Group] = field(default_factory=dict)
    idle: list[int] = field(default_factory=list)
    compiled: Compiled = field(default_factory=Compiled)

    def take(self, known: Probe | None) -> None:
        """Start from what an earlier probe of the same environment found."""
        if known is not None and known.environment.key == self.environment.key:
            self.runs = {run.name: run for run in known.runs if run.kind in _LASTING}
            self.groups = {group.names: group for group in known.groups}
            self.idle = [known.interpreter]

    def measure(self, imports: SuiteImports) -> None:
        """Measure what is still unknown. An exception, or Ctrl-C, leaves what was measured so far."""
        modules = set(self.survey.modules)
        for name in imports.names:
            top = name.partition(".")[0]
            if top not in modules and top not in self.runs:
                self.runs[top] = Run(top, kind="missing")
        wanted = {_module_of(name, modules) for name in imports.names} - {None}
        for wave in _waves(sorted(name for name in wanted if name is not None)):
            self._alone([name for name in wave if not self._comes_with_package(name)])
        self._together(imports, modules)

    def close(self) -> None:
        """Remove what was kept for the processes alone."""
        self.compiled.clear()

    def probe(self) -> Probe:
        """Everything known now."""
        runs = tuple(self.runs[name] for name in sorted(self.runs))
        kept = tuple(self._without_strangers(run) for run in runs)
        idle = round(statistics.median(self.idle)) if self.idle else 0
        groups = tuple(self.groups[names] for names in sorted(self.groups))
        return Probe(self.environment, idle, kept, groups, table_of(kept))

    # --- alone ------------------------------------------------------------------------------------------------------

    def _alone(self, names: list[str]) -> None:
        todo = [name for name in names if name not in self.runs]
        for task, answer in self._answers([_task(name) for name in todo]):
            name = task.names[0] if task.names else SESSION
            version = self.survey.versions.get("pytest" if name == SESSION else name.partition(".")[0])
            self.runs[name] = Run(name, answer.bytes, answer.loaded, version, answer.kind, answer.text)

    def _comes_with_package(self, name: str) -> bool:
        """A submodule that its package imports anyway needs no figure of its own; one of a missing package has none."""
        package = name.rpartition(".")[0]
        while package and package not in self.runs:
            package = package.rpartition(".")[0]
        run = self.runs.get(package)
        return run is not None and (name in run.loaded or bool(run.kind))

    # --- together ---------------------------------------------------------------------------------------------------

    def _together(self, imports: SuiteImports, modules: set[str]) -> None:
        session = self.runs.get(SESSION)
        if session is None or session.kind:
            return  # no pytest there
        footprints = Footprints(FootprintTable("", "", 0, self.probe().module))
        closed = {
            path: _closed(self._measured(names, modules, footprints), footprints)
            for path, names in imports.files.items()
        }
        known = {
            _closed(names, footprints) for names in self.groups if footprints.table.module.keys() >= {*names}
        }
        files = Counter(loaded for loaded in closed.values() if loaded not in known)
        order = sorted(files, key=lambda loaded: (-files[loaded], sorted(loaded)))
        tops = [names for names in (_tops(loaded, footprints) for loaded in order) if names]
        for task, answer in self._answers([Task(names, session=True) for names in tops[:MOST_GROUPS]]):
            if not answer.kind:
                self.groups[task.names] = Group(task.names, answer.bytes)

    def _measured(self, names: Iterable[str], modules: set[str], footprints: Footprints) -> Iterator[str]:
        for name in names:
            module = _module_of(name, modules)
            found = footprints.resolve(module) if module else None
            if found is not None:
                yield found

    # --- processes --------------------------------------------------------------------------------------------------

    def _answers(self, tasks: list[Task]) -> Iterator[tuple[Task, Answer]]:
        answers = run_all(self.environment.python, tasks, self.bounds, self.jobs, self.compiled)
        for done, (task, answer) in enumerate(answers, 1):
            if answer.idle:
                self.idle.append(answer.idle)
            if self.progress is not None:
                self.progress(done, len(tasks))
            yield task, answer

    def _without_strangers(self, run: Run) -> Run:
        known = self.runs.keys() | set(self.survey.modules)
        loaded = tuple(name for name in run.loaded if name in known and name != run.name)
        return Run(run.name, run.bytes, loaded, run.version, run.kind, run.error)


def _task(name: str) -> Task:
    return Task((), session=True) if name == SESSION else Task((name,))


def _module_of(name: str, modules: set[str]) -> str | None:
    """The module that a name written in an import stands for: itself, or the nearest package that is one."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def _waves(names: list[str]) -> Iterator[list[str]]:
    """Packages before what lies in them, pytest first."""
    yield [SESSION]
    for depth in sorted({name.count(".") for name in names}):
        yield [name for name in names if name.count(".") == depth]


def _closed(names: Iterable[str], footprints: Footprints) -> frozenset[str]:
    """All measured modules that a pytest session loads with these."""
    return frozenset().union(*map(footprints.closure, (SESSION, *names)))


def _tops(loaded: frozenset[str], footprints: Footprints) -> tuple[str, ...]:
    """The fewest modules that, with the session, bring all the others."""
    return tuple(
        name
        for name in sorted(loaded - footprints.closure(SESSION))
        if not any(
            name in footprints.closure(other) and (other not in footprints.closure(name) or other < name)
            for other in loaded
            if other != name
        )
    )
