"""``memlint measure``: run the suite in isolated processes and measure it."""

from __future__ import annotations

import pickle
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint import work_folder
from memlint.cli.measuring import (
    METERS,
    display,
    limit_option,
    meter_option,
    need_posix,
    request,
    suite_options,
    timeout_option,
    write_line,
)
from memlint.cli.options import Jobs, ParamType, config_options, list_option, paths_argument, say
from memlint.cli.profiling import missing_memray, profile_lines
from memlint.cli.survey import survey
from memlint.cli.trouble import TroubleError
from memlint.model import Cause

if TYPE_CHECKING:
    from memlint.runner.run import Outcome, Request

_DIAGNOSIS = "from memlint.cli.measure import diagnosis; diagnosis()"
_EPILOG = """\b
Examples:
  memlint measure tests/ --limit 2GiB            each file in its own process, heaviest suspects first
  memlint measure --test-file files.txt --resume go on where a killed run stopped
  memlint measure tests/ --unit test --timeout 600
  memlint measure tests/ --shard 2/5 --journal shard2.jsonl
  memlint measure tests/ --python .venv/bin/python --pytest-args "-m 'not slow'"

\b
Exit codes:
  0  every unit passed    1  a unit failed or broke its limit    2  the job could not be done
"""


class Shard(ParamType):
    """One part of a run, ``2/5``."""

    name = "shard"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)/(\d+)", str(value))
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is no shard: write i/N, such as 2/5", param, ctx)
        return int(match[1]), int(match[2])


@click.command("measure", epilog=_EPILOG)
@paths_argument
@list_option
@click.option(
    "--failed-in",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="JOURNAL",
    help="Run what was not fine in this journal: the files of its failed batches, each alone.",
)
@click.option(
    "--unit",
    type=click.Choice(["file", "test"]),
    default="file",
    show_default=True,
    help="What runs in one process.",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=1, metavar="N", help="So many files in one process."
)
@click.option("--fail-fast", is_flag=True, help="Start nothing more once a unit is not fine.")
@limit_option("Memory of a unit's whole process tree, e.g. 2GiB.")
@timeout_option
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    default=work_folder.JOURNAL,
    show_default=True,
    metavar="FILE",
    help="Where everything is recorded.",
)
@click.option("--resume", is_flag=True, help="Skip what the journal says is finished.")
@click.option(
    "--order",
    type=click.Choice(["suspects", "given", "random"]),
    default="suspects",
    show_default=True,
    help="Which files run first; suspects: heaviest by the static ranking.",
)
@click.option(
    "--seed", type=int, metavar="N", help="For --order random; the default is a new one, which is printed."
)
@click.option(
    "-j", "--jobs", type=Jobs(), default="1", metavar="N", help="Units at once; auto: as memory allows."
)
@click.option(
    "--shard",
    type=Shard(),
    metavar="I/N",
    help="Only part I of N of the files; 'memlint merge' joins the journals.",
)
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N", help="Run every unit N times.")
@click.option(
    "--in-process",
    is_flag=True,
    help="Repeat the tests of a unit in one process: what grows every time after the warm-ups leaks.",
)
@suite_options
@click.option(
    "--keep-output",
    type=click.Choice(["always", "failed", "never"]),
    default="failed",
    show_default=True,
    help="Of which units to keep what they printed.",
)
@meter_option(*METERS, "rusage")
@click.option(
    "--heartbeat",
    is_flag=True,
    help="Plain lines on standard output, also when a unit starts and while it runs.",
)
@click.option(
    "--memray", is_flag=True, help="Afterwards run the culprits alone under memray: which lines allocate."
)
@click.option("-q", "--quiet", is_flag=True, help="Only units that are not fine, no summary.")
@config_options
def command(**options: Any) -> int:
    """Run test files in isolated processes and record the peak memory of each test and process tree.

    PATHS are files, folders or node ids; without any, the suite's testpaths. Results go to the journal.
    """
    return _measure(options)


