"""``memlint report``: everything known of a suite as one page, a job summary or JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import (
    Targets,
    config_options,
    output_option,
    paths_argument,
    run_options,
    say,
    say_nothing_found,
    settings_for,
    targets,
    terminal_options,
)
from memlint.cli.output import render_context, write_output
from memlint.cli.progress import shown_progress
from memlint.cli.trouble import TroubleError
from memlint.disk import exists, is_file
from memlint.model import LintResult, Measurement, RankResult, ReportData, Summary
from memlint.report import REPORT_FORMATS, MissingExtraError, get_report_reporter
from memlint.work_folder import JOURNAL

if TYPE_CHECKING:
    from memlint.config import Settings

_SUFFIXES = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown", ".json": "json"}
_EPILOG = """\b
Examples:
  memlint report --journal journal.jsonl -o report.html     a page for a reviewer, one file, no network
  memlint report --format markdown >> "$GITHUB_STEP_SUMMARY"
  memlint report tests/ --format json -o report.json        for a program
  memlint rank --format html -o suspects.html tests/        the page before anything was measured

\b
Exit codes:
  0  the report was made    2  it could not be made, or not everything could be checked
"""


@click.command("report", epilog=_EPILOG)
@paths_argument
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    default=JOURNAL,
    show_default=True,
    metavar="FILE",
    help="What 'memlint measure' recorded.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(REPORT_FORMATS)),
    help="Default: by the ending of -o, else html.",
)
@output_option
@run_options
@config_options
@terminal_options
def command(**options: Any) -> int:
    """Show what was found, predicted and measured in one report.

    PATHS are as for 'memlint lint'; without any, the files of the journal. Nothing is run.
    """
    measurement = read_journal(options["journal"])
    data, settings = gathered(options, measurement, options["journal"])
    write_report(data, settings, options, chosen_format(options))
    return 2 if data.lint.errors else 0


def chosen_format(options: Mapping[str, Any]) -> str:
    """Return the format that the options ask for, by name or by the ending of the output's name."""
    if options["format_"]:
        return str(options["format_"])
    return _SUFFIXES.get(Path(options["output"] or "").suffix.lower(), "html")


def write_report(data: ReportData, settings: Settings, options: Mapping[str, Any], format_: str) -> None:
    """Write a report where the options say. Raises TroubleError when a library it needs is missing."""
    if format_ == "html" and not options["output"] and sys.stdout.isatty():
        raise TroubleError("the page is long: write it to a file, with -o report.html")
    reporter = get_report_reporter(format_)
    try:
        # whole before the first byte: a page that cannot be made leaves the old one alone
        text = "".join(reporter.render(data, render_context(settings, options)))
    except MissingExtraError as error:
        raise TroubleError(str(error)) from error
    write_output([text], options["output"])


def read_journal(path: Path) -> Measurement:
    """Return what a journal says. Raises TroubleError when there is none or it cannot be read."""
    from memlint.runner.journal import JournalError
    from memlint.runner.measurement import load_measurement

    if not exists(path):
        raise TroubleError(
            f"{path}: there is no such journal: run 'memlint measure --journal {path}' first, or see "
            f"'memlint rank --format html' for a page without measurements"
        )
    try:
        measurement = load_measurement(path)
    except JournalError as error:
        raise TroubleError(str(error)) from error
    if not measurement.contexts:
        raise TroubleError(f"{path}: holds no run: is it a journal of 'memlint measure'?")
    return measurement


def gathered(
    options: Mapping[str, Any], measurement: Measurement, journal: Path
) -> tuple[ReportData, Settings]:
    """Return what is known of the paths in the options, or of the journal's files, and the settings that hold."""
    named = targets(options["paths"], options["lists"])
    if not named.named:
        named = _of_journal(measurement, journal)
    settings, lint, ranking = surveyed(named, options)
    data = _data(settings, lint, ranking)
    return _compared(
        replace(data, measurement=measurement, journal=str(journal)), journal, settings
    ), settings


def _compared(data: ReportData, journal: Path, settings: Settings) -> ReportData:
    """Add causes, and how far prediction and measurement agree; findings then carry what was measured of them."""
    from memlint.crosscheck import NothingJoinedError, cross_check, gather
    from memlint.culprit import diagnose
    from memlint.model import Per, Status
    from memlint.runner.journal import JournalError

    if data.measurement is not None:
        data = replace(data, causes=diagnose(data.measurement))
    findings = [finding for finding in data.lint.findings if finding.status is not Status.HIDDEN]
    try:
        agreement = cross_check(
            data.ranking,
            findings,
            gather((journal,)),
            Per.FILE,
            lambda path: exists(settings.working_dir / path),
        )
    except (JournalError, NothingJoinedError):
        return data  # the report says that there is nothing to compare
    return replace(data, agreement=agreement, lint=replace(data.lint, findings=agreement.findings))


def surveyed(
    named: Targets, options: Mapping[str, Any], cores: int | None = None
) -> tuple[Settings, LintResult, RankResult]:
    """Return the findings and the ranking of what was named, from one reading."""
    from memlint import pipeline
    from memlint.config import Overrides

    settings = settings_for(named.paths, options["config"], options["isolated"], Overrides(cores=cores))
    if named.named and not named.paths:
        say_nothing_found(named)
        return settings, LintResult((), (), Summary(files=0, findings=0)), RankResult((), ())
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
        lint, ranking = pipeline.lint_and_rank(request)
    if not ranking.files and not ranking.errors:
        say_nothing_found(named)
    return settings, lint, ranking


def predicted(named: Targets, options: Mapping[str, Any], cores: int | None) -> tuple[ReportData, Settings]:
    """Return what is known of a suite that was not measured."""
    settings, lint, ranking = surveyed(named, options, cores)
    return _data(settings, lint, ranking), settings


def _data(settings: Settings, lint: LintResult, ranking: RankResult) -> ReportData:
    from memlint import __version__

    return ReportData(settings.root.resolve().name or "suite", __version__, lint, ranking)


def _of_journal(measurement: Measurement, journal: Path) -> Targets:
    """The journal's files that are still there. Raises TroubleError when none is."""
    members = (member for unit in measurement.units for member in unit.members)
    files = tuple(dict.fromkeys(member.partition("::")[0] for member in members))
    here = tuple(file for file in files if is_file(Path(file)))
    if files and not here:
        raise TroubleError(
            f"none of the {len(files)} files that {journal} speaks of is here, such as {files[0]}: "
            f"run memlint in the directory where it was measured"
        )
    if len(here) < len(files):
        say(f"{len(files) - len(here)} of the {len(files)} files that {journal} speaks of are gone")
    return Targets(here, bool(files))
