"""Resources left unreleased: MEM3 for fixtures and set-up methods, MEM4 and MEM5 elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from memlint import facts as f
from memlint.analysis.lifetimes import Debt
from memlint.analysis.project import Module
from memlint.analysis.project_resources import RELEASING
from memlint.analysis.suite import Body, ModuleSuite
from memlint.analysis.traverse import statements, words
from memlint.analysis.values import ClassValue
from memlint.model import Related
from memlint.rules.assumptions import confidence_of, is_dropped_at_once, taken_for_granted
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule

_RESOURCE_CODES = ("MEM401", "MEM402", "MEM403", "MEM404", "MEM405", "MEM501", "MEM502", "MEM503", "MEM601")
_AFTER_YIELD = re.compile(
    r"(?:in a finally block or )?after (?:the|the fixture's) yield(?: or in a finally block)?"
)
_YIELDING = re.compile(r"\bYield the \w+(?: from a session-scoped fixture)? and (?P<verb>call|await)\b")
_LETTING_GO = frozenset(
    {
        *RELEASING,
        "cache_clear",
        "empty_cache",
        "clear_session",
        "collect",
        "delattr",
        "rmtree",
        "unlink",
        "dispose_all",
        "close_all",
        "drop_all",
        "clear",
    }
)


@rule("MEM301", "MEM303", "MEM305", "MEM306", "MEM307", *_RESOURCE_CODES)
def unreleased_resource(debt: Debt, ctx: Context) -> Iterator[Draft]:
    """One finding for every obligation that a body leaves behind."""
    if debt.verdict == "unreached":
        yield _unreached(debt, debt.body.module, debt.body.symbol)
        return
    if _is_told_where_it_is_made(debt, ctx):
        return
    code = _code(debt)
    yield Draft(
        code,
        debt.obligation.at,
        _message(debt, code) + taken_for_granted(debt, ctx),
        _advice(debt),
        confidence_of(debt, code, ctx),
        related=tuple(_related(debt)),
    )


def _is_told_where_it_is_made(debt: Debt, ctx: Context) -> bool:
    """Whether a method that the body calls keeps it, and its class's tear-down releases it in part: told there."""
    via = debt.obligation.via
    if debt.verdict != "partial" or via is None or not via.frame.module.linted:
        return False
    makers = (body for body in ctx.suite.of(via.frame.module).bodies if body.function is via.frame.function)
    return any(
        maker.owner is not None and told.verdict == "partial" and told.obligation.at == via.at
        for maker in makers
        for told in ctx.lifetimes.debts(maker)
    )


def _advice(debt: Debt) -> str:
    """The table's advice, which speaks of a fixture's yield, by where the resource is acquired."""
    advice = debt.obligation.resource.advice or ""
    if debt.body.role == "fixture":
        return advice
    place = "in the tear-down" if debt.body.role == "setup" else "in a finally block"
    told = _YIELDING.sub(lambda found: found["verb"].capitalize(), advice)
    return _AFTER_YIELD.sub(place, told)


@rule("MEM307")
def hidden_teardown(suite: ModuleSuite, ctx: Context) -> Iterator[Draft]:
    """A test class whose override, or whose order of bases, keeps an inherited tear-down from running."""
    for cls in suite.classes:
        if ctx.suite.is_test_class(cls):
            shown = set()
            for debt in ctx.lifetimes.hidden(cls):
                if _is_told_of_its_own_class(debt, cls, ctx):
                    continue
                shown.add(debt.teardown.name if debt.teardown is not None else "")
                yield _unreached(debt, suite.module, cls.cls.name)
            yield from _mixin_behind(cls, suite, shown, ctx)


def _is_told_of_its_own_class(debt: Debt, cls: ClassValue, ctx: Context) -> bool:
    """Whether the override is a base's, of which the same is said where that base is defined."""
    owner = debt.blame.owner if isinstance(debt.blame, Body) else debt.blame
    return isinstance(owner, ClassValue) and owner.cls is not cls.cls and ctx.suite.is_test_class(owner)


def _mixin_behind(cls: ClassValue, suite: ModuleSuite, shown: set[str], ctx: Context) -> Iterator[Draft]:
    """A mixin behind TestCase whose tear-down lets something go: TestCase's own empty method runs in its place."""
    for name, body in ctx.lifetimes.teardowns.behind_test_case(cls):
        owner = body.owner
        if owner is None or name in shown or not _lets_go(body) or _is_a_bases_order(cls, body, ctx):
            continue
        message = f"TestCase stands before {owner.cls.name} in the bases: its {name}() never runs"
        line = cls.cls.line
        related = (Related(body.module.path, body.function.line, f"{name}() of {owner.cls.name}"),)
        advice = f"Put {owner.cls.name} before TestCase, or call {owner.cls.name}.{name}() in a {name}() of the class."
        yield Draft(
            "MEM307",
            (line, 1, line, 1),
            message,
            advice,
            None,
            related=related,
            module=suite.module,
            symbol=cls.cls.name,
        )
        return


