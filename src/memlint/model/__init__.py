"""The words memlint speaks in: plain values that every floor shares, with no behaviour beyond arithmetic."""

from memlint.model.cause import Cause, CauseKind, Culprit
from memlint.model.findings import (
    ZERO,
    Confidence,
    ErrorRecord,
    Estimate,
    Finding,
    Level,
    LintResult,
    Location,
    RankResult,
    Reason,
    Related,
    RuleInfo,
    Severity,
    Status,
    Summary,
    Suspect,
)
from memlint.model.measured import MeasuredContext, MeasuredProcess, MeasuredTest, MeasuredUnit, Measurement

__all__ = [
    "ZERO",
    "Cause",
    "CauseKind",
    "Confidence",
    "Culprit",
    "ErrorRecord",
    "Estimate",
    "Finding",
    "Level",
    "LintResult",
    "Location",
    "MeasuredContext",
    "MeasuredProcess",
    "MeasuredTest",
    "MeasuredUnit",
    "Measurement",
    "RankResult",
    "Reason",
    "Related",
    "RuleInfo",
    "Severity",
    "Status",
    "Summary",
    "Suspect",
]
