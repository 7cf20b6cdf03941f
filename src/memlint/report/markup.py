"""Puts text into Markdown so that it stays text: no markup, no HTML, no mentions, no broken tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memlint.report.escape import shown
from memlint.report.summary import plural

# a zero-width space splits @name and #1, which GitHub and GitLab would turn into mentions and links
_ENTITIES = {
    "|": "&#124;",
    "\\": "&#92;",
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    "@": "@&#8203;",
    "#": "#&#8203;",
}
_SPECIAL = re.compile(r"[\\`*_{}\[\]~$!|<>&@#:]")
_BREAKS_CODE = re.compile(r"[`|\\]")
_NOT_PLAIN = re.compile(r"[^\w./ -]|_")


def words(text: str, longest: int = 400) -> str:
    """Return ``text`` as it is to be read, on one line, safe in a paragraph and in a table's cell."""
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0], f"\\{match[0]}"), shown(text, longest))


def code(text: str, longest: int = 400) -> str:
    """Return ``text`` as inline code, safe in a table's cell."""
    text = shown(text, longest)
    if not text.strip():
        return ""
    if not _BREAKS_CODE.search(text):
        return f"`{text}`"
    # a code span in a table cannot hold every mix of backticks, bars and backslashes; entities can
    return f"<code>{_NOT_PLAIN.sub(_entity, text)}</code>"


def row(*cells: str) -> str:
    """Return one row of a table."""
    return f"| {' | '.join(cells)} |\n"


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


def within(room: int, parts: Iterable[str], total: int, noun: str) -> Iterator[str]:
    """Yield parts while they fit into ``room`` characters, then how many of ``total`` are left out."""
    for position, part in enumerate(parts):
        room -= len(part)
        if room < 0:
            yield f"\n… and {plural(total - position, f'more {noun}')} that had no room here.\n"
            return
        yield part
