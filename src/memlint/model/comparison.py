"""What changed between two measurements of a suite. Sizes are bytes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from memlint.model.agreement import Per, Renamed


class Trend(str, enum.Enum):
    """How a unit's peak moved."""

    REGRESSION = "regression"  # against the run before
    CREEP = "creep"  # not against the run before, but against the oldest
    IMPROVEMENT = "improvement"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Change:
    """One unit's medians. ``threshold`` is what the change had to exceed to count."""

    name: str
    trend: Trend
    old: int  # of the run before; of the oldest for a creep
    new: int
    threshold: int
    runs: int  # measurements of the new median
    at_least: bool = False  # the new run was cut off: the true peak is ``new`` or more
    grown_test: str = ""  # within a file, the test that grew most
    grown_bytes: int = 0

    @property
    def grown(self) -> int:
        """Bytes that the peak rose by; negative when it fell."""
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer of ``memlint diff``. ``changes`` holds what is not steady, most grown first."""

    per: Per
    old: str  # journals
    new: str
    oldest: str  # of several; the same as ``old`` for two
    compared: int
    changes: tuple[Change, ...]
    added: tuple[tuple[str, int], ...]  # measured in the new run alone, with the peak
    gone: tuple[str, ...]
    renamed: tuple[Renamed, ...]
    broken: tuple[tuple[str, str], ...]  # units that have no figure now, with the reason
    notes: tuple[str, ...]

    @property
    def regressions(self) -> tuple[Change, ...]:
        """What makes the comparison fail."""
        return tuple(c for c in self.changes if c.trend in (Trend.REGRESSION, Trend.CREEP))
