"""Which unit may start beside those that run: by memory that is free, not by a number of workers alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from memlint.runner.executor import Glimpse, Job, Mode
from memlint.runner.meters.choose import free_bytes
from memlint.runner.units import Unit

HEADROOM = 0.9  # of the free memory is given out
LOOKAHEAD = 20  # units behind the first that may overtake it
_SMALL = 64 << 20  # bytes: what a job that only collects or runs an empty test is taken to need


@dataclass(frozen=True, slots=True)
class Admission:
    """``slots`` units at most. ``careful`` (``-j auto``): unknown units and the heaviest tenth run alone."""

    slots: int
    careful: bool
    heavy_bytes: int | None = None
    free: Callable[[], int] = free_bytes

    def pick(self, waiting: Sequence[Job], running: Sequence[Glimpse]) -> int | None:
        """The position of the first job that may start now."""
        if not running:
            return 0 if waiting else None
        if len(running) >= self.slots or any(self._alone(glimpse.unit) for glimpse in running):
            return None
        spare = HEADROOM * self.free() - sum(_still_to_come(glimpse) for glimpse in running)
        for position, job in enumerate(islice(waiting, LOOKAHEAD)):
            if job.mode is not Mode.RUN:
                need: int | None = _SMALL
            elif self._alone(job.unit):
                continue
            else:
                need = job.unit.predicted_bytes
            if need is None or need <= spare:
                return position
        return None

    def _alone(self, unit: Unit) -> bool:
        if unit.alone or not self.careful:
            return unit.alone
        size = unit.predicted_bytes
        return size is None or (self.heavy_bytes is not None and size >= self.heavy_bytes)


def admission(jobs: int | None, units: Sequence[Unit]) -> Admission:
    """The rule for ``-j``: a number, or None for ``auto``."""
    if jobs is not None:
        return Admission(jobs, careful=False)
    known = sorted(unit.predicted_bytes for unit in units if unit.predicted_bytes is not None)
    heavy = known[len(known) * 9 // 10] if len(known) >= 10 else None
    return Admission(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, True, heavy)


def _still_to_come(glimpse: Glimpse) -> int:
    """Memory a running unit is expected to take yet; without a prediction, none."""
    return max(0, (glimpse.unit.predicted_bytes or 0) - glimpse.held_bytes)
