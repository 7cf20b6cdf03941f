"""How often a function runs for the tests: once for many of them, for one alone, or anew for each."""

from __future__ import annotations

import posixpath

from memlint import facts as f
from memlint.analysis.expectations import last_name
from memlint.analysis.suite import Body, Fixture
from memlint.analysis.traverse import says
from memlint.rules.context import Context

_KEEPING = frozenset({"cache", "lru_cache", "cached_property", "cached", "memoize", "memoized"})
_DEEPEST = 3  # callers of callers
_MANY = 2  # from here on it does not matter how many


def runs_once(body: Body | None, ctx: Context, depth: int = 0) -> bool:
    """Whether what a function makes is made once for many tests."""
    if body is None or body.within is not None or depth > _DEEPEST:
        return False
    if body.role == "fixture":
        fixture = ctx.within(body).fixture
        return fixture is not None and fixture.wide
    if body.role not in {"helper", "method"}:
        return False
    if any(_keeps_results(decorator) for decorator, _ in body.function.decorators):
        return True
    users = _users(body, ctx)
    return bool(users) and all(runs_once(user, ctx, depth + 1) for user in users)


def serves_tests(body: Body | None, ctx: Context, depth: int = 0) -> bool:
    """Whether a test, or what pytest runs around each, is seen to get to a function."""
    if (
        body is None
        or body.role in {"test", "fixture", "setup", "teardown", "hook"}
        or body.within is not None
    ):
        return True
    return depth <= _DEEPEST and any(serves_tests(user, ctx, depth + 1) for user in _users(body, ctx))


def runs_of(body: Body | None, ctx: Context, depth: int = 0) -> int:
    """How many times the tests of the suite run a function that keeps nothing: 0, 1, or 2 for more, or for unknown."""
    if body is None or body.within is not None or depth > _DEEPEST:
        return _MANY
    if body.role == "test":
        cases = ctx.suite.cases(body)
        classes = 1 + sum(1 for _ in ctx.suite.heirs(body.owner)) if body.owner is not None else 1
        return min(_MANY, classes * int(min(cases.high, _MANY))) if cases is not None else _MANY
    if body.role == "fixture":
        fixture = ctx.within(body).fixture
        if fixture is None or fixture.autouse or fixture.params is not None:
            return _MANY
        users = requesting(fixture, ctx)
    elif body.role == "setup" and body.owner is not None:
        if any(True for _ in ctx.suite.heirs(body.owner)):
            return _MANY
        methods = ctx.suite.of(body.module).bodies
        users = [other for other in methods if other.role == "test" and other.owner is body.owner]
    elif body.role in {"helper", "method"}:
        users = _users(body, ctx)
    else:
        return _MANY
    return min(_MANY, sum(runs_of(user, ctx, depth + 1) for user in users))


def requesting(fixture: Fixture, ctx: Context) -> list[Body]:
    """The tests and fixtures that ask for a fixture."""
    return [
        user
        for module in ctx.project.mentioning(fixture.name)
        for user in ctx.suite.of(module).bodies
        if any(asked is fixture for asked in ctx.suite.requested(user))
    ]


def _keeps_results(decorator: f.Expr) -> bool:
    return last_name(decorator.func if isinstance(decorator, f.Call) else decorator) in _KEEPING


def _users(body: Body, ctx: Context) -> list[Body]:
    """The functions that name a function: of its module, and of those that speak of its module too."""
    name, module = body.function.name, body.module
    stem = posixpath.basename(module.path).removesuffix(".py")
    modules = (m for m in ctx.project.mentioning(name) if m is module or says(m.facts, stem))
    bodies = (other for found in modules for other in ctx.suite.of(found).bodies)
    return [other for other in bodies if other is not body and says(other.function, name)]
