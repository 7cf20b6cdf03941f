"""Which functions can matter for memory at all; the others are never evaluated.

A function matters when it writes a large number, mentions a call of the API tables that loads, acquires, starts or
retains (of a library that the project imports), mentions a large global or a container of its module, or mentions
something of the project that matters. Names stand for what they may mean, so the answer errs towards looking.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.project import Module, Project
from memlint.analysis.verbs import CLOSING, ENOUGH, counterparts
from memlint.knowledge.apis import CallEntry
from memlint.knowledge.index import ApiIndex

LARGE = 200  # a number from which on it may make a size large
_ALWAYS = frozenset(
    {
        "global",
        "while-true",
        "rebuilds",
        "locals",
        "globals",
        "iinfo",
        "get_weights",
        "meshgrid",
        "capacity",
        "lru_cache",
        "cache",
        "cached_property",
        "patch",
        "nn",
    }
)
_ITERATING = frozenset({"__next__", "__getitem__"})
_CLASS_HOPS = 2  # from a class of the product to what inherits or makes it
_PACKAGE_HOPS = 2  # re-exports through packages that are followed
_NONE: frozenset[str] = frozenset()
_COMMON = frozenset({"__call__", "__enter__", "__getitem__", "all", "map", "filter", "iter"})


class _Summary(NamedTuple):
    definitions: tuple[tuple[str, frozenset[str], bool], ...]
    imports: tuple[f.Import, ...]
    classes: tuple[tuple[str, frozenset[str], frozenset[str]], ...]  # name, bases, methods


class Relevance:
    """Knows the names that make a function worth evaluating."""

    def __init__(self, project: Project, index: ApiIndex) -> None:
        self.project = project
        self.index = index
        self.names: frozenset[str] = frozenset()
        self._local: dict[
            str, frozenset[str]
        ] = {}  # large globals and containers that a module's functions can name
        self._summaries: dict[str, _Summary] = {}
        self._seen = 0
        self._imported: dict[str, list[tuple[f.Import, list[Module]]]] = {}

    def matters(self, function: f.Function, module: Module) -> bool:
        """Whether evaluating the function can tell anything about memory."""
        if function.largest >= LARGE:
            return True
        if not self._seen:
            self.refresh()
        words = _free_words(function)
        if not self.names.isdisjoint(words):
            return True
        return not self._local.get(module.path, _NONE).isdisjoint(words)

    def refresh(self) -> None:
        """Collect the names anew when further modules have been read."""
        self._read_imports()
        if len(self.project.modules) != self._seen:
            self._learn()

    def _learn(self) -> None:
        self._seen = len(self.project.modules)
        modules = list(self.project.modules.values())
        mentioned = {word.lstrip(".") for module in modules for word in module.facts.mentions.split()}
        effective, plain = self._triggers(mentioned)
        names = effective | _ALWAYS
        shared = [module for module in modules if not _is_test(module)]
        names |= self._paired(modules) | self._closed(modules, mentioned)
        self._local = {module.path: frozenset(module.facts.notable) for module in modules}
        self.names = frozenset(names | self._closure(shared, names, plain))
        tests = [module for module in modules if _is_test(module)]
        for _ in range(2):  # once for what a module defines, once for what it imports of another test module
            for module in tests:
                known = self._local[module.path].union(*self._imported_names(module))
                self._local[module.path] = known
                self._local[module.path] = known | self._closure([module], set(self.names | known), plain)

    def _paired(self, modules: list[Module]) -> set[str]:
        """Functions of the project that stand beside one that undoes them: ``start_broker``, ``stop_broker``."""
        out: set[str] = set()
        for module in modules:
            own = {name for name, _, _ in self._summary(module).definitions}
            for name in own:
                surely, perhaps, _ = counterparts(name)
                if not own.isdisjoint(surely) or not own.isdisjoint(perhaps):
                    out.add(name)
        return out

    def _closed(self, modules: list[Module], mentioned: set[str]) -> set[str]:
        """Classes of the project that several functions of the suite name together with a method that closes them."""
        closing = {
            name: methods.intersection(CLOSING)
            for module in modules
            for name, _, methods in self._summary(module).classes
            if name in mentioned and not name.startswith("Test") and not methods.isdisjoint(CLOSING)
        }
        together = dict.fromkeys(closing, 0)
        for module in modules if closing else ():
            said = traverse.words(module.facts) if module.linted else set()
            for name in [name for name in closing if name in said and not said.isdisjoint(closing[name])]:
                own = _functions(f.statements_of(module.facts))
                together[name] += sum(traverse.says(function, name) for function in own)
        return {name for name, count in together.items() if count >= ENOUGH}

    def _summary(self, module: Module) -> _Summary:
        """What a module defines and imports, worked out once."""
        known = self._summaries.get(module.path)
        if known is None:
            body = f.statements_of(module.facts)
            known = _Summary(
                tuple(_definitions(body)), (*_imports(body), *_plugins(body)), tuple(_classes(body))
            )
            self._summaries[module.path] = known
        return known

    def _triggers(self, mentioned: set[str]) -> tuple[set[str], set[str]]:
        """Last names of calls with an effect, and of those without, as far as the project mentions their library."""
        effective: set[str] = set()
        plain: set[str] = set()
        for name, entries in self.index.calls.items():
            root, _, rest = name.partition(".")
            last = rest.rpartition(".")[2] or rest
            if last in _COMMON or (root not in mentioned and root != "builtins"):
                continue
            (effective if any(map(_has_effect, entries)) else plain).add(last)
        return effective, plain - effective

    def _closure(self, modules: list[Module], names: set[str], plain: set[str]) -> set[str]:
        """The project's functions and classes that mention what matters, directly or through each other."""
        out: set[str] = set()
        pending: list[tuple[str, frozenset[str]]] = []
        of_product: list[tuple[str, frozenset[str]]] = []
        for module in modules:
            for name, words, large in self._summary(module).definitions:
                direct = not names.isdisjoint(words)
                if module.is_product:
                    if name in plain:
                        continue  # the tables say what it does
                    of_product.append((name, words))
                    large, words = False, frozenset()
                elif not self._local[module.path].isdisjoint(words):
                    large = True
                if direct or large:
                    out.add(name)
                else:
                    pending.append((name, words))
        for _ in range(_CLASS_HOPS):  # subclasses, and the factories of the product's classes
            classes = {name for name, _ in of_product if name[:1].isupper() and name in out}
            out |= {name for name, words in of_product if not classes.isdisjoint(words)}
        while True:
            found = {name for name, words in pending if not out.isdisjoint(words)}
            if found <= out:
                return out
            out |= found

    def _imported_names(self, module: Module) -> Iterator[frozenset[str]]:
        """What matters of the suite's own modules that a module imports from, under the names it has here."""
        for node, targets in self._targets(module):
            for found in targets:
                local = self._local.get(found.path, _NONE)
                if local and not found.is_product and found is not module:
                    yield local
                    yield frozenset(bound for bound, name in node.bindings if name in local)

    def _read_imports(self) -> None:
        """Have the project's own modules read that the suite imports: what they define may matter."""
        for module in list(self.project.modules.values()):
            if module.linted:
                self._targets(module)
        for _ in range(_PACKAGE_HOPS):
            self._read_reexports()

    def _read_reexports(self) -> None:
        """Follow what packages of the product pass on, and the bases of its classes, as far as the suite names them."""
        modules = list(self.project.modules.values())
        words = {word for module in modules if module.linted for word in module.facts.mentions.split()}
        for module in modules:
            if not module.is_product or module.path in self._imported:
                continue
            summary = self._summary(module)
            wanted = frozenset[str]().union(*(bases for name, bases, _ in summary.classes if name in words))
            if module.is_package:
                wanted |= words
            nodes = [node for node in summary.imports if any(local in wanted for local, _ in node.bindings)]
            with self.project.following_product():
                self._imported[module.path] = [(node, self._modules_of(node, module)) for node in nodes]

    def _targets(self, module: Module) -> list[tuple[f.Import, list[Module]]]:
        """The imports of a module with the project's modules that they name, or take names from."""
        known = self._imported.get(module.path)
        if known is None:
            known = self._imported[module.path] = [
                (node, self._modules_of(node, module)) for node in self._summary(module).imports
            ]
        return known

    def _modules_of(self, node: f.Import, module: Module) -> list[Module]:
        project = self.project
        if not node.is_from:
            named = [project.first_party(name, module) for _, name in node.bindings]
            return [found for found in named if found is not None]
        if node.level:
            source = project.find_relative(node.module, node.level, module)
        else:
            source = project.first_party(node.module, module)
        out: list[Module | None] = [source]
        for _, name in node.bindings:
            if name == "*":
                continue
            if source is None and not node.level:
                out.append(project.first_party(f"{node.module}.{name}", module))
            elif source is not None and source.is_package:
                out.append(project.find_relative(name, 1, source))
        return list(dict.fromkeys(found for found in out if found is not None))


