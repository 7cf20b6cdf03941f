"""Bytes and counts, read and written the way people write them."""

from __future__ import annotations

import re

FACTORS = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1000,
    "m": 1000**2,
    "mb": 1000**2,
    "g": 1000**3,
    "gb": 1000**3,
    "t": 1000**4,
    "tb": 1000**4,
    "ki": 1024,
    "kib": 1024,
    "mi": 1024**2,
    "mib": 1024**2,
    "gi": 1024**3,
    "gib": 1024**3,
    "ti": 1024**4,
    "tib": 1024**4,
}
MOST = 2**62
_QUANTITY = re.compile(r"\s*(\d[\d_]*(?:\.\d+)?(?:e\+?\d+)?)\s*([A-Za-z]*)\s*", re.IGNORECASE)


def parse_bytes(text: str | int) -> int:
    """Return the bytes that ``text`` names: ``"100 MiB"``, ``"2GB"``, ``"1e5"``, ``4096``.

    Raises ValueError when ``text`` is not a number of bytes.
    """
    if isinstance(text, int):
        return _sane(text)
    match = _QUANTITY.fullmatch(text)
    factor = FACTORS.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is not a size: write a number and a unit, such as '100 MiB' or '2 GB'")
    return _sane(float(match[1].replace("_", "")) * factor)


def parse_count(text: str | int) -> int:
    """Return the number of things that ``text`` names: ``"1e5 objects"``, ``"10_000"``, ``1000``.

    Raises ValueError when ``text`` is not a count.
    """
    if isinstance(text, int):
        return _sane(text)
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2].lower() not in {"", "objects", "object", "items", "cases", "tests"}:
        raise ValueError(f"{text!r} is not a count: write a number, such as '1e5 objects' or 100000")
    return _sane(float(match[1].replace("_", "")))


def _sane(number: float) -> int:
    """Raises ValueError for what no machine holds and no 64-bit field takes."""
    if number >= MOST:
        raise ValueError("is 2**62 or more: no machine holds that")
    return round(number)


def format_bytes(size: float) -> str:
    """Write ``size`` bytes in binary units with three digits: ``"381 MiB"``, ``"1.5 GiB"``, ``"12 B"``."""
    if size < 1024:
        return f"{size:.0f} B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        size /= 1024
        if size < 1000 or unit == "TiB":
            break
    if size >= 1e6:
        return f"{size:.3g} {unit}"
    return f"{size:.0f} {unit}" if size >= 99.95 else f"{size:.3g} {unit}"
