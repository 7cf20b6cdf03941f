"""Containers that live as long as the session, of modules and classes, and who fills and empties them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.project import Module
from memlint.analysis.sites import Frame
from memlint.analysis.suite import Body, Suite
from memlint.analysis.values import ClassValue, Imported, ModuleValue, Value

_FILLING = frozenset(
    {"append", "add", "extend", "insert", "appendleft", "extendleft", "update", "setdefault"}
)
_EMPTYING = frozenset(
    {"clear", "pop", "popitem", "popleft", "remove", "discard", "difference_update", "intersection_update"}
)
_REPLACING = frozenset({"setattr", "object", "dict", "patch", "delitem", "delattr", "setitem", "multiple"})
_EMPTYING_VERBS = (
    "reset",
    "clear",
    "clean",
    "drain",
    "flush",
    "restore",
    "empty",
    "forget",
    "purge",
    "truncate",
)
_CONSTRUCTORS = frozenset({"list", "dict", "set", "defaultdict", "OrderedDict", "Counter", "deque"})
_MEANT_TO_LAST = frozenset(
    {"collect_ignore", "collect_ignore_glob", "pytest_plugins", "__all__", "pytestmark"}
)
_MAX_HOPS = 6  # re-exports followed


class Key(NamedTuple):
    """A container: the file, the class where it is a class attribute, and its name."""

    path: str
    cls: str
    name: str


@dataclass(frozen=True, slots=True)
class Container:
    """Where a container is made, and what it is: list, set or dict."""

    key: Key
    line: int
    kind: str


@dataclass(frozen=True, slots=True)
class Filling:
    """A statement that puts something into a container. ``element`` is None when several things go in."""

    container: Container
    at: f.Span
    how: str  # append, add, "[]=", "+="
    element: f.Expr | None
    line: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a name is read: functions from the outermost to the innermost, in a class of a module."""

    module: Module
    owner: ClassValue | None
    functions: tuple[f.Function, ...]

    def within(self, function: f.Function) -> Scope:
        """The scope of a nested function."""
        return Scope(self.module, self.owner, (*self.functions, function))

    def is_local(self, name: str) -> bool:
        """Whether a function of the scope binds the name itself."""
        return any(name in function.binds for function in self.functions)

    def names_instance(self, name: str) -> bool:
        """Whether the name is the first parameter of a method."""
        return self.owner is not None and name in {"self", "cls"} and bool(self.functions)


def scope_of(body: Body) -> Scope:
    """The scope of a body, with the functions that it lies in."""
    functions = [body.function]
    owner = body.owner
    frame: Frame | None = body.within
    while frame is not None:
        if frame.function is not None:
            functions.insert(0, frame.function)
        owner = owner or frame.owner
        frame = frame.parent
    return Scope(body.module, owner, tuple(functions))


