"""The interface of a meter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sample:
    """The processes of a unit at one moment. Sizes in bytes."""

    held: int  # memory that cannot be taken back: anonymous and shared, as near as the meter can tell
    peak: int  # highest since the sample before, at least ``held``
    cache: int  # page cache beside it; 0 where the meter cannot tell
    processes: int


class Meter(Protocol):
    """Measures one unit: all processes that its main process leads to."""

    @property
    def name(self) -> str:
        """What the journal calls it."""

    @property
    def enforces_limit(self) -> bool:
        """Whether the kernel holds the unit to its limit; if not, the watchdog does."""

    @property
    def peak(self) -> int | None:
        """Highest memory of all processes of the unit together so far; None when not measured."""

    def enter(self) -> None:
        """Called in the unit's process before it becomes Python: join whatever is measured."""

    def begin(self, pid: int) -> None:
        """Called in the supervisor once the unit's main process exists."""

    def sample(self) -> Sample:
        """Look now."""

    def note_process_peak(self, size: int) -> None:
        """The exact peak of one process, by the plugin or the kernel's accounting of the dead."""

    def pids(self) -> list[int]:
        """Processes of the unit that are alive now, the main one included."""

    def oom_kills(self) -> int | None:
        """Processes of the unit that the kernel killed for memory, at anybody's limit; None where none are counted."""

    def close(self) -> None:
        """Called when every process is gone."""
