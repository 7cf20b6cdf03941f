"""The journal: what a run did, as JSON Lines, append only. All else about a run follows from it.

A start without an end is the unit that was in flight when the run died. ``read`` gives typed records one by
one in constant memory, ``load`` a whole journal. Unknown kinds and unknown keys are skipped, so older readers
read newer journals of the same schema. All sizes are bytes, all durations seconds.
"""

from __future__ import annotations

import fcntl
import json
import os
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from memlint.model import MeasuredHolder, MeasuredImport, MeasuredStages

SCHEMA = "memlint.journal/1"
_SPARSE = {"sparse": True}  # left out of a line while it has its default


class JournalError(Exception):
    """The journal cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where units ran. Runs with the same ``hash`` can be compared and resumed."""

    hash: str
    python: str  # "3.11.7"
    platform: str
    meter: str  # cgroup2, cgroup1, sampling, psutil or rusage
    memory_bytes: int  # of the machine, or of the tightest control group above the runner
    pytest: str


@dataclass(frozen=True, slots=True)
class Run:
    """The first record of a run. A resumed journal holds one for each attempt."""

    kind = "run"
    schema: str
    run: str
    context: Context
    argv: tuple[str, ...]
    shard: str | None = None  # "2/5"
    limit_bytes: int | None = None
    started: str = ""  # UTC, ISO 8601


@dataclass(frozen=True, slots=True)
class Baseline:
    """An empty test below the named conftest files, by the same meter as the units."""

    kind = "baseline"
    conftests: tuple[str, ...]
    bytes: int | None  # None when it could not be measured, e.g. a conftest that fails


@dataclass(frozen=True, slots=True)
class UnitStart:
    """Written as soon as the unit's process exists, long before its first test."""

    kind = "unit_start"
    unit: str
    members: tuple[str, ...]
    source: str  # hash of the members' files and of the conftest files above them
    trial: int = field(default=1, metadata={"key": "try"})  # 2 when the run died in the first one
    repeat: int = 1
    limit_bytes: int | None = None
    pid: int | None = None
    batch: int | None = field(default=None, metadata=_SPARSE)  # its number in a run of batches


@dataclass(frozen=True, slots=True)
class TestStart:
    """A test is about to begin; its end is missing when the process died in it."""

    __test__ = False
    kind = "test_start"
    unit: str
    test: str


