"""The markdown format of a cross-check: for a job summary or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memlint.model import Agreement, Finding, JudgementKind
from memlint.report.crosscheck_words import (
    figures,
    findings_summary,
    headline,
    judged_words,
    lift_words,
    missed_words,
    overcalled_words,
)
from memlint.report.interface import RenderContext
from memlint.report.markup import code, row, within, words
from memlint.units import format_bytes

# the parts together stay below the 65,536 characters of a comment on GitHub
_LIST_ROOM = 12_000
_NOTES_ROOM = 6_000


class MarkdownAgreementReporter:
    """The same as the text format, at most 60,000 characters."""

    def render(self, result: Agreement, context: RenderContext) -> Iterator[str]:
        """Yield the report."""
        yield f"### memlint: ranking against measurement\n\n**{words(headline(result))}**\n\n"
        for label, text in figures(result):
            yield f"- {label}: {words(text)}\n"
        yield from _searches(result)
        missed = [(item.row.name, missed_words(item, result.per)) for item in result.missed]
        yield from _list("Heavy but not predicted", missed)
        overcalled = [(item.row.name, overcalled_words(item)) for item in result.overcalled]
        yield from _list("Predicted but light", overcalled)
        if context.quiet:
            return
        yield from _rules(result)
        yield from _findings(result)
        yield from _notes(result)


def _searches(result: Agreement) -> Iterator[str]:
    yield f"\n{row('Runs until the heaviest have run', 'memlint', 'alphabetical', 'random', 'best')}"
    yield "| --- | ---: | ---: | ---: | ---: |\n"
    for item in result.searches:
        yield row(
            str(item.heaviest),
            str(item.memlint),
            str(item.alphabetical),
            f"{item.random:.1f}",
            str(item.oracle),
        )


def _list(title: str, items: Sequence[tuple[str, str]]) -> Iterator[str]:
    if not items:
        return
    yield f"\n**{title}**\n\n"
    yield from within(
        _LIST_ROOM, (f"- {code(name)} {words(text)}\n" for name, text in items), len(items), "entry"
    )


def _rules(result: Agreement) -> Iterator[str]:
    if not result.rules:
        return
    yield f"\n**Rules**\n\n{row('Rule', 'Findings', 'With / without', 'Median with / without', 'Lift', 'Judged')}"
    yield "| --- | ---: | --- | --- | --- | --- |\n"
    for item in result.rules:
        medians = " / ".join(
            "–" if size is None else format_bytes(size)
            for size in (item.median_peak_with, item.median_peak_without)
        )
        units = f"{item.with_units} / {item.without_units}"
        yield row(item.code, str(item.hits), units, medians, lift_words(item), judged_words(item))


def _findings(result: Agreement) -> Iterator[str]:
    yield f"\n**Findings**: {findings_summary(result)}\n\n"
    found = [*result.judged(JudgementKind.CONTRADICTED), *result.judged(JudgementKind.CONFIRMED)]
    yield from within(_LIST_ROOM, map(_finding, found), len(found), "finding")


def _finding(finding: Finding) -> str:
    assert finding.judgement is not None
    place = code(f"{finding.location.path}:{finding.location.line}")
    return f"- {finding.judgement.kind.value}: {finding.code} {place} {words(finding.judgement.text)}\n"


def _notes(result: Agreement) -> Iterator[str]:
    notes = [
        *result.notes,
        *(f"{item.measured} is taken for {item.now}, renamed" for item in result.renamed),
        *(f"{item.name}: measured, but {item.reason}" for item in result.measured_only),
        *([f"{len(result.predicted_only)} ranked ones were not measured"] if result.predicted_only else []),
        *(f"{error.path}: {error.message}" for error in result.errors),
    ]
    if notes:
        yield "\n**Notes**\n\n"
        yield from within(_NOTES_ROOM, (f"- {words(note)}\n" for note in notes), len(notes), "note")
