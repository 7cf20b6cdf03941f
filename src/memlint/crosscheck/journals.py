"""Journals taken together: what can be read of them is used, and what cannot is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memlint.model import MeasuredContext, MeasuredUnit
from memlint.runner.journal import JournalError, Record, read
from memlint.runner.measurement import measurement


@dataclass(frozen=True, slots=True)
class Measured:
    """Units of one context out of one or more journals. A unit that stands in several was run several times."""

    context: MeasuredContext
    units: tuple[MeasuredUnit, ...]
    in_flight: tuple[str, ...]
    notes: tuple[str, ...]  # what of the journals was left out, and why


def gather(paths: Sequence[Path], context: str | None = None) -> Measured:
    """Read journals; ``context`` is the start of the hash of the one to use, else that of most units is.

    Raises JournalError when no unit is left to use.
    """
    notes: list[str] = []
    units: list[MeasuredUnit] = []
    flying: dict[str, None] = {}
    for path in paths:
        found = _read(path, notes)
        units += found[0]
        flying.update(dict.fromkeys(found[1]))
    chosen = _chosen(units, context, notes)
    if chosen is None:
        raise JournalError("; ".join(notes) or "no journal was given")
    kept = tuple(unit for unit in units if unit.context.hash == chosen.hash)
    ended = {unit.name for unit in kept}
    still = tuple(name for name in flying if name not in ended)
    if still:
        notes.append(f"{_listed(still)} had begun and never ended")
    return Measured(chosen, kept, still, tuple(notes))


def _read(path: Path, notes: list[str]) -> tuple[tuple[MeasuredUnit, ...], tuple[str, ...]]:
    """The units of one journal and those in flight; what is wrong with it goes into ``notes``."""
    broken: list[int] = []
    try:
        found = measurement(_records(path, broken))
    except JournalError as error:
        notes.append(f"{error}; it is left out")
        return (), ()
    if broken:
        where = "its last line is torn" if broken == [-1] else f"{_lines(broken)} cannot be read"
        notes.append(f"{path}: {where}; the rest is used")
    if not found.contexts:
        notes.append(f"{path} is empty")
    elif not found.units:
        notes.append(f"{path} holds no finished unit")
    return found.units, found.in_flight


def _records(path: Path, broken: list[int]) -> Iterator[Record]:
    yield from read(path, broken.append)


def _lines(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:5] if number > 0)
    return f"line {shown}" if len(numbers) == 1 else f"{len(numbers)} lines ({shown} …)"


def _chosen(units: Sequence[MeasuredUnit], wanted: str | None, notes: list[str]) -> MeasuredContext | None:
    """The context to use: the one asked for, else that of most units; of equals the latest."""
    counts = Counter(unit.context.hash for unit in units)
    contexts = {unit.context.hash: unit.context for unit in units}
    if wanted is not None:
        contexts = {key: value for key, value in contexts.items() if key.startswith(wanted)}
        if not contexts:
            known = ", ".join(sorted(counts)) or "none"
            notes.append(f"no unit was measured in context {wanted!r}; the journals hold {known}")
            return None
    if not contexts:
        return None
    latest = {key: place for place, key in enumerate(contexts)}
    best = max(contexts, key=lambda key: (counts[key], latest[key]))
    if len(counts) > 1:
        others = len(units) - counts[best]
        notes.append(
            f"the journals mix {len(counts)} contexts, which cannot be compared: the {counts[best]} units of "
            f"{described(contexts[best])} are used, {others} others are not (--context chooses)"
        )
    return contexts[best]


def described(context: MeasuredContext) -> str:
    """Return a context in a few words, beginning with its hash."""
    return f"{context.hash} (Python {context.python}, pytest {context.pytest}, meter {context.meter})"


def _listed(names: Iterable[str], most: int = 3) -> str:
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"{', '.join(known[:most])}{more}"
