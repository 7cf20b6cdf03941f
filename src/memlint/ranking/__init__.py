"""Suspects: the predicted peak memory of tests and files, with reasons."""

from memlint.ranking.order import in_order
from memlint.ranking.predict import rank_files, rank_tests

__all__ = ["in_order", "rank_files", "rank_tests"]
