"""The file system below the working directory, asked once a path. Paths are POSIX and relative to it."""

from __future__ import annotations

import stat
from functools import lru_cache
from pathlib import Path

_MOST_MATCHES = 1000


class RealDisk:
    """Answers what ``analysis.project.Disk`` asks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.size = lru_cache(maxsize=200_000)(self._size)
        self.is_dir = lru_cache(maxsize=200_000)(self._is_dir)
        self.matches = lru_cache(maxsize=10_000)(self._matches)

    def _size(self, path: str) -> int | None:
        try:
            status = (self.root / path).stat()
        except (OSError, ValueError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def _is_dir(self, path: str) -> bool:
        try:
            return (self.root / path).is_dir()
        except (OSError, ValueError):
            return False

    def _matches(self, pattern: str) -> list[str]:
        try:
            found = sorted(self.root.glob(pattern))
        except (ValueError, NotImplementedError, OSError):
            return []
        return [path.relative_to(self.root).as_posix() for path in found[:_MOST_MATCHES]]
