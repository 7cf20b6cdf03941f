"""``memlint config``: every setting, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import config_options, paths_argument, settings_for
from memlint.cli.output import write_output
from memlint.config import shown

if TYPE_CHECKING:
    from memlint.config import Settings

_APART = ("per_file_ignores", "options", "budgets", "origins", "calibrated")
_DERIVED = "derived"
_DEFAULT = "default"

_EPILOG = """\b
Examples:
  memlint config                  the settings that hold here
  memlint config pkg/tests        those that hold for a folder
  memlint config --format json    for a program
"""


@click.command("config", epilog=_EPILOG)
@paths_argument
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@config_options
def command(paths: tuple[str, ...], format_: str, config: Path | None, isolated: bool) -> None:
    """Show every setting that holds for PATHS, and where it comes from."""
    from memlint.config import Overrides

    settings = settings_for(paths, config, isolated, Overrides())
    write_output(_json(settings) if format_ == "json" else _text(settings), None)


def _rows(settings: Settings) -> Iterator[tuple[str, Any, str]]:
    """Name as it is written in the file, plain value, origin."""
    for field in fields(settings):
        if field.name not in _APART:
            name = field.name.replace("_", "-")
            yield name, _plain(getattr(settings, field.name)), settings.origins.get(field.name, _DERIVED)
    if settings.calibrated and settings.calibration:
        source = shown(settings.calibration)
        for name, weight in settings.calibrated.weights.items():
            yield f"weights.{name}", weight, source
        for code, shift in settings.calibrated.confidence.items():
            yield f"confidence.{code}", shift.now, source
    for pattern, codes in settings.per_file_ignores:
        yield f"per-file-ignores.{pattern}", sorted(codes), settings.origins[f"per_file_ignores.{pattern}"]
    for budget in settings.budgets:
        yield f"budgets.{budget.name}", budget.bytes, budget.origin
    for code, options in sorted(settings.options.items()):
        for option, value in options.items():
            name = f"rules.{code}.{option}"
            yield name, _plain(value), settings.origins.get(name, _DEFAULT)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _json(settings: Settings) -> Iterator[str]:
    rows = {name: {"value": value, "origin": origin} for name, value, origin in _rows(settings)}
    yield json.dumps({"schema": "memlint.config/1", "settings": rows}, indent=2, ensure_ascii=False) + "\n"


def _text(settings: Settings) -> Iterator[str]:
    rows = [(name, json.dumps(value, ensure_ascii=False), origin) for name, value, origin in _rows(settings)]
    for name, value, origin in rows:
        yield f"{name} = {value}  # {origin}\n"
