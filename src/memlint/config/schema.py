"""The keys of ``[tool.memlint]``, and what each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from memlint.config.patterns import check
from memlint.knowledge.selectors import did_you_mean
from memlint.model import Level, Severity

E = TypeVar("E", bound=Enum)

DEFAULT_MARKERS = ("memory_intensive", "slow")
DEFAULT_PYTHON_FILES = ("test_*.py", "*_test.py")
DEFAULT_EXCLUDE = (
    ".*/",
    "__pycache__/",
    "__pypackages__/",
    "_build/",
    "buck-out/",
    "build/",
    "dist/",
    "node_modules/",
    "site-packages/",
    "venv/",
    "*.egg-info/",
)


def string(value: object) -> str:
    """Raises ValueError unless ``value`` is a string that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"takes a string, not {describe(value)}")


def strings(value: object) -> tuple[str, ...]:
    """Raises ValueError unless ``value`` is a list of strings."""
    if not isinstance(value, list):
        raise ValueError(f"takes a list of strings, not {describe(value)}")
    for item in value:
        if not isinstance(item, str) or not item:
            raise ValueError(f"takes a list of strings; {describe(item)} is none")
    return tuple(value)


def patterns(value: object) -> tuple[str, ...]:
    """Raises ValueError unless ``value`` is a list of patterns as in a .gitignore."""
    found = strings(value)
    for pattern in found:
        try:
            check(pattern)
        except ValueError as error:
            raise ValueError(f"takes patterns; {describe(pattern)} {error}") from error
    return found


def table(value: object) -> dict[str, Any]:
    """Raises ValueError unless ``value`` is a table."""
    if isinstance(value, dict):
        return value
    raise ValueError(f"takes a table, not {describe(value)}")


def core_count(value: object) -> int:
    """Raises ValueError unless ``value`` is a whole number from 1."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError(f"takes a whole number from 1, not {describe(value)}")


def one_of(members: type[E], value: object) -> E:
    """Raises ValueError unless ``value`` is the value of one of the ``members``."""
    names = [str(member.value) for member in members]
    if isinstance(value, str) and value in names:
        return members(value)
    hint = did_you_mean(value, names) if isinstance(value, str) else ""
    raise ValueError(f"takes one of {', '.join(names)}, not {describe(value)}{hint}")


def describe(value: object) -> str:
    """``value`` as TOML would write it, roughly: for messages."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    return f'"{value}"' if isinstance(value, str) else str(value)


KEYS: Mapping[str, Callable[[object], Any]] = {
    "extend": string,
    "select": strings,
    "ignore": strings,
    "per-file-ignores": table,
    "rules": table,
    "budgets": table,
    "markers": strings,
    "python-files": strings,
    "testpaths": strings,
    "exclude": patterns,
    "extra-rules": strings,
    "level": partial(one_of, Level),
    "fail-on": partial(one_of, Severity),
    "baseline": string,
    "cache-dir": string,
    "calibration": string,
    "cores": core_count,
}
