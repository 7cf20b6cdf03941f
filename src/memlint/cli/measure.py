"""``memlint measure``: run the suite in isolated processes and measure it.

The supervisor stays small, so what needs the configuration, the file walk and the analysis happens in a short
process of its own, the survey, that prints files and predictions.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from memlint import work_folder
from memlint.cli.options import LIST_HELP, Jobs, ParamType, config_options, say
from memlint.cli.profiling import missing_memray, profile_lines
from memlint.model import Cause
from memlint.units import parse_bytes

DEFAULT_JOURNAL = work_folder.WORK_FOLDER / "journal.jsonl"
_DIAGNOSIS = "from memlint.cli.measure import diagnosis; diagnosis()"
_SURVEY = "from memlint.cli.measure import survey; survey()"
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


class Size(ParamType):
    """Bytes, as ``2GiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            size = parse_bytes(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if size <= 0:
            self.fail("must be more than nothing", param, ctx)
        return size


class Duration(ParamType):
    """Seconds: ``90``, ``90s``, ``10m``, ``1h``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(value).strip())
        if match is None or float(match[1]) == 0:
            self.fail(f"{value!r} is no duration: write seconds, or 90s, 10m, 1h", param, ctx)
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


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


class TroubleError(click.ClickException):
    """The job could not be done."""

    exit_code = 2


@click.command("measure", epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")
@click.option(
    "--test-file",
    "lists",
    type=click.File("rb"),
    multiple=True,
    metavar="LIST",
    help=LIST_HELP,
)
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
@click.option(
    "--limit", type=Size(), metavar="SIZE", help="Memory of a unit's whole process tree, e.g. 2GiB."
)
@click.option("--timeout", type=Duration(), metavar="TIME", help="Of a unit: seconds, or 10m.")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_JOURNAL,
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
@click.option("--pytest-args", default="", metavar="ARGS", help="Passed on to pytest.")
@click.option(
    "--python", default=sys.executable, metavar="EXE", help="Interpreter of the suite, if not memlint's own."
)
@click.option(
    "--env",
    "environment",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set in the units' environment. Repeatable.",
)
@click.option(
    "--keep-output",
    type=click.Choice(["always", "failed", "never"]),
    default="failed",
    show_default=True,
    help="Of which units to keep what they printed.",
)
@click.option(
    "--meter",
    type=click.Choice(["auto", "cgroup2", "cgroup1", "sampling", "psutil", "rusage"]),
    default="auto",
    show_default=True,
    help="How memory is measured; see 'memlint doctor'.",
)
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
    if os.name != "posix":
        raise TroubleError("measuring needs a POSIX system: process groups, signals, file locks")
    from memlint.runner.executor import ExecutorError
    from memlint.runner.journal import JournalError
    from memlint.runner.meters.choose import MeterUnavailableError
    from memlint.runner.run import carry_out

    if options["failed_in"] is not None:
        options["paths"] = _failed_in(options)
        if not options["paths"]:
            say(f"every unit of {options['failed_in']} was fine: nothing to run again")
            return 0
    request = _request(options)
    if not request.named:
        raise TroubleError("no test files found")
    if options["memray"] and (missing := missing_memray(options["python"])):
        raise TroubleError(missing)
    if options["journal"] == DEFAULT_JOURNAL:
        work_folder.prepare()
    write = _quiet_writer if options["quiet"] else _write
    try:
        outcome = carry_out(request, _display(options, write))
    except (ExecutorError, JournalError, MeterUnavailableError) as error:
        raise TroubleError(str(error)) from error
    if not options["quiet"]:
        for line in _closing(request, outcome, options):
            _write(line)
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


def _closing(request: Any, outcome: Any, options: dict[str, Any]) -> Iterator[str]:
    """The end of a run: totals, causes, profiles, and as the last line the one command to run next."""
    from memlint.report.cause_text import cause_lines
    from memlint.report.cause_text import next_command as from_causes
    from memlint.runner.closing import closing_lines, next_command

    summary = outcome.summary
    causes = _diagnosed(request.journal)
    yield from closing_lines(summary, str(request.journal))
    yield from cause_lines(causes)
    if options["memray"] and not outcome.interrupted:
        yield from profile_lines(
            request, summary, causes, _display({**options, "heartbeat": True}, _write), options
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


def _request(options: dict[str, Any]) -> Any:
    from memlint.runner.run import Request

    surveyed = _survey(options)
    seed = options["seed"] if options["seed"] is not None else random.randrange(10**6)
    if options["order"] == "random" and options["seed"] is None:
        say(f"order is random with --seed {seed}")
    if options["unit"] == "test" and options["batch_size"] > 1:
        raise click.UsageError("--unit test and --batch-size exclude each other")
    if options["in_process"] and options["repeat"] < 3:
        raise click.UsageError("--in-process needs --repeat 3 or more: the first round warms up")
    return Request(
        named=surveyed.named,
        predictions=surveyed.predictions,
        root=Path.cwd(),
        python=options["python"],
        journal=options["journal"],
        argv=tuple(sys.argv[1:]),
        order=options["order"],
        seed=seed,
        shard=options["shard"],
        batch_size=options["batch_size"],
        repeat=options["repeat"],
        in_process=options["in_process"],
        by_test=options["unit"] == "test",
        fail_fast=options["fail_fast"],
        limit=options["limit"],
        timeout=options["timeout"],
        jobs=options["jobs"],
        resume=options["resume"],
        pytest_args=_pytest_args(options["pytest_args"]),
        environment=tuple(_variables(options["environment"])),
        keep_output=options["keep_output"],
        meter=options["meter"],
    )


def _pytest_args(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--pytest-args") from error


def _variables(pairs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--env")
        yield name, value


def _display(options: dict[str, Any], write: Callable[[str], None]) -> Any:
    from memlint.runner.display import Lines

    if (
        options["heartbeat"]
        or options["quiet"]
        or not sys.stdout.isatty()
        or os.environ.get("TERM") == "dumb"
    ):
        return Lines(write, heartbeat=options["heartbeat"])
    from rich.console import Console

    from memlint.runner.live import LiveView

    return LiveView(Console())


def _write(line: str) -> None:
    """One line now: a log may be all that survives. A reader that went away does not stop the run."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _quiet_writer(line: str) -> None:
    if " PASSED " not in line and " NO_TESTS " not in line:
        _write(line)


# ---------------------------------------------------------------------------------------------- survey


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What there is to run, and what the static ranking expects of it."""

    named: tuple[str, ...]
    predictions: dict[str, int]  # file → likely peak in bytes


def _survey(options: dict[str, Any]) -> Surveyed:
    """Ask a short process for the files and their predictions.

    Raises TroubleError when a path does not exist or the configuration cannot be obeyed.
    """
    question = {
        "paths": list(options["paths"]),
        "lists": [
            (file.name, file.read().decode("latin-1")) for file in options["lists"]
        ],  # bytes, as JSON takes them
        "config": str(options["config"]) if options["config"] else None,
        "isolated": options["isolated"],
        "rank": options["order"] == "suspects" or options["jobs"] is None,
    }
    answer = subprocess.run(
        [sys.executable, "-c", _SURVEY],
        input=json.dumps(question).encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if answer.returncode:
        raise TroubleError("the files could not be surveyed (see above)")
    found = json.loads(answer.stdout)
    if found["errors"]:
        raise TroubleError("; ".join(found["errors"]))
    if found["unranked"]:
        say(f"no static ranking ({found['unranked']}): files run in the order given")
    return Surveyed(tuple(found["named"]), found["predictions"])


def survey() -> None:
    """The survey's own process: a question on standard input, an answer on standard output, both JSON."""
    question = json.load(sys.stdin)
    json.dump(_answer(question), sys.stdout)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    from memlint.cli.options import settings_for
    from memlint.config import ConfigError, Overrides
    from memlint.discovery import ListError, read_test_list

    paths = list(question["paths"])
    for name, text in question["lists"]:
        try:
            paths += read_test_list(text.encode("latin-1"))
        except ListError as error:
            return {"errors": [f"--test-file: {name}: {error}"]}
    if question["lists"] and not paths:
        return {"errors": ["the list names no test"]}
    try:
        config = Path(question["config"]) if question["config"] else None
        settings = settings_for(paths, config, question["isolated"], Overrides())
    except ConfigError as error:
        return {"errors": [str(error)]}
    named, errors = _files(paths, settings)
    predictions: dict[str, int] = {}
    unranked = ""
    if question["rank"] and named and not errors:
        try:
            predictions = _predictions(named, settings)
        except Exception as error:  # the ranking is a convenience: measuring must not depend on it
            unranked = f"{type(error).__name__}: {error}"
    return {"named": named, "errors": errors, "predictions": predictions, "unranked": unranked}


def _files(paths: list[str], settings: Any) -> tuple[list[str], list[str]]:
    """Test files in the order given, folders walked; node ids stay as they are."""
    from memlint.discovery import Role, discover

    named: dict[str, None] = {}
    errors: list[str] = []
    everything: list[str | None] = [None]  # the suite's own testpaths
    for path in paths or everything:
        found = discover([path] if path else [], settings)
        errors += [f"{error.path}: {error.message}" for error in found.errors]
        if path and "::" in path and not os.path.lexists(path):
            file = found.files[0].path if found.files else path.partition("::")[0]
            named["::".join([file, path.partition("::")[2]])] = None
            continue
        is_file = path is not None and Path(path).is_file()
        named.update((file.path, None) for file in found.files if is_file or file.role is Role.TEST)
        if is_file and not found.files:
            named[Path(os.path.relpath(path or "")).as_posix()] = None  # named by hand: excludes do not count
    return list(named), errors


def _predictions(named: list[str], settings: Any) -> dict[str, int]:
    from memlint import pipeline
    from memlint.runner.units import file_of

    files = tuple(dict.fromkeys(file_of(name) for name in named))
    result = pipeline.rank(pipeline.Request(paths=files, settings=settings, root=settings.working_dir))
    return {suspect.path: suspect.peak.likely for suspect in result.files}
