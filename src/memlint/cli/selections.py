"""What ``memlint rank --split`` writes and says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import counted, say
from memlint.cli.trouble import TroubleError
from memlint.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from memlint.config import Settings
    from memlint.model import Measurement, RankResult
    from memlint.ranking.split import Split


def write_split(result: RankResult, settings: Settings, options: dict[str, Any]) -> int:
    """Write the selections and say what they hold; exit code 1 when a shard is expected to break --limit."""
    from memlint.ranking.split import items_of, split, write_selections

    items = items_of(result, _journal(options["journal"]))
    made = split(items, _budgets(settings, options["heavy"]), options["shards"] or 0, options["limit"])
    folder: Path = options["split"]
    try:
        written = write_selections(made, folder)
    except OSError as error:
        raise TroubleError(
            f"{folder}: the selections cannot be written: {error.strerror or error}"
        ) from error
    if not options["quiet"]:
        _tell(made, folder, written)
    for number in made.over:
        peak, limit = format_bytes(made.shards[number - 1].peak), format_bytes(options["limit"])
        say(f"shard-{number} is expected to need {peak} in one process, over {limit}: use more --shards")
    return 1 if made.over else 0


def _journal(path: Path | None) -> Measurement | None:
    if path is None:
        return None
    from memlint.runner.journal import JournalError
    from memlint.runner.measurement import load_measurement

    try:
        return load_measurement(path)
    except JournalError as error:
        raise TroubleError(str(error)) from error


def _budgets(settings: Settings, heavy: int | None) -> Callable[[str], int]:
    """What a file may need to be fast: --heavy, else the budget of its path, else that of MEM701."""

    def budget(path: str) -> int:
        if heavy is not None:
            return heavy
        own = settings.budget(path, frozenset())
        return own.bytes if own is not None else int(settings.options["MEM701"]["budget"])  # type: ignore[arg-type]

    return budget


def _tell(made: Split, folder: Path, written: dict[str, int]) -> None:
    from memlint.ranking.split import FAST, HEAVY, peak_together

    rows = {FAST: made.fast, HEAVY: made.heavy}
    rows |= {f"shard-{number}.txt": tuple(shard.items) for number, shard in enumerate(made.shards, 1)}
    for name, items in rows.items():
        if not written[name]:
            click.echo(f"{(folder / name).as_posix()}: not written, it would be empty")
            continue
        seconds = sum(item.seconds for item in items)
        measured = sum(item.measured for item in items)
        alone = max(item.peak for item in items)
        click.echo(
            f"{(folder / name).as_posix()}: {counted(len(items), 'file')}, about {seconds:.0f} s, "
            f"up to {format_bytes(alone)} a file, {format_bytes(peak_together(items))} in one process "
            f"({measured} measured)"
        )
