"""What each rule claims in bytes, and which measured quantity would show it if it is true."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from memlint.model import Quantity


class Unsized(enum.Enum):
    """What a finding without an estimate still claims."""

    WEIGHT = "weight"  # that something heavy is there: little of it contradicts the finding
    RISK = "risk"  # that something may be kept: much of it confirms the finding, little says nothing


@dataclass(frozen=True, slots=True)
class Claim:
    """Where a rule's bytes must show."""

    quantity: Quantity
    unsized: Unsized = Unsized.WEIGHT
    absence_contradicts: bool = True  # of processes: whether none left means that the finding was wrong


_PEAK = Claim(Quantity.TEST_PEAK)
_HELD_AT_COLLECTION = Claim(Quantity.COLLECTION)
_KEPT = Claim(Quantity.RETAINED)
_MAY_BE_KEPT = Claim(Quantity.RETAINED, Unsized.RISK)
# helpers of pools and clusters may be ended at the interpreter's exit, which is no answer to the finding
_MAY_BE_LEFT = Claim(Quantity.LEFTOVERS, absence_contradicts=False)
_WHOLE = Claim(Quantity.WHOLE_PEAK)
_NOTHING = Claim(Quantity.NONE)

CLAIMS = {
    "MEM101": _PEAK,
    "MEM102": _PEAK,
    "MEM103": _PEAK,
    "MEM104": _HELD_AT_COLLECTION,
    "MEM105": _PEAK,
    "MEM201": _PEAK,
    "MEM202": _PEAK,
    "MEM203": _PEAK,
    "MEM204": Claim(Quantity.TEST_PEAK, Unsized.RISK),
    "MEM205": _PEAK,
    "MEM206": _PEAK,
    "MEM207": _PEAK,
    "MEM208": Claim(Quantity.CHILDREN, Unsized.RISK),
    "MEM301": _MAY_BE_KEPT,
    "MEM302": Claim(Quantity.BASE_STEP),
    "MEM303": _MAY_BE_KEPT,
    "MEM304": _HELD_AT_COLLECTION,
    "MEM305": _MAY_BE_KEPT,
    "MEM306": _MAY_BE_KEPT,
    "MEM307": _MAY_BE_KEPT,
    "MEM401": Claim(Quantity.LEFTOVERS),
    "MEM402": _MAY_BE_LEFT,
    "MEM403": _MAY_BE_LEFT,
    "MEM404": _NOTHING,
    "MEM405": _MAY_BE_LEFT,
    "MEM501": _MAY_BE_KEPT,
    "MEM502": _MAY_BE_KEPT,
    "MEM503": _MAY_BE_KEPT,
    "MEM601": _MAY_BE_KEPT,
    "MEM602": _KEPT,
    "MEM603": _MAY_BE_KEPT,
    "MEM604": _MAY_BE_KEPT,
    "MEM605": _NOTHING,
    "MEM606": _KEPT,
    "MEM701": _WHOLE,
    "MEM702": _WHOLE,
}


def claim_of(code: str) -> Claim:
    """Return what a rule claims; a project's own rules claim nothing that is known."""
    return CLAIMS.get(code, _NOTHING)
