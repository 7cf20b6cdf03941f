"""Everything a report or a plan is made from, as one value: what was found, predicted, measured and concluded."""

from __future__ import annotations

from dataclasses import dataclass

from memlint.model.agreement import Agreement
from memlint.model.cause import Cause
from memlint.model.findings import LintResult, RankResult
from memlint.model.measured import Measurement


@dataclass(frozen=True, slots=True)
class ReportData:
    """The facts of one suite. Without a measurement a report speaks of predictions and findings alone."""

    suite: str  # what the suite is called: the name of its folder
    version: str  # of memlint
    lint: LintResult
    ranking: RankResult
    measurement: Measurement | None = None
    journal: str = ""  # the file that the measurement was read from
    agreement: Agreement | None = None
    causes: tuple[Cause, ...] = ()
