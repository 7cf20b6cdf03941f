"""Texts and paths as abstract values: sums of strings, f-strings, formatting, ``os.path.join``."""

from __future__ import annotations

import posixpath
import re
import string
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as Items

from memlint.analysis.values import (
    UNKNOWN,
    Choice,
    Data,
    Literal,
    Num,
    PathValue,
    Sequence,
    Value,
    join,
    text_of,
    total,
)

# where Bazel lays out the repository's own files for a test (its Test Encyclopedia, "Initial conditions")
_RUNFILES = frozenset({"TEST_SRCDIR", "RUNFILES_DIR", "JAVA_RUNFILES", "TEST_WORKSPACE"})


def from_environment(variable: Value) -> Value:
    """What an environment variable says: a path that decides where things lie, if not one of the build's."""
    return UNKNOWN if text_of(variable) in _RUNFILES else PathValue("env", None, True)


def concatenate(parts: Items[Value]) -> Value:
    """An f-string or a sum of strings: a path when it begins with one, a literal when all is known."""
    if not parts:
        return Literal("", 0)
    varied = [position for position, part in enumerate(parts) if isinstance(part, Choice)]
    if varied:
        return _each_choice(parts, varied)
    head = parts[0]
    rest = [_as_text(part) for part in parts[1:]]
    tail = "".join(text for text in rest if text is not None) if None not in rest else None
    if isinstance(head, PathValue):
        text = head.text + tail if head.text is not None and tail is not None else None
        return PathValue(head.base, text, True)
    first = _as_text(head)
    if first is None:
        return _text_of_length(parts)
    if "://" in first and len(parts) > 1 and isinstance(parts[1], PathValue):
        return PathValue(parts[1].base, None, True)  # "sqlite:///" and a path
    if tail is None:
        base = "" if "\n" in first else _base(first)  # no path has a line break
        return PathValue(base, None, True) if base else _text_of_length(parts)
    return Literal((first + tail)[:200], len(first + tail))


_KERNEL = ("/proc/", "/sys/")
_LOCAL = re.compile(
    r"\w+://(?:[^/@]*@)?(?:localhost|127\.|0\.0\.0\.0|\[::1?\])"
)  # a server that the suite runs


_ADDRESS = re.compile(r"[\w+.:-]+://[^\s<>{}\"]*\Z")


def is_address(text: str) -> bool:
    """Whether a text is the address of one thing, as in ``s3://bucket/key``, and not prose or markup that names one."""
    return _ADDRESS.match(text) is not None


def _base(beginning: str) -> str:
    """What is known of a path by its first characters; "" where the host or all is open."""
    if beginning.startswith(_KERNEL):
        return "tmp"  # the kernel's files are small
    if beginning.startswith(("/vsi", "/tmp/")):
        return ""  # a file system of GDAL's over what follows, and what the test has most likely made itself
    if is_address(beginning):
        on_disk = beginning.startswith(("sqlite", "duckdb"))  # a database in a file of the machine
        return "" if beginning.endswith("://") or on_disk or _LOCAL.match(beginning) else "url"
    return "absolute" if beginning.startswith("/") else ""


def _each_choice(parts: Items[Value], varied: list[int]) -> Value:
    """The texts that one varying part gives; with several the combinations are too many to follow."""
    if len(varied) > 1:
        return concatenate([UNKNOWN if isinstance(part, Choice) else part for part in parts])
    position = varied[0]
    part = parts[position]
    assert isinstance(part, Choice)
    before, after = list(parts[:position]), list(parts[position + 1 :])
    return join([concatenate([*before, option, *after]) for option in part.options])


def _text_of_length(parts: Items[Value]) -> Value:
    """A text whose characters are not known but whose length is."""
    lengths: list[Num] = []
    for part in parts:
        text = _as_text(part)
        length = Num(len(text), len(text)) if text is not None else digits(part)
        if isinstance(part, Data) and part.kind == "str":
            length = part.bytes
        if length is None:
            return UNKNOWN
        lengths.append(length)
    size = total(lengths)
    return Data("str", "builtins.str", size, (size,), 1.0) if size is not None else UNKNOWN


def digits(value: Value) -> Num | None:
    """The characters of a number written out."""
    if not isinstance(value, Num) or not (abs(value.low) <= 1e15 and abs(value.high) <= 1e15):
        return None  # also of nan, which is neither
    lengths = [len(str(int(number))) for number in (value.low, value.high)]
    return Num(min(lengths), max(lengths))


def _as_text(value: Value) -> str | None:
    if isinstance(value, Literal) and isinstance(value.value, str) and len(value.value) == value.length:
        return value.value
    if isinstance(value, Num) and value.exact and float(value.low).is_integer() and abs(value.low) < 1e15:
        return str(int(value.low))
    return None


def as_path(value: Value) -> PathValue | None:
    """The path that a string or path value is."""
    if isinstance(value, PathValue):
        return value
    if isinstance(value, Literal) and isinstance(value.value, str):
        text = value.value if len(value.value) == value.length else None
        if text is None:
            return PathValue("cwd", None)
        if is_address(text):
            return PathValue("url", text)
        return PathValue("absolute" if text.startswith(("/", "~")) or text[1:3] == ":\\" else "cwd", text)
    return None


