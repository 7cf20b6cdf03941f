"""Selections of test files: the fast ones, the memory-intensive ones, and shards that take about the same time.

Whole files are selected, not tests: a test that no analysis sees, since it is inherited or made when the module is
imported, must not fall out of every job.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memlint.model import Measurement, RankResult, Suspect

FAST, HEAVY = "fast.txt", "memory-intensive.txt"
_SHARD = re.compile(r"shard-\d+\.txt")
_SECONDS_A_TEST = 0.1  # of a file that was never measured, where none was; only proportions matter


@dataclass(frozen=True, slots=True)
class Item:
    """A test file. Sizes in bytes."""

    path: str
    peak: int  # measured, else predicted, when it runs by itself
    kept: int  # that stays when its tests are over
    seconds: float
    measured: bool


@dataclass(slots=True)
class Shard:
    """Files that run in one pytest process."""

    items: list[Item] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """What they take one after the other."""
        return sum(item.seconds for item in self.items)

    @property
    def peak(self) -> int:
        """The heaviest of them, with what all the others leave."""
        return peak_together(self.items)


@dataclass(frozen=True, slots=True)
class Split:
    """The selections. ``over`` are the shards that are expected to need more than the limit, counted from 1."""

    fast: tuple[Item, ...]
    heavy: tuple[Item, ...]
    shards: tuple[Shard, ...]
    over: tuple[int, ...]


def peak_together(items: Sequence[Item]) -> int:
    """Bytes that files need which run in one process: the worst of each file's peak on what the others have left."""
    kept = sum(item.kept for item in items)
    return max((item.peak - item.kept for item in items), default=0) + kept


def items_of(ranked: RankResult, measured: Measurement | None) -> tuple[Item, ...]:
    """Every ranked test file, by the journal where it has it, else by the prediction."""
    known = _measured(measured) if measured is not None else {}
    tests: dict[str, int] = {}
    for suspect in ranked.tests:
        tests[suspect.path] = tests.get(suspect.path, 0) + 1
    pace = _pace(known, tests)
    items = []
    for suspect in ranked.files:
        item = known.get(suspect.path)
        items.append(item or _predicted(suspect, tests.get(suspect.path, 1) * pace))
    return tuple(items)


def _predicted(suspect: Suspect, seconds: float) -> Item:
    kept = sum(reason.bytes for reason in suspect.reasons if reason.kind == "growth")
    return Item(suspect.path, suspect.peak.likely, kept, seconds, measured=False)


def _pace(known: Mapping[str, Item], tests: Mapping[str, int]) -> float:
    """Seconds a test takes in the files that were measured."""
    seconds = sum(item.seconds for path, item in known.items() if path in tests)
    count = sum(tests[path] for path in known if path in tests)
    return seconds / count if count and seconds else _SECONDS_A_TEST


def _measured(measured: Measurement) -> dict[str, Item]:
    """A unit of one file tells all of it; of a batch the tests tell peaks and times."""
    found: dict[str, Item] = {}
    for unit in measured.units:
        files = {member.partition("::")[0] for member in unit.members}
        if (
            len(files) == 1
            and all("::" not in member for member in unit.members)
            and unit.peak_bytes is not None
        ):
            path = files.pop()
            found[path] = Item(path, unit.peak_bytes, unit.retained_bytes or 0, unit.seconds, measured=True)
            continue
        for test in unit.tests:
            path = test.nodeid.partition("::")[0]
            was = found.get(path) or Item(path, 0, 0, 0.0, measured=True)
            peak = max(was.peak, test.peak_bytes or 0)
            found[path] = Item(path, peak, was.kept, was.seconds + test.seconds, measured=True)
    return found


def split(items: Iterable[Item], budget: Callable[[str], int], shards: int, limit: int | None) -> Split:
    """Part the files by their ``budget`` (path → bytes), and the fast ones into ``shards`` (0: none).

    The longest file goes first, each to the shard that has the least to do and stays below the ``limit``; where none
    does, to the one that exceeds it least.
    """
    heavy = [item for item in items if item.peak > budget(item.path)]
    names = {item.path for item in heavy}
    fast = sorted((item for item in items if item.path not in names), key=lambda item: item.path)
    made = [Shard() for _ in range(shards)]
    for item in sorted(fast, key=lambda item: (-item.seconds, item.path)) if shards else ():
        _place(item, made, limit)
    over = tuple(number for number, shard in enumerate(made, 1) if limit is not None and shard.peak > limit)
    return Split(tuple(fast), tuple(sorted(heavy, key=lambda item: -item.peak)), tuple(made), over)


def _place(item: Item, shards: Sequence[Shard], limit: int | None) -> None:
    def cost(shard: Shard) -> tuple[int, float]:
        excess = peak_together([*shard.items, item]) - limit if limit is not None else 0
        return max(0, excess), shard.seconds

    min(shards, key=cost).items.append(item)


def write_selections(made: Split, folder: Path) -> dict[str, int]:
    """Write a file for each selection that is not empty, one path a line, and remove those of an earlier split.

    Return their names and numbers of files. An empty one is not written: ``pytest @file`` would run everything. Raises
    OSError.
    """
    selections = {FAST: [item.path for item in made.fast], HEAVY: [item.path for item in made.heavy]}
    for number, shard in enumerate(made.shards, 1):
        selections[f"shard-{number}.txt"] = sorted(item.path for item in shard.items)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.name in (FAST, HEAVY) or _SHARD.fullmatch(old.name):
            old.unlink()
    for name, paths in selections.items():
        if paths:
            text = "".join(f"{path}\n" for path in paths)
            (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    return {name: len(paths) for name, paths in selections.items()}
