"""What runs after a body: its tear-down methods by the real method resolution order, closing fixtures and hooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from memlint import facts as f
from memlint.analysis.project import Module
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import TEARDOWN, TEARDOWN_NAMES, Body, Suite
from memlint.analysis.traverse import calls, says, statements, words
from memlint.analysis.values import ClassValue, FunctionValue, Ref, Sequence, Value, text_of
from memlint.analysis.wrapping import wrapping
from memlint.knowledge.apis import CallEntry

_ANY = ("tearDown", "asyncTearDown", "teardown_method", "tearDownClass", "teardown_class")
_LETTING_GO = ("tearDown", "tearDownClass", "teardown_method", "teardown_class", "teardown")
_BEFORE = ("setUp", "asyncSetUp", "setup_method")
_LEAVING = {"__enter__": "__exit__", "__aenter__": "__aexit__"}
_CHILDREN = frozenset({"subprocess.Popen", "multiprocessing.Process"})
_HOOKS = frozenset(
    {"pytest_runtest_teardown", "pytest_runtest_call", "pytest_runtest_protocol", "pytest_runtest_logfinish"}
)
# pytest-mpl closes the figures of the tests that it compares
_CLOSED_BY_MARK = {"mpl_image_compare": frozenset({"matplotlib.pyplot.figure"})}
_OF_CLASS = re.compile(r"teardown(class|method|s)?", re.IGNORECASE)
_OF_MODULE = re.compile(r"teardown(module|modules|function)", re.IGNORECASE)
_PYTEST_ONLY = frozenset({"teardown_method", "teardown_class", "teardown"})
_MAX_BASES = 20  # a class that derives from itself, by mistake of ours or the suite's, must end


@dataclass(frozen=True, slots=True)
class Chain:
    """The methods of one name that a class runs, and those that it would run if one of them called on."""

    reached: tuple[Body, ...]
    unreached: tuple[Body, ...]
    stopped_by: Body | None  # None where a library's class ends the chain


class Teardowns:
    """Finds the bodies that run after another one."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.evaluator = suite.evaluator
        self._subclasses: dict[int, list[ClassValue]] = {}
        self._closers: dict[int, frozenset[str]] = {}

    # --- methods ----------------------------------------------------------------------------------------------------

    def after(self, body: Body, owner: ClassValue | None) -> list[Body]:
        """The tear-down functions that run after a set-up or test, for an instance of ``owner``."""
        names = TEARDOWN.get(body.function.name, _ANY)
        if owner is None:
            return [
                x for x in self.suite.of(body.module).bodies if x.owner is None and x.function.name in names
            ]
        runs = [name for name in names if name in _PYTEST_ONLY or self._is_unittest(owner)]
        found = [method for name in runs for method in self.chain(owner, name).reached]
        around = self.suite.autouse(body.module, owner)
        return found + [x.body for x in around if x.body.owner is not None and x.body is not body]

    def chain(self, owner: ClassValue, name: str) -> Chain:
        """The methods ``name`` of a class in the order in which ``super()`` reaches them."""
        reached: list[Body] = []
        unreached: list[Body] = []
        stopper: Body | None = None
        stopped = False
        for entry in self.linear(owner):
            if isinstance(entry, Ref):
                stopped = stopped or entry.name.rpartition(".")[2].endswith("TestCase")
                continue
            body = self._own(entry, name) if isinstance(entry, ClassValue) else None
            if body is None:
                continue
            if stopped:
                unreached.append(body)
                continue
            reached.append(body)
            if not self._calls_on(body, name):
                stopped, stopper = True, body
        return Chain(tuple(reached), tuple(unreached), stopper)

    def unreached(self, owner: ClassValue) -> list[tuple[Body, Body | ClassValue]]:
        """Tear-down methods of bases and mixins that never run, with what keeps each from it."""
        return [
            (body, chain.stopped_by or owner)
            for chain in (self.chain(owner, name) for name in _ANY)
            for body in chain.unreached
        ]

    def behind_test_case(self, owner: ClassValue) -> Iterator[tuple[str, Body]]:
        """Tear-down methods of mixins that stand behind TestCase in the bases, and that nothing calls by name."""
        for name in _ANY:
            chain = self.chain(owner, name)
            called = {word for body in chain.reached for word in body.function.mentions.split()}
            for body in chain.unreached if chain.stopped_by is None else ():
                if body.owner is None or body.owner.cls.name in called:
                    continue
                if not any(base.endswith("TestCase") for base in self.evaluator.external_bases(body.owner)):
                    yield name, body  # a test case of its own stands before the TestCase of which it is made

    def let_go(self, body: Body) -> frozenset[str]:
        """Attributes that a tear-down method of a set-up's class deletes or rebinds."""
        assert body.owner is not None
        names: set[str] = set()
        for name in _LETTING_GO:
            for method in self.chain(body.owner, name).reached:
                for statement, _ in statements(f.body_of(method.function)):
                    if isinstance(statement, (f.Del, f.Assign)):
                        names |= {
                            t.path.partition(".")[2] for t in statement.targets if isinstance(t, f.Name)
                        }
                    elif isinstance(statement, f.ExprStmt) and "delattr" in method.function.mentions:
                        names |= set(method.function.mentions.split())
        return frozenset(names - {""})

    def _own(self, cls: ClassValue, name: str) -> Body | None:
        value = self.evaluator.class_frame(cls).env.get(name)
        if not isinstance(value, FunctionValue):
            return None
        bodies = self.suite.of(value.module).bodies
        return next((body for body in bodies if body.function is value.function), None)

    @staticmethod
    def _calls_on(body: Body, name: str) -> bool:
        words = set(body.function.mentions.split())
        bases = (
            {base.path.rpartition(".")[2] for base in body.owner.cls.bases if isinstance(base, f.Name)}
            if body.owner
            else set()
        )
        return name in words and ("super" in words or not words.isdisjoint(bases))

    def linear(self, owner: ClassValue) -> list[Value]:
        """The method resolution order with library classes in their places."""
        out = list(self._up_from(owner, 0))
        last = {_identity(value): position for position, value in enumerate(out)}
        return [value for position, value in enumerate(out) if last[_identity(value)] == position]

    def _up_from(self, value: Value, depth: int) -> Iterator[Value]:
        """The value, its bases and theirs, leftmost first; one that several derive from several times."""
        yield value
        if isinstance(value, ClassValue) and depth < _MAX_BASES:
            for base in self.evaluator.bases(value):
                yield from self._up_from(base, depth + 1)

    def methods(self, owner: ClassValue) -> Iterator[Body]:
        """All methods of a class and of its bases in the project."""
        for cls in self.evaluator.mro(owner):
            for body in self.suite.of(cls.module).bodies:
                if body.owner is not None and body.owner.cls is cls.cls:
                    yield body

    def subclasses(self, owner: ClassValue) -> list[ClassValue]:
        """The test classes of the suite that derive from a class."""
        known = self._subclasses.get(id(owner.cls))
        if known is None:
            known = self._subclasses[id(owner.cls)] = list(self._find_subclasses(owner))
        return known

    def _find_subclasses(self, owner: ClassValue) -> Iterator[ClassValue]:
        heirs = frozenset(self.evaluator.relevance.heirs(owner.cls.name))
        for module in [m for m in self.suite.project.modules.values() if m.linted and m.path in heirs]:
            for cls in self.suite.of(module).classes:
                bases = list(self.evaluator.mro(cls))[1:]
                if any(base.cls is owner.cls for base in bases) and self.suite.is_test_class(cls):
                    yield cls

    # --- names that look like hooks ---------------------------------------------------------------------------------

    def lookalikes(self, module: Module, owner: ClassValue | None) -> Iterator[Body]:
        """Functions named almost like a tear-down hook, which nothing calls."""
        pattern = _OF_MODULE if owner is None else _OF_CLASS
        for body in self.suite.of(module).bodies:
            same = (
                body.owner is None
                if owner is None
                else body.owner is not None and body.owner.cls is owner.cls
            )
            name = body.function.name
            if same and pattern.fullmatch(name.replace("_", "")) and not self._is_hook(name, owner):
                others = [x for x in self.suite.of(module).bodies if x is not body]
                if body.role != "fixture" and not any(name in x.function.mentions.split() for x in others):
                    yield body

    def _is_hook(self, name: str, owner: ClassValue | None) -> bool:
        if owner is None:
            return name in TEARDOWN_NAMES or name == "teardown"
        return name in _PYTEST_ONLY or (self._is_unittest(owner) and name in TEARDOWN_NAMES)

    def _is_unittest(self, owner: ClassValue) -> bool:
        """Whether unittest's hooks run: for a TestCase, a mixin for one, and for what nobody can tell."""
        if not owner.cls.name.startswith("Test") or self.suite.is_unittest(owner):
            return True
        return any(
            name not in {"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"}
            for name in self.evaluator.external_bases(owner)
        )

    # --- closing everything -----------------------------------------------------------------------------------------

    def closed_around(self, body: Body) -> frozenset[str]:
        """Resources of which what runs around a body, or before the next test, releases all there are."""
        marks = {mark.name for mark in self.suite.marks(body)}
        by_marks = (_CLOSED_BY_MARK[name] for name in marks & _CLOSED_BY_MARK.keys())
        others = [
            *self.around(body),
            *self._around_tests_of(body),
            *self._before_the_next(body),
            *wrapping(self.suite, body),
            *self._leaving(body),
        ]
        by_others = (self._closes_all(other) for other in others)
        return frozenset().union(*by_marks, *by_others, self._by_managers(body), self._by_callers(body))

    def _before_the_next(self, body: Body) -> list[Body]:
        """The set-up methods of a test's class: what one test leaves, the next one's closes before it begins."""
        if body.owner is None or body.role != "test":
            return []
        return [method for name in _BEFORE for method in self.chain(body.owner, name).reached]

    def _leaving(self, body: Body) -> list[Body]:
        """``__exit__`` of a context manager whose ``__enter__`` the body is."""
        if body.owner is None or body.function.name not in _LEAVING:
            return []
        return list(self.chain(body.owner, _LEAVING[body.function.name]).reached[:1])

    def _by_callers(self, body: Body) -> frozenset[str]:
        """What each test of the module that a helper serves closes, or what closes it around them: ``_draw()``."""
        if body.role not in {"helper", "method"} or body.within is not None:
            return frozenset()
        name = body.function.name
        callers = [x for x in self.suite.of(body.module).bodies if says(x.function, name) and x is not body]
        if not callers or any(caller.role != "test" for caller in callers):
            return frozenset()
        return frozenset.intersection(*(self.closed_around(x) | self._closes_all(x) for x in callers))

    def _by_managers(self, body: Body) -> frozenset[str]:
        """What the suite's own context managers that the body enters release at their end."""
        entered = (
            site
            for site in self.suite.evaluate(body).sites
            if site.consumer == "with" and isinstance(site.callee, FunctionValue)
        )
        return _all_of(entry for site in entered for entry in _entries(site))

    def closed_by(self, method: FunctionValue) -> frozenset[str]:
        """Resources of which a method releases all there are: ``plt.close()`` in ``__exit__``."""
        frame = Frame(method.module, "", method.function, method.owner)
        called = calls(f.body_of(method.function))
        named = (
            self.suite.evaluator.call_site_names(node, frame)[0] for node, _, _ in called if not node.args
        )
        return _all_of(entry for name in named for entry in self.suite.evaluator.index.calls.get(name, ()))

    def _around_tests_of(self, body: Body) -> list[Body]:
        """The fixtures that the tests of a set-up method's class ask for: they run after it, and end after it."""
        if body.role != "setup" or body.owner is None:
            return []
        tests = (x for x in self.methods(body.owner) if x.function.name.startswith("test"))
        return list(
            {
                id(fixture.body): fixture.body for test in tests for fixture in self.suite.requested(test)
            }.values()
        )

    def around(self, body: Body) -> list[Body]:
        """The fixtures, tear-down functions and hooks that run around a body."""
        around = self.fixtures_around(body)
        if body.owner is not None:
            around += [method for name in _ANY for method in self.chain(body.owner, name).reached]
        for name in ("teardown_function", "teardown_module", "tearDownModule"):
            around += [
                x for x in self.suite.of(body.module).bodies if x.function.name == name and x.owner is None
            ]
        for conftest in self.suite.conftests(body.module):
            around += [x for x in self.suite.of(conftest).bodies if x.function.name in _HOOKS]
        return [other for other in around if other is not body]

    def fixtures_around(self, body: Body) -> list[Body]:
        """The bodies of all fixtures in reach, those too that other fixtures ask for."""
        pending = [*self.suite.autouse(body.module, self.suite.run_as(body)), *self.suite.requested(body)]
        out: list[Body] = []
        while pending:
            found = pending.pop().body
            if found not in out:
                out.append(found)
                pending += self.suite.requested(found)
        return out

    def _closes_all(self, body: Body) -> frozenset[str]:
        known = self._closers.get(id(body))
        if known is None:
            sites = self.suite.evaluate(body).sites
            known = _all_of(entry for site in sites for entry in _entries(site))
            known |= _all_of(entry for site in sites for entry in self._handed_on(site))
            said = words(body.function)
            if "children" in said and not said.isdisjoint({"kill", "terminate"}):
                known |= _CHILDREN  # ``for child in psutil.Process().children(): child.kill()``
            self._closers[id(body)] = known
        return known

    def _handed_on(self, site: Site) -> Iterator[CallEntry]:
        """What the tables say of a callable that a call is given: ``stack.callback(plt.close, "all")``."""
        starred = site.args.get("*")
        given = starred.items or () if isinstance(starred, Sequence) else ()
        named = [value.name for value in given if isinstance(value, Ref)]
        if any(not isinstance(value, Ref) and text_of(value) != "all" for value in given):
            return  # ``callback(plt.close, fig)``: one of them
        for name in named:
            yield from self.evaluator.index.calls.get(name, ())


def _all_of(entries: Iterable[CallEntry]) -> frozenset[str]:
    """The resources that some calls release wholly, every one there is."""
    return frozenset(
        entry.releases.removeprefix("all:")
        for entry in entries
        if entry.releases is not None and entry.releases.startswith("all:")
    )


def _entries(site: Site, depth: int = 0) -> Iterator[CallEntry]:
    """The table entries of a call and of those that the project's function makes in it."""
    yield from site.entries
    if depth < 3:
        for inner in site.inner:
            yield from _entries(inner, depth + 1)


def _identity(value: Value) -> object:
    return id(value.cls) if isinstance(value, ClassValue) else value
