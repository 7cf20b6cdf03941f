"""The order of suspects: heaviest first, the same on every run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from memlint.model import Suspect


def in_order(suspects: Iterable[Suspect]) -> list[Suspect]:
    """Number the suspects from 1 by likely bytes, then by high bytes, then by path and node id."""
    ordered = sorted(suspects, key=lambda s: (-s.peak.likely, -s.peak.high, s.path, s.nodeid or ""))
    return [replace(suspect, rank=number) for number, suspect in enumerate(ordered, 1)]
