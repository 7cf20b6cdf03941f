"""Causes in words, for the end of a run and for the search for culprits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memlint.model import Cause, CauseKind
from memlint.report.escape import shown
from memlint.units import format_bytes

SHOWN = 5  # units, and culprits of a cause


def cause_lines(causes: Sequence[Cause]) -> Iterator[str]:
    """``What fills memory``, unit by unit, heaviest first; the suite as a whole at the end."""
    if not causes:
        return
    yield ""
    yield "What fills memory"
    if causes[0].kind is CauseKind.NOTHING:
        yield f"  {causes[0].kind.value}: {shown('; '.join(causes[0].evidence))}"
        return
    places = _places(causes)
    for where in places[:SHOWN]:
        yield from _place(where, [cause for cause in causes if cause.where == where])
    if len(places) > SHOWN:
        yield f"  and in {len(places) - SHOWN} more units"
    yield from _place("", [cause for cause in causes if cause.where == ""])


def _places(causes: Sequence[Cause]) -> list[str]:
    heaviest: dict[str, int] = {}
    for cause in causes:
        heaviest[cause.where] = max(heaviest.get(cause.where, 0), cause.bytes)
    return sorted((where for where in heaviest if where), key=lambda where: -heaviest[where])


def _place(where: str, causes: Sequence[Cause]) -> Iterator[str]:
    if causes:
        yield f"  {shown(where) if where else 'the suite as a whole'}"
    for cause in causes:
        yield from one_cause(cause, "    ", where)


def one_cause(cause: Cause, lead: str, where: str = "") -> Iterator[str]:
    """A cause with its evidence and its culprits. Node ids are long: below ``where`` they begin with ``::``."""
    slope = f", {format_bytes(cause.bytes_per_test)} a test" if cause.bytes_per_test else ""
    yield f"{lead}{cause.kind.value.upper()}: {format_bytes(cause.bytes)}{slope}"
    for fact in cause.evidence:
        yield f"{lead}  {shown(_below(where, fact))}"
    for culprit in cause.culprits[:SHOWN]:
        yield f"{lead}  · {shown(_below(where, culprit.name))}  {shown(culprit.text)}"
    if len(cause.culprits) > SHOWN:
        yield f"{lead}  · and {len(cause.culprits) - SHOWN} more"


def _below(where: str, text: str) -> str:
    return text.replace(f"{where}::", "::") if where else text


def next_command(causes: Sequence[Cause]) -> str | None:
    """The command that leads on from the heaviest cause."""
    leading = sorted((cause for cause in causes if cause.next_command), key=lambda cause: -cause.bytes)
    return leading[0].next_command if leading else None
