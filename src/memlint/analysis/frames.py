"""Functions of pandas whose result follows from the shapes and values of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from memlint.analysis.arithmetic import length_of
from memlint.analysis.objects import POINTER, TEXT, dtype_bytes
from memlint.analysis.values import (
    NONE,
    ONE,
    Choice,
    Data,
    Iterator,
    Literal,
    Num,
    PathValue,
    Sequence,
    Value,
    product,
    total,
)

Model = Callable[[Any, Value, list[Value], dict[str, Value]], Value | None]
_FRAME, _SERIES = "pandas.DataFrame", "pandas.Series"


def _argument(args: list[Value], keywords: dict[str, Value], position: int, name: str) -> Value:
    return args[position] if len(args) > position else keywords.get(name, NONE)


def _series(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    data, index = _argument(args, keywords, 0, "data"), _argument(args, keywords, 1, "index")
    rows = length_of(data) if not isinstance(data, Num) else length_of(index)
    item = dtype_bytes(keywords.get("dtype", args[2] if len(args) > 2 else None)) or cell_bytes(data)
    if rows is None or item is None:
        return None
    return Data("series", _SERIES, rows.scaled(item), (rows,), item, distinct=distinct(data))


def _frame(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    data = _argument(args, keywords, 0, "data")
    index, columns = _argument(args, keywords, 1, "index"), _argument(args, keywords, 2, "columns")
    dtype = dtype_bytes(_argument(args, keywords, 3, "dtype"))
    if isinstance(data, Sequence) and data.kind == "dict":
        return _of_columns(data, length_of(index), dtype)
    shape, item = _rectangle(data, index, columns)
    if shape is None or (item is None and dtype is None):
        return None
    each = dtype or item or 8.0
    return Data("frame", _FRAME, product(shape).scaled(each), shape, each)


def _of_columns(data: Sequence, index: Num | None, dtype: float | None) -> Data | None:
    if data.items is None:
        return None
    lengths = [
        length for item in data.items if not _is_scalar(item) and (length := length_of(item)) is not None
    ]
    rows = Num(max(n.low for n in lengths), max(n.high for n in lengths)) if lengths else index
    cells = [dtype or cell_bytes(item) for item in data.items]
    if rows is None or None in cells or len(lengths) + sum(map(_is_scalar, data.items)) < len(data.items):
        return None
    width = sum(cell for cell in cells if cell is not None)
    shape = (rows, Num(len(cells), len(cells)))
    return Data("frame", _FRAME, rows.scaled(width), shape, width / max(1, len(cells)))


def _rectangle(data: Value, index: Value, columns: Value) -> tuple[tuple[Num, ...] | None, float | None]:
    """Rows and columns of a frame made from anything but a dict, and the bytes of a cell."""
    if isinstance(data, Data) and data.shape is not None:
        return (data.shape if len(data.shape) > 1 else (*data.shape, ONE)), data.item
    if _is_scalar(data) and data != NONE:
        rows, width = length_of(index), length_of(columns)
        return ((rows, width), cell_bytes(data)) if rows is not None and width is not None else (None, None)
    rows = length_of(data)
    if rows is None or not isinstance(data, (Sequence, Iterator)):
        return None, None
    row = data.element
    if isinstance(row, Sequence) and row.items is not None:
        cells = [cell_bytes(item) for item in row.items]
        each = None if None in cells else sum(cell or 0 for cell in cells) / max(1, len(cells))
        return (rows, Num(len(cells), len(cells))), each
    if isinstance(row, (Sequence, Data)):
        width = length_of(row)
        return ((rows, width), cell_bytes(row)) if width is not None else (None, None)
    return (rows, ONE), cell_bytes(data)


def _is_scalar(value: Value) -> bool:
    return isinstance(value, (Num, Literal, Choice, PathValue))


def cell_bytes(value: Value) -> float | None:
    """Bytes that pandas takes for one value of a column; a text costs its object and a pointer to it."""
    if isinstance(value, Data):
        return (
            value.item
            if value.kind != "str"
            else POINTER + TEXT + (value.bytes.high if value.bytes is not None else 0)
        )
    if isinstance(value, Num):
        return 8.0
    if isinstance(value, Literal):
        if isinstance(value.value, str):
            return float(POINTER)  # one text, referred to by every row
        return 1.0 if isinstance(value.value, bool) else 8.0
    if isinstance(value, (Choice, PathValue)):
        return float(POINTER)
    if isinstance(value, (Sequence, Iterator)):
        return cell_bytes(value.element)
    return None


def distinct(value: Value) -> Num | None:
    """How many different values there are; None when nothing tells."""
    if isinstance(value, Data):
        return value.distinct
    if isinstance(value, Iterator):
        return value.length if value.why == "range" else None
    if not isinstance(value, Sequence):
        return None
    if value.items is not None and all(isinstance(item, Literal) for item in value.items):
        number = len(set(value.items))
        return Num(number, number)
    if isinstance(value.element, Choice):
        number = len(value.element.options)
        return Num(number, number)
    return None


def _dummies(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """One column for each distinct value."""
    source = _argument(args, keywords, 0, "data")
    rows, columns = length_of(source), distinct(source)
    if rows is None or columns is None or keywords.get("sparse") == Literal(True):
        return Data("frame", _FRAME)
    return Data("frame", _FRAME, product((rows, columns)), (rows, columns), 1.0)


def _concat(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """Frames below each other, of the same columns."""
    pieces = args[0] if args else keywords.get("objs", NONE)
    if not isinstance(pieces, Sequence) or pieces.items is None or "axis" in keywords or len(args) > 1:
        return None
    frames = [item for item in pieces.items if isinstance(item, Data) and item.shape is not None]
    widths = {frame.shape[1:] for frame in frames if frame.shape is not None}
    if len(frames) < len(pieces.items) or len(widths) != 1:
        return None
    rows, size = (
        total(frame.shape[0] for frame in frames if frame.shape),
        total(frame.bytes for frame in frames),
    )
    if rows is None or size is None:
        return None
    size = size + rows.scaled(POINTER)  # the joined labels
    return Data(frames[0].kind, frames[0].type, size, (rows, *widths.pop()), frames[0].item)


FRAME_MODELS: dict[str, Model] = {
    "pandas.DataFrame": _frame,
    "pandas.Series": _series,
    "pandas.get_dummies": _dummies,
    "pandas.concat": _concat,
}
