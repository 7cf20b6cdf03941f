"""A line of source with its span underlined, fitted to a width."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from memlint.model import Location
from memlint.report.escape import visible

_TAB = " " * 4
_CUT = "…"
_LEAST = 20  # cells that are shown however narrow the terminal is


@dataclass(frozen=True, slots=True)
class Snippet:
    """What to print: the source, and the carets beneath it."""

    source: str
    carets: str


def snippet(line: str, place: Location, width: int) -> Snippet:
    """Return the part of ``line`` around the span of ``place`` that fits into ``width`` cells.

    Tabs become four spaces and characters that cannot be seen escapes; the carets stand right beneath them.
    """
    width = max(width, _LEAST)
    line = line.rstrip()
    start = min(max(place.column - 1, 0), len(line))
    end = min(_span_end(line, place), start + width)
    span = _cells(line[start:end])
    first = _first_shown(line, start, cell_len(span), width)
    lead = (_CUT if first else "") + _cells(line[first:start])
    source = lead + span + _cells(line[end : end + width])
    if cell_len(source) > width or len(line) > end + width:
        source = set_cell_size(source, width - 1).rstrip() + _CUT
    room = cell_len(source) - cell_len(lead)
    return Snippet(source, " " * cell_len(lead) + "^" * max(min(cell_len(span), room), 1))


def _span_end(line: str, place: Location) -> int:
    """Return the index after the span, or after its part on its first line; one character if unknown."""
    if place.end_line > place.line:
        return len(line)
    return min(max(place.end_column - 1, place.column), len(line))


def _first_shown(line: str, start: int, span: int, width: int) -> int:
    """Return the index to begin at: 0, or for a line too long one that keeps the span in sight."""
    if start < width and cell_len(_cells(line[:start])) + min(span, width // 2) < width:
        return 0
    first, room = start, width // 3
    while first and (room := room - cell_len(_cells(line[first - 1]))) >= 0:
        first -= 1
    return first


def _cells(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(_TAB if char == "\t" else visible(char) for char in text)
