"""Suspects: the predicted peak memory of tests and files, with reasons."""

from memlint.ranking.order import in_order
from memlint.ranking.ranker import Ranker, counted

__all__ = ["Ranker", "counted", "in_order"]
