"""Data files that source names: the names in its strings, and the large files of a project that bear them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from memlint.disk import RealDisk

LEAST = 100_000  # bytes; a smaller file decides no peak
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".npz", ".tgz", ".7z")
_MOST_ENTRIES = 30_000  # looked at below one folder
_CODE = frozenset(
    ("py", "pyc", "pyi", "pyx", "pxd", "so", "pyd", "dll", "dylib", "lib", "a", "o", "c", "cc", "cpp", "h")
) | frozenset(("hpp", "rs", "f", "f90", "js", "css", "map", "ipynb"))
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
# how a string ends that may be the name of a file: "data/iris.csv.gz" names iris.csv.gz
_ENDING = re.compile(r"""\.([A-Za-z]\w{1,7})(?=["'])""")
_WORD = re.compile(r"\w")  # before the point
_CONSTANT = re.compile(
    r"^([A-Za-z_]\w*)[ ]*(?::[^=\n]+)?=(?!=)([^\n]*(?:\n(?:[ \t)\]}][^\n]*)?)*)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of data beside the source. Bytes as it lies on disk."""

    path: str
    bytes: int

    @property
    def packed(self) -> bool:
        """Whether it is compressed: in memory it takes many times its size."""
        return self.path.endswith(PACKED)


def files_in(text: str) -> tuple[str, ...]:
    """The names of files in the strings of a text, without their folders; sorted."""
    found = (
        text[_begin(text, match.start()) : match.end()]
        for match in _ENDING.finditer(text)
        if match[1] not in _CODE and _WORD.match(text, match.start() - 1)
    )
    return tuple(sorted(set(found)))


def _begin(text: str, end: int) -> int:
    """Where the name begins whose ending begins at ``end``. From behind, so that no word of the text is read twice."""
    while end and (text[end - 1].isalnum() or text[end - 1] in "_.+-"):
        end -= 1
    return end


def constants_in(text: str, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Which of these files the module's own assignments name, by the name that is bound."""
    out: dict[str, tuple[str, ...]] = {}
    for match in _CONSTANT.finditer(text) if names else ():
        named = tuple(name for name in files_in(match[2]) if name in names)
        if named:
            out[match[1]] = named
    return out


class DataFiles:
    """The large data files below folders of a project."""

    def __init__(self, disk: RealDisk) -> None:
        self.disk = disk
        self._below: dict[str, Mapping[str, DataFile]] = {}

    def below(self, folder: str) -> Mapping[str, DataFile]:
        """Those below a folder by name; of one name, the largest."""
        known = self._below.get(folder)
        if known is None:
            known = self._below[folder] = dict(
                sorted(self._walk(folder), key=lambda item: (item[1].bytes, item[1].path))
            )
        return known

    def _walk(self, top: str) -> Iterator[tuple[str, DataFile]]:
        waiting, left = [top], _MOST_ENTRIES
        while waiting and left > 0:
            folder = waiting.pop()
            entries = self.disk.entries(folder)
            left -= len(entries)
            for entry in entries:
                path = f"{folder}/{entry.name}"
                if entry.name.startswith(".") or entry.name in _SKIPPED:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif _ending(entry.name) not in _CODE and _bytes(entry) >= LEAST:
                    yield entry.name, DataFile(path, self.disk.size(path) or 0)


def _bytes(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0  # a link that leads nowhere


def _ending(name: str) -> str:
    return name.rpartition(".")[2]
