"""Functions of numpy whose result's shape follows from the shapes of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from memlint.analysis import arithmetic
from memlint.analysis.objects import dtype_bytes
from memlint.analysis.values import (
    NONE,
    ONE,
    Data,
    Literal,
    Num,
    Ref,
    Sequence,
    Value,
    product,
    total,
)

_OF_SMALL_INTEGERS = 2.0  # bytes of an element that is most likely an integer

Model = Callable[[Any, Value, list[Value], dict[str, Value]], Value | None]


def shaped(source: Data, shape: tuple[Num, ...], item: float | None = None) -> Data:
    """An array like ``source`` of another shape."""
    each = source.item if item is None else item
    return Data(source.kind, source.type, product(shape).scaled(each), shape, each)


def _broadcast(op: str) -> Model:
    """An elementwise function of two arrays."""

    def model(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
        if len(args) < 2 or keywords.get("out", NONE) != NONE:
            return None
        result = arithmetic.binary(op, args[0], args[1])
        return result if isinstance(result, Data) and result.bytes is not None else None

    return model


def _where(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value | None:
    if len(args) != 3:
        return None
    chosen = [arg for arg in args[1:] if isinstance(arg, Data)]
    given = [arg for arg in args if isinstance(arg, Data)]
    if not given or any(arg.shape is None for arg in given):
        return None
    shape = given[0].shape or ()
    for arg in given[1:]:
        shape = arithmetic.broadcast(shape, arg.shape or ())
    item = max((arg.item for arg in chosen), default=8.0)
    if item <= _OF_SMALL_INTEGERS and any(map(_is_fraction, args[1:])):
        item = 8.0  # ``where(counts == 0, nan, counts)``: NumPy makes float64 of integers and a float
    return shaped(given[0], shape, item)


def _is_fraction(value: Value) -> bool:
    """A Python float: ``nan``, ``inf``, 0.5."""
    if isinstance(value, Ref):
        return value.name.rpartition(".")[2] in {"nan", "NaN", "inf"}
    return isinstance(value, Num) and value.exact and not float(value.low).is_integer()


def _matmul(_: Any, receiver: Value, args: list[Value], ___: dict[str, Value]) -> Value | None:
    pair = [receiver, *args] if isinstance(receiver, Data) else args
    result = arithmetic.binary("@", pair[0], pair[1]) if len(pair) > 1 else None
    return result if isinstance(result, Data) and result.bytes is not None else None


def _axis(keywords: dict[str, Value], args: list[Value], position: int, default: int) -> int | None:
    value = keywords.get("axis", args[position] if len(args) > position else Num(default, default))
    return int(value.low) if isinstance(value, Num) and value.exact else None


def _joined(
    shape_of: Callable[[list[tuple[Num, ...]], int], tuple[Num, ...] | None], default: int = 0
) -> Model:
    """concatenate, stack and their like, where all shapes are known."""

    def model(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
        pieces = args[0].items if args and isinstance(args[0], Sequence) else None
        axis = _axis(keywords, args, 1, default)
        if not pieces or axis is None or "dtype" in keywords:
            return None
        arrays = [piece for piece in pieces if isinstance(piece, Data) and piece.shape is not None]
        if len(arrays) < len(pieces):
            return None
        shape = shape_of([array.shape or () for array in arrays], axis)
        return shaped(arrays[0], shape, max(array.item for array in arrays)) if shape is not None else None

    return model


def _concatenated(shapes: list[tuple[Num, ...]], axis: int) -> tuple[Num, ...] | None:
    first = shapes[0]
    if not -len(first) <= axis < len(first) or any(len(shape) != len(first) for shape in shapes):
        return None
    along = total(shape[axis] for shape in shapes)
    position = axis % len(first)
    return (*first[:position], along, *first[position + 1 :]) if along is not None else None


def _stacked(shapes: list[tuple[Num, ...]], axis: int) -> tuple[Num, ...] | None:
    first = shapes[0]
    position = axis if axis >= 0 else axis + len(first) + 1
    return (*first[:position], Num(len(shapes), len(shapes)), *first[position:]) if position >= 0 else None


def _vstacked(shapes: list[tuple[Num, ...]], _: int) -> tuple[Num, ...] | None:
    return _concatenated([(ONE, *shape) if len(shape) == 1 else shape for shape in shapes], 0)


def _hstacked(shapes: list[tuple[Num, ...]], _: int) -> tuple[Num, ...] | None:
    return _concatenated(shapes, 0 if len(shapes[0]) == 1 else 1)


def _columns(shapes: list[tuple[Num, ...]], _: int) -> tuple[Num, ...] | None:
    return _concatenated([(*shape, ONE) if len(shape) == 1 else shape for shape in shapes], 1)


def _meshgrid(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    if any(keywords.get(name) == Literal(value) for name, value in (("sparse", True), ("copy", False))):
        return None
    arrays = [arg for arg in args if isinstance(arg, Data) and arg.count is not None]
    if len(arrays) < len(args) or len(arrays) < 2:
        return None
    axes = [array.count or ONE for array in arrays]
    if keywords.get("indexing") != Literal("ij", 2):
        axes[:2] = axes[1::-1]
    grids = tuple(shaped(array, tuple(axes)) for array in arrays)
    return Sequence("tuple", grids, Num(len(grids), len(grids)), grids[0])


def _diag(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value | None:
    source = args[0] if args else None
    if not isinstance(source, Data) or source.shape is None or len(args) > 1:
        return None
    if len(source.shape) == 1:
        return shaped(source, (source.shape[0], source.shape[0]))
    return shaped(source, source.shape[:1])


def _flat(_: Any, receiver: Value, args: list[Value], __: dict[str, Value]) -> Value | None:
    source = receiver if isinstance(receiver, Data) else args[0] if args else None
    if not isinstance(source, Data) or source.count is None:
        return None
    return replace(source, shape=(source.count,))


def _transposed(_: Any, receiver: Value, args: list[Value], __: dict[str, Value]) -> Value | None:
    own = isinstance(receiver, Data)
    source = receiver if own else args[0] if args else None
    if not isinstance(source, Data) or source.shape is None or len(args) > (0 if own else 1):
        return None
    return replace(source, shape=source.shape[::-1])


def _array(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """``np.array`` of nested lists: the type of the leaves decides, unless a dtype is given."""
    source = args[0] if args else keywords.get("object")
    if isinstance(source, (Num,)) or not isinstance(source, Sequence) or source.kind in {"dict", "set"}:
        return None
    found = _leaves(source)
    if found is None:
        return None
    shape, leaf = found
    given = args[1] if len(args) > 1 else keywords.get("dtype")
    item = dtype_bytes(given) if given is not None else _leaf_bytes(leaf)
    if item is None:
        return None
    return Data("array", "numpy.ndarray", product(shape).scaled(item), shape, item)


def _leaves(value: Value) -> tuple[tuple[Num, ...], Value] | None:
    if isinstance(value, Data) and value.shape is not None and value.kind == "array":
        return value.shape, value
    if isinstance(value, Sequence):
        inner = _leaves(value.element)
        return (
            ((value.length, *inner[0]), inner[1]) if inner is not None and value.length is not None else None
        )
    return (), value


def _leaf_bytes(leaf: Value) -> float | None:
    if isinstance(leaf, Data):
        return leaf.item
    if isinstance(leaf, Num):
        return 8.0
    if isinstance(leaf, Literal) and isinstance(leaf.value, bool):
        return 1.0
    if isinstance(leaf, Literal) and isinstance(leaf.value, str):
        return float(leaf.length * (1 if leaf.is_bytes else 4))
    return None


def _full(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """``np.full``: the fill value's type, unless a dtype is given."""
    from memlint.analysis.sizes import dimensions

    shape = dimensions(args[0] if args else keywords.get("shape", NONE))
    fill = args[1] if len(args) > 1 else keywords.get("fill_value")
    given = args[2] if len(args) > 2 else keywords.get("dtype")
    item = dtype_bytes(given) if given is not None else _leaf_bytes(fill) if fill is not None else None
    if shape is None or item is None:
        return None
    return Data("array", "numpy.ndarray", product(shape).scaled(item), shape, item)