class Containers:
    """The long-lived containers of a suite."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self._emptied: dict[str, tuple[set[Key], set[str]]] = {}
        self._instance_names: dict[int, tuple[ClassValue, set[str]]] = {}
        self._global: dict[tuple[str, str], Container | None] = {}
        self._fillings: dict[Body, tuple[Filling, ...]] = {}
        self._names: set[str] = set()
        self._modules_seen = 0

    # --- definitions --------------------------------------------------------------------------------------

    def of_module(self, module: Module) -> dict[Key, Container]:
        """The containers that a module and its classes make."""
        found: dict[Key, Container] | None = module.kept.get("containers")
        if found is None:
            found = {
                container.key: container for container in self._containers(module.statements(), module, "")
            }
            module.kept["containers"] = found
        return found

    def _containers(self, block: tuple[f.Stmt, ...], module: Module, cls: str) -> Iterator[Container]:
        for statement, _ in traverse.statements(block):
            if isinstance(statement, f.ClassDef):
                yield from self._containers(statement.cls.body, module, statement.cls.name)
            elif isinstance(statement, f.Assign) and (kind := _kind(statement.value)):
                for target in statement.targets:
                    name = target.path if isinstance(target, f.Name) else ""
                    if name and "." not in name and name not in _MEANT_TO_LAST:
                        yield Container(Key(module.path, cls, name), statement.line, kind)

    # --- names --------------------------------------------------------------------------------------------

    def resolve(self, path: str, scope: Scope) -> Container | None:
        """The container that a dotted name stands for."""
        first, _, rest = path.partition(".")
        if scope.names_instance(first) and scope.owner is not None:
            through_class = rest.startswith("__class__.")
            name = rest.removeprefix("__class__.")
            return self._of_class(scope.owner, name, instance=first == "self" and not through_class)
        return None if scope.is_local(first) else self._in_module(path, scope.module)

    def _in_module(self, path: str, module: Module, hops: int = 0) -> Container | None:
        key = (module.path, path)
        if key not in self._global:
            self._global[key] = None  # an import cycle
            self._global[key] = self._look_up(path, module, hops)
        return self._global[key]

    def _look_up(self, path: str, module: Module, hops: int) -> Container | None:
        first, _, rest = path.partition(".")
        if not rest:
            own = self.of_module(module).get(Key(module.path, "", first))
            if own is not None or hops > _MAX_HOPS:
                return own
            source = self._source(self.suite.evaluator.module_env(module).get(first))
            return self._in_module(source[1], source[0], hops + 1) if source is not None else None
        value = self.suite.evaluator.imported(self.suite.evaluator.module_env(module).get(first, _NOTHING))
        if isinstance(value, ModuleValue) and hops <= _MAX_HOPS:
            return self._in_module(rest, value.module, hops + 1)
        if isinstance(value, ClassValue):
            return self._of_class(value, rest, instance=False)
        return None

    def _source(self, value: Value | None) -> tuple[Module, str] | None:
        """The module and name that ``from module import name`` speaks of."""
        if not isinstance(value, Imported) or value.attr is None:
            return None
        if value.level:
            module = self.suite.project.find_relative(value.module, value.level, value.importer)
        else:
            found = self.suite.evaluator.imported(Imported(value.importer, value.module, 0, None))
            module = found.module if isinstance(found, ModuleValue) else None
        return (module, value.attr) if module is not None else None

    def _of_class(self, owner: ClassValue, name: str, *, instance: bool) -> Container | None:
        if "." in name:  # ``self.Handler.seen``, of a class that is an attribute
            first, _, rest = name.partition(".")
            inner = self.suite.evaluator.class_member(owner, first, None)
            return self._of_class(inner, rest, instance=False) if isinstance(inner, ClassValue) else None
        if not name:
            return None
        if instance and name in self._set_on_instances(owner):
            return None
        for cls in self.suite.evaluator.mro(owner):
            found = self.of_module(cls.module).get(Key(cls.module.path, cls.cls.name, name))
            if found is not None:
                return found
        return None

    def _set_on_instances(self, owner: ClassValue) -> set[str]:
        """Attributes that a method assigns: each instance has its own."""
        known = self._instance_names.get(id(owner.cls))
        if known is None:
            known = (owner, set())
            self._instance_names[id(owner.cls)] = known
            for cls in self.suite.evaluator.mro(owner):
                for statement in cls.cls.body:
                    if isinstance(statement, f.FunctionDef) and traverse.says(statement.function, "self"):
                        known[1].update(_assigned_attributes(f.body_of(statement.function)))
        return known[1]

    # --- filling ------------------------------------------------------------------------------------------

    def fillings(self, body: Body) -> tuple[Filling, ...]:
        """Every statement of a body that puts something new into a long-lived container."""
        known = self._fillings.get(body)
        if known is None:
            known = self._fillings[body] = tuple(self._find_fillings(body))
        return known

    def _find_fillings(self, body: Body) -> Iterator[Filling]:
        if not self._may_name_one(body):
            return
        scope = scope_of(body)
        for statement, _ in traverse.statements(f.body_of(body.function)):
            for filling in self._filled(statement, scope):
                if self.suite.project.modules[filling.container.key.path].linted:
                    yield filling

    def _may_name_one(self, body: Body) -> bool:
        """Whether a container may be meant by a bare name, that of a global, or as an attribute."""
        known, own = self._known_names(), body.function.binds
        if known.isdisjoint(traverse.words(body.function)):
            return False
        for word in body.function.mentions.split():
            if word.startswith("."):
                if word[1:] in known:
                    return True
            elif word in known and word not in own and self._in_module(word, body.module) is not None:
                return True
        return False

    def _known_names(self) -> set[str]:
        modules = self.suite.project.modules
        if len(modules) > self._modules_seen:
            for module in list(islice(modules.values(), self._modules_seen, None)):
                self._names.update(key.name for key in self.of_module(module))
            self._modules_seen = len(modules)
        return self._names

    def _filled(self, statement: f.Stmt, scope: Scope) -> Iterator[Filling]:
        if isinstance(statement, f.Assign):
            for target in statement.targets:
                if isinstance(target, f.Subscript) and not _fixed(target.index):
                    yield from self._filling(
                        target.base, target.at, "[]=", statement.value, statement.line, scope
                    )
        if isinstance(statement, f.AugAssign) and statement.op in {"+", "|"}:
            at = (statement.line, 1, statement.line, 1)
            yield from self._filling(statement.target, at, "+=", None, statement.line, scope)
        for expression in traverse.own_expressions(statement):
            for node in traverse.walk(expression):
                if isinstance(node, f.Call) and node.args:
                    yield from self._called(node, statement.line, scope)

    def _called(self, call: f.Call, line: int, scope: Scope) -> Iterator[Filling]:
        base, attr = _method(call.func)
        if base is None or attr not in _FILLING:
            return
        values = [arg.value for arg in call.args if arg.keyword is None]
        if attr in {"add", "setdefault"} and _fixed((values[0],) if values else ()):
            return  # the same thing each time
        if attr == "update" and all(map(_has_fixed_keys, values)):
            return
        element = values[-1] if values and attr not in {"extend", "extendleft", "update"} else None
        yield from self._filling(base, call.at, attr, element, line, scope)

    def _filling(
        self, base: f.Expr, at: f.Span, how: str, element: f.Expr | None, line: int, scope: Scope
    ) -> Iterator[Filling]:
        if isinstance(base, f.Subscript):  # TIMINGS["sorted"].append(result)
            base = base.base
        elif isinstance(base, f.Call):  # TIMINGS.setdefault("sorted", []).append(result)
            inner, attr = _method(base.func)
            base = inner if inner is not None and attr in {"setdefault", "get"} else base
        if not isinstance(base, f.Name):
            return
        container = self.resolve(base.path, scope)
        if container is not None and not (how == "+=" and container.kind == "dict"):
            yield Filling(container, at, how, element, line)

    # --- emptying -----------------------------------------------------------------------------------------

    def emptied(self, container: Container) -> bool:
        """Whether any function of the suite empties, replaces or restores a container."""
        for module in self._that_may_name(container):
            keys, names = self._emptied_by(module)
            if container.key in keys or container.key.name in names:
                return True
        return False

    def _that_may_name(self, container: Container) -> Iterator[Module]:
        """The container's own module, and those that mention its name and the name of its module."""
        key = container.key
        home = self.suite.project.modules[key.path]
        yield home
        stem = home.name.rpartition(".")[2]
        for module in self.suite.project.mentioning(key.name):
            if module is not home and traverse.says(module.facts, stem):
                yield module

    def _emptied_by(self, module: Module) -> tuple[set[Key], set[str]]:
        known = self._emptied.get(module.path)
        if known is None:
            known = (set(), set())
            self._emptied[module.path] = known
            if not self._known_names().isdisjoint(traverse.words(module.facts)):
                for body in self.suite.of(module).bodies:
                    self._emptying(
                        f.body_of(body.function), Scope(module, body.owner, (body.function,)), known
                    )
        return known

    def _emptying(self, block: tuple[f.Stmt, ...], scope: Scope, out: tuple[set[Key], set[str]]) -> None:
        for statement, enclosing in traverse.statements(block):
            if isinstance(statement, f.FunctionDef):
                inner = statement.function
                self._emptying(f.body_of(inner), scope.within(inner), out)
                continue
            for path in _emptied_paths(statement):
                for source in _looped_over(path, enclosing):
                    container = self.resolve(source, scope)
                    if container is not None:
                        out[0].add(container.key)
            out[1].update(_replaced_names(statement))


