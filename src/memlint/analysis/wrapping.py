"""What is put around tests when they are defined: by decorators, a metaclass, or ``__init_subclass__`` of a base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memlint import facts as f
from memlint.analysis.sites import Frame
from memlint.analysis.suite import Body, Suite
from memlint.analysis.values import ClassValue, FunctionValue

_RUNNING_TESTS = frozenset(
    {"run", "__call__", "_callTestMethod"}
)  # methods of TestCase that run one of its tests
_MAKING = frozenset({"__new__", "__init__", "__init_subclass__"})
_DEEPEST = 2  # functions that a wrapping one calls, and those that these call


def wrapping(suite: Suite, body: Body) -> list[Body]:
    """The functions of the project that run around a test because of how it, or its class, is defined."""
    if body.role != "test":
        return []
    found: list[Body] = []
    _gather(suite, _starting(suite, body), found, 0)
    return found


def _starting(suite: Suite, body: Body) -> Iterator[Body]:
    yield from _decorating(suite, body, body.function.decorators)
    classes = list(suite.evaluator.mro(body.owner)) if body.owner is not None else []
    made_by = [metaclass for cls in classes if (metaclass := _metaclass(suite, cls)) is not None]
    for cls in classes:
        yield from _decorating(suite, body, cls.cls.decorators)
        yield from _methods(
            suite, cls, {"__init_subclass__", *(_RUNNING_TESTS if suite.is_unittest(cls) else ())}
        )
    for metaclass in made_by:
        yield from _methods(suite, metaclass, _MAKING)
    if made_by:  # which may wrap each test in a call of any method of its bases
        for cls in classes[1:]:
            yield from _methods(suite, cls, None)


def _metaclass(suite: Suite, cls: ClassValue) -> ClassValue | None:
    if cls.cls.metaclass is None:
        return None
    value = suite.evaluator.quiet_eval(cls.cls.metaclass, Frame(cls.module, ""))
    return value if isinstance(value, ClassValue) else None


def _decorating(suite: Suite, body: Body, decorators: Iterable[tuple[f.Expr, int]]) -> Iterator[Body]:
    frame = Frame(body.module, "", where="decorator")
    for decorator, _ in decorators:
        made_by = decorator.func if isinstance(decorator, f.Call) else decorator
        value = suite.evaluator.quiet_eval(made_by, frame)
        if isinstance(value, FunctionValue):
            yield from _body_of(suite, value)


def _methods(suite: Suite, cls: ClassValue, names: Iterable[str] | None) -> Iterator[Body]:
    for other in suite.of(cls.module).bodies:
        own = other.owner is not None and other.owner.cls is cls.cls
        if own and (names is None or other.function.name in names):
            yield other


def _gather(suite: Suite, bodies: Iterable[Body], found: list[Body], depth: int) -> None:
    """Add functions, those that they define, and those of the project that they call."""
    for body in bodies:
        if body in found:
            continue
        found.append(body)
        found += [inner for inner in suite.nested(body) if inner not in found]
        if depth < _DEEPEST:
            called = (site.callee for site in suite.evaluate(body).sites)
            inner_bodies = (
                x for value in called if isinstance(value, FunctionValue) for x in _body_of(suite, value)
            )
            _gather(suite, list(inner_bodies), found, depth + 1)


def _body_of(suite: Suite, value: FunctionValue) -> Iterator[Body]:
    return (body for body in suite.of(value.module).bodies if body.function is value.function)
