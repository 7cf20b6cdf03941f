"""Which functions can matter for memory at all; the others are never evaluated.

A function matters when it writes a large number, mentions a call of the API tables that loads, acquires, starts or
retains (of a library that the project imports), mentions a large global or a container of its module, or mentions
something of the project that matters. Names stand for what they may mean, so the answer errs towards looking.

How a thing is reached decides what counts as a mention of it: a method as an attribute, a fixture as a parameter,
everything else as an attribute or by a bare name that may be a global of the module. So the keyword of ``f(a=1)`` is
no mention of a method ``a``. Words are written ``.attribute``, ``=parameter`` and ``name`` here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.project import Module, Project
from memlint.analysis.verbs import CLOSING, ENOUGH, counterparts
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
_WAYS = ("", ".", "=")  # by which something is mentioned: a bare name, an attribute, a parameter
_COMMON = frozenset({"__call__", "__enter__", "__getitem__", "all", "map", "filter", "iter"})


class _Definition(NamedTuple):
    """Something that others can reach."""

    name: str
    reached_by: frozenset[str]  # the words that mention it
    words: frozenset[str]  # that it mentions itself
    large: bool = False


class _Heir(NamedTuple):
    """A class with the last names in its bases, or another name for what may be one."""

    name: str
    bases: frozenset[str]
    is_class: bool


class _Summary(NamedTuple):
    definitions: tuple[_Definition, ...]
    imports: tuple[f.Import, ...]
    classes: tuple[tuple[str, frozenset[str], frozenset[str]], ...]  # name, bases, methods
    outermost: frozenset[int]  # lines of the functions that no other function holds
    bound: frozenset[str] | None  # bare names that may mean something global; None for any
    heritage: tuple[_Heir, ...]


class Relevance:
    """Knows the names that make a function worth evaluating."""

    def __init__(self, project: Project, index: ApiIndex) -> None:
        self.project = project
        self.index = index
        self.names: frozenset[str] = frozenset()
        self._local: dict[str, frozenset[str]] = {}  # what matters to the functions of one module
        self._summaries: dict[str, _Summary] = {}
        self._seen = 0
        self._imported: dict[str, list[tuple[f.Import, list[Module]]]] = {}
        self._known: dict[tuple[str, int, str], bool] = {}
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
        summary = self._summary(module)
        if function.line in summary.outermost:
            words = _words(function, summary.bound)
        else:  # what a function around it is given, or imports, is reached by a bare name too
            words = _words(function, None)
            words |= {f"={word}" for word in words}
        return not (self.names.isdisjoint(words) and self._local.get(module.path, _NONE).isdisjoint(words))

    def refresh(self) -> None:
        """Collect the names anew when further modules have been read."""
        self._read_imports()
        if len(self.project.modules) != self._seen:
            self._learn()

    def _learn(self) -> None:
        self._seen = len(self.project.modules)
        self._known.clear()
        modules = list(self.project.modules.values())
        mentioned = {word.lstrip(".") for module in modules for word in module.facts.mentions.split()}
        effective, plain = self._triggers(mentioned)
        names = set(_forms(effective | _ALWAYS))
        shared = [module for module in modules if not _is_test(module)]
        names |= self._paired(modules) | _forms(self._closed(modules, mentioned))
        self._local = {module.path: _forms(module.facts.notable) for module in modules}
        self.names = frozenset(names | self._closure(shared, names, plain))
        tests = [module for module in modules if _is_test(module)]
        for _ in range(2):  # once for what a module defines, once for what it imports of another test module
            for module in tests:
                known = self._local[module.path].union(*self._imported_names(module))
                self._local[module.path] = known
                self._local[module.path] = known | self._closure([module], set(self.names | known), plain)

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
                    out |= found.reached_by
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
            names = [name for name in closing if name in said and not said.isdisjoint(closing[name])]
            own = list(_functions(f.statements_of(module.facts))) if names else []
            for name in names:
                together[name] += sum(traverse.says(function, name) for function in own)
        return {name for name, count in together.items() if count >= ENOUGH}

    def _summary(self, module: Module) -> _Summary:
        """What a module defines and imports, worked out once."""
        known = self._summaries.get(module.path)
        if known is None:
            body = f.statements_of(module.facts)
            bound = self._bound(body, module)
            known = _Summary(
                tuple(_definitions(body, bound)),
                (*_imports(body), *_plugins(body)),
                tuple(_classes(body)),
                frozenset(_outermost(body)),
                bound,
                tuple(_heritage(body)),
            )
            self._summaries[module.path] = known
        return known

    def _bound(self, body: tuple[f.Stmt, ...], module: Module) -> frozenset[str] | None:
        """The bare names that may mean something global: bound by the module, imported anywhere in it, or built in."""
        bound = set(_bindings(body))
        if "*" in bound:
            return None
        attributes = (word[1:] for word in module.facts.mentions.split() if word.startswith("."))
        return frozenset(bound.union(attributes, self._everywhere))

    def _triggers(self, mentioned: set[str]) -> tuple[set[str], set[str]]:
        """Last names of calls with an effect, and of those without, as far as the project mentions their library."""
        roots = {"builtins", *mentioned}
        effective, plain = (
            {name for root, names in by_root.items() if root in roots for name in names} - _COMMON
            for by_root in (self.index.effective, self.index.plain)
        )
        return effective, plain - effective

    def _closure(self, modules: list[Module], names: set[str], plain: set[str]) -> set[str]:
        """What reaches the functions and classes that mention what matters, directly or through each other."""
        out: set[str] = set()
        pending: list[_Definition] = []
        of_product: list[_Definition] = []
        for module in modules:
            for found in self._summary(module).definitions:
                matters = found.large or not names.isdisjoint(found.words)
                if module.is_product:
                    if found.name in plain:
                        continue  # the tables say what it does
                    of_product.append(found)
                    matters = not names.isdisjoint(found.words)
                elif not self._local[module.path].isdisjoint(found.words):
                    matters = True
                if matters:
                    out |= found.reached_by
                elif not module.is_product:
                    pending.append(found)
        for _ in range(_CLASS_HOPS):  # subclasses, and the factories of the product's classes
            classes = {
                word for found in of_product if found.name[:1].isupper() for word in found.reached_by & out
            }
            for found in of_product:
                if not classes.isdisjoint(found.words):
                    out |= found.reached_by
        while True:
            reached = {
                word for found in pending if not out.isdisjoint(found.words) for word in found.reached_by
            }
            if reached <= out:
                return out
            out |= reached

    def _imported_names(self, module: Module) -> Iterator[frozenset[str]]:
        """What matters of the suite's own modules that a module imports from, under the names it has here."""
        for node, targets in self._targets(module):
            for found in targets:
                local = self._local.get(found.path, _NONE)
                if local and not found.is_product and found is not module:
                    yield local
                    yield frozenset(
                        f"{how}{bound}"
                        for bound, name in node.bindings
                        for how in _WAYS
                        if f"{how}{name}" in local
                    )

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


