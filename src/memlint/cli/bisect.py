"""``memlint bisect``: the culprits of a suite that dies only as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint import work_folder
from memlint.cli.measuring import (
    METERS,
    display,
    limit_option,
    meter_option,
    request,
    suite_options,
    timeout_option,
    write_line,
)
from memlint.cli.options import config_options, list_option, paths_argument
from memlint.cli.survey import survey
from memlint.cli.trouble import TroubleError

if TYPE_CHECKING:
    from memlint.model import CulpritSearch
    from memlint.runner.run import Request

_EPILOG = """\b
Examples:
  memlint bisect tests/ --limit 2GiB             the limit of the job that dies
  memlint bisect tests/ --limit 2GiB             the same again goes on where it was killed
  memlint bisect --test-file batch5.txt --limit 2GiB --max-runs 10 --format json

\b
Exit codes:
  0  the suite fits    1  culprits were found    2  the job could not be done, or was stopped
"""


@click.command("bisect", epilog=_EPILOG)
@paths_argument
@list_option
@limit_option("Memory under which the suite dies, e.g. 2GiB.", required=True)
@click.option(
    "--max-runs", type=click.IntRange(min=1), default=30, show_default=True, help="Most runs of a search."
)
@timeout_option
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    default=work_folder.BISECT_JOURNAL,
    show_default=True,
    metavar="FILE",
    help="Where every run is recorded; a search goes on from it.",
)
@click.option("--restart", is_flag=True, help="Forget the runs that the journal has.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of the statement at the end.",
)
@suite_options
@meter_option(*METERS)
@click.option("--heartbeat", is_flag=True, help="Plain lines, also while a run is going on.")
@click.option("-q", "--quiet", is_flag=True, help="Only the statement.")
@config_options
def command(**options: Any) -> int:
    """Run the suite in one process under a limit until it dies, and find every test file that is to blame.

    PATHS are files or folders; without any, the suite's testpaths. Files run in the order given, as in CI.
    """
    from memlint.model import SearchEnd
    from memlint.report.search_text import search_json, search_lines

    found = _search(options)
    if options["form"] == "json":
        click.echo(search_json(found))
    else:
        for line in search_lines(found):
            click.echo(line)
    codes = {SearchEnd.NOTHING: 0, SearchEnd.STOPPED: 2}
    return codes.get(found.end, 1)


def _search(options: dict[str, Any]) -> CulpritSearch:
    from memlint.culprit.laboratory import local_laboratory
    from memlint.culprit.search import search
    from memlint.runner.executor import ExecutorError
    from memlint.runner.journal import JournalError
    from memlint.runner.meters.choose import MeterUnavailableError

    wanted = _request(options)
    if not wanted.named:
        raise TroubleError("no test files found")
    if options["journal"] == work_folder.BISECT_JOURNAL:
        work_folder.prepare()
    try:
        with local_laboratory(
            wanted, options["max_runs"], _display(options), restart=options["restart"]
        ) as laboratory:
            return search(wanted.named, options["limit"], laboratory)
    except (ExecutorError, JournalError, MeterUnavailableError) as error:
        raise TroubleError(str(error)) from error


def _display(options: dict[str, Any]) -> Any:
    """Progress; beside a statement in JSON, on standard error or not at all."""
    from memlint.runner.display import Lines

    if options["quiet"] or options["form"] == "json":
        return Lines(lambda line: None)
    return display(options, write_line)


def _request(options: dict[str, Any]) -> Request:
    surveyed = survey(options, ranked=False)
    by_id = [name for name in surveyed.named if "::" in name]
    if by_id:
        raise TroubleError(f"a search goes over files: name the file of {by_id[0]}")
    return request(options, surveyed)
