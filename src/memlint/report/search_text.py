"""The statement of a search for culprits, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from memlint.model import CulpritSearch, SearchRun, Uncovered
from memlint.report.cause_text import next_command, one_cause
from memlint.report.escape import shown
from memlint.units import format_bytes

SCHEMA = "memlint.bisect/1"


def search_lines(found: CulpritSearch) -> Iterator[str]:
    """What was found, with the evidence and the confirming runs; then every run; then what to run next."""
    yield ""
    yield f"{found.end.value.upper()}, limit {format_bytes(found.limit_bytes)}: {shown(found.note)}"
    for number, each in enumerate(found.uncovered, 1):
        yield ""
        yield from _numbered(number, each)
    yield ""
    yield "Runs"
    for run in found.runs:
        yield f"  {_run_line(run)}"
    command = next_command([each.cause for each in found.uncovered])
    if command:
        yield ""
        yield f"next: {command}"


def _numbered(number: int, each: Uncovered) -> Iterator[str]:
    first, *others = one_cause(each.cause, "   ")
    yield f"{number}. {first.strip()}"
    yield from others
    confirmed = [f"run {each.dies} dies"] if each.dies else []
    confirmed += [f"run {each.lives} lives"] if each.lives else []
    if confirmed:
        yield f"     confirmed: {', '.join(confirmed)}"


def _run_line(run: SearchRun) -> str:
    peak = format_bytes(run.peak_bytes) if run.peak_bytes is not None else "-"
    end = f"dies in {shown(run.victim)}" if run.victim else "dies" if run.died else "lives"
    return f"{run.number:>2}  {run.seconds:6.1f} s  {peak:>9}  {shown(run.purpose)}: {end}"


def search_json(found: CulpritSearch) -> str:
    """``memlint.bisect/1``."""
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "end": found.end.value,
        "note": found.note,
        "limit_bytes": found.limit_bytes,
        "culprits": [_uncovered(each) for each in found.uncovered],
        "runs": [asdict(run) for run in found.runs],
        "next": next_command([each.cause for each in found.uncovered]),
    }
    return json.dumps(body, indent=2)


def _uncovered(each: Uncovered) -> dict[str, Any]:
    body = asdict(each.cause)
    return {**body, "kind": each.cause.kind.value, "dies_in_run": each.dies, "lives_in_run": each.lives}
