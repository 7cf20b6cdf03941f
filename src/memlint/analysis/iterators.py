"""Functions that make iterators: how many items they give, or that they give them without end."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from memlint import facts as f
from memlint.analysis import arithmetic
from memlint.analysis.loops import expressions
from memlint.analysis.values import (
    INFINITE,
    UNKNOWN,
    ClassValue,
    FunctionValue,
    Iterator,
    LambdaValue,
    Method,
    Num,
    Obj,
    Partial,
    Sequence,
    Value,
    join,
    product,
    total,
)

Model = Callable[[Any, Value, list[Value], dict[str, Value]], Value | None]
FOREVER = Num(INFINITE, INFINITE)
_LARGEST = 1e300


def iterate(evaluator: Any, value: Value) -> Iterator:
    """What looping over a value gives; classes of the project are asked for their own iteration."""
    if not isinstance(value, Obj):
        return arithmetic.iterate(value)
    if isinstance(value.type, ClassValue):
        return _iterate_object(evaluator, value)
    site = value.origin
    if site is not None and any(entry.unbounded for entry in site.entries):
        return Iterator(None, UNKNOWN, unbounded=True, why=site.name, origin=value)
    return arithmetic.iterate(value)


def _iterate_object(evaluator: Any, value: Obj) -> Iterator:
    assert isinstance(value.type, ClassValue)
    name = value.type.cls.name
    iter_ = evaluator.class_member(value.type, "__iter__", value)
    if isinstance(iter_, FunctionValue):
        if _returns_self(iter_.function):
            next_ = evaluator.class_member(value.type, "__next__", value)
            endless = isinstance(next_, FunctionValue) and _never_raises(next_.function)
            return Iterator(FOREVER if endless else None, UNKNOWN, endless=endless, why=f"{name}.__next__")
        result = evaluator.call_value(iter_, [], {}, evaluator.scratch(value.type.module))
        return arithmetic.iterate(result)
    item = evaluator.class_member(value.type, "__getitem__", value)
    if isinstance(item, FunctionValue) and (
        _never_raises(item.function) or has_every_item(item.function, name)
    ):
        return Iterator(
            FOREVER, UNKNOWN, endless=True, why=f"{name}.__getitem__, which has an item for every index"
        )
    return Iterator(None)


def _returns_self(function: f.Function) -> bool:
    body = f.body_of(function)
    return len(body) == 1 and isinstance(body[0], f.Return) and body[0].value == f.Name("self")


def _never_raises(function: f.Function) -> bool:
    """Whether nothing in a body could raise StopIteration or IndexError."""
    raising = (f.Raise, f.Call, f.Subscript, f.Yield, f.Assert, f.Await)
    return not any(isinstance(node, raising) for node in expressions(f.body_of(function)))  # type: ignore[arg-type]


def has_every_item(function: f.Function, cls: str) -> bool:
    """Whether a ``__getitem__`` has an item for every index: it looks at nothing, or makes one more of its own kind."""
    raising = (f.Raise, f.Subscript, f.Yield, f.Assert, f.Await)
    key = function.params[1].name if len(function.params) > 1 else ""
    for node in expressions(f.body_of(function)):  # type: ignore[arg-type]
        if isinstance(node, raising) or (
            isinstance(node, f.Name) and node.path.partition(".")[0] == key != ""
        ):
            return False
        if isinstance(node, f.Call) and node.func not in {
            f.Name(cls),
            f.Name("self.__class__"),
            f.Name("type"),
        }:
            inner = node.func.func if isinstance(node.func, f.Call) else None
            if inner != f.Name("type") and not (
                isinstance(node.func, f.Name) and node.func.path.endswith("Mock")
            ):
                return False
    return any(isinstance(s, f.Return) and s.value is not None for s in f.body_of(function))


# --- endless, chained and bounded ---------------------------------------------------------------------------


def _count(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    low = args[0].low if args and isinstance(args[0], Num) else 0
    return Iterator(FOREVER, Num(low, INFINITE), endless=True, why="itertools.count()")


def _cycle(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
    source = iterate(evaluator, args[0]) if args else Iterator(None)
    return Iterator(FOREVER, source.element, endless=True, why="itertools.cycle()")


def _repeat(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
    element = args[0] if args else UNKNOWN
    times = args[1] if len(args) > 1 else keywords.get("times")
    if times is None:
        return Iterator(FOREVER, element, endless=True, why="itertools.repeat()")
    return Iterator(times if isinstance(times, Num) else None, element, why="repeat")


def _chain(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
    return _chained([iterate(evaluator, arg) for arg in args])


def _chained(sources: list[Iterator]) -> Iterator:
    length = total(source.length for source in sources)
    return Iterator(
        length,
        join([source.element for source in sources]),
        any(source.endless for source in sources),
        any(source.unbounded for source in sources),
        "chain",
        next((source.origin for source in sources if source.unbounded), UNKNOWN),
    )


def _from_iterable(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
    source = iterate(evaluator, args[0]) if args else Iterator(None)
    if isinstance(args[0] if args else None, Sequence) and args[0].items is not None:  # type: ignore[attr-defined]
        return _chained([iterate(evaluator, item) for item in args[0].items])  # type: ignore[attr-defined]
    inner = iterate(evaluator, source.element)
    length = source.length * inner.length if source.length is not None and inner.length is not None else None
    return Iterator(length, inner.element, why="chain")


def _at_most(position: int, keep: bool = True) -> Model:
    """As long as its argument or shorter: whatever is endless may be cut."""

    def model(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
        source = iterate(evaluator, args[position]) if len(args) > position else Iterator(None)
        length = None if source.length is None or source.endless else Num(0, source.length.high)
        return Iterator(length, source.element if keep else UNKNOWN)

    return model


def _as_long(position: int) -> Model:
    def model(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
        source = iterate(evaluator, args[position]) if len(args) > position else Iterator(None)
        return Iterator(source.length, UNKNOWN, source.endless, source.unbounded, source.why, source.origin)

    return model


def _zip_longest(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
    sources = [iterate(evaluator, arg) for arg in args]
    lengths = [source.length for source in sources]
    known = [length for length in lengths if length is not None]
    longest = (
        Num(max(n.low for n in known), max(n.high for n in known))
        if known and len(known) == len(lengths)
        else None
    )
    items = tuple(source.element for source in sources)
    return Iterator(
        longest, Sequence("tuple", items, Num(len(items), len(items))), any(s.endless for s in sources)
    )


def _next(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
    return iterate(evaluator, args[0]).element if args else UNKNOWN


def _sentinel(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
    if len(args) < 2:
        return iterate(evaluator, args[0]) if args else UNKNOWN
    origin = _read_from(evaluator, args[0])
    return Iterator(
        None, UNKNOWN, unbounded=origin is not UNKNOWN, why="iter(callable, sentinel)", origin=origin
    )


def _read_from(evaluator: Any, func: Value) -> Value:
    """The file that a callable reads from."""
    if isinstance(func, Partial):
        return _read_from(evaluator, func.func)
    if isinstance(func, Method):
        return func.receiver if isinstance(func.receiver, Obj) else UNKNOWN
    if (
        isinstance(func, LambdaValue)
        and isinstance(func.node.body, f.Call)
        and isinstance(func.node.body.func, f.Name)
    ):
        base = func.node.body.func.path.rpartition(".")[0]
        receiver = evaluator.eval(f.Name(base), func.frame) if base else UNKNOWN
        return receiver if isinstance(receiver, Obj) else UNKNOWN
    return UNKNOWN


# --- combinations -------------------------------------------------------------------------------------------


def _product(evaluator: Any, _: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
    sources = [iterate(evaluator, arg) for arg in args]
    repeat = keywords.get("repeat", Num(1, 1))
    if not isinstance(repeat, Num) or not repeat.exact or repeat.low > 400:
        return Iterator(None, why="product")
    times = int(repeat.low)
    lengths = [source.length for source in sources]
    elements = tuple(source.element for source in sources) * min(times, 50)
    tuple_ = Sequence("tuple", elements, Num(len(elements), len(elements)), join(elements[:20]))
    if None in lengths:
        return Iterator(None, tuple_, any(s.endless for s in sources), why="product")
    one = product(tuple(length for length in lengths if length is not None))
    return Iterator(Num(_power(one.low, times), _power(one.high, times)), tuple_, why="product")


def _power(base: float, times: int) -> float:
    return base**times if base <= 1 or times * math.log10(base) < 300 else _LARGEST


def _chosen(name: str) -> Model:
    """permutations, combinations … of r out of n."""

    def model(evaluator: Any, _: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
        source = iterate(evaluator, args[0]) if args else Iterator(None)
        r = args[1] if len(args) > 1 else keywords.get("r", source.length or UNKNOWN)
        if source.length is None or not isinstance(r, Num) or source.length.high > 1e6:
            return Iterator(None, why=name)
        width = int(min(r.high, 1000))
        tuple_ = Sequence("tuple", None, Num(width, width), source.element)
        counts = [
            _choices(name, int(n), int(k))
            for n, k in ((source.length.low, r.low), (source.length.high, r.high))
        ]
        return Iterator(Num(min(counts), max(counts)), tuple_, why=name)

    return model


def _choices(name: str, n: int, r: int) -> float:
    if r < 0 or n > 1e6:
        return 0
    if name == "permutations":
        log = math.lgamma(n + 1) - math.lgamma(n - r + 1) if r <= n else -math.inf
        return 0 if r > n else math.perm(n, r) if log < 600 else _LARGEST
    if name == "combinations_with_replacement":
        n = n + r - 1
    if r > n:
        return 0
    log = math.lgamma(n + 1) - math.lgamma(r + 1) - math.lgamma(n - r + 1)
    return math.comb(n, r) if log < 600 else _LARGEST


def _powerset(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
    source = iterate(evaluator, args[0]) if args else Iterator(None)
    if source.length is None:
        return Iterator(None, why="powerset")
    sizes = [2**n if n < 900 else _LARGEST for n in (source.length.low, source.length.high)]
    return Iterator(Num(*sizes), UNKNOWN, why="powerset")


def _grid(evaluator: Any, _: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    grid = args[0] if args else keywords.get("param_grid", UNKNOWN)
    grids = (
        [grid]
        if isinstance(grid, Sequence) and grid.kind == "dict"
        else list(grid.items or ())
        if isinstance(grid, Sequence)
        else []
    )
    sums: list[Num | None] = []
    for one in grids:
        if not isinstance(one, Sequence) or one.items is None:
            return Iterator(None, why="ParameterGrid")
        lengths = [iterate(evaluator, item).length for item in one.items]
        known = tuple(length for length in lengths if length is not None)
        sums.append(product(known) if len(known) == len(lengths) else None)
    return Iterator(total(sums) if sums else None, UNKNOWN, why="ParameterGrid")


ITERATOR_MODELS: dict[str, Model] = {
    "itertools.count": _count,
    "itertools.cycle": _cycle,
    "itertools.repeat": _repeat,
    "itertools.chain": _chain,
    "itertools.chain.from_iterable": _from_iterable,
    "itertools.takewhile": _at_most(1),
    "itertools.dropwhile": _at_most(1),
    "itertools.filterfalse": _at_most(1),
    "itertools.compress": _at_most(0),
    "itertools.groupby": _at_most(0, keep=False),
    "itertools.pairwise": _as_long(0),
    "itertools.accumulate": _as_long(0),
    "itertools.starmap": _as_long(1),
    "itertools.zip_longest": _zip_longest,
    "itertools.product": _product,
    "itertools.permutations": _chosen("permutations"),
    "itertools.combinations": _chosen("combinations"),
    "itertools.combinations_with_replacement": _chosen("combinations_with_replacement"),
    "more_itertools.powerset": _powerset,
    "sklearn.model_selection.ParameterGrid": _grid,
    "builtins.iter": _sentinel,
    "builtins.next": _next,
}
