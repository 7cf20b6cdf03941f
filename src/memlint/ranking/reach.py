"""What the words of a test file lead to in its project: functions, by name, within a few calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import IOBase

from memlint.ranking.graph import ImportGraph, Node
from memlint.ranking.outline import EntryOutline, Function

_DEPTH = 3  # calls from a test to what imports, starts, reads or compiles something
_MOST_KEPT = 100  # sets of files, and of words, for which it is kept what a name means
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

    path: str
    function: Function
    calls: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Meaning:
    """Functions that one name means, as far as they cost or lead to any that does."""

    calls: frozenset[str]  # of all of them
    reached: tuple[tuple[Reached, ...], ...]  # those that cost in order of path, by how many calls lead there


@dataclass(frozen=True, slots=True)
class _Name:
    """What a name may mean among some files, by the owners that are named, too."""

    named: tuple[_Named, ...]  # in order of path
    owners: frozenset[str]  # without them it says nothing, as so many functions have it
    meanings: dict[frozenset[str], _Meaning] = field(default_factory=dict)

    def meaning(self, outline: EntryOutline) -> _Meaning:
        """The functions that it means in a file."""
        spoken_of = (self.owners & outline.words) - outline.classes if self.owners else self.owners
        known = self.meanings.get(spoken_of)
        if known is None:
            if len(self.meanings) >= _MOST_KEPT:
                self.meanings.clear()
            meant = [
                item
                for item in self.named
                if item.function.owner not in self.owners or item.function.owner in spoken_of
            ]
            known = self.meanings[spoken_of] = _meaning(meant)
        return known


def _meaning(named: Sequence[_Named]) -> _Meaning:
    costly = [item for item in named if item.function.costs]
    return _Meaning(
        frozenset[str]().union(*(item.calls for item in named)),
        tuple(
            tuple(Reached(item.path, item.function, depth) for item in costly)
            for depth in range(1, _DEPTH + 1)
        ),
    )


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
        self._leading = self._costly[-2]  # what a call that is followed must lead to
        self._by_name: dict[str, list[tuple[int, Function]]] = {}
        self._files_of: dict[str, int] = {}  # bits of the files that have functions of a name
        # by name and by those of its files that are loaded: nearly all test files load the same ones of them
        self._names: dict[str, dict[int, _Name]] = {}
        self._class_at: dict[str, list[int]] = {}
        self._constant_at: dict[str, list[int]] = {}

    def _index(self) -> None:
        """Take in the files that the graph has read since."""
        nodes = self.graph.nodes[self._indexed :]
        for number, node in enumerate(nodes, self._indexed):
            if node.library:
                continue
            for function in node.outline.functions:
                self._by_name.setdefault(function.name, []).append((number, function))
                self._files_of[function.name] = self._files_of.get(function.name, 0) | 1 << number
                self._lead(function)
            for name in node.outline.bases:
                self._class_at.setdefault(name, []).append(number)
            for name in node.outline.constants:
                self._constant_at.setdefault(name, []).append(number)
        self._indexed = len(self.graph.nodes)

    def _lead(self, function: Function) -> None:
        """Take in where a function leads to, and who leads there."""
        self._names.pop(function.name, None)
        for called in function.calls:
            self._callers.setdefault(called, []).append(function.name)
        new = {function.name} if function.costs else set[str]()
        for left, costly in enumerate(self._costly):
            if left and not self._costly[left - 1].isdisjoint(function.calls):
                new.add(function.name)
            new -= costly
            costly |= new
            calling = set[str]().union(*(self._callers.get(name, ()) for name in new))
            if costly is self._leading:
                for name in calling & self._names.keys():
                    del self._names[name]
            new |= calling

    def functions(self, outline: EntryOutline, files: int) -> list[Reached]:
        """Functions of these files that a file's words lead to, as far as they do anything that costs."""
        self._index()
        found: list[Reached] = []
        bound = frozenset(name for item in outline.eager for name in item.names)
        names = set(self._costly[-1] & outline.words) - outline.classes
        frontier = names - (_BUILTIN_METHODS - bound)
        for depth in range(_DEPTH):
            following: set[str] = set()
            for name in sorted(frontier & self._costly[_DEPTH - 1 - depth]):
                meaning = self._among(name, files).meaning(outline)
                following |= meaning.calls
                found += meaning.reached[depth]
            frontier = following - names - _BUILTIN_METHODS
            names |= following
        return found

    def _among(self, name: str, files: int) -> _Name:
        """What a name may mean among these files."""
        present = files & self._files_of[name]
        names = self._names.setdefault(name, {})
        known = names.get(present)
        if known is None:
            if len(names) >= _MOST_KEPT:
                names.clear()
            known = names[present] = self._find(name, present)
        return known

    def _find(self, name: str, present: int) -> _Name:
        nodes = self.graph.nodes
        found = [
            _Named(nodes[number].path, function, function.calls & self._leading)
            for number, function in self._by_name[name]
            if present >> number & 1
        ]
        common = name.startswith("__") or len(found) >= _COMMON
        leading = sorted((item for item in found if item.function.costs or item.calls), key=_place)
        owners = frozenset(item.function.owner for item in leading if common) - {""}
        return _Name(tuple(leading), owners)

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