def _is_test(module: Module) -> bool:
    """Whether only its own functions, and modules that import it, can name what it defines."""
    file = module.facts.path.rpartition("/")[2]
    return module.linted and (file.startswith("test") or file.endswith("_test.py"))


def _free_words(function: f.Function) -> set[str]:
    """What the function mentions of others: its own local names say nothing about a global of that name."""
    local = set(function.binds).difference(param.name for param in function.params)
    return {word.lstrip(".") for word in function.mentions.split() if word not in local}


def _has_effect(entry: CallEntry) -> bool:
    return bool(
        entry.load
        or entry.acquire
        or entry.workers
        or entry.endless
        or entry.combinations
        or (entry.retains and entry.retains != "output")
        or (entry.makes and (entry.makes.fixed or entry.makes.dense))
    )


def _definitions(
    body: tuple[f.Stmt, ...], owner: str | None = None
) -> Iterator[tuple[str, frozenset[str], bool]]:
    """What others can call: functions under their own name, methods also under that of their class; no tests."""
    for statement in body:
        if isinstance(statement, f.Import):
            yield from (
                (local, frozenset({name}), False) for local, name in statement.bindings if local != name
            )
        elif isinstance(statement, f.FunctionDef):
            function = statement.function
            if not function.name.startswith("test"):
                words, large = frozenset(_free_words(function)), function.largest >= LARGE
                large |= function.name in _ITERATING  # it may never end
                if not function.name.startswith("__"):
                    yield function.name, words, large
                if owner is not None:
                    yield owner, words, large
        elif isinstance(statement, f.ClassDef):
            bases = frozenset(
                base.path.rpartition(".")[2] for base in statement.cls.bases if isinstance(base, f.Name)
            )
            yield statement.cls.name, bases, False
            yield from _definitions(statement.cls.body, statement.cls.name)
        else:
            for name in ("body", "orelse", "final"):
                inner = getattr(statement, name, None)
                if isinstance(inner, tuple):
                    yield from _definitions(inner, owner)


