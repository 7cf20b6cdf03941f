"""How a rule function says what it looks at: the annotation of its first parameter is the dispatch table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from memlint.rules.context import Draft

FAMILY_MODULES = (
    "load",
    "pretrained",
    "collection",
    "grow",
    "hidden",
    "fixture",
    "ownership",
    "retain",
    "framework",
    "diagnostics",
    "output",
    "mark",
)
Check = Callable[..., "Iterator[Draft]"]


@dataclass(frozen=True, slots=True)
class RegisteredRule:
    """A rule function, the codes it reports, and the kind of thing it is called for."""

    codes: frozenset[str]
    check: Check
    subject: type


_REGISTERED: list[tuple[frozenset[str], Check]] = []


def rule(*codes: str) -> Callable[[Check], Check]:
    """Register a function that reports findings of these codes."""

    def register(check: Check) -> Check:
        _REGISTERED.append((frozenset(codes), check))
        return check

    return register


@lru_cache(maxsize=1)
def all_rules() -> tuple[RegisteredRule, ...]:
    """Every rule function of every family."""
    for name in FAMILY_MODULES:
        import_module(f"memlint.rules.{name}")
    return tuple(RegisteredRule(codes, check, _subject(check)) for codes, check in _REGISTERED)


@lru_cache(maxsize=8)
def checks_by_subject(active: frozenset[str]) -> Mapping[type, tuple[Check, ...]]:
    """The functions that report any of these codes, by the kind of thing that each is called for."""
    out: dict[type, tuple[Check, ...]] = {}
    for registered in all_rules():
        if registered.codes & active:
            out[registered.subject] = (*out.get(registered.subject, ()), registered.check)
    return out


def _subject(check: Any) -> type:
    hints = get_type_hints(check)
    subject = next(iter(hints.values()))
    assert isinstance(subject, type), f"{check.__name__}: the first parameter names what the rule looks at"
    return subject
