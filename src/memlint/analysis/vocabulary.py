"""The words by which functions name the calls of the API tables, as far as the libraries are in reach."""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache
from typing import NamedTuple

from memlint.analysis.declarations import forms
from memlint.knowledge.index import ApiIndex

_COMMON = frozenset({"__call__", "__enter__", "__getitem__", "all", "map", "filter", "iter"})
_ALWAYS_THERE = frozenset({"builtins", "pytest", "pathlib"})  # libraries that nobody has to import
Names = dict[str, set[str]]  # last names of calls by library


class Words(NamedTuple):
    """The words for calls of some libraries."""

    effective: frozenset[str]  # for all that have an effect
    starting: frozenset[str]  # for those that act on nothing which another call with an effect has made
    acquiring: frozenset[str]  # for those of them whose result somebody owes


class Vocabulary:
    """Knows the words of every library. Modules that name the same libraries share one set of words."""

    def __init__(self, index: ApiIndex) -> None:
        self.index = index
        self.libraries = frozenset(index.effective)
        self.of = lru_cache(maxsize=None)(self._of)

    def roots(self, words: Set[str]) -> frozenset[str]:
        """The libraries among some words, and those that nobody has to import."""
        return _ALWAYS_THERE | (self.libraries & words)

    def _of(self, roots: frozenset[str]) -> Words:
        index = self.index
        effective, starting, acquiring = (
            forms(_named(table, roots)) for table in (index.effective, index.starting, index.acquiring)
        )
        return Words(effective, starting, acquiring)

    def plain(self, roots: Set[str]) -> set[str]:
        """The names of calls without an effect, which the tables describe wholly."""
        return _named(self.index.plain, roots) - _named(self.index.effective, roots)

    def methods(self, roots: Set[str]) -> frozenset[str]:
        """The words for methods with an effect on whatever object they are called, of any module."""
        return frozenset(f".{name}" for name in _named(self.index.starting_methods, roots | _ALWAYS_THERE))


def _named(by_root: Names, roots: Set[str]) -> set[str]:
    return {name for root in sorted(roots & by_root.keys()) for name in by_root[root]} - _COMMON
