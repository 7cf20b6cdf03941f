"""An investigation plan: the facts it is made from, what to do, and the criteria by which it is done."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from memlint.model.cause import Cause
from memlint.model.findings import Finding
from memlint.model.measured import MeasuredContext
from memlint.model.report import ReportData


class CriterionKind(str, enum.Enum):
    """What a box of a plan asks for. ``where`` of the criterion is a unit, a test, or "" for the whole suite."""

    PASSES = "passes"  # every run of it ends well
    PEAK = "peak"  # at most so many bytes
    KEPT = "kept"  # bytes that its process retains at the end
    GROWTH = "growth"  # bytes a test
    LEFTOVERS = "leftovers"  # processes left running
    SUITE_MEMORY = "suite memory"  # no unit is ended for its memory, or by force
    SUITE_PEAK = "suite peak"  # the heaviest unit, in bytes
    SUITE_SECONDS = "suite seconds"  # all units together


class State(str, enum.Enum):
    """What a journal says of a criterion."""

    MET = "met"
    OPEN = "open"
    UNJUDGED = "unjudged"  # the journal cannot tell


@dataclass(frozen=True, slots=True)
class Criterion:
    """One box. ``most`` is in bytes, bytes a test, processes or seconds by kind; None where none is needed."""

    kind: CriterionKind
    where: str
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """A criterion held against a journal."""

    state: State
    text: str  # "299 MiB, ran out of memory"


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to mend a finding, in the code of the suite itself."""

    title: str
    text: str
    code: tuple[str, ...] = ()
    language: str = "python"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What can be done about one finding."""

    finding: Finding
    strategies: tuple[Strategy, ...]


@dataclass(frozen=True, slots=True)
class CauseRemedy:
    """What can be done about a cause as a whole."""

    cause: Cause
    strategies: tuple[Strategy, ...]


@dataclass(frozen=True, slots=True)
class NextCommand:
    """What to run now, and what it will tell."""

    lines: tuple[str, ...]  # as a shell takes them
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a plan's document says. ``budget_bytes`` is what a unit may use; None where none is known."""

    data: ReportData
    context: MeasuredContext
    files: int  # that the journal measured
    budget_bytes: int | None
    budget_from: str  # where the budget comes from, in words
    suspects: tuple[str, ...]  # paths, in the order to look at them
    commands: tuple[NextCommand, ...]
    cause_remedies: tuple[CauseRemedy, ...]
    remedies: tuple[Remedy, ...]
    more_findings: int  # that no remedy is written for here
    criteria: tuple[tuple[Criterion, Observation], ...]