def join_path(base: Value, *parts: Value) -> Value:
    """``base / part`` and ``os.path.join``."""
    whole = [base, *parts]
    varied = [position for position, part in enumerate(whole) if isinstance(part, Choice)]
    if len(varied) > 1:  # the combinations are too many to follow
        return join_path(
            *(UNKNOWN if position in varied[1:] else part for position, part in enumerate(whole))
        )
    for position in varied:
        varying = whole[position]
        assert isinstance(varying, Choice)
        before, after = whole[:position], whole[position + 1 :]
        return join([join_path(*before, option, *after) for option in varying.options])
    path = as_path(base)
    if path is None:
        return UNKNOWN
    text = path.text
    for part in parts:
        more = as_path(part)
        if more is not None and more.base == "absolute":
            path, text = more, more.text
        elif text is None or more is None or more.text is None:
            if text is not None and path.base == "absolute" and f"{text}/".startswith(_KERNEL):
                path = PathValue("tmp", None, path.is_string)  # the kernel's files are small
            text = None
        else:
            folder = "/" if more.text.endswith("/") else ""  # to which a name may be added as it is
            text = posixpath.normpath(posixpath.join(text, more.text)).rstrip("/") + folder
    return PathValue(path.base, text, path.is_string)


# --- formatting -----------------------------------------------------------------------------------------------------

_PLACE = re.compile(
    r"%(?:\((?P<name>[^()]*)\))?(?P<spec>[-+ #0]*\d{0,3}(?:\.\d{1,3})?[hlL]?(?P<kind>[a-zA-Z%]))"
)
_NOTHING = Literal("", 0)
_PLAIN_SPEC = re.compile(r"[<>=^+ 0,_-]?\d{0,3}(?:\.\d{1,3})?[a-zA-Z]?")


def percent(template: Literal, given: Value) -> Value:
    """``template % given``."""
    text = _as_text(template)
    if text is None or template.is_bytes:
        return UNKNOWN
    items = given.items if isinstance(given, Sequence) and given.kind == "tuple" else (given,)
    named = _by_name(given)
    if items is None:
        return UNKNOWN
    return concatenate([part for part in _percent_parts(text, iter(items), named) if part != _NOTHING])


def _percent_parts(template: str, items: Iterator[Value], named: Mapping[str, Value]) -> Iterator[Value]:
    """The texts between the places of a template, and what fills the places."""
    at = 0
    for place in _PLACE.finditer(template):
        yield _between(template[at : place.start()])
        at = place.end()
        if place["kind"] == "%":
            yield _literal("%")
            continue
        name = place["name"]
        value = next(items, UNKNOWN) if name is None else named.get(name, UNKNOWN)
        plain = place["spec"] == "s" or (place["spec"] in {"d", "i"} and isinstance(value, Num))
        yield _filled(value, plain, f"%{place['spec']}".__mod__)
    yield _between(template[at:])


def _between(text: str) -> Value:
    """What stands between two places; a place that was not understood gives nobody knows what."""
    return UNKNOWN if "%" in text else _literal(text)


def formatted(template: Value, items: Items[Value], named: Mapping[str, Value]) -> Value:
    """``template.format(*items, **named)``."""
    text = _as_text(template)
    if text is None:
        return UNKNOWN
    try:
        places = list(string.Formatter().parse(text))
    except ValueError:  # which Python raises, too
        return UNKNOWN
    numbered = {str(number): value for number, value in enumerate(items)}
    parts: list[Value] = []
    automatic = 0
    for before, name, spec, conversion in places:
        parts.append(_literal(before))
        if name is None:
            continue
        if not name:
            name, automatic = str(automatic), automatic + 1
        value = UNKNOWN if conversion in {"r", "a"} else named.get(name, numbered.get(name, UNKNOWN))
        parts.append(_filled(value, not spec, _by_spec(spec or "")))
    return concatenate([part for part in parts if part != _NOTHING])


def _filled(value: Value, plain: bool, form: Callable[[object], str]) -> Value:
    """What a value becomes in its place: itself where nothing is asked for, else what Python makes of it."""
    if plain:
        return value
    text = _as_text(value)
    if text is None:
        return UNKNOWN
    try:
        return _literal(form(int(text) if isinstance(value, Num) else text))
    except (ValueError, TypeError, OverflowError):  # which Python raises, too
        return UNKNOWN


def _by_spec(spec: str) -> Callable[[object], str]:
    """Formats by a specification of modest width; any other is no text that can be known."""

    def form(value: object) -> str:
        if not _PLAIN_SPEC.fullmatch(spec):
            raise ValueError(spec)
        return format(value, spec)

    return form


def _by_name(value: Value) -> dict[str, Value]:
    """The entries of a dict whose keys are texts."""
    if not isinstance(value, Sequence) or value.keys is None or value.items is None:
        return {}
    keys = map(_as_text, value.keys)
    return {key: item for key, item in zip(keys, value.items, strict=False) if key is not None}


def _literal(text: str) -> Literal:
    return Literal(text[:200], len(text))
