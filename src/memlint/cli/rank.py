"""``memlint rank``: suspects, heaviest first."""

from __future__ import annotations

from typing import Any

import click

from memlint.cli.options import (
    config_options,
    output_option,
    paths_argument,
    run_options,
    say_nothing_found,
    settings_for,
    targets,
    terminal_options,
)
from memlint.cli.output import render_context, write_output
from memlint.cli.progress import shown_progress
from memlint.model import RankResult
from memlint.report import RANK_FORMATS, get_rank_reporter

_EPILOG = """\b
Examples:
  memlint rank tests/                  files by predicted peak memory
  memlint rank tests/ --top 10         the ten to profile first
  memlint rank --format json tests/    for a program
  memlint rank --cores 4 tests/        as on a CI machine with four cores
"""


@click.command("rank", epilog=_EPILOG)
@paths_argument
@click.option("--format", "format_", type=click.Choice(list(RANK_FORMATS)), default="text", show_default=True)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N heaviest files and tests.")
@click.option(
    "--cores", type=click.IntRange(min=1), metavar="N", help="Cores of the machine that runs the suite."
)
@output_option
@run_options
@config_options
@terminal_options
def command(**options: Any) -> int:
    """Order test files and tests by the peak memory predicted for them.

    PATHS are as for 'memlint lint'. Nothing is run.
    """
    from memlint import pipeline
    from memlint.config import Overrides

    named = targets(options["paths"], options["lists"])
    overrides = Overrides(cores=options["cores"])
    settings = settings_for(named.paths, options["config"], options["isolated"], overrides)
    with shown_progress(options["quiet"]) as progress:
        request = pipeline.Request(
            paths=named.paths,
            settings=settings,
            level=settings.level,
            jobs=options["jobs"],
            cache=not options["no_cache"],
            cores=settings.cores,
            root=settings.working_dir,
            progress=progress,
        )
        empty = named.named and not named.paths
        result = RankResult((), ()) if empty else pipeline.rank(request)
    if not result.files and not result.errors:
        say_nothing_found(named)
    reporter = get_rank_reporter(options["format_"])
    write_output(
        reporter.render(result, render_context(settings, options)),
        options["output"],
    )
    return 2 if result.errors else 0
