"""What the static half says: findings, estimates, suspects and the results that hold them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from memlint.model.judgement import Judgement


class Severity(str, enum.Enum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _SEVERITY_ORDER[self]


_SEVERITY_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


class Confidence(str, enum.Enum):
    """How sure memlint is that a finding is right."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Level(str, enum.Enum):
    """Which findings are shown: ``hook`` high confidence only, ``ci`` high and medium, ``audit`` everything."""

    HOOK = "hook"
    CI = "ci"
    AUDIT = "audit"

    def admits(self, confidence: Confidence) -> bool:
        """Whether a finding of this confidence is shown at this level."""
        return confidence in _ADMITTED[self]


_ADMITTED = {
    Level.HOOK: frozenset({Confidence.HIGH}),
    Level.CI: frozenset({Confidence.HIGH, Confidence.MEDIUM}),
    Level.AUDIT: frozenset(Confidence),
}


class Status(str, enum.Enum):
    """What became of a finding."""

    ACTIVE = "active"
    HIDDEN = "hidden"  # below the level
    SUPPRESSED = "suppressed"  # by a comment
    BASELINED = "baselined"  # known and accepted in the baseline file


@dataclass(frozen=True, slots=True)
class Location:
    """A span of source. ``path`` is POSIX and relative to the working directory; lines and columns count from 1."""

    path: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Estimate:
    """Bytes: what is likely, and the bounds it should lie within."""

    low: int
    likely: int
    high: int

    @classmethod
    def exact(cls, size: int) -> Estimate:
        """An estimate whose three figures agree."""
        return cls(size, size, size)

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, factor: int) -> Estimate:
        return Estimate(self.low * factor, self.likely * factor, self.high * factor)

    def widest(self, other: Estimate) -> Estimate:
        """The larger of the two in each figure: the peak of two things that do not live at once."""
        return Estimate(max(self.low, other.low), max(self.likely, other.likely), max(self.high, other.high))


ZERO = Estimate(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that a finding speaks of."""

    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One memory risk at one place of the source."""

    code: str
    name: str
    family: str
    location: Location
    symbol: str  # "TestX.test_y", or "" at module level
    nodeid: str | None  # pytest node id without parameters, where the finding lies in one test
    message: str
    suggestion: str
    severity: Severity
    confidence: Confidence
    estimate: Estimate | None = None
    related: tuple[Related, ...] = ()
    fingerprint: str = ""
    status: Status = Status.ACTIVE
    reason: str = ""  # why it is suppressed or baselined
    judgement: Judgement | None = None  # what a journal says of it, where one was given

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order of findings in every output."""
        return (self.location.path, self.location.line, self.location.column, self.code, self.message)


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """A file, or a part of one, that could not be checked, and why. ``code`` is MEM900, MEM903 or ""."""

    path: str
    line: int
    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What the rule book says of a rule, as far as a report needs it. Texts are markdown."""

    code: str
    name: str
    family: str
    severity: Severity
    confidence: Confidence
    summary: str
    why: str
    fix: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One term of a predicted peak. ``kind`` is imports, fixture, allocation, load, workers, growth or base."""

    kind: str
    bytes: int
    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A test or a test file with the peak memory memlint predicts for it."""

    path: str
    rank: int  # from 1, heaviest first
    peak: Estimate
    reasons: tuple[Reason, ...]
    findings: int
    nodeid: str | None = None  # None for a file


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a lint run. Nothing in it depends on time, order of paths, jobs or cache."""

    files: int
    findings: int
    hidden: int = 0
    suppressed: int = 0
    baselined: int = 0


@dataclass(frozen=True, slots=True)
class LintResult:
    """Everything a lint run found. ``findings`` holds those of every status, in order of ``Finding.sort_key``."""

    findings: tuple[Finding, ...]
    errors: tuple[ErrorRecord, ...]
    summary: Summary
    rules: tuple[RuleInfo, ...] = ()
    suspects: tuple[Suspect, ...] = ()  # the heaviest files, for the end of the text output
    stale_baseline: tuple[str, ...] = ()  # on baseline entries that match nothing any more, or have grown

    @property
    def active(self) -> tuple[Finding, ...]:
        """The findings that count."""
        return tuple(f for f in self.findings if f.status is Status.ACTIVE)


@dataclass(frozen=True, slots=True)
class Basis:
    """Where the import figures of a ranking come from."""

    probed: bool  # measured in the suite's own environment, or as shipped
    python: str = ""  # its interpreter
    note: str = ""  # why a probe that is there was not used
    environment: str = ""  # the folder beside the suite that shows what is installed, if one was found
    unmeasured: tuple[str, ...] = ()  # libraries that the suite imports and no table knows, sorted
    missing: tuple[str, ...] = ()  # those that it cannot do without and that are not installed, sorted


@dataclass(frozen=True, slots=True)
class RankResult:
    """Suspects, heaviest first."""

    files: tuple[Suspect, ...]
    tests: tuple[Suspect, ...]
    errors: tuple[ErrorRecord, ...] = field(default=())
    basis: Basis = field(default=Basis(False))
