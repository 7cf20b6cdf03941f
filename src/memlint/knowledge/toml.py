"""Reading TOML files into validated structures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeVar

import msgspec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")


class BadToml(Exception):
    """A TOML file that cannot be read or does not fit its format; the message names file and place."""


def load_toml(path: Path) -> dict[str, Any]:
    """Return the parsed file.

    Raises BadToml when it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadToml(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # not TOML, not UTF-8, or a number of too many digits
        raise BadToml(f"{path}: not valid TOML: {error}") from error


def read_toml(path: Path, structure: type[T]) -> T:
    """Return the file as a ``structure``.

    Raises BadToml when it cannot be read, is not TOML, or does not fit.
    """
    try:
        return msgspec.convert(load_toml(path), structure)
    except msgspec.ValidationError as error:
        raise BadToml(f"{path}: {error}") from error
