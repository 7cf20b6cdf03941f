"""Colours and links of a terminal, or none."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.style import Style

from memlint.model import Severity
from memlint.report.uri import file_uri

Paint = Callable[[str, str], str]

_STYLES = {
    "error": Style.parse("bold red"),
    "warning": Style.parse("bold yellow"),
    "note": Style.parse("bold cyan"),
    "path": Style.parse("bold"),
    "place": Style.parse("cyan"),
    "dim": Style.parse("dim"),
    "fix": Style.parse("green"),
    "good": Style.parse("bold green"),
    "bar": Style.parse("magenta"),
    "strong": Style.parse("bold"),
}


def painter(color: bool) -> Paint:
    """Return a function that puts text into one of the styles above; without colour it returns the text."""
    return _painted if color else _plain


def severity_style(severity: Severity) -> str:
    """Return the style of a severity."""
    return severity.value


def fitted(text: str, cells: int) -> str:
    """Return ``text``, cut where it takes more than ``cells`` columns; 40 of them are always granted."""
    room = max(cells, 40)
    return text if cell_len(text) <= room else f"{set_cell_size(text, room - 1).rstrip()}…"


def link(text: str, root: Path, path: str, hyperlinks: bool) -> str:
    """Return ``text`` as an OSC 8 link to a file. rich would put a random id into each."""
    if not hyperlinks:
        return text
    return f"\x1b]8;;{_uri(root, path)}\x1b\\{text}\x1b]8;;\x1b\\"


@lru_cache(maxsize=256)
def _uri(root: Path, path: str) -> str:
    return file_uri((root / path).absolute().as_posix())


def _painted(text: str, style: str) -> str:
    return _STYLES[style].render(text, color_system=ColorSystem.STANDARD)


def _plain(text: str, style: str) -> str:
    return text
