"""Makes text from sources and paths harmless to look at: nothing in it may steer a terminal."""

from __future__ import annotations

LONGEST = 1000  # characters of one text in output meant for people


def visible(text: str) -> str:
    """Return ``text`` with control, format, surrogate and unassigned characters escaped.

    What is left is one line of printable characters, legal in XML 1.0 and encodable as UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def shown(text: str, longest: int = LONGEST) -> str:
    """Return ``visible(text)``, cut after ``longest`` characters with a word on how many are left out."""
    if len(text) <= longest:
        return visible(text)
    return f"{visible(text[:longest])}… ({len(text) - longest:,} more characters)"


def _escaped(char: str) -> str:
    # surrogates have no other encoding here; the rest take Python's own escapes
    return char.encode("unicode_escape").decode("ascii")