def _measure(options: dict[str, Any]) -> int:
    need_posix()
    from memlint.runner.executor import ExecutorError
    from memlint.runner.journal import JournalError
    from memlint.runner.meters.choose import MeterUnavailableError
    from memlint.runner.run import carry_out

    if options["failed_in"] is not None:
        options["paths"] = _failed_in(options)
        if not options["paths"]:
            say(f"every unit of {options['failed_in']} was fine: nothing to run again")
            return 0
    wanted = _request(options)
    if not wanted.named:
        raise TroubleError("no test files found")
    if options["memray"] and (missing := missing_memray(options["python"])):
        raise TroubleError(missing)
    if options["journal"] == work_folder.JOURNAL:
        work_folder.prepare()
    write = _quiet_writer if options["quiet"] else write_line
    try:
        outcome = carry_out(wanted, display(options, write))
    except (ExecutorError, JournalError, MeterUnavailableError) as error:
        raise TroubleError(str(error)) from error
    if not options["quiet"]:
        for line in _closing(wanted, outcome, options):
            write_line(line)
    if outcome.interrupted:
        say(f"stopped by {outcome.interrupted}; go on with --resume")
        return 2
    return 0 if outcome.summary.fine else 1


def _failed_in(options: dict[str, Any]) -> tuple[str, ...]:
    """The members of all units of a journal that were not fine, or never ended."""
    from memlint.runner.journal import JournalError
    from memlint.runner.measurement import failed_members, load_measurement

    if options["paths"] or options["lists"]:
        raise click.UsageError("--failed-in names what to run: give no PATHS and no --test-file beside it")
    if options["failed_in"].absolute() == options["journal"].absolute() and not options["resume"]:
        raise click.UsageError(
            "--failed-in reads the journal that this run would replace: name another --journal"
        )
    try:
        return failed_members(load_measurement(options["failed_in"]))
    except JournalError as error:
        raise TroubleError(str(error)) from error


def _closing(wanted: Request, outcome: Outcome, options: dict[str, Any]) -> Iterator[str]:
    """The end of a run: totals, causes, profiles, and as the last line the one command to run next."""
    from memlint.report.cause_text import cause_lines
    from memlint.report.cause_text import next_command as from_causes
    from memlint.runner.closing import closing_lines, next_command

    summary = outcome.summary
    causes = _diagnosed(wanted.journal)
    yield from closing_lines(summary, str(wanted.journal))
    yield from cause_lines(causes)
    if options["memray"] and not outcome.interrupted:
        yield from profile_lines(
            wanted, summary, causes, display({**options, "heartbeat": True}, write_line), options
        )
    command = (None if options["memray"] else from_causes(causes)) or next_command(summary)
    if command:
        yield ""
        yield f"next: {command}"


def _diagnosed(journal: Path) -> tuple[Cause, ...]:
    """The causes, by a process of its own: a large journal would weigh on the supervisor. None when it fails."""
    answer = subprocess.run(
        [sys.executable, "-c", _DIAGNOSIS, str(journal)], stdout=subprocess.PIPE, check=False
    )
    return tuple(pickle.loads(answer.stdout)) if answer.returncode == 0 else ()


def diagnosis() -> None:
    """The diagnosis' own process: the journal in its arguments, the causes on standard output."""
    from memlint.culprit import diagnose
    from memlint.runner.measurement import load_measurement

    sys.stdout.buffer.write(pickle.dumps(diagnose(load_measurement(Path(sys.argv[1])))))


def _request(options: dict[str, Any]) -> Request:
    ranked = options["order"] == "suspects" or options["jobs"] is None
    common = request(options, survey(options, ranked=ranked))
    seed = options["seed"] if options["seed"] is not None else random.randrange(10**6)
    if options["order"] == "random" and options["seed"] is None:
        say(f"order is random with --seed {seed}")
    if options["unit"] == "test" and options["batch_size"] > 1:
        raise click.UsageError("--unit test and --batch-size exclude each other")
    if options["in_process"] and options["repeat"] < 3:
        raise click.UsageError("--in-process needs --repeat 3 or more: the first round warms up")
    return replace(
        common,
        order=options["order"],
        seed=seed,
        shard=options["shard"],
        batch_size=options["batch_size"],
        repeat=options["repeat"],
        in_process=options["in_process"],
        by_test=options["unit"] == "test",
        fail_fast=options["fail_fast"],
        jobs=options["jobs"],
        resume=options["resume"],
        keep_output=options["keep_output"],
    )


def _quiet_writer(line: str) -> None:
    if " PASSED " not in line and " NO_TESTS " not in line:
        write_line(line)