def _is_a_bases_order(cls: ClassValue, body: Body, ctx: Context) -> bool:
    """Whether a base of the class has the mixin behind TestCase already: the order is told of there."""
    return any(
        behind is body
        for base in ctx.suite.evaluator.mro(cls)
        if base.cls is not cls.cls and base.module.linted and ctx.suite.is_test_class(base)
        for _, behind in ctx.lifetimes.teardowns.behind_test_case(base)
    )


def _lets_go(body: Body) -> bool:
    """Whether a tear-down releases or forgets something."""
    if any(isinstance(s, f.Del) for s, _ in statements(f.body_of(body.function))):
        return True
    return not _LETTING_GO.isdisjoint(words(body.function))


def _unreached(debt: Debt, module: Module, symbol: str) -> Draft:
    blame, teardown = debt.blame, debt.teardown
    assert blame is not None and teardown is not None
    title = debt.obligation.resource.title
    if isinstance(blame, Body):
        line, name, module, symbol = blame.function.line, blame.function.name, blame.module, blame.symbol
        if blame.function is teardown:
            message = f"{name}() would release the {title}, but is no hook here and nothing calls it"
        else:
            message = (
                f"{name}() does not call super(): the {teardown.name}() that releases the {title} never runs"
            )
    elif isinstance(blame, f.Function):
        line = blame.line
        message = f"{blame.name}() would release the {title}, and nothing registers or calls it"
    else:
        line, module, symbol = blame.cls.line, blame.module, blame.cls.name
        message = (
            f"TestCase stands before the mixin whose {teardown.name}() releases the {title}: it never runs"
        )
    held = Related(debt.obligation.site.frame.module.path, debt.obligation.at[0], f"{title} acquired here")
    advice = "Put mixins before TestCase, call super() in every tear-down, register nested functions with addfinalizer."
    return Draft(
        "MEM307", (line, 1, line, 1), message, advice, None, related=(held,), module=module, symbol=symbol
    )


def _code(debt: Debt) -> str:
    resource = debt.obligation.resource
    if debt.verdict in {"unsure", "exposed"}:
        return "MEM305"
    if debt.verdict == "partial":
        return "MEM306" if debt.relative is not None else resource.partial_rule
    if is_dropped_at_once(debt):
        return resource.rule
    if debt.body.role == "setup":
        return "MEM303"
    return "MEM301" if debt.body.role == "fixture" else resource.rule


def _message(debt: Debt, code: str) -> str:
    title = debt.obligation.resource.title
    lacking = debt.missing or debt.obligation.resource.release
    missing = " and ".join("/".join(f"{name}()" for name in _shown(group)) for group in lacking)
    if debt.verdict == "unsure":
        return f"the {title} is released on some paths only: an assertion, an early exit or a branch skips {missing}"
    if debt.verdict == "exposed":
        return f"the {title} is released only when nothing before the release raises"
    if debt.verdict == "partial":
        return _partial_message(debt, title, missing)
    if debt.verdict == "late":
        return f"the {title} lives until the interpreter exits: atexit is too late for a test"
    name = debt.body.function.name
    fixture = f"fixture '{name}'" if debt.body.role == "fixture" else f"{name}()"
    holder = {
        "returned": f"{fixture} returns the {title} and nobody releases it",
        "yielded": f"{fixture} yields the {title} and does not release it afterwards",
        "stored": f"the {title} is kept in {debt.place} and never released",
        "factory": f"{fixture} gives away {debt.place}(): nobody releases the {title} that each call makes",
    }.get(debt.how, f"the {title} is never released")
    return f"{holder}: no {missing}"


def _shown(group: Sequence[str]) -> list[str]:
    """The releases of a group that a reader would write."""
    return ([name for name in group if not name.startswith("__")] or list(group))[:3]


def _partial_message(debt: Debt, title: str, missing: str) -> str:
    if debt.relative is not None:
        return f"the {debt.relative.resource.title} is released, the {title} that belongs to it is not: no {missing}"
    if debt.obligation.misdirected:
        return f"killpg() misses the {title}, which leads no group: start it with start_new_session=True, then wait()"
    return f"the {title} is released in part only: {missing} is missing"


def _related(debt: Debt) -> Iterator[Related]:
    via = debt.obligation.via
    if via is not None:
        yield Related(via.frame.module.path, via.line, f"{debt.obligation.resource.title} acquired here")
    for shown in debt.obligation.evidence:
        yield Related(shown.path, shown.line, shown.text)
    if debt.relative is not None:
        yield Related(
            debt.relative.site.frame.module.path, debt.relative.at[0], f"the {debt.relative.resource.title}"
        )
    body: Body = debt.body
    if body.role in {"fixture", "setup"}:
        yield Related(body.module.path, body.function.line, f"{body.role} '{body.function.name}'")