@dataclass(frozen=True, slots=True)
class TestEnd:
    """One test. ``peak_bytes`` is that of its process, or of the whole tree where children made it larger."""

    __test__ = False
    kind = "test_end"
    unit: str
    test: str
    outcome: str  # passed, failed, error, skipped, xfailed, xpassed
    before_bytes: int | None
    peak_bytes: int | None
    after_bytes: int | None
    seconds: float
    tree_bytes: int = 0  # highest sample of the whole tree while children ran; 0 when the test had none
    memory_error: bool = False
    own_bytes: int | None = field(default=None, metadata=_SPARSE)  # of its process alone, with children
    output_bytes: int = field(default=0, metadata=_SPARSE)  # captured output that its reports keep
    new_modules: int = field(default=0, metadata=_SPARSE)  # first imported while it ran


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process that a unit left running. It was killed."""

    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class UnitEnd:
    """What became of a unit: ``exit_code`` and ``signal`` as they were, ``verdict`` as they are judged."""

    kind = "unit_end"
    unit: str
    members: tuple[str, ...]
    verdict: str
    exit_code: int | None
    signal: str | None  # "SIGKILL", decoded from −9, 137 or a shell's 137 alike
    evidence: tuple[str, ...]
    peak_bytes: int | None
    baseline_bytes: int | None
    retained_bytes: int | None  # growth of the pytest process over the unit, after gc and malloc_trim
    cache_bytes: int | None  # page cache beside the peak; the kernel can take it back
    meter: str
    seconds: float
    victim: str | None  # the test that was running when the process died or the limit was broken
    leftover_processes: tuple[Leftover, ...] = ()
    tests: dict[str, int] = field(default_factory=dict)  # outcome → count
    trial: int = field(default=1, metadata={"key": "try"})
    repeat: int = 1
    output: str | None = None  # file that keeps what the unit printed
    pid: int | None = None
    collected_bytes: int | None = None  # growth of the pytest process up to the first test: imports, globals
    stages: MeasuredStages | None = field(default=None, metadata=_SPARSE)
    batch: int | None = field(default=None, metadata=_SPARSE)  # its number in a run of batches


Record = Run | Baseline | UnitStart | TestStart | TestEnd | UnitEnd

_TYPES: dict[str, type[Any]] = {t.kind: t for t in (Run, Baseline, UnitStart, TestStart, TestEnd, UnitEnd)}
_NESTED: dict[str, type[Any]] = {
    "context": Context,
    "leftover_processes": Leftover,
    "stages": MeasuredStages,
    "imports": MeasuredImport,
    "holders": MeasuredHolder,
}
_KEYS = {
    t: {f.metadata.get("key", f.name): f.name for f in fields(t)}
    for t in (*_TYPES.values(), *_NESTED.values())
}
_DEFAULTS = {
    t: {f.name: f.default for f in fields(t) if f.metadata.get("sparse") or t is MeasuredStages}
    for t in _KEYS
}


def encode(record: Record) -> bytes:
    """One line of the journal, with its newline. Names that are not UTF-8 survive as escaped surrogates."""
    body = {"kind": record.kind, **_plain(record)}
    if isinstance(record, Run):
        body = {"schema": body.pop("schema"), **body}
    return json.dumps(body, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> Record | None:
    """The record of one line, or None for a kind this version does not know.

    Raises ValueError when the line is no record: torn, or not from a journal.
    """
    body = json.loads(line)
    if not isinstance(body, dict) or "kind" not in body:
        raise ValueError("not a journal record")
    known = _TYPES.get(body["kind"])
    if known is None:
        return None
    try:
        record: Record = _build(known, body)
    except TypeError as error:
        raise ValueError(f"incomplete {body['kind']} record: {error}") from None
    return record


def read(path: Path, broken_line: Callable[[int], None] | None = None) -> Iterator[Record]:
    """Yield the records of a journal in order; a torn last line is left out.

    With ``broken_line`` every line that is no record is left out, and its number (from 1) told: -1 for the last.
    Raises JournalError when the file cannot be read, is no journal, or has a broken line before its end.
    """
    try:
        with path.open("rb") as stream:
            yield from _records(stream, path, broken_line)
    except OSError as error:
        raise JournalError(f"cannot read the journal {path}: {error.strerror}") from error


def _records(stream: Any, path: Path, broken_line: Callable[[int], None] | None) -> Iterator[Record]:
    broken: int | None = None
    for number, line in enumerate(stream, 1):
        if broken is not None and broken > 1 and broken_line is not None:
            broken_line(broken)
            broken = None
        if broken is not None:
            raise JournalError(f"{path}:{broken} is not a journal record, though lines follow it")
        try:
            record = decode(line if line.endswith(b"\n") else b"")  # without its newline a line is torn
        except ValueError:
            broken = number
            continue
        if isinstance(record, Run) and record.schema != SCHEMA:
            raise JournalError(f"{path} has schema {record.schema}; this version reads {SCHEMA}")
        if number == 1 and not isinstance(record, Run):
            raise JournalError(f"{path} is not a memlint journal: its first record is no run")
        if record is not None:
            yield record
    if broken == 1:
        raise JournalError(f"{path} is not a memlint journal")
    if broken is not None and broken_line is not None:
        broken_line(-1)


@dataclass(frozen=True, slots=True)
class Journal:
    """A whole journal in memory."""

    runs: tuple[Run, ...]
    units: tuple[
        UnitEnd, ...
    ]  # finished units in order of their end; a repeated unit appears once for each run
    tests: tuple[TestEnd, ...]
    in_flight: tuple[UnitStart, ...]  # started, never ended


def load(path: Path) -> Journal:
    """Return a journal whole. Raises JournalError as ``read`` does."""
    runs: list[Run] = []
    units: list[UnitEnd] = []
    tests: list[TestEnd] = []
    open_units: dict[str, UnitStart] = {}
    for record in read(path):
        if isinstance(record, Run):
            runs.append(record)
        elif isinstance(record, UnitStart):
            open_units[record.unit] = record
        elif isinstance(record, UnitEnd):
            units.append(record)
            open_units.pop(record.unit, None)
        elif isinstance(record, TestEnd):
            tests.append(record)
    return Journal(tuple(runs), tuple(units), tuple(tests), tuple(open_units.values()))


class Writer:
    """Appends records, one ``write`` each, and holds the journal's lock until closed.

    Without ``append`` an earlier journal of that name is kept beside it, as ``NAME.previous``. Raises
    JournalError when the file cannot be written or another run holds it.
    """

    def __init__(self, path: Path, *, append: bool) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = _open_locked(path)
            if append:
                _cut_torn_line(self._fd)
            elif os.fstat(self._fd).st_size:
                path.replace(path.with_name(f"{path.name}.previous"))
                os.close(self._fd)
                self._fd = _open_locked(path)
        except BlockingIOError:
            raise JournalError(
                f"another run is writing {path}: wait for it, or name another --journal"
            ) from None
        except OSError as error:
            raise JournalError(f"cannot write the journal {path}: {error.strerror}") from error

    def write(self, record: Record, *, durable: bool = True) -> None:
        """Append one record. A ``UnitEnd`` or ``Run`` is then on the disk, unless told otherwise."""
        os.write(self._fd, encode(record))
        if durable and isinstance(record, (UnitEnd, Run)):
            self.sync()

    def sync(self) -> None:
        """Bring what was written to the disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Release the journal."""
        os.close(self._fd)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()


def _open_locked(path: Path) -> int:
    """Open for appending and take the lock. Raises BlockingIOError when another process has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def _cut_torn_line(fd: int) -> None:
    """Remove an unfinished last line, so that what is appended starts on its own line."""
    end = os.fstat(fd).st_size
    while end > 0:
        start = max(0, end - 65536)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            os.ftruncate(fd, start + newline + 1)
            return
        end = start
    os.ftruncate(fd, 0)


def _plain(value: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    sparse = _DEFAULTS[type(value)]
    for key, name in _KEYS[type(value)].items():
        item = getattr(value, name)
        if name in sparse and item == sparse[name]:
            continue
        if name in _NESTED and item is not None:
            item = [_plain(i) for i in item] if isinstance(item, tuple) else _plain(item)
        out[key] = item
    return out


def _build(kind: type[Any], body: dict[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for key, name in _KEYS[kind].items():
        if key not in body:
            continue
        item = body[key]
        nested = _NESTED.get(name)
        if nested is not None and item is not None:
            item = tuple(_build(nested, i) for i in item) if isinstance(item, list) else _build(nested, item)
        values[name] = tuple(item) if isinstance(item, list) else item
    return kind(**values)
