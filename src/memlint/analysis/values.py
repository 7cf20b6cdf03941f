"""Abstract values: what is known of a Python value without running anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

if TYPE_CHECKING:
    from memlint import facts as f
    from memlint.analysis.project import Module

INFINITE = math.inf
_WIDEST_ROW = 16  # items of tuples that are joined place by place


class Value(Struct, frozen=True):
    """Nothing is known. Every other value is a subclass.

    Values are made by the million, so they are structs, which are made and compared without running any Python.
    """


UNKNOWN = Value()


class Opaque(Value, frozen=True, eq=False):
    """A value that is more than its fields say: any two of a kind compare as the same."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


class Num(Value, frozen=True, gc=False):
    """A number between ``low`` and ``high``."""

    low: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether it is one known number."""
        return self.low == self.high

    def __add__(self, other: Num) -> Num:
        return Num(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Num) -> Num:
        low = _product(self.low, other.low)
        if self.low == self.high and other.low == other.high:
            return Num(low, low)
        rest = _product(self.low, other.high), _product(self.high, other.low), _product(self.high, other.high)
        return Num(min(low, *rest), max(low, *rest))

    def scaled(self, factor: float) -> Num:
        """This many times ``factor``."""
        return Num(_product(self.low, factor), _product(self.high, factor))


def _product(a: float, b: float) -> float:
    return 0 if a == 0 or b == 0 else a * b  # 0 × infinity is 0: an empty thing stays empty


ONE = Num(1, 1)
NONE_OR_MORE = Num(0, INFINITE)


class Literal(Value, frozen=True, gc=False):
    """None, a bool, or a string whose text is known (perhaps cut, see ``length``)."""

    value: bool | str | None
    length: int = 0
    is_bytes: bool = False


NONE = Literal(None)
_ENDLESS = frozenset({"itertools.count", "itertools.cycle", "itertools.repeat"})


class PathValue(Value, frozen=True, gc=False):
    """A path. ``base`` is "module" (beside the file that computes it), "cwd", "absolute", "tmp", "url", "env" or "".

    ``text`` is relative to the base; None when the rest is not known.
    """

    base: str
    text: str | None
    is_string: bool = False


class Choice(Value, frozen=True):
    """One of several strings or paths, as parametrize or a glob gives them."""

    options: tuple[Value, ...]


class Ref(Value, frozen=True, gc=False):
    """Something of a library, by its qualified name."""

    name: str


class ModuleValue(Value, frozen=True):
    """A module of the project."""

    module: Module


class Imported(Value, frozen=True):
    """A name that an import has bound; what it means is found out when somebody asks."""

    importer: Module
    module: str  # absolute, or relative when level > 0
    level: int
    attr: str | None  # None for the module itself


class FunctionValue(Opaque, frozen=True):
    """A function of the project, perhaps bound to a receiver."""

    function: f.Function
    module: Module
    owner: ClassValue | None = None
    receiver: Value | None = None
    frame: Any = None  # the frame that a nested function closes over


class LambdaValue(Opaque, frozen=True):
    """A lambda."""

    node: f.Lambda
    frame: Any = None


class Partial(Opaque, frozen=True):
    """``functools.partial``: a callable and the arguments that it is given first."""

    func: Value
    args: tuple[Value, ...]
    keywords: dict[str, Value]


class ClassValue(Opaque, frozen=True):
    """A class of the project."""

    cls: f.Class
    module: Module


class Obj(Opaque, frozen=True):
    """An instance. ``type`` is a qualified library type, or the project's class."""

    type: str | ClassValue
    attrs: dict[str, Value] = field(default_factory=dict)
    origin: Any = None  # the Site that made it


class Method(Value, frozen=True):
    """A method of a library object: ``type.attr`` and its receiver."""

    receiver: Value
    attr: str


