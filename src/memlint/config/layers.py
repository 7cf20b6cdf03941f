"""Configuration files found, read and laid over each other; nothing here knows what a setting means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlint.config.schema import KEYS, string, table
from memlint.config.settings import ConfigError, shown
from memlint.config.toml_source import KeyPath, TomlSource, read_source, read_text
from memlint.disk import is_dir, is_file
from memlint.knowledge.selectors import did_you_mean

FILE_NAMES = ("memlint.toml", ".memlint.toml", "pyproject.toml")
_TABLES = ("per-file-ignores", "rules", "budgets")  # merged entry by entry; every other key is replaced whole


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of one key, checked for its type, and where it stands."""

    value: Any
    source: TomlSource
    keys: KeyPath

    @property
    def origin(self) -> str:
        """``pyproject.toml:12``, relative to the working directory where that is shorter."""
        return f"{shown(self.source.path)}:{self.source.line(self.keys)}"

    @property
    def folder(self) -> Path:
        """The folder that relative paths of this value count from."""
        return self.source.path.parent

    def wrong(self, message: object, item: object = None, *below: str) -> ConfigError:
        """Return the error for this value, or for the key ``below`` or the string ``item`` in it."""
        line = self.source.line((*self.keys, *below), item)
        return ConfigError(f"{shown(self.source.path)}:{line}: {message}")


@dataclass(frozen=True, slots=True)
class Layers:
    """What all files together say."""

    plain: Mapping[str, Entry]
    tables: Mapping[str, Mapping[str, Entry]]  # "rules" → "MEM201" → its table


NO_LAYERS = Layers({}, {name: {} for name in _TABLES})


def find_config(start: Path) -> Path | None:
    """Return the closest configuration file going up from the folder ``start``.

    Raises ConfigError when a file on the way cannot be read or parsed.
    """
    for folder in (start, *start.parents):
        for name in FILE_NAMES:
            path = folder / name
            if path.is_file() and (name != "pyproject.toml" or _speaks_of_memlint(path)):
                return path
    return None


def read_layers(path: Path) -> Layers:
    """Read ``path`` and the files it extends, the nearest winning.

    Raises ConfigError for a file, key or type that does not fit.
    """
    plain: dict[str, Entry] = {}
    tables: dict[str, dict[str, Entry]] = {name: {} for name in _TABLES}
    for entry in _entries(path, ()):
        key = entry.keys[-1]
        if key not in _TABLES:
            plain[key] = entry
            continue
        for name, value in entry.value.items():
            tables[key][name] = Entry(value, entry.source, (*entry.keys, name))
    return Layers(plain, tables)


def _speaks_of_memlint(path: Path) -> bool:
    text = read_text(path)
    return "memlint" in text and read_source(path, text).table("tool", "memlint") is not None


def _entries(path: Path, seen: tuple[Path, ...]) -> Iterator[Entry]:
    """Yield the entries of the extended file first, so that those of ``path`` override them."""
    source = read_source(path)
    prefix: KeyPath = ("tool", "memlint") if path.name == "pyproject.toml" else ()
    own = source.table(*prefix)
    if own is None:
        raise ConfigError(f"{shown(path)}: has no [tool.memlint] table")
    entries = [_checked(Entry(value, source, (*prefix, key))) for key, value in own.items()]
    for entry in entries:
        if entry.keys[-1] == "extend":
            yield from _extended(entry, (*seen, path.resolve()))
    yield from entries


def _extended(entry: Entry, seen: tuple[Path, ...]) -> Iterator[Entry]:
    parent = (entry.folder / Path(entry.value).expanduser()).resolve()
    if parent in seen:
        raise entry.wrong(f"{entry.value} extends itself")
    if not is_file(parent):
        raise entry.wrong(f"{entry.value} is not a file")
    return _entries(parent, seen)


def _checked(entry: Entry) -> Entry:
    key = entry.keys[-1]
    if key not in KEYS:
        raise entry.wrong(f"unknown key {key!r}{did_you_mean(key, KEYS)}")
    try:
        return Entry(KEYS[key](entry.value), entry.source, entry.keys)
    except ValueError as error:
        raise entry.wrong(f"{key} {error}") from error


def rule_table(entry: Entry) -> dict[str, Any]:
    """Return the options table that ``entry`` holds. Raises ConfigError when it is none."""
    try:
        return table(entry.value)
    except ValueError as error:
        raise entry.wrong(f"{entry.keys[-1]} {error}") from error


def existing_folder(entry: Entry, name: str) -> Path:
    """Return the folder ``name`` that ``entry`` lists. Raises ConfigError when there is none."""
    folder = entry.folder / Path(string(name)).expanduser()
    if not is_dir(folder):
        raise entry.wrong(f"{name} is not a folder", name)
    return folder.resolve()
