"""Holds a plan's document against a later journal and turns its boxes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memlint.model import Criterion, MeasuredContext, Measurement, Observation, State
from memlint.report.plan.criteria import observe
from memlint.report.plan.document import box
from memlint.report.plan.record import PlanError, Record, read

_BOX = re.compile(r"^- \[[ xX]\] .*<!-- memlint:(\d+) -->[ \t]*$", re.MULTILINE)
_NAMES = {"python": "Python", "pytest": "pytest", "platform": "platform", "meter": "meter"}


@dataclass(frozen=True, slots=True)
class Checked:
    """A document with its boxes turned, and what each was turned by."""

    document: str
    boxes: tuple[tuple[Criterion, Observation], ...]

    @property
    def open(self) -> int:
        """How many are open, or could not be judged."""
        return sum(seen.state is not State.MET for _, seen in self.boxes)

    @property
    def unjudged(self) -> int:
        """How many the journal cannot tell."""
        return sum(seen.state is State.UNJUDGED for _, seen in self.boxes)


def check(document: str, later: Measurement) -> Checked:
    """Return the document as a later journal fills it. Raises PlanError where the two cannot be compared."""
    record = read(document)
    for context in later.contexts:
        if context.hash != record.context.get("hash"):
            raise PlanError(_other_context(record, context))
    if not later.units:
        raise PlanError("cannot be checked: the journal holds no finished unit")
    boxes = tuple((criterion, observe(criterion, later, record.files)) for criterion in record.criteria)
    lines = {str(number): box(number, *each) for number, each in enumerate(boxes, 1)}
    turned = _BOX.sub(lambda match: lines.get(match[1], match[0]), document)
    missing = len(lines.keys() - set(_BOX.findall(document)))
    if missing:
        raise PlanError(f"lacks {missing} of its boxes: write the plan anew, or put their lines back")
    return Checked(turned, boxes)


def _other_context(record: Record, context: MeasuredContext) -> str:
    differences = [
        f"{label} {getattr(context, name)} instead of {record.context.get(name)}"
        for name, label in _NAMES.items()
        if getattr(context, name) != record.context.get(name)
    ]
    what = ", ".join(differences) or "other pytest arguments or environment variables"
    return f"cannot be checked against this journal, which was measured in another context: {what}"
