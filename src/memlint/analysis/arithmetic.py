"""Operators on abstract values: numbers, shapes and sequences."""

from __future__ import annotations

import math

from msgspec.structs import replace

from memlint.analysis import texts
from memlint.analysis.values import (
    INFINITE,
    ONE,
    UNKNOWN,
    Choice,
    Data,
    Iterator,
    Literal,
    Num,
    Obj,
    PathValue,
    Ref,
    Sequence,
    Value,
    join,
    product,
)

_LARGEST = 1e300
_LARGE_ITEM = 1_000_000  # bytes of one element of a list
_UNLIKE = 8  # times as large
_FEW = 20  # fields of a row that are looked at
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}


def binary(op: str, left: Value, right: Value) -> Value:
    """``left op right``."""
    if isinstance(left, Num) and isinstance(right, Num):
        return _numbers(op, left, right)
    if op == "%" and isinstance(left, Literal) and isinstance(left.value, str):
        return texts.percent(left, right)
    if isinstance(left, Data) or isinstance(right, Data):
        return _data(op, left, right)
    if op == "*":
        return _repeat(left, right)
    if op == "+":
        return _add(left, right)
    if op == "/" and isinstance(left, (PathValue, Choice)):
        return texts.join_path(left, right)
    return UNKNOWN


def unary(op: str, value: Value) -> Value:
    """``op value``."""
    if op == "-" and isinstance(value, Num):
        return Num(-value.high, -value.low)
    if isinstance(value, Data):
        return value
    return value if op == "+" else UNKNOWN


def _numbers(op: str, a: Num, b: Num) -> Value:
    if op == "+":
        return a + b
    if op == "-":
        return Num(a.low - b.high, a.high - b.low)
    if op == "*":
        return a * b
    corners = [_number(op, x, y) for x in {a.low, a.high} for y in {b.low, b.high}]
    known = [corner for corner in corners if corner is not None]
    return Num(min(known), max(known)) if len(known) == len(corners) else UNKNOWN


def _number(op: str, x: float, y: float) -> float | None:
    try:
        if op == "/":
            return x / y
        if op == "//":
            return x // y
        if op == "%":
            return x % y
        if op == "**":
            if x < 0 and not float(y).is_integer():
                return None  # a complex number
            return x**y if y * math.log10(max(abs(x), 1)) < 300 else _LARGEST
        if not (math.isfinite(x) and math.isfinite(y)):
            return None
        if op == "<<":
            return int(x) << int(y) if 0 <= y < 900 else _LARGEST
        if op == ">>":
            return int(x) >> int(y)
        return {"&": int(x) & int(y), "|": int(x) | int(y), "^": int(x) ^ int(y)}.get(op)
    except (ArithmeticError, ValueError, TypeError):
        return None


def _repeat(left: Value, right: Value) -> Value:
    if isinstance(left, Num):
        left, right = right, left
    if not isinstance(right, Num):
        return UNKNOWN
    times = Num(max(0, right.low), max(0, right.high))
    if isinstance(left, Literal) and isinstance(left.value, str):
        size = times.scaled(left.length)
        if size.high <= 200 and size.exact and times.exact and left.length == len(left.value):
            return Literal(left.value * int(times.low), int(size.low), left.is_bytes)
        kind = "bytes" if left.is_bytes else "str"
        return Data(kind, f"builtins.{kind}", size, (size,), 1.0)
    if isinstance(left, Sequence):
        if left.items is not None and times.exact and len(left.items) * times.low <= 64:
            repeated = left.items * int(times.low)
            return Sequence(left.kind, repeated, Num(len(repeated), len(repeated)), left.element, shared=True)
        length = left.length * times if left.length is not None else None
        # the elements are shared, so each further one costs a pointer
        return Sequence(left.kind, None, length, left.element, shared=True)
    return UNKNOWN


def _differ(left: Value, right: Value) -> bool:
    """Whether one list holds texts or buffers many times as large as the other's: no element speaks for both."""
    sizes = [size.high for size in map(_weight, (left, right)) if size is not None]
    return bool(sizes) and max(sizes) > _UNLIKE * min(sizes, default=0) and max(sizes) > _LARGE_ITEM


def _weight(value: Value) -> Num | None:
    if isinstance(value, Choice):
        known = [size for size in map(_weight, value.options) if size is not None]
        return Num(0, max(size.high for size in known)) if known else None
    if isinstance(value, Literal) and isinstance(value.value, str):
        return Num(value.length, value.length)
    if isinstance(value, Sequence) and value.items:  # a row: ``("x" * n,)``
        known = [size for size in map(_weight, value.items[:_FEW]) if size is not None]
        return sum(known, Num(0, 0)) if known else None
    return value.bytes if isinstance(value, Data) else None


def _add(left: Value, right: Value) -> Value:
    if isinstance(left, Sequence) and isinstance(right, Sequence):
        if left.items is not None and right.items is not None and len(left.items) + len(right.items) <= 200:
            items = left.items + right.items
            return Sequence(
                left.kind, items, Num(len(items), len(items)), join([left.element, right.element])
            )
        element = UNKNOWN if _differ(left.element, right.element) else join([left.element, right.element])
        if left.length is None or right.length is None:
            return Sequence(left.kind, None, None, element)
        return Sequence(left.kind, None, left.length + right.length, element)
    if _texts(left) and (_texts(right) or right is UNKNOWN):
        return texts.concatenate([left, right])
    return UNKNOWN


