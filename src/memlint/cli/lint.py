"""``memlint lint``: findings."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import (
    Targets,
    Words,
    config_options,
    counted,
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
from memlint.cli.progress import Progress, shown_progress
from memlint.cli.trouble import TroubleError
from memlint.disk import exists
from memlint.model import Level, LintResult, Severity, Summary
from memlint.report import FORMATS, get_reporter

if TYPE_CHECKING:
    from memlint.config import Settings
    from memlint.crosscheck import Measured
    from memlint.pipeline import Request

DEFAULT_BASELINE = "memlint-baseline.json"
_WRITE_BASELINE = "--write-baseline"
_STDIN = "-"

_EPILOG = """\b
Examples:
  memlint tests/                               findings, grouped by file
  memlint --format json -o findings.json       for a program
  memlint --select process,MEM501 tests/       some rules only
  memlint --write-baseline tests/              accept what is there …
  memlint --baseline memlint-baseline.json     … and report what is new
  memlint --add-ignore "reviewed in March" tests/test_big.py
  memlint --diff-from origin/main              only what this branch has touched
  git diff --name-only | memlint --test-file -
"""


class LintCommand(click.Command):
    """Lets ``--write-baseline`` stand without a file, also before PATHS."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [self._with_file(args, i) for i in range(len(args))])

    @staticmethod
    def _with_file(args: list[str], index: int) -> str:
        """Only a word that ends in .json is the file; anything else after it is a path to check."""
        following = args[index + 1] if index + 1 < len(args) else ""
        alone = args[index] == _WRITE_BASELINE and not following.endswith(".json")
        return f"{_WRITE_BASELINE}=" if alone else args[index]


@dataclass(frozen=True, slots=True)
class Job:
    """A lint run as the command line asks for it."""

    targets: Targets
    stdin: tuple[str, bytes] | None
    settings: Settings
    jobs: int | None
    cache: bool
    write_baseline: str | None  # the file, "" for the configured one, None for none
    reason: str | None  # of the suppression comments that are to be added
    diff_from: str | None  # the ref since which changes count; None for everything
    dependants: bool  # whether the tests count that named conftests and helpers change
    quiet: bool
    measured: Measured | None = None  # what findings are judged by

    @property
    def nothing_named(self) -> bool:
        """The user named a list of paths, and it is empty."""
        return self.targets.named and not self.targets.paths and self.stdin is None

    def check(self) -> LintResult:
        from memlint import pipeline

        with shown_progress(self.quiet) as progress:
            request = self.request(progress)
            if self.dependants:
                return self._check_around(request)
            if self.measured is None:
                return pipeline.lint(request)
            result, ranking = pipeline.lint_and_rank(request)
        from memlint.crosscheck import judged

        return replace(result, findings=judged(result.findings, self.measured.units, ranking.files))

    def _check_around(self, request: Request) -> LintResult:
        """Check the named files, and what they change in the tests that their folders hold."""
        from memlint import pipeline
        from memlint.discovery import dependants_of, discover
        from memlint.touched import caused_by

        named = frozenset(f.path for f in discover(request.paths, request.settings, request.folder).files)
        around = dependants_of(sorted(named), request.settings)
        if not around or not request.paths:
            return pipeline.lint(request)
        return caused_by(replace(request, paths=(*request.paths, *around)), named, pipeline.lint)

    def request(self, progress: Progress | None) -> Request:
        from memlint.pipeline import Request

        return Request(
            paths=self.targets.paths,
            settings=self.settings,
            level=self.settings.level,
            jobs=self.jobs,
            cache=self.cache,
            stdin=self.stdin,
            cores=self.settings.cores,
            root=self.settings.working_dir,
            progress=progress,
            measured=_added(self.measured),
        )


