"""Extension modules: how much of a file is loaded. What debuggers read, often most of it, is not."""

from __future__ import annotations

import struct

from memlint.disk import RealDisk

_MAGIC = b"\x7fELF"
_HEADER = 64  # bytes, of the longer of both kinds
_PT_LOAD = 1
_MOST_SEGMENTS = 256
# by the class of the file (ELF64, ELF32): where the offset, size and number of program headers stand, and a header;
# System V ABI, chapters 4 and 5, https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
_LAYOUTS = {2: ("<Q", 32, 54, "<IIQQQQQQ", 0, 5), 1: ("<I", 28, 42, "<IIIIIIII", 0, 4)}


def loaded_bytes(disk: RealDisk, path: str) -> int:
    """Bytes of an extension module that are loaded: all segments of an ELF file, the whole of any other."""
    whole = disk.size(path) or 0
    header = disk.part(path, 0, _HEADER)
    layout = _LAYOUTS.get(header[4]) if len(header) == _HEADER and header.startswith(_MAGIC) else None
    if layout is None:
        return whole
    offset_format, offset_at, size_at, segment, kind_at, length_at = layout
    (offset,) = struct.unpack_from(offset_format, header, offset_at)
    size, number = struct.unpack_from("<HH", header, size_at)
    if size < struct.calcsize(segment) or number > _MOST_SEGMENTS:
        return whole
    table = disk.part(path, offset, size * number)
    if len(table) < size * number:
        return whole
    segments = [struct.unpack_from(segment, table, at) for at in range(0, len(table), size)]
    loaded = sum(fields[length_at] for fields in segments if fields[kind_at] == _PT_LOAD)
    return min(loaded, whole) or whole