def _forms(names: Iterable[str]) -> frozenset[str]:
    """The words that mention a global of one of these names."""
    return frozenset(f"{how}{name}" for name in names for how in ("", "."))


def _words(function: f.Function, bound: frozenset[str] | None) -> set[str]:
    """What the function mentions of others: its own local names say nothing about a global of that name.

    ``bound`` holds the bare names that may mean something global; None for any.
    """
    params = {param.name for param in function.params}
    mentions = set(function.mentions.split())
    given = {f"={name}" for name in params & mentions}
    mentions -= set(function.binds) - params
    if bound is not None:
        mentions = {word for word in mentions if word.startswith(".") or word in bound}
    return mentions | given


def _definitions(
    body: tuple[f.Stmt, ...], bound: frozenset[str] | None, owner: str | None = None
) -> Iterator[_Definition]:
    """What others can call: functions under their own name, methods also under that of their class; no tests."""
    for statement in body:
        if isinstance(statement, f.Import):
            for local, name in statement.bindings:
                if local != name:
                    yield _Definition(local, _forms([local]), frozenset({name}))
        elif isinstance(statement, f.FunctionDef):
            function = statement.function
            if not function.name.startswith("test"):
                words = frozenset(_words(function, bound))
                large = function.largest >= LARGE or function.name in _ITERATING  # it may never end
                if not function.name.startswith("__"):
                    yield _Definition(function.name, _ways_to(function, owner), words, large)
                if owner is not None:
                    yield _Definition(owner, _forms([owner]), words, large)
        elif isinstance(statement, f.ClassDef):
            name = statement.cls.name
            bases = (base.path.rpartition(".")[2] for base in statement.cls.bases if isinstance(base, f.Name))
            yield _Definition(name, _forms([name]), frozenset(bases))
            yield from _definitions(statement.cls.body, bound, name)
        else:
            for inner in _blocks(statement):
                yield from _definitions(inner, bound, owner)


