"""What the user sees while units run: one line a unit in a log, a live table on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from memlint.runner.executor import Glimpse
from memlint.runner.journal import UnitEnd
from memlint.runner.units import Unit
from memlint.runner.verdicts import FINE
from memlint.units import format_bytes

BEAT = 30.0  # seconds between two signs of life of a running unit


class Display(Protocol):
    """Told of everything that happens; it decides what to show."""

    def begin(self, total: int) -> None:
        """The run starts with so many units."""

    def started(self, unit: Unit) -> None:
        """A unit has begun."""

    def tick(self, running: Sequence[Glimpse], done: int, total: int) -> None:
        """Called at every look."""

    def ended(self, end: UnitEnd, done: int, total: int) -> None:
        """A unit has ended."""

    def close(self) -> None:
        """The run is over."""


def unit_line(end: UnitEnd, done: int, total: int) -> str:
    """One unit on one line: ``[15/42] OOM 45.2 s 4.1 GiB tests/e2e/test_backtest.py``."""
    peak = format_bytes(end.peak_bytes) if end.peak_bytes is not None else "-"
    repeat = f" (run {end.repeat})" if end.repeat > 1 else ""
    line = f"[{done}/{total}] {end.verdict.upper()} {end.seconds:.1f} s {peak} {printable(end.unit)}{repeat}"
    if end.verdict in FINE:
        return line
    victim = [f"in {printable(end.victim)}"] if end.victim and end.victim != end.unit else []
    return "; ".join([line, *victim, *map(printable, end.evidence[:2])])


def printable(text: str) -> str:
    """Text that any stream takes: no line breaks, no control characters, no halves of characters."""
    safe = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "?" for c in safe)


class Lines:
    """One line a unit; with ``heartbeat`` also when one begins, and every 30 s while it runs."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        heartbeat: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._heartbeat = heartbeat
        self._now = now
        self._last_beat = now()

    def begin(self, total: int) -> None:
        """Nothing to show yet."""

    def started(self, unit: Unit) -> None:
        """The last line of a log tells what ran when the machine died."""
        if self._heartbeat:
            self._write(f"start {printable(unit.name)}")

    def tick(self, running: Sequence[Glimpse], done: int, total: int) -> None:
        """A sign of life now and then."""
        if not self._heartbeat or self._now() - self._last_beat < BEAT:
            return
        self._last_beat = self._now()
        for glimpse in running:
            where = printable(glimpse.test or glimpse.unit.name)
            self._write(
                f"[{done}/{total}] running {glimpse.seconds:.0f} s {format_bytes(glimpse.held_bytes)} {where}"
            )

    def ended(self, end: UnitEnd, done: int, total: int) -> None:
        """The unit's line."""
        self._last_beat = self._now()
        self._write(unit_line(end, done, total))

    def close(self) -> None:
        """Nothing is open."""
