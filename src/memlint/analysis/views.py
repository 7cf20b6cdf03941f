"""Indexing: what ``base[index]`` gives, for sequences, arrays and frames."""

from __future__ import annotations

from collections.abc import Sequence as Items

from msgspec.structs import replace

from memlint import facts as f
from memlint.analysis.texts import from_environment
from memlint.analysis.values import (
    INFINITE,
    NONE,
    ONE,
    UNKNOWN,
    Data,
    Literal,
    Num,
    Ref,
    Sequence,
    Value,
    join,
    product,
)


def subscript(base: Value, index: Items[Value], nodes: Items[f.Expr]) -> Value:
    """``base[index]``."""
    first = index[0] if index else UNKNOWN
    if isinstance(base, Sequence):
        return _item(base, first, nodes)
    if isinstance(base, Data):
        return _view(base, index, nodes)
    if isinstance(base, Literal) and isinstance(nodes[0], f.Slice):
        return UNKNOWN
    if isinstance(base, Ref):
        if base.name == "os.environ":
            return from_environment(first)
        return Ref(base.name) if base.name.startswith("typing.") else UNKNOWN
    return UNKNOWN


def _item(base: Sequence, first: Value, nodes: Items[f.Expr]) -> Value:
    if isinstance(nodes[0], f.Slice):
        return _slice_of(base, first)
    if base.items is not None and isinstance(first, Num) and first.exact and base.kind != "dict":
        position = int(first.low)
        if -len(base.items) <= position < len(base.items):
            return base.items[position]
        if base.kind == "tuple":
            return UNKNOWN  # there is none: another row's, or another branch's
    if base.kind == "dict" and base.keys is not None and base.items is not None:
        for key, value in zip(base.keys, base.items, strict=True):
            if key == first and first is not UNKNOWN:
                return value
        if is_exact(first) and all(map(is_exact, base.keys)):
            return UNKNOWN  # put in somewhere else, and no other one's value
    return base.element


def is_exact(key: Value) -> bool:
    """Whether a key is one text or number, and known."""
    return isinstance(key, Literal) or (isinstance(key, Num) and key.exact)


def dict_of(keys: Items[Value], values: Items[Value]) -> Sequence:
    """A dict whose keys and values are told one by one."""
    return Sequence("dict", tuple(values), _exactly(len(values)), join(list(values[:20])), tuple(keys))


def merge_dicts(parts: Items[Value]) -> Sequence:
    """``{**first, **second}``: the later value of a key stands; unknown where one of the keys is not known."""
    found: dict[Value, Value] = {}
    for part in parts:
        known = part if isinstance(part, Sequence) and part.kind == "dict" else None
        if known is None or known.keys is None or known.items is None or UNKNOWN in known.keys:
            return Sequence("dict", None, None)
        found.update(zip(known.keys, known.items, strict=False))
    return dict_of(tuple(found), tuple(found.values()))


def _slice_of(base: Sequence, part: Value) -> Sequence:
    if base.length is None:
        return Sequence(base.kind, None, None, base.element)
    bounds = _bounds(part)
    length = _sliced(base.length, part) if bounds is not None else None  # most often a few at a time
    if base.items is not None and bounds is not None:
        taken = base.items[bounds]
        return Sequence(base.kind, taken, _exactly(len(taken)), base.element)
    return Sequence(base.kind, None, length, base.element, shared=True)


def _view(base: Data, index: Items[Value], nodes: Items[f.Expr]) -> Value:
    if base.kind == "str":
        return UNKNOWN
    if base.kind in {"frame", "bytes"} or base.shape is None:
        return _part(base, index, nodes)
    picked = fancy(base, index)
    if picked is not None:
        return picked
    shape = _indexed(base.shape, index, nodes)
    if shape is None:
        return Data(base.kind, base.type)
    if not shape:
        return UNKNOWN
    return replace(base, bytes=product(shape).scaled(base.item), shape=shape)


