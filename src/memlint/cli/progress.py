"""A progress bar for long work: on standard error, only where that is a terminal, gone when all is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

DELAY = 0.5  # seconds of work before a bar appears
_INTERVAL = 0.1  # seconds between two drawings
_WIDTH = 30  # cells of the bar
_CLEAR = "\r\x1b[2K"

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Bar:
    """Draws how many of how many things, files for one, are done."""

    stream: TextIO
    noun: str = "files"
    clock: Callable[[], float] = time.monotonic
    next_drawing: float = field(init=False)
    drawn: bool = False

    def __post_init__(self) -> None:
        self.next_drawing = self.clock() + DELAY

    def __call__(self, done: int, total: int) -> None:
        """Draw the bar, if it is time to."""
        now = self.clock()
        if now < self.next_drawing or not total:
            return
        self.next_drawing, self.drawn = now + _INTERVAL, True
        filled = _WIDTH * done // total
        self.stream.write(f"{_CLEAR}[{'#' * filled}{' ' * (_WIDTH - filled)}] {done}/{total} {self.noun}")
        self.stream.flush()

    def clear(self) -> None:
        """Take the bar away."""
        if self.drawn:
            self.stream.write(_CLEAR)
            self.stream.flush()


@contextmanager
def shown_progress(quiet: bool, noun: str = "files") -> Iterator[Progress | None]:
    """Give what to tell of progress; None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar = Bar(sys.stderr, noun)
    try:
        yield bar
    finally:
        bar.clear()
