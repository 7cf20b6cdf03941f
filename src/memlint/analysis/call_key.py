"""What decides the result of a call: calls with the same key may share one evaluation.

Values are told apart by what an evaluation can see of them: instances by their type and attributes, functions by
their code and what they close over. Instances compare as equal among themselves, so they cannot be keys as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from memlint.analysis.sites import Frame
from memlint.analysis.values import (
    ClassValue,
    FunctionValue,
    LambdaValue,
    Method,
    Obj,
    Partial,
    Sequence,
    Value,
)

_DEEPEST = 6  # instances within instances; a deeper one is not looked through
Key = tuple[object, ...]


def call_key(
    func: FunctionValue, args: Iterable[Value], keywords: Mapping[str, Value], frame: Frame
) -> Key | None:
    """The key of a call; None where something else decides too: a fake, names that are closed over."""
    if frame.mocked or func.frame is not None:
        return None
    try:
        given = (*(_seen(arg, 0) for arg in args), *_named(keywords, 0))
        key = (id(func.function), frame.depth, _seen(func.receiver, 0), *given)
        hash(key)
    except (TypeError, _TooDeep):  # an argument that cannot be hashed
        return None
    return key


class _TooDeep(Exception):
    """A value that holds others too deeply, or itself."""


def _seen(value: Value | None, depth: int) -> object:
    if depth > _DEEPEST:
        raise _TooDeep
    if isinstance(value, Obj):
        kind = value.type if isinstance(value.type, str) else id(value.type.cls)
        return (Obj, kind, *_named(value.attrs, depth + 1))
    if isinstance(value, Method):
        return (Method, value.attr, _seen(value.receiver, depth + 1))
    if isinstance(value, Sequence):
        items = tuple(_seen(item, depth + 1) for item in value.items or ())
        return (Sequence, value.kind, items, value.length, _seen(value.element, depth + 1), value.keys)
    if isinstance(value, ClassValue):
        return (ClassValue, id(value.cls))
    if isinstance(value, FunctionValue) and value.frame is None:
        return (FunctionValue, id(value.function), _seen(value.receiver, depth + 1))
    if isinstance(value, (FunctionValue, LambdaValue, Partial)):
        raise _TooDeep  # a frame stands behind it
    return value


def _named(values: Mapping[str, Value], depth: int) -> list[tuple[str, object]]:
    return [(name, _seen(value, depth)) for name, value in sorted(values.items(), key=lambda item: item[0])]
