"""MEM602 and MEM603: caches and containers that keep results of tests to the end of the session."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from memlint import facts as f
from memlint.analysis import expectations, traverse
from memlint.analysis.containers import Container, Filling
from memlint.analysis.keeping import containers, is_cache, kept_by_one_run, stored
from memlint.analysis.objects import bytes_of
from memlint.analysis.project import Module
from memlint.analysis.sites import Frame
from memlint.analysis.suite import Body, Fixture, ModuleSuite
from memlint.analysis.values import (
    ONE,
    Choice,
    Data,
    FunctionValue,
    Literal,
    Num,
    Obj,
    Ref,
    Sequence,
    Value,
)
from memlint.model import Confidence, Related
from memlint.rules.context import Context, Draft, as_estimate, estimate_of
from memlint.rules.registry import rule
from memlint.units import format_bytes

_UNBOUNDED = frozenset({"functools.cache"})
_BOUNDED_UNLESS_NONE = frozenset({"functools.lru_cache", "async_lru.alru_cache"})
_BULKY_KINDS = frozenset({"array", "frame", "series", "sparse", "tensor", "image"})
_BULKY_TYPES = frozenset(
    {"numpy.ndarray", "pandas.DataFrame", "pandas.Series", "torch.Tensor", "polars.DataFrame"}
)
_WEAK = frozenset({"ref", "proxy", "WeakMethod"})
_SCALARS = frozenset({"str", "int", "float", "bool"})
_WORTH_SAYING = 1 << 20  # bytes
_FIXTURE_ONCE = frozenset({"session", "package"})
_OF_MODULE = frozenset(
    {"setUpModule", "setup_module", "setup", "tearDownModule", "teardown_module", "teardown"}
)
_OF_CLASS = frozenset({"setUpClass", "setup_class", "tearDownClass", "teardown_class"})  # run once a class
_MODULE_ENDS = frozenset({"tearDownModule", "teardown_module", "teardown"})
_CLASS_ENDS = frozenset({"tearDownClass", "teardown_class", "asyncTearDownClass"})
# how a test counts who holds an object: it keeps one on purpose
_COUNTING = frozenset({"get_referrers", "get_referents", "getrefcount"})
_HOOKS_AT_THE_END = frozenset({"pytest_terminal_summary", "pytest_sessionfinish", "pytest_unconfigure"})
# hooks that run once a session, or whose parameters belong to pytest
_HOOKS_OF_TESTS = (
    "pytest_runtest_",
    "pytest_fixture_",
    "pytest_exception_interact",
    "pytest_pyfunc_call",
    "pytest_assertion_pass",
)


# --- MEM602 -----------------------------------------------------------------------------------------------


@rule("MEM602")
def unbounded_cache(body: Body, ctx: Context) -> Iterator[Draft]:
    """A decorator that keeps every result, on a function whose results are large."""
    if body.within is not None or body.role in {"test", "fixture"} or not body.function.params:
        return  # without a parameter it keeps one result
    for decorator, line in body.function.decorators:
        name = _cache_name(decorator, body, ctx)
        if name is None:
            continue
        result = _cached_result(body, ctx)
        if result is None or _cache_cleared(body, ctx):
            return
        what = f"every result of {body.function.name}() until the session ends"
        at = decorator.at if isinstance(decorator, f.Call) else (line, 1, line, 1)
        yield _cache_draft(f"{name} has no bound: it keeps {what}", at, result, ctx)
        return


def _cache_draft(message: str, at: f.Span, result: Value, ctx: Context) -> Draft:
    size = estimate_of(result)
    shown = f", {format_bytes(size.likely)} each" if size is not None and size.likely else ""
    advice = "Give the data a fixture of the scope it needs, or clear the cache in a fixture's teardown."
    return Draft("MEM602", at, message + shown, advice, estimate=size)


def _cache_name(decorator: f.Expr, body: Body, ctx: Context) -> str | None:
    """The decorator's name when it is a cache without a bound."""
    call = decorator if isinstance(decorator, f.Call) else None
    target = call.func if call is not None else decorator
    if not isinstance(target, f.Name):
        return None
    value = ctx.suite.evaluator.quiet_eval(target, Frame(body.module, "", where="decorator"))
    name = value.name if isinstance(value, Ref) else ""
    if name in _UNBOUNDED:
        return "cache"
    if call is None or name not in _BOUNDED_UNLESS_NONE:
        return None
    size = next(
        (
            arg.value
            for n, arg in enumerate(call.args)
            if arg.keyword == "maxsize" or (n == 0 and not arg.keyword)
        ),
        None,
    )
    return "lru_cache(maxsize=None)" if size == f.Const(None) else None


