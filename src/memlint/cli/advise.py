"""``memlint advise``: which pytest options save memory on this suite, and how many workers fit."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.measuring import (
    METERS,
    limit_option,
    meter_option,
    need_posix,
    request,
    suite_options,
    timeout_option,
)
from memlint.cli.options import Size, config_options, list_option, paths_argument, say
from memlint.cli.output import write_output
from memlint.cli.survey import survey
from memlint.cli.trouble import TroubleError
from memlint.units import format_bytes

if TYPE_CHECKING:
    from memlint.advice import Advice, Comparison, Option, Sample
    from memlint.runner.run import Request

_EPILOG = """\b
Examples:
  memlint advise tests/ -o pytest-memory.ini     then: pytest -c pytest-memory.ini
  memlint advise tests/test_a.py tests/test_b.py --repeat 5
  memlint advise tests/ --memory 7GiB            how many workers fit on the CI machine
  memlint advise tests/ --python .venv/bin/python --pytest-args "-m 'not slow'"

\b
Exit codes:
  0  measured    2  the job could not be done
"""


@click.command("advise", epilog=_EPILOG)
@paths_argument
@list_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the configuration to this file; the default is standard output.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=2),
    default=3,
    show_default=True,
    metavar="N",
    help="Runs of each option; their spread is the noise.",
)
@click.option(
    "--memory", type=Size(), metavar="SIZE", help="Of the machine that will run the suite; default: this one."
)
@limit_option("Memory of a run's whole process tree.")
@timeout_option
@click.option(
    "--plugins/--no-plugins", default=True, help="Try each installed plugin switched off, one by one."
)
@suite_options
@meter_option(*METERS)
@click.option("-q", "--quiet", is_flag=True, help="Write the configuration alone.")
@config_options
def command(**options: Any) -> int:
    """Measure what pytest options save on this suite, and write a configuration with those that pay.

    All of PATHS (default: the suite's testpaths) run in one process, as it is and with each option in turn, one after
    the other. An option is chosen when it saves more than the noise of repeated runs and changes no result. The
    configuration takes the suite's own settings along.
    """
    return _advise(options)


def _advise(options: dict[str, Any]) -> int:
    from memlint.advice import advise, installed_plugins
    from memlint.advice.options import XDIST
    from memlint.advice.trial import AdviceError
    from memlint.runner.executor import ExecutorError
    from memlint.runner.journal import JournalError
    from memlint.runner.meters.choose import MeterUnavailableError, memory_bytes

    need_posix()
    runs = _Runs(options)
    plugins = installed_plugins(options["python"], dict(runs.request.environment))
    tried = _options(options, plugins)
    tell = (lambda line: None) if options["quiet"] else (lambda line: click.echo(line, err=True))
    try:
        advice = advise(
            runs, tried, options["repeat"], options["memory"] or memory_bytes(), XDIST in plugins, tell
        )
    except (AdviceError, ExecutorError, JournalError, MeterUnavailableError) as error:
        raise TroubleError(str(error)) from error
    if not options["quiet"]:
        for line in _table(advice):
            click.echo(line, err=True)
    write_output(_config(advice, options), options["output"])
    if options["output"]:
        say(f"written: use it by pytest -c {shlex.quote(options['output'])}")
    return 0


def _options(options: dict[str, Any], plugins: dict[str, tuple[str, ...]]) -> tuple[Option, ...]:
    from memlint.advice import load_options
    from memlint.advice.options import without_plugin
    from memlint.cli.options import settings_for
    from memlint.config import Overrides

    settings = settings_for(options["paths"], options["config"], options["isolated"], Overrides())
    listed = load_options(settings.extra_rules)
    if not options["plugins"]:
        return listed
    return (*listed, *(without_plugin(name, names) for name, names in plugins.items()))


class _Runs:
    """The suite, run as a whole with some arguments more: each run in a journal of its own."""

    def __init__(self, options: dict[str, Any]) -> None:
        from memlint.work_folder import prepare

        self.request = _request(options)
        if not self.request.named:
            raise TroubleError("no test files found")
        self._folder = prepare() / "advise"
        self._count = 0

    def __call__(self, args: tuple[str, ...]) -> Sample:
        from memlint.advice import Sample
        from memlint.runner.display import Lines
        from memlint.runner.run import carry_out

        self._count += 1
        journal = self._folder / f"{self._count:03}.jsonl"
        wanted = replace(self.request, journal=journal, pytest_args=(*self.request.pytest_args, *args))
        outcome = carry_out(wanted, Lines(lambda line: None))
        if outcome.interrupted:
            raise KeyboardInterrupt
        unit = outcome.summary.heaviest_units[0]
        return Sample(
            verdict=unit.verdict,
            peak_bytes=unit.peak_bytes,
            outcomes=tuple(sorted(unit.tests.items())),
            seconds=unit.seconds,
            baseline_bytes=unit.baseline_bytes,
            evidence=unit.evidence,
        )


def _request(options: dict[str, Any]) -> Request:
    """One unit of all files, in the order pytest itself would take them."""
    common = request(options, survey(options, ranked=False))
    return replace(common, batch_size=max(1, len(common.named)), fail_fast=True, keep_output="never")


def _config(advice: Advice, options: dict[str, Any]) -> Iterator[str]:
    from memlint.advice import carried_over, render
    from memlint.cli.options import shared_folder
    from memlint.config import shown
    from memlint.config.pytest_config import find_pytest_config

    suite = find_pytest_config(shared_folder(options["paths"]))
    own = carried_over(suite.path if suite else None)
    command_line = shlex.join(["memlint", *sys.argv[1:]])
    for line in render(advice, own, shown(suite.path) if suite else "", command_line):
        yield line + "\n"


def _table(advice: Advice) -> Iterator[str]:
    yield ""
    yield f"{'saves':>10}  {'noise':>9}  option"
    for item in sorted(advice.compared, key=lambda item: (bool(item.refused), -item.saving)):
        yield f"{_signed(item.saving):>10}  {format_bytes(item.noise):>9}  {item.option.name}{_why(item, advice)}"
    if advice.together is not None:
        holds = "" if advice.chosen else "  (does not hold when measured again: nothing is chosen)"
        total = f"together: {advice.together.option.name}{holds}"
        yield f"{_signed(advice.together.saving):>10}  {format_bytes(advice.together.noise):>9}  {total}"
    else:
        yield "no option saves more than the noise"
    workers = advice.workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield (
        f"xdist: {workers.fit} workers fit into {format_bytes(workers.memory_bytes)} "
        f"({format_bytes(workers.each_bytes)} each: {workers.how}); this machine has {cores} cores"
    )


def _why(item: Comparison, advice: Advice) -> str:
    if item.refused:
        return f"  (not chosen: {item.refused})"
    if item.option in advice.chosen:
        return "  (chosen)"
    return "  (pays, but another of its kind is chosen)" if item.pays and advice.chosen else ""


def _signed(size: int) -> str:
    return f"-{format_bytes(-size)}" if size < 0 else format_bytes(size)
