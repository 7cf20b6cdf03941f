"""Which footprints a ranking goes by: those that a fresh probe of the suite's environment gives, else the shipped."""

from __future__ import annotations

from dataclasses import dataclass

from memlint.config import Settings
from memlint.knowledge.footprints import Footprints
from memlint.model import Basis
from memlint.probe.place import probe_folder
from memlint.probe.store import latest


@dataclass(frozen=True, slots=True)
class Known:
    """Footprints, None for the shipped ones, and where they come from."""

    footprints: Footprints | None
    basis: Basis


SHIPPED = Known(None, Basis(probed=False))


def known_footprints(settings: Settings) -> Known:
    """Read the latest probe; one of an environment that has changed since is not used, and the basis says so."""
    probe = latest(probe_folder(settings))
    if probe is None:
        return SHIPPED
    python = probe.environment.python
    if not probe.environment.is_unchanged():
        note = f"the packages of {python} have changed since it was probed: run 'memlint probe' again"
        return Known(None, Basis(False, python, note))
    return Known(probe.footprints(), Basis(True, python))


def probe_state(settings: Settings) -> str:
    """What of the latest probe decides a ranking: other figures, or an environment that has changed, change it."""
    probe = latest(probe_folder(settings))
    if probe is None:
        return ""
    fresh = "fresh" if probe.environment.is_unchanged() else "stale"
    return f"{fresh} {probe.digest()}"
