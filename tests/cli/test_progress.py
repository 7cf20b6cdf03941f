from __future__ import annotations

import io
import sys

import pytest

from memlint.cli.progress import Bar, shown_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_appears_after_a_while_is_drawn_now_and_then_and_taken_away():
    seconds = iter([0.0, 0.4, 0.6, 0.65, 0.75])
    bar = Bar(io.StringIO(), clock=lambda: next(seconds))
    for done in (1, 2, 3, 4):
        bar(done, 4)
    bar.clear()
    drawings = bar.stream.getvalue().split("\r\x1b[2K")
    assert drawings == ["", f"[{'#' * 15}{' ' * 15}] 2/4 files", f"[{'#' * 30}] 4/4 files", ""]


def test_short_work_draws_nothing():
    bar = Bar(io.StringIO(), clock=lambda: 0.0)
    bar(1, 1)
    bar.clear()
    assert bar.stream.getvalue() == ""


def test_only_a_terminal_sees_it(monkeypatch):
    with shown_progress(quiet=False) as progress:
        assert progress is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    with shown_progress(quiet=True) as progress:
        assert progress is None
    with pytest.raises(KeyboardInterrupt), shown_progress(quiet=False) as progress:
        progress.next_drawing = 0
        progress(1, 2)
        raise KeyboardInterrupt
    assert sys.stderr.getvalue().endswith("\r\x1b[2K")
