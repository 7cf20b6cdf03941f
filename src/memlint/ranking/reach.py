"""What the words of a test file lead to in its project: functions, by name, within a few calls."""

from __future__ import annotations

from dataclasses import dataclass
from io import IOBase

from memlint.ranking.graph import ImportGraph, Node, members
from memlint.ranking.outline import Function, Outline

_DEPTH = 3  # calls from a test to what imports, starts, reads or compiles something
_COMMON = 4  # a method of a name that so many classes have says nothing
# what containers, strings and files have: ``x.get()`` is no call of a product's function of that name
_BUILTIN_METHODS = frozenset(
    name for kind in (dict, list, set, str, bytes, IOBase) for name in dir(kind) if not name.startswith("_")
)


@dataclass(frozen=True, slots=True)
class Reached:
    """A function that a test file leads to, by how many calls."""

    path: str
    function: Function
    depth: int


class Reach:
    """Finds functions of the project's files by name; libraries' own are left alone."""

    def __init__(self, graph: ImportGraph) -> None:
        self.graph = graph
        self._indexed = 0  # nodes of the graph
        self._by_name: dict[str, list[tuple[int, Function]]] = {}
        self._class_at: dict[str, list[int]] = {}
        self._constant_at: dict[str, list[int]] = {}

    def _index(self) -> None:
        """Take in the files that the graph has read since."""
        for number in range(self._indexed, len(self.graph.nodes)):
            node = self.graph.nodes[number]
            if node.library:
                continue
            for function in node.outline.functions:
                self._by_name.setdefault(function.name, []).append((number, function))
            for name in node.outline.bases:
                self._class_at.setdefault(name, []).append(number)
            for name in node.outline.constants:
                self._constant_at.setdefault(name, []).append(number)
        self._indexed = len(self.graph.nodes)

    def functions(self, outline: Outline, files: int) -> list[Reached]:
        """Functions of these files that a file's words lead to, as far as they do anything that costs."""
        self._index()
        found: list[Reached] = []
        seen: set[int] = set()
        words = outline.words - outline.bases.keys()
        names = set(words)
        bound = frozenset(name for item in outline.eager for name in item.names)
        frontier = names - (_BUILTIN_METHODS - bound)
        present = frozenset(members(files))
        for depth in range(1, _DEPTH + 1):
            following: set[str] = set()
            for name in sorted(frontier & self._by_name.keys()):
                for path, function in self._named(name, words, present):
                    if id(function) in seen:
                        continue
                    seen.add(id(function))
                    following |= function.calls
                    if function.costs:
                        found.append(Reached(path, function, depth))
            frontier = following - names - _BUILTIN_METHODS
            names |= following
        return found

    def _named(self, name: str, words: frozenset[str], files: frozenset[int]) -> list[tuple[str, Function]]:
        """The functions of this name in these files that the words may mean, in order of path."""
        among = [(self.graph.nodes[n].path, function) for n, function in self._by_name[name] if n in files]
        if name.startswith("__") or len(among) >= _COMMON:
            among = [item for item in among if not item[1].owner or item[1].owner in words]
        if len(among) > 1:
            among.sort(key=lambda item: (item[0], item[1].line))
        return among

    def module_of_class(self, name: str, files: int) -> Node | None:
        """The file among these that defines a class or a function of this name; the first by path."""
        self._index()
        functions = (number for number, _ in self._by_name.get(name, ()))
        for numbers in (self._class_at.get(name, ()), functions):
            nodes = [self.graph.nodes[number] for number in numbers if files >> number & 1]
            if nodes:
                return min(nodes, key=lambda node: node.path)
        return None

    def constants(self, words: frozenset[str], files: int) -> dict[str, tuple[str, ...]]:
        """Names of data files by those among these words that stand for them in one of these files."""
        self._index()
        out: dict[str, tuple[str, ...]] = {}
        for name in sorted(words & self._constant_at.keys()):
            for number in self._constant_at[name]:
                if files >> number & 1:
                    out[name] = (*out.get(name, ()), *self.graph.nodes[number].outline.constants[name])
        return out