def _cached_result(body: Body, ctx: Context) -> Value | None:
    """A result that is worth a finding; what callers in the suite get counts too."""
    evaluator, limit = ctx.suite.evaluator, ctx.option("MEM602", "min-bytes")
    own = evaluator.outcome(body.function, ctx.suite.evaluate(body))
    if _bulky(own, limit):
        return own
    name = body.function.name
    for module in ctx.project.mentioning(name):
        if not module.linted:
            continue
        for caller in ctx.suite.of(module).bodies:
            if traverse.says(caller.function, name):
                for site in ctx.suite.evaluate(caller).sites:
                    callee = site.callee
                    if (
                        isinstance(callee, FunctionValue)
                        and callee.function is body.function
                        and _bulky(site.result, limit)
                    ):
                        return site.result
    return None


def _bulky(value: Value, limit: int) -> bool:
    """Whether a value is large, or an array or frame of a size that nobody knows."""
    if isinstance(value, Obj) and isinstance(value.type, str):
        return value.type in _BULKY_TYPES
    size = bytes_of(value)
    if size is not None and size.high != float("inf"):
        return size.high >= limit
    if isinstance(value, Sequence):
        return any(_bulky(item, limit) for item in value.items or (value.element,))
    return isinstance(value, Data) and value.kind in _BULKY_KINDS


def _cache_cleared(body: Body, ctx: Context) -> bool:
    """Whether any function of the suite names ``cache_clear`` of this function, or of an unknown one."""
    for module in ctx.project.mentioning("cache_clear"):
        for other in ctx.suite.of(module).bodies:
            if not traverse.says(other.function, "cache_clear"):
                continue
            frame = ctx.suite.evaluate(other)
            for name in traverse.names(f.body_of(other.function)):
                holder, _, attr = name.rpartition(".")
                if attr != "cache_clear":
                    continue
                value = ctx.suite.evaluator.quiet_eval(f.Name(holder), frame)
                if not isinstance(value, FunctionValue) or value.function is body.function:
                    return True
    return False


@rule("MEM602")
def dict_cache(suite: ModuleSuite, ctx: Context) -> Iterator[Draft]:
    """A module dict that functions look results up in and put large ones into."""
    found = containers(ctx.suite)
    reported: set[Container] = set()
    for body in suite.bodies:
        for filling in found.fillings(body):
            container = filling.container
            if (
                container in reported
                or container.key.path != suite.module.path
                or not is_cache(ctx.suite, filling, body)
            ):
                continue
            value = stored(ctx.suite, filling, body)
            if not _bulky(value, ctx.option("MEM602", "min-bytes")) or found.emptied(container):
                continue
            reported.add(container)
            message = f"'{container.key.name}' keeps every result that {body.function.name}() puts into it"
            draft = _cache_draft(message, (container.line, 1, container.line, 1), value, ctx)
            yield draft if draft.estimate is not None else replace(draft, confidence=Confidence.LOW)


# --- MEM603 -----------------------------------------------------------------------------------------------


