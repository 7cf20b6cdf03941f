"""Functions of Python itself whose result the evaluator follows exactly."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable
from typing import Any

from memlint.analysis import arithmetic, texts
from memlint.analysis.arrays import ARRAY_MODELS
from memlint.analysis.frames import FRAME_MODELS
from memlint.analysis.iterators import ITERATOR_MODELS, iterate
from memlint.analysis.objects import dtype_bytes
from memlint.analysis.options import option
from memlint.analysis.sizes import range_length
from memlint.analysis.values import (
    MOCKED,
    UNKNOWN,
    Data,
    Iterator,
    Literal,
    Num,
    Obj,
    Partial,
    PathValue,
    Ref,
    Sequence,
    Value,
    join,
    product,
    text_of,
)
from memlint.analysis.views import dict_of, merge_dicts

Model = Callable[[Any, Value, list[Value], dict[str, Value]], Value | None]


def _range(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    length = range_length(args)
    numbers = [arg for arg in args if isinstance(arg, Num)]
    if length is None or len(numbers) < len(args):
        return Iterator(length, UNKNOWN, why="range")
    start, stop = (Num(0, 0), numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
    ends = (start.low, start.high, stop.low - 1, stop.high - 1)
    falling = len(numbers) > 2 and numbers[2].high < 0
    last = max(start.high, stop.high - 1)
    element = Num(min(ends), max(ends)) if falling else Num(min(start.low, last), last)
    return Iterator(length, element, why="range")


_CONTAINERS = frozenset({"tuple", "list", "dict", "set"})


def _isinstance(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value | None:
    """Whether a container, a number or an array is one of the built-in containers."""
    if len(args) != 2 or not isinstance(args[0], (Sequence, Num, Data)):
        return None
    wanted = args[1].items or () if isinstance(args[1], Sequence) else (args[1],)
    names = {one.name.removeprefix("builtins.") for one in wanted if isinstance(one, Ref)}
    if not names or len(names) != len(wanted) or not names <= _CONTAINERS:
        return None
    return Literal(not isinstance(args[0], Num) and args[0].kind in names)


def _len(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    found = arithmetic.length_of(args[0]) if args else None
    return found if found is not None and found.high != float("inf") else UNKNOWN


def _container(kind: str) -> Model:
    def model(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
        if not args:
            return _named(keywords) if kind == "dict" else Sequence(kind, (), Num(0, 0))
        source = args[0]
        if isinstance(source, Sequence) and kind == "dict" and keywords:
            return merge_dicts([source, _named(keywords)])
        if isinstance(source, Sequence):
            return Sequence(kind, source.items, source.length, source.element, source.keys)
        iterated = iterate(_, source)
        if kind == "dict" and isinstance(iterated.element, Sequence) and iterated.element.items is not None:
            pair = iterated.element.items
            return Sequence(kind, None, iterated.length, pair[-1], pair[:1])
        return Sequence(kind, None, iterated.length, iterated.element)

    return model


def _named(given: dict[str, Value]) -> Sequence:
    """``dict(rows=3, columns=4)``."""
    return dict_of([Literal(name, len(name)) for name in given], list(given.values()))


def _deque(evaluator: Any, receiver: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    limit = args[1] if len(args) > 1 else keywords.get("maxlen", Literal(None))
    if limit == Literal(None):
        return _container("deque")(evaluator, receiver, args[:1], {})
    length = Num(0, limit.high) if isinstance(limit, Num) else None
    return Sequence("ring", None, length)  # forgets what is too old


def _same_length(element: Callable[[list[Iterator], list[Value], Any], Value], *, skip: int = 0) -> Model:
    def model(evaluator: Any, _: Value, args: list[Value], __: dict[str, Value]) -> Value:
        sources = [iterate(evaluator, arg) for arg in args[skip:]]
        lengths = [source.length for source in sources if not source.endless]
        known = [length for length in lengths if length is not None]
        shortest = Num(min(n.low for n in known), min(n.high for n in known)) if known else None
        if len(known) < len(lengths):
            shortest = None  # another one may end before
        endless = bool(sources) and all(source.endless for source in sources)
        unbounded = not known and any(source.unbounded for source in sources)
        why = next((source.why for source in sources if source.endless), "") if endless else ""
        origin = next((source.origin for source in sources if source.unbounded), UNKNOWN)
        return Iterator(shortest, element(sources, args, evaluator), endless, unbounded, why, origin)

    return model


def _pairs(sources: list[Iterator], _: list[Value], __: Any) -> Value:
    items = tuple(source.element for source in sources)
    return Sequence("tuple", items, Num(len(items), len(items)), join(items))


def _enumerated(sources: list[Iterator], _: list[Value], __: Any) -> Value:
    source = sources[0] if sources else Iterator(None)
    top = source.length.high if source.length is not None else float("inf")
    return Sequence("tuple", (Num(0, top), source.element), Num(2, 2))


def _mapped(sources: list[Iterator], args: list[Value], evaluator: Any) -> Value:
    from memlint.analysis.sites import Frame

    if not args or not evaluator.module_frames:
        return UNKNOWN
    outer = next(iter(evaluator.module_frames.values()))
    scratch = Frame(outer.module, "", depth=2)
    result: Value = evaluator.call_value(args[0], [source.element for source in sources], {}, scratch)
    return result


def _kept(sources: list[Iterator], _: list[Value], __: Any) -> Value:
    return sources[0].element if sources else UNKNOWN


def _filter(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    source = iterate(_, args[1]) if len(args) > 1 else Iterator(None)
    length = Num(0, source.length.high) if source.length is not None else None
    return Iterator(length, source.element, source.endless, source.unbounded, source.why, source.origin)


def _islice(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    source = iterate(_, args[0]) if args else Iterator(None)
    stop = args[2] if len(args) > 2 else args[1] if len(args) > 1 else UNKNOWN
    if not isinstance(stop, Num):
        endless = source.endless and stop == Literal(None)
        length = None if source.endless else source.length
        return Iterator(
            length,
            source.element,
            endless,
            source.unbounded and stop == Literal(None),
            source.why,
            source.origin,
        )
    if source.length is None:
        capped = (
            "" if source.endless or source.unbounded else "capped"
        )  # by a number that may never be reached
        return Iterator(Num(0, stop.high), source.element, why=capped)
    high = min(stop.high, source.length.high)
    return Iterator(Num(min(stop.low, source.length.low), high), source.element)


def _extreme(choose: Callable[[list[float]], float]) -> Model:
    def model(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
        items = args[0].items if len(args) == 1 and isinstance(args[0], Sequence) else tuple(args)
        numbers = [item for item in items or () if isinstance(item, Num)]
        if not numbers or len(numbers) < len(items or ()):
            return UNKNOWN
        return Num(choose([n.low for n in numbers]), choose([n.high for n in numbers]))

    return model


def _number(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    value = args[0] if args else Num(0, 0)
    if isinstance(value, Num):
        return value
    text = text_of(value)
    try:
        return Num(float(text), float(text)) if text is not None else UNKNOWN
    except ValueError:
        return UNKNOWN


def _integer(evaluator: Any, receiver: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
    value = _number(evaluator, receiver, args, keywords)
    if isinstance(value, Num) and math.isfinite(value.low) and math.isfinite(value.high):
        return Num(int(value.low), int(value.high))
    return value


def _dtype(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value | None:
    """``np.dtype("int16")`` says what its argument says."""
    return args[0] if args and isinstance(args[0], (Literal, Ref)) else None


def _str(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value | None:
    value = args[0] if args else Literal("", 0)
    if isinstance(value, PathValue):
        return PathValue(value.base, value.text, True)
    if isinstance(value, Num):
        text = texts.concatenate([Literal("", 0), value])
        return text if text is not UNKNOWN else None
    return value if isinstance(value, Literal) else None


def _format(_: Any, receiver: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
    return texts.formatted(receiver, args, keywords)


def _path(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    if not args:
        return PathValue("cwd", "")
    joined = texts.join_path(args[0], *args[1:])
    return PathValue(joined.base, joined.text) if isinstance(joined, PathValue) else joined


def _join(_: Any, receiver: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    parts = args if not isinstance(receiver, PathValue) else [receiver, *args]
    joined = texts.join_path(parts[0], *parts[1:]) if parts else UNKNOWN
    is_string = not isinstance(receiver, PathValue)  # os.path.join gives a text, Path.joinpath a path
    return PathValue(joined.base, joined.text, is_string) if isinstance(joined, PathValue) else joined


def _dirname(_: Any, receiver: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    path = texts.as_path(args[0]) if args else None
    if path is None or path.text is None:
        return UNKNOWN
    return PathValue(path.base, posixpath.dirname(path.text), True)


def _same_path(_: Any, receiver: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    value = args[0] if args else receiver
    return texts.as_path(value) or UNKNOWN


def _globbed(evaluator: Any, receiver: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    """Files of the repository that a pattern names."""
    joined = (
        texts.join_path(receiver, args[0])
        if isinstance(receiver, PathValue) and args
        else args[0]
        if args
        else UNKNOWN
    )
    path = texts.as_path(joined)
    if path is None or path.text is None or path.base not in {"module", "cwd"}:
        return Iterator(None, PathValue(path.base, None, True) if path is not None else UNKNOWN)
    found = evaluator.project.disk.matches(path.text)
    return Iterator(
        Num(len(found), len(found)), join([PathValue("module", text) for text in found]) if found else UNKNOWN
    )


def _with_name(_: Any, receiver: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    path = texts.as_path(receiver)
    if path is None or path.text is None or not args:
        return UNKNOWN
    return texts.join_path(PathValue(path.base, posixpath.dirname(path.text)), args[0])


def _environment(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    default = args[1] if len(args) > 1 else UNKNOWN
    if isinstance(default, (Num, Literal)) and default != Literal(None):
        text = text_of(default)
        if text is None or "/" not in text:
            return default
    return texts.from_environment(args[0] if args else UNKNOWN)


def _cores(evaluator: Any, __: Value, ___: list[Value], ____: dict[str, Value]) -> Value:
    return Num(evaluator.cores, evaluator.cores)


def _temporary(_: Any, __: Value, ___: list[Value], ____: dict[str, Value]) -> Value:
    return PathValue("tmp", "", True)


def _limits(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value | None:
    """``np.iinfo(np.int32)``: the largest and the smallest integer of a dtype."""
    name = (
        args[0].name.rpartition(".")[2]
        if args and isinstance(args[0], Ref)
        else text_of(args[0])
        if args
        else None
    )
    item = dtype_bytes(args[0]) if args else None
    if name is None or item is None or item > 8:
        return None
    bits = int(item) * 8
    low, high = (
        (0, 2**bits - 1) if name.lstrip("<>=|").startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )
    return Obj("numpy.iinfo", {"max": Num(high, high), "min": Num(low, low), "bits": Num(bits, bits)})


def _mock(_: Any, __: Value, ___: list[Value], ____: dict[str, Value]) -> Value:
    return MOCKED


def _reshape(_: Any, receiver: Value, args: list[Value], ___: dict[str, Value]) -> Value | None:
    from memlint.analysis.sizes import dimensions

    if not isinstance(receiver, Data):
        return None
    shape: tuple[Num, ...] = ()
    for arg in args:
        axes = dimensions(arg)
        if axes is None:
            return Data(receiver.kind, receiver.type, receiver.bytes, None, receiver.item)
        shape += axes
    count = receiver.count
    negative = any(isinstance(arg, Num) and arg.low < 0 for arg in args)
    if shape and not negative and all(axis.low > 0 for axis in shape):
        return Data(receiver.kind, receiver.type, receiver.bytes, shape, receiver.item)
    known = product(tuple(axis for axis in shape if axis.low > 0))
    if count is not None and shape and known.low > 0:
        free = count.scaled(1 / known.high)
        filled = tuple(axis if axis.low > 0 else free for axis in shape)
        return Data(receiver.kind, receiver.type, receiver.bytes, filled, receiver.item)
    return Data(receiver.kind, receiver.type, receiver.bytes, None, receiver.item)


def _astype(_: Any, receiver: Value, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    if not isinstance(receiver, Data):
        return None
    wanted = args[0] if args else keywords.get("dtype", UNKNOWN)
    item = dtype_bytes(wanted)
    if item is None or receiver.bytes is None:
        return receiver
    size = receiver.bytes.scaled(item / receiver.item) if receiver.item else receiver.bytes
    return Data(receiver.kind, receiver.type, size, receiver.shape, item)


def _transparent(_: Any, receiver: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    return args[0] if args else UNKNOWN


def _prod(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    items = args[0].items if args and isinstance(args[0], Sequence) else None
    numbers = tuple(item for item in items or () if isinstance(item, Num))
    return product(numbers) if items is not None and len(numbers) == len(items) else UNKNOWN


def _param(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    return Sequence("param", tuple(args), Num(len(args), len(args)), join(args))


def _partial(_: Any, __: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
    return Partial(args[0], tuple(args[1:]), dict(keywords)) if args else UNKNOWN


def _items(_: Any, receiver: Value, __: list[Value], ___: dict[str, Value]) -> Value | None:
    if not isinstance(receiver, Sequence):
        return None
    pair = Sequence("tuple", (join(receiver.keys or ()), receiver.element), Num(2, 2))
    return Iterator(receiver.length, pair)


def _values(_: Any, receiver: Value, __: list[Value], ___: dict[str, Value]) -> Value | None:
    return Iterator(receiver.length, receiver.element) if isinstance(receiver, Sequence) else None


def _imported_by_name(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    """``plt = pytest.importorskip("matplotlib.pyplot")`` stands for the module."""
    name = text_of(args[0]) if args else None
    return Ref(name) if name else UNKNOWN


def _hasattr(_: Any, __: Value, args: list[Value], ___: dict[str, Value]) -> Value:
    """Whether what a set-up has given to the test's own object is there; what is not seen to be given may be."""
    name = text_of(args[1]) if len(args) > 1 else None
    return Literal(True) if isinstance(args[0], Obj) and name in args[0].attrs else UNKNOWN


