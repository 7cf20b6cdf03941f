"""The search for culprits: what was run, what happened, and what it proves."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from memlint.model.cause import Cause


class SearchEnd(str, enum.Enum):
    """How a search for culprits ended."""

    FOUND = "culprits found"
    NOTHING = "nothing to find"
    PRESSURE = "pressure, not a test"
    UNEXPLAINED = "not explained"
    STOPPED = "stopped before its end"


@dataclass(frozen=True, slots=True)
class SearchRun:
    """One process of the search: these files in this order."""

    number: int
    purpose: str
    files: tuple[str, ...]
    died: bool
    victim: str | None  # the test, or the file that was being imported
    peak_bytes: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A cause with the two runs that confirm it: the one that dies with it, the one that lives without."""

    cause: Cause
    dies: int | None  # number of the run
    lives: int | None


@dataclass(frozen=True, slots=True)
class CulpritSearch:
    """The statement a search ends in."""

    end: SearchEnd
    limit_bytes: int
    uncovered: tuple[Uncovered, ...]
    runs: tuple[SearchRun, ...]
    note: str  # what the end rests on, in a sentence
