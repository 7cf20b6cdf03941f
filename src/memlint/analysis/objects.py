"""What one object costs: element types of arrays, and CPython's own objects on a 64-bit build.

Object sizes are those that ``sys.getsizeof`` gives on CPython 3.11 (Include/cpython/*.h, Objects/*.c), with the
16 bytes of the garbage collector's header where the type has one.
"""

from __future__ import annotations

from memlint import facts as f
from memlint.analysis.values import (
    ClassValue,
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
_CODES: dict[str, float] = {
    "b": 1,
    "B": 1,
    "?": 1,
    "h": 2,
    "H": 2,
    "e": 2,
    "i": 4,
    "I": 4,
    "f": 4,
    "l": 8,
    "L": 8,
}
_CODES |= {"q": 8, "Q": 8, "p": 8, "P": 8, "d": 8, "F": 8, "D": 16, "g": 16, "G": 32, "O": 8, "m": 8, "M": 8}

POINTER = 8
LIST_HEADER, TUPLE_HEADER = 56, 40
DICT_HEADER, SET_HEADER = 96, 216
INSTANCE, ATTRIBUTE = 72, 8  # an instance and the values of its attributes, keys shared with the class
SLOTTED = 32
INT, FLOAT, TEXT, BYTES = 32, 24, 49, 33
SMALLEST_INT, LARGEST_INT = -5, 256  # of those that exist once
HEADERS = {
    "array": 112,
    "bytes": BYTES,
    "str": TEXT,
    "frame": 4000,
    "series": 1500,
    "tensor": 400,
    "image": 500,
}


def dtype_bytes(value: Value | None) -> float | None:
    """Bytes an element of a dtype given as a name, a code such as ``"<f4"``, or a type; None when not known."""
    name: str | None = None
    if isinstance(value, Literal) and isinstance(value.value, str):
        name = value.value
    elif isinstance(value, Ref):
        library, _, name = value.name.rpartition(".")
        if library == "torch" and name in {"float", "int"}:
            return 4.0  # of C, where NumPy and Python mean eight
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


def bytes_of(value: Value) -> Num | None:
    """Memory that the value holds, with all that it refers to, each object once; None when not known."""
    return _bytes(value, set())


def _bytes(value: Value, seen: set[int]) -> Num | None:
    if isinstance(value, Data):
        return Num(0, 0) if value.virtual else value.bytes
    if isinstance(value, Num):
        return Num(FLOAT, INT)
    if isinstance(value, Literal):
        size = 0 if not isinstance(value.value, str) else value.length + (BYTES if value.is_bytes else TEXT)
        return Num(size, size)
    if isinstance(value, Sequence):
        return _sequence_bytes(value, seen)
    if isinstance(value, PathValue):
        return _path_bytes(value)
    if isinstance(value, Obj):
        return _object_bytes(value, seen)
    if isinstance(value, Iterator):
        return Num(100, 200)
    return None


def _path_bytes(path: PathValue) -> Num:
    """A pathlib path with its parts, or only the text of one: names are 10 to 60 characters where nothing tells."""
    if not path.is_string:
        return Num(200, 600)
    known = len(path.text) if path.text is not None else None
    return Num(TEXT + known, TEXT + known) if known is not None else Num(TEXT + 10, TEXT + 60)


def _held(value: Value, seen: set[int]) -> Num | None:
    """What one more such thing costs inside a container: constants and small ints exist once."""
    if isinstance(value, Literal):
        return Num(0, 0)
    if isinstance(value, Num):
        cached = value.exact or (value.low >= SMALLEST_INT and value.high <= LARGEST_INT)
        return Num(0, 0) if cached else Num(FLOAT, INT)
    size = _bytes(value, seen)
    if isinstance(value, Data) and size is not None:
        header = HEADERS.get(value.kind, 0)
        return size + Num(header, header)
    return size


def _sequence_bytes(value: Sequence, seen: set[int]) -> Num | None:
    length = value.length
    if value.items is not None and (length is None or length.high <= len(value.items)):
        keys = value.keys if value.keys is not None else ()
        own = () if value.shared else value.items
        items = total(_held(item, seen) for item in (*own, *keys))
        return (
            None
            if items is None
            else items + _table(value.kind, Num(len(value.items), len(value.items)), keys)
        )
    if length is None:
        return None
    keys = value.keys or ()
    table = _table(value.kind, length, keys)
    if value.shared:
        return table
    each = _held(value.element, seen)
    key = total(_held(one, seen) for one in keys[:1])
    return None if each is None or key is None else length * (each + key) + table


def _table(kind: str, length: Num, keys: tuple[Value, ...]) -> Num:
    """The container itself, without what its slots refer to."""
    if kind == "dict":
        entry = 16 if keys and all(_is_text(key) for key in keys) else 24
        return Num(_dict_table(length.low, entry), _dict_table(length.high, entry))
    if kind == "set":
        return Num(_set_table(length.low), _set_table(length.high))
    header = TUPLE_HEADER if kind == "tuple" else LIST_HEADER
    return length.scaled(POINTER) + Num(header, header)


def _is_text(value: Value) -> bool:
    return (isinstance(value, Data) and value.kind == "str") or (
        isinstance(value, Literal) and not value.is_bytes
    )


def _dict_table(length: float, entry: int) -> float:
    """Bytes of a dict filled one by one (Objects/dictobject.c): indices, and entries for two thirds of them."""
    if length < 1:
        return 64
    if length > 2**60:
        return length * entry * 1.5
    slots = 8
    while slots * 2 // 3 < length:
        slots *= 2
    index = 1 if slots <= 2**7 else 2 if slots <= 2**15 else 4 if slots <= 2**31 else 8
    return DICT_HEADER + slots * index + slots * 2 // 3 * entry


def _set_table(length: float) -> float:
    """Bytes of a set that was filled one by one (Objects/setobject.c): it grows when three fifths are taken."""
    slots = 8
    while length * 5 >= (slots - 1) * 3 and slots < 2**60:
        used = (slots - 1) * 3 // 5 + 1
        wanted = used * 2 if used > 50_000 else used * 4
        while slots <= wanted:
            slots *= 2
    return SET_HEADER + (slots * 16 if slots > 8 else 0)


def _object_bytes(value: Obj, seen: set[int]) -> Num | None:
    if id(value) in seen:
        return Num(0, 0)
    seen.add(id(value))
    if isinstance(value.type, str) and not value.attrs:
        return None
    held = total(_held(item, seen) or Num(16, 64) for item in value.attrs.values())
    if held is None:
        return None
    slotted = isinstance(value.type, ClassValue) and has_slots(value.type)
    own = (SLOTTED if slotted else INSTANCE) + ATTRIBUTE * len(value.attrs)
    return Num(own, own) + held


def has_slots(value: ClassValue) -> bool:
    """Whether the class declares ``__slots__``, itself or by ``@dataclass(slots=True)``."""
    assigned = any(
        isinstance(statement, f.Assign) and any(target == f.Name("__slots__") for target in statement.targets)
        for statement in value.cls.body
    )
    slots = f.Arg(f.Const(True), "slots")
    return assigned or any(isinstance(d, f.Call) and slots in d.args for d, _ in value.cls.decorators)
