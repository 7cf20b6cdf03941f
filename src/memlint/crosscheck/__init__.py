"""Ranking and findings held against what was measured, and what can be learnt from it."""

from memlint.crosscheck.agreement import NothingJoinedError, cross_check
from memlint.crosscheck.journals import Measured, gather
from memlint.crosscheck.judge import judged

__all__ = ["Measured", "NothingJoinedError", "cross_check", "gather", "judged"]
