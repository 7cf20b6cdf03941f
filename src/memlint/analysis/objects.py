"""What one object costs: element types of arrays, and CPython's own objects on a 64-bit build.

Object sizes are those that ``sys.getsizeof`` gives on CPython 3.11 (Include/cpython/*.h, Objects/*.c), with the 16 bytes
of the garbage collector's header where the type has one.
"""

from __future__ import annotations

from memlint.analysis.values import (
    Data,
    Iterator,
    Literal,
    Num,
    Obj,
    PathValue,
    Ref,
    Sequence,
    Value,
    total,
)

DTYPE_BYTES: dict[str, float] = {
    "bool": 1,
    "bool_": 1,
    "int8": 1,
    "uint8": 1,
    "byte": 1,
    "ubyte": 1,
    "float8": 1,
    "int16": 2,
    "uint16": 2,
    "short": 2,
    "ushort": 2,
    "float16": 2,
    "half": 2,
    "bfloat16": 2,
    "int32": 4,
    "uint32": 4,
    "intc": 4,
    "uintc": 4,
    "float32": 4,
    "single": 4,
    "int": 8,
    "int_": 8,
    "uint": 8,
    "int64": 8,
    "uint64": 8,
    "long": 8,
    "longlong": 8,
    "ulonglong": 8,
    "intp": 8,
    "uintp": 8,
    "float": 8,
    "float_": 8,
    "float64": 8,
    "double": 8,
    "complex64": 8,
    "csingle": 8,
    "cfloat": 8,
    "complex": 16,
    "complex128": 16,
    "cdouble": 16,
    "longdouble": 16,
    "float128": 16,
    "clongdouble": 32,
    "complex256": 32,
    "datetime64": 8,
    "timedelta64": 8,
    "object": 8,
    "object_": 8,
    "string": 8,
    "category": 1,
}
_CODES: dict[str, float] = {"b": 1, "B": 1, "?": 1, "h": 2, "H": 2, "e": 2, "i": 4, "I": 4, "f": 4, "l": 8, "L": 8}
_CODES |= {"q": 8, "Q": 8, "p": 8, "P": 8, "d": 8, "F": 8, "D": 16, "g": 16, "G": 32, "O": 8, "m": 8, "M": 8}

POINTER = 8
LIST_HEADER, TUPLE_HEADER, DICT_ENTRY, SET_ENTRY = 72, 56, 100, 60
INSTANCE = 56 + 104  # an object, its dict keys shared with the class
SMALL: dict[str, int] = {"int": 28, "float": 24, "str": 49, "bytes": 33, "bool": 0, "NoneType": 0, "object": 16}


def dtype_bytes(value: Value | None) -> float | None:
    """Bytes an element of a dtype given as a name, a code such as ``"<f4"``, or a type; None when not known."""
    name: str | None = None
    if isinstance(value, Literal) and isinstance(value.value, str):
        name = value.value
    elif isinstance(value, Ref):
        name = value.name.rpartition(".")[2]
    if name is None:
        return None
    return _named_dtype(name)


def _named_dtype(name: str) -> float | None:
    base = name.partition("[")[0].lower()
    if base in DTYPE_BYTES:
        return DTYPE_BYTES[base]
    code = name.lstrip("<>=|!")
    if len(code) == 1:
        return _CODES.get(code)
    letter, digits = code[0], code[1:]
    if digits.isdecimal():
        width = int(digits)
        return float(width * 4 if letter == "U" else width) if letter in "biufcmMOSUVa" else None
    return None


def bytes_of(value: Value, depth: int = 6) -> Num | None:
    """Memory that the value holds, with all that it alone refers to; None when not known.

    Objects may refer to each other in circles; what lies more than ``depth`` references away is not counted.
    """
    if isinstance(value, Data):
        return value.bytes
    if depth == 0:
        return Num(0, 0)
    if isinstance(value, Num):
        return Num(28, 32)
    if isinstance(value, Literal):
        size = 0 if not isinstance(value.value, str) else value.length + (33 if value.is_bytes else 49)
        return Num(size, size)
    if isinstance(value, Sequence):
        return _sequence_bytes(value, depth)
    if isinstance(value, PathValue):
        return Num(200, 600)
    if isinstance(value, Obj):
        return _object_bytes(value, depth)
    if isinstance(value, Iterator):
        return Num(100, 200)
    return None


def _sequence_bytes(value: Sequence, depth: int) -> Num | None:
    slot = {"dict": DICT_ENTRY, "set": SET_ENTRY}.get(value.kind, POINTER)
    if value.items is not None and not (value.kind == "list" and value.length and value.length.high > len(value.items)):
        held = total(bytes_of(item, depth - 1) for item in value.items)
        return None if held is None else held + Num(LIST_HEADER, LIST_HEADER) + Num(slot, slot).scaled(len(value.items))
    if value.length is None:
        return None
    each = bytes_of(value.element, depth - 1)
    if each is None:
        return None
    return value.length * (each + Num(slot, slot)) + Num(LIST_HEADER, LIST_HEADER)


def _object_bytes(value: Obj, depth: int) -> Num | None:
    if isinstance(value.type, str) and not value.attrs:
        return None
    held = total(bytes_of(item, depth - 1) or Num(16, 64) for item in value.attrs.values())
    return Num(INSTANCE, INSTANCE) + held if held is not None else None
