"""MEM7: budgets and markers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.footprint import LEAST, Footprint, Parts, footprints, of_frame, total
from memlint.analysis.sites import Frame
from memlint.analysis.suite import Body, Mark
from memlint.analysis.values import UNKNOWN, FunctionValue, Num, Ref, Sequence, Value, join
from memlint.model import Budget, Confidence, Estimate, Related
from memlint.rules.context import BEYOND_BELIEF, Context, Draft
from memlint.rules.devices import speaks_of_accelerator
from memlint.rules.registry import rule
from memlint.rules.rows import frames_by_row, is_of_a_loops_rows
from memlint.units import format_bytes

# a callable that skips or refuses a test on machines with too little memory, by its name
_GUARD = re.compile(
    r"(?i)^_*(?:require|need|check|ensure|skip|big|large|huge|limit|high|enough|has)\w*mem|mem\w*_(?:guard|required|needed)$"
)
# a mark or decorator that says by its name that a test is no light one
_HEAVY = re.compile(
    r"(?i)slow|large|huge|heavy|stress|expensive|nightly|long_?run|high_?mem|(?<![a-z])big(?![a-z])|bigmem"
)
_OTHERS = ("pytest.", "mark.", "mock.", "patch", "unittest.")  # decorators whose texts mean something else
_GUARD_WORD = re.compile(r"(?i)mem")
_UNITS = {
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "bytes": 1,
    "nbytes": 1,
}
_KNOWN_PARAMETERS = {"requires_memory": "free_bytes", "check_free_memory": "free_mb"}


@rule("MEM701")
def heavy_test_unmarked(body: Body, ctx: Context) -> Iterator[Draft]:
    """A test over the project's own budget; or over the general one, where no marker and no guard announces it.

    What a journal says that the test added is believed before the prediction.
    """
    if body.role != "test":
        return
    need = _need(body, ctx)
    own = ctx.budget(body.module.path, _names_of_marks(body, ctx))
    if own is not None:
        yield from _over_own_budget(body, need, own, ctx)
        return
    budget = ctx.option("MEM701", "budget")
    if need.size.likely <= budget or _announced(body, ctx):
        return
    unmarked = None if need.measured else _without_marked_rows(body, ctx)
    if unmarked is not None:
        need = _Need(footprints(ctx.suite).of_test_as(body, unmarked))
    if need.size.likely <= budget or (need := _in_its_rows(body, need, ctx)).size.likely <= budget:
        return
    marker = ctx.markers[0] if ctx.markers else "memory_intensive"
    yield _over(
        body,
        need,
        ctx,
        f"the budget of {format_bytes(budget)}, and no marker says so",
        f"Make the data smaller, or mark it: @pytest.mark.{marker}.",
    )


def _in_its_rows(body: Body, need: _Need, ctx: Context) -> _Need:
    """What the heaviest row of its parameters makes a test hold, where rows are known."""
    if need.measured is not None or _without_marked_rows(body, ctx) is not None:
        return need
    for frames in frames_by_row(body, ctx):
        held = (of_frame(frame, body.function, ctx.project.disk) for frame in frames)
        rows = [_Need(footprints(ctx.suite).of_test_as(body, own)) for own in held]
        need = min(max(rows, key=_likely), need, key=_likely)  # of equal ones the row, whose figure is exact
    return need


def _likely(need: _Need) -> int:
    return need.size.likely


@dataclass(frozen=True, slots=True)
class _Need:
    """What a test holds at one time: by its parts, or as it was measured."""

    parts: Parts
    measured: int | None = None  # bytes

    @property
    def size(self) -> Estimate:
        return total(self.parts) if self.measured is None else Estimate.exact(self.measured)


def _need(body: Body, ctx: Context) -> _Need:
    measured = ctx.measured.get(body.nodeid or "")
    matters = ctx.suite.evaluator.relevance.matters(body.function, body.module)
    parts = footprints(ctx.suite).of_test(body) if matters or measured is None else ()
    return _Need(parts, measured)


def _is_founded(body: Body, need: _Need, ctx: Context) -> bool:
    """Whether a prediction is to be believed: it is possible, and most of it is made in code of the suite.

    A range that a loop takes from several rows is no evidence: its figure may belong to none of them.
    """
    own = [
        part
        for part in need.parts
        if not _is_of_product(part.path, ctx)
        and not (part.bytes.low < part.bytes.likely and is_of_a_loops_rows(body.function, part.line))
    ]
    if speaks_of_accelerator(body, ctx):
        return False  # which of the two memories it fills is not known
    return need.size.likely < BEYOND_BELIEF and 2 * total(tuple(own)).likely >= need.size.likely


def _is_of_product(path: str, ctx: Context) -> bool:
    module = ctx.project.modules.get(path)
    return module is not None and module.is_product


def _over(body: Body, need: _Need, ctx: Context, what: str, suggestion: str) -> Draft:
    verb = "is predicted to hold" if need.measured is None else "was measured to add"
    size = format_bytes(need.size.likely)
    return Draft(
        "MEM701",
        (body.function.line, 1, body.function.line, 1),
        f"'{body.function.name}' {verb} {size} at one time, over {what}",
        suggestion,
        confidence=None if need.measured is not None or _is_founded(body, need, ctx) else Confidence.LOW,
        estimate=need.size,
        related=_related(need.parts),
    )


def _over_own_budget(body: Body, need: _Need, budget: Budget, ctx: Context) -> Iterator[Draft]:
    """A budget that the project sets by itself holds whatever the test's markers say."""
    if need.size.likely <= budget.bytes:
        return
    of = f"the marker {budget.name}" if budget.is_marker else budget.name
    yield _over(
        body,
        need,
        ctx,
        f"the budget of {format_bytes(budget.bytes)} for {of} ({budget.origin})",
        "Make the data smaller, move the test to where it may be heavy, or raise the budget on purpose.",
    )