def _drawn(per_sample: int, size_at: int) -> Model:
    """A random generator that draws a vector a sample: ``size`` samples of the vector's length."""

    def model(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
        from memlint.analysis.sizes import dimensions

        vector = args[per_sample] if len(args) > per_sample else None
        size = args[size_at] if len(args) > size_at else keywords.get("size")
        width = vector.shape[-1] if isinstance(vector, Data) and vector.shape else None
        if isinstance(vector, Sequence):
            width = vector.length
        samples = dimensions(size) if size is not None else None
        if width is None or samples is None:
            return None
        shape = (*samples, width)
        return Data("array", "numpy.ndarray", product(shape).scaled(8), shape)

    return model


_VECTORS = {"multinomial": (1, 2), "dirichlet": (0, 1), "multivariate_normal": (0, 2)}
_GENERATORS = ("numpy.random", "numpy.random.Generator", "numpy.random.RandomState")
_ELEMENTWISE = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "true_divide": "/",
    "floor_divide": "//",
    "power": "**",
    "mod": "%",
    "maximum": "+",
    "minimum": "+",
    "hypot": "+",
    "arctan2": "+",
    "fmax": "+",
    "fmin": "+",
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
}
ARRAY_MODELS: dict[str, Model] = {
    **{f"numpy.{name}": _broadcast(op) for name, op in _ELEMENTWISE.items()},
    **{f"{base}.{name}": _drawn(*places) for base in _GENERATORS for name, places in _VECTORS.items()},
    "numpy.where": _where,
    "numpy.matmul": _matmul,
    "numpy.dot": _matmul,
    "numpy.ndarray.dot": _matmul,
    "torch.matmul": _matmul,
    "torch.mm": _matmul,
    "numpy.concatenate": _joined(_concatenated),
    "numpy.stack": _joined(_stacked),
    "numpy.vstack": _joined(_vstacked),
    "numpy.hstack": _joined(_hstacked),
    "numpy.column_stack": _joined(_columns, 1),
    "torch.cat": _joined(_concatenated),
    "torch.stack": _joined(_stacked),
    "numpy.meshgrid": _meshgrid,
    "numpy.diag": _diag,
    "numpy.ravel": _flat,
    "numpy.ndarray.ravel": _flat,
    "numpy.ndarray.flatten": _flat,
    "torch.Tensor.flatten": _flat,
    "numpy.transpose": _transposed,
    "numpy.ndarray.transpose": _transposed,
    "numpy.array": _array,
    "numpy.asarray": _array,
    "numpy.full": _full,
}
