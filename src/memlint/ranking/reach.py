"""What the words of a test file lead to in its project: functions, by name, within a few calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import IOBase

from memlint.ranking.graph import ImportGraph, Node, members
from memlint.ranking.outline import EntryOutline, Function

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


@dataclass(frozen=True, slots=True)
class _Named:
    """A function that a name may mean, and what it calls that may lead to anything that costs."""

    number: int  # of its file
    path: str
    function: Function
    costs: bool
    calls: frozenset[str]


def _place(item: _Named) -> tuple[str, int]:
    return item.path, item.function.line


class Reach:
    """Finds functions of the project's files by name; libraries' own are left alone."""

    def __init__(self, graph: ImportGraph) -> None:
        self.graph = graph
        self._indexed = 0  # nodes of the graph
        self._callers: dict[str, list[str]] = {}  # names of functions, by the name that they call
        # by the calls that are left, the names of functions that do anything that costs, or lead to one that does
        self._costly: list[set[str]] = [set() for _ in range(_DEPTH)]
        # files that were asked for last, and their functions by name
        self._files, self._present = 0, frozenset[int]()
        self._kept: dict[str, tuple[bool, list[_Named]]] = {}
        self._named_so: dict[str, list[_Named]] = {}
        self._by_name: dict[str, list[tuple[int, Function]]] = {}
        self._class_at: dict[str, list[int]] = {}
        self._constant_at: dict[str, list[int]] = {}

    def _index(self) -> None:
        """Take in the files that the graph has read since."""
        if self._indexed < len(self.graph.nodes):
            self._kept.clear()
            self._named_so.clear()
        for number in range(self._indexed, len(self.graph.nodes)):
            node = self.graph.nodes[number]
            if node.library:
                continue
            for function in node.outline.functions:
                self._by_name.setdefault(function.name, []).append((number, function))
                self._lead(function)
            for name in node.outline.bases:
                self._class_at.setdefault(name, []).append(number)
            for name in node.outline.constants:
                self._constant_at.setdefault(name, []).append(number)
        self._indexed = len(self.graph.nodes)

    def _lead(self, function: Function) -> None:
        """Take in where a function leads to, and who leads there."""
        for called in function.calls:
            self._callers.setdefault(called, []).append(function.name)
        new = {function.name} if function.costs else set[str]()
        for left, costly in enumerate(self._costly):
            if left and not self._costly[left - 1].isdisjoint(function.calls):
                new.add(function.name)
            new -= costly
            costly |= new
            new.update(*(self._callers.get(name, ()) for name in list(new)))

    def functions(self, outline: EntryOutline, files: int) -> list[Reached]:
        """Functions of these files that a file's words lead to, as far as they do anything that costs."""
        self._index()
        found: list[Reached] = []
        words = outline.words - outline.classes
        names = set(words)
        bound = frozenset(name for item in outline.eager for name in item.names)
        frontier = names - (_BUILTIN_METHODS - bound)
        for depth in range(1, _DEPTH + 1):
            following: set[str] = set()
            for name in sorted(frontier & self._costly[_DEPTH - depth]):
                for item in self._named(name, words, files):
                    following |= item.calls
                    if item.costs:
                        found.append(Reached(item.path, item.function, depth))
            frontier = following - names - _BUILTIN_METHODS
            names |= following
        return found

    def _named(self, name: str, words: frozenset[str], files: int) -> Sequence[_Named]:
        """The functions of this name in these files that the words may mean, in order of path."""
        common, among = self._among(name, files)
        if common:
            return [item for item in among if not item.function.owner or item.function.owner in words]
        return among

    def _among(self, name: str, files: int) -> tuple[bool, Sequence[_Named]]:
        """Whether many functions of these files have this name, and those that cost or lead to any that does.

        They are in order of path, and kept as long as the files stay the same.
        """
        if files != self._files:
            self._files, self._present = files, frozenset(members(files))
            self._kept.clear()
        known = self._kept.get(name)
        if known is None:
            present = self._present
            found = [item for item in self._all_named(name) if item.number in present]
            common = name.startswith("__") or len(found) >= _COMMON
            known = self._kept[name] = (common, [item for item in found if item.costs or item.calls])
        return known

    def _all_named(self, name: str) -> Sequence[_Named]:
        """Every function of this name, in order of path."""
        known = self._named_so.get(name)
        if known is None:
            nodes, costly = self.graph.nodes, self._costly[-2]
            found = [
                _Named(number, nodes[number].path, function, function.costs, function.calls & costly)
                for number, function in self._by_name[name]
            ]
            known = self._named_so[name] = sorted(found, key=_place)
        return known

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