def _functions(body: tuple[f.Stmt, ...]) -> Iterator[f.Function]:
    """The functions and methods of a module."""
    for statement in body:
        if isinstance(statement, f.FunctionDef):
            yield statement.function
        elif isinstance(statement, f.ClassDef):
            yield from _functions(statement.cls.body)


def _classes(body: tuple[f.Stmt, ...]) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """The classes of a module with the last names of their bases, and those of their methods."""
    for statement in body:
        if isinstance(statement, f.ClassDef):
            cls = statement.cls
            bases = {base.path.rpartition(".")[2] for base in cls.bases if isinstance(base, f.Name)}
            methods = {inner.function.name for inner in cls.body if isinstance(inner, f.FunctionDef)}
            yield cls.name, frozenset(bases), frozenset(methods)


def _imports(body: tuple[f.Stmt, ...]) -> Iterator[f.Import]:
    """The imports of a module, also those under ``if`` and ``try``."""
    for statement in body:
        if isinstance(statement, f.Import):
            yield statement
        elif isinstance(statement, (f.If, f.Try)):
            for name in ("body", "orelse", "final"):
                yield from _imports(getattr(statement, name, ()))


def _plugins(body: tuple[f.Stmt, ...]) -> Iterator[f.Import]:
    """What ``pytest_plugins`` of a module names, as the imports that pytest makes of it."""
    for statement in body:
        if isinstance(statement, f.Assign) and statement.targets == (f.Name("pytest_plugins"),):
            value = statement.value
            for item in value.items if isinstance(value, f.Seq) else (value,):
                if isinstance(item, f.Text):
                    yield f.Import(statement.line, item.value, 0, False, ((item.value, item.value),))
