"""What a run is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from memlint.config import Settings
from memlint.model import Level


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
    progress: Callable[[int, int], None] | None = None  # told how many files of how many are lowered
    measured: Mapping[str, int] = field(
        default_factory=dict
    )  # node id → bytes a test was seen to add at its peak
    probe: bool = True  # rank by what a probe of the suite's environment measured, where that is fresh

    @property
    def folder(self) -> Path:
        """The working directory."""
        return self.root or self.settings.working_dir

    @property
    def target_cores(self) -> int:
        """Cores of the machine the suite will run on, two where nobody says."""
        return self.cores or self.settings.cores or 2

    @property
    def cache_folder(self) -> Path | None:
        """Where what was read is kept; None to keep nothing."""
        return self.settings.cache_dir if self.cache else None
