"""The pytest configuration that is written: the suite's own settings, and the options that pay, with their figures."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import iniconfig

from memlint.advice.trial import Advice, Comparison
from memlint.config.toml_source import read_source, read_text
from memlint.units import format_bytes

_WIDTH = 100
_TABLES = {
    "pyproject.toml": (("tool", "pytest", "ini_options"), ("tool", "pytest")),
    "pytest.toml": (("pytest",),),
    ".pytest.toml": (("pytest",),),
}


def carried_over(path: Path | None) -> dict[str, str]:
    """Return every pytest setting of a configuration file as an ini file would hold it; none without a file.

    Raises ConfigError when the file cannot be read.
    """
    if path is None:
        return {}
    if path.suffix == ".toml":
        source = read_source(path)
        tables = (source.table(*keys) for keys in _TABLES.get(path.name, ()))
        table = next((table for table in tables if table is not None), {})
        return {key: _as_ini(value) for key, value in table.items() if not isinstance(value, dict)}
    section = "tool:pytest" if path.name == "setup.cfg" else "pytest"
    ini = iniconfig.IniConfig(str(path), data=read_text(path))
    return dict(ini[section].items()) if section in ini else {}


def _as_ini(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "\n".join(str(item) for item in value)
    return str(value)


def render(advice: Advice, own: dict[str, str], origin: str, command: str) -> Iterator[str]:
    """Yield the lines of an ini file. ``origin`` names the file that ``own`` was read from, ``command`` made it."""
    yield from _comment(f"Written by: {command}")
    yield from _comment(
        f"The suite in one process: {_figures(advice.plain)} as it is ({len(advice.plain)} runs of "
        f"{advice.seconds:.1f} s; noise {format_bytes(advice.noise)})."
    )
    if advice.together is not None and advice.chosen:
        together = advice.together
        yield from _comment(
            f"With the options below: {_figures(together.peaks)}, {format_bytes(together.saving)} less "
            f"({len(together.peaks)} further runs, noise {format_bytes(together.noise)})."
        )
    else:
        yield from _comment(
            "No option saves more than the noise: what follows is the suite's own configuration."
        )
    yield from _comment(_workers(advice))
    if origin:
        yield from _comment(f"The other settings are those of {origin}, which pytest -c does not read.")
    yield ""
    yield "[pytest]"
    by_option = {item.option.name: item for item in advice.compared}
    for option in advice.chosen:
        yield from _comment(_line(by_option[option.name]))
    words = own.get("addopts", "")
    added = shlex.join(word for option in advice.chosen for word in option.args)
    options = " ".join([*words.splitlines(), *([added] if added else [])]).strip()
    if options:
        yield f"addopts = {options}"
    for key, value in own.items():
        if key != "addopts":
            yield from _setting(key, value)


def _workers(advice: Advice) -> str:
    workers = advice.workers
    return (
        f"Workers of xdist: {workers.fit} fit into {format_bytes(workers.memory_bytes)} "
        f"({format_bytes(workers.each_bytes)} each: {workers.how})."
    )


def _line(item: Comparison) -> str:
    return (
        f"{item.option.name}: saves {format_bytes(item.saving)} (noise {format_bytes(item.noise)}). "
        f"Its price: {item.option.costs}."
    )


def _figures(peaks: tuple[int, ...]) -> str:
    low, high = format_bytes(min(peaks)), format_bytes(max(peaks))
    return low if low == high else f"{low} to {high}"


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield f"# {line}"


def _setting(key: str, value: str) -> Iterator[str]:
    lines = [line.strip() for line in value.splitlines() if line.strip()]
    if len(lines) <= 1:
        yield f"{key} = {''.join(lines)}"
        return
    yield f"{key} ="
    yield from (f"    {line}" for line in lines)
