"""``memlint rank``: suspects, heaviest first."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import Any

import click

from memlint.cli.options import (
    Size,
    Targets,
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
from memlint.report.rank_why import why
from memlint.units import format_bytes

_PAGE = "html"
_EPILOG = """\b
Examples:
  memlint rank tests/                  files by predicted peak memory
  memlint rank tests/ --top 10         the ten to profile first
  memlint rank --format json tests/    for a program
  memlint rank --cores 4 tests/        as on a CI machine with four cores
  memlint rank --why tests/test_x.py   what the prediction is made of
  memlint rank --limit 2GiB tests/     which files are predicted to break a limit
  memlint rank --split ci/ --shards 4 --limit 6GiB tests/   then: pytest @ci/shard-1.txt
  memlint rank --format html -o suspects.html tests/   a page of suspects, reasons and source
"""


@click.command("rank", epilog=_EPILOG)
@paths_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice([*RANK_FORMATS, _PAGE]),
    default="text",
    show_default=True,
    help="html: the page of 'memlint report', before anything was measured.",
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N heaviest files and tests.")
@click.option(
    "--cores", type=click.IntRange(min=1), metavar="N", help="Cores of the machine that runs the suite."
)
@click.option("--why", metavar="FILE", help="Show what one file's prediction is made of, as a tree.")
@click.option(
    "--limit", type=Size(), metavar="SIZE", help="Name the files predicted to need more, e.g. 2GiB."
)
@click.option(
    "--split",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write selection files for pytest @file and --test-file: fast, memory-intensive, and shards.",
)
@click.option(
    "--shards",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --split: also part the fast files into N shards.",
)
@click.option(
    "--heavy", type=Size(), metavar="SIZE", help="With --split: above this a file is memory-intensive."
)
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --split: peaks and times that were measured, for the files that it holds.",
)
@click.option("--fail-over-limit", is_flag=True, help="Exit with 1 when a file is predicted over --limit.")
@click.option("--no-probe", is_flag=True, help="Leave out what 'memlint probe' has measured.")
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

    if options["fail_over_limit"] and options["limit"] is None:
        raise click.UsageError("--fail-over-limit needs --limit SIZE, such as --limit 2GiB.")
    needing = [name for name in ("shards", "heavy", "journal") if options[name] is not None]
    if needing and options["split"] is None:
        raise click.UsageError(f"--{needing[0]} needs --split DIR.")
    file = options["why"]
    named = targets(options["paths"] or ((file,) if file and not options["lists"] else ()), options["lists"])
    if options["format_"] == _PAGE and file is None:
        return _page(named, options)
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
            probe=not options["no_probe"],
        )
        empty = named.named and not named.paths
        result = RankResult((), ()) if empty else pipeline.rank(request)
    if not result.files and not result.errors:
        say_nothing_found(named)
    if options["split"] is not None:
        from memlint.cli.selections import write_split

        return 2 if result.errors else write_split(result, settings, options)
    if file is not None:
        _explain(result, file, options["output"])
    else:
        reporter = get_rank_reporter(options["format_"])
        write_output(reporter.render(result, render_context(settings, options)), options["output"])
    over = _over(result, options["limit"])
    if result.errors:
        return 2
    return 1 if over and options["fail_over_limit"] else 0


def _page(named: Targets, options: dict[str, Any]) -> int:
    """Write the page of a suite that was not measured."""
    from memlint.cli.report import predicted, write_report

    data, settings = predicted(named, options, options["cores"])
    write_report(data, settings, options, _PAGE)
    over = _over(data.ranking, options["limit"])
    if data.lint.errors:
        return 2
    return 1 if over and options["fail_over_limit"] else 0


def _explain(result: RankResult, file: str, output: str | None) -> None:
    """Write the tree of one file.

    Raises click.UsageError when it was not ranked.
    """
    path = posixpath.normpath(file.replace(os.sep, "/"))
    lines = list(why(result, path))
    if not lines:
        raise click.UsageError(f"{file} is not among the {len(result.files)} files that were ranked.")
    write_output(iter(lines), output)


def _over(result: RankResult, limit: int | None) -> int:
    """Name the files predicted over the limit on standard error, and count them."""
    if limit is None:
        return 0
    over = [suspect for suspect in result.files if suspect.peak.likely > limit]
    for suspect in over:
        size = format_bytes(suspect.peak.likely)
        click.echo(
            f"memlint: {suspect.path} is predicted to need {size}, over {format_bytes(limit)}", err=True
        )
    return len(over)
