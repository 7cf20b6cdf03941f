"""Size models: how many bytes a call makes, from its table entry and what is known of its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from memlint.analysis import arithmetic
from memlint.analysis.objects import bytes_of, dtype_bytes
from memlint.analysis.values import (
    ONE,
    UNKNOWN,
    Data,
    Iterator,
    Literal,
    Num,
    Obj,
    PathValue,
    Ref,
    Sequence,
    Value,
    product,
    total,
)
from memlint.knowledge.apis import Makes, Operand
from memlint.units import parse_bytes

Bound = Mapping[str, Value]
_IMAGE_BYTES = {
    "1": 1,
    "L": 1,
    "P": 1,
    "LA": 2,
    "RGB": 4,
    "RGBA": 4,
    "CMYK": 4,
    "YCbCr": 4,
    "I": 4,
    "F": 4,
    "I;16": 2,
}


def make(makes: Makes, bound: Bound, type_: str) -> Data | None:
    """The thing that a call makes; None when its size does not follow from what is known."""
    name, operand = makes.model
    if operand is None:
        return None
    made = _MODELS[name](makes, operand, bound, _item_bytes(makes, bound))
    if made is None:
        return None
    shape, size, item = made
    if makes.scale != 1.0:
        size, shape = size.scaled(makes.scale), shape if makes.kind == "sparse" else None
    if makes.kind == "sparse" and shape is not None and name == "shape":
        size = _stored(makes, bound, shape)
        if makes.cell_temporaries and size.high:
            beside = product(shape).high * makes.cell_temporaries / size.high
            return Data(makes.kind, type_, size, shape, item, beside)
    return Data(makes.kind, type_, size, shape, item, makes.temporaries)


def is_like_a_guess(makes: Makes, bound: Bound) -> bool:
    """Whether it is as large as something of which the size is guessed: the copy of such a matrix."""
    source = bound.get(makes.like, UNKNOWN) if makes.like is not None else UNKNOWN
    return isinstance(source, Data) and source.guessed


def _stored(makes: Makes, bound: Bound, shape: tuple[Num, ...]) -> Num:
    """Bytes of a sparse matrix: something for each row, and what its density says of the elements."""
    rows = shape[0].scaled(makes.row_bytes) if shape else Num(0, 0)
    density = bound.get(makes.density, UNKNOWN) if makes.density is not None else Num(0, 0)
    share = density if isinstance(density, Num) else Num(0, 0)
    return rows + product(shape) * share.scaled(makes.item_bytes or 16.0)


Made = tuple[tuple[Num, ...] | None, Num, float] | None


def _item_bytes(makes: Makes, bound: Bound) -> float | None:
    """Bytes an element, as far as the dtype argument tells."""
    if makes.dtype is not None and makes.dtype in bound:
        given = dtype_bytes(bound[makes.dtype])
        if given is not None:
            return given
    if makes.item_bytes is not None:
        return makes.item_bytes
    if makes.default_dtype is not None:
        return dtype_bytes(Literal(makes.default_dtype, len(makes.default_dtype)))
    if makes.kind == "image":
        mode = bound.get("mode")
        return _IMAGE_BYTES.get(str(mode.value), 4) if isinstance(mode, Literal) else 4
    return 1.0 if makes.kind in {"bytes", "str", "buffer"} else None


def _sized(shape: tuple[Num, ...], item: float | None) -> Made:
    each = 8.0 if item is None else item
    return shape, product(shape).scaled(each), each


def _non_negative(number: Num) -> Num:
    return Num(max(0, number.low), max(0, number.high))


def dimensions(value: Value) -> tuple[Num, ...] | None:
    """A shape given as an int or a sequence of ints."""
    if isinstance(value, Num):
        return (_non_negative(value),)
    if isinstance(value, Sequence) and value.items is not None:
        axes = [_non_negative(item) if isinstance(item, Num) else None for item in value.items]
        return tuple(axis for axis in axes if axis is not None) if None not in axes else None
    return None


def _operands(operand: Operand, bound: Bound) -> list[Value]:
    if isinstance(operand, list):
        return [bound.get(name, UNKNOWN) for name in operand]
    if operand == "*":
        starred = bound.get("*", UNKNOWN)
        return (
            list(starred.items) if isinstance(starred, Sequence) and starred.items is not None else [UNKNOWN]
        )
    return [bound.get(operand, UNKNOWN)]


def _shape(makes: Makes, operand: Operand, bound: Bound, item: float | None) -> Made:
    values = _operands(operand, bound)
    if not values and operand == "*":
        return None
    if len(values) == 1:
        shape = dimensions(values[0])
        if shape is None:
            return None
        if makes.square and len(shape) == 1:
            shape = shape * 2
        return _sized(shape, item)
    axes: list[Num] = []
    for position, value in enumerate(values):
        if (
            position
            and (value is UNKNOWN or value == Literal(None))
            and isinstance(operand, list)
            and operand[position] not in bound
        ):
            axes.append(axes[0])  # eye(n): the second side is the first
            continue
        found = dimensions(value)
        if found is None:
            return None
        if makes.each and isinstance(value, Sequence):
            found = tuple(axis for axis in (total(found),) if axis is not None)
        axes.extend(found)
    return _sized(tuple(axes), item)


def _count(makes: Makes, operand: Operand, bound: Bound, item: float | None) -> Made:
    lengths: list[Num] = []
    for value in _operands(operand, bound):
        length = value if isinstance(value, Num) else arithmetic.iterate(value).length
        if length is None:
            return None
        lengths.append(_non_negative(length))
    many = _non_negative(product(tuple(lengths)) + Num(-makes.minus, -makes.minus))
    return _sized((many,), item)


def range_length(values: list[Value]) -> Num | None:
    """The length of ``range(*values)``, also for floats as in ``arange``."""
    numbers = [value for value in values if isinstance(value, Num)]
    if len(numbers) < len(values) or not numbers:
        return None
    start, stop = (Num(0, 0), numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
    step = numbers[2] if len(numbers) > 2 else ONE
    if step.low == 0 or step.high == 0:
        return None
    spans = [
        (b - a) / s
        for a in (start.low, start.high)
        for b in (stop.low, stop.high)
        for s in (step.low, step.high)
    ]
    known = [max(0.0, float(math.ceil(span))) if math.isfinite(span) else span for span in spans]
    return Num(min(known), max(known)) if all(not math.isnan(span) for span in known) else None


def _range(makes: Makes, operand: list[str], bound: Bound, item: float | None) -> Made:
    given = [bound[name] for name in operand if name in bound and bound[name] != Literal(None)]
    length = range_length(given)
    return _sized((length,), item) if length is not None else None


def _like(makes: Makes, operand: str, bound: Bound, item: float | None) -> Made:
    source = bound.get(operand, UNKNOWN)
    if isinstance(source, Data) and source.bytes is not None:
        each = item if item is not None and _says_its_dtype(makes, bound) else source.item
        if source.shape is not None and source.kind != "sparse":
            return _sized(source.shape, each)
        return None, source.bytes.scaled(each / source.item) if source.item else source.bytes, each
    if isinstance(source, Sequence):
        shape = nested_shape(source)
        return _sized(shape, item) if shape is not None else None
    return None


def _says_its_dtype(makes: Makes, bound: Bound) -> bool:
    """Whether the result's elements are others than those of its operand: a mask, a cast to a given type."""
    if makes.dtype is not None:
        return makes.dtype in bound
    return makes.default_dtype is not None or makes.item_bytes is not None


