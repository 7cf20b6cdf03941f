"""``memlint diff``: what has grown between measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from memlint.cli.options import config_options, output_option, settings_for, terminal_options
from memlint.cli.output import render_context, write_output
from memlint.cli.trouble import TroubleError
from memlint.report import COMPARISON_FORMATS, get_comparison_reporter

_EPILOG = """\b
Examples:
  memlint diff main.jsonl branch.jsonl
  memlint diff main.jsonl branch.jsonl --format markdown    for a comment on a pull request
  memlint diff january.jsonl march.jsonl now.jsonl          also what crept up since the first
  memlint diff main.jsonl branch.jsonl --per test

\b
A median counts as grown when it rose by more than 10 %, 5 MB and 3 median absolute deviations of
repeated runs ('memlint measure --repeat 3'), whichever is most.

\b
Exit codes:
  0  no regression    1  a regression    2  the journals cannot be compared
"""


@click.command("diff", epilog=_EPILOG)
@click.argument(
    "journals", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="OLD... NEW"
)
@click.option(
    "--per", type=click.Choice(["file", "test"]), default="file", show_default=True, help="What is compared."
)
@click.option(
    "--format", "format_", type=click.Choice(list(COMPARISON_FORMATS)), default="text", show_default=True
)
@click.option(
    "--across-contexts",
    is_flag=True,
    help="Compare runs of different Pythons, pytest versions, meters or options all the same.",
)
@output_option
@config_options
@terminal_options
def command(**options: Any) -> int:
    """Compare the journals of two runs of 'memlint measure', the older first.

    Of more than two the last is compared with the one before it, and with the first for what crept up slowly.
    """
    from memlint.config import Overrides
    from memlint.crosscheck.compare import ContextsDifferError, compare
    from memlint.model import Per
    from memlint.runner.journal import JournalError

    journals = options["journals"]
    if len(journals) < 2:
        raise click.UsageError("diff compares two journals or more: name the older one first")
    settings = settings_for((), options["config"], options["isolated"], Overrides())
    try:
        result = compare(journals, Per(options["per"]), options["across_contexts"])
    except (ContextsDifferError, JournalError) as error:
        raise TroubleError(str(error)) from error
    reporter = get_comparison_reporter(options["format_"])
    write_output(reporter.render(result, render_context(settings, options)), options["output"])
    if not result.compared:
        return 2
    return 1 if result.regressions else 0
