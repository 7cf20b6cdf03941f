"""``memlint merge``: join the journals of several machines."""

from __future__ import annotations

from pathlib import Path

import click

from memlint.cli.options import say
from memlint.cli.trouble import TroubleError

_EPILOG = """\b
Examples:
  memlint merge shard1.jsonl shard2.jsonl -o journal.jsonl
"""


@click.command("merge", epilog=_EPILOG)
@click.argument(
    "journals", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="JOURNAL..."
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The journal to write.",
)
def command(journals: tuple[Path, ...], output: Path) -> int:
    """Join the journals of 'memlint measure --shard' runs into one.

    Exit code 1 when a shard is missing.
    """
    from memlint.runner.journal import JournalError
    from memlint.runner.merge import merge

    try:
        merged = merge(journals, output)
    except JournalError as error:
        raise TroubleError(str(error)) from error
    if merged.contexts > 1:
        say(f"the journals come from {merged.contexts} different contexts: compare their figures with care")
    for shard in merged.missing_shards:
        say(f"shard {shard} is missing")
    click.echo(f"{output}: {merged.records} records of {len(journals)} journals")
    return 1 if merged.missing_shards else 0
