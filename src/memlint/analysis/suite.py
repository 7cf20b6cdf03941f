"""The suite as pytest and unittest see it: tests, fixtures, set-up methods, and what each test is given."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar
from typing import Literal as OneOf

from memlint import facts as f
from memlint.analysis import arithmetic
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.patching import names_replaced
from memlint.analysis.project import Module
from memlint.analysis.sites import Frame
from memlint.analysis.traverse import says
from memlint.analysis.values import (
    ONE,
    UNKNOWN,
    ClassValue,
    FunctionValue,
    Literal,
    Num,
    Obj,
    PathValue,
    Ref,
    Sequence,
    Value,
    join,
    product,
    text_of,
)

T = TypeVar("T")
Role = OneOf["test", "fixture", "setup", "teardown", "hook", "helper", "method"]
SCOPES = ("function", "class", "module", "package", "session")
SETUP = {
    "setUp": "function",
    "asyncSetUp": "function",
    "setup_method": "function",
    "setup": "function",
    "setUpClass": "class",
    "setup_class": "class",
    "setUpTestData": "class",
    "setUpModule": "module",
    "setup_module": "module",
    "setup_function": "function",
}
TEARDOWN = {
    "setUp": ("tearDown", "asyncTearDown", "tearDownClass", "teardown_method", "doCleanups"),
    "asyncSetUp": ("asyncTearDown", "tearDown"),
    "setup_method": ("teardown_method", "teardown", "teardown_class", "tearDown"),
    "setup": ("teardown", "teardown_method", "tearDown"),
    "setUpClass": ("tearDownClass",),
    "setUpTestData": ("tearDownClass",),
    "setup_class": ("teardown_class", "tearDownClass"),
    "setUpModule": ("tearDownModule", "teardown_module"),
    "setup_module": ("teardown_module", "tearDownModule"),
    "setup_function": ("teardown_function",),
}
TEARDOWN_NAMES = frozenset(name for names in TEARDOWN.values() for name in names)
_FIXTURE_NAMES = {
    "pytest.fixture",
    "pytest_asyncio.fixture",
    "pytest.yield_fixture",
    "anyio.pytest_plugin.fixture",
}
_UNITTEST = (
    "unittest.TestCase",
    "unittest.IsolatedAsyncioTestCase",
    "django.test.TestCase",
    "twisted.trial.unittest.TestCase",
)
BUILTIN_FIXTURES: dict[str, Value] = {
    "tmp_path": PathValue("tmp", ""),
    "tmpdir": PathValue("tmp", ""),
    "tmp_path_factory": Obj("pytest.TempPathFactory"),
    "tmpdir_factory": Obj("pytest.TempPathFactory"),
    "monkeypatch": Obj("pytest.MonkeyPatch"),
    "request": Obj("pytest.FixtureRequest"),
    "mocker": Obj("pytest_mock.MockerFixture"),
    "capsys": Obj("pytest.CaptureFixture"),
    "caplog": Obj("pytest.LogCaptureFixture"),
    "pytester": Obj("pytest.Pytester"),
    "testdir": Obj("pytest.Pytester"),
}


@dataclass(eq=False, slots=True)
class Mark:
    """A pytest mark on a test: its name and the values it was given."""

    name: str
    args: tuple[Value, ...]
    keywords: dict[str, Value]
    line: int
    nodes: tuple[f.Arg, ...] = ()


@dataclass(eq=False, slots=True)
class Body:
    """A function of test code, with its role in the suite."""

    function: f.Function
    module: Module
    role: Role
    owner: ClassValue | None = None
    outer: tuple[str, ...] = ()  # names of the enclosing class and functions of a nested one
    within: Frame | None = None  # the frame that a nested function closes over
    frame: Frame | None = None  # its evaluation, once asked for

    @property
    def symbol(self) -> str:
        """``TestX.test_y``."""
        parts = [*((self.owner.cls.name,) if self.owner else ()), *self.outer, self.function.name]
        return ".".join(parts)

    @property
    def nodeid(self) -> str | None:
        """The pytest node id without parameters; None for what is no test."""
        if self.role != "test":
            return None
        parts = [self.module.path, *((self.owner.cls.name,) if self.owner else ()), self.function.name]
        return "::".join(parts)


@dataclass(eq=False, slots=True)
class Fixture:
    """A pytest fixture."""

    name: str
    body: Body
    scope: str
    autouse: bool
    params: Sequence | None
    line: int

    @property
    def wide(self) -> bool:
        """Whether it outlives the test that asked for it."""
        return self.scope != "function"


@dataclass(eq=False, slots=True)
class ModuleSuite:
    """What one module defines."""

    module: Module
    bodies: list[Body] = field(default_factory=list)
    fixtures: dict[str, Fixture] = field(default_factory=dict)  # those of classes by ``TestX.name``
    classes: list[ClassValue] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)  # ids of those in the body of a TestCase


class Suite:
    """All of the suite, linked; evaluates a body when somebody asks for it."""

    def __init__(self, evaluator: Evaluator, python_functions: tuple[str, ...] = ("test",)) -> None:
        self.evaluator = evaluator
        self.project = evaluator.project
        self.prefixes = python_functions
        self._suites: dict[str, ModuleSuite] = {}
        self._values: dict[int, Value] = {}
        self._running: set[int] = set()
        self._nested: dict[int, list[Body]] = {}
        self._collected: dict[int, ClassValue] = {}  # a class that pytest collects, for each base of one
        self._conftests: dict[str, list[Module]] = {}
        self._reach: dict[tuple[str, int], list[dict[str, Fixture]]] = {}
        self._autouse: dict[tuple[str, int], tuple[Fixture, ...]] = {}
        self._requested: dict[Body, list[Fixture]] = {}
        self._marks: dict[Body, list[Mark]] = {}
        self._class_marks: dict[tuple[str, int], list[Mark]] = {}
        self._shared: dict[Callable[[Suite], Any], Any] = {}

    def shared(self, kind: Callable[[Suite], T]) -> T:
        """What ``kind`` makes of the suite: made once, for all who ask."""
        if kind not in self._shared:
            self._shared[kind] = kind(self)
        made: T = self._shared[kind]
        return made

    def let_go(self) -> None:
        """Take apart what was evaluated, when nobody asks any more: frames, sites and bodies name each other."""
        for body in [*self._bodies(), *(inner for found in self._nested.values() for inner in found)]:
            if body.frame is not None:
                body.frame.let_go()
                body.frame = None
        self.evaluator.let_go()
        for known in (self._suites, self._values, self._nested, self._reach, self._requested, self._marks):
            known.clear()
        self._shared.clear()

    def _bodies(self) -> Iterator[Body]:
        return (body for module in self._suites.values() for body in module.bodies)

    # --- modules ----------------------------------------------------------------------------------------------------

    def of(self, module: Module) -> ModuleSuite:
        """The tests, fixtures and classes of a module."""
        suite = self._suites.get(module.path)
        if suite is None:
            suite = ModuleSuite(module)
            self._suites[module.path] = suite
            frame = self.evaluator.module_frame(module)
            self._collect(module.body, frame, None, suite)
        return suite

    def _collect(
        self, body: tuple[f.Stmt, ...], frame: Frame, owner: ClassValue | None, suite: ModuleSuite
    ) -> None:
        for statement in body:
            if isinstance(statement, f.FunctionDef):
                self._collect_function(statement.function, frame, owner, suite)
            elif isinstance(statement, f.ClassDef):
                value = frame.env.get(statement.cls.name)
                if not isinstance(value, ClassValue) or value.cls is not statement.cls:
                    value = ClassValue(statement.cls, suite.module)
                suite.classes.append(value)
                if owner is not None and self.is_unittest(owner):
                    suite.hidden.add(id(value.cls))
                self._collect(statement.cls.body, self.evaluator.class_frame(value), value, suite)
            else:
                for name in ("body", "orelse", "final"):
                    inner = getattr(statement, name, None)
                    if isinstance(inner, tuple):
                        self._collect(inner, frame, owner, suite)

    def _collect_function(
        self, function: f.Function, frame: Frame, owner: ClassValue | None, suite: ModuleSuite
    ) -> None:
        fixture = self._fixture_mark(function, suite.module)
        role = "fixture" if fixture is not None else self._role(function, owner, suite.module)
        body = Body(function, suite.module, role, owner)
        suite.bodies.append(body)
        if fixture is not None:
            made = self._fixture(body, fixture)
            suite.fixtures[body.symbol if owner is not None else made.name] = made

    def _role(self, function: f.Function, owner: ClassValue | None, module: Module) -> Role:
        name = function.name
        if name in SETUP or name in TEARDOWN_NAMES:
            if owner is None and _asks_for_several(function):
                return "helper"  # ``setup(rank, world_size)``, which the suite's own workers call
            return "setup" if name in SETUP else "teardown"
        if name.startswith("pytest_"):
            return "hook"
        if name.startswith(self.prefixes) and (owner is None or self.is_test_class(owner)):
            return "test"
        return "helper" if owner is None else "method"

    def is_test_class(self, value: ClassValue) -> bool:
        """Whether pytest collects the class: ``Test*``, or a TestCase."""
        return value.cls.name.startswith("Test") or self.is_unittest(value)

    def inherited(self, value: ClassValue) -> Iterator[Body]:
        """The tests that pytest collects in a class because its bases define them, those it overrides left out."""
        seen: set[str] = set()
        for cls in self.evaluator.mro(value):
            for body in self.of(cls.module).bodies if cls.module.path in self.project.modules else ():
                if body.owner is None or body.owner.cls is not cls.cls or body.function.name in seen:
                    continue
                seen.add(body.function.name)
                if cls.cls is not value.cls and body.function.name.startswith(self.prefixes):
                    yield body

    def is_unittest(self, value: ClassValue) -> bool:
        """Whether the class is a unittest TestCase."""
        return any(
            name in _UNITTEST or name.endswith("TestCase") for name in self.evaluator.external_bases(value)
        )

    # --- fixtures ---------------------------------------------------------------------------------------------------

    def _fixture_mark(self, function: f.Function, module: Module) -> Mark | None:
        for decorator, line in function.decorators:
            call = decorator if isinstance(decorator, f.Call) else None
            target = call.func if call is not None else decorator
            if not isinstance(target, f.Name) or not target.path.endswith("fixture"):
                continue
            value = self.evaluator.eval(target, Frame(module, "", where="decorator"))
            if isinstance(value, Ref) and value.name in _FIXTURE_NAMES:
                return self._mark(value.name, call, line, module)
        return None

    def _mark(
        self, name: str, call: f.Call | None, line: int, module: Module, owner: ClassValue | None = None
    ) -> Mark:
        args: list[Value] = []
        keywords: dict[str, Value] = {}
        parent = self.evaluator.class_frame(owner) if owner is not None else None
        scratch = Frame(module, "", where="decorator", parent=parent)
        for arg in call.args if call is not None else ():
            value = self.evaluator.eval(arg.value, scratch)
            if arg.keyword is not None:
                keywords[arg.keyword] = value
            elif not arg.star:
                args.append(value)
        return Mark(name, tuple(args), keywords, line, call.args if call is not None else ())

    def _fixture(self, body: Body, mark: Mark) -> Fixture:
        name = text_of(mark.keywords.get("name", UNKNOWN)) or body.function.name
        scope = text_of(mark.keywords.get("scope", mark.args[0] if mark.args else UNKNOWN)) or "function"
        autouse = mark.keywords.get("autouse") == Literal(True)
        params = mark.keywords.get("params")
        return Fixture(name, body, scope, autouse, _as_sequence(params), mark.line)

    def fixture(self, name: str, module: Module, owner: ClassValue | None = None) -> Fixture | None:
        """The fixture that a test of this module and class is given under ``name``."""
        for candidate in self._fixture_sources(module, owner):
            found = candidate.get(name)
            if found is not None:
                return found
        return self._imported_fixture(name, module)

    def _fixture_sources(self, module: Module, owner: ClassValue | None) -> list[dict[str, Fixture]]:
        """The fixtures in reach of a module's tests and of a class, nearest first."""
        key = (module.path, id(owner.cls) if owner is not None else 0)
        if key not in self._reach:
            self._reach[key] = list(self._sources_of(module, owner))
        return self._reach[key]

    def _sources_of(self, module: Module, owner: ClassValue | None) -> Iterator[dict[str, Fixture]]:
        if owner is not None:
            for cls in self.evaluator.mro(owner):
                own = self.of(cls.module)
                yield {
                    x.name: x
                    for x in own.fixtures.values()
                    if x.body.owner is not None and x.body.owner.cls is cls.cls
                }
        yield {n: x for n, x in self.of(module).fixtures.items() if x.body.owner is None}
        for conftest in self.conftests(module):
            yield self.of(conftest).fixtures
            for plugin in self._plugins(conftest):
                yield self.of(plugin).fixtures
        for plugin in self._plugins(module):
            yield self.of(plugin).fixtures

    def conftests(self, module: Module) -> list[Module]:
        """The conftest modules above a module, nearest first."""
        folder = module.folder
        if folder not in self._conftests:
            self._conftests[folder] = list(self._conftests_above(folder))
        return [conftest for conftest in self._conftests[folder] if conftest is not module]

    def _conftests_above(self, folder: str) -> Iterator[Module]:
        while True:
            conftest = self.project.modules.get(posixpath.join(folder, "conftest.py"))
            if conftest is not None:
                yield conftest
            if not folder or folder == "/":
                return
            folder = posixpath.dirname(folder)

    def _plugins(self, module: Module) -> Iterator[Module]:
        named = self.evaluator.module_env(module).get("pytest_plugins")
        items = named.items if isinstance(named, Sequence) and named.items else (named,) if named else ()
        for item in items:
            name = text_of(item)
            found = self.project.find(name, module) if name else None
            if found is not None:
                yield found

    def _imported_fixture(self, name: str, module: Module) -> Fixture | None:
        for source in [module, *self.conftests(module)]:
            value = self.evaluator.member(source, name)
            if isinstance(value, FunctionValue):
                own = self.of(value.module).fixtures
                found = next((x for x in own.values() if x.body.function is value.function), None)
                if found is not None:
                    return found
        return None

    def autouse(self, module: Module, owner: ClassValue | None = None) -> tuple[Fixture, ...]:
        """The autouse fixtures in reach of a module's tests."""
        key = (module.path, id(owner.cls) if owner is not None else 0)
        known = self._autouse.get(key)
        if known is None:
            seen: dict[str, Fixture] = {}
            for source in self._fixture_sources(module, owner):
                for name, fixture in source.items():
                    if fixture.autouse:
                        seen.setdefault(name, fixture)
            known = self._autouse[key] = tuple(seen.values())
        return known

    def requested(self, body: Body) -> list[Fixture]:
        """The fixtures that a test or fixture asks for, by parameter or by ``usefixtures``."""
        known = self._requested.get(body)
        if known is None:
            known = self._requested[body] = self._find_requested(body)
        return known

    def _find_requested(self, body: Body) -> list[Fixture]:
        names = [param.name for param in body.function.params if param.default is None]
        for mark in self.marks(body):
            if mark.name == "usefixtures":
                names += [text for text in map(text_of, mark.args) if text]
        found = [self.fixture(name, body.module, body.owner) for name in names]
        return [fixture for fixture in found if fixture is not None and fixture.body is not body]

    def fixture_value(self, fixture: Fixture) -> Value:
        """What a fixture gives to a test."""
        key = id(fixture)
        if key not in self._values:
            self._values[key] = UNKNOWN  # a fixture that asks for itself, through others
            frame = self.evaluate(fixture.body)
            given = frame.yields or frame.returns
            self._values[key] = join(given) if given else UNKNOWN
        return self._values[key]

    # --- marks ------------------------------------------------------------------------------------------------------

    def marks(self, body: Body) -> list[Mark]:
        """All marks of a body: its own, its class's and its module's."""
        known = self._marks.get(body)
        if known is None:
            known = self._marks[body] = self._find_marks(body)
        return known

    def _find_marks(self, body: Body) -> list[Mark]:
        out = list(self._decorator_marks(body.function.decorators, body.module, body.owner))
        return out + self._marks_around(body.module, body.owner)

    def _marks_around(self, module: Module, owner: ClassValue | None) -> list[Mark]:
        """The marks that all tests of a class of a module have."""
        key = (module.path, id(owner.cls) if owner is not None else 0)
        known = self._class_marks.get(key)
        if known is None:
            known = []
            for cls in self.evaluator.mro(owner) if owner is not None else ():
                known += self._decorator_marks(cls.cls.decorators, cls.module, None)
                known += self._assigned_marks(cls.cls.body, cls.module)
            known += self._assigned_marks(module.body, module)
            self._class_marks[key] = known
        return known

    def _decorator_marks(
        self, decorators: tuple[tuple[f.Expr, int], ...], module: Module, owner: ClassValue | None
    ) -> Iterator[Mark]:
        for decorator, line in decorators:
            call = decorator if isinstance(decorator, f.Call) else None
            target = call.func if call is not None else decorator
            if not isinstance(target, f.Name):
                continue
            value = self.evaluator.eval(target, Frame(module, "", where="decorator"))
            name = value.name if isinstance(value, Ref) else value.type if isinstance(value, Obj) else ""
            if isinstance(name, str) and name.startswith("pytest.mark."):
                yield self._mark(name.removeprefix("pytest.mark."), call, line, module, owner)
            elif isinstance(name, str) and name:
                yield Mark(name, (), {}, line)

    def _assigned_marks(self, block: tuple[f.Stmt, ...], module: Module) -> Iterator[Mark]:
        """``pytestmark = pytest.mark.skip("not yet")``, or a list of such, of a module or class body."""
        for statement in block:
            if isinstance(statement, f.Assign) and f.Name("pytestmark") in statement.targets:
                value = statement.value
                marks = value.items if isinstance(value, f.Seq) else (value,) if value is not None else ()
                yield from self._decorator_marks(tuple((m, statement.line) for m in marks), module, None)

    def heirs(self, owner: ClassValue) -> Iterator[ClassValue]:
        """The classes of the project that derive from a class."""
        for path in self.evaluator.relevance.heirs(owner.cls.name):
            for cls in self.of(self.project.modules[path]).classes:
                if any(base.cls is owner.cls for base in islice(self.evaluator.mro(cls), 1, None)):
                    yield cls

    def parametrized(self, body: Body) -> list[tuple[tuple[str, ...], Value, Mark]]:
        """Argument names and values of every parametrize mark."""
        out = []
        for mark in self.marks(body):
            if mark.name != "parametrize":
                continue
            names = mark.args[0] if mark.args else mark.keywords.get("argnames", UNKNOWN)
            values = mark.args[1] if len(mark.args) > 1 else mark.keywords.get("argvalues", UNKNOWN)
            out.append((_argument_names(names), values, mark))
        return out

    def flags(self, body: Body) -> dict[str, bool]:
        """``close=True`` among the parameters of a test, which no parametrize mark names: no runner changes it."""
        given = (
            {name for names, _, _ in self.parametrized(body) for name in names} if body.role == "test" else ()
        )
        return {
            param.name: param.default.value
            for param in (body.function.params if body.role == "test" else ())
            if isinstance(param.default, f.Const)
            and isinstance(param.default.value, bool)
            and param.name not in given
        }

    def cases(self, body: Body) -> Num | None:
        """How many cases a test has by its parametrize marks and its fixtures' params; None when not known."""
        counts: list[Num] = []
        named: set[str] = set()
        for names, values, _ in self.parametrized(body):
            length = arithmetic.iterate(values).length
            if length is None:
                return None
            counts.append(length)
            named.update(names)
        params = [fixture.params for fixture in self.requested(body) if fixture.name not in named]
        counts.extend(given.length for given in params if given is not None and given.length is not None)
        return product(tuple(counts)) if counts else ONE

    # --- evaluation -------------------------------------------------------------------------------------------------

    def evaluate(self, body: Body) -> Frame:
        """The frame of a body's evaluation, with its parameters bound to what the suite gives it."""
        if body.frame is not None:
            return body.frame
        frame = Frame(body.module, body.symbol, body.function, body.owner, body.within)
        if body.within is not None:
            frame.mocked |= body.within.mocked
        body.frame = frame
        self._bind(body, frame)
        self.evaluator.run_body(body.function, frame)
        return frame

    def evaluate_with(self, body: Body, given: dict[str, Value]) -> Frame:
        """The frame of a further evaluation, in which some parameters have these values."""
        frame = Frame(body.module, body.symbol, body.function, body.owner, body.within)
        self._bind(body, frame)
        frame.env.update(given)
        self.evaluator.run_body(body.function, frame)
        return frame

    def around(self, body: Body) -> Body | None:
        """The function of the module or of a class that a nested function lies in; None for one that lies in none."""
        frame = body.within
        while frame is not None and frame.parent is not None:
            frame = frame.parent
        if frame is None:
            return None
        return next(
            (other for other in self.of(body.module).bodies if other.function is frame.function), None
        )

    def nested(self, body: Body) -> list[Body]:
        """The functions defined inside a body."""
        frame = self.evaluate(body)
        key = id(body)
        if key not in self._nested:
            outer = (*body.outer, *((body.owner.cls.name,) if body.owner else ()), body.function.name)
            self._nested[key] = [
                Body(value.function, body.module, "helper", None, outer, value.frame)
                for value in frame.nested
                if isinstance(value, FunctionValue)
            ]
        return self._nested[key]

    def _bind(self, body: Body, frame: Frame) -> None:
        params = body.function.params
        if id(body) not in self._running:
            self._running.add(id(body))
            frame.mocked |= names_replaced(body, self)
            self._running.discard(id(body))
        given = self._given(body)
        for position, param in enumerate(params):
            if position == 0 and body.owner is not None and param.name in {"self", "cls"}:
                frame.env[param.name] = self._instance(self._concrete(body))
            elif param.name in given:
                frame.env[param.name] = given[param.name]
            elif body.role in {"test", "fixture"} and param.default is None:
                frame.env[param.name] = self._fixture_given(param.name, body)
            elif param.default is not None:
                frame.env[param.name] = self.evaluator.eval(
                    param.default, Frame(body.module, "", where="default")
                )
            else:
                frame.env[param.name] = self.evaluator.annotated(param.annotation, frame)

    def run_as(self, body: Body) -> ClassValue | None:
        """The class for which pytest runs a method: of a mixin's, the first that it collects."""
        owner = body.owner
        if owner is None or self.is_test_class(owner):
            return owner
        return self._first_collected(owner)

    def _first_collected(self, owner: ClassValue) -> ClassValue:
        if id(owner.cls) not in self._collected:
            self._collected[id(owner.cls)] = self._collected_for(owner)
        return self._collected[id(owner.cls)]

    def _concrete(self, body: Body) -> ClassValue:
        """The class that runs a test: of a mixin's tests a class that pytest collects for it, by path and line."""
        owner = body.owner
        assert owner is not None
        if self.is_test_class(owner) or not body.function.name.startswith(self.prefixes):
            return owner
        own = self.evaluator.class_frame(owner).env.values()
        if any(isinstance(x, FunctionValue) and says(x.function, "NotImplementedError") for x in own):
            return owner  # each of its subclasses decides for itself
        return self._first_collected(owner)

    def _collected_for(self, owner: ClassValue) -> ClassValue:
        heirs = (cls for cls in self.heirs(owner) if cls.module.linted)
        return next(filter(self.is_test_class, heirs), owner)

    def _instance(self, owner: ClassValue) -> Obj:
        """``self`` of a test: with the attributes that its set-up methods give it."""
        key = id(owner.cls)
        known = self._values.get(key)
        if isinstance(known, Obj):
            return known
        made = Obj(owner)
        self._values[key] = made
        for cls in self.evaluator.mro(owner):
            for body in self.of(cls.module).bodies:
                if body.role == "setup" and body.owner is not None and body.owner.cls is cls.cls:
                    self.evaluate(body)
                    inner = self._values.get(id(cls.cls))
                    if isinstance(inner, Obj) and inner is not made:
                        made.attrs.update(inner.attrs)
        return made

    def _given(self, body: Body) -> dict[str, Value]:
        """Arguments by parametrize."""
        out: dict[str, Value] = {}
        if body.role != "test":
            return out
        for names, values, mark in self.parametrized(body):
            if mark.keywords.get("indirect", Literal(False)) != Literal(False):
                continue
            source = arithmetic.iterate(values)
            items = (
                values.items
                if isinstance(values, Sequence) and values.items is not None
                else (source.element,)
            )
            rows = items[:50]
            for position, name in enumerate(names):
                columns = [_column(row, position, len(names)) for row in rows]
                out[name] = join(columns)
        return out

    def _fixture_given(self, name: str, body: Body) -> Value:
        if body.role == "fixture" and name == "request":
            fixture = next((x for x in self.of(body.module).fixtures.values() if x.body is body), None)
            param = fixture.params.element if fixture is not None and fixture.params is not None else UNKNOWN
            return Obj("pytest.FixtureRequest", {"param": param})
        fixture = self.fixture(name, body.module, body.owner)
        if fixture is not None and fixture.body is not body:
            return self.fixture_value(fixture)
        return BUILTIN_FIXTURES.get(name, UNKNOWN)


def _as_sequence(value: Value | None) -> Sequence | None:
    """The parameters of a fixture, also when an iterator gives them."""
    if value is None or isinstance(value, Sequence):
        return value
    source = arithmetic.iterate(value)
    return Sequence("list", None, source.length, source.element) if source.length is not None else None


def _argument_names(value: Value) -> tuple[str, ...]:
    text = text_of(value)
    if text is not None:
        return tuple(name.strip() for name in text.split(",") if name.strip())
    if isinstance(value, Sequence) and value.items is not None:
        return tuple(text_of(item) or "" for item in value.items)
    return ()


def _column(row: Value, position: int, width: int) -> Value:
    if width == 1:
        return row.items[0] if isinstance(row, Sequence) and row.kind == "param" and row.items else row
    if isinstance(row, Sequence) and row.items is not None and position < len(row.items):
        return row.items[position]
    return UNKNOWN


def _asks_for_several(function: f.Function) -> bool:
    """Whether a function cannot be called with one argument or none, as pytest calls set-up functions of a module."""
    asked = [
        param
        for param in function.params
        if param.default is None and param.kind in {"positional", "keyword"}
    ]
    return len(asked) > 1