@rule("MEM603")
def global_accumulator(body: Body, ctx: Context) -> Iterator[Draft]:
    """Something that a test, a fixture or a hook adds to a container which lives as long as the session."""
    confidence = _confidence(body, ctx)
    if confidence is None:
        return
    found = containers(ctx.suite)
    lines: set[int] = set()
    for filling in found.fillings(body):
        container = filling.container
        if filling.line in lines or is_cache(ctx.suite, filling, body) or found.emptied(container):
            continue
        if _is_weak(filling.element, body):
            continue
        lines.add(filling.line)
        each = kept_by_one_run(ctx.suite, filling, body)
        few = (
            _is_one_of_few(filling, body, ctx)
            or _is_filled_once(filling, body)
            or _is_asked_for_first(filling, body)
            or _is_put_in_place_of(filling, body, ctx)
            or _is_put_back(container, body)
            or (_is_one_place(filling, body) and not _weighs(each))
            or _is_told_at_the_end(container, ctx)
            or not _COUNTING.isdisjoint(traverse.words(body.function))
        )
        sure = Confidence.LOW if few else confidence
        cases = ctx.suite.cases(body) if body.role == "test" else ONE
        yield Draft(
            "MEM603",
            filling.at if filling.how != "+=" else (filling.line, 1, filling.line, 1),
            _message(filling, body, each, cases),
            "Let a fixture own the container, or empty it in an autouse fixture.",
            sure,
            estimate=as_estimate(each * cases) if each is not None and cases is not None else None,
            related=(
                Related(
                    container.key.path, container.line, f"'{container.key.name}' is made here, at import"
                ),
            ),
        )


def _is_weak(element: f.Expr | None, body: Body) -> bool:
    """``REFS.append(weakref.ref(engine))``, or a name that is bound to one: the engine itself is not kept."""
    if isinstance(element, f.Name):
        bound = [
            statement.value
            for statement, _ in traverse.statements(f.body_of(body.function))
            if isinstance(statement, f.Assign) and element in statement.targets
        ]
        element = bound[0] if len(bound) == 1 else None
    return isinstance(element, f.Call) and expectations.last_name(element.func) in _WEAK


def _is_filled_once(filling: Filling, body: Body) -> bool:
    """Whether a helper may have found before, and returned, that there is nothing to add: ``if done: return``."""
    return body.role == "helper" and any(
        isinstance(statement, f.Return) and statement.value is None and enclosing
        for statement, enclosing in traverse.statements(f.body_of(body.function))
        if statement.line < filling.line
    )


def _is_asked_for_first(filling: Filling, body: Body) -> bool:
    """``if name not in KNOWN: KNOWN.append(name)``, ``SCORES[task][model] = score``: each of them is there once.

    So is what goes beside it: ``if key not in LOADED: LOADED[key] = load(key); DEFAULTS[key] = …``.
    """
    name = filling.container.key.name
    for statement, enclosing in traverse.statements(f.body_of(body.function)):
        if statement.line != filling.line:
            continue
        targets = statement.targets if isinstance(statement, f.Assign) else ()
        if any(isinstance(t, f.Subscript) and isinstance(t.base, f.Subscript) for t in targets):
            return True
        keys = [t.index[0] for t in targets if isinstance(t, f.Subscript) and t.index]
        tests = (node for outer in enclosing if isinstance(outer, f.If) for node in traverse.walk(outer.test))
        return any(
            isinstance(node, f.Compare)
            and any(
                op == "not in" and (node.left in keys or expectations.last_name(side) == name)
                for op, side in node.rest
            )
            for node in tests
        )
    return False


def _is_put_in_place_of(filling: Filling, body: Body, ctx: Context) -> bool:
    """``UPDATE[TOPOLOGY] = new`` of a dict that is made with that very key."""
    made = ctx.project.modules[filling.container.key.path]
    keys = [
        key
        for statement in made.body
        if isinstance(statement, f.Assign) and statement.line == filling.container.line
        for key, _ in (statement.value.items if isinstance(statement.value, f.Mapping) else ())
    ]
    return any(
        isinstance(target, f.Subscript) and target.index[0] in keys
        for statement, _ in traverse.statements(f.body_of(body.function))
        if statement.line == filling.line
        for target in (statement.targets if isinstance(statement, f.Assign) else ())
    )


def _is_put_back(container: Container, body: Body) -> bool:
    """Whether a body saves what a mapping held, to put it back: ``former[key] = OPTIONS[key]``."""
    return any(
        isinstance(statement, f.Assign)
        and isinstance(statement.value, f.Subscript)
        and expectations.last_name(statement.value.base) == container.key.name
        and any(
            isinstance(target, f.Subscript) and target.index == statement.value.index
            for target in statement.targets
        )
        for statement, _ in traverse.statements(f.body_of(body.function))
    )


