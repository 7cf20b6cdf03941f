"""Which functions can matter for memory at all; the others are never evaluated.

A function matters when it writes a large number, mentions a call of the API tables that loads, acquires, starts or
retains (of a library that its module names), mentions a large global or a container of its module, or mentions
something of the project that matters. Names stand for what they may mean, so the answer errs towards looking.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Set

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.declarations import (
    LARGE,
    WAYS,
    Definition,
    Summary,
    forms,
    functions_of,
    summary_of,
    words_of,
)
from memlint.analysis.project import Module, Project
from memlint.analysis.verbs import CLOSING, ENOUGH, counterparts
from memlint.analysis.vocabulary import Vocabulary
from memlint.knowledge.index import ApiIndex

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
_CLASS_HOPS = 2  # from a class of the product to what inherits or makes it
_PACKAGE_HOPS = 2  # re-exports through packages that are followed
_CLOSING = frozenset(CLOSING)
_NONE: frozenset[str] = frozenset()
_ALLOCATING = frozenset({".zeros", ".ones", ".empty", ".full", "bytearray"})  # as much as they are asked for
_OF_TESTS = frozenset({"rebuilds"})  # what product code does for itself


class Relevance:
    """Knows the names that make a function worth evaluating."""

    def __init__(self, project: Project, index: ApiIndex) -> None:
        self.project = project
        self.vocabulary = Vocabulary(index)
        self.names: frozenset[str] = frozenset()  # what matters to any module
        # what matters besides to the functions of one: calls of its libraries, its own words, fixtures in its reach,
        # calls of the libraries of modules that it imports from
        self._near: dict[str, list[Set[str]]] = {}
        self._roots: dict[str, frozenset[str]] = {}  # by module, the libraries that it names
        self._summaries: dict[str, Summary] = {}
        self._seen = 0
        self._imported: dict[str, list[tuple[f.Import, list[Module]]]] = {}
        self._known: dict[tuple[str, int, str], bool] = {}
        self._scopes: dict[str, tuple[frozenset[int], frozenset[str] | None]] = {}
        self._heirs: dict[str, list[tuple[str, str]]] = {}  # by the name of a base: name, and path of a class
        self._heirs_of = 0  # how many modules
        self._words: frozenset[str] = frozenset()
        self._worded = 0  # how many modules
        builtin = (name.rpartition(".")[2] for name in index.calls if name.startswith("builtins."))
        self._everywhere = _ALWAYS.union(builtin)

    def matters(self, function: f.Function, module: Module) -> bool:
        """Whether evaluating the function can tell anything about memory."""
        if function.largest >= LARGE:
            return True
        if not self._seen:
            self.refresh()
        key = (module.path, function.line, function.name)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._mentions_what_matters(function, module)
        return known

    def _mentions_what_matters(self, function: f.Function, module: Module) -> bool:
        outermost, bound = self._scope(module)
        if function.line in outermost:
            words = words_of(function, bound)
        else:  # what a function around it is given, or imports, is reached by a bare name too
            words = words_of(function, None)
            words |= {f"={word}" for word in words}
        if module.is_product and not _ALLOCATING.isdisjoint(words):
            return True
        return _meets(words, [self.names, *self._near.get(module.path, ())])

    def refresh(self) -> None:
        """Collect the names anew when further modules have been read."""
        self._read_imports()
        if len(self.project.modules) != self._seen:
            self._learn()

    def let_go(self) -> None:
        """Forget the answers about single functions, which nobody asks about again once their modules are judged."""
        self._known.clear()
        self._scopes.clear()

    def _scope(self, module: Module) -> tuple[frozenset[int], frozenset[str] | None]:
        """The lines of a module's outermost functions, and the bare names that may mean something global to them."""
        known = self._scopes.get(module.path)
        if known is None:
            summary = self._summary(module)
            bound = None if summary.bound is None else frozenset(summary.bound)
            known = self._scopes[module.path] = (frozenset(summary.outermost), bound)
        return known

    def _learn(self) -> None:
        self._seen = len(self.project.modules)
        self._known.clear()
        modules = list(self.project.modules.values())
        mentioned: set[str] = set()
        for module in modules:
            words = set(module.facts.mentions.split())
            mentioned.update(word.lstrip(".") for word in words)
            self._roots[module.path] = self._roots_of(module, words)
        plain = self.vocabulary.plain(mentioned)
        names = self.vocabulary.methods(mentioned) | forms(_ALWAYS)
        names |= self._paired(modules) | forms(self._closed(modules, mentioned))
        for module in modules:
            self._near[module.path] = [self._calls(module), forms(module.facts.notable)]
        shared = [module for module in modules if not _is_test(module)]
        reached = names | self._closure(shared, names, plain)
        self.names = frozenset(word for word in reached if not word.startswith("="))
        below = self._fixtures_below(shared, reached)
        for module in modules:
            self._near[module.path] += [
                below[folder] for folder in _folders_of(module.path) if folder in below
            ]
        tests = [module for module in modules if _is_test(module)]
        for _ in range(2):  # once for what a module defines, once for what it imports of another test module
            for module in tests:
                self._take_over(module)
                self._take_in(module, self._closure([module], self.names, plain))

    def _take_over(self, module: Module) -> None:
        """Let what matters to the suite's own modules that a module imports from matter to it, under its own names."""
        for node, targets in self._targets(module):
            for found in targets:
                if found.is_product or found is module:
                    continue
                calls, own, *_ = theirs = self._near[found.path]
                if not any(calls is known for known in self._near[module.path]):
                    self._near[module.path].append(calls)
                renamed = {
                    f"{how}{bound}"
                    for bound, name in node.bindings
                    for how in WAYS
                    if any(f"{how}{name}" in words for words in theirs)
                }
                self._take_in(module, own | renamed)

    def _take_in(self, module: Module, words: Set[str]) -> None:
        """Let more words matter to the functions of a module."""
        own = self._near[module.path][1]
        if not words <= own:
            self._near[module.path][1] = own | words

    def _fixtures_below(self, modules: list[Module], reached: Set[str]) -> dict[str, set[str]]:
        """The words for fixtures that matter, by the folder of the conftest that has them; "" for those of helpers."""
        out: dict[str, set[str]] = {}
        for module in modules:
            folder, _, name = module.path.rpartition("/")
            reach = folder if name == "conftest.py" and folder.strip("./") else ""
            for found in self._summary(module).definitions:
                asked = [word for word in found.reached_by if word.startswith("=")]
                if asked and (found.large or _meets(found.words, [reached, *self._near[module.path]])):
                    out.setdefault(reach, set()).update(asked)
        return out

    def _calls(self, module: Module) -> frozenset[str]:
        """The words for calls with an effect of the libraries that a module names."""
        return self.vocabulary.of(self._roots[module.path]).effective

    def _roots_of(self, module: Module, words: set[str]) -> frozenset[str]:
        """The libraries that a module names, its own package among them.

        What another module of the project has made with a library, it has by the name of what made it.
        """
        inside = any(node.level for node in self._summary(module).imports)
        return self.vocabulary.roots(words.union(module.path.split("/")[:2]) if inside else words)

    def heirs(self, name: str) -> list[str]:
        """The paths of modules with a class that may derive from one of this name, in order."""
        modules = list(self.project.modules.values())
        if len(modules) != self._heirs_of:
            self._heirs, self._heirs_of = {}, len(modules)
            for module in modules:
                for heir, bases, is_class in self._summary(module).heritage:
                    for base in bases:
                        self._heirs.setdefault(base, []).append((heir, module.path if is_class else ""))
        names, waiting, paths = {name}, [name], set[str]()
        while waiting:
            found = self._heirs.get(waiting.pop(), ())
            paths.update(path for _, path in found if path)
            new = {heir for heir, _ in found} - names
            names |= new
            waiting += new
        return sorted(paths)

    def _paired(self, modules: list[Module]) -> set[str]:
        """Functions of the project that stand beside one that undoes them: ``start_broker``, ``stop_broker``."""
        out: set[str] = set()
        for module in modules:
            definitions = self._summary(module).definitions
            own = {found.name for found in definitions}
            for found in definitions:
                surely, perhaps, _ = counterparts(found.name)
                if not own.isdisjoint(surely) or not own.isdisjoint(perhaps):
                    out.update(found.reached_by)
        return out

    def _closed(self, modules: list[Module], mentioned: set[str]) -> set[str]:
        """Classes of the project that several functions of the suite name together with a method that closes them."""
        closing = {
            name: _CLOSING.intersection(methods)
            for module in modules
            for name, _, methods in self._summary(module).classes
            if name in mentioned and not name.startswith("Test") and not _CLOSING.isdisjoint(methods)
        }
        together = dict.fromkeys(closing, 0)
        for module in modules if closing else ():
            said = traverse.words(module.facts) if module.linted else set()
            names = [name for name in closing if name in said and not said.isdisjoint(closing[name])]
            own = list(functions_of(module.statements())) if names else []
            for name in names:
                together[name] += sum(traverse.says(function, name) for function in own)
        return {name for name, count in together.items() if count >= ENOUGH}

    def _summary(self, module: Module) -> Summary:
        """What a module defines and imports, worked out once."""
        known = self._summaries.get(module.path)
        if known is None:
            known = self._summaries[module.path] = summary_of(
                module.statements(), module.facts.mentions, self._everywhere
            )
        return known

    def _closure(self, modules: list[Module], names: Set[str], plain: set[str]) -> set[str]:
        """What reaches the functions and classes that mention what matters, directly or through each other."""
        out: set[str] = set()
        pending: list[Definition] = []
        for module in modules:
            if module.is_product:
                continue
            matter = [names, *self._near[module.path]]
            for found in self._summary(module).definitions:
                if found.large or _meets(found.words, matter):
                    out.update(found.reached_by)
                else:
                    pending.append(found)
        out |= self._of_product([module for module in modules if module.is_product], names, plain)
        while True:
            reached = {
                word for found in pending if not out.isdisjoint(found.words) for word in found.reached_by
            }
            if reached <= out:
                return out
            out |= reached

    def _of_product(self, modules: list[Module], names: Set[str], plain: set[str]) -> set[str]:
        """What matters of the product: what has an effect by itself, and who makes or inherits its classes.

        The tables say what functions in ``plain`` do.
        """
        known = [
            (self.vocabulary.of(self._roots[module.path]), found)
            for module in modules
            for found in self._summary(module).definitions
            if found.name not in plain
        ]
        names = names - _OF_TESTS
        out = {
            word
            for calls, found in known
            if _meets(found.words, (names, calls.starting))
            for word in found.reached_by
        }
        for calls, found in known:  # what a class keeps, its own methods use
            if found.owner in out and not calls.effective.isdisjoint(found.words):
                out.update(found.reached_by)
        owing = [
            found for calls, found in known if found.owner and not calls.acquiring.isdisjoint(found.words)
        ]
        out |= forms(found.owner for found in owing)  # whoever has such an object may come to owe something
        out |= _calling(owing, [found for _, found in known if found.owner])
        for _ in range(_CLASS_HOPS):  # subclasses, and the factories of the product's classes
            made = {
                word
                for _, found in known
                if found.name[:1].isupper()
                for word in found.reached_by
                if word in out
            }
            out.update(
                word for _, found in known if not made.isdisjoint(found.words) for word in found.reached_by
            )
        return out

    def _read_imports(self) -> None:
        """Have the project's own modules read that the suite imports: what they define may matter."""
        for module in list(self.project.modules.values()):
            if module.linted:
                self._targets(module)
        for _ in range(_PACKAGE_HOPS):
            self._read_reexports()

    def _read_reexports(self) -> None:
        """Follow what packages of the product pass on, and the bases of its classes, as far as the suite names them."""
        modules = self.project.modules.values()
        pending = [m for m in modules if m.is_product and m.path not in self._imported]
        words = self._words_of_suite() if pending else _NONE
        for module in pending:
            summary = self._summary(module)
            wanted = frozenset[str]().union(*(bases for name, bases, _ in summary.classes if name in words))
            if module.is_package:
                wanted |= words
            nodes = [node for node in summary.imports if any(local in wanted for local, _ in node.bindings)]
            with self.project.following_product():
                self._imported[module.path] = [(node, self._modules_of(node, module)) for node in nodes]

    def _words_of_suite(self) -> frozenset[str]:
        """Every word of the linted modules; their number tells whether some have come since."""
        linted = [module.facts.mentions for module in self.project.modules.values() if module.linted]
        if len(linted) != self._worded:
            self._worded = len(linted)
            self._words = frozenset(word for mentions in linted for word in mentions.split())
        return self._words

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
            said = dict.fromkeys(
                [*(name for _, name in node.bindings), *node.module.split()]
            )  # ``import a.b``: both
            named = [project.first_party(name, module) for name in said]
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


def _meets(words: Collection[str], matter: Iterable[Set[str]]) -> bool:
    """Whether one of the words is among those that matter."""
    return any(not known.isdisjoint(words) for known in matter)


def _folders_of(path: str) -> Iterator[str]:
    """The folders around a file, and "" for the outermost."""
    yield ""
    parts = path.split("/")[:-1]
    yield from ("/".join(parts[:end]) for end in range(1, len(parts) + 1))


def _calling(some: list[Definition], methods: list[Definition]) -> set[str]:
    """The words for methods that call some of their own class, directly or through each other."""
    known = {(found.owner, f".{found.name}") for found in some}
    owners = {owner for owner, _ in known}
    waiting = [found for found in methods if found.owner in owners]
    new = known
    while new:
        reached = {
            (found.owner, f".{found.name}")
            for found in waiting
            if any(owner == found.owner and word in found.words for owner, word in new)
        }
        new = reached - known
        known |= new
    return {word for _, word in known}
