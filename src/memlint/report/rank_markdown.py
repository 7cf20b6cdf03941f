"""The markdown format of a ranking: for a job summary or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memlint.model import RankResult, Suspect
from memlint.report.interface import RenderContext
from memlint.report.markup import code, row, within, words
from memlint.report.summary import bounds_words, reasons_words, share_words
from memlint.units import format_bytes

# the parts together stay below the 65,536 characters of a comment on GitHub
_FILES_ROOM = 30_000
_TESTS_ROOM = 20_000
_ERRORS_ROOM = 5_000


class MarkdownRankReporter:
    """A table of files and one of tests, heaviest first."""

    def render(self, result: RankResult, context: RenderContext) -> Iterator[str]:
        """Yield at most 60,000 characters; what does not fit is counted."""
        yield "### memlint: predicted peak memory\n"
        if not context.quiet:
            yield f"\n{share_words(result.files)}\n"
        yield from suspect_table("Files", result.files[: context.top], _FILES_ROOM)
        yield from suspect_table("Tests", result.tests[: context.top], _TESTS_ROOM)
        if result.errors:
            yield "\n**Could not be read**\n\n"
            items = (
                f"- {code(f'{e.path}:{max(e.line, 1)}')} {words(e.message, 300)}\n" for e in result.errors
            )
            yield from within(_ERRORS_ROOM, items, len(result.errors), "problem")


def suspect_table(title: str, suspects: Sequence[Suspect], room: int) -> Iterator[str]:
    """Yield a titled table of suspects within ``room`` characters, or nothing where there are none."""
    if not suspects:
        return
    yield f"\n**{title}**\n\n{row('#', 'Predicted peak', 'Bounds', 'Where', 'Findings', 'Why')}"
    yield "| ---: | ---: | --- | --- | ---: | --- |\n"
    yield from within(room, map(_suspect_row, suspects), len(suspects), "suspect")


def _suspect_row(suspect: Suspect) -> str:
    return row(
        str(suspect.rank),
        format_bytes(suspect.peak.likely),
        bounds_words(suspect.peak),
        code(suspect.nodeid or suspect.path),
        str(suspect.findings),
        words(reasons_words(suspect)),
    )