class Data(Value, frozen=True):
    """An array, frame, buffer, image …: elements and their bytes.

    ``shape`` holds a Num a dimension where known; ``bytes`` is the whole size.
    """

    kind: str
    type: str
    bytes: Num | None = None
    shape: tuple[Num, ...] | None = None
    item: float = 8.0  # bytes an element
    temporaries: float = 0.0  # bytes alive beside it while it was made, a byte of it
    why: tuple[str, ...] = ()
    distinct: Num | None = None  # different values of a series or index, where that is known
    virtual: bool = False  # a lazy array or a broadcast view: a shape without storage
    guessed: bool = False  # its bytes rest on a share that a table assumes

    @property
    def count(self) -> Num | None:
        """Number of elements."""
        if self.shape is not None:
            return product(self.shape)
        return self.bytes.scaled(1 / self.item) if self.bytes is not None and self.item else None


class Sequence(Value, frozen=True):
    """A list, tuple, set or dict: its items where all are known, else their number and a typical one."""

    kind: str
    items: tuple[Value, ...] | None
    length: Num | None
    element: Value = UNKNOWN
    keys: tuple[Value, ...] | None = None  # of a dict
    shared: bool = False  # its items live elsewhere, or are one and the same: a slot costs a pointer alone


class Iterator(Value, frozen=True):
    """Something to loop over. ``length`` None means not known; ``unbounded`` a source that may be huge."""

    length: Num | None
    element: Value = UNKNOWN
    endless: bool = False
    unbounded: bool = False
    why: str = ""  # what made it: "range", "permutations", "zip" …
    origin: Value = UNKNOWN  # the file, cursor … that it reads


class Mocked(Value, frozen=True):
    """A mock: calling it makes and acquires nothing."""


MOCKED = Mocked()


def product(numbers: tuple[Num, ...]) -> Num:
    """The product of all; one for none."""
    total = ONE
    for number in numbers:
        total = total * number
    return total


def total(numbers: Any) -> Num | None:
    """The sum of all; None when one is not known."""
    out = Num(0, 0)
    for number in numbers:
        if number is None:
            return None
        out = out + number
    return out


def join(values: Any) -> Value:
    """What is known when the value may be any of these."""
    found: list[Value] = list(values)
    if not found:
        return UNKNOWN
    first = found[0]
    if len(found) == 1:
        return first
    for value in found:
        if value is not first and value != first:
            break
    else:
        return first
    present = [value for value in found if value != NONE and value is not UNKNOWN]
    if len(present) < len(found) and present:
        return join(present)  # "x or None": the interesting one
    if not present:
        return UNKNOWN if UNKNOWN in found else NONE
    numbers = [value for value in present if isinstance(value, Num)]
    if len(numbers) == len(present):
        return Num(min(number.low for number in numbers), max(number.high for number in numbers))
    data = [value if isinstance(value, Data) else _as_data(value) for value in present]
    if any(isinstance(value, Data) for value in present) and None not in data:
        return _join_data([value for value in data if value is not None])
    if all(isinstance(value, Sequence) for value in present):
        return _join_sequences(present)
    if all(isinstance(value, (Literal, PathValue, Choice)) for value in present):
        return _choice(present)
    if all(isinstance(value, Iterator) for value in present):
        return _join_iterators(present)
    return max(present, key=_interest)


def _choice(values: list[Value]) -> Value:
    """Several strings or paths; more than a few dozen say no more than the first ones."""
    options: dict[Value, None] = {}
    for value in values:
        options.update(dict.fromkeys(value.options if isinstance(value, Choice) else (value,)))
    return Choice(tuple(options)[:40])


def _as_data(value: Value) -> Data | None:
    """A known text, or one of several, as data: it can be joined with one of which only the size is known."""
    if isinstance(value, Choice):
        options = [_as_data(option) for option in value.options]
        known = [option for option in options if option is not None]
        return _join_data(known) if len(known) == len(options) else None
    if not isinstance(value, Literal) or not isinstance(value.value, str):
        return None
    size = Num(value.length, value.length)
    kind = "bytes" if value.is_bytes else "str"
    return Data(kind, f"builtins.{kind}", size, (size,), 1.0)


