"""Patterns as in a .gitignore, which may come from somebody who means harm.

They become regular expressions that try every way to spread a segment over its ``*``: with k of them in one segment, a
name of n characters costs up to n^k / k! steps. Three cost some milliseconds for the longest name there is; with forty
one name takes for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pathspec import GitIgnoreSpec

MOST_WILDCARDS = 3  # in one segment of a pattern


def check(pattern: str) -> None:
    """Raise ValueError when ``pattern`` is not to be used: no pattern at all, or too costly."""
    stars = max(len(re.findall(r"\*+", segment)) for segment in pattern.split("/"))
    if stars > MOST_WILDCARDS:
        raise ValueError(f"has {stars} wildcards between two slashes, and at most {MOST_WILDCARDS} are taken")
    try:
        GitIgnoreSpec.from_lines([pattern])
    except ValueError as error:
        raise ValueError("is no pattern as in a .gitignore") from error


def lenient(lines: Iterable[str]) -> GitIgnoreSpec:
    """Return what ``lines`` ignore; one that is not to be used ignores nothing."""
    return GitIgnoreSpec.from_lines([line for line in lines if _usable(line)])


@lru_cache(maxsize=256)
def matcher(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    """Return what ``patterns``, which were checked, match."""
    return GitIgnoreSpec.from_lines(patterns)


def _usable(line: str) -> bool:
    try:
        check(line)
    except ValueError:
        return False
    return True
