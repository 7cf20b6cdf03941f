"""MEM204: test cases and generated examples by the thousand."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import arithmetic, traverse
from memlint.analysis.expectations import last_name
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import Body, Fixture, ModuleSuite
from memlint.analysis.values import Num, Obj, Ref, Sequence
from memlint.model import Confidence, Related
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule

_FIXTURES = 40  # parameters that a requested fixture may bring
_HUGE = 1_000_000  # elements: a strategy rarely comes near a smaller bound


@rule("MEM204")
def many_cases(suite: ModuleSuite, ctx: Context) -> Iterator[Draft]:
    """The parameters of a test multiply to thousands of cases."""
    least = ctx.option("MEM204", "min-cases")
    for body in suite.bodies:
        if body.role == "test" and _may_have(body, least):
            yield from _cases_of(body, least, ctx)


def _cases_of(body: Body, least: int, ctx: Context) -> Iterator[Draft]:
    marks = ctx.suite.parametrized(body)
    # what parametrize gives takes the place of a fixture's own parameters
    given = {name for names, _, _ in marks for name in names}
    asked = [fixture for fixture in ctx.suite.requested(body) if fixture.name not in given]
    fixtures = [fixture for fixture in asked if fixture.params is not None and 1 < _params(fixture) < least]
    known = [
        (mark, length)
        for _, values, mark in marks
        if (length := arithmetic.iterate(values).length) is not None
    ]
    factors = [length.high for _, length in known] + [_params(fixture) for fixture in fixtures]
    total = 1.0
    for factor in factors:
        total *= factor
    if not least <= total < float("inf"):
        return
    line = known[0][0].line or body.function.line if known else body.function.line
    parts = " × ".join(f"{factor:,.0f}" for factor in factors if factor > 1)
    counted = f" ({parts})" if len(factors) > 1 else ""
    related = tuple(
        Related(x.body.module.path, x.line, f"fixture '{x.name}' has {_params(x):,.0f} parameters")
        for x in fixtures
    )
    message = f"{total:,.0f} test cases{counted}: each keeps an item, a report and its parameters to the session's end"
    counts = [length for _, length in known] + [x.params.length for x in fixtures if x.params is not None]
    exact = all(count is not None and count.exact for count in counts)
    confidence = None if exact and not (fixtures and _is_marked_unseen(body, ctx)) else Confidence.LOW
    yield Draft(
        "MEM204",
        (line, 1, line, 1),
        message,
        "Sample, or test the pairs that matter.",
        confidence,
        related=related,
        symbol=body.symbol,
        nodeid=body.nodeid,
    )


def _is_marked_unseen(body: Body, ctx: Context) -> bool:
    """Whether a mark that nobody could read may give a fixture other parameters: ``@battery``, of a helper's making."""
    for decorator, _ in body.function.decorators:
        named = decorator.func if isinstance(decorator, f.Call) else decorator
        value = ctx.suite.evaluator.quiet_eval(named, Frame(body.module, "", where="decorator"))
        name = value.name if isinstance(value, Ref) else value.type if isinstance(value, Obj) else ""
        if not (isinstance(name, str) and name.startswith(("pytest.", "unittest."))):
            return True
    return False


def _may_have(body: Body, least: int) -> bool:
    """Whether the lists written in a test's own decorators leave it possible that it has so many cases."""
    total = 1
    named: set[str] = set()
    for decorator, _ in body.function.decorators:
        given = [arg.value for arg in decorator.args[:2]] if isinstance(decorator, f.Call) else []
        for values in given[1:]:
            if not isinstance(values, f.Seq):
                return True
            total *= max(1, len(values.items))
            if isinstance(given[0], f.Text):
                named.update(given[0].value.replace(",", " ").split())
    params = sum(param.default is None and param.name not in named for param in body.function.params)
    return total >= least or (params > 0 and total * _FIXTURES ** min(params, 3) >= least)


def _params(fixture: Fixture) -> float:
    length = fixture.params.length if fixture.params is not None else None
    return length.high if length is not None else 1


