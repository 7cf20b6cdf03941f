"""What the suite's own pytest configuration says about where its tests lie."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import iniconfig

from memlint.config.settings import ConfigError, shown
from memlint.config.toml_source import read_source, read_text
from memlint.disk import exists

# the order in which pytest looks in a folder
_ALWAYS_COUNT = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_LOOKUP = (*_ALWAYS_COUNT, "pyproject.toml", "tox.ini", "setup.cfg")
_TABLES = (("tool", "pytest", "ini_options"), ("tool", "pytest"))


@dataclass(frozen=True, slots=True)
class PytestConfig:
    """The settings that memlint obeys or judges, with their lines; empty where the file does not set them."""

    path: Path
    testpaths: tuple[str, ...] = ()
    python_files: tuple[str, ...] = ()
    addopts: tuple[str, ...] = ()
    testpaths_line: int = 1
    python_files_line: int = 1
    addopts_line: int = 1
    markers: tuple[str, ...] = ()  # names of the markers that it registers


def find_pytest_config(start: Path) -> PytestConfig | None:
    """Return the configuration that pytest would use from ``start``: the closest going up, None without any.

    Raises ConfigError when that file cannot be read or parsed.
    """
    for folder in (start, *start.parents):
        for name in _LOOKUP:
            path = folder / name
            if path.is_file() and (found := _read(path)):
                return found
    return None


def _read(path: Path) -> PytestConfig | None:
    if path.suffix == ".toml":
        return _read_toml(path)
    return _read_ini(path, "tool:pytest" if path.name == "setup.cfg" else "pytest")


def _read_toml(path: Path) -> PytestConfig | None:
    text = read_text(path)
    if path.name == "pyproject.toml" and "pytest" not in text:
        return None
    source = read_source(path, text)
    for keys in _TABLES if path.name == "pyproject.toml" else (("pytest",),):
        table = source.table(*keys)
        if table is None:
            continue
        return PytestConfig(
            path,
            _words(path, table.get("testpaths")),
            _words(path, table.get("python_files")),
            _words(path, table.get("addopts")),
            source.line((*keys, "testpaths")),
            source.line((*keys, "python_files")),
            source.line((*keys, "addopts")),
            _marker_names(_lines(table.get("markers"))),
        )
    return PytestConfig(path) if path.name in _ALWAYS_COUNT else None


def _read_ini(path: Path, section: str) -> PytestConfig | None:
    text = read_text(path)
    if f"[{section}]" not in text:
        return PytestConfig(path) if path.name in _ALWAYS_COUNT else None
    try:
        ini = iniconfig.IniConfig(str(path), data=text)  # as pytest reads it
    except iniconfig.ParseError as error:
        raise ConfigError(f"{shown(path)}:{error.lineno + 1}: not a valid ini file: {error.msg}") from error
    if section not in ini:
        return None
    values = ini[section]
    return PytestConfig(
        path,
        _words(path, values.get("testpaths", "")),
        _words(path, values.get("python_files", "")),
        _words(path, values.get("addopts", "")),
        ini.lineof(section, "testpaths") or 1,
        ini.lineof(section, "python_files") or 1,
        ini.lineof(section, "addopts") or 1,
        _marker_names(_lines(values.get("markers", ""))),
    )


def _words(path: Path, value: object) -> tuple[str, ...]:
    """pytest's ``args`` type: a list of strings, or words as a shell splits them."""
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    try:
        return tuple(shlex.split(str(value or ""), comments=False))
    except ValueError as error:
        raise ConfigError(f"{shown(path)}: cannot split {value!r} into words: {error}") from error


def _lines(value: object) -> list[str]:
    """pytest's ``linelist`` type: a list of strings, or lines."""
    if isinstance(value, list):
        return [str(item) for item in value]
    return [line.strip() for line in str(value or "").splitlines() if line.strip()]


def _marker_names(lines: list[str]) -> tuple[str, ...]:
    """``slow: needs a minute`` and ``budget(size): …`` name slow and budget."""
    return tuple(re.split(r"[:(\s]", line, maxsplit=1)[0] for line in lines)


def present_testpaths(config: PytestConfig) -> tuple[str, ...]:
    """The ``testpaths`` that are there: pytest passes over one that matches nothing, as long as another does.

    With ``--pyargs`` they may name packages, which are looked for beside the file and in ``src``. Where none is there
    all are returned, so that each is told of.
    """
    root = config.path.parent
    homes = [root, root / "src"] if "--pyargs" in config.addopts else [root]
    found = []
    for pattern in config.testpaths:
        for home in homes:
            place = pattern if home == root else f"src/{pattern.replace('.', '/')}"
            if _matches(root, place):
                found.append(place)
                break
    return tuple(found) or config.testpaths


def _matches(root: Path, place: str) -> bool:
    if exists(root / place):
        return True
    try:
        return any(c in place for c in "*?[") and any(root.glob(place))
    except (
        ValueError,
        NotImplementedError,
        IndexError,
    ):  # no pattern of pathlib's: told of where it is walked
        return True
