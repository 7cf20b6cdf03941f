"""Suspects: the predicted peak memory of tests and files, with reasons."""

from memlint.ranking.predict import rank_files, rank_tests

__all__ = ["rank_files", "rank_tests"]
