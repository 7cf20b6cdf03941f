"""How causes are put into words."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from memlint.model import Cause, CauseKind, Culprit
from memlint.units import format_bytes

SHOWN = 10


def cause(
    kind: CauseKind,
    where: str,
    size: float,
    culprits: Iterable[tuple[str, float, str]] = (),
    evidence: Sequence[str] = (),
    *,
    slope: float | None = None,
    command: str | None = None,
) -> Cause:
    """A cause of ``size`` bytes with its culprits as (name, bytes, text), heaviest first."""
    named = sorted(culprits, key=lambda culprit: (-culprit[1], culprit[0]))
    return Cause(
        kind,
        where,
        tuple(Culprit(name, round(held), text) for name, held, text in named),
        tuple(evidence),
        round(size),
        slope,
        command,
    )


def quoted(name: str) -> str:
    """A name as a shell takes it."""
    return shlex.quote(name)


def file_of(nodeid: str) -> str:
    """The file of a node id."""
    return nodeid.partition("::")[0]


def size(value: float) -> str:
    """Bytes, signed where they fell."""
    return format_bytes(value) if value >= 0 else f"-{format_bytes(-value)}"


def tests_of(number: int) -> str:
    """``1 test``, ``2 tests``."""
    return f"{number} test" if number == 1 else f"{number} tests"
