"""From the bytes of a log to clean lines: no colours, no time stamps, no prefixes of services, no endless lines."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO, cast

_BLOCK = 1 << 16  # bytes read at once
_LONGEST = 1 << 14  # bytes of a line that are looked at
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_UTF16 = {
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}  # PowerShell writes it when output is redirected

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_STAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_PREFIXES = re.compile(
    rf"""(?x)^ (?:
        \ufeff
      | [^\t]{{1,200}} \t [^\t]{{1,200}} \t (?=\ufeff?{_STAMP})   # gh run view --log: job, step
      | {_STAMP} (?:\ \d\d[EO][\ +] | \ | $)                      # GitHub, Azure; GitLab names the stream
      | \[ (?:{_STAMP} | \d\d:\d\d:\d\d(?:[.,]\d+)?) \] (?:\ |$)  # Jenkins
      | \d\d:\d\d:\d\d (?:[.,]\d+)? (?:\ {{1,2}}|$)               # Jenkins, older
      | [\w.-]+ \ + \| \ ?                                        # docker compose
      | \[pod/[^\]]+\] \ ?                                        # kubectl logs --prefix
      | \#\d+ \ \d+\.\d+ \ ?                                      # docker build
    )"""
)
_MOST_PREFIXES = 4


class LogError(Exception):
    """The log cannot be read; the message says why and what to do."""


def read_lines(stream: BufferedReader) -> Iterator[str]:
    """Yield the lines of a log, cleaned, one for every line of the file. Carriage returns leave what was written last.

    A compressed or UTF-16 log is understood. Raises LogError for an archive, and for what gzip cannot read.
    """
    head = stream.peek(4)[:4]
    if head.startswith(_ZIP):
        raise LogError("it is an archive: unpack it, and name the log of the job that failed")
    source = cast("BinaryIO", gzip.GzipFile(fileobj=stream)) if head.startswith(_GZIP) else stream
    encoding = _UTF16.get(head[:2], "utf-8")
    newline = "\n".encode(encoding)
    try:
        for line in _split(source, newline):
            yield clean(line.decode(encoding, "replace"))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LogError(f"it is compressed, and damaged: {error}") from error


def _split(stream: BinaryIO | BufferedReader, newline: bytes) -> Iterator[bytes]:
    """Lines without their ends; of a very long one its beginning alone is kept."""
    held = b""
    overlong = False
    while block := stream.read(_BLOCK):
        *lines, held = (held + block).split(newline)
        for line in lines:
            if not overlong:
                yield line[:_LONGEST]
            overlong = False
        if len(held) > _LONGEST:
            if not overlong:
                yield held[:_LONGEST]
            overlong = True
            held = held[-(len(held) % len(newline)) :] if len(held) % len(newline) else b""
    if held and not overlong:
        yield from held.split(newline)


def clean(line: str) -> str:
    """A line as a person would read it."""
    if "\x1b" in line:
        line = _ESCAPES.sub("", line)
    line = line.rstrip("\r\n")
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    for _ in range(_MOST_PREFIXES):
        prefix = _PREFIXES.match(line)
        if prefix is None:
            break
        line = line[prefix.end() :]
    return line.rstrip()
