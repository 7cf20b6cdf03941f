"""Worker processes that a piece of source starts, read from its text with the API tables.

A call that takes ``n_jobs=4`` may hand it on through any number of functions and objects; values cannot be
followed so far. So every call that is given a number of workers counts, unless the tables or its own arguments
say that it uses threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from functools import lru_cache
from typing import Literal

import msgspec

from memlint.knowledge.apis import Workers
from memlint.knowledge.index import api_index

Kind = Literal["pool", "fork", "child", "compiler", "threads"]
CORES = -1  # as many as the machine has

_COUNTS = (
    "n_jobs",
    "max_workers",
    "n_workers",
    "num_workers",
    "nworkers",
    "processes",
    "nprocs",
    "n_procs",
    "num_processes",
    "num_proc",
    "n_process",
    "n_cores",
)
_KEYWORDS = "|".join(_COUNTS)
_GIVEN = re.compile(rf"\b(?:{_KEYWORDS})\s*=\s*(-?\d+)")
_LISTED = re.compile(rf"""["'](?:\w+__)?(?:{_KEYWORDS})["']\s*[,:]\s*[\[(]([-\d,\s]+)[\])]""")
_KEYED = re.compile(rf"""["'](?:\w+__)?(?:{_KEYWORDS})["']\s*:\s*(-?\d+)""")
_CALL = re.compile(r"\b([A-Za-z_][\w.]*)\(\s*([\w.\[\"'-]*)(\s*=)?")
_THREADS = re.compile(
    r"""["'](?:threading|threads|sharedmem|sequential)["']|thread_name_prefix|use_threads"""
)
_PYTHON = re.compile(r"""sys\.executable|["']python[\d.]*["'\s]|["']-c["']|["']-m["']""")
# methods of so many things that one of an unknown object says nothing
_COMMON_METHODS = frozenset(
    {"call", "create", "execute", "filter", "fit", "map", "pipe", "predict", "run", "spawn", "start"}
)
# a number of workers that goes by a name, and what binds that name to numbers
_GIVEN_NAME = re.compile(rf"\b(?:{_KEYWORDS})\s*=\s*([A-Za-z_]\w*)(?=\s*[,)])")
_KEYED_NAME = re.compile(rf"""["'](?:\w+__)?(?:{_KEYWORDS})["']\s*:\s*([A-Za-z_]\w*)(?=\s*[,}}])""")
_BOUND = r"(?:^[ \t]*{name}[ \t]*=[ \t]*(-?\d+)[ \t]*$|\bfor[ ]+{name}[ ]+in[ ]+[\[(]([-\d,\s]+)[\])])"
# a command given to whatever function: it will be run
_COMMAND = re.compile(r"\[\s*sys\.executable\b")
# words of commands by which an extension module is built
_BUILDING = re.compile(
    r"""["'](?:build_ext|--build-dir|numpy\.f2py|cythonize|meson)["']|\bcpp_extension\.load"""
)
_LOOK_BACK = 2_000
_LOOK_AHEAD = 600
_COMMAND_BACK = 1_500  # characters in which the command of a call that starts a process is put together


class Started(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Worker processes that a call starts. ``count`` below zero counts back from the cores of the machine."""

    kind: Kind
    count: int
    callee: str
    line: int  # of the call in the text, from 1
    sure: bool  # an API table says so
    bytes: str | None = None  # of one worker that is no Python of this suite
    scripted: bool = False  # by a script that a string holds: its workers load what that imports


@lru_cache(maxsize=1)
def _tables() -> dict[str, list[tuple[str, Workers]]]:
    """What starts workers, by the last part of its name, with its library."""
    out: dict[str, list[tuple[str, Workers]]] = {}
    for name, entries in api_index(()).calls.items():
        for entry in entries:
            if entry.workers is not None:
                out.setdefault(name.rpartition(".")[2], []).append((name.partition(".")[0], entry.workers))
    return out


def may_start(text: str, calls: Set[str]) -> bool:
    """Whether a text in which these names are called can start workers at all: cheap, and never wrong in saying no."""
    return not _tables().keys().isdisjoint(calls) or any(
        word in text for word in (*_COUNTS, "sys.executable")
    )


def starters_called(text: str, words: Set[str]) -> frozenset[str]:
    """Which of the names that the tables know, among the words of a text, it calls."""
    return frozenset(name for name in _tables().keys() & words if is_called(name, text))


def is_called(name: str, text: str) -> bool:
    """Whether a text has a name with the parenthesis of a call behind it."""
    return next(_places(name, text), None) is not None


def _places(name: str, text: str) -> Iterator[int]:
    """Where it has it."""
    call = f"{name}("
    at = text.find(call)
    while at >= 0:
        if not at or not (text[at - 1].isalnum() or text[at - 1] == "_"):
            yield at
        at = text.find(call, at + 1)


def started_in(text: str, roots: Mapping[str, str], calls: Set[str]) -> Iterator[Started]:
    """Find the calls of a text that start workers; ``roots`` says where its file's names come from.

    ``calls`` are the names that it calls.
    """
    if any(word in text for word in _COUNTS):
        yield from _with_a_number(text, roots)
    if "sys.executable" in text:
        yield from _commanded(text, roots)
        yield from _built(text)
    starters = _tables().keys() & calls
    if starters:
        yield from _uncounted(text, roots, starters)


def _with_a_number(text: str, roots: Mapping[str, str]) -> Iterator[Started]:
    for match in _GIVEN.finditer(text):
        yield from _counted(text, match.start(), int(match[1]), roots)
    for match in _GIVEN_NAME.finditer(text):
        count = _bound(text, match[1])
        if count is not None:
            yield from _counted(text, match.start(), count, roots)
    for match in _LISTED.finditer(text):
        yield from _parameter(text, match.start(), _worst(match[1]), "parametrize")
    for match in _KEYED.finditer(text):
        yield from _parameter(text, match.start(), int(match[1]), "parameter")
    for match in _KEYED_NAME.finditer(text):
        yield from _parameter(text, match.start(), _bound(text, match[1]), "parameter")


def _parameter(text: str, offset: int, count: int | None, noun: str) -> Iterator[Started]:
    if count not in (None, 0, 1):
        yield Started("pool", count, noun, _line(text, offset), False)


def _worst(numbers: str) -> int:
    """The number of a list that starts most; all cores are more than any."""
    counts = [int(number) for number in re.findall(r"-?\d+", numbers)]
    return max(counts, key=lambda count: count if count >= 0 else 10_000 + count, default=1)


def _bound(text: str, name: str) -> int | None:
    """The largest number that assignments and loops of a text bind to a name; None where they bind none."""
    found = re.findall(_BOUND.format(name=name), text, re.MULTILINE)
    return _worst(" ".join(part for parts in found for part in parts)) if found else None


def _counted(text: str, offset: int, count: int, roots: Mapping[str, str]) -> Iterator[Started]:
    callee, start = _callee(text, offset)
    if count in (0, 1) or not callee or text[max(0, start - 6) : start].rstrip().endswith(("def", "class")):
        return
    last = callee.rpartition(".")[2]
    known = _known(callee, roots)
    threads = bool(_THREADS.search(text, start, start + _LOOK_AHEAD)) and last in {
        "Parallel",
        "parallel_backend",
    }
    if threads or (known and all(workers.kind == "thread" for workers in known)):
        yield Started("threads", count, last, _line(text, start), True)
        return
    processes = [workers for workers in known if workers.kind == "process"]
    fork = bool(processes) and all(workers.carries == "fork" for workers in processes)
    size = processes[0].bytes if processes else None
    yield Started("fork" if fork else "pool", count, last, _line(text, start), bool(processes), size)


def _known(callee: str, roots: Mapping[str, str]) -> list[Workers]:
    """What the tables say of a callee, by its last name and the library that its first name comes from."""
    library, last = roots.get(callee.partition(".")[0]), callee.rpartition(".")[2]
    if library is None and last in _COMMON_METHODS:
        return []
    libraries = {library} if library else set(roots.values())
    return [workers for root, workers in _tables().get(last, ()) if root in libraries]


def starts_processes(name: str) -> bool:
    """Whether the tables know a class or function of this last name that starts processes."""
    return any(workers.kind == "process" for _, workers in _tables().get(name, ()))


def _callee(text: str, offset: int) -> tuple[str, int]:
    """The name of the call whose arguments an offset lies in, and where it begins."""
    depth = 0
    for position in range(offset - 1, max(-1, offset - _LOOK_BACK), -1):
        character = text[position]
        if character in ")]}":
            depth += 1
        elif character in "([{":
            depth -= 1
            if depth < 0:
                named = re.search(r"[A-Za-z_][\w.]*$", text[max(0, position - 100) : position])
                return (named[0], position - len(named[0])) if named else ("", position)
    return "", offset


def _commanded(text: str, roots: Mapping[str, str]) -> Iterator[Started]:
    """Calls that no table knows and that are given a command."""
    for match in _COMMAND.finditer(text):
        callee, start = _callee(text, match.start())
        if callee and not _known(callee, roots):
            yield Started("child", 1, callee.rpartition(".")[2], _line(text, start), True)


def _built(text: str) -> Iterator[Started]:
    """Commands that build extension modules: a compiler runs."""
    for match in _BUILDING.finditer(text):
        yield Started("compiler", 1, match[0].strip("\"'"), _line(text, match.start()), True)


def _calls_of(names: Set[str], text: str) -> Iterator[re.Match[str]]:
    """The calls of these names, each with what stands before it by points, in order of place."""
    for at in sorted(at for name in names for at in _places(name, text)):
        start = at
        while start and (text[start - 1].isalnum() or text[start - 1] in "_."):
            start -= 1
        match = _CALL.search(text, start)
        if match is not None and match.end(1) > at:
            yield match


def _uncounted(text: str, roots: Mapping[str, str], starters: Set[str]) -> Iterator[Started]:
    """Calls of these names of the tables that say nothing of a number."""
    for match in _calls_of(starters, text):
        last = match[1].rpartition(".")[2]
        known = [workers for workers in _known(match[1], roots) if workers.kind == "process"]
        if not known:
            continue
        workers, line = known[0], _line(text, match.start())
        positional = bool(match[2]) and not match[3]
        if workers.count is None and workers.carries == "bare" and workers.bytes is None:
            around = max(0, match.start() - _COMMAND_BACK), match.start() + _LOOK_AHEAD
            if last in _PYTEST_STARTERS or _PYTHON.search(text, *around):
                yield Started("child", 1, last, line, True)
        elif workers.bytes is not None and workers.carries == "bare":
            yield Started("child", 1, last, line, True, workers.bytes)
        elif isinstance(workers.default, int) and workers.default > 1:
            yield Started("pool", workers.default, last, line, True)
        elif workers.default == "cores" or workers.count is None:
            if positional and workers.carries == "imports":
                continue  # it joins what somebody else has started
            count = int(match[2]) if positional and match[2].isdigit() else CORES
            count = 1 if workers.count is None else count
            yield Started("fork" if workers.carries == "fork" else "pool", count, last, line, True)


_PYTEST_STARTERS = frozenset({"runpytest_subprocess", "runpython", "runpython_c", "spawn_pytest"})


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
