"""A project's own calibration: weights of the ranking and confidence of rules, fitted to its measurements."""

from __future__ import annotations

from pathlib import Path

import msgspec

from memlint.knowledge.ranking import Weights, shipped_weights
from memlint.knowledge.toml import BadToml, read_toml

SCHEMA = "memlint.calibration/1"
_STEPS = ("low", "medium", "high")


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a rule's confidence moved, with the judged findings that moved it."""

    shipped: str
    now: str
    confirmed: int
    contradicted: int


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``memlint calibrate`` wrote. ``weights`` holds only those that differ from the shipped ones."""

    schema: str
    fitted_to: str  # in words: how many files, in which context
    weights: dict[str, float] = {}
    confidence: dict[str, Shift] = {}

    def weighed(self) -> Weights:
        """The shipped weights with the project's own in their place."""
        return msgspec.structs.replace(shipped_weights(), **self.weights)

    def confided(self, code: str, confidence: str) -> str:
        """A finding's confidence, moved by as many steps as its rule's."""
        shift = self.confidence.get(code)
        if shift is None:
            return confidence
        steps = _STEPS.index(shift.now) - _STEPS.index(shift.shipped)
        return _STEPS[min(2, max(0, _STEPS.index(confidence) + steps))]


def read_calibration(path: Path) -> Calibration:
    """Return a calibration file. Raises BadToml, with what to do, when it does not fit this version."""
    found = read_toml(path, Calibration)
    if found.schema != SCHEMA:
        raise BadToml(f"{path}: has schema {found.schema!r}, this version reads {SCHEMA!r}; {_AGAIN}")
    unknown = sorted(found.weights.keys() - set(Weights.__struct_fields__))
    if unknown:
        raise BadToml(f"{path}: this version has no weight {unknown[0]!r}; {_AGAIN}")
    for name, value in found.weights.items():
        if not value >= 0 or value == float("inf"):
            raise BadToml(f"{path}: the weight {name!r} must be a number from 0, not {value}")
    for code, shift in found.confidence.items():
        if shift.shipped not in _STEPS or shift.now not in _STEPS:
            raise BadToml(f"{path}: the confidence of {code} takes {', '.join(_STEPS)}")
    return found


_AGAIN = "run 'memlint calibrate' again, or delete it"