@click.command("lint", cls=LintCommand, epilog=_EPILOG)
@paths_argument
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level]),
    help="hook: sure findings only; ci: likely ones too (default); audit: everything, suppressions shown.",
)
@click.option(
    "--select", type=Words(), multiple=True, metavar="RULES", help="Codes, names or families to check."
)
@click.option(
    "--ignore", type=Words(), multiple=True, metavar="RULES", help="Codes, names or families to skip."
)
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    help="Least severity that makes the exit code 1 (default: note).",
)
@click.option("--exit-zero", is_flag=True, help="Exit 0 also when there are findings.")
@click.option(
    "--baseline", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Known findings."
)
@click.option(
    _WRITE_BASELINE,
    metavar="[FILE.json]",
    help=f"Accept all findings of now: write them to FILE.json, --baseline, or {DEFAULT_BASELINE}.",
)
@click.option(
    "--journal",
    "journals",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Say of each finding what this journal of 'memlint measure' says of it. Repeatable.",
)
@click.option(
    "--diff-from",
    metavar="REF",
    help="Only findings that the changes since the branch left REF touch or cause, uncommitted ones included.",
)
@click.option(
    "--dependants",
    is_flag=True,
    help="Also report what changes to the named conftest and helper files cause in the tests that use them.",
)
@click.option("--statistics", is_flag=True, help="Count findings by rule.")
@click.option(
    "--add-ignore", metavar="REASON", help="Put a suppression comment with this reason at each finding."
)
@click.option("--stdin-filename", metavar="FILE", help="The name of the source that PATH '-' reads.")
@output_option
@run_options
@config_options
@terminal_options
def command(**options: Any) -> int:
    """Find memory risks in test code.

    PATHS are files, folders or node ids; without any, the testpaths of the suite's pytest configuration. '-'
    reads one file from standard input.
    """
    job = _job(options)
    result = _lint(job)
    context = render_context(job.settings, options, job.stdin)
    write_output(get_reporter(options["format_"]).render(result, context), options["output"])
    return _exit_code(result, job.settings.fail_on, options["exit_zero"])


def _job(options: dict[str, Any]) -> Job:
    from memlint.config import Overrides

    stdin = _stdin(options)
    named = Targets((), True) if stdin else targets(options["paths"], options["lists"])
    overrides = Overrides(
        select=tuple(word for words in options["select"] for word in words),
        ignore=tuple(word for words in options["ignore"] for word in words),
        level=Level(options["level"]) if options["level"] else None,
        fail_on=Severity(options["fail_on"]) if options["fail_on"] else None,
        baseline=options["baseline"],
    )
    places = (stdin[0],) if stdin else named.paths
    return Job(
        targets=named,
        stdin=stdin,
        settings=settings_for(places, options["config"], options["isolated"], overrides),
        jobs=options["jobs"],
        cache=not options["no_cache"],
        write_baseline=options["write_baseline"],
        reason=_reason(options, stdin),
        diff_from=_diff_from(options, stdin),
        dependants=_dependants(options, stdin),
        quiet=options["quiet"],
        measured=_measured(options["journals"]),
    )


def _added(measured: Measured | None) -> dict[str, int]:
    """What each test added at its peak, the most of its cases: MEM701 believes it before any prediction."""
    added: dict[str, int] = {}
    for unit in measured.units if measured is not None else ():
        for test in unit.tests:
            if test.peak_bytes is not None and test.before_bytes is not None:
                name = test.nodeid.partition("[")[0]
                added[name] = max(added.get(name, 0), test.peak_bytes - test.before_bytes)
    return added


def _measured(journals: tuple[Path, ...]) -> Measured | None:
    """What the journals say; what of them cannot be used is told. Raises TroubleError."""
    if not journals:
        return None
    from memlint.cli.crosscheck import read_journals

    found = read_journals(journals, None)
    for note in found.notes:
        say(note)
    return found


def _stdin(options: dict[str, Any]) -> tuple[str, bytes] | None:
    """Name and content of the buffer on standard input, when PATHS say ``-``."""
    name = options["stdin_filename"]
    if _STDIN not in options["paths"]:
        if name:
            raise click.UsageError("--stdin-filename names the source that PATH '-' reads: give '-' as well")
        return None
    if len(options["paths"]) > 1 or options["lists"]:
        raise click.UsageError("'-' reads one file from standard input and takes no other paths beside it")
    return (Path(name).as_posix() if name else "<stdin>", sys.stdin.buffer.read())


