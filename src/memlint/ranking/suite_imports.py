"""What a suite imports from elsewhere, by the names its source gives: the list of what a probe measures."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from memlint.disk import RealDisk
from memlint.knowledge.footprints import Footprints, FootprintTable, shipped_footprints
from memlint.ranking.graph import ImportGraph
from memlint.ranking.outlines import Outlines
from memlint.ranking.terms import TermReader


@dataclass(frozen=True, slots=True)
class SuiteImports:
    """Dotted names as written: ``from a import b`` gives ``a.b``, which need not be a module."""

    files: dict[str, tuple[str, ...]]  # of each test file, what collecting it imports
    names: tuple[str, ...]  # of all files, also what functions import when they run; sorted


class _AsWritten(Footprints):
    """Takes every name for a measured module."""

    def resolve(self, name: str) -> str | None:
        """The name itself, unless it belongs to a part of the standard library that costs nothing."""
        if name.partition(".")[0] in sys.stdlib_module_names:
            return shipped_footprints().resolve(name)
        return name


def suite_imports(root: Path, paths: Iterable[str]) -> SuiteImports:
    """Read the imports of test files below ``root``, of their conftests and of the product they use."""
    outlines = Outlines()
    graph = ImportGraph(RealDisk(root), _AsWritten(FootprintTable("", "", 0, {})), outlines)
    reader = TermReader(graph, 1)
    files, names = {}, set[str]()
    for path in paths:
        closure, late = reader.imports_of(path)
        files[path] = tuple(graph.module_names(closure.modules | closure.optional))
        names.update(files[path], graph.module_names(late))
    return SuiteImports(files, tuple(sorted(names)))