def nested_shape(value: Value) -> tuple[Num, ...] | None:
    """The shape of an array made from nested sequences."""
    if isinstance(value, Data):
        return value.shape
    if not isinstance(value, Sequence) or value.length is None:
        return None
    inner = nested_shape(value.element)
    return (value.length, *(inner or ()))


def _pairs(makes: Makes, operand: list[str], bound: Bound, item: float | None) -> Made:
    rows = [arithmetic.length_of(bound.get(name, UNKNOWN)) for name in operand]
    known = tuple(length for length in rows if length is not None)
    return _sized(known, item) if len(known) == len(rows) else None


def _outer(makes: Makes, operand: list[str], bound: Bound, item: float | None) -> Made:
    counts: list[Num] = []
    for name in operand:
        value = bound.get(name, UNKNOWN)
        count = value.count if isinstance(value, Data) else _rows(value)
        if count is None:
            return None
        counts.append(count)
    return _sized(tuple(counts), item)


def _rows(value: Value) -> Num | None:
    """Points of a set of points: the first axis."""
    return arithmetic.length_of(value)


def _repeat(makes: Makes, operand: str, bound: Bound, item: float | None) -> Made:
    source = bound.get(operand, UNKNOWN)
    size = bytes_of(source)
    times = ONE
    for value in _operands(makes.times or [], bound):
        found = dimensions(value)
        if found is None:
            return None
        if makes.each and isinstance(value, Sequence):
            return _repeated_each(source, found, item)
        times = times * product(found)
    if size is None:
        return None
    each = source.item if isinstance(source, Data) else item or 8.0
    if isinstance(source, Num):
        return _sized((times,), each)
    if isinstance(source, Sequence) and source.length is not None:
        return _sized((source.length * times,), each)
    return None, size * times, each


def _repeated_each(source: Value, counts: tuple[Num, ...], item: float | None) -> Made:
    """``np.repeat(names, [50, 100])``: every item as often as its own count says."""
    several = total(counts)
    size, length = bytes_of(source), arithmetic.length_of(source)
    if several is None or size is None or length is None or not length.high:
        return None
    if isinstance(source, Sequence):
        return _sized((several,), item)
    each = source.item if isinstance(source, Data) else item or 8.0
    return None, size * several.scaled(1 / length.high), each