def _is_one_place(filling: Filling, body: Body) -> bool:
    """``FILES[self.path] = text``: each run puts it in the place of what the one before has put there."""
    keys = [
        target.index[0]
        for statement, _ in traverse.statements(f.body_of(body.function))
        if statement.line == filling.line
        for target in (statement.targets if isinstance(statement, f.Assign) else ())
        if isinstance(target, f.Subscript) and target.index
    ]
    return bool(keys) and all(
        isinstance(key, f.Name) and key.path.startswith(("self.", "cls.")) for key in keys
    )


def _weighs(each: Num | None) -> bool:
    size = as_estimate(each)
    return size is not None and size.likely >= _WORTH_SAYING


def _is_told_at_the_end(container: Container, ctx: Context) -> bool:
    """Whether the tear-down of the module or class, a hook or an exit function reads what was gathered, or another test
    checks all of it: a report of the tests, of which a part is no report.
    """
    name = container.key.name
    suite = ctx.suite.of(ctx.project.modules[container.key.path])
    return any(
        traverse.says(body.function, name) and (_comes_last(body, suite) or _checks(body, name))
        for body in suite.bodies
        if body is not ctx.body
    )


def _checks(body: Body, name: str) -> bool:
    """``assert SEEN == {"one", "two"}``, ``for key in self.SEEN: ...`` of another test: what was gathered is what it is
    about.
    """
    if body.function.name.startswith("test") and any(
        isinstance(statement, f.For) and expectations.last_name(statement.iter) == name
        for statement, _ in traverse.statements(f.body_of(body.function))
    ):
        return True
    return any(
        isinstance(node, f.Compare)
        and [op for op, _ in node.rest] == ["=="]
        and name in {expectations.last_name(side) for side in (node.left, node.rest[0][1])}
        for node in traverse.nodes(f.body_of(body.function))
    )


def _comes_last(body: Body, suite: ModuleSuite) -> bool:
    """Whether a body runs after all tests of its class, its module or the session."""
    name = body.function.name
    if body.owner is not None:
        return name in _CLASS_ENDS
    return body.role == "hook" or name in _MODULE_ENDS or name in _registered_at_exit(suite.module)


def _registered_at_exit(module: Module) -> Iterator[str]:
    """The functions that a module registers with ``atexit``."""
    if not traverse.says(module.facts, "atexit"):
        return
    for node, _, _ in traverse.calls(module.body):
        if node.func == f.Name("atexit.register"):
            yield from (arg.value.path for arg in node.args[:1] if isinstance(arg.value, f.Name))


def _is_one_of_few(filling: Filling, body: Body, ctx: Context) -> bool:
    """``DEVICES.add(device)`` of a text or number: a set holds each of them once, however many tests run."""
    element = filling.element
    if filling.how != "add" or element is None:
        return False
    annotated = {
        param.name for param in body.function.params if getattr(param.annotation, "path", "") in _SCALARS
    }
    if isinstance(element, f.Name) and element.path in annotated:
        return True
    value = ctx.suite.evaluator.quiet_eval(element, ctx.suite.evaluate(body))
    return isinstance(value, (Literal, Num, Choice))


def _message(filling: Filling, body: Body, each: Num | None, cases: Num | None) -> str:
    key = filling.container.key
    name = f"{key.cls}.{key.name}" if key.cls else key.name
    item = "every local of the function" if _is_locals(filling.element) else "what it is given"
    added = f"{body.function.name}() adds {_added(each, cases)}"
    return f"'{name}' keeps {item} until the session ends: {added}, nothing empties it"


def _added(each: Num | None, cases: Num | None) -> str:
    """What one run adds, and how often, where both are known and worth a word."""
    size = as_estimate(each)
    if size is None or size.likely < _WORTH_SAYING:
        return "to it"
    often = f" in each of {cases.high:.0f} cases" if cases is not None and 1 < cases.high < 1e6 else ""
    return format_bytes(size.likely) + often


def _is_locals(element: f.Expr | None) -> bool:
    return isinstance(element, f.Call) and element.func == f.Name("locals")