def _names_of_marks(body: Body, ctx: Context) -> frozenset[str]:
    return frozenset(mark.name.rpartition(".")[2] for mark in ctx.suite.marks(body))


def _related(parts: Parts) -> tuple[Related, ...]:
    heaviest = sorted(parts, key=lambda part: -part.bytes.likely)[:3]
    return tuple(
        Related(part.path, part.line, f"{format_bytes(part.bytes.likely)} by {part.text}")
        for part in heaviest
    )


# --- markers ----------------------------------------------------------------------------------------------


def _announced(body: Body, ctx: Context) -> bool:
    names = _names_of_marks(body, ctx) | set(_decorators(body))
    names |= set(_texts_of_decorators(body))
    if names & set(ctx.markers) or any(_GUARD.search(name) or _HEAVY.search(name) for name in names):
        return True
    return any(True for _ in _guards(body, ctx)) or _skipped_for_memory(body) or _marked_by_hook(body, ctx)


def _decorators(body: Body) -> Iterator[str]:
    """The last names of the decorators of a test and its class: the suite's own ``@slow`` is a marker too."""
    decorators = [*body.function.decorators, *(body.owner.cls.decorators if body.owner is not None else ())]
    for decorator, _ in decorators:
        target = decorator.func if isinstance(decorator, f.Call) else decorator
        if isinstance(target, f.Name):
            yield target.path.rpartition(".")[2]


def _texts_of_decorators(body: Body) -> Iterator[str]:
    """What decorators other than pytest's are told: ``@runs_if_extra("slow")``."""
    for decorator, _ in body.function.decorators:
        func = decorator.func if isinstance(decorator, f.Call) else None
        if isinstance(decorator, f.Call) and isinstance(func, f.Name) and not func.path.startswith(_OTHERS):
            yield from (arg.value.value for arg in decorator.args if isinstance(arg.value, f.Text))


def _skipped_for_memory(body: Body) -> bool:
    """A skip whose condition or reason speaks of memory, or of a test that is no light one: ``skipif(SKIP_LARGE)``."""
    decorators = [*body.function.decorators, *(body.owner.cls.decorators if body.owner is not None else ())]
    for decorator, _ in decorators:
        if (
            isinstance(decorator, f.Call)
            and isinstance(decorator.func, f.Name)
            and "skip" in decorator.func.path
        ):
            texts = [
                n.value if isinstance(n, f.Text) else n.path
                for n in traverse.walk(decorator)
                if isinstance(n, (f.Text, f.Name))
            ]
            if any("mem" in text.lower() or _HEAVY.search(text) for text in texts):
                return True
    return _skips_for_memory(body)


def _skips_for_memory(body: Body) -> bool:
    """``pytest.skip("not enough memory")`` in the test itself."""
    if not traverse.says(body.function, "skip") and not traverse.says(body.function, "skipTest"):
        return False
    return any(
        isinstance(node.func, f.Name)
        and node.func.path.rpartition(".")[2] in {"skip", "skipTest"}
        and any("mem" in part.value.lower() for part in traverse.walk(node) if isinstance(part, f.Text))
        for node, _, _ in traverse.calls(f.body_of(body.function))
    )


def _marked_by_hook(body: Body, ctx: Context) -> bool:
    """A collection hook in reach that adds one of the markers."""
    for module in [body.module, *ctx.suite.conftests(body.module)]:
        for hook in ctx.suite.of(module).bodies:
            if hook.role == "hook" and traverse.says(hook.function, "add_marker"):
                block = f.body_of(hook.function)
                named = {name.rpartition(".")[2] for name in traverse.names(block)}
                texts = {
                    a.value.value
                    for call, _, _ in traverse.calls(block)
                    for a in call.args
                    if isinstance(a.value, f.Text)
                }
                if (named | texts) & set(ctx.markers):
                    return True
    return False


