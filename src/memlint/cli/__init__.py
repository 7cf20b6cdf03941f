"""The command line: one command a module, imported when it is called; ``lint`` when none is named."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from memlint import __version__
from memlint.garbage import leave_to_the_system

# name → what --help says of it; module memlint.cli.<name> holds the click command, called ``command``
COMMANDS = {
    "lint": "Find memory risks in test code (the default command).",
    "rank": "Order test files by the peak memory predicted for them.",
    "probe": "Measure what the suite's imports cost in its own environment.",
    "measure": "Run the suite in isolated processes and measure its memory.",
    "crosscheck": "Hold the ranking and the findings against what was measured.",
    "calibrate": "Fit the ranking and the rules to what was measured of this project.",
    "diff": "Say what needs more memory than in an earlier run.",
    "bisect": "Find the culprits of a suite that dies only as a whole.",
    "merge": "Join the journals of several machines or shards.",
    "classify": "Say what ended a CI job, by its log.",
    "advise": "Measure which pytest options save memory on this suite.",
    "report": "Show findings, predictions and measurements on one page.",
    "plan": "Write an investigation plan, and check it against a later run.",
    "doctor": "Say what of memory this machine can measure and limit.",
    "rules": "List the rules.",
    "explain": "Say what a rule is about, why, and what to do instead.",
    "config": "Show every setting and where it comes from.",
    "init": "Bring memlint into a repository: settings, hooks, CI jobs.",
    "completion": "Print the completion script of a shell.",
}
DEFAULT_COMMAND = "lint"
EXIT_TROUBLE = 2  # the job could not be done
EXIT_INTERRUPTED = 130
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_REPORTED = ("libcst", "pytest", "click", "rich")  # whose versions --version tells
_GROUP_OPTIONS = ("-h", "--help", "--version")

_EPILOG = """\b
Examples:
  memlint                           check the suite's own testpaths
  memlint tests/ --format json      findings for a program
  memlint rank tests/ --top 10      which files to profile first
  memlint explain MEM401            why a rule exists, and what to do
  memlint lint rank                 check a folder that is called like a command

\b
Exit codes:
  0  nothing found    1  findings    2  something could not be checked
"""


class CommandGroup(click.Group):
    """Commands that are imported when they are called, with a default one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"memlint.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        completing = ctx.resilient_parsing and not args  # the shell asks what may stand first
        if not completing and (not args or (args[0] not in COMMANDS and args[0] not in _GROUP_OPTIONS)):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    """What a report of a fault needs: memlint, what it builds on, and the machine."""
    if not asked or ctx.resilient_parsing:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"memlint {__version__}")
    click.echo(f"{platform.python_implementation()} {platform.python_version()} on {platform.platform()}")
    for name in _REPORTED:
        try:
            click.echo(f"{name} {version(name)}")
        except PackageNotFoundError:
            click.echo(f"{name} is missing")
    ctx.exit()


@click.group(
    cls=CommandGroup,
    epilog=_EPILOG,
    subcommand_metavar="[COMMAND] [PATHS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show versions and exit.",
)
def cli() -> None:
    """Find the tests that eat the memory of a CI job.

    Without a command memlint lints PATHS. 'memlint COMMAND --help' tells a command's options.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run memlint and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file name need not fit the terminal's encoding
    leave_to_the_system()
    sys.exit(run(args))


def run(args: Sequence[str] | None = None) -> int:
    """Run memlint and return its exit code."""
    try:
        code = cli.main(None if args is None else list(args), prog_name="memlint", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        from memlint.cli.output import drop_output

        drop_output()
        return EXIT_TROUBLE
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            click.echo(f"memlint: {str(error.filename)[:80]}…: no file can have so long a name", err=True)
        elif isinstance(error, OSError) and error.errno in _FULL:
            click.echo(f"memlint: {_full()}", err=True)
        elif _is_bad_input(error):
            click.echo(f"memlint: {error}", err=True)
        else:
            sys.excepthook(*sys.exc_info())
            click.echo("memlint: this is a fault in memlint itself; please report it", err=True)
        return EXIT_TROUBLE


def _full() -> str:
    import tempfile

    where = f"the cache folder, or the temporary folder {tempfile.gettempdir()}"
    return f"the disk is full that it writes to ({where}); make room there, or let TMPDIR name another folder"


def _is_bad_input(error: Exception) -> bool:
    """Whether the user, rather than memlint, can mend it: its message says how."""
    from memlint.config import ConfigError
    from memlint.knowledge.toml import BadToml

    return isinstance(error, (ConfigError, BadToml))