@rule("MEM204")
def many_parameters(fixture: Fixture, ctx: Context) -> Iterator[Draft]:
    """A fixture that alone makes thousands of cases of every test that asks for it."""
    count = _params(fixture)
    if not ctx.option("MEM204", "min-cases") <= count < float("inf"):
        return
    message = (
        f"fixture '{fixture.name}' has {count:,.0f} parameters: as many cases of every test that asks for it"
    )
    at = (fixture.line, 1, fixture.line, 1)
    yield Draft("MEM204", at, message, "Sample, or loop inside one test.")


def _decorates(site: Site, ctx: Context) -> bool:
    """Whether ``settings(…)`` stands above a test, or goes by a name that does: ``SLOW = settings(…)``, ``@SLOW``."""
    if site.where == "decorator":
        return True
    module = ctx.suite.of(ctx.module)
    bound = {
        target.path
        for statement in ctx.module.body
        if isinstance(statement, f.Assign) and statement.value is site.node
        for target in statement.targets
        if isinstance(target, f.Name)
    }
    shown = [
        *(body.function.decorators for body in module.bodies),
        *(c.cls.decorators for c in module.classes),
    ]
    return not bound or any(
        isinstance(decorator, f.Name) and decorator.path in bound
        for decorators in shown
        for decorator, _ in decorators
    )


def _is_for_a_profile(site: Site, ctx: Context) -> bool:
    """``settings.register_profile("thorough", max_examples=100_000)``: taken only by who loads that profile."""
    profiles: dict[str, list[f.Call]] = {"register_profile": [], "load_profile": []}
    for node, _, _ in traverse.calls(ctx.module.body):
        last = node.func.path.rpartition(".")[2] if isinstance(node.func, f.Name) else ""
        if last in profiles:
            profiles[last].append(node)
    loaded = [call.args[0].value for call in profiles["load_profile"] if call.args]
    return any(
        (call is site.node or any(arg.value is site.node for arg in call.args))
        and not any(call.args[0].value == name for name in loaded)
        for call in profiles["register_profile"]
    )


@rule("MEM204")
def many_examples(site: Site, ctx: Context) -> Iterator[Draft]:
    """A property test that asks for huge examples, or for very many."""
    if not site.name.startswith("hypothesis.") or _is_for_a_profile(site, ctx):
        return
    least = ctx.option("MEM204", "min-examples")
    for name, bound in (("max_examples", least), ("min_size", least), ("max_size", _HUGE)):
        value = site.args.get(name)
        if isinstance(value, Num) and max(bound, least) <= value.high < float("inf"):
            few = name == "max_examples" and (
                site.frame.function is not None  # of a search, which ends with what it finds
                or not _decorates(site, ctx)
                or _can_try_few(site, value.high, ctx)
            )
            message = f"{name}={value.high:,.0f}: hypothesis keeps what it has tried, and each example whole"
            yield Draft(
                "MEM204",
                site.at,
                message,
                "A few hundred examples of a few hundred elements find what there is.",
                Confidence.LOW if few else None,
            )
            return


def _can_try_few(site: Site, asked: float, ctx: Context) -> bool:
    """Whether a test draws only from so few values that they are all tried before as many examples are."""
    bodies = (
        body
        for body in ctx.suite.of(ctx.module).bodies
        if any(decorator is site.node for decorator, _ in body.function.decorators)
    )
    body = next(bodies, None)
    if body is None:
        return False
    drawn = [
        _values_of(arg.value, ctx)
        for decorator, _ in body.function.decorators
        if isinstance(decorator, f.Call) and last_name(decorator.func) == "given"
        for arg in decorator.args
    ]
    total = 1.0
    for count in drawn:
        if count is None:
            return False
        total *= count
    return bool(drawn) and total < asked


def _values_of(strategy: f.Expr, ctx: Context) -> float | None:
    """How many values a strategy may give: ``integers(2, 100)``, ``booleans()``, ``sampled_from(KINDS)``."""
    if not isinstance(strategy, f.Call):
        return None
    name = last_name(strategy.func)
    frame = Frame(ctx.module, "", where="decorator")
    values = [ctx.suite.evaluator.quiet_eval(arg.value, frame) for arg in strategy.args]
    if name == "booleans":
        return 2
    if name == "sampled_from" and values and isinstance(values[0], Sequence) and values[0].length is not None:
        return values[0].length.high
    if name == "integers" and len(values) == len("ab"):
        first, last = values
        return last.high - first.low + 1 if isinstance(first, Num) and isinstance(last, Num) else None
    return None