def _sum(makes: Makes, operand: str, bound: Bound, item: float | None) -> Made:
    source = bound.get(operand, UNKNOWN)
    if isinstance(source, Iterator):
        source = Sequence("list", None, source.length, source.element)
    if not isinstance(source, Sequence):
        return None
    if source.items is not None:
        size = total(value.bytes if isinstance(value, Data) else _list_bytes(value) for value in source.items)
        each = next((value.item for value in source.items if isinstance(value, Data)), 8.0)
    elif isinstance(source.element, Data) and source.element.bytes is not None and source.length is not None:
        size, each = source.element.bytes * source.length, source.element.item
    elif isinstance(source.element, Literal) and source.length is not None:
        size, each = source.length.scaled(source.element.length), 1.0
    elif (
        isinstance(source.element, Sequence)
        and source.element.length is not None
        and source.length is not None
    ):
        size, each = (source.element.length * source.length).scaled(8), 8.0
    else:
        return None
    return (None, size, each) if size is not None else None


def _list_bytes(value: Value) -> Num | None:
    if isinstance(value, Literal) and isinstance(value.value, str):
        return Num(value.length, value.length)
    length = arithmetic.length_of(value)
    return length.scaled(8) if length is not None else None


def _dense(makes: Makes, operand: str, bound: Bound, item: float | None) -> Made:
    source = bound.get(operand, UNKNOWN)
    if isinstance(source, Data) and source.shape is not None:
        return _sized(source.shape, item or source.item or 8.0)
    return None


def _data(makes: Makes, operand: str, bound: Bound, item: float | None) -> Made:
    source = bound.get(operand, UNKNOWN)
    shape = _frame_shape(source, bound, makes)
    if isinstance(source, Data) and source.kind in {"bytes", "str"} and source.bytes is not None:
        return (source.bytes,), source.bytes, 1.0
    if isinstance(source, Literal) and isinstance(source.value, str):
        return (Num(source.length, source.length),), Num(source.length, source.length), 1.0
    if shape is None:
        return None
    each = item or (source.item if isinstance(source, Data) else 8.0)
    if isinstance(source, Data) and source.kind == "bytes":
        each = 1.0
    return _sized(shape, each)


def _frame_shape(source: Value, bound: Bound, makes: Makes) -> tuple[Num, ...] | None:
    """Rows and columns of a frame or array made from arrays, dicts and lists."""
    if isinstance(source, Data) and source.shape is not None:
        return source.shape
    if isinstance(source, Data) and source.count is not None:
        return (source.count,)
    if isinstance(source, Sequence) and source.kind == "dict" and source.items is not None:
        columns = [arithmetic.length_of(item) for item in source.items]
        known = [column for column in columns if column is not None]
        if not known:
            return None
        rows = Num(max(column.low for column in known), max(column.high for column in known))
        return rows, Num(len(columns), len(columns))
    if isinstance(source, Sequence) and source.length is not None:
        inner = nested_shape(source.element)
        return (source.length, *(inner or ()))
    rows_of, columns_of = makes.axes.get("rows"), makes.axes.get("columns")
    lengths = [
        arithmetic.length_of(bound[name])
        for name in (rows_of, columns_of)
        if name is not None and name in bound
    ]
    found = [length for length in lengths if length is not None]
    return tuple(found) if found and len(found) == len(lengths) else None


def _fixed(makes: Makes, operand: str, bound: Bound, item: float | None) -> Made:
    size = parse_bytes(operand)
    return None, Num(size, size), item or 8.0


def _file(makes: Makes, operand: str, bound: Bound, item: float | None) -> Made:
    return None  # weighed by the caller, who knows the disk


_MODELS: dict[str, Callable[..., Made]] = {
    "shape": _shape,
    "count": _count,
    "range": _range,
    "like": _like,
    "outer": _outer,
    "pairs": _pairs,
    "repeat": _repeat,
    "sum": _sum,
    "dense": _dense,
    "data": _data,
    "fixed": _fixed,
    "file": _file,
}


def kind_of(value: Value) -> set[str]:
    """The abstract kinds that a condition of a table may ask for."""
    if isinstance(value, Num):
        return {"int"}
    if isinstance(value, PathValue):
        return {"path", "str"} if value.is_string else {"path"}
    if isinstance(value, Literal) and isinstance(value.value, str):
        return {"bytes"} if value.is_bytes else {"str", "path"}
    if isinstance(value, Sequence):
        return {"sequence"} if value.kind != "slice" else set()
    if isinstance(value, Data):
        return (
            {"sequence"}
            if value.kind == "list"
            else {"buffer"}
            if value.kind in {"buffer", "bytes"}
            else {"array"}
        )
    if isinstance(value, Obj):
        return {"buffer"} if value.type in {"io.BytesIO", "io.StringIO"} else {"object"}
    if isinstance(value, Ref):
        return {"name"}
    return set()