_NOTHING = Value()


def _kind(value: f.Expr | None) -> str:
    """What kind of growing container an expression makes; "" for anything else."""
    if isinstance(value, f.Seq):
        return value.kind if value.kind in {"list", "set"} else ""
    if isinstance(value, f.Mapping):
        return "dict"
    if isinstance(value, f.Comp):
        return value.kind if value.kind != "generator" else ""
    if not isinstance(value, f.Call) or not isinstance(value.func, f.Name):
        return ""
    name = value.func.path.rpartition(".")[2]
    if name not in _CONSTRUCTORS:
        return ""
    if name == "deque":
        return "" if len(value.args) > 1 or any(arg.keyword == "maxlen" for arg in value.args) else "list"
    return name if name in {"list", "set"} else "dict"


def _method(func: f.Expr) -> tuple[f.Expr | None, str]:
    """The receiver and the name of a method call."""
    if isinstance(func, f.Attr):
        return func.base, func.attr
    if isinstance(func, f.Name) and "." in func.path:
        base, _, attr = func.path.rpartition(".")
        return f.Name(base), attr
    return None, ""


def _fixed(nodes: Iterable[f.Expr]) -> bool:
    """Whether keys are literals (or a slice), so that storing again replaces."""
    return all(isinstance(node, (f.Const, f.Text, f.Slice)) for node in nodes)


