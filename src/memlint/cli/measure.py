"""``memlint measure``: run the suite in isolated processes and measure it.

The supervisor stays small, so what needs the configuration, the file walk and the analysis happens in a short process
of its own, the survey, that prints files and predictions.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from memlint.cli.options import Jobs, config_options, say
from memlint.units import parse_bytes

DEFAULT_JOURNAL = Path(".memlint/journal.jsonl")
_SURVEY = "from memlint.cli.measure import survey; survey()"
_EPILOG = """\b
Examples:
  memlint measure tests/ --limit 2GiB            each file in its own process, heaviest suspects first
  memlint measure --test-file files.txt --resume go on where a killed run stopped
  memlint measure tests/ --unit test --timeout 600
  memlint measure tests/ --shard 2/5 --journal shard2.jsonl
  memlint measure tests/ --python .venv/bin/python --pytest-args "-m 'not slow'"

\b
Exit codes:
  0  every unit passed    1  a unit failed or broke its limit    2  the job could not be done
"""


class Size(click.ParamType[int]):
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


class Duration(click.ParamType[float]):
    """Seconds: ``90``, ``90s``, ``10m``, ``1h``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(value).strip())
        if match is None or float(match[1]) == 0:
            self.fail(f"{value!r} is no duration: write seconds, or 90s, 10m, 1h", param, ctx)
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


class Shard(click.ParamType[tuple[int, int]]):
    """One part of a run, ``2/5``."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)/(\d+)", str(value))
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is no shard: write i/N, such as 2/5", param, ctx)
        return int(match[1]), int(match[2])


class TroubleError(click.ClickException):
    """The job could not be done."""

    exit_code = 2


@click.command("measure", epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")
@click.option("--test-file", "lists", type=click.File("r", encoding="utf-8"), multiple=True, metavar="LIST", help="Read files or node ids from this file, one a line. Repeatable.")
@click.option("--unit", type=click.Choice(["file", "test"]), default="file", show_default=True, help="What runs in one process.")
@click.option("--batch-size", type=click.IntRange(min=1), default=1, metavar="N", help="So many files in one process.")
@click.option("--fail-fast", is_flag=True, help="Start nothing more once a unit is not fine.")
@click.option("--limit", type=Size(), metavar="SIZE", help="Memory of a unit's whole process tree, e.g. 2GiB.")
@click.option("--timeout", type=Duration(), metavar="TIME", help="Of a unit: seconds, or 10m.")
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_JOURNAL, show_default=True, metavar="FILE", help="Where everything is recorded.")
@click.option("--resume", is_flag=True, help="Skip what the journal says is finished.")
@click.option("--order", type=click.Choice(["suspects", "given", "random"]), default="suspects", show_default=True, help="Which files run first; suspects: heaviest by the static ranking.")
@click.option("--seed", type=int, metavar="N", help="For --order random; the default is a new one, which is printed.")
@click.option("-j", "--jobs", type=Jobs(), default="1", metavar="N", help="Units at once; auto: as memory allows.")
@click.option("--shard", type=Shard(), metavar="I/N", help="Only part I of N of the files; 'memlint merge' joins the journals.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N", help="Run every unit N times.")
@click.option("--pytest-args", default="", metavar="ARGS", help="Passed on to pytest.")
@click.option("--python", default=sys.executable, metavar="EXE", help="Interpreter of the suite, if not memlint's own.")
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set in the units' environment. Repeatable.")
@click.option("--keep-output", type=click.Choice(["always", "failed", "never"]), default="failed", show_default=True, help="Of which units to keep what they printed.")
@click.option("--meter", type=click.Choice(["auto", "cgroup2", "cgroup1", "sampling", "psutil", "rusage"]), default="auto", show_default=True, help="How memory is measured; see 'memlint doctor'.")
@click.option("--heartbeat", is_flag=True, help="Plain lines on standard output, also when a unit starts and while it runs.")
@click.option("-q", "--quiet", is_flag=True, help="Only units that are not fine, no summary.")
@config_options
def command(**options: Any) -> int:
    """Run test files in isolated processes and record the peak memory of each test and process tree.

    PATHS are files, folders or node ids; without any, the suite's testpaths. Results go to the journal.
    """
    return _measure(options)
