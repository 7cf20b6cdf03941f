"""The source a finding speaks of, as the remedies rewrite it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from memlint.model import Location

SourceLine = Callable[[str, int], str | None]
_MOST_LINES = 8
_FOLLOWING = 3
_SPACES = re.compile(r"\s+")
_BINDING = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?:\s*:\s*[^=]+)?\s*=\s*(?P<made>[^=].*)")
_RETURN = re.compile(r"return\s+(?P<made>.+)")
_WITH = re.compile(r"(?:async\s+)?with\s+(?P<made>.+?)(?:\s+as\s+(?P<name>\w+))?:")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement on one line, its parts, and the lines that follow it in the same block, without indentation."""

    text: str
    name: str  # what it binds; "" for nothing
    made: str  # what it calls, binds or returns
    block: bool  # it opens a block, and what follows is that block
    following: tuple[str, ...]


def statement(place: Location, source_line: SourceLine) -> Statement | None:
    """Return the statement at a finding, its lines joined; None where the source is not there."""
    first = source_line(place.path, place.line)
    if first is None or not first.strip():
        return None
    last = _end(place, first, source_line)
    lines = [first, *(source_line(place.path, number) or "" for number in range(place.line + 1, last + 1))]
    text = _SPACES.sub(" ", " ".join(line.strip() for line in lines)).replace("( ", "(").replace("[ ", "[")
    matched = _RETURN.fullmatch(text) or _WITH.fullmatch(text) or _BINDING.fullmatch(text)
    parts = matched.groupdict() if matched else {}
    indent = len(first) - len(first.lstrip())
    following = _following(place.path, last, indent, source_line)
    opens = text.endswith(":")
    return Statement(text, parts.get("name") or "", parts.get("made") or text, opens, following)


def _end(place: Location, first: str, source_line: SourceLine) -> int:
    """The line on which the statement's brackets are closed; the finding's own end where they are not."""
    depth, number, line = 0, place.line, first
    while number < place.line + _MOST_LINES:
        depth += sum(line.count(char) for char in "([{") - sum(line.count(char) for char in ")]}")
        if depth <= 0:
            return number
        number += 1
        following = source_line(place.path, number)
        if following is None:
            break
        line = following
    return max(place.end_line, place.line)


def _following(path: str, last: int, indent: int, source_line: SourceLine) -> tuple[str, ...]:
    lines: list[str] = []
    for number in range(last + 1, last + 1 + 2 * _FOLLOWING):
        line = source_line(path, number)
        if line is None or len(lines) == _FOLLOWING:
            break
        if not line.strip():
            continue
        if len(line) - len(line.lstrip()) < indent:
            break
        lines.append(line.rstrip()[indent:])
    while lines and lines[-1].endswith(":"):
        lines.pop()  # the block it opens is not shown
    return tuple(lines)


def above(place: Location, source_line: SourceLine, pattern: re.Pattern[str], most: int = 30) -> str | None:
    """Return the closest line above a finding, or its own, that matches; None for none."""
    for number in range(place.line, max(place.line - most, 0), -1):
        line = source_line(place.path, number)
        if line is not None and pattern.search(line):
            return line.strip()
    return None