MODELS: dict[str, Model] = {
    **dict.fromkeys(
        ("*.getoption", "pytest.FixtureRequest.config.getoption", "pytest.Config.getoption"), option
    ),
    "pytest.importorskip": _imported_by_name,
    "importlib.import_module": _imported_by_name,
    **ITERATOR_MODELS,
    **ARRAY_MODELS,
    **FRAME_MODELS,
    "numpy.iinfo": _limits,
    "builtins.range": _range,
    "builtins.len": _len,
    "builtins.isinstance": _isinstance,
    "builtins.hasattr": _hasattr,
    "builtins.list": _container("list"),
    "builtins.tuple": _container("tuple"),
    "builtins.set": _container("set"),
    "builtins.frozenset": _container("set"),
    "builtins.sorted": _container("list"),
    "builtins.dict": _container("dict"),
    "collections.deque": _deque,
    "collections.OrderedDict": _container("dict"),
    "collections.defaultdict": lambda *_: Sequence("dict", None, Num(0, 0)),
    "builtins.enumerate": _same_length(_enumerated),
    "builtins.zip": _same_length(_pairs),
    "builtins.map": _same_length(_mapped, skip=1),
    "builtins.reversed": _same_length(_kept),
    "tqdm.tqdm": _same_length(_kept),
    "builtins.filter": _filter,
    "itertools.islice": _islice,
    "builtins.min": _extreme(min),
    "builtins.max": _extreme(max),
    "builtins.int": _integer,
    "builtins.float": _number,
    "builtins.round": _integer,
    "builtins.abs": _number,
    "math.floor": _integer,
    "math.ceil": _integer,
    "math.prod": _prod,
    "numpy.prod": _prod,
    "numpy.int64": _integer,
    "numpy.dtype": _dtype,
    "builtins.str": _str,
    "builtins.str.format": _format,
    "os.fspath": _str,
    "os.fsdecode": _str,
    "pathlib.Path": _path,
    "pathlib.PurePath": _path,
    "pathlib.PosixPath": _path,
    "os.path.join": _join,
    "posixpath.join": _join,
    "pathlib.Path.joinpath": _join,
    "os.path.dirname": _dirname,
    "os.path.abspath": _same_path,
    "os.path.realpath": _same_path,
    "os.path.normpath": _same_path,
    "os.path.expanduser": _same_path,
    "pathlib.Path.resolve": _same_path,
    "pathlib.Path.absolute": _same_path,
    "pathlib.Path.expanduser": _same_path,
    "pathlib.Path.as_posix": _same_path,
    "pathlib.Path.with_name": _with_name,
    "pathlib.Path.glob": _globbed,
    "pathlib.Path.rglob": _globbed,
    "glob.glob": _globbed,
    "glob.iglob": _globbed,
    "os.getenv": _environment,
    "os.environ.get": _environment,
    "os.cpu_count": _cores,
    "multiprocessing.cpu_count": _cores,
    "tempfile.mkdtemp": _temporary,
    "tempfile.mktemp": _temporary,
    "tempfile.gettempdir": _temporary,
    "unittest.mock.Mock": _mock,
    "unittest.mock.MagicMock": _mock,
    "unittest.mock.AsyncMock": _mock,
    "unittest.mock.create_autospec": _mock,
    "mock.Mock": _mock,
    "mock.MagicMock": _mock,
    "numpy.ndarray.reshape": _reshape,
    "torch.Tensor.reshape": _reshape,
    "torch.Tensor.view": _reshape,
    "numpy.ndarray.astype": _astype,
    "torch.Tensor.to": _astype,
    "contextlib.closing": _transparent,
    "pytest.param": _param,
    "functools.partial": _partial,
    "weakref.ref": lambda *_: UNKNOWN,
    "builtins.dict.items": _items,
    "builtins.dict.values": _values,
}
