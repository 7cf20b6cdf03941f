"""Resources left unreleased: MEM3 for fixtures and set-up methods, MEM4 and MEM5 elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.analysis.lifetimes import Debt
from memlint.analysis.suite import Body
from memlint.model import Confidence, Related
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule

_RESOURCE_CODES = ("MEM401", "MEM402", "MEM403", "MEM404", "MEM405", "MEM501", "MEM502", "MEM503", "MEM601")
_LOWER = {Confidence.HIGH: Confidence.MEDIUM, Confidence.MEDIUM: Confidence.LOW, Confidence.LOW: Confidence.LOW}


@rule("MEM301", "MEM303", "MEM305", "MEM306", *_RESOURCE_CODES)
def unreleased_resource(debt: Debt, ctx: Context) -> Iterator[Draft]:
    """One finding for every obligation that a body leaves behind."""
    code = _code(debt)
    resource = debt.obligation.resource
    yield Draft(
        code,
        debt.obligation.at,
        _message(debt, code),
        resource.advice or "",
        _confidence(debt, code),
        related=tuple(_related(debt)),
    )


def _code(debt: Debt) -> str:
    resource = debt.obligation.resource
    if debt.verdict == "unsure":
        return "MEM305"
    if debt.verdict == "partial":
        return resource.partial_rule
    if debt.how == "stored" and debt.body.role == "setup":
        return "MEM303"
    if debt.body.role == "fixture" and debt.how in {"returned", "yielded", "stored"}:
        return "MEM301"
    if debt.body.role == "setup":
        return "MEM303"
    return resource.rule


def _confidence(debt: Debt, code: str) -> Confidence:
    confidence = Confidence(debt.obligation.resource.confidence)
    if debt.verdict in {"unsure", "late"} or debt.obligation.via is not None:
        return _LOWER[confidence] if confidence is Confidence.HIGH or debt.verdict == "late" else confidence
    if code in {"MEM301", "MEM303"} and confidence is Confidence.LOW:
        return Confidence.MEDIUM  # kept alive beyond the function, so that no reference count closes it
    return confidence


def _message(debt: Debt, code: str) -> str:
    title = debt.obligation.resource.title
    missing = " and ".join("/".join(f"{name}()" for name in group[:3]) for group in debt.missing)
    if debt.verdict == "unsure":
        return f"the {title} is released on some paths only: a failing assertion, an early exit or a branch skips {missing}"
    if debt.verdict == "partial":
        return f"the {title} is released in part only: {missing} is missing"
    if debt.verdict == "late":
        return f"the {title} lives until the interpreter exits: atexit is too late for a test"
    holder = {
        "returned": f"fixture '{debt.body.function.name}' returns the {title} and nobody releases it",
        "yielded": f"fixture '{debt.body.function.name}' yields the {title} and does not release it afterwards",
        "stored": f"the {title} is kept in {debt.place} and never released",
    }.get(debt.how, f"the {title} is never released")
    return f"{holder}: no {missing}"


def _related(debt: Debt) -> Iterator[Related]:
    via = debt.obligation.via
    if via is not None:
        yield Related(via.frame.module.path, via.line, f"{debt.obligation.resource.title} acquired here")
    body: Body = debt.body
    if body.role in {"fixture", "setup"}:
        yield Related(body.module.path, body.function.line, f"{body.role} '{body.function.name}'")
