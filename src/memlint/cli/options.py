"""Options that several commands share, and the settings that follow from them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from memlint.disk import is_dir
from memlint.units import parse_bytes

if TYPE_CHECKING:
    from memlint.config import Overrides, Settings

    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic in click's newest releases alone

F = TypeVar("F", bound=Callable[..., Any])


class Words(ParamType):
    """Words separated by commas."""

    name = "words"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(word for part in str(value).split(",") if (word := part.strip()))


class Jobs(ParamType):
    """A number of processes, or ``auto``, which is None."""

    name = "jobs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "auto":
            return None
        if not str(value).isdigit() or int(value) < 1:
            self.fail(f"{value!r} is neither 'auto' nor a number from 1", param, ctx)
        return int(value)


class Size(ParamType):
    """Bytes, as ``2GiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            size = parse_bytes(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if size <= 0:
            self.fail("must be more than nothing", param, ctx)
        return size


class Duration(ParamType):
    """Seconds: ``90``, ``90s``, ``10m``, ``1h``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(value).strip())
        if match is None or float(match[1]) == 0:
            self.fail(f"{value!r} is no duration: write seconds, or 90s, 10m, 1h", param, ctx)
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def stacked(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator that applies ``options`` so that --help lists them in this order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


LIST_HELP = (
    "Read paths or node ids from this file ('-': standard input): one a line, .test_durations, the output of pytest "
    "--collect-only -q, or JUnit XML. Repeatable."
)
paths_argument = click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")
config_options: Callable[[F], F] = stacked(
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Read this file instead of the closest pyproject.toml or memlint.toml.",
    ),
    click.option("--isolated", is_flag=True, help="Read no configuration file of memlint's."),
)
list_option = click.option(
    "--test-file",
    "lists",
    type=click.File("rb"),
    multiple=True,
    metavar="LIST",
    help=LIST_HELP,
)
run_options: Callable[[F], F] = stacked(
    list_option,
    click.option("-j", "--jobs", type=Jobs(), default="auto", metavar="N", help="Worker processes, or auto."),
    click.option("--no-cache", is_flag=True, help="Neither read nor write the cache."),
)
output_option = click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write the result to this file."
)
terminal_options: Callable[[F], F] = stacked(
    click.option("-q", "--quiet", is_flag=True, help="Findings and errors alone, no summary."),
    click.option("-v", "--verbose", count=True, help="Say more; repeatable."),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Colour the output; auto obeys NO_COLOR and FORCE_COLOR.",
    ),
)


@dataclass(frozen=True, slots=True)
class Targets:
    """What the user named."""

    paths: tuple[str, ...]
    named: bool  # False: nothing was named, and the suite's own testpaths count


def targets(paths: Sequence[str], lists: Iterable[Any]) -> Targets:
    """Return the paths given as arguments and in the ``lists`` (open files)."""
    lists = list(lists)
    listed = [path for file in lists for path in read_list(file.name, file.read())]
    return Targets((*paths, *listed), bool(paths or lists))


def read_list(name: str, content: bytes) -> tuple[str, ...]:
    """Return what a list names.

    Raises click.BadParameter when it is no list of tests.
    """
    from memlint.discovery import ListError, read_test_list

    try:
        return read_test_list(content)
    except ListError as error:
        raise click.BadParameter(f"{name}: {error}", param_hint="--test-file") from error


def say_nothing_found(named: Targets) -> None:
    """Tell the user that there was no test code, which is rarely what was meant."""
    if named.paths:
        say(f"no test code found in {', '.join(named.paths)}")
    else:
        say("the list of paths is empty" if named.named else "no test code found in the testpaths")


def settings_for(paths: Sequence[str], config: Path | None, isolated: bool, overrides: Overrides) -> Settings:
    """Return the settings that hold for ``paths``: by the configuration closest to the folder they share.

    Raises ConfigError when the configuration cannot be obeyed.
    """
    from memlint.config import load_settings

    if config and isolated:
        raise click.UsageError("--config and --isolated exclude each other")
    return load_settings(shared_folder(paths), config=config, isolated=isolated, overrides=overrides)


def shared_folder(paths: Sequence[str]) -> Path:
    """Return the innermost existing folder that holds all ``paths``; the working directory for none."""
    absolute = [Path(path.split("::")[0]).absolute() for path in paths]
    folders = [str(path if is_dir(path) else path.parent) for path in absolute]
    try:
        shared = Path(os.path.commonpath(folders)) if folders else Path.cwd()
    except ValueError:  # several drives
        shared = Path.cwd()
    return next((folder for folder in (shared, *shared.parents) if is_dir(folder)), Path.cwd())


def counted(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say(message: str) -> None:
    """Tell the user something that is no part of the result."""
    click.echo(f"memlint: {message}", file=sys.stderr)
