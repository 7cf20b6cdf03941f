"""URIs of files (RFC 8089) and references relative to a directory (RFC 3986)."""

from __future__ import annotations

import re
from urllib.parse import quote

_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:/")


def is_absolute(path: str) -> bool:
    """Whether a POSIX or Windows path, written with forward slashes, starts at a root."""
    return path.startswith("/") or _WINDOWS_DRIVE.match(path) is not None


def file_uri(path: str) -> str:
    """Return the ``file:`` URI of an absolute path written with forward slashes."""
    if _WINDOWS_DRIVE.match(path):
        return f"file:///{path[:2]}{relative_uri(path[2:])}"
    return f"file://{relative_uri(path)}"


def relative_uri(path: str) -> str:
    """Return ``path`` percent-encoded, byte by byte as the file system has it."""
    try:
        return quote(path, safe="/", errors="surrogateescape")
    except UnicodeEncodeError:
        # Windows may hold half a surrogate pair in a name
        return quote(path, safe="/", errors="surrogatepass")
