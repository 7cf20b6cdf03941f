"""The one way data takes: paths → facts → project → rules → findings → ranking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from memlint.config import Settings
from memlint.model import Level, LintResult, RankResult


@dataclass(frozen=True, slots=True)
class Request:
    """What to check, and how."""

    paths: tuple[str, ...]  # as the user named them; empty for the suite's own testpaths
    settings: Settings
    level: Level = Level.CI
    jobs: int | None = None  # worker processes; None chooses by the work at hand
    cache: bool = True
    stdin: tuple[str, bytes] | None = None  # (file name, content) of a buffer given on standard input
    cores: int | None = None  # cores of the machine the suite will run on
    root: Path | None = None  # working directory; paths in results are relative to it


def lint(request: Request) -> LintResult:
    """Return the findings of every status, with suppressions applied; the baseline is the caller's."""
    raise NotImplementedError


def rank(request: Request) -> RankResult:
    """Return every linted test file and its tests, heaviest first."""
    raise NotImplementedError
