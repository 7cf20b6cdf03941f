"""Sampling /proc: needs no rights, sees what lives longer than the time between two looks.

Of each process the memory now counts, or its high-water mark where that moved since the look before, so
that spikes between two looks are seen. Pages of files count once for the tree, as the process that maps the
most of them has them. Other shared pages count once too, by their proportional set size; the kernel
computes that page by page, so it is asked again only after ten times as long as it took.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from memlint.runner import processes
from memlint.runner.meters.base import Sample

_SHARED_DUTY = 10


class SamplingMeter:
    """The process tree of one unit; its orphans are those of our own children that descend from it."""

    name = "sampling"
    enforces_limit = False

    def __init__(self, tag: str, strangers: bool) -> None:
        """``tag``: the unit's environment variable; ``strangers``: every orphan is its."""
        self.peak: int | None = None
        self._tag = tag.encode()
        self._strangers = strangers
        self._main = 0
        self._seen: set[int] = set()
        self._marks: dict[int, int] = {}
        self._shared: dict[int, int] = {}
        self._ask_again = 0.0

    def enter(self) -> None:
        """Nothing to join."""

    def begin(self, pid: int) -> None:
        """Remember the tree's root."""
        self._main = pid
        self._seen = {pid}

    def sample(self) -> Sample:
        """Look at every process of the tree."""
        pids = self.pids()
        self._weigh_shared(pids)
        looks = {pid: _look(pid) for pid in pids}
        held = peak = 0
        for pid, look in looks.items():
            own = max(0, look.private - (self._shared.get(pid, 0) if len(pids) > 1 else 0))
            moved = look.mark > look.resident and look.mark != self._marks.get(pid, 0)
            held += own
            peak += own + (look.mark - look.resident if moved else 0)
        mapped = max((look.mapped for look in looks.values()), default=0)
        self._marks = {pid: look.mark for pid, look in looks.items()}
        self.peak = max(self.peak or 0, peak + mapped)
        return Sample(held + mapped, peak + mapped, 0, len(pids))

    def _weigh_shared(self, pids: list[int]) -> None:
        """For each process, the part of its pages that must not count again."""
        now = time.monotonic()
        known = self._shared.keys()
        if len(pids) < 2 or (now < self._ask_again and known >= set(pids)):
            return
        again = pids if now >= self._ask_again else [pid for pid in pids if pid not in known]
        for pid in again:
            self._shared[pid] = _shared(pid)
        self._ask_again = time.monotonic() + _SHARED_DUTY * (time.monotonic() - now)

    def note_process_peak(self, size: int) -> None:
        """A peak that no sample may have met."""
        self.peak = max(self.peak or 0, size)

    def pids(self) -> list[int]:
        """The tree below the main process, and orphans that came from it."""
        orphans = [pid for pid in processes.children(os.getpid()) if pid != self._main and self._owns(pid)]
        found = set(processes.descendants([self._main, *orphans]))
        self._seen |= found
        return [pid for pid in found if processes.alive(pid)]

    def _owns(self, pid: int) -> bool:
        if pid in self._seen or processes.tagged(pid, self._tag):
            return True
        return self._strangers and not processes.tagged(pid, b"MEMLINT_GUARDIAN=1")

    def oom_kills(self) -> None:
        """Not known here; the machine's own count is looked at by the verdict."""

    def close(self) -> None:
        """Nothing to remove."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One process. ``private``: anonymous and shared memory; ``mapped``: pages of files."""

    resident: int
    mark: int  # the high-water mark of ``resident``
    private: int
    mapped: int


def _look(pid: int) -> _Look:
    status = processes.read(f"/proc/{pid}/status")
    resident, mapped = _kilobytes(status, b"VmRSS:"), _kilobytes(status, b"RssFile:")
    return _Look(resident, _kilobytes(status, b"VmHWM:"), resident - mapped, mapped)


def _shared(pid: int) -> int:
    """Bytes of a process, pages of files aside, that are charged to other processes sharing them."""
    rollup = processes.read(f"/proc/{pid}/smaps_rollup")
    mapped, charged = _kilobytes(rollup, b"Pss_File:"), _kilobytes(rollup, b"Pss:")
    status = processes.read(f"/proc/{pid}/status")
    private = _kilobytes(status, b"RssAnon:") + _kilobytes(status, b"RssShmem:")
    return max(0, private - (charged - mapped)) if charged else 0


def _kilobytes(text: bytes, key: bytes) -> int:
    at = text.find(key)
    if at < 0:
        return 0
    at += len(key)
    return int(text[at : text.index(b"kB", at)]) * 1024
