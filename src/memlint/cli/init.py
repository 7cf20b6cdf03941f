"""``memlint init``: bring memlint into a repository."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import counted, say, settings_for
from memlint.cli.output import wants_color
from memlint.cli.progress import shown_progress

if TYPE_CHECKING:
    from memlint.adoption import Change, Proposal
    from memlint.config import Settings

_SHOWN_LINES = 60  # of a new file
_COLORS = {"+": "green", "-": "red", "@": "cyan"}

_EPILOG = """\b
Examples:
  memlint init                    look, propose, ask, write
  memlint init --github --yes     with the GitHub workflows, without asking
  memlint init --gitlab           with the GitLab jobs
  memlint init --undo             put every file back

\b
Exit codes:
  0  written, or nothing to do    1  not written    2  the job could not be done
"""


@click.command("init", epilog=_EPILOG)
@click.option(
    "--github/--no-github", default=None, help="Write GitHub workflows; default: where there are some."
)
@click.option("--gitlab/--no-gitlab", default=None, help="Write GitLab jobs; default: where there are some.")
@click.option("--sharded", is_flag=True, help="With --github: also the diagnostic over several machines.")
@click.option(
    "--pre-commit/--no-pre-commit", default=None, help="Add the hooks; default: where pre-commit is used."
)
@click.option("--baseline/--no-baseline", default=True, help="Accept the findings of today in a baseline.")
@click.option("-y", "--yes", is_flag=True, help="Write without asking.")
@click.option("--undo", "undoing", is_flag=True, help="Put back every file that init has written.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)
def command(**options: Any) -> int:
    """Look at the repository, propose what brings memlint into it, and write that on yes.

    Proposed are the [tool.memlint] table, a baseline of today's findings, the marker memory_intensive, the
    pre-commit hooks and the CI jobs, each where it is not there yet. Nothing of the repository is run.
    """
    from memlint.adoption import Wanted, propose, survey, undo, write
    from memlint.config import Overrides, load_settings

    root = settings_for((), None, False, Overrides()).root
    settings = load_settings(root, working_dir=root)
    if options["undoing"]:
        return _undo(*undo(settings.root))
    repository = survey(settings)
    wanted = Wanted(options["github"], options["gitlab"], options["sharded"], options["pre_commit"])
    baseline = _baseline(settings) if options["baseline"] and not repository.baseline else None
    proposal = propose(repository, wanted, baseline)
    for line in _shown(proposal):
        _echo(line, wants_color(options["color"], sys.stdout))
    if not proposal.changes:
        say("nothing to do: memlint is at home here")
        return 0
    if not _agreed(options["yes"]):
        return 1
    write(settings.root, proposal.changes)
    say(f"{counted(len(proposal.changes), 'file')} written; 'memlint init --undo' puts them back")
    say("next: memlint")
    return 0


def _undo(done: list[str], left: list[str]) -> int:
    for path in left:
        say(f"{path}: was edited since, and is left as it is")
    say(f"{counted(len(done), 'file')} put back")
    return 1 if left else 0


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        say("nothing is written: run again with --yes, or in a terminal")
        return False
    return click.confirm("Write these files?", default=False, err=True)


def _baseline(settings: Settings) -> str | None:
    """The baseline of today's findings, or None when there are none."""
    from memlint import baseline, pipeline

    with shown_progress(False) as progress:
        request = pipeline.Request(
            paths=(), settings=settings, level=settings.level, root=settings.root, progress=progress
        )
        result = pipeline.lint(request)
    for error in result.errors[:5]:
        say(f"{error.path}: {error.message}")
    found = len(result.active)
    say(f"{counted(found, 'finding')} in {counted(result.summary.files, 'file')} today")
    return baseline.render(result, settings).decode("utf-8") if found else None


def _shown(proposal: Proposal) -> Iterator[str]:
    from memlint.adoption.changes import BASELINE

    for change in proposal.changes:
        yield f"# {change.path}: {change.why}"
        if change.path != BASELINE:  # long, and made for programs
            yield from _diff(change)
        yield ""
    for note in proposal.notes:
        yield from f"# {note}".splitlines()
        yield ""


def _diff(change: Change) -> Iterator[str]:
    before = (change.before or "").splitlines()
    old = f"a/{change.path}" if change.before is not None else "/dev/null"
    lines = list(
        difflib.unified_diff(before, change.after.splitlines(), old, f"b/{change.path}", lineterm="")
    )
    yield from lines[:_SHOWN_LINES]
    if len(lines) > _SHOWN_LINES:
        yield f"  … and {len(lines) - _SHOWN_LINES} lines more"


def _echo(line: str, color: bool) -> None:
    from memlint.report.escape import visible

    click.echo(click.style(visible(line), fg=_COLORS.get(line[:1]), bold=line.startswith("#")), color=color)