def fancy(base: Data, index: Items[Value]) -> Data | None:
    """``base[index]`` with one array or list of positions; None when it is something else."""
    if len(index) != 1 or base.shape is None or not isinstance(index[0], (Data, Sequence)):
        return None
    chosen = index[0]
    shape = chosen.shape if isinstance(chosen, Data) else (chosen.length,) if chosen.kind == "list" else None
    if shape is None or None in shape:
        return None
    known = tuple(axis for axis in shape if axis is not None)
    if isinstance(chosen, Data) and chosen.item == 1.0:  # a mask selects some
        return replace(base, bytes=Num(0, (base.bytes or Num(0, INFINITE)).high), shape=None, virtual=False)
    return replace(
        base,
        bytes=product((*known, *base.shape[1:])).scaled(base.item),
        shape=(*known, *base.shape[1:]),
        virtual=False,
    )


def _part(base: Data, index: Items[Value], nodes: Items[f.Expr]) -> Value:
    """Rows of a frame, a slice of bytes, or a part of something whose shape is not known."""
    if base.kind == "frame" and base.shape is not None and len(base.shape) == 2:
        columns = _columns(index[0])
        rows = base.shape[0]
        if columns is None or isinstance(nodes[0], f.Slice):
            return Data(base.kind, base.type)
        kind, type_ = ("series", "pandas.Series") if columns == 0 else ("frame", base.type)
        shape = (rows,) if columns == 0 else (rows, Num(columns, columns))
        return Data(kind, type_, product(shape).scaled(base.item), shape, base.item)
    return Data(base.kind if isinstance(nodes[0], f.Slice) else "array", base.type)


def _columns(index: Value) -> int | None:
    """How many columns of a frame are taken; 0 for one as a series."""
    if isinstance(index, Literal) and isinstance(index.value, str):
        return 0
    return len(index.items) if isinstance(index, Sequence) and index.kind == "list" and index.items else None


def _indexed(shape: tuple[Num, ...], index: Items[Value], nodes: Items[f.Expr]) -> tuple[Num, ...] | None:
    """The shape of a view, by numpy's basic indexing; None when it uses something else."""
    consumed = sum(not _is_new(node) and not _is_ellipsis(node) for node in nodes)
    left = list(shape)
    out: list[Num] = []
    for value, node in zip(index, nodes, strict=False):
        if _is_new(node):
            out.append(ONE)
        elif _is_ellipsis(node):
            kept = max(0, len(shape) - consumed)
            out += left[:kept]
            left = left[kept:]
        elif not left:
            return None
        elif isinstance(node, f.Slice):
            out.append(_at_most(_sliced(left.pop(0), value), _width(node, value)))
        elif isinstance(value, Num) or value is UNKNOWN:
            left.pop(0)
        else:
            return None
    return (*out, *left)


def _is_new(node: f.Expr) -> bool:
    is_none = isinstance(node, f.Const) and node.value is None
    return is_none or (isinstance(node, f.Name) and node.path.endswith("newaxis"))


def _is_ellipsis(node: f.Expr) -> bool:
    return isinstance(node, f.Other) and node.what == "Ellipsis"


def _sliced(axis: Num, value: Value) -> Num:
    """The length of ``axis[lower:upper:step]``."""
    bounds = _bounds(value)
    if bounds == slice(None, None, None):
        return axis
    if bounds is None or not axis.exact or axis.high > 2**62:
        return Num(0, axis.high)
    return _exactly(len(range(int(axis.low))[bounds]))


def _width(node: f.Slice, value: Value) -> float | None:
    """The length of ``[start : start + size]``, whatever ``start`` is."""
    items = value.items if isinstance(value, Sequence) else None
    if items is None or not isinstance(node.upper, f.Binary) or node.upper.op != "+":
        return None
    lower, upper = items[0], items[1]
    if node.lower not in (node.upper.left, node.upper.right):
        return None
    if not isinstance(lower, Num) or not isinstance(upper, Num) or upper.high == INFINITE:
        return None
    width = upper.low - lower.low
    return width if width == upper.high - lower.high and width >= 0 else None


def _at_most(length: Num, width: float | None) -> Num:
    return length if width is None else Num(min(length.low, width), min(length.high, width))


def _bounds(value: Value) -> slice | None:
    """The slice that three known numbers make."""
    items = value.items if isinstance(value, Sequence) else None
    if items is None or not all(item == NONE or (isinstance(item, Num) and item.exact) for item in items):
        return None
    lower, upper, step = (int(item.low) if isinstance(item, Num) else None for item in items)
    return None if step == 0 else slice(lower, upper, step)


def _exactly(number: float) -> Num:
    return Num(number, number)
