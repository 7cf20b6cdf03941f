"""Journals of several machines or attempts joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memlint.runner import journal
from memlint.runner.journal import JournalError, Run, Writer


@dataclass(frozen=True, slots=True)
class Merged:
    """What was joined, and what is odd about it."""

    records: int
    missing_shards: tuple[str, ...]
    contexts: int  # differing contexts: their figures should not be compared


def merge(sources: Sequence[Path], target: Path) -> Merged:
    """Write the records of ``sources``, in their order, to ``target``. A torn last line is left out.

    Nothing is written unless all sources can be read. Raises JournalError.
    """
    if any(source.resolve() == target.resolve() for source in sources):
        raise JournalError(f"{target} is one of the journals to be merged: name another file with -o")
    runs = [record for source in sources for record in journal.read(source) if isinstance(record, Run)]
    count = 0
    with Writer(target, append=False) as writer:
        for source in sources:
            for record in journal.read(source):
                writer.write(record, durable=False)
                count += 1
        writer.sync()
    return Merged(count, _missing([run.shard for run in runs]), len({run.context.hash for run in runs}))


def _missing(shards: Sequence[str | None]) -> tuple[str, ...]:
    """Shards that others of the same division imply."""
    present = {shard for shard in shards if shard is not None}
    counts = {int(shard.partition("/")[2]) for shard in present}
    wanted = [f"{index}/{count}" for count in sorted(counts) for index in range(1, count + 1)]
    return tuple(shard for shard in wanted if shard not in present)
