"""What the commands share that run the suite: options, and what follows from them."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import Duration, F, Size, stacked
from memlint.cli.trouble import TroubleError

if TYPE_CHECKING:
    from memlint.cli.survey import Surveyed
    from memlint.runner.display import Display
    from memlint.runner.run import Request

METERS = ("auto", "cgroup2", "cgroup1", "sampling", "psutil")  # those that can hold a limit
timeout_option = click.option(
    "--timeout", type=Duration(), metavar="TIME", help="Of one pytest process: seconds, or 10m."
)
suite_options: Callable[[F], F] = stacked(
    click.option("--pytest-args", default="", metavar="ARGS", help="Passed on to pytest."),
    click.option(
        "--python",
        default=sys.executable,
        metavar="EXE",
        help="Interpreter of the suite, if not memlint's own.",
    ),
    click.option(
        "--env",
        "environment",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set in the suite's environment. Repeatable.",
    ),
)


def limit_option(text: str, *, required: bool = False) -> Callable[[F], F]:
    """``--limit``; the ``text`` says what it is for."""
    return click.option("--limit", type=Size(), required=required, metavar="SIZE", help=text)


def meter_option(*names: str) -> Callable[[F], F]:
    """``--meter``, of these."""
    return click.option(
        "--meter",
        type=click.Choice(names),
        default="auto",
        show_default=True,
        help="How memory is measured; see 'memlint doctor'.",
    )


def need_posix() -> None:
    """Raise TroubleError where units cannot be run."""
    if os.name != "posix":
        raise TroubleError("measuring needs a POSIX system: process groups, signals, file locks")


def request(options: dict[str, Any], surveyed: Surveyed) -> Request:
    """What every command that runs the suite asks of the runner; its own wishes are added by ``replace``."""
    from memlint.runner.run import Request

    return Request(
        named=surveyed.named,
        predictions=surveyed.predictions,
        root=Path.cwd(),
        python=options["python"],
        journal=options.get("journal") or Path(),
        argv=tuple(sys.argv[1:]),
        limit=options["limit"],
        timeout=options["timeout"],
        pytest_args=_pytest_args(options["pytest_args"]),
        environment=tuple(_variables(options["environment"])),
        meter=options["meter"],
    )


def _pytest_args(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--pytest-args") from error


def _variables(pairs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--env")
        yield name, value


def display(options: dict[str, Any], write: Callable[[str], None]) -> Display:
    """A live view on a terminal, plain lines by ``write`` elsewhere, or where they are asked for."""
    from memlint.runner.display import Lines

    if (
        options["heartbeat"]
        or options["quiet"]
        or not sys.stdout.isatty()
        or os.environ.get("TERM") == "dumb"
    ):
        return Lines(write, heartbeat=options["heartbeat"])
    from rich.console import Console

    from memlint.runner.live import LiveView

    return LiveView(Console())


def write_line(line: str) -> None:
    """One line now: a log may be all that survives. A reader that went away does not stop the run."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
