"""The library types by which API tables know the methods of values."""

from __future__ import annotations

from memlint.analysis.values import Data, Literal, Method, Obj, PathValue, Ref, Sequence, Value

DATA_TYPES = {
    "array": "numpy.ndarray",
    "frame": "pandas.DataFrame",
    "series": "pandas.Series",
    "bytes": "builtins.bytes",
    "str": "builtins.str",
    "list": "builtins.list",
    "tensor": "torch.Tensor",
    "image": "PIL.Image.Image",
    "sparse": "scipy.sparse.csr_matrix",
    "range": "builtins.range",
    "buffer": "io.BytesIO",
}


def type_name(value: Value) -> str | None:
    """The qualified type by which tables know a value's methods."""
    if isinstance(value, Obj):
        return value.type if isinstance(value.type, str) else None
    if isinstance(value, Data):
        return value.type or DATA_TYPES.get(value.kind)
    if isinstance(value, Sequence):
        return f"builtins.{value.kind}"
    if isinstance(value, Literal) and isinstance(value.value, str):
        return "builtins.bytes" if value.is_bytes else "builtins.str"
    if isinstance(value, PathValue):
        return "builtins.str" if value.is_string else "pathlib.Path"
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, Method):  # an accessor: frame.plot.bar()
        owner = type_name(value.receiver)
        return f"{owner}.{value.attr}" if owner is not None else None
    return None
