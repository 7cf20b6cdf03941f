"""What was worked out from files, kept between runs: one file of each kind, keyed by path, stat and content hash."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Generic, TypeVar

import msgspec

from memlint import __version__
from memlint.facts import digest_of, encode

T = TypeVar("T")
_FORMAT = 12  # raised when lowering, facts, outlines or verdicts change their meaning
_RACY_NS = 2_000_000_000  # a file changed this close to the writing of the cache is hashed again
_IN_MEMORY = 4_000_000  # bytes of new values that are not yet put on disk
_LENGTH = 8  # bytes at the end of the cache's file that tell the length of its index
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


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """Where the encoded value of a file lies, and what it was worked out from."""

    stamp: Stamp
    start: int
    length: int


class _Index(msgspec.Struct, array_like=True, frozen=True):
    version: str
    written_ns: int
    places: dict[str, _Place]


class _Shelf:
    """Encoded values in an open file, one after the other, by the path of what they tell of."""

    def __init__(self, file: IO[bytes], places: dict[str, _Place]) -> None:
        self.file = file
        self.places = places
        weakref.finalize(self, file.close)

    def value(self, place: _Place) -> bytes:
        """The value in a place."""
        self.file.seek(place.start)
        return self.file.read(place.length)

    def add(self, path: str, stamp: Stamp, value: bytes) -> None:
        """Put one more value in."""
        start = self.file.seek(0, os.SEEK_END)
        self.file.write(value)
        self.places[path] = _Place(stamp, start, len(value))


def cache_version() -> str:
    """What must be the same for anything kept to be of use: memlint, the format and the Python that parses."""
    return f"{__version__}/{_FORMAT}/{sys.version_info.major}.{sys.version_info.minor}"


class FileCache(Generic[T]):
    """Values of type ``kind`` by absolute path. ``folder`` None keeps nothing for later runs.

    ``name`` is that of the cache's own file; ``version`` is what the values depend on beside the files. The values stay
    in that file, and new ones in a temporary one, so that a run over any number of files holds a place of each.
    """

    def __init__(self, folder: Path | None, name: str, kind: type[T], version: str = "") -> None:
        self.folder = folder
        self.name = f"{name}.cache"
        self.decoder = msgspec.msgpack.Decoder(kind)
        self.version = f"{cache_version()}/{version}"
        self.written_ns = 0
        self.asked: set[str] = set()  # in this run
        self.known = _Shelf(BytesIO(), {})
        self.new = _new_shelf()
        if folder is not None:
            self._open(folder / self.name)

    def _open(self, path: Path) -> None:
        try:
            shelf, index = _opened(path)
        except (OSError, msgspec.MsgspecError):
            return  # absent, damaged or of another format: as good as empty
        if index.version == self.version:
            self.known, self.written_ns = shelf, index.written_ns

    def _find(self, path: str) -> tuple[_Shelf, _Place] | None:
        for shelf in (self.new, self.known):
            place = shelf.places.get(path)
            if place is not None:
                return shelf, place
        return None

    def knows(self, path: str) -> bool:
        """Whether there is a value of a file, though maybe not of what it holds now."""
        return self._find(path) is not None

    def fresh(self, path: str, stat: os.stat_result) -> T | None:
        """The value of a file whose stat says that it has not changed."""
        self.asked.add(path)
        found = self._find(path)
        if found is None or not found[1].stamp.is_of(stat, self.written_ns):
            return None
        return self._decoded(*found)

    def same_content(self, path: str, digest: str, stat: os.stat_result) -> T | None:
        """The value of a file whose content is the same though its stat is not."""
        found = self._find(path)
        if found is None or found[1].stamp.digest != digest:
            return None
        shelf, place = found
        if place.stamp.mtime_ns != stat.st_mtime_ns:
            self.put(path, stat, digest, shelf.value(place))
        return self._decoded(shelf, place)

    def held(self, path: str) -> T:
        """The value of a file that this run has been given before. Raises LookupError for any other."""
        found = self._find(path)
        value = self._decoded(*found) if found else None
        if value is None:
            raise LookupError(f"{path} has not been read in this run")
        return value

    def put(self, path: str, stat: os.stat_result, digest: str, value: bytes) -> None:
        """Keep the value of a file, encoded."""
        self.asked.add(path)
        self.new.add(path, Stamp(stat.st_size, stat.st_mtime_ns, digest), value)

    def missing(self, path: str) -> None:
        """Remember that a file could not be read."""
        self.asked.add(path)
        for shelf in (self.new, self.known):
            shelf.places.pop(path, None)

    def seen(self) -> dict[str, Stamp | None]:
        """The files that were asked for, as they are; None for one that could not be read."""
        return {path: found[1].stamp if (found := self._find(path)) else None for path in sorted(self.asked)}

    def _decoded(self, shelf: _Shelf, place: _Place) -> T | None:
        try:
            return self.decoder.decode(shelf.value(place))
        except (OSError, msgspec.MsgspecError):
            return None  # damaged: as good as absent

    def write(self) -> None:
        """Write what has changed; entries of files that are gone are dropped."""
        if self.folder is not None and self.new.places:
            write_whole(self.folder, self.name, self._pieces(), self._close)
            self._open(self.folder / self.name)

    def _close(self) -> None:
        self.known.file.close()
        self.known = _Shelf(BytesIO(), {})

    def _pieces(self) -> Iterator[bytes]:
        """The cache's file: all values, their index, and the length of that."""
        places: dict[str, _Place] = {}
        start = 0
        for path in {**self.known.places, **self.new.places}:
            found = self._find(path)
            if found is None or not Path(path).exists():
                continue
            shelf, place = found
            yield shelf.value(place)
            places[path] = _Place(place.stamp, start, place.length)
            start += place.length
        index = encode(_Index(self.version, time.time_ns(), places))
        yield index
        yield len(index).to_bytes(_LENGTH, "little")


def _new_shelf() -> _Shelf:
    return _Shelf(tempfile.SpooledTemporaryFile(_IN_MEMORY), {})


def _opened(path: Path) -> tuple[_Shelf, _Index]:
    """A cache's file, left open. Raises OSError and msgspec.MsgspecError."""
    file = path.open("rb")
    try:
        end = file.seek(-_LENGTH, os.SEEK_END)
        length = int.from_bytes(file.read(_LENGTH), "little")
        file.seek(max(end - length, 0))
        index = msgspec.msgpack.decode(file.read(min(length, end)), type=_Index)
    except BaseException:
        file.close()
        raise
    return _Shelf(file, index.places), index


def write_whole(
    folder: Path, name: str, pieces: Iterable[bytes], before: Callable[[], None] = lambda: None
) -> None:
    """Write a file of the cache, whole or not at all; a folder that cannot be written is no error.

    ``before`` is called when all pieces are written, to close the file that is replaced: Windows replaces no open one.
    """
    try:
        prepare(folder)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            part = Path(file.name)
            try:
                file.writelines(pieces)
                file.close()
                before()
                part.replace(folder / name)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
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
