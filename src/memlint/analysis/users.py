"""Those who ask for a fixture, or call a method of an object: whether they release what it has acquired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from memlint import facts as f
from memlint.analysis.branching import passed_in
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.obligations import Obligation
from memlint.analysis.project import Module
from memlint.analysis.sites import Site
from memlint.analysis.traverse import calls, names, nested_functions, says, statements, words
from memlint.analysis.values import ClassValue, FunctionValue, Literal, Obj, Value

if TYPE_CHECKING:
    from memlint.analysis.lifetimes import Debt
    from memlint.analysis.suite import Body, Fixture, Suite


def are_released_by_users(debt: Debt, suite: Suite) -> bool:
    """Whether all that ask for a fixture release what it gives them, or what they get from its factory."""
    if debt.how not in {"factory", "yielded", "returned"}:
        return False
    fixtures = suite.of(debt.body.module).fixtures.values()
    fixture = next((x for x in fixtures if x.body is debt.body), None)
    name = fixture.name if fixture is not None else debt.body.function.name
    users = [
        user
        for module in filter(is_linted, suite.project.mentioning(name))
        for user in suite.of(module).bodies
        if user is not debt.body
        and any(param.name == name for param in user.function.params)
        and (fixture is None or suite.fixture(name, module, user.owner) is fixture)
    ]
    releases = {part.rpartition(".")[2] for group in debt.obligation.resource.release for part in group}
    if debt.how == "factory":
        if fixture is not None:
            users = [user for user in users if name in names(f.body_of(user.function))]
            if not users:
                return _is_asked_for(fixture, suite)  # and never called: nothing is acquired
        return bool(users) and all(_releases_what(name, user, releases) for user in users)
    ended = are_named([name], debt.obligation)
    ending = [
        user
        for user in users
        if not ended.isdisjoint(names(f.body_of(user.function))) or _is_entered_in(user, name, suite)
    ]
    if any(user.role == "fixture" for user in ending):
        return True  # ``session``, which disposes the ``engine`` that it asks for
    of_one_test = debt.obligation.connected or (fixture is not None and not fixture.wide)
    return of_one_test and bool(users) and len(ending) == len(users)


def _is_asked_for(fixture: Fixture, suite: Suite) -> bool:
    """Whether a test takes a fixture, which it need not mention otherwise."""
    return any(
        user.role == "test" and any(asked is fixture for asked in suite.requested(user))
        for module in list(suite.project.modules.values())
        if is_linted(module)
        for user in suite.of(module).bodies
    )


def are_released_by_tests(debt: Debt, methods: Iterable[Body]) -> bool:
    """Whether each test of a class lets go of what its set-up method keeps in ``self``."""
    tests = [method for method in methods if method.role == "test"]
    ended = are_named([debt.place], debt.obligation)
    return bool(tests) and all(not ended.isdisjoint(names(f.body_of(test.function))) for test in tests)


def is_ended_in_class(function: f.Function, ended: set[str]) -> bool:
    """Whether a class within a function calls one of these releases: ``class Serving(Thread)`` in its ``run()``."""
    classes = (statement.cls for statement in f.body_of(function) if isinstance(statement, f.ClassDef))
    methods = (s.function for cls in classes for s in cls.body if isinstance(s, f.FunctionDef))
    return any(
        name == one
        or (name.startswith(f"{one.rpartition('.')[0]}.") and name.endswith(f".{one.rpartition('.')[2]}"))
        for method in methods
        for name in names(f.body_of(method))
        for one in ended
    )


def are_named(holders: Iterable[str], obligation: Obligation) -> set[str]:
    """Its releases as they are called by the names that hold it: ``link.close``."""
    releases = {name.rpartition(".")[2] for group in obligation.resource.release for name in group}
    return {f"{holder}.{release}" for holder in holders for release in releases}


def _releases_what(name: str, user: Body, releases: set[str]) -> bool:
    return not releases.isdisjoint(words(user.function)) or _enters(user.function, name)


def all_switch_off(body: Body, at: f.Span, suite: Suite) -> bool:
    """Whether all that is seen to run what stands at a place of a function says False to the parameter above it.

    ``if plot: plt.figure()`` in a helper that all tests call with ``plot=False``; in a test with ``plot=False``, to
    which no runner gives anything else; in a helper that such a test calls under its ``if plot:`` alone.
    """
    return _is_left_off(body, at, suite, frozenset())


def _is_left_off(body: Body, at: f.Span, suite: Suite, seen: frozenset[int]) -> bool:
    if id(body) in seen or body.role not in {"helper", "test"}:
        return False
    function = body.function
    tests = {
        outer.test.path
        for node, _, around in calls(f.body_of(function))
        if node.at == at
        for outer in around
        if isinstance(outer, f.If) and isinstance(outer.test, f.Name) and _has_call(outer.body, at)
    }
    if body.role == "test":
        return any(not flag and name in tests for name, flag in suite.flags(body).items())
    switches = [param.name for param in function.params if param.name in tests]
    called = [
        (caller, node)
        for module in suite.project.mentioning(function.name)
        for caller in suite.of(module).bodies
        if says(caller.function, function.name)
        for node, _, _ in calls(f.body_of(caller.function))
        if isinstance(node.func, f.Name) and node.func.path.rpartition(".")[2] == function.name
    ]
    return bool(called) and all(
        _says_no(node, switches, function, caller, suite)
        or _is_left_off(caller, node.at, suite, seen | {id(body)})
        for caller, node in called
    )


def _says_no(node: f.Call, switches: list[str], function: f.Function, caller: Body, suite: Suite) -> bool:
    given = passed_in(node, function)
    frame = suite.evaluate(caller)
    values = (given.get(switch) for switch in switches)
    return any(
        value is not None and suite.evaluator.quiet_eval(value, frame) == Literal(False) for value in values
    )


def _has_call(block: tuple[f.Stmt, ...], at: f.Span) -> bool:
    return any(node.at == at for node, _, _ in calls(block))


def given_by_all(body: Body, suite: Suite) -> frozenset[str]:
    """The parameters with a default that every call which is seen gives a value of its own; none without a call."""
    function = body.function
    name = body.owner.cls.name if body.owner is not None and function.name == "__init__" else function.name
    placed = [param.name for param in function.params if param.kind == "positional"]
    placed = placed[bool(placed) and placed[0] in {"self", "cls"} :]
    given = [
        {arg.keyword for arg in node.args} | set(placed[: sum(not arg.keyword for arg in node.args)])
        if not any(arg.star for arg in node.args)
        else set[str]()
        for module in suite.project.mentioning(name)
        for caller in suite.of(module).bodies
        if says(caller.function, name)
        for node, _, _ in calls(f.body_of(caller.function))
        if isinstance(node.func, f.Name) and node.func.path.rpartition(".")[2] == name
    ]
    defaulted = {param.name for param in function.params if param.default is not None}
    return frozenset(defaulted.intersection(*given)) if given else frozenset()


def is_option_left_off(made: Site, body: Body, suite: Suite) -> bool:
    """Whether a method makes something for those alone who ask its class for it, and the body does not.

    ``if self.histogram: self._draw(rows)`` of a class whose constructor has ``histogram=False``.
    """
    owner, function = made.frame.owner, made.frame.function
    if not isinstance(owner, ClassValue) or function is None:
        return False
    methods = [
        statement.function
        for cls in suite.evaluator.mro(owner)
        for statement in cls.cls.body
        if isinstance(statement, f.FunctionDef)
    ]
    left_off = {
        f.Name(f"self.{param.name}")
        for method in methods
        if method.name == "__init__"
        for param in method.params
        if param.default == f.Const(False) and not says(body.function, param.name)
    }
    asked = [
        any(isinstance(outer, f.If) and outer.test in left_off for outer in around)
        for method in methods
        for node, _, around in calls(f.body_of(method))
        if node.func == f.Name(f"self.{function.name}")
    ]
    return bool(asked) and all(asked)


def ends_its_own(obligation: Obligation, method: str, evaluator: Evaluator) -> bool:
    """``assertRaises(OSError, handler.remove)``, of a class of the project whose ``remove`` closes first."""
    cls = obligation.site.callee
    member = evaluator.class_member(cls, method, None) if isinstance(cls, ClassValue) else None
    if not isinstance(member, FunctionValue):
        return False
    return any(says(member.function, name) for group in obligation.resource.release for name in group)


def _is_entered_in(user: Body, name: str, suite: Suite) -> bool:
    """``with client:``, and ``ask(client)`` of a function of the project that does so: ``with client as client:``."""
    if _has_entered(user.function, name):
        return True
    frame = suite.evaluate(user)
    for node, _, _ in calls(f.body_of(user.function)):
        if not any(arg.value == f.Name(name) for arg in node.args):
            continue
        callee = suite.evaluator.quiet_eval(node.func, frame)
        if isinstance(callee, FunctionValue) and any(
            given == f.Name(name) and _has_entered(callee.function, param)
            for param, given in passed_in(node, callee.function).items()
        ):
            return True
    return False


def _has_entered(function: f.Function, name: str) -> bool:
    return any(manager == f.Name(name) for manager in _managers(function))


def _enters(function: f.Function, name: str) -> bool:
    """``async with connect() as connection:``, ``async with await connect() as connection:``."""
    return any(
        isinstance(manager, f.Call) and manager.func == f.Name(name) for manager in _managers(function)
    )


def _managers(function: f.Function) -> Iterator[f.Expr]:
    """What the with statements of a function enter, those of the functions in it too."""
    for one in (function, *nested_functions(f.body_of(function))):
        for statement, _ in statements(f.body_of(one)):
            for manager, _ in statement.items if isinstance(statement, f.With) else ():
                yield manager.value if isinstance(manager, f.Await) else manager


def comes_from_fixture(value: Value | None, body: Body, suite: Suite) -> bool:
    """Whether a fixture of the body's own scope gives it, or gives an object that holds it."""
    env = suite.evaluate(body).env
    given = [env.get(fixture.name) for fixture in suite.requested(body) if not fixture.wide]
    return any(
        one is value or (isinstance(one, Obj) and any(part is value for part in one.attrs.values()))
        for one in given
        if one is not None
    )


def is_linted(module: Module) -> bool:
    """Whether the run judges the module."""
    return module.linted


def are_all_named(obligation: Obligation, attr: str, methods: Iterable[Body]) -> bool:
    """Whether methods that mention the attribute call a release of every group, those of pipes left aside."""
    said = {
        name.removeprefix(f"self.{attr}.")
        for method in methods
        for name in names(f.body_of(method.function))
        if name.startswith(f"self.{attr}.")
    }
    groups = [group for group in obligation.resource.release if not any(n.startswith("std") for n in group)]
    return bool(groups) and all(not said.isdisjoint(group) for group in groups)
