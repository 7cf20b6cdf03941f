"""``memlint bisect``: the culprits of a suite that dies only as a whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint import work_folder
from memlint.cli import measure
from memlint.cli.options import LIST_HELP, config_options

if TYPE_CHECKING:
    from memlint.model import CulpritSearch
    from memlint.runner.run import Request

DEFAULT_JOURNAL = work_folder.WORK_FOLDER / "bisect.jsonl"
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
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")
@click.option("--test-file", "lists", type=click.File("rb"), multiple=True, metavar="LIST", help=LIST_HELP)
@click.option(
    "--limit",
    type=measure.Size(),
    required=True,
    metavar="SIZE",
    help="Memory under which the suite dies, e.g. 2GiB.",
)
@click.option(
    "--max-runs", type=click.IntRange(min=1), default=30, show_default=True, help="Most runs of a search."
)
@click.option("--timeout", type=measure.Duration(), metavar="TIME", help="Of a run: seconds, or 10m.")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_JOURNAL,
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
@click.option("--pytest-args", default="", metavar="ARGS", help="Passed on to pytest.")
@click.option(
    "--python", default=sys.executable, metavar="EXE", help="Interpreter of the suite, if not memlint's own."
)
@click.option(
    "--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set in the runs' environment."
)
@click.option(
    "--meter",
    type=click.Choice(["auto", "cgroup2", "cgroup1", "sampling", "psutil"]),
    default="auto",
    show_default=True,
    help="How memory is measured; see 'memlint doctor'.",
)
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

    request = _request(options)
    if len(request.named) == 0:
        raise measure.TroubleError("no test files found")
    if options["journal"] == DEFAULT_JOURNAL:
        work_folder.prepare()
    try:
        with local_laboratory(
            request, options["max_runs"], _display(options), restart=options["restart"]
        ) as laboratory:
            return search(request.named, options["limit"], laboratory)
    except (ExecutorError, JournalError, MeterUnavailableError) as error:
        raise measure.TroubleError(str(error)) from error


def _display(options: dict[str, Any]) -> Any:
    """Progress; beside a statement in JSON, on standard error or not at all."""
    from memlint.runner.display import Lines

    if options["quiet"] or options["form"] == "json":
        return Lines(lambda line: None)
    return measure._display(options, measure._write)


def _request(options: dict[str, Any]) -> Request:
    from memlint.runner.run import Request

    surveyed = measure._survey({**options, "order": "given", "jobs": 1})
    by_id = [name for name in surveyed.named if "::" in name]
    if by_id:
        raise measure.TroubleError(f"a search goes over files: name the file of {by_id[0]}")
    return Request(
        named=surveyed.named,
        predictions={},
        root=Path.cwd(),
        python=options["python"],
        journal=options["journal"],
        argv=tuple(sys.argv[1:]),
        limit=options["limit"],
        timeout=options["timeout"],
        pytest_args=measure._pytest_args(options["pytest_args"]),
        environment=tuple(measure._variables(options["environment"])),
        meter=options["meter"],
    )
