"""What a run is to do: plain values, read once, never changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memlint.config.patterns import matcher
from memlint.knowledge.calibration import Calibration
from memlint.model import Budget, Level, Severity

OptionValue = int | bool | tuple[str, ...]


class ConfigError(Exception):
    """A setting that cannot be obeyed; the message names file and line, and what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of a run, with defaults filled in."""

    root: Path  # folder of the config file, else the checkout, else the pytest root; patterns count from it
    working_dir: Path  # paths in results are relative to it
    codes: frozenset[str]  # active rules, after select and ignore
    per_file_ignores: tuple[tuple[str, frozenset[str]], ...]  # (gitignore pattern below root, codes)
    options: Mapping[str, Mapping[str, OptionValue]]  # code → option → value
    markers: tuple[str, ...]  # markers that announce a heavy test
    budgets: tuple[Budget, ...]  # the project's own limits, in the order of the file
    python_files: tuple[str, ...]  # patterns of test modules, as in pytest
    testpaths: tuple[str, ...]  # what to check when nothing is named; empty: all of it
    testpaths_root: Path  # the folder that testpaths count from, and where alone they count, as in pytest
    exclude: tuple[str, ...]  # gitignore patterns below root
    default_exclude: tuple[str, ...]  # likewise, but a folder that the user names is walked all the same
    extra_rules: tuple[Path, ...]  # folders with further rules and API tables
    level: Level
    fail_on: Severity
    baseline: Path | None
    cache_dir: Path
    cores: int | None  # cores of the machine that the suite will run on
    origins: Mapping[str, str]  # setting → "pyproject.toml:12", "default", "--level"
    calibration: Path | None = None  # what 'memlint calibrate' wrote for this project
    calibrated: Calibration | None = None  # what it says
    addopts: tuple[str, ...] = ()  # options that the suite's own configuration gives to pytest
    addopts_place: tuple[Path, int] | None = None  # where they stand: file and line

    def active_codes(self, path: str) -> frozenset[str]:
        """The rules that hold for the file ``path`` (relative to the working directory)."""
        if not self.per_file_ignores:
            return self.codes
        place = self.from_root(path)
        ignored = (codes for pattern, codes in self.per_file_ignores if matcher((pattern,)).match_file(place))
        return self.codes.difference(*ignored)

    def budget(self, path: str, marks: frozenset[str]) -> Budget | None:
        """The budget of a test in the file ``path`` (relative to the working directory) with these markers.

        That of a marker stands before that of a path, the largest first; of paths the last one counts. A test with one
        of ``markers``, which announce a heavy test, is held to no path's budget.
        """
        if not self.budgets:
            return None
        marked = [budget for budget in self.budgets if budget.is_marker and budget.name in marks]
        if marked:
            return max(marked, key=lambda budget: budget.bytes)
        if marks.intersection(self.markers):
            return None
        place = self.from_root(path)
        found = [b for b in self.budgets if not b.is_marker and matcher((b.name,)).match_file(place)]
        return found[-1] if found else None

    def from_root(self, path: str) -> str:
        """Return ``path`` (relative to the working directory) as a POSIX path relative to the root."""
        absolute = os.path.normpath(self.working_dir / path)
        try:
            return Path(os.path.relpath(absolute, self.root)).as_posix()
        except ValueError:  # another drive
            return Path(absolute).as_posix()


def shown(path: Path) -> str:
    """Return ``path`` for a message: relative to the current directory where it lies below it."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()
