"""The outlines of a suite's and a product's files, read once and kept between runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from memlint.cache import FileCache, Stamp
from memlint.facts import digest_of, encode
from memlint.ranking.outline import EntryOutline, Outline, entry_outline, outline

T = TypeVar("T", Outline, EntryOutline)
_CIMPORT = re.compile(
    r"\bcimport\b"
)  # loads what defines the classes and functions that it names, as an import does
_LARGEST_SOURCE = 2_000_000  # bytes; a longer file is data


class Outlines:
    """Outlines by file, from the caches below ``folder`` where they know the file.

    ``version`` is what they depend on beside the files.
    """

    def __init__(self, folder: Path | None = None, version: str = "") -> None:
        self.modules = FileCache(folder, "outlines", Outline, version)
        self.entries = FileCache(folder, "entries", EntryOutline, version)

    def of(self, file: Path) -> Outline | None:
        """The outline of a module; that of an empty one when it is too long to be source; None when it is not there."""
        return _read(self.modules, file, outline)

    def entry(self, file: Path) -> EntryOutline | None:
        """The outline of a file that a session begins with, likewise."""
        return _read(self.entries, file, entry_outline)

    def seen(self) -> dict[str, Stamp | None]:
        """The files that were asked for, as they are; None for one that could not be read."""
        return {**self.modules.seen(), **self.entries.seen()}

    def write(self) -> None:
        """Keep what was read for the next run."""
        self.modules.write()
        self.entries.write()


def _read(cache: FileCache[T], file: Path, read: Callable[[str], T]) -> T | None:
    path = str(file)
    try:
        stat = file.stat()
        known = cache.fresh(path, stat)
        if known is not None:
            return known
        content = file.read_bytes() if stat.st_size <= _LARGEST_SOURCE else b""
    except (OSError, ValueError):
        cache.missing(path)
        return None
    digest = digest_of(content)
    known = cache.same_content(path, digest, stat)
    if known is not None:
        return known
    text = content.decode("utf-8", "replace")
    found = read(_CIMPORT.sub("import", text) if path.endswith(".pyx") else text)
    cache.put(path, stat, digest, encode(found))
    return found
