"""Which functions of a suite no session of pytest runs: skipped, put out of the way, or called by nobody."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis.conditions import is_off, is_unused, skips_everywhere, skips_itself
from memlint.analysis.declarations import makes_fields
from memlint.analysis.expectations import last_name, last_part
from memlint.analysis.project import Module, Project
from memlint.analysis.project_resources import PLAIN_BASES
from memlint.analysis.sites import Frame
from memlint.analysis.suite import Body, Fixture, Suite
from memlint.analysis.traverse import blocks, names, nodes, own_expressions, says, walk, words
from memlint.analysis.values import ClassValue, Literal

COLLECTED = re.compile(r"test.*\.py\Z|.*_tests?\.py\Z", re.DOTALL)
_PATTERNS = ("test*.py", "*_test.py", "*_tests.py")  # the same for a glob
_TYPE_CHECK = re.compile(r"type_?check")
_BY_TEXT = frozenset({"getfixturevalue", "lazy_fixture", "lf", "fixture_ref"})
_FEWEST_TESTS = 12  # of a suite; a few may lie beside what asks for a fixture
_FEWEST_MODULES = 5  # of tests, of a suite
_PLAIN_TESTS = frozenset({*PLAIN_BASES, "unittest.TestCase", "unittest.IsolatedAsyncioTestCase"})
# a method of a test class that is no test, and that no runner calls
_UNCOLLECTED = re.compile(r"_test\Z|\A_(?!_)")
# methods of a TestCase that unittest itself calls (Lib/unittest/case.py)
_OF_TEST_CASES = re.compile(
    r"(?:run|runTest|debug|id|shortDescription|countTestCases|defaultTestResult|fail|doCleanups|doClassCleanups"
    r"|_call\w+|_addSkip|_formatMessage|_truncateMessage|assert\w+)\Z"
)
_PLAIN_DECORATORS = (f.Name("staticmethod"), f.Name("classmethod"))
_BEFORE_EACH = frozenset({"setUp", "asyncSetUp", "setup_method"})
_MANAGERS = frozenset({"contextmanager", "asynccontextmanager"})
_SKIPPING = frozenset({"skip", "unittest.skip", "unittest.case.skip"})


class Running:
    """What runs, and what nobody can reach."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.evaluator = suite.evaluator
        self._never: dict[Body, bool] = {}
        self._asked: dict[Body, bool] = {}
        self._at_import: dict[str, frozenset[str]] = {}
        self._left_alone: dict[str, bool] = {}
        self._broken: dict[str, bool] = {}  # by folder

    def never(self, body: Body) -> bool:
        """Whether no session runs a body."""
        if body not in self._never:
            waiting = body.role == "fixture"
            around = self.suite.around(body)
            self._never[body] = (
                self._is_asked_for_by_none(body)
                if waiting
                else self._is_kept_from_it(body)
                or self._serves_nobody(body)
                or (around is not None and self.never(around))
            )
        return self._never[body]

    def _is_asked_for_by_none(self, body: Body) -> bool:
        """Whether only tests that never run ask for a fixture of a module of tests."""
        module = body.module
        fixture = next((x for x in self.suite.of(module).fixtures.values() if x.body is body), None)
        if fixture is None or fixture.autouse or not self._is_of_tests(module):
            return False
        name = fixture.name
        if name in self.said_at_import(module) or self._is_imported_with(name, module):
            return False
        if says(module.facts, "getfixturevalue"):
            return False
        users = [x for x in self.suite.of(module).bodies if x is not body and says(x.function, name)]
        takers = [x for x in self.suite.of(module).bodies if any(p.name == name for p in x.function.params)]
        self._never[body] = True  # of fixtures that only ask for each other none runs
        return bool(takers) and all(map(self.never, {*users, *takers}))

    def is_asked_for(self, fixture: Fixture) -> bool:
        """Whether a test or fixture is seen to ask for a fixture, or may do so unseen: by a text, or in a file that was
        not read.
        """
        if fixture.body not in self._asked:
            self._asked[fixture.body] = fixture.autouse or self._may_be_asked_for(fixture)
        return self._asked[fixture.body]

    def _may_be_asked_for(self, fixture: Fixture) -> bool:
        home, project = fixture.body.module, self.suite.project
        read = [module for module in tuple(project.modules.values()) if module.linted]
        near = [
            home,
            *(module for module in read if says(module.facts, fixture.name)),
        ]  # most often one of these
        asked = any(self._asks_for(fixture, module) for module in dict.fromkeys([*near, *read]))
        return asked or not self._is_read_around(home)

    def is_named(self, body: Body) -> bool:
        """Whether something is seen to name a helper, or the class of a method, or may do so unseen."""
        function, owner, home = body.function, body.owner, body.module
        if (
            body.within is not None
            or body.role not in {"helper", "method"}
            or (owner is None and function.name.startswith("__"))
        ):
            return True
        if owner is not None and (owner.cls.decorators or self.suite.is_test_class(owner)):
            return True
        if owner is None and not all(map(_is_mark, (decorator for decorator, _ in function.decorators))):
            return True
        name = owner.cls.name if owner is not None else function.name
        said = [home] if says(home.facts, name) else []
        said += [other for other in self.suite.project.mentioning(name) if other is not home]
        return any(self._may_use(name, module, body) for module in said) or not self._is_read_around(home)

    def _may_use(self, name: str, module: Module, body: Body) -> bool:
        """Whether a module that says a name may use what goes by it: all but one whose tests, which never run, do, one
        where a program's own run alone does, and the function itself, which calls another one of its name.
        """
        stem = posixpath.basename(body.module.path).removesuffix(".py")
        bodies = self.suite.of(module).bodies
        bare = f" {name} " in f" {module.facts.mentions} "
        own = any(other.function.name == name and other.owner is None for other in bodies)
        if (
            module is not body.module
            and body.owner is None
            and not says(module.facts, stem)
            and (own or not bare)
        ):
            return False  # one of its own, or ``ax.plot()`` where nothing names the module of ``plot()``
        users = [other for other in bodies if says(other.function, name) and other is not body]
        if users or name in self.said_at_import(module):
            return name in self.said_at_import(module) or not all(map(self.never, users))
        programs = (isinstance(s, f.If) and _asks_for_main(s.test) for s in module.body)
        return not (
            any(programs) or (module is body.module and body.owner is None and says(body.function, name))
        )

    def _is_read_around(self, home: Module) -> bool:
        """Whether what is checked is a whole suite: what asks for something in one of its modules has been read."""
        read = [module for module in tuple(self.suite.project.modules.values()) if module.linted]
        tests = sum(body.role == "test" for module in read for body in self.suite.of(module).bodies)
        return tests >= _FEWEST_TESTS and all_read_below(home, self.suite.project)

    def _asks_for(self, fixture: Fixture, module: Module) -> bool:
        bodies = self.suite.of(module).bodies
        asking = (body for body in bodies if any(p.name == fixture.name for p in body.function.params))
        if any(self._may_get(fixture, body) for body in asking):
            return True
        if says(module.facts, "usefixtures") and any(
            fixture in self.suite.requested(body) for body in bodies
        ):
            return True
        return any(says(module.facts, word) for word in _BY_TEXT) and _has_text(fixture.name, module, bodies)

    def _may_get(self, fixture: Fixture, body: Body) -> bool:
        """Whether what asks for a fixture by its name may be given this one: one of a helper module, which nobody
        imports, and not one of its name that lies nearer.
        """
        home = posixpath.basename(fixture.body.module.path)
        if home == "conftest.py" or COLLECTED.match(home):
            return True  # also the tests that a class of the module inherits from another one
        found = [other for other in self.suite.requested(body) if other.name == fixture.name]
        return not found or any(other.body is fixture.body for other in found)

    def lies_between_tests(self, module: Module) -> bool:
        """Whether a folder holds a module and modules of tests, all of them read, of a suite of several: what lies
        apart may be found by its place.
        """
        tests = self._folders_of_tests()
        return (
            len(tests) >= _FEWEST_MODULES
            and module.folder in tests
            and all_read_below(module, self.suite.project)
        )

    def has_tests(self) -> bool:
        """Whether several modules of tests are checked, and not a few files alone."""
        return len(self._folders_of_tests()) >= _FEWEST_MODULES

    def _folders_of_tests(self) -> list[str]:
        """The folder of each module of tests that is checked."""
        return [
            module.folder
            for module in tuple(self.suite.project.modules.values())
            if module.linted and COLLECTED.match(posixpath.basename(module.path)) is not None
        ]

    def _is_kept_from_it(self, body: Body) -> bool:
        return (
            self._is_put_away(body)
            or self._is_unreached(body)
            or self._is_skipped(body)
            or self.is_broken(body.module.folder)
        )

    def is_broken(self, folder: str) -> bool:
        """Whether a package of tests imports test modules of its own that are gone: none of it can be imported."""
        if folder not in self._broken:
            init = self.suite.project.modules.get(posixpath.join(folder, "__init__.py"))
            imports = (s for s in (init.body if init is not None else ()) if isinstance(s, f.Import))
            named = [_own_module(node, folder) for node in imports]
            disk = self.suite.project.disk
            self._broken[folder] = any(
                name.startswith("test")
                and not disk.is_dir(posixpath.join(folder, name))
                and not disk.matches(posixpath.join(folder, f"{name}.*"))
                for name in named
            )
        return self._broken[folder]

    def _is_put_away(self, body: Body) -> bool:
        """Whether it is a test that was renamed so that nothing collects it, or a function that nothing names."""
        name = body.function.name
        others = (other for other in self.suite.of(body.module).bodies if other is not body)
        if name.startswith("_test") and not any(says(other.function, name) for other in others):
            return True
        return is_unused(body.function, body.within.function if body.within is not None else None)

    def _is_skipped(self, body: Body) -> bool:
        """Whether a mark without a condition keeps a test from running, or it is there for a type checker alone."""
        named = (d.path for d, _ in body.function.decorators if isinstance(d, f.Name))
        if any(map(_TYPE_CHECK.search, named)) or any(
            mark.name in _SKIPPING or (mark.name == "xfail" and mark.keywords.get("run") == Literal(False))
            for mark in self.suite.marks(body)
        ):
            return True
        if says(body.function, "skip") and skips_itself(
            body.function, self.evaluator, self.suite.evaluate(body)
        ):
            return True
        if body.owner is not None and (
            self._is_skipped_by_set_up(body.owner) or self._is_hidden(body.owner, body.module)
        ):
            return True
        decorators = [decorator for decorator, _ in body.function.decorators]
        for cls in self.evaluator.mro(body.owner) if body.owner is not None else ():
            decorators += [decorator for decorator, _ in cls.cls.decorators]
        return skips_everywhere(decorators, self.evaluator, Frame(body.module, "", where="decorator"))

    def _is_hidden(self, owner: ClassValue, module: Module) -> bool:
        """Whether a test class lies in the body of a TestCase, where no loader looks, and nothing else names it.

        pytest collects the functions of a TestCase alone (``UnitTestCase.collect``), unittest its methods.
        """
        name = owner.cls.name
        return (
            id(owner.cls) in self.suite.of(module).hidden
            and next(iter(self.suite.heirs(owner)), None) is None
            and all(other is module for other in self.suite.project.mentioning(name))
            and name not in self.said_at_import(module)
            and not any(says(body.function, name) for body in self.suite.of(module).bodies)
        )

    def _is_skipped_by_set_up(self, owner: ClassValue) -> bool:
        """Whether the set-up method of a class skips, whatever the test: ``def setUp(self): self.skipTest(...)``."""
        for cls in self.evaluator.mro(owner) if self.suite.is_test_class(owner) else ():
            for body in self.suite.of(cls.module).bodies:
                if body.role == "setup" and body.owner is not None and body.owner.cls is cls.cls:
                    if any(map(_skips_at_once, f.body_of(body.function))):
                        return True
                    if body.function.name in _BEFORE_EACH:
                        return False  # what a base class does is its matter
        return False

    # --- who calls it -----------------------------------------------------------------------------------------------

    def _is_unreached(self, body: Body) -> bool:
        if body.role not in {"helper", "method"}:
            return False
        return (
            self._is_called_by_nobody(body)
            or (body.role == "helper" and body.function.name.startswith("_debug"))
            or self._is_for_looking_at(body)
        )

    def _is_for_looking_at(self, body: Body) -> bool:
        """Whether people call it by hand: ``debug_fit()`` that nothing calls, calls behind a constant that is off."""
        name = body.function.name
        if any(module is not body.module for module in self.suite.project.mentioning(name)):
            return False
        users = [other.function for other in self.suite.of(body.module).bodies if says(other.function, name)]
        off = (is_off(name, user, self.evaluator, Frame(body.module, "")) for user in users)
        return all(off) if users else name.startswith("debug_") and name not in words(body.module.facts)

    def _is_called_by_nobody(self, body: Body) -> bool:
        """Whether a method of a class that stands on its own goes by a name that nothing in the project says.

        Also one of a test class that no loader takes for a test, for all that it is called: ``simple_test``.
        """
        name = body.function.name
        alone = self._is_of_a_lone_class(body) or (
            self._is_of_plain_tests(body)
            and _OF_TEST_CASES.match(name) is None
            and not says(body.module.facts, "getattr")
        )
        if name.startswith(("__", *self.suite.prefixes)) or not alone:
            return False
        if any(module is not body.module for module in self.suite.project.mentioning(name)):
            return False
        return name not in words(body.module.facts)

    def _serves_nobody(self, body: Body) -> bool:
        """Whether, in a module of tests, only what never runs itself names a function, or what runs as a script."""
        pending, seen = [body], set[Body]()
        while pending:
            user = pending.pop()
            if user in seen or (user is not body and self._is_kept_from_it(user)):
                continue
            if not self._is_run_by_callers_alone(user):
                return False
            seen.add(user)
            own = self.suite.of(user.module).bodies
            pending += [x for x in own if x is not user and says(x.function, user.function.name)]
        return True

    def _is_run_by_callers_alone(self, body: Body) -> bool:
        """Whether nothing but the functions of its module, each of them collected or seen, can call it."""
        function, module = body.function, body.module
        if body.role not in {"helper", "method"} or function.decorators or body.within is not None:
            return False
        of_tests = _UNCOLLECTED.search(function.name) is not None and self._is_of_plain_tests(body)
        if function.name.startswith("__") or not (
            of_tests or self._is_of_tests(module) or self._is_left_alone(module)
        ):
            return False
        alone = (
            self._is_of_a_lone_class(body) and "test" not in body.owner.cls.name.lower()
            if body.owner
            else True
        )
        if not (alone or of_tests):
            return False
        by_name = function.name in self.said_at_import(module)
        return not by_name and not self._is_imported_with(function.name, module)

    def _is_of_a_lone_class(self, body: Body) -> bool:
        """Whether it is a method that no library, no runner and no heir of its class calls."""
        owner = body.owner
        if owner is None or not all(d in _PLAIN_DECORATORS for d, _ in body.function.decorators):
            return False
        return all(map(self._stands_alone, (owner, *self.suite.heirs(owner))))

    def _is_of_plain_tests(self, body: Body) -> bool:
        """Whether it is a method of test classes alone that derive from no other library's."""
        owner = body.owner
        if owner is None or not all(d in _PLAIN_DECORATORS for d, _ in body.function.decorators):
            return False
        classes = (owner, *self.suite.heirs(owner))
        return all(
            self.suite.is_test_class(cls) and _PLAIN_TESTS.issuperset(self.evaluator.external_bases(cls))
            for cls in classes
        )

    def _stands_alone(self, cls: ClassValue) -> bool:
        """Whether no library and no runner calls the methods of a class."""
        plain = all(base in PLAIN_BASES for base in self.evaluator.external_bases(cls))
        inert = all(map(makes_fields, (decorator for decorator, _ in cls.cls.decorators)))
        return plain and inert and not self.suite.is_test_class(cls)

    def _is_of_tests(self, module: Module) -> bool:
        """Whether pytest collects a module, and finds tests in it."""
        if COLLECTED.match(posixpath.basename(module.path)) is None:
            return False
        return any(body.role == "test" for body in self.suite.of(module).bodies)

    def _is_left_alone(self, module: Module) -> bool:
        """Whether a module between tests holds nothing that pytest runs, is no script, and is named by no other one."""
        if module.path not in self._left_alone:
            folder, _, name = module.path.rpartition("/")
            stem = name.removesuffix(".py")
            self._left_alone[module.path] = (
                COLLECTED.match(name) is None
                and not stem.startswith(("__", "conftest"))
                and all(body.role in {"helper", "method"} for body in self.suite.of(module).bodies)
                and not any(isinstance(x, f.If) and _asks_for_main(x.test) for x in module.body)
                and all(other is module for other in self.suite.project.mentioning(stem))
                and any(
                    other.path.rpartition("/")[0] == folder and self._is_of_tests(other)
                    for other in list(self.suite.project.modules.values())
                )
            )
        return self._left_alone[module.path]

    def _is_imported_with(self, name: str, module: Module) -> bool:
        """Whether another module speaks of the name and of the module that defines it."""
        stem = posixpath.basename(module.path).removesuffix(".py")
        others = (other for other in self.suite.project.mentioning(name) if other is not module)
        return any(says(other.facts, stem) for other in others)

    def is_of_a_program(self, body: Body, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a helper runs only where its module is run as a program: under ``if __name__ == "__main__":``."""
        name, module = body.function.name, body.module
        if body.role != "helper" or body.within is not None or name in self.said_at_import(module):
            return False
        if name in seen or self._is_imported_with(name, module):
            return name in seen
        callers = [x for x in self.suite.of(module).bodies if x is not body and says(x.function, name)]
        programs = (s.body for s in module.body if isinstance(s, f.If) and _asks_for_main(s.test))
        started = any(name in path.split(".") for block in programs for path in names(block))
        return (started or bool(callers)) and all(self.is_of_a_program(x, seen | {name}) for x in callers)

    def said_at_import(self, module: Module) -> frozenset[str]:
        """The names that a module says outside of its functions, where it is imported and not run as a script."""
        if module.path not in self._at_import:
            self._at_import[module.path] = frozenset(_said(module.body))
        return self._at_import[module.path]


def _own_module(node: f.Import, folder: str) -> str:
    """The module of its own package that ``from .test_shop import *``, or the same in full, asks for; "" for none."""
    if not node.is_from or node.level > 1:
        return ""
    parts, around = node.module.split("."), folder.split("/")
    if node.level:
        return parts[0]
    ends = (end for end in range(len(parts) - 1, 0, -1) if parts[:end] == around[-end:])
    return next((parts[end] for end in ends), "")


def all_read_below(module: Module, project: Project) -> bool:
    """Whether every module of tests in the folder of a module, or below it, is being checked. A commit hook gives some
    files of a folder alone: what the others ask for or import is then unknown.
    """
    folder = f"{module.folder}/" if module.folder else ""
    found = (path for pattern in _PATTERNS for path in project.disk.matches(f"{folder}**/{pattern}"))
    return all(path in project.modules and project.modules[path].linted for path in found)


def _has_text(text: str, module: Module, bodies: list[Body]) -> bool:
    """Whether a module has a text among its expressions, or formats one that may be it where it asks by text."""
    blocks = (module.body, *(f.body_of(body.function) for body in bodies))
    decorators = (
        node for body in bodies for decorator, _ in body.function.decorators for node in walk(decorator)
    )
    said = [*decorators, *(node for block in blocks for node in nodes(block))]
    if any(isinstance(node, f.Text) and node.value == text for node in said):
        return True
    asking = [node for node in said if isinstance(node, f.Call) and last_part(node.func) in _BY_TEXT]
    plain = all(isinstance(arg.value, f.Text) for node in asking for arg in node.args)
    return not (asking and plain) and any(
        isinstance(node, f.FString) and _may_say(node, text) for node in said
    )


def _may_say(formatted: f.FString, text: str) -> bool:
    """Whether what is filled into ``f"{kind}_engine"`` may make it a text: what is written in it is part of that."""
    parts = (
        re.escape(part.value) if isinstance(part, f.Text) and isinstance(part.value, str) else ".*"
        for part in formatted.parts
    )
    return re.fullmatch("".join(parts), text) is not None


def is_asked_for(suite: Suite, fixture: Fixture) -> bool:
    """Whether a test or fixture asks for a fixture, or may do so unseen."""
    return suite.shared(Running).is_asked_for(fixture)


def is_named(suite: Suite, body: Body) -> bool:
    """Whether something names a helper, or the class of a method, or may do so unseen."""
    return suite.shared(Running).is_named(body)


def lies_between_tests(suite: Suite, module: Module) -> bool:
    """Whether a module lies among the modules of tests of a whole suite."""
    return suite.shared(Running).lies_between_tests(module)


def has_tests(suite: Suite) -> bool:
    """Whether several modules of tests are checked."""
    return suite.shared(Running).has_tests()


def is_broken(suite: Suite, module: Module) -> bool:
    """Whether the package of a module of tests cannot be imported."""
    return suite.shared(Running).is_broken(module.folder)


def never_runs(suite: Suite, body: Body) -> bool:
    """Whether no session runs a body of the suite."""
    return suite.shared(Running).never(body)


def is_of_a_program(suite: Suite, body: Body) -> bool:
    """Whether a helper runs only where its module is run as a program, in a process of its own."""
    return suite.shared(Running).is_of_a_program(body)


def said_at_import(suite: Suite, module: Module) -> frozenset[str]:
    """The names that a module says outside of its functions, where it is imported and not run as a script."""
    return suite.shared(Running).said_at_import(module)


def _skips_at_once(statement: f.Stmt) -> bool:
    """``self.skipTest("not yet")`` that stands on its own."""
    call = statement.value if isinstance(statement, f.ExprStmt) else None
    return isinstance(call, f.Call) and last_name(call.func) in {"skip", "skipTest"}


def _is_mark(decorator: f.Expr) -> bool:
    """``@pytest.mark.asyncio``, ``@contextmanager``, which register their function nowhere."""
    named = decorator.func if isinstance(decorator, f.Call) else decorator
    if not isinstance(named, f.Name):
        return False
    return named.path.startswith("pytest.mark.") or named.path.rpartition(".")[2] in _MANAGERS


def _said(block: tuple[f.Stmt, ...]) -> Iterator[str]:
    for statement in block:
        for expression in _read_at_import(statement):
            yield from _words_of(expression)
        if isinstance(statement, f.ClassDef):
            yield from _said(statement.cls.body)
        is_script = isinstance(statement, f.If) and _asks_for_main(statement.test)
        for part in blocks(statement)[1:] if is_script else blocks(statement):
            yield from _said(part)


def _read_at_import(statement: f.Stmt) -> Iterator[f.Expr]:
    """The expressions of a statement, a decorator and a default that are evaluated where it stands."""
    yield from own_expressions(statement)
    if isinstance(statement, f.FunctionDef):
        yield from (decorator for decorator, _ in statement.function.decorators)
        yield from (param.default for param in statement.function.params if param.default is not None)
    elif isinstance(statement, f.ClassDef):
        yield from (decorator for decorator, _ in statement.cls.decorators)
        yield from statement.cls.bases


def _words_of(expression: f.Expr) -> Iterator[str]:
    for node in walk(expression):
        if isinstance(node, f.Name):
            yield from node.path.split(".")
        elif isinstance(node, f.Attr):
            yield node.attr
        elif isinstance(node, f.Text):
            yield node.value


def _asks_for_main(test: f.Expr) -> bool:
    return isinstance(test, f.Compare) and test.left == f.Name("__name__")
