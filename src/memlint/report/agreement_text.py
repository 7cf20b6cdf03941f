"""The text format of a cross-check: the answer first, then where it fails, then the figures behind it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from memlint.model import Agreement, Finding, JudgementKind, Unmatched
from memlint.report.crosscheck_words import (
    figures,
    findings_summary,
    headline,
    judged_words,
    lift_words,
    missed_words,
    overcalled_words,
)
from memlint.report.escape import shown
from memlint.report.interface import RenderContext
from memlint.report.problems import problems
from memlint.report.style import Paint, painter
from memlint.units import format_bytes

_SHOWN = 5  # of each list, without --verbose
_LABEL_CELLS = 16
_JUDGEMENT_STYLES = {
    JudgementKind.CONFIRMED: "good",
    JudgementKind.CONTRADICTED: "error",
    JudgementKind.NOT_MEASURABLE: "dim",
}


class TextAgreementReporter:
    """``verbose`` lists everything, ``quiet`` stops after the figures."""

    def render(self, result: Agreement, context: RenderContext) -> Iterator[str]:
        """Yield the report."""
        paint = painter(context.color)
        yield f"{paint(shown(headline(result)), 'strong')}\n"
        for label, text in figures(result):
            yield from _labelled(label, shown(text), context, paint)
        yield from _searches(result, paint)
        if context.quiet:
            return
        yield from _list(
            "Heavy but not predicted",
            [(item.row.name, missed_words(item, result.per)) for item in result.missed],
            context,
            paint,
        )
        yield from _list(
            "Predicted but light",
            [(item.row.name, overcalled_words(item)) for item in result.overcalled],
            context,
            paint,
        )
        yield from _rules(result, paint)
        yield from _findings(result, context, paint)
        yield from _deciles(result, context, paint)
        yield from _unmatched(result, context, paint)
        yield from _notes(result, context, paint)


def _labelled(label: str, text: str, context: RenderContext, paint: Paint) -> Iterator[str]:
    lead = " " * (_LABEL_CELLS + 2)
    lines = textwrap.wrap(text, max(context.width - len(lead), 40), break_on_hyphens=False) or [""]
    yield f"  {paint(f'{label:<{_LABEL_CELLS}}', 'path')}{lines[0]}\n"
    for line in lines[1:]:
        yield f"{lead}{line}\n"


def _title(text: str, paint: Paint) -> str:
    return f"\n{paint(text, 'path')}\n"


def _searches(result: Agreement, paint: Paint) -> Iterator[str]:
    if not result.searches:
        return
    yield _title(f"Runs until the heaviest of {len(result.rows)} have run", paint)
    yield (
        paint(f"  {'heaviest':>8}  {'memlint':>8}  {'alphabetical':>12}  {'random':>8}  {'best':>6}", "dim")
        + "\n"
    )
    for item in result.searches:
        memlint = paint(f"{item.memlint:>8}", "strong")
        yield f"  {item.heaviest:>8}  {memlint}  {item.alphabetical:>12}  {item.random:>8.1f}  {item.oracle:>6}\n"


def _list(
    title: str, items: Sequence[tuple[str, str]], context: RenderContext, paint: Paint
) -> Iterator[str]:
    if not items:
        yield _title(f"{title}: none", paint)
        return
    yield _title(f"{title}: {len(items)}", paint)
    most = len(items) if context.verbose else _SHOWN
    for name, text in items[:most]:
        yield f"  {paint(shown(name), 'place')}\n"
        yield from _wrapped(text, "    ", context)
    yield from _more(len(items) - most, paint)


def _wrapped(text: str, lead: str, context: RenderContext) -> Iterator[str]:
    for line in textwrap.wrap(
        shown(text), max(context.width - len(lead), 40), break_long_words=False, break_on_hyphens=False
    ):
        yield f"{lead}{line}\n"


def _more(count: int, paint: Paint) -> Iterator[str]:
    if count > 0:
        yield paint(f"  … and {count} more (--verbose lists them)", "dim") + "\n"


def _rules(result: Agreement, paint: Paint) -> Iterator[str]:
    if not result.rules:
        return
    yield _title("Do the rules earn their place", paint)
    noun = f"{result.per.value}s"
    yield (
        paint(
            f"  {'code':<7} {'hits':>5}  {noun + ' with/without':<20} {'median with/without':<21} lift", "dim"
        )
        + "\n"
    )
    for item in result.rules:
        units = f"{item.with_units} / {item.without_units}"
        medians = " / ".join(
            "–" if size is None else format_bytes(size)
            for size in (item.median_peak_with, item.median_peak_without)
        )
        yield f"  {paint(item.code, 'strong'):<7} {item.hits:>5}  {units:<20} {medians:<21} {lift_words(item)}\n"
        yield f"          {judged_words(item)}, by {item.quantity.value}\n"


def _findings(result: Agreement, context: RenderContext, paint: Paint) -> Iterator[str]:
    yield _title(f"Findings: {findings_summary(result)}", paint)
    kinds = [JudgementKind.CONTRADICTED, JudgementKind.CONFIRMED]
    if context.verbose:
        kinds.append(JudgementKind.NOT_MEASURABLE)
    for kind in kinds:
        found = sorted(result.judged(kind), key=_by_weight)
        most = len(found) if context.verbose else _SHOWN
        for finding in found[:most]:
            yield from _finding(finding, kind, context, paint)
        yield from _more(len(found) - most, paint)


def _by_weight(finding: Finding) -> tuple[int, object]:
    judgement = finding.judgement
    assert judgement is not None
    return (-max(judgement.predicted_bytes or 0, judgement.measured_bytes or 0), finding.sort_key)


def _finding(finding: Finding, kind: JudgementKind, context: RenderContext, paint: Paint) -> Iterator[str]:
    assert finding.judgement is not None
    place = f"{shown(finding.location.path)}:{finding.location.line}"
    word = paint(kind.value, _JUDGEMENT_STYLES[kind])
    yield f"  {word} {paint(finding.code, 'strong')} {paint(place, 'place')}\n"
    yield from _wrapped(finding.judgement.text, "    ", context)


def _deciles(result: Agreement, context: RenderContext, paint: Paint) -> Iterator[str]:
    deciles = result.calibration.deciles
    if not context.verbose or not deciles:
        return
    yield _title(f"Bytes by tenth of the ranking ({result.per.value}s, heaviest predicted first)", paint)
    yield (
        paint(
            f"  {'tenth':>5}  {'n':>5}  {'predicted':>9}  {'measured':>9}  {'ratio':>5}  within bounds", "dim"
        )
        + "\n"
    )
    for item in deciles:
        sizes = f"{format_bytes(item.predicted):>9}  {format_bytes(item.measured):>9}"
        yield f"  {item.number:>5}  {item.n:>5}  {sizes}  {item.ratio:>5.2f}  {item.inside:.0%}\n"


def _unmatched(result: Agreement, context: RenderContext, paint: Paint) -> Iterator[str]:
    if result.renamed:
        yield _title(f"Renamed since it was measured: {len(result.renamed)}", paint)
        for item in result.renamed if context.verbose else result.renamed[:_SHOWN]:
            yield f"  {shown(item.measured)} → {shown(item.now)}\n"
        yield from _more(0 if context.verbose else len(result.renamed) - _SHOWN, paint)
    yield from _names("Measured, but not ranked", result.measured_only, context, paint)
    yield from _names("Ranked, but not measured", result.predicted_only, context, paint)


def _names(title: str, items: Sequence[Unmatched], context: RenderContext, paint: Paint) -> Iterator[str]:
    if not items:
        return
    yield _title(f"{title}: {len(items)}", paint)
    most = len(items) if context.verbose else _SHOWN
    for item in items[:most]:
        yield f"  {shown(item.name)}: {shown(item.reason)}\n"
    yield from _more(len(items) - most, paint)


def _notes(result: Agreement, context: RenderContext, paint: Paint) -> Iterator[str]:
    notes = list(result.notes)
    if result.calibrated:
        notes.append(
            f"predictions were made with {result.calibrated}, which was fitted to measurements of this project"
        )
    if notes or result.errors:
        yield "\n"
    for note in notes:
        yield from _wrapped(f"note: {note}", "", context)
    yield from problems(result.errors, context, paint)
