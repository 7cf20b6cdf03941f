"""Which functions can matter for memory at all; the others are never evaluated.

A function matters when it writes a large number, mentions a call of the API tables that loads, acquires, starts or
retains (of a library that the project imports), mentions a large global or a container of its module, or mentions
something of the project that matters. Names stand for what they may mean, so the answer errs towards looking.
"""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis.project import Module, Project
from memlint.knowledge.apis import CallEntry
from memlint.knowledge.index import ApiIndex

LARGE = 200  # a number from which on it may make a size large
_ALWAYS = frozenset({"global", "while-true", "locals", "globals", "lru_cache", "cache", "cached_property", "patch"})
_COMMON = frozenset({"__call__", "__enter__", "__getitem__", "all", "map", "filter", "iter"})


class Relevance:
    """Knows the names that make a function worth evaluating."""

    def __init__(self, project: Project, index: ApiIndex) -> None:
        self.project = project
        self.index = index
        self.names: frozenset[str] = frozenset()
        self._seen = 0
        self._imported: set[str] = set()  # modules whose imports have been looked up

    def matters(self, function: f.Function) -> bool:
        """Whether evaluating the function can tell anything about memory."""
        if function.largest >= LARGE:
            return True
        if len(self.project.modules) != self._seen:
            self._learn()
        return not self.names.isdisjoint(function.mentions.split())

    def _learn(self) -> None:
        """Collect the names anew; asked again when further modules have been read."""
        self._read_imports()
        self._seen = len(self.project.modules)
        modules = list(self.project.modules.values())
        mentioned = {word for module in modules for word in module.facts.mentions.split()}
        names = set(_ALWAYS) | set(self._triggers(mentioned))
        for module in modules:
            names.update(module.facts.notable)
        self.names = frozenset(self._closure(modules, names))

    def _read_imports(self) -> None:
        """Have the project's own modules read that the suite imports: what they define may matter."""
        for module in list(self.project.modules.values()):
            if module.path in self._imported or not module.linted:
                continue
            self._imported.add(module.path)
            for node in _imports(module.facts.body):
                for _, name in node.bindings:
                    self._read_import(node, name, module)

    def _read_import(self, node: f.Import, name: str, module: Module) -> None:
        if node.level:
            found = self.project.find_relative(node.module, node.level, module)
        else:
            found = self.project.first_party(node.module if node.is_from else name, module)
        if node.is_from and found is not None and found.is_package and name != "*":
            self.project.find_relative(name, 1, found)

    def _triggers(self, mentioned: set[str]) -> Iterator[str]:
        """Last names of calls with an effect, as far as the project mentions their library."""
        for name, entries in self.index.calls.items():
            root, _, rest = name.partition(".")
            last = rest.rpartition(".")[2] or rest
            if (root in mentioned or root == "builtins") and last not in _COMMON and any(map(_has_effect, entries)):
                yield last

    @staticmethod
    def _closure(modules: list[Module], names: set[str]) -> set[str]:
        """Add the project's functions and classes that mention what matters, until nothing is added."""
        pending = [(name, set(words), large) for module in modules for name, words, large in _definitions(module.facts.body)]
        while True:
            found = {name for name, words, large in pending if large or not names.isdisjoint(words)}
            if found <= names:
                return names
            names |= found
            pending = [entry for entry in pending if entry[0] not in names]


def _has_effect(entry: CallEntry) -> bool:
    return bool(
        entry.load
        or entry.acquire
        or entry.workers
        or entry.endless
        or entry.combinations
        or (entry.retains and entry.retains != "output")
        or (entry.makes and (entry.makes.fixed or entry.makes.outer or entry.makes.dense))
    )


def _definitions(body: tuple[f.Stmt, ...], owner: str | None = None) -> Iterator[tuple[str, list[str], bool]]:
    """What others can call: functions under their own name, methods also under that of their class; no tests."""
    for statement in body:
        if isinstance(statement, f.Import):
            yield from ((local, [name], False) for local, name in statement.bindings if local != name)
        elif isinstance(statement, f.FunctionDef):
            function = statement.function
            if not function.name.startswith("test"):
                words, large = function.mentions.split(), function.largest >= LARGE
                if not function.name.startswith("__"):
                    yield function.name, words, large
                if owner is not None:
                    yield owner, words, large
        elif isinstance(statement, f.ClassDef):
            yield from _definitions(statement.cls.body, statement.cls.name)
        else:
            for name in ("body", "orelse", "final"):
                inner = getattr(statement, name, None)
                if isinstance(inner, tuple):
                    yield from _definitions(inner, owner)


def _imports(body: tuple[f.Stmt, ...]) -> Iterator[f.Import]:
    """The imports of a module, also those under ``if`` and ``try``."""
    for statement in body:
        if isinstance(statement, f.Import):
            yield statement
        elif isinstance(statement, (f.If, f.Try)):
            for name in ("body", "orelse", "final"):
                yield from _imports(getattr(statement, name, ()))