def _texts(value: Value) -> bool:
    return isinstance(value, (PathValue, Choice)) or (
        isinstance(value, Literal) and isinstance(value.value, str)
    )


# --- arrays ---------------------------------------------------------------------------------------------------------


def _data(op: str, left: Value, right: Value) -> Value:
    if (isinstance(left, Data) and left.kind in {"bytes", "str", "list"}) or (
        isinstance(right, Data) and right.kind in {"bytes", "str", "list"}
    ):
        return _text_data(op, left, right)
    if op == "@":
        return _matmul(left, right)
    a, b = (left, right) if isinstance(left, Data) else (right, left)
    assert isinstance(a, Data)
    item = 1.0 if op in _COMPARISONS else max(a.item, b.item if isinstance(b, Data) else 0.0)
    virtual = any(isinstance(v, Data) and v.virtual and not v.type.startswith("numpy.") for v in (a, b))
    shape = a.shape
    if isinstance(b, Data):
        shape = broadcast(a.shape, b.shape) if a.shape is not None and b.shape is not None else None
        if shape is None and (a.bytes is None or b.bytes is None):
            return Data(a.kind, a.type)
    if shape is not None and a.kind != "sparse":
        return Data(a.kind, a.type, product(shape).scaled(item), shape, item, virtual=virtual)
    if a.bytes is None:
        return Data(a.kind, a.type)
    return (
        replace(a, temporaries=0.0)
        if a.kind == "sparse"
        else Data(a.kind, a.type, a.bytes, None, item, virtual=virtual)
    )


def _text_data(op: str, left: Value, right: Value) -> Value:
    sizes = [
        value.bytes
        if isinstance(value, Data)
        else Num(value.length, value.length)
        if isinstance(value, Literal)
        else None
        for value in (left, right)
    ]
    text = left if isinstance(left, Data) else right
    assert isinstance(text, Data)
    if op == "+":
        size = sizes[0] + sizes[1] if sizes[0] is not None and sizes[1] is not None else None
        return Data(text.kind, text.type, size, (size,) if size is not None else None, 1.0)
    times = right if isinstance(right, Num) else left
    if op == "*" and isinstance(times, Num) and text.bytes is not None:
        return Data(text.kind, text.type, text.bytes * times, (text.bytes * times,), 1.0)
    return UNKNOWN


def broadcast(a: tuple[Num, ...], b: tuple[Num, ...]) -> tuple[Num, ...]:
    """The shape of an elementwise operation, by numpy's broadcasting rule."""
    width = max(len(a), len(b))
    left, right = (ONE,) * (width - len(a)) + a, (ONE,) * (width - len(b)) + b
    return tuple(
        y if x == ONE else x if y == ONE else Num(min(x.low, y.low), max(x.high, y.high))
        for x, y in zip(left, right, strict=True)
    )


def _matmul(left: Value, right: Value) -> Value:
    if isinstance(left, Data) and isinstance(right, Data) and left.shape and right.shape:
        item = max(left.item, right.item)
        if "sparse" in {left.kind, right.kind}:
            return Data("sparse", left.type)
        shape = left.shape[:-1] + (right.shape[:-2] + right.shape[-1:] if len(right.shape) > 1 else ())
        return Data(left.kind, left.type, product(shape).scaled(item), shape, item)
    some = left if isinstance(left, Data) else right
    assert isinstance(some, Data)
    return Data(some.kind, some.type)


# --- containers -----------------------------------------------------------------------------------------------------


def length_of(value: Value) -> Num | None:
    """``len(value)``."""
    if isinstance(value, Literal) and isinstance(value.value, str):
        return Num(value.length, value.length)
    if isinstance(value, (Sequence, Iterator)):
        return value.length
    if isinstance(value, Data):
        if value.shape:
            return value.shape[0]
        return value.bytes if value.kind in {"bytes", "str"} else None
    return None


BYTE = Num(0, 255)  # what looping over bytes gives: integers that exist once
_OF_BYTES = frozenset({"builtins.bytes", "builtins.bytearray"})


def iterate(value: Value) -> Iterator:
    """What looping over a value gives."""
    if isinstance(value, Iterator):
        return value
    if isinstance(value, Sequence):
        if value.kind == "dict":
            return Iterator(value.length, join(value.keys[:20]) if value.keys else UNKNOWN)
        return Iterator(value.length, value.element)
    if isinstance(value, Literal) and isinstance(value.value, str):
        return Iterator(Num(value.length, value.length), BYTE if value.is_bytes else Literal("x", 1))
    if isinstance(value, Data):
        return Iterator(length_of(value), _row(value))
    if isinstance(value, Obj) and isinstance(value.type, str) and value.type in {"builtins.file"}:
        return Iterator(None, UNKNOWN, unbounded=True, why="a file", origin=value)
    if isinstance(value, Ref):
        return Iterator(None)
    return Iterator(None)


def _row(value: Data) -> Value:
    if value.kind == "frame" or not value.shape:
        return UNKNOWN
    if value.kind == "range":
        return Num(0, value.shape[0].high)
    if value.kind == "bytes" or value.type in _OF_BYTES:
        return BYTE
    if len(value.shape) == 1:
        return Num(-INFINITE, INFINITE) if value.kind != "str" else Literal("x", 1)
    rest = value.shape[1:]
    return Data(value.kind, value.type, product(rest).scaled(value.item), rest, value.item)