def _confidence(body: Body, ctx: Context) -> Confidence | None:
    """How sure it is that the body runs again and again; None when it does not."""
    root = ctx.suite.around(body) or body
    if root.role == "hook":
        told = any(x.function.name in _HOOKS_AT_THE_END for x in ctx.suite.of(root.module).bodies)
        sure = Confidence.LOW if told else Confidence.MEDIUM  # gathered for a report at the end
        return sure if root.function.name.startswith(_HOOKS_OF_TESTS) else None
    if root.role == "fixture":
        fixture = next((x for x in ctx.suite.of(root.module).fixtures.values() if x.body is root), None)
        once = fixture is not None and (fixture.scope in _FIXTURE_ONCE or _is_once_a_module(fixture))
        return Confidence.LOW if once else Confidence.MEDIUM
    if root.role in {"test", "setup", "teardown"}:
        once = root.function.name in (_OF_MODULE if root.owner is None else _OF_CLASS)
        return Confidence.LOW if once else Confidence.MEDIUM
    often = _named_by_tests(root, ctx) and not _is_decorator(root, ctx)
    return Confidence.MEDIUM if often else Confidence.LOW


def _is_decorator(body: Body, ctx: Context) -> bool:
    """A function that gives back what it is given, and that decorates: it runs while its module is imported."""
    params = [f.Name(param.name) for param in body.function.params]
    last = f.body_of(body.function)[-1:]
    if len(params) != 1 or not (last and isinstance(last[0], f.Return) and last[0].value == params[0]):
        return False
    own = ctx.suite.of(body.module)
    name = f.Name(body.function.name)
    decorators = [*(x.function.decorators for x in own.bodies), *(cls.cls.decorators for cls in own.classes)]
    return any(decorator == name for some in decorators for decorator, _ in some)


def _is_once_a_module(fixture: Fixture) -> bool:
    """Whether it runs once for the module that holds the container: a conftest's runs for each."""
    return fixture.scope == "module" and posixpath.basename(fixture.body.module.path) != "conftest.py"


def _named_by_tests(body: Body, ctx: Context) -> bool:
    """Whether tests of the module call a helper or hand it on: ``bus.subscribe(self.on_event)``."""
    name = body.function.name
    return any(
        other.role == "test" and traverse.says(other.function, name)
        for other in ctx.suite.of(body.module).bodies
    )


# --- locals() that live on ----------------------------------------------------------------------------------

_LOOKING = re.compile(
    r"(?i)format|render|eval|exec|query|substitute|print|debug|assert|log|dict|vars|repr|template"
)
# ``runctx(code, globals(), locals())``, ``assertRaises(NameError, eval, "x", locals())``
_WHERE_CODE_RUNS = (f.Name("globals"), f.Name("eval"), f.Name("exec"))


@rule("MEM603")
def locals_given_away(body: Body, ctx: Context) -> Iterator[Draft]:
    """``console.push(locals())``: every local of the test lives as long as what takes the mapping."""
    if body.role != "test" or not traverse.says(body.function, "locals"):
        return
    block = f.body_of(body.function)
    params = {param.name for param in body.function.params}
    made = {
        target.path
        for statement, _ in traverse.statements(block)
        if isinstance(statement, f.Assign)
        and isinstance(statement.value, f.Call)
        and any(
            isinstance(n, f.Name) and n.path.partition(".")[0] in params
            for n in traverse.walk(statement.value)
        )
        for target in statement.targets
        if isinstance(target, f.Name)
    }
    if any(isinstance(statement, f.Del) for statement, _ in traverse.statements(block)):
        return
    for node, _, _ in traverse.calls(block):
        if not isinstance(node.func, f.Name) or not any(
            _is_locals(arg.value) and not arg.star for arg in node.args
        ):
            continue
        first, _, method = node.func.path.partition(".")
        beside = [arg.value.func if isinstance(arg.value, f.Call) else arg.value for arg in node.args]
        if any(name in beside for name in _WHERE_CODE_RUNS):
            continue
        if method and first in params | made and not _LOOKING.search(method):
            message = (
                f"{node.func.path}() is given every local of the test, and may keep them as long as it lives"
            )
            advice = "Give it a dict of the names it needs, and delete them from it at the end of the test."
            yield Draft("MEM603", node.at, message, advice, Confidence.MEDIUM)
