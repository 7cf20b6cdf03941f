"""API tables by name, ready for the analyses to ask."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from memlint.knowledge.apis import CallEntry, Resource, shipped_tables

_LOWER_CASE_CLASSES = frozenset({"ndarray", "spmatrix"})
_RELEASE = re.compile(r"\d+(?:\.\d+)*")


class ApiIndex:
    """Calls and resources of all tables by qualified name."""

    def __init__(self, extra: tuple[Path, ...] = ()) -> None:
        """Index the shipped tables and those of the ``extra`` rule folders."""
        self.calls: dict[str, list[CallEntry]] = {}
        self.resources: dict[str, Resource] = {}
        self.versions: dict[str, str] = {}  # of each library the release that its table was checked against
        for table in shipped_tables(extra):
            if table.version is not None and _RELEASE.fullmatch(table.version):
                self.versions[table.library] = table.version
            for entry in table.call:
                for name in entry.names:
                    self.calls.setdefault(name, []).append(entry)
            for resource in table.resource:
                self.resources[resource.name] = resource
        self.releasers = self._releasers()
        effective = {
            name for name, entries in self.calls.items() if any(entry.has_effect for entry in entries)
        }
        # what acts on nothing that another call with an effect has made
        starting = {name for name in effective if not self._acts_on_opened(name)}
        self.effective = _last_names(effective)
        self.plain = _last_names(self.calls.keys() - effective)
        self.starting = _last_names(starting)
        self.acquiring = _last_names(name for name in starting if self._acquires(name))
        self.starting_methods = _last_names(name for name in starting if _is_class(_holder(name)))

    def _releasers(self) -> dict[str, list[Resource]]:
        """Functions that release what they are given, or all of a kind."""
        out: dict[str, list[Resource]] = {}
        for resource in self.resources.values():
            for name in resource.released_by:
                out.setdefault(name, []).append(resource)
        return out

    def _acts_on_opened(self, name: str) -> bool:
        """Whether it is a method of something that another call with an effect has opened, or of lazy data."""
        lazy = any(entry.load and entry.load.source == "self" for entry in self.calls[name])
        return _holder(name) in self.resources or (lazy and not name.startswith("pathlib."))

    def _acquires(self, name: str) -> bool:
        """Whether what it starts or acquires is owed by whoever called it, and not only with some arguments."""
        entries = self.calls[name]
        owed = any(entry.acquire or entry.workers or entry.retains for entry in entries)
        return owed and not any(entry.load for entry in entries)

    def knows(self, name: str) -> bool:
        """Whether a table speaks of this qualified name."""
        return name in self.calls or name in self.releasers or name in self.resources

    def acquiring_names(self) -> frozenset[str]:
        """Last components of the names of calls that acquire something."""
        return frozenset(
            name.rpartition(".")[2] for name, entries in self.calls.items() if any(e.acquire for e in entries)
        )


def _last_names(names: Iterable[str]) -> dict[str, set[str]]:
    """The last components of qualified names, by the library that they begin with."""
    out: dict[str, set[str]] = {}
    for name in names:
        root, _, rest = name.partition(".")
        out.setdefault(root, set()).add(rest.rpartition(".")[2] or rest)
    return out


def _holder(name: str) -> str:
    """The class or module of a qualified name."""
    return name.rpartition(".")[0]


def _is_class(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last[:1].isupper() or last in _LOWER_CASE_CLASSES


@lru_cache(maxsize=8)
def api_index(extra: tuple[Path, ...] = ()) -> ApiIndex:
    """The index of the shipped tables and those of the ``extra`` rule folders."""
    return ApiIndex(extra)
