"""The text format of a ranking: a table with a bar a row, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memlint.model import RankResult, Reason, Suspect
from memlint.report.bars import BAR_CELLS, bar
from memlint.report.escape import shown
from memlint.report.interface import RenderContext
from memlint.report.problems import problems
from memlint.report.style import Paint, fitted, link, painter
from memlint.report.summary import basis_words, bounds_words, plural, reasons_words, share_words
from memlint.units import format_bytes

_SIZE_CELLS = 8
_BOUNDS_CELLS = 19
_TESTS_SHOWN = 10


class TextRankReporter:
    """Files heaviest first, then the heaviest tests, then what the heaviest hold together."""

    def render(self, result: RankResult, context: RenderContext) -> Iterator[str]:
        """Yield the tables; ``verbose`` lists every reason and test, ``quiet`` the files alone."""
        paint = painter(context.color)
        if result.files:
            yield from _table("file", result.files[: context.top], context, paint)
        if result.tests and not context.quiet:
            most = context.top or (None if context.verbose else _TESTS_SHOWN)
            yield "\n"
            yield from _table("test", result.tests[:most], context, paint)
        if result.files and (result.errors or not context.quiet):
            yield "\n"
        yield from problems(result.errors, context, paint)
        if not context.quiet:
            if result.files:
                yield from (f"{paint(words, 'dim')}\n" for words in basis_words(result.basis))
            yield f"{share_words(result.files)}\n"


def _table(noun: str, suspects: Sequence[Suspect], context: RenderContext, paint: Paint) -> Iterator[str]:
    rank_cells = max(len(str(suspects[-1].rank)), 2)
    heaviest = max(suspect.peak.likely for suspect in suspects)
    peak_cells = BAR_CELLS + _SIZE_CELLS + 1
    head = f"{'#':>{rank_cells}}  {'predicted peak':<{peak_cells}}  {'low – high':<{_BOUNDS_CELLS}}  {noun}"
    yield f"{paint(head, 'path')}\n"
    lead = " " * (rank_cells + 2)
    for suspect in suspects:
        drawn = paint(bar(suspect.peak.likely, heaviest), "bar")
        size = paint(f"{format_bytes(suspect.peak.likely):>{_SIZE_CELLS}}", "strong")
        bounds = paint(f"{bounds_words(suspect.peak):<{_BOUNDS_CELLS}}", "dim")
        yield f"{suspect.rank:>{rank_cells}}  {drawn} {size}  {bounds}  {_name(suspect, context, paint)}\n"
        yield from _reasons(suspect, lead, context, paint)


def _name(suspect: Suspect, context: RenderContext, paint: Paint) -> str:
    name = link(shown(suspect.nodeid or suspect.path), context.root, suspect.path, context.hyperlinks)
    return f"{name}  {paint(plural(suspect.findings, 'finding'), 'warning')}" if suspect.findings else name


def _reasons(suspect: Suspect, lead: str, context: RenderContext, paint: Paint) -> Iterator[str]:
    if context.verbose:
        for reason in sorted(suspect.reasons, key=lambda reason: -reason.bytes):
            yield f"{lead}{_reason(reason, paint)}\n"
    elif suspect.reasons:
        yield f"{lead}{paint(fitted(reasons_words(suspect), context.width - len(lead)), 'dim')}\n"


def _reason(reason: Reason, paint: Paint) -> str:
    place = f"  {shown(reason.path)}:{reason.line}" if reason.path else ""
    size = paint(f"{format_bytes(reason.bytes):>{_SIZE_CELLS}}", "strong")
    return f"{size}  {reason.kind:<10}  {shown(reason.text)}{paint(place, 'dim')}"