def _has_fixed_keys(node: f.Expr) -> bool:
    """``{"size": 3}``, ``dict(size=3)``."""
    if isinstance(node, f.Call) and node.func == f.Name("dict"):
        return all(arg.keyword is not None or _has_fixed_keys(arg.value) for arg in node.args)
    return isinstance(node, f.Mapping) and _fixed([key for key, _ in node.items if key])


def _assigned_attributes(block: tuple[f.Stmt, ...]) -> Iterator[str]:
    for statement, _ in traverse.statements(block):
        targets = statement.targets if isinstance(statement, f.Assign) else ()
        for target in targets:
            for node in traverse.walk(target):
                if isinstance(node, f.Name) and node.path.startswith("self."):
                    yield node.path.removeprefix("self.")


def _emptied_paths(statement: f.Stmt) -> Iterator[str]:
    """Dotted names of what a statement empties or replaces."""
    if isinstance(statement, f.Assign):
        for target in statement.targets:
            if isinstance(target, f.Name):
                yield target.path
            elif isinstance(target, f.Subscript) and isinstance(target.base, f.Name) and _sliced(target):
                yield target.base.path
    elif (
        isinstance(statement, f.AugAssign)
        and statement.op in {"-", "&"}
        and isinstance(statement.target, f.Name)
    ):
        yield statement.target.path
    elif isinstance(statement, f.Del):
        for target in statement.targets:
            if isinstance(target, f.Subscript) and isinstance(target.base, f.Name):
                yield target.base.path
            elif isinstance(target, f.Name):
                yield target.path
    for expression in traverse.own_expressions(statement):
        for node in traverse.walk(expression):
            if isinstance(node, f.Name) and node.path.rpartition(".")[2] in _EMPTYING:
                yield node.path.rpartition(".")[0]
            elif isinstance(node, f.Call):
                yield from _handed_over(node)


def _sliced(target: f.Subscript) -> bool:
    return any(isinstance(index, f.Slice) for index in target.index)


def _handed_over(call: f.Call) -> Iterator[str]:
    """Containers given to something that restores or empties them by its name."""
    if not isinstance(call.func, f.Name):
        return
    name = call.func.path.rpartition(".")[2]
    if name in _REPLACING or any(verb in name.lower() for verb in _EMPTYING_VERBS):
        yield from (arg.value.path for arg in call.args if isinstance(arg.value, f.Name))


def _replaced_names(statement: f.Stmt) -> Iterator[str]:
    """Names given as text to monkeypatch and mock.patch."""
    for expression in traverse.own_expressions(statement):
        for node in traverse.walk(expression):
            if isinstance(node, f.Call) and isinstance(node.func, f.Name) and _replaces(node.func.path):
                texts = (arg.value for arg in node.args if isinstance(arg.value, f.Text))
                yield from (text.value.rpartition(".")[2] for text in texts)


def _replaces(path: str) -> bool:
    return path.rpartition(".")[2] in _REPLACING


def _looped_over(path: str, enclosing: traverse.Enclosing) -> Iterator[str]:
    """The name itself, and what it stands for in ``for name in (A, B)``."""
    yield path
    for statement in enclosing:
        if (
            isinstance(statement, f.For)
            and isinstance(statement.target, f.Name)
            and statement.target.path == path
        ):
            yield from (node.path for node in traverse.walk(statement.iter) if isinstance(node, f.Name))
