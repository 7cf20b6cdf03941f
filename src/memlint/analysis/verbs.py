"""Verbs of function names that acquire, and those that undo them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

ENOUGH = 3  # places that close what they make, for each that does not
CLOSING = (
    "close",
    "shutdown",
    "stop",
    "terminate",
    "destroy",
    "free",
    "dispose",
    "release",
    "disconnect",
    "quit",
)

_CONNECTING = frozenset({"connect", "open", "acquire"})


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb that acquires: those that undo it, those that may mean a change of data only, and a finding's code."""

    undone_by: tuple[str, ...]
    weakly: tuple[str, ...] = ()
    code: str = "MEM404"


_ENDING = ("stop", "shutdown", "shut_down", "kill", "terminate", "teardown", "tear_down", "halt")
VERBS = {
    "start": Verb(_ENDING, ("close",)),
    "launch": Verb((*_ENDING, "close", "quit")),
    "spawn": Verb((*_ENDING, "reap", "join")),
    "boot": Verb(_ENDING),
    "setup": Verb(("teardown", "tear_down", "shutdown"), ("cleanup", "clean_up")),
    "set_up": Verb(("teardown", "tear_down", "shutdown"), ("cleanup", "clean_up")),
    "init": Verb(("shutdown", "finalize", "deinit", "destroy"), ("reset", "cleanup")),
    "initialize": Verb(("shutdown", "finalize", "destroy"), ("reset", "cleanup")),
    "open": Verb(("close",), code="MEM503"),
    "acquire": Verb(("release",), code="MEM503"),
    "create": Verb(
        ("destroy", "free", "dispose", "close", "shutdown"), ("delete", "drop", "remove"), "MEM503"
    ),
    "alloc": Verb(("free", "dealloc", "release"), code="MEM503"),
    "allocate": Verb(("free", "deallocate", "release"), code="MEM503"),
    "make": Verb(("destroy", "free", "dispose", "close"), ("delete", "remove"), "MEM503"),
    "connect": Verb(("disconnect",), ("close",), "MEM502"),
}


def is_connecting(name: str) -> bool:
    """``connect``, ``open_channel``: what an object does again and again, and the other side may undo."""
    return not _CONNECTING.isdisjoint(name.lstrip("_").split("_"))


@lru_cache(maxsize=4096)
def counterparts(name: str) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Names that would undo ``start_broker`` or ``broker_start``, surely and perhaps, and the code of a finding."""
    bare = name.lstrip("_")
    for verb, undoing in VERBS.items():
        if bare == verb:
            return undoing.undone_by, undoing.weakly, undoing.code
        if bare.startswith(f"{verb}_"):
            rest = bare.removeprefix(verb)
            return _each(undoing.undone_by, "{}" + rest), _each(undoing.weakly, "{}" + rest), undoing.code
        if bare.endswith(f"_{verb}"):
            rest = bare.removesuffix(verb)
            return _each(undoing.undone_by, rest + "{}"), _each(undoing.weakly, rest + "{}"), undoing.code
    return (), (), ""


def _each(verbs: tuple[str, ...], pattern: str) -> tuple[str, ...]:
    return tuple(pattern.format(verb) for verb in verbs)
