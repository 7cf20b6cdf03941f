"""The file system below the working directory, asked once a path. Paths are POSIX and relative to it.

Every answer is remembered, so that a later run can see whether it would be given the same ones.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MOST_MATCHES = 1000


def exists(path: Path) -> bool:
    """Whether there is such a file or folder. A name that no file can have, as data may hold it, is not there."""
    return os.path.exists(path)  # noqa: PTH110, as Path.exists raises for such names before Python 3.14


def is_file(path: Path) -> bool:
    """Whether there is such a file; see ``exists``."""
    return os.path.isfile(path)  # noqa: PTH113, likewise


def is_dir(path: Path) -> bool:
    """Whether there is such a folder; see ``exists``."""
    return os.path.isdir(path)  # noqa: PTH112, likewise


class RealDisk:
    """Answers what ``analysis.project.Disk`` asks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)
        self.sizes: dict[str, int | None] = {}
        self.folders: dict[str, bool] = {}
        self.globbed: dict[str, list[str]] = {}
        self.listed: dict[str, int] = {}

    def size(self, path: str) -> int | None:
        """Bytes of a file; None when it is not there."""
        if path not in self.sizes:
            self.sizes[path] = self._size(path)
        return self.sizes[path]

    def is_dir(self, path: str) -> bool:
        """Whether there is such a folder."""
        if path not in self.folders:
            self.folders[path] = self._is_dir(path)
        return self.folders[path]

    def matches(self, pattern: str) -> list[str]:
        """The files that a glob pattern names."""
        if pattern not in self.globbed:
            self.globbed[pattern] = self._matches(pattern)
        return self.globbed[pattern]

    def entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What lies in a folder, in order of name. Its time of change stands for it in later runs."""
        try:
            self.listed[folder] = self.changed(folder)
            with os.scandir(self.root / folder) as found:
                return sorted(found, key=lambda entry: entry.name)
        except (OSError, ValueError):
            return []

    def changed(self, folder: str) -> int:
        """When something was last added to or taken from a folder, in nanoseconds; 0 where it is not there."""
        try:
            return (self.root / folder).stat().st_mtime_ns
        except (OSError, ValueError):
            return 0

    def text(self, path: str) -> str:
        """What a small file holds; empty when it is not there. Its size stands for it in later runs."""
        if self.size(path) is None:
            return ""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def part(self, path: str, start: int, length: int) -> bytes:
        """Some bytes of a file; fewer where it ends before. Its size stands for them in later runs."""
        if self.size(path) is None:
            return b""
        try:
            with (self.root / path).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except (OSError, ValueError):
            return b""

    def _size(self, path: str) -> int | None:
        try:
            status = os.stat(os.path.join(self._root, path))  # noqa: PTH116, PTH118, asked ten thousands of times
        except (OSError, ValueError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def _is_dir(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(os.stat(os.path.join(self._root, path)).st_mode)  # noqa: PTH116, PTH118, likewise
        except (OSError, ValueError):
            return False

    def _matches(self, pattern: str) -> list[str]:
        try:
            found = sorted(self.root.glob(pattern))
        except (ValueError, NotImplementedError, IndexError, OSError):
            return []  # no pattern that pathlib takes; of '.' it says so by an IndexError
        return [path.relative_to(self.root).as_posix() for path in found[:_MOST_MATCHES]]
