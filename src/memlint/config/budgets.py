"""``[tool.memlint.budgets]``: sizes by path pattern or by marker."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from memlint.config.layers import Entry
from memlint.config.patterns import check
from memlint.config.schema import describe
from memlint.disk import is_dir
from memlint.knowledge.selectors import did_you_mean
from memlint.model import Budget
from memlint.units import FACTORS, parse_bytes

_MARKER = re.compile(r"[A-Za-z_]\w*")
_UNIT = re.compile(r"[A-Za-z]+\s*$")


def budget_of(name: str, entry: Entry, markers: Collection[str], root: Path) -> Budget:
    """Return the budget that an entry sets. A name without a slash, a dot or a star is a marker's.

    ``markers`` are those that are known. Raises ConfigError for a size that is none, and for a name that is not a known
    marker but close to one, or that of a folder.
    """
    is_marker = bool(_MARKER.fullmatch(name))
    if is_marker and name not in markers:
        if hint := did_you_mean(name, markers):
            raise entry.wrong(f"budgets: there is no marker {name!r}{hint}")
        if is_dir(root / name):
            raise entry.wrong(f'budgets: {name!r} names a marker; for the folder write "{name}/"')
    try:
        check(name)
    except ValueError as error:
        raise entry.wrong(f'budgets: "{name}" {error}') from error
    return Budget(name, _size(name, entry), is_marker, entry.origin)


def _size(name: str, entry: Entry) -> int:
    if not isinstance(entry.value, (int, str)) or isinstance(entry.value, bool):
        raise entry.wrong(f'budgets: {name!r} takes a size, such as "500 MiB", not {describe(entry.value)}')
    try:
        size = parse_bytes(entry.value)
    except ValueError as error:
        unit = _UNIT.search(str(entry.value))
        hint = did_you_mean(unit[0].strip().lower(), FACTORS) if unit else ""
        raise entry.wrong(f"budgets: {name!r}: {error}{hint}") from error
    if size <= 0:
        raise entry.wrong(f"budgets: {name!r} takes a size above nothing")
    return size
