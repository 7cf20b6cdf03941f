"""What a measurement says of one finding."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class JudgementKind(str, enum.Enum):
    """Whether a finding's claim held when the suite was measured."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    NOT_MEASURABLE = "not measurable"


class Quantity(str, enum.Enum):
    """The measured quantity that tests a claim: where the bytes must show if the claim is right."""

    TEST_PEAK = "peak of the test"  # above what the process held before it
    WHOLE_PEAK = "memory while the test ran"  # of its process tree, all that came before it included
    COLLECTION = (
        "held after collection"  # by the pytest process before its first test, beyond what imports cost
    )
    BASE_STEP = "step in the base"  # that tests after the fixture's first use start from
    RETAINED = (
        "retained at the end"  # growth of the pytest process from its first test on, after a collection
    )
    CHILDREN = "held by child processes"  # of the whole tree, beyond the pytest process
    LEFTOVERS = "processes left running"  # a count, in no bytes
    NONE = "nothing memlint measures"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A finding held against a journal. Bytes are None where there is no figure."""

    kind: JudgementKind
    quantity: Quantity
    predicted_bytes: int | None
    measured_bytes: int | None
    where: str  # the test, or the file, that the figure comes from; "" for none
    text: str  # "predicted 381 MiB, measured 402 MiB in test_x"
