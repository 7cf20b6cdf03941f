"""Why a suite fills memory: causes told apart by their figures, and the search for culprits by running."""

from memlint.culprit.causes import diagnose

__all__ = ["diagnose"]
