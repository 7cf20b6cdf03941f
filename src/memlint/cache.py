"""Facts kept between runs: one file, keyed by path, stat and content hash."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from memlint import __version__
from memlint.facts import FileFacts, decode_file, encode

_FORMAT = 4  # raised when lowering or facts change their meaning
_RACY_NS = 2_000_000_000  # a file changed this close to the writing of the cache is hashed again
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# memlint keeps what it has read of your files here.\n"


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """The facts of one file, still encoded, with what tells whether they are fresh."""

    size: int
    mtime_ns: int
    digest: str
    facts: bytes


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    version: str
    written_ns: int
    entries: dict[str, Entry]


def _version() -> str:
    return f"{__version__}/{_FORMAT}/{sys.version_info.major}.{sys.version_info.minor}"


class FactsCache:
    """Encoded facts by absolute path. ``folder`` None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.written_ns = 0
        self.entries: dict[str, Entry] = {}
        self.changed = False
        if folder is not None:
            self._read(folder / "facts.msgpack")

    def _read(self, path: Path) -> None:
        try:
            stored = msgspec.msgpack.decode(path.read_bytes(), type=_Stored)
        except (OSError, msgspec.MsgspecError):
            return  # absent, damaged or of another format: as good as empty
        if stored.version == _version():
            self.entries, self.written_ns = stored.entries, stored.written_ns

    def fresh(self, path: str, stat: os.stat_result) -> FileFacts | None:
        """The facts of a file whose stat says that it has not changed."""
        entry = self.entries.get(path)
        if entry is None or entry.size != stat.st_size or entry.mtime_ns != stat.st_mtime_ns:
            return None
        if entry.mtime_ns > self.written_ns - _RACY_NS:
            return None
        return _decoded(entry)

    def same_content(self, path: str, digest: str, stat: os.stat_result) -> FileFacts | None:
        """The facts of a file whose content is the same though its stat is not."""
        entry = self.entries.get(path)
        if entry is None or entry.digest != digest:
            return None
        if self.entries[path].mtime_ns != stat.st_mtime_ns:
            self.entries[path] = Entry(stat.st_size, stat.st_mtime_ns, digest, entry.facts)
            self.changed = True
        return _decoded(entry)

    def put(self, path: str, stat: os.stat_result, facts: FileFacts, encoded: bytes | None = None) -> None:
        """Keep the facts of a file."""
        entry = Entry(stat.st_size, stat.st_mtime_ns, facts.digest, encoded or encode(facts))
        self.entries[path] = entry
        self.changed = True

    def write(self) -> None:
        """Write what has changed, whole or not at all; a folder that cannot be written is no error."""
        if self.folder is None or not self.changed:
            return
        kept = {path: entry for path, entry in self.entries.items() if Path(path).exists()}
        data = encode(_Stored(_version(), time.time_ns(), kept))
        try:
            _prepare(self.folder)
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
                file.write(data)
            Path(file.name).replace(self.folder / "facts.msgpack")
        except OSError:
            return


def _decoded(entry: Entry) -> FileFacts | None:
    try:
        return decode_file(entry.facts)
    except msgspec.MsgspecError:
        return None


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _markers():
        path = folder / name
        if not path.exists():
            path.write_text(text, encoding="utf-8")


def _markers() -> Iterator[tuple[str, str]]:
    yield "CACHEDIR.TAG", _TAG
    yield ".gitignore", "*\n"