def _without_marked_rows(body: Body, ctx: Context) -> Footprint | None:
    """The test's own footprint without the parametrize rows that carry a marker; None when no row does."""
    given: dict[str, Value] = {}
    for names, values, mark in ctx.suite.parametrized(body):
        plain = _unmarked(values, mark, ctx)
        if plain is None:
            continue
        for position, name in enumerate(names):
            given[name] = join([_column(row, position, len(names)) for row in plain]) if plain else UNKNOWN
    if not given:
        return None
    return of_frame(ctx.suite.evaluate_with(body, given), body.function, ctx.project.disk)


def _unmarked(values: Value, mark: Mark, ctx: Context) -> list[Value] | None:
    nodes = mark.nodes[1].value if len(mark.nodes) > 1 else None
    items = values.items if isinstance(values, Sequence) else None
    if not isinstance(nodes, f.Seq) or items is None or len(items) != len(nodes.items):
        return None
    plain = [row for row, node in zip(items, nodes.items, strict=True) if not _row_marked(node, ctx)]
    return plain if len(plain) < len(items) else None


def _row_marked(node: f.Expr, ctx: Context) -> bool:
    if not isinstance(node, f.Call):
        return False
    marks = next((arg.value for arg in node.args if arg.keyword == "marks"), None)
    if marks is None:
        return False
    names = {n.path.rpartition(".")[2] for n in traverse.walk(marks) if isinstance(n, f.Name)}
    return not names.isdisjoint(ctx.markers) or any(_HEAVY.search(name) for name in names)


def _column(row: Value, position: int, width: int) -> Value:
    if isinstance(row, Sequence) and row.items is not None and (row.kind == "param" or width > 1):
        return row.items[position] if position < len(row.items) else UNKNOWN
    return row


# --- guards -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Guard:
    name: str
    line: int
    at: f.Span
    asked: Num | None  # bytes; None when they cannot be read off


@rule("MEM702")
def guard_too_low(body: Body, ctx: Context) -> Iterator[Draft]:
    """A guard that asks for less memory than the test it guards needs."""
    if body.role != "test":
        return
    guards = [guard for guard in _guards(body, ctx) if guard.asked is not None]
    if not guards:
        return
    parts = footprints(ctx.suite).of_test(body)
    size = total(parts)
    for guard in guards:
        assert guard.asked is not None
        if size.likely < LEAST or guard.asked.high >= size.likely * 0.95:
            continue
        needs = f"the test holds {format_bytes(size.likely)} at one time"
        yield Draft(
            "MEM702",
            guard.at,
            f"{guard.name} asks for {format_bytes(guard.asked.high)}, {needs}",
            "Ask for what the test holds at its peak, and derive both from one constant.",
            estimate=Estimate(size.low, size.likely, size.high),
            related=_related(parts),
        )


def _guards(body: Body, ctx: Context) -> Iterator[_Guard]:
    scratch = Frame(body.module, "", where="decorator")
    for decorator, line in body.function.decorators:
        if isinstance(decorator, f.Call):
            yield from _guard(decorator, line, scratch, ctx)
        elif isinstance(decorator, f.Name) and _GUARD.search(decorator.path.rpartition(".")[2]):
            yield _Guard(decorator.path, line, (line, 1, line, 1), None)
    if _GUARD_WORD.search(body.function.mentions):
        frame = ctx.suite.evaluate(body)
        for call, _, _ in traverse.calls(f.body_of(body.function)):
            yield from _guard(call, call.at[0], frame, ctx)


def _guard(call: f.Call, line: int, frame: Frame, ctx: Context) -> Iterator[_Guard]:
    if not isinstance(call.func, f.Name):
        return
    name = call.func.path.rpartition(".")[2]
    if not _GUARD.search(name):
        return
    yield _Guard(name, line, call.at, _asked(call, name, frame, ctx))


def _asked(call: f.Call, name: str, frame: Frame, ctx: Context) -> Num | None:
    evaluator = ctx.suite.evaluator
    for position, arg in enumerate(call.args):
        parameter = arg.keyword or _parameter(call, name, position, frame, ctx)
        factor = _factor(parameter)
        value = evaluator.quiet_eval(arg.value, frame) if factor else UNKNOWN
        if factor and isinstance(value, Num):
            return value.scaled(factor)
    return None


def _parameter(call: f.Call, name: str, position: int, frame: Frame, ctx: Context) -> str:
    """What the guard calls its argument at this position."""
    func = ctx.suite.evaluator.quiet_eval(call.func, frame)
    if isinstance(func, FunctionValue):
        params = func.function.params
        return params[position].name if position < len(params) else ""
    known = _KNOWN_PARAMETERS.get(name, "") if isinstance(func, Ref) else ""
    return known if position == 0 else ""


def _factor(parameter: str) -> int | None:
    """Bytes of one unit of a parameter, by its name."""
    return _UNITS.get(parameter.lower().rpartition("_")[2])
