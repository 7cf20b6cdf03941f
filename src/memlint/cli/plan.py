"""``memlint plan``: the investigation plan of one suite, and its check against a later journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from memlint.cli.options import (
    Size,
    config_options,
    counted,
    output_option,
    paths_argument,
    run_options,
    say,
    terminal_options,
)
from memlint.cli.output import render_context, write_output
from memlint.cli.report import gathered, read_journal
from memlint.cli.trouble import TroubleError
from memlint.work_folder import JOURNAL

DEFAULT_PLAN = "memlint-plan.md"
_EPILOG = """\b
Examples:
  memlint plan --journal journal.jsonl -o memlint-plan.md          what to do about this suite
  memlint plan --journal journal.jsonl --budget 2GiB               with a budget of your own
  memlint plan --check memlint-plan.md --journal later.jsonl       turn the boxes that now hold

\b
Exit codes:
  0  written, or every box holds    1  --check: boxes are open
  2  it could not be made, or boxes could not be judged
"""


@click.command("plan", epilog=_EPILOG)
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
    "--check",
    is_flag=True,
    help=f"Hold the plan in PATHS (default: {DEFAULT_PLAN}) against the journal and turn its boxes.",
)
@click.option(
    "--budget",
    type=Size(),
    metavar="SIZE",
    help="What a unit may use, e.g. 2GiB. Default: the journal's limit, or what its machine can bear.",
)
@output_option
@run_options
@config_options
@terminal_options
def command(**options: Any) -> int:
    """Write down what happened, why, where to look, what to run and when it is done, for this suite alone.

    PATHS are as for 'memlint lint'; without any, the files of the journal. Nothing is run.
    """
    return _check(options) if options["check"] else _write(options)


def _write(options: dict[str, Any]) -> int:
    from memlint.cli import COMMANDS
    from memlint.report.plan import document, make

    data, settings = gathered(options, read_journal(options["journal"]), options["journal"])
    source_line = render_context(settings, options).source_line
    plan = make(data, source_line, options["budget"], COMMANDS)
    name = options["output"] or DEFAULT_PLAN
    write_output(["".join(document(plan, source_line, name))], options["output"])
    return 2 if data.lint.errors else 0


def _check(options: dict[str, Any]) -> int:
    from memlint.model import State
    from memlint.report.plan import PlanError, check

    if len(options["paths"]) > 1:
        raise click.UsageError("--check takes one plan")
    if options["budget"] is not None:
        raise click.UsageError("--budget is part of a plan: give it when the plan is written, not to --check")
    name = options["paths"][0] if options["paths"] else options["output"] or DEFAULT_PLAN
    text = _read(name)
    try:
        checked = check(text, read_journal(options["journal"]))
    except PlanError as error:
        raise TroubleError(f"{name}: {error}") from error
    write_output([checked.document], options["output"] or name)
    if not options["quiet"]:
        from memlint.report.escape import shown
        from memlint.report.plan.criteria import criterion_words

        signs = {State.MET: "[x]", State.OPEN: "[ ]", State.UNJUDGED: "[?]"}
        for criterion, seen in checked.boxes:
            click.echo(f"{signs[seen.state]} {criterion_words(criterion, shown)}: {shown(seen.text)}")
    if checked.unjudged:
        what = counted(checked.unjudged, "box").replace("boxs", "boxes")
        say(f"{what} could not be judged by {options['journal']}: measure all that the plan names")
        return 2
    return 1 if checked.open else 0


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise TroubleError(
            f"{name}: there is no such plan: write one with 'memlint plan --journal FILE -o {name}'"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TroubleError(f"{name}: cannot be read: {error}") from error
