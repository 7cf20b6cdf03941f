"""The outlines of a product's files, read once and kept between runs."""

from __future__ import annotations

import re
from pathlib import Path

from memlint.cache import FileCache
from memlint.facts import digest_of, encode
from memlint.ranking.outline import Outline, outline

_CIMPORT = re.compile(
    r"\bcimport\b"
)  # loads what defines the classes and functions that it names, as an import does
_LARGEST_SOURCE = 2_000_000  # bytes; a longer file is data


class Outlines:
    """Outlines by file, from ``cache`` where it knows the file."""

    def __init__(self, cache: FileCache[Outline]) -> None:
        self.cache = cache

    def of(self, file: Path) -> Outline | None:
        """The outline of a file; that of an empty one when it is too long to be source; None when it is not there."""
        path = str(file)
        try:
            stat = file.stat()
            known = self.cache.fresh(path, stat)
            if known is not None:
                return known
            content = file.read_bytes() if stat.st_size <= _LARGEST_SOURCE else b""
        except (OSError, ValueError):
            self.cache.missing(path)
            return None
        digest = digest_of(content)
        known = self.cache.same_content(path, digest, stat)
        if known is not None:
            return known
        text = content.decode("utf-8", "replace")
        found = outline(_CIMPORT.sub("import", text) if path.endswith(".pyx") else text)
        self.cache.put(path, stat, digest, encode(found))
        return found