def _join_data(found: list[Data]) -> Data:
    sizes = [value.bytes for value in found if value.bytes is not None]
    heaviest = max(found, key=lambda value: value.bytes.high if value.bytes else -1)
    if len(sizes) < len(found):
        return replace(heaviest, shape=None) if heaviest.bytes else found[0]
    return replace(heaviest, bytes=Num(min(s.low for s in sizes), max(s.high for s in sizes)), shape=None)


def _join_sequences(found: list[Any]) -> Sequence:
    lengths = [value.length for value in found]
    length = None if None in lengths else Num(min(n.low for n in lengths), max(n.high for n in lengths))
    element = join([value.element for value in found])
    keys = found[0].keys if found[0].items is not None else None
    if keys and all(value.keys == keys and value.items is not None for value in found):
        columns = zip(*(value.items for value in found), strict=True)
        return Sequence(found[0].kind, tuple(join(column) for column in columns), length, element, keys)
    return Sequence(found[0].kind, _joined_items(found), length, element)


def _joined_items(found: list[Any]) -> tuple[Value, ...] | None:
    """Of short tuples of one length what is known at each place: rows of (height, width)."""
    first = found[0].items
    if first is None or len(first) > _WIDEST_ROW:
        return None
    if any(value.kind != "tuple" or value.items is None or len(value.items) != len(first) for value in found):
        return None
    if _are_rearranged([value.items for value in found]):
        return first  # type: ignore[no-any-return]
    return tuple(join(column) for column in zip(*(value.items for value in found), strict=True))


def _are_rearranged(rows: list[tuple[Value, ...]]) -> bool:
    """Whether all hold the same numbers in another order: ``(n, 3, size)``, or ``(n, size, 3)`` with channels last."""
    if not all(isinstance(item, Num) for row in rows for item in row):
        return False
    return len({tuple(sorted((item.low, item.high) for item in row)) for row in rows}) == 1  # type: ignore[attr-defined]


def _join_iterators(found: list[Any]) -> Iterator:
    """One of several sources: it is endless only when all of them are."""
    chosen: Iterator = next((value for value in found if not value.endless), found[0])
    lengths = [value.length for value in found]
    length = None if None in lengths else Num(min(n.low for n in lengths), max(n.high for n in lengths))
    element = join([value.element for value in found])
    return replace(chosen, length=None if chosen.endless else length, element=element)


def _interest(value: Value) -> int:
    """Which of several possible values an analysis would rather follow.

    ``it = range`` and ``it = itertools.count`` in a branch: as with iterators, it is endless only when all are.
    """
    if isinstance(value, Ref) and value.name in _ENDLESS:
        return 1
    for rank, kind in enumerate(
        (Literal, Num, Ref, PathValue, Choice, Sequence, Iterator, FunctionValue, Data, Obj)
    ):
        if isinstance(value, kind):
            return rank + 1
    return 0


def text_of(value: Value) -> str | None:
    """The string that a value is known to be."""
    if isinstance(value, Literal) and isinstance(value.value, str) and value.length <= len(value.value):
        return value.value
    if isinstance(value, PathValue) and value.base in {"cwd", "absolute", "url"}:
        return value.text
    return None


def truth(value: Value) -> bool | None:
    """Whether the value is true, where that is known."""
    if isinstance(value, Literal):
        return bool(value.value) if not isinstance(value.value, str) else value.length > 0
    if isinstance(value, Num):
        return bool(value.low) if value.exact else None
    if isinstance(value, Sequence) and value.length is not None and value.length.exact:
        return value.length.low > 0
    if (
        isinstance(value, Data)
        and value.kind in {"bytes", "str"}
        and value.bytes is not None
        and value.bytes.low > 0
    ):
        return True
    return None
