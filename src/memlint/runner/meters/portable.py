"""Systems without /proc: psutil where it is installed, else what the kernel says of a dead process."""

from __future__ import annotations

import importlib
from typing import Any

from memlint.runner.meters.base import Sample


class PsutilMeter:
    """Sums the resident memory of the process tree. Shared pages count in each process."""

    name = "psutil"
    enforces_limit = False

    def __init__(self) -> None:
        """Raises ImportError without psutil."""
        self._psutil: Any = importlib.import_module("psutil")
        self.peak: int | None = None
        self._main: Any = None
        self._seen: dict[int, Any] = {}

    def enter(self) -> None:
        """Nothing to join."""

    def begin(self, pid: int) -> None:
        """Remember the tree's root."""
        self._main = self._psutil.Process(pid)
        self._seen = {pid: self._main}

    def _living(self) -> list[Any]:
        for process in list(self._seen.values()):
            try:
                self._seen.update((child.pid, child) for child in process.children(recursive=True))
            except self._psutil.Error:
                continue
        return [p for p in self._seen.values() if self._runs(p)]

    def _runs(self, process: Any) -> bool:
        try:
            return bool(process.is_running() and process.status() != self._psutil.STATUS_ZOMBIE)
        except self._psutil.Error:
            return False

    def sample(self) -> Sample:
        """Look at every process of the tree."""
        held = count = 0
        for process in self._living():
            try:
                held += process.memory_info().rss
                count += 1
            except self._psutil.Error:
                continue
        self.peak = max(self.peak or 0, held)
        return Sample(held, held, 0, count)

    def note_process_peak(self, size: int) -> None:
        """A peak that no sample may have met."""
        self.peak = max(self.peak or 0, size)

    def pids(self) -> list[int]:
        """Processes once seen in the tree that still live."""
        return [process.pid for process in self._living()]

    def oom_kills(self) -> None:
        """Not known here."""

    def close(self) -> None:
        """Nothing to remove."""


class RusageMeter:
    """Knows the largest single process of the unit, once it is dead."""

    name = "rusage"
    enforces_limit = False

    def __init__(self) -> None:
        self.peak: int | None = None
        self._main = 0

    def enter(self) -> None:
        """Nothing to join."""

    def begin(self, pid: int) -> None:
        """Remember the main process."""
        self._main = pid

    def sample(self) -> Sample:
        """Nothing can be seen of a living process."""
        return Sample(0, 0, 0, 1)

    def note_process_peak(self, size: int) -> None:
        """The only source of this meter."""
        self.peak = max(self.peak or 0, size)

    def pids(self) -> list[int]:
        """The main process only."""
        return []

    def oom_kills(self) -> None:
        """Not known here."""

    def close(self) -> None:
        """Nothing to remove."""
