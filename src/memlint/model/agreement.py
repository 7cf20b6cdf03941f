"""How far the ranking and the findings agree with what was measured: the cross-check's answer as plain values.

All sizes are bytes. A figure that the data cannot carry is withheld, and says why; it is never made up.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from memlint.model.findings import ErrorRecord, Estimate, Finding, Reason
from memlint.model.judgement import JudgementKind, Quantity


class Per(str, enum.Enum):
    """What is compared with what: files run by themselves, or tests (all cases of one together)."""

    FILE = "file"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Figure:
    """A statistic over ``n`` units with its 95 % bootstrap interval. ``value`` is None where it is withheld."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    withheld: str = ""  # why there is no value


@dataclass(frozen=True, slots=True)
class JoinedRow:
    """A file or test that was both predicted and measured."""

    name: str  # path, or node id without parameters
    path: str
    predicted: Estimate
    predicted_rank: int  # from 1 among the rows, heaviest first
    measured: int  # peak; the median of repeats, the largest of a test's cases
    measured_rank: int
    runs: int  # measurements behind ``measured``
    verdict: str  # the runner's, of the worst run: passed, oom, timeout …
    at_least: bool  # the run was cut off: the true peak is ``measured`` or more
    findings: tuple[str, ...] = ()  # codes of the findings in it, once each finding
    reasons: tuple[Reason, ...] = ()  # the prediction's terms, heaviest first
    heaviest_test: str | None = None  # within a file, with its parameters
    heaviest_test_bytes: int | None = None  # its peak
    baseline: int | None = None  # an empty test in the same context
    collected: int | None = None  # held before the first test, above the baseline
    retained: int | None = None  # growth of the pytest process over the unit
    children: int = 0  # of the whole tree beyond the pytest process, at its highest
    leftovers: int = 0  # processes left running
    cases: int = 0  # cases that ran
    rise: int = 0  # of the one that rose most above where it began, its children not counted

    @property
    def ratio(self) -> float:
        """Measured over predicted: above 1 the prediction was too low."""
        return self.measured / max(self.predicted.likely, 1)

    @property
    def inside(self) -> bool:
        """Whether the measured peak lies within the predicted bounds."""
        return self.predicted.low <= self.measured <= self.predicted.high


@dataclass(frozen=True, slots=True)
class Renamed:
    """A measured name that is gone, and the one that seems to have taken its place; it is counted as joined."""

    measured: str
    now: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Names that only one side knows, with the reason where it is known."""

    name: str
    reason: str  # "the file is gone", "measured in a batch", "not measured", "skipped" …


@dataclass(frozen=True, slots=True)
class PrecisionAt:
    """Of the first ``k`` of the ranking, the share that belongs to the ``k`` heaviest measured."""

    k: int
    value: float | None  # None below k + 1 units
    n: int


@dataclass(frozen=True, slots=True)
class HeavyFound:
    """How many of the heaviest tenth the first tenth of the ranking holds."""

    heavy: int  # how many make up the tenth
    found: int
    recall: Figure
    by_chance: float  # how many a random order finds on average


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the rows by predicted peak, heaviest first."""

    number: int  # from 1
    n: int
    predicted: int  # median
    measured: int  # median
    ratio: float  # median of measured over predicted
    inside: float  # share within the bounds


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether predicted bytes are real bytes."""

    ratio: Figure  # median of measured over predicted
    inside: Figure  # share of rows within low..high
    within_factor_2: Figure  # share of rows
    deciles: tuple[Decile, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """Runs that each order needs until the ``heaviest`` heaviest units have all run."""

    heaviest: int
    memlint: int
    alphabetical: int
    random: float  # expected value over all orders
    oracle: int  # the best there can be


@dataclass(frozen=True, slots=True)
class Missed:
    """Heavy but not predicted: measured above its high bound, or among the heaviest and ranked far behind."""

    row: JoinedRow
    missing: (
        str  # the kind of term that fell short: workers, allocation, collection, growth, imports, unknown
    )
    missing_bytes: int
    text: str


@dataclass(frozen=True, slots=True)
class Overcalled:
    """Predicted heavy but light, with what the prediction rested on."""

    row: JoinedRow
    excess_bytes: int  # predicted beyond measured
    responsible: tuple[Reason, ...]  # the terms that could have brought it about
    findings: tuple[Finding, ...]
    text: str


@dataclass(frozen=True, slots=True)
class RuleWorth:
    """Whether a rule earns its place in this suite."""

    code: str
    name: str
    hits: int  # findings
    with_units: int
    without_units: int
    median_peak_with: int | None
    median_peak_without: int | None
    lift: Figure  # median with over median without
    quantity: Quantity  # what tests the rule's claim
    confirmed: int
    contradicted: int
    not_measurable: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """The answer of a cross-check. ``rows`` stand heaviest measured first, ``findings`` carry their judgement."""

    per: Per
    rows: tuple[JoinedRow, ...]
    spearman: Figure
    kendall: Figure
    ndcg: Figure
    precision_at: tuple[PrecisionAt, ...]
    heavy_found: HeavyFound
    calibration: Calibration
    searches: tuple[Search, ...]
    missed: tuple[Missed, ...]
    overcalled: tuple[Overcalled, ...]
    rules: tuple[RuleWorth, ...]
    findings: tuple[Finding, ...]
    renamed: tuple[Renamed, ...] = ()
    measured_only: tuple[Unmatched, ...] = ()
    predicted_only: tuple[Unmatched, ...] = ()
    notes: tuple[str, ...] = ()  # what the reader must know of the journals: mixed contexts, torn lines …
    errors: tuple[ErrorRecord, ...] = field(default=())  # files that could not be checked
    calibrated: str = ""  # the calibration file that the predictions were made with

    def judged(self, kind: JudgementKind) -> tuple[Finding, ...]:
        """The findings that were judged so."""
        return tuple(f for f in self.findings if f.judgement is not None and f.judgement.kind is kind)
