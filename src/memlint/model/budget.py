"""How much memory tests may hold, by where they lie or how they are marked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit of the project's own for what a test holds at one time. ``name`` is a path pattern or a marker."""

    name: str
    bytes: int
    is_marker: bool
    origin: str = ""  # "pyproject.toml:12"
