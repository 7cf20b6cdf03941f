"""Bars of a table: lengths to an eighth of a cell."""

from __future__ import annotations

BAR_CELLS = 12
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(size: int, heaviest: int) -> str:
    """Return a bar of fixed width that shows ``size`` against the heaviest."""
    eighths = round(BAR_CELLS * 8 * size / heaviest) if heaviest > 0 else 0
    whole, part = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(BAR_CELLS)
