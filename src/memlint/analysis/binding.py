"""Arguments by the names of a table's parameters, and whether a table's conditions hold for them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Items
from typing import Any

from memlint.analysis import sizes
from memlint.analysis.values import NONE, Choice, Iterator, Literal, Num, Obj, PathValue, Ref, Sequence, Value
from memlint.knowledge.apis import CallEntry, Condition


def bind(
    entry: CallEntry, receiver: Value, args: Items[Value], keywords: dict[str, Value]
) -> dict[str, Value]:
    """Arguments by the names of the entry's parameters; ``self``, and ``*`` for all positional ones."""
    bound: dict[str, Value] = {
        "self": receiver,
        "*": Sequence("tuple", tuple(args), Num(len(args), len(args))),
    }
    for name, default in entry.defaults.items():
        bound[name] = (
            Literal(default, len(default))
            if isinstance(default, str)
            else Literal(default)
            if isinstance(default, bool)
            else Num(default, default)
        )
    bound.update(zip(entry.params, args, strict=False))
    bound.update(keywords)
    return bound


def met(condition: Condition, bound: dict[str, Value]) -> bool:
    value = bound.get(condition.param)
    if isinstance(value, Choice):  # as parametrize gives them: what holds for each holds for all
        return all(met(condition, {**bound, condition.param: option}) for option in value.options)
    passed = value is not None and value != NONE
    if condition.given is not None and condition.given != passed:
        return False
    if condition.is_none is not None and condition.is_none != (value == NONE):
        return False
    tests: tuple[tuple[Any, Callable[[Any], bool]], ...] = (
        (
            condition.equals,
            lambda wanted: value is not None and _plain(value) in wanted and _plain(value) is not None,
        ),
        (
            condition.not_equals,
            lambda wanted: value is not None and _plain(value) is not None and _plain(value) not in wanted,
        ),
        (condition.contains, lambda wanted: any(part in text for text in _texts(value) for part in wanted)),
        (condition.startswith, lambda wanted: any(text.startswith(tuple(wanted)) for text in _texts(value))),
        (condition.endswith, lambda wanted: any(text.endswith(tuple(wanted)) for text in _texts(value))),
        (condition.name, lambda wanted: any(name in wanted for name in _names(value))),
        (condition.kind, lambda wanted: value is not None and bool(kinds(value) & set(wanted))),
    )
    return all(test(wanted) for wanted, test in tests if wanted is not None)


def kinds(value: Value) -> set[str]:
    """Abstract kinds of a value, as conditions name them."""
    found = sizes.kind_of(value)
    if isinstance(value, Iterator):
        found = {"endless"} if value.endless else {"iterator"}
    return found


def _plain(value: Value) -> str | int | float | bool | None:
    if isinstance(value, Literal):
        return value.value
    if isinstance(value, Num) and value.exact:
        return value.low
    if isinstance(value, PathValue):
        return value.text
    return None


def _texts(value: Value | None) -> list[str]:
    if isinstance(value, Sequence) and value.items is not None:
        return [text for item in value.items for text in _texts(item)]
    plain = _plain(value) if value is not None else None
    return [plain] if isinstance(plain, str) else []


def _names(value: Value | None) -> list[str]:
    if isinstance(value, Sequence) and value.items is not None:
        return [name for item in value.items for name in _names(item)]
    if isinstance(value, Obj):
        return [value.type] if isinstance(value.type, str) else []
    return [value.name] if isinstance(value, Ref) else []
