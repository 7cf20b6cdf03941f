"""Why a unit or a whole suite fills memory: a verdict that carries its evidence."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class CauseKind(str, enum.Enum):
    """The kinds of cause that measurements can tell apart."""

    SINGLE_HEAVY = "single heavy test"
    LEAKERS = "leakers"
    UNIFORM_GROWTH = "uniform growth"
    CAPTURED_OUTPUT = "captured output"
    FAILING_LOCALS = "locals of failing tests"
    FILL_ONCE_CACHE = "fill-once cache"
    LONG_FIXTURE = "long-lived fixture"
    GARBAGE = "garbage in cycles"
    FRAGMENTATION = "fragmentation"
    IMPORT_COST = "import cost"
    CHILD_PROCESSES = "child processes"
    PRESSURE = "pressure, not a test"
    NOTHING = "nothing to find"


@dataclass(frozen=True, slots=True)
class Culprit:
    """A test or file that a cause rests on, with the bytes it accounts for."""

    name: str  # a node id or a file
    bytes: int
    text: str  # what it does with them, in a few words


@dataclass(frozen=True, slots=True)
class Cause:
    """What fills the memory of ``where``. ``evidence`` holds the figures it rests on, one sentence each."""

    kind: CauseKind
    where: str  # a unit's name; "" for the suite as a whole
    culprits: tuple[Culprit, ...]
    evidence: tuple[str, ...]
    bytes: int  # that the cause accounts for
    bytes_per_test: float | None = None  # slope of growth
    next_command: str | None = None  # the one command that confirms or narrows it
