"""``memlint crosscheck``: ranking and findings against what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import (
    config_options,
    output_option,
    paths_argument,
    run_options,
    say,
    settings_for,
    stacked,
    targets,
    terminal_options,
)
from memlint.cli.output import render_context, write_output
from memlint.cli.progress import shown_progress
from memlint.cli.trouble import TroubleError
from memlint.disk import exists
from memlint.report import AGREEMENT_FORMATS, get_agreement_reporter
from memlint.work_folder import JOURNAL

if TYPE_CHECKING:
    from memlint.crosscheck import Measured
    from memlint.model import Agreement

_EPILOG = """\b
Examples:
  memlint crosscheck tests/                       with the journal of 'memlint measure'
  memlint crosscheck tests/ --journal a.jsonl --journal b.jsonl
  memlint crosscheck tests/ --per test -v         tests instead of files, every list in full
  memlint crosscheck tests/ --min-recall 0.5 --max-missed 3

\b
Exit codes:
  0  compared    1  a gate does not hold    2  it could not be compared, or not be checked whole
"""

journal_options = stacked(
    click.option(
        "--journal",
        "journals",
        type=click.Path(dir_okay=False, path_type=Path),
        multiple=True,
        metavar="FILE",
        help=f"What was measured; repeatable. Default: {JOURNAL}.",
    ),
    click.option(
        "--context",
        metavar="HASH",
        help="Use the runs of this context, where journals mix several; the start of its hash will do.",
    ),
)
_SHARE = click.FloatRange(0, 1)


@click.command("crosscheck", epilog=_EPILOG)
@paths_argument
@journal_options
@click.option(
    "--per",
    type=click.Choice(["file", "test"]),
    default="file",
    show_default=True,
    help="Compare files, or tests with all their cases together.",
)
@click.option(
    "--format", "format_", type=click.Choice(list(AGREEMENT_FORMATS)), default="text", show_default=True
)
@click.option(
    "--min-spearman",
    type=click.FloatRange(-1, 1),
    metavar="RHO",
    help="Exit with 1 below this rank correlation.",
)
@click.option(
    "--min-recall", type=_SHARE, metavar="SHARE", help="Exit with 1 when less of the heaviest tenth is found."
)
@click.option(
    "--max-missed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Exit with 1 when more are heavy and not predicted.",
)
@click.option(
    "--cores", type=click.IntRange(min=1), metavar="N", help="Cores of the machine that was measured."
)
@output_option
@run_options
@config_options
@terminal_options
def command(**options: Any) -> int:
    """Hold the ranking and the findings of PATHS against what was measured.

    Nothing is run: 'memlint measure' has written the journal. PATHS are as for 'memlint lint'.
    """
    from memlint import pipeline
    from memlint.config import Overrides, shown
    from memlint.crosscheck import NothingJoinedError, cross_check
    from memlint.model import Per, Status

    named = targets(options["paths"], options["lists"])
    settings = settings_for(
        named.paths, options["config"], options["isolated"], Overrides(cores=options["cores"])
    )
    measured = read_journals(options["journals"], options["context"])
    with shown_progress(options["quiet"]) as progress:
        lint, ranking = pipeline.lint_and_rank(
            pipeline.Request(
                paths=named.paths,
                settings=settings,
                level=settings.level,
                jobs=options["jobs"],
                cache=not options["no_cache"],
                cores=settings.cores,
                root=settings.working_dir,
                progress=progress,
            )
        )
    findings = [finding for finding in lint.findings if finding.status is not Status.HIDDEN]
    try:
        result = cross_check(
            ranking,
            findings,
            measured,
            Per(options["per"]),
            lambda path: exists(settings.working_dir / path),
            shown(settings.calibration) if settings.calibration else "",
        )
    except NothingJoinedError as error:
        for note in measured.notes:
            say(note)
        raise TroubleError(str(error)) from error
    reporter = get_agreement_reporter(options["format_"])
    write_output(reporter.render(result, render_context(settings, options)), options["output"])
    return 2 if result.errors else _gates(result, options)


def read_journals(journals: tuple[Path, ...], context: str | None) -> Measured:
    """Read the journals that were named, else the default one.

    Raises TroubleError when they hold nothing that can be used.
    """
    from memlint.crosscheck import gather
    from memlint.runner.journal import JournalError

    if not journals and not JOURNAL.exists():
        raise TroubleError(f"there is no {JOURNAL}: run 'memlint measure' first, or name a --journal")
    try:
        return gather(journals or (JOURNAL,), context)
    except JournalError as error:
        raise TroubleError(f"nothing was measured that can be used: {error}") from error


def _gates(result: Agreement, options: dict[str, Any]) -> int:
    """Say which gates do not hold; 2 where one cannot be judged."""
    failed = []
    least, most = options["min_spearman"], options["max_missed"]
    if least is not None:
        value = result.spearman.value
        if value is None:
            raise TroubleError(f"--min-spearman cannot be judged: {result.spearman.withheld}")
        if value < least:
            failed.append(f"Spearman is {value:.2f}, below {least:g}")
    recall = result.heavy_found.recall.value or 0.0
    if options["min_recall"] is not None and recall < options["min_recall"]:
        failed.append(f"{recall:.0%} of the heaviest tenth was found, below {options['min_recall']:.0%}")
    if most is not None and len(result.missed) > most:
        failed.append(f"{len(result.missed)} are heavy and were not predicted, more than {most}")
    for text in failed:
        say(text)
    return 1 if failed else 0
