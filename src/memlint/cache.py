"""What was worked out from files, kept between runs: one file of each kind, keyed by path, stat and content hash."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from memlint import __version__
from memlint.facts import digest_of, encode

T = TypeVar("T")
_FORMAT = 11  # raised when lowering, facts, outlines or verdicts change their meaning
_RACY_NS = 2_000_000_000  # a file changed this close to the writing of the cache is hashed again
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# memlint keeps what it has read of your files here.\n"


class Stamp(msgspec.Struct, array_like=True, frozen=True):
    """What tells whether a file has changed."""

    size: int
    mtime_ns: int
    digest: str

    def is_of(self, stat: os.stat_result, written_ns: int) -> bool:
        """Whether the stat alone shows that the file has not changed since ``written_ns``."""
        same = self.size == stat.st_size and self.mtime_ns == stat.st_mtime_ns
        return same and self.mtime_ns <= written_ns - _RACY_NS

    def is_of_content(self, content: bytes) -> bool:
        """Whether the file holds the same, whatever its stat says."""
        return self.digest == digest_of(content)


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """What is known of one file, still encoded."""

    stamp: Stamp
    value: bytes


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    version: str
    written_ns: int
    entries: dict[str, Entry]


def cache_version() -> str:
    """What must be the same for anything kept to be of use: memlint, the format and the Python that parses."""
    return f"{__version__}/{_FORMAT}/{sys.version_info.major}.{sys.version_info.minor}"


class FileCache(Generic[T]):
    """Values of type ``kind`` by absolute path. ``folder`` None keeps nothing.

    ``name`` is that of the cache's own file; ``version`` is what the values depend on beside the files.
    """

    def __init__(self, folder: Path | None, name: str, kind: type[T], version: str = "") -> None:
        self.folder = folder
        self.name = name
        self.decoder = msgspec.msgpack.Decoder(kind)
        self.version = f"{cache_version()}/{version}"
        self.written_ns = 0
        self.entries: dict[str, Entry] = {}
        self.changed = False
        self.asked: set[str] = set()  # in this run
        if folder is not None:
            self._read(folder / f"{name}.msgpack")

    def _read(self, path: Path) -> None:
        try:
            stored = msgspec.msgpack.decode(path.read_bytes(), type=_Stored)
        except (OSError, msgspec.MsgspecError):
            return  # absent, damaged or of another format: as good as empty
        if stored.version == self.version:
            self.entries, self.written_ns = stored.entries, stored.written_ns

    def fresh(self, path: str, stat: os.stat_result) -> T | None:
        """The value of a file whose stat says that it has not changed."""
        self.asked.add(path)
        entry = self.entries.get(path)
        if entry is None or not entry.stamp.is_of(stat, self.written_ns):
            return None
        return self._decoded(entry)

    def same_content(self, path: str, digest: str, stat: os.stat_result) -> T | None:
        """The value of a file whose content is the same though its stat is not."""
        entry = self.entries.get(path)
        if entry is None or entry.stamp.digest != digest:
            return None
        if entry.stamp.mtime_ns != stat.st_mtime_ns:
            self.put(path, stat, digest, entry.value)
        return self._decoded(entry)

    def put(self, path: str, stat: os.stat_result, digest: str, value: bytes) -> None:
        """Keep the value of a file, encoded."""
        self.asked.add(path)
        self.entries[path] = Entry(Stamp(stat.st_size, stat.st_mtime_ns, digest), value)
        self.changed = True

    def missing(self, path: str) -> None:
        """Remember that a file could not be read."""
        self.asked.add(path)
        self.entries.pop(path, None)

    def seen(self) -> dict[str, Stamp | None]:
        """The files that were asked for, as they are; None for one that could not be read."""
        return {
            path: entry.stamp if (entry := self.entries.get(path)) else None for path in sorted(self.asked)
        }

    def _decoded(self, entry: Entry) -> T | None:
        try:
            return self.decoder.decode(entry.value)
        except msgspec.MsgspecError:
            return None  # damaged: as good as absent

    def write(self) -> None:
        """Write what has changed; entries of files that are gone are dropped."""
        if self.folder is None or not self.changed:
            return
        kept = {path: entry for path, entry in self.entries.items() if Path(path).exists()}
        write_whole(self.folder, f"{self.name}.msgpack", encode(_Stored(self.version, time.time_ns(), kept)))


def write_whole(folder: Path, name: str, data: bytes) -> None:
    """Write a file of the cache, whole or not at all; a folder that cannot be written is no error."""
    try:
        prepare(folder)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(data)
        Path(file.name).replace(folder / name)
    except OSError:
        return


def prepare(folder: Path) -> None:
    """Make the folder and mark it as a cache. Raises OSError for one that is there and is somebody else's."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "CACHEDIR.TAG").exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} holds files and is no cache: nothing is written there")
    for name, text in _markers():
        path = folder / name
        if not path.exists():
            path.write_text(text, encoding="utf-8")


def _markers() -> Iterator[tuple[str, str]]:
    yield "CACHEDIR.TAG", _TAG
    yield ".gitignore", "*\n"
