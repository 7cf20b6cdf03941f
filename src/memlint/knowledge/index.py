"""API tables by name, ready for the analyses to ask."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from memlint.knowledge.apis import CallEntry, Resource, shipped_tables


class ApiIndex:
    """Calls and resources of all tables by qualified name."""

    def __init__(self, extra: tuple[Path, ...] = ()) -> None:
        """Index the shipped tables and those of the ``extra`` rule folders."""
        self.calls: dict[str, list[CallEntry]] = {}
        self.resources: dict[str, Resource] = {}
        for table in shipped_tables(extra):
            for entry in table.call:
                for name in entry.names:
                    self.calls.setdefault(name, []).append(entry)
            for resource in table.resource:
                self.resources[resource.name] = resource
        self.releasers = self._releasers()
        self.effective, self.plain = self._last_names()

    def _releasers(self) -> dict[str, list[Resource]]:
        """Functions that release what they are given, or all of a kind."""
        out: dict[str, list[Resource]] = {}
        for resource in self.resources.values():
            for name in resource.released_by:
                out.setdefault(name, []).append(resource)
        return out

    def _last_names(self) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """By library, the last names of the calls that have an effect, and of the others."""
        effective: dict[str, set[str]] = {}
        plain: dict[str, set[str]] = {}
        for name, entries in self.calls.items():
            root, _, rest = name.partition(".")
            kind = effective if any(entry.has_effect for entry in entries) else plain
            kind.setdefault(root, set()).add(rest.rpartition(".")[2] or rest)
        return effective, plain

    def knows(self, name: str) -> bool:
        """Whether a table speaks of this qualified name."""
        return name in self.calls or name in self.releasers or name in self.resources

    def acquiring_names(self) -> frozenset[str]:
        """Last components of the names of calls that acquire something."""
        return frozenset(
            name.rpartition(".")[2] for name, entries in self.calls.items() if any(e.acquire for e in entries)
        )


@lru_cache(maxsize=8)
def api_index(extra: tuple[Path, ...] = ()) -> ApiIndex:
    """The index of the shipped tables and those of the ``extra`` rule folders."""
    return ApiIndex(extra)
