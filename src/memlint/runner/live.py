"""The live view on a terminal. The only module of the runner that imports rich, and only when it is used."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from memlint.runner.display import printable, unit_line
from memlint.runner.executor import Glimpse
from memlint.runner.journal import UnitEnd
from memlint.runner.units import Unit
from memlint.runner.verdicts import FINE
from memlint.units import format_bytes

REFRESH = 0.2  # seconds
_MOST_ROWS = 12


class LiveView:
    """Finished units scroll by; below them the running ones, the heaviest so far and the time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Without its own thread: units are forked from this process.
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._began = time.monotonic()
        self._shown_at = 0.0
        self._heaviest: tuple[int, str] = (0, "")
        self._troubled = 0

    def begin(self, total: int) -> None:
        """Open the view."""
        self._live.start()

    def started(self, unit: Unit) -> None:
        """The next refresh shows it."""

    def tick(self, running: Sequence[Glimpse], done: int, total: int) -> None:
        """Redraw now and then."""
        now = time.monotonic()
        if now - self._shown_at >= REFRESH:
            self._shown_at = now
            self._live.update(self._draw(running, done, total), refresh=True)

    def ended(self, end: UnitEnd, done: int, total: int) -> None:
        """Let the unit's line scroll by."""
        fine = end.verdict in FINE
        self._troubled += not fine
        self._heaviest = max(self._heaviest, (end.peak_bytes or 0, end.unit))
        self._live.console.print(
            Text(unit_line(end, done, total), style="" if fine else "bold red"),
            soft_wrap=True,
            highlight=False,
        )

    def close(self) -> None:
        """Take the view away."""
        self._live.stop()

    def _draw(self, running: Sequence[Glimpse], done: int, total: int) -> Group:
        rows = Table.grid(padding=(0, 2))
        for glimpse in running[:_MOST_ROWS]:
            where = printable(glimpse.test or glimpse.unit.name)
            rows.add_row(
                f"{glimpse.seconds:6.0f} s",
                format_bytes(glimpse.held_bytes),
                Text(where, overflow="ellipsis"),
            )
        size, name = self._heaviest
        facts = [f"{done} of {total} units", f"{self._troubled} not fine"]
        facts.append(self._time_left(done, total))
        if name:
            facts.append(f"heaviest {format_bytes(size)} {printable(name)}")
        bar = Table.grid()
        bar.add_row(ProgressBar(total=max(total, 1), completed=done, width=min(60, self._console.width)))
        return Group(rows, bar, Text(" · ".join(facts), overflow="ellipsis", no_wrap=True))

    def _time_left(self, done: int, total: int) -> str:
        if not done:
            return "time left unknown"
        left = (time.monotonic() - self._began) / done * (total - done)
        minutes, seconds = divmod(round(left), 60)
        return f"about {minutes} min {seconds} s left" if minutes else f"about {seconds} s left"
