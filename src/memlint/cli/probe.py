"""``memlint probe``: what the suite's imports cost in its own environment."""

from __future__ import annotations

import os
from typing import Any

import click

from memlint.cli.options import (
    Duration,
    Jobs,
    Size,
    config_options,
    list_option,
    output_option,
    paths_argument,
    say_nothing_found,
    settings_for,
    targets,
    terminal_options,
)
from memlint.cli.output import render_context, write_output
from memlint.cli.progress import shown_progress
from memlint.cli.trouble import TroubleError
from memlint.report import PROBE_FORMATS, get_probe_reporter

_MOST_JOBS = 4
_EPILOG = """\b
Examples:
  memlint probe                                 the suite's own testpaths, in memlint's interpreter
  memlint probe tests/ --python .venv/bin/python
  memlint probe tests/ --limit 1GiB --timeout 30
  memlint rank tests/                           now goes by what was measured
  memlint rank tests/ --no-probe                goes by the shipped figures

\b
Exit codes:
  0  measured; a module that cannot be imported costs only itself
  2  the job could not be done
"""


@click.command("probe", epilog=_EPILOG)
@paths_argument
@click.option("--python", metavar="EXE", help="Interpreter of the suite, if not memlint's own.")
@click.option(
    "--limit",
    type=Size(),
    default="2GiB",
    show_default=True,
    metavar="SIZE",
    help="Memory that one import may take before it is stopped.",
)
@click.option(
    "--timeout",
    type=Duration(),
    default="60s",
    show_default=True,
    metavar="TIME",
    help="Time that one import may take: seconds, or 2m.",
)
@click.option(
    "--format", "format_", type=click.Choice(list(PROBE_FORMATS)), default="text", show_default=True
)
@click.option("--again", is_flag=True, help="Measure what is known already too.")
@click.option("--no-cache", is_flag=True, help="Show what is measured, and keep nothing.")
@click.option("-j", "--jobs", type=Jobs(), default="auto", metavar="N", help="Imports at once, or auto.")
@list_option
@output_option
@config_options
@terminal_options
def command(**options: Any) -> int:
    """Measure what the suite's imports cost in its own environment, for 'memlint rank' to go by.

    PATHS are as for 'memlint lint'. Each library that test files, conftests and the product import is imported by
    itself in a short process, and once more together with what each file imports beside it, in an empty pytest
    session. Nothing of the suite is run or imported. What is measured is kept in .memlint_cache until packages change.
    """
    from memlint.config import Overrides
    from memlint.probe.environment import ProbeError
    from memlint.probe.isolated import Bounds
    from memlint.probe.run import ProbeRequest, probe

    named = targets(options["paths"], options["lists"])
    settings = settings_for(named.paths, options["config"], options["isolated"], Overrides())
    if named.named and not named.paths:
        say_nothing_found(named)
        return 0
    jobs = options["jobs"] or min(_MOST_JOBS, os.cpu_count() or 1)
    with shown_progress(options["quiet"], "imports") as progress:
        request = ProbeRequest(
            named.paths,
            settings,
            settings.working_dir,
            options["python"],
            Bounds(options["limit"], options["timeout"]),
            jobs,
            again=options["again"] or options["no_cache"],
            keep=not options["no_cache"],
            progress=progress,
        )
        try:
            result = probe(request)
        except ProbeError as error:
            raise TroubleError(str(error)) from error
    if not result.files and not result.errors:
        say_nothing_found(named)
    reporter = get_probe_reporter(options["format_"])
    write_output(reporter.render(result, render_context(settings, options)), options["output"])
    return 2 if result.errors else 0
