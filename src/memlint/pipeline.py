"""The one way data takes: paths → facts → project → rules → findings → ranking.

A run over files of which nothing has changed is answered from its memo, without loading any of the machinery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from memlint.discovery import Discovered, discover
from memlint.memo import Memo
from memlint.model import LintResult, RankResult
from memlint.request import Request

if TYPE_CHECKING:
    from memlint.run import Run, Terms

Result = TypeVar("Result")

__all__ = ["LintAndRank", "Request", "lint", "lint_and_rank", "rank", "ranking_terms"]


class LintAndRank(NamedTuple):
    """The findings and the whole ranking from one reading of the files."""

    lint: LintResult
    rank: RankResult


def lint(request: Request) -> LintResult:
    """Return the findings of every status, with suppressions applied; the baseline is the caller's."""
    found = _discovered(request)
    memo = Memo.of(request, found, LintResult)
    result = memo.recall()
    if result is None:
        run = _run(request, found)
        result = run.lint(run.judge(tests=False))
        _finish(run, memo, result)
    return result


def rank(request: Request) -> RankResult:
    """Return every linted test file and its tests, heaviest first."""
    return lint_and_rank(request).rank


def lint_and_rank(request: Request) -> LintAndRank:
    """Return the findings and the whole ranking from one reading of the files."""
    found = _discovered(request)
    memo = Memo.of(request, found, LintAndRank)
    result = memo.recall()
    if result is None:
        run = _run(request, found)
        judged = run.judge(tests=True)
        result = LintAndRank(run.lint(judged), run.rank(judged))
        _finish(run, memo, result)
    return result


def ranking_terms(request: Request) -> tuple[list[Terms], int]:
    """Return the terms of each test file before any weight, and the peak of an interpreter that imports nothing."""
    run = _run(request, _discovered(request))
    terms = run.terms()
    run.write_caches()
    return terms, run.ranker.model.interpreter


def _discovered(request: Request) -> Discovered:
    if request.stdin is not None:
        return Discovered((), ())
    return discover(request.paths, request.settings, request.folder)


def _run(request: Request, found: Discovered) -> Run:
    from memlint.run import Run

    return Run(request, found)


def _finish(run: Run, memo: Memo[Result], result: Result) -> None:
    run.write_caches()
    if run.complete:
        memo.keep(result, run.witness())
