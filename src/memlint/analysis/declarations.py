"""What a module defines and imports, by the words that mention it.

How a thing is reached decides what counts as a mention of it: a method as an attribute, a fixture as a parameter,
everything else as an attribute or by a bare name that may be a global of the module. So the keyword of ``f(a=1)`` is
no mention of a method ``a``. Words are written ``.attribute``, ``=parameter`` and ``name`` here.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from sys import intern
from typing import NamedTuple

from memlint import facts as f
from memlint.analysis import traverse

LARGE = 200  # a number from which on it may make a size large
WAYS = ("", ".", "=")  # by which something is mentioned: a bare name, an attribute, a parameter
# decorators of classes that call none of their methods
_FIELD_MAKERS = frozenset(
    {"dataclass", "define", "frozen", "mutable", "attrs", "s", "total_ordering", "final"}
)
# decorators under which a function is called by its own users, with arguments
_PLAIN_DECORATOR = re.compile(
    r"(?:^|\.)(?:property|setter|deleter|cached_property|classmethod|staticmethod|overload|abstractmethod|override"
    r"|wraps|contextmanager|asynccontextmanager|lru_cache|cache|cache_readonly|singledispatch|doc|final)$"
)
# methods that nobody calls by name
_UNASKED = frozenset(
    {
        "__init__",
        "__new__",
        "__post_init__",
        "__enter__",
        "__aenter__",
        "__call__",
        "__iter__",
        "__next__",
        "__getitem__",
    }
)


def is_plain_decorator(name: str) -> bool:
    """Whether a function under this decorator is called by its own users, or by pytest."""
    return name.startswith("pytest.") or _PLAIN_DECORATOR.search(name) is not None


class Definition(NamedTuple):
    """Something that others can reach. Its words are tuples: sets of them take most of what is kept of a module."""

    name: str
    reached_by: tuple[str, ...]  # the words that mention it
    words: tuple[str, ...]  # that it mentions itself
    large: bool = False
    owner: str = ""  # the class of a method


class Heir(NamedTuple):
    """A class with the last names in its bases, or another name for what may be one."""

    name: str
    bases: tuple[str, ...]
    is_class: bool


class Summary(NamedTuple):
    """All of that of one module."""

    definitions: tuple[Definition, ...]
    imports: tuple[f.Import, ...]
    classes: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]  # name, bases, methods
    outermost: array[int]  # lines of the functions that no other function holds
    bound: tuple[str, ...] | None  # bare names that may mean something global; None for any
    heritage: tuple[Heir, ...]


def summary_of(body: tuple[f.Stmt, ...], mentions: str, everywhere: frozenset[str]) -> Summary:
    """What a module defines and imports; the names in ``everywhere`` mean something global in any."""
    bound = _bound(body, mentions, everywhere)
    return Summary(
        tuple(_definitions(body, bound)),
        (*_imports(body), *_plugins(body)),
        tuple(_classes(body)),
        array("L", _outermost(body)),
        None if bound is None else _kept(bound),
        tuple(_heritage(body)),
    )


def _bound(body: tuple[f.Stmt, ...], mentions: str, everywhere: frozenset[str]) -> frozenset[str] | None:
    """The bare names that may mean something global: bound by the module, imported anywhere in it, or built in."""
    bound = set(_bindings(body))
    if "*" in bound:
        return None
    said = set(mentions.split())
    return frozenset(word for word in said if word in bound or word in everywhere or f".{word}" in said)


def _kept(words: Iterable[str]) -> tuple[str, ...]:
    """The different words, each kept once whatever the number of modules that say it."""
    return tuple(map(intern, dict.fromkeys(words)))


def forms(names: Iterable[str]) -> frozenset[str]:
    """The words that mention a global of one of these names."""
    return frozenset(f"{how}{name}" for name in names for how in ("", "."))


def words_of(function: f.Function, bound: frozenset[str] | None) -> set[str]:
    """What the function mentions of others: its own local names say nothing about a global of that name.

    ``bound`` holds the bare names that may mean something global; None for any.
    """
    params = {param.name for param in function.params}
    mentions = set(function.mentions.split())
    given = {f"={name}" for name in params & mentions} if _may_ask(function) else set()
    mentions -= set(function.binds) - params
    if bound is not None:
        mentions = {word for word in mentions if word.startswith(".") or word in bound}
    return mentions | given


def _may_ask(function: f.Function) -> bool:
    """Whether its parameters may be fixtures: those of a test, a fixture or a step, not of a plain function."""
    return function.name.startswith("test") or any(
        not _PLAIN_DECORATOR.search(target.path) if isinstance(target := _target(decorator), f.Name) else True
        for decorator, _ in function.decorators
    )


def _definitions(
    body: tuple[f.Stmt, ...], bound: frozenset[str] | None, owner: str | None = None
) -> Iterator[Definition]:
    """What others can call: functions under their own name, methods also under that of their class; no tests."""
    for statement in body:
        if isinstance(statement, f.Import):
            for local, name in statement.bindings:
                if local != name:
                    yield Definition(local, _kept(forms([local])), (name,))
        elif isinstance(statement, f.FunctionDef):
            function = statement.function
            if not function.name.startswith(("test", "__")):
                words = _kept(words_of(function, bound))
                large = function.largest >= LARGE
                yield Definition(function.name, _ways_to(function, owner), words, large, owner or "")
        elif isinstance(statement, f.ClassDef):
            name = statement.cls.name
            bases = (base.path.rpartition(".")[2] for base in statement.cls.bases if isinstance(base, f.Name))
            yield Definition(name, _kept(forms([name])), _kept(bases))
            yield _constructing(statement.cls, bound)
            yield from _definitions(statement.cls.body, bound, name)
        else:
            for inner in traverse.blocks(statement):
                yield from _definitions(inner, bound, owner)


def _constructing(cls: f.Class, bound: frozenset[str] | None) -> Definition:
    """What comes with an object of a class unasked: what makes, enters or walks it, and what that calls of its own."""
    methods = {function.name: function for function in functions_of(cls.body)}
    waiting = sorted(_UNASKED)
    sized = "__len__" in methods
    words: set[str] = set()
    large = False
    while waiting:
        function = methods.pop(waiting.pop(), None)
        if function is None:
            continue
        said = words_of(function, bound)
        words |= said
        large = large or function.largest >= LARGE or _may_never_end(function, sized)
        waiting += [name for name in methods if f".{name}" in said]
    return Definition(cls.name, _kept(forms([cls.name])), _kept(words), large)


def _may_never_end(function: f.Function, sized: bool) -> bool:
    """Whether walking an object by this method may not end; what takes items out of something sized ends with that."""
    takes_out = sized and any(word.startswith(".") for word in function.mentions.split())
    return function.name == "__next__" or (function.name == "__getitem__" and not takes_out)


def _ways_to(function: f.Function, owner: str | None) -> tuple[str, ...]:
    """The words that mention a function: a fixture is asked for by a parameter, a method is an attribute."""
    name = function.name
    if any(_is_fixture_mark(decorator) for decorator, _ in function.decorators):
        return _kept([f"={name}"])
    return _kept([f".{name}"] if owner is not None else forms([name]))


def makes_fields(decorator: f.Expr) -> bool:
    """Whether a decorator of a class makes fields or comparisons, and calls no method: ``@dataclass(frozen=True)``."""
    target = _target(decorator)
    return isinstance(target, f.Name) and target.path.rpartition(".")[2] in _FIELD_MAKERS


def _is_fixture_mark(decorator: f.Expr) -> bool:
    target = _target(decorator)
    return isinstance(target, f.Name) and target.path.endswith("fixture")


def _target(decorator: f.Expr) -> f.Expr:
    return decorator.func if isinstance(decorator, f.Call) else decorator


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


def functions_of(body: tuple[f.Stmt, ...]) -> Iterator[f.Function]:
    """The functions and methods of a module."""
    for statement in body:
        if isinstance(statement, f.FunctionDef):
            yield statement.function
        elif isinstance(statement, f.ClassDef):
            yield from functions_of(statement.cls.body)


def _classes(body: tuple[f.Stmt, ...]) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The classes of a module with the last names of their bases, and those of their methods."""
    for statement in body:
        if isinstance(statement, f.ClassDef):
            cls = statement.cls
            bases = (base.path.rpartition(".")[2] for base in cls.bases if isinstance(base, f.Name))
            methods = (inner.function.name for inner in cls.body if isinstance(inner, f.FunctionDef))
            yield cls.name, _kept(bases), _kept(methods)


def _heritage(body: tuple[f.Stmt, ...]) -> Iterator[Heir]:
    """Classes outside of functions with the last names in their bases, and the names given to what may be a class."""
    for statement in body:
        if isinstance(statement, f.ClassDef):
            cls = statement.cls
            named = (
                node.path for base in cls.bases for node in traverse.walk(base) if isinstance(node, f.Name)
            )
            yield Heir(cls.name, _kept(path.rpartition(".")[2] for path in named), True)
            yield from _heritage(cls.body)
        elif isinstance(statement, f.Import):
            for local, name in statement.bindings:
                if local != name:
                    yield Heir(local, (name,), False)
        elif isinstance(statement, f.Assign) and isinstance(statement.value, f.Name):
            base = _kept([statement.value.path.rpartition(".")[2]])
            for target in statement.targets:
                if isinstance(target, f.Name):
                    yield Heir(target.path, base, False)
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