def _ways_to(function: f.Function, owner: str | None) -> frozenset[str]:
    """The words that mention a function: a fixture is asked for by a parameter, a method is an attribute."""
    name = function.name
    if any(_is_fixture_mark(decorator) for decorator, _ in function.decorators):
        return frozenset({f"={name}"})
    return frozenset({f".{name}"}) if owner is not None else _forms([name])


def _is_fixture_mark(decorator: f.Expr) -> bool:
    target = decorator.func if isinstance(decorator, f.Call) else decorator
    return isinstance(target, f.Name) and target.path.endswith("fixture")


def _blocks(statement: f.Stmt) -> Iterator[tuple[f.Stmt, ...]]:
    """The blocks of ``if``, ``for``, ``try`` and the like that may define something."""
    for name in ("body", "orelse", "final"):
        inner = getattr(statement, name, None)
        if isinstance(inner, tuple):
            yield inner


def _outermost(body: tuple[f.Stmt, ...]) -> Iterator[int]:
    """The lines of the functions that no other function holds."""
    for statement in body:
        if isinstance(statement, f.FunctionDef):
            yield statement.function.line
        elif isinstance(statement, f.ClassDef):
            yield from _outermost(statement.cls.body)
        else:
            for inner in traverse.blocks(statement):
                yield from _outermost(inner)


def _bindings(body: tuple[f.Stmt, ...]) -> Iterator[str]:
    """The names that statements outside of functions bind, those of classes included."""
    for statement in body:
        if isinstance(statement, f.Import):
            yield from (local for local, _ in statement.bindings)
        elif isinstance(statement, f.FunctionDef):
            yield statement.function.name
        elif isinstance(statement, f.ClassDef):
            yield statement.cls.name
            yield from _bindings(statement.cls.body)
        else:
            yield from _assigned(statement)
            for inner in traverse.blocks(statement):
                yield from _bindings(inner)


def _assigned(statement: f.Stmt) -> Iterator[str]:
    """The names that a statement itself assigns."""
    if isinstance(statement, f.Assign):
        targets: tuple[f.Expr | None, ...] = statement.targets
    elif isinstance(statement, f.With):
        targets = tuple(target for _, target in statement.items)
    else:
        targets = (statement.target,) if isinstance(statement, (f.AugAssign, f.For)) else ()
    for target in targets:
        if target is not None:
            yield from (node.path for node in traverse.walk(target) if isinstance(node, f.Name))


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


def _heritage(body: tuple[f.Stmt, ...]) -> Iterator[_Heir]:
    """Classes outside of functions with the last names in their bases, and the names given to what may be a class."""
    for statement in body:
        if isinstance(statement, f.ClassDef):
            cls = statement.cls
            named = (
                node.path for base in cls.bases for node in traverse.walk(base) if isinstance(node, f.Name)
            )
            yield _Heir(cls.name, frozenset(path.rpartition(".")[2] for path in named), True)
            yield from _heritage(cls.body)
        elif isinstance(statement, f.Import):
            for local, name in statement.bindings:
                if local != name:
                    yield _Heir(local, frozenset({name}), False)
        elif isinstance(statement, f.Assign) and isinstance(statement.value, f.Name):
            base = frozenset({statement.value.path.rpartition(".")[2]})
            for target in statement.targets:
                if isinstance(target, f.Name):
                    yield _Heir(target.path, base, False)
        else:
            for inner in traverse.blocks(statement):
                yield from _heritage(inner)


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