def _reason(options: dict[str, Any], stdin: tuple[str, bytes] | None) -> str | None:
    reason: str | None = options["add_ignore"]
    if reason is None:
        return None
    if stdin or options["write_baseline"] is not None:
        raise click.UsageError(
            "--add-ignore changes files: it goes neither with '-' nor with --write-baseline"
        )
    if not reason.strip() or "\n" in reason:
        raise click.UsageError("--add-ignore takes a reason of one line, such as 'reviewed: data is 2 MB'")
    return reason.strip()


def _diff_from(options: dict[str, Any], stdin: tuple[str, bytes] | None) -> str | None:
    ref: str | None = options["diff_from"]
    if ref is not None and (
        stdin or options["write_baseline"] is not None or options["add_ignore"] is not None
    ):
        raise click.UsageError("--diff-from goes neither with '-' nor with --write-baseline or --add-ignore")
    return ref


def _dependants(options: dict[str, Any], stdin: tuple[str, bytes] | None) -> bool:
    asked: bool = options["dependants"]
    if asked and (stdin or options["diff_from"] is not None or options["journals"]):
        raise click.UsageError("--dependants goes neither with '-' nor with --diff-from or --journal")
    return asked


def _lint(job: Job) -> LintResult:
    from memlint import baseline
    from memlint.config import shown
    from memlint.discovery import is_excluded

    if job.nothing_named:
        say_nothing_found(job.targets)
    if job.nothing_named or (job.stdin and is_excluded(job.stdin[0], job.settings)):
        return LintResult((), (), Summary(files=0, findings=0))
    result = job.check()
    if job.reason is not None:
        result = _add_ignores(job, result, job.reason)
    known = _baseline_file(job)
    if job.write_baseline is not None and known:
        count = baseline.write(known, result, job.settings)
        say(f"{counted(count, 'finding')} written to {shown(known)}")
    if known:
        result = baseline.apply(known, result, job.settings, job.targets.paths)
    if job.diff_from is not None:
        result = _touched(job, result, job.diff_from)
    _hint_at_command(job.targets.paths)
    if not result.summary.files and not result.errors:
        say_nothing_found(job.targets)
    return result


def _touched(job: Job, result: LintResult, ref: str) -> LintResult:
    """What the changes since ``ref`` have to do with."""
    from memlint import pipeline
    from memlint.git_changes import GitError
    from memlint.touched import only_touched

    try:
        found = only_touched(job.request(None), ref, result, pipeline.lint)
    except GitError as error:
        raise TroubleError(str(error)) from error
    if found.untouched and not job.quiet:
        say(
            f"{counted(found.untouched, 'finding')} more, which nothing since {ref} ({found.base[:10]}) has touched"
        )
    return found.result


def _hint_at_command(paths: tuple[str, ...]) -> None:
    """A misspelt command is taken for a path; say so."""
    from memlint.cli import COMMANDS
    from memlint.knowledge.selectors import did_you_mean

    if paths and paths[0].isalpha() and not exists(Path(paths[0])):
        hint = did_you_mean(paths[0], COMMANDS)
        if hint:
            say(f"there is no file or folder {paths[0]!r}{hint.replace('mean ', 'mean the command ')}")


def _baseline_file(job: Job) -> Path | None:
    if job.write_baseline:
        return Path(job.write_baseline)
    if job.settings.baseline or job.write_baseline is None:
        return job.settings.baseline
    return job.settings.root / DEFAULT_BASELINE


def _add_ignores(job: Job, result: LintResult, reason: str) -> LintResult:
    """Write the comments, then check again: what is reported is what now holds."""
    from memlint.fixes.add_ignore import add_ignores

    added = add_ignores(result.active, reason, job.settings.working_dir)
    say(f"{counted(added.comments, 'comment')} added to {counted(added.files, 'file')}")
    for path, message in added.refused:
        say(f"{path}: unchanged: {message}")
    if added.refused:
        raise TroubleError("not every finding could be given a comment")
    return job.check()


def _exit_code(result: LintResult, fail_on: Severity, exit_zero: bool) -> int:
    if result.errors:
        return 2
    failing = any(finding.severity.rank <= fail_on.rank for finding in result.active)
    return 1 if failing and not exit_zero else 0
