"""The formats of a comparison of measurements: text, json (``memlint.diff/1``) and markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from memlint.model import Change, Comparison, Trend
from memlint.report.agreement_json import write_record
from memlint.report.escape import shown
from memlint.report.interface import RenderContext
from memlint.report.markup import code, row, within, words
from memlint.report.style import painter
from memlint.report.summary import plural
from memlint.units import format_bytes

SCHEMA = "memlint.diff/1"
_STYLES = {Trend.REGRESSION: "error", Trend.CREEP: "warning", Trend.IMPROVEMENT: "good", Trend.STEADY: "dim"}
_SHOWN = 10  # of new and gone names, without --verbose
_ROOM = 20_000  # characters of a part; a comment on GitHub holds 65,536


class TextComparisonReporter:
    """What grew first, then what fell, then what cannot be compared."""

    def render(self, result: Comparison, context: RenderContext) -> Iterator[str]:
        """Yield the report."""
        paint = painter(context.color)
        yield f"{paint(headline(result), _STYLES[_worst(result)])}\n"
        for change in result.changes:
            word = paint(f"{change.trend.value:<11}", _STYLES[change.trend])
            yield f"  {word} {paint(shown(change.name), 'place')}\n"
            for line in textwrap.wrap(
                shown(change_words(change)), max(context.width - 4, 40), break_on_hyphens=False
            ):
                yield f"    {line}\n"
        if context.quiet:
            return
        for title, names in _names(result):
            most = len(names) if context.verbose else _SHOWN
            yield f"{paint(f'{title}: {len(names)}', 'path')}\n"
            for name in names[:most]:
                yield f"  {shown(name)}\n"
            if len(names) > most:
                yield paint(f"  … and {len(names) - most} more (--verbose lists them)", "dim") + "\n"
        for note in result.notes:
            yield f"note: {shown(note)}\n"


class MarkdownComparisonReporter:
    """For a comment on a pull request; at most 65,000 characters."""

    def render(self, result: Comparison, context: RenderContext) -> Iterator[str]:
        """Yield the report."""
        yield f"### memlint: memory of the tests\n\n**{words(headline(result))}**\n"
        if result.changes:
            yield f"\n{row('', result.per.value, 'Before', 'Now', 'Change', 'Grew most')}"
            yield "| --- | --- | ---: | ---: | ---: | --- |\n"
            yield from within(_ROOM, map(_markdown_row, result.changes), len(result.changes), "change")
        for title, names in _names(result):
            yield f"\n<details><summary>{title}: {len(names)}</summary>\n\n"
            yield from within(_ROOM // 2, (f"- {code(name)}\n" for name in names), len(names), "name")
            yield "\n</details>\n"
        for note in result.notes:
            yield f"\n> {words(note)}\n"


class JsonComparisonReporter:
    """One object; changes stand one a line."""

    def render(self, result: Comparison, context: RenderContext) -> Iterator[str]:
        """Yield the object."""
        yield from write_record(
            {
                "schema": SCHEMA,
                "per": result.per.value,
                "oldest": result.oldest,
                "old": result.old,
                "new": result.new,
                "compared": result.compared,
                "regressions": len(result.regressions),
                "changes": [_record(change) for change in result.changes],
                "added": [{"name": name, "peak_bytes": peak} for name, peak in result.added],
                "gone": list(result.gone),
                "renamed": [{"measured": item.measured, "now": item.now} for item in result.renamed],
                "broken": [{"name": name, "reason": reason} for name, reason in result.broken],
                "notes": list(result.notes),
            }
        )


def headline(result: Comparison) -> str:
    """Return the answer in one sentence."""
    what = plural(result.compared, result.per.value)
    grown = len(result.regressions)
    if not result.compared:
        return "Nothing to compare: the two runs have no name in common."
    if grown:
        return f"{grown} of {what} {'needs' if grown == 1 else 'need'} more memory than before."
    fallen = f"; {len(result.changes)} need less" if result.changes else ""
    return f"No regression in {what}{fallen}."


def change_words(change: Change) -> str:
    """Return both medians, the difference and the least that counts."""
    least = "at least " if change.at_least else ""
    sign = "+" if change.grown > 0 else "−"
    share = f" ({sign}{abs(change.grown) / change.old:.0%})" if change.old else ""
    since = " since the oldest run" if change.trend is Trend.CREEP else ""
    text = (
        f"{format_bytes(change.old)} → {least}{format_bytes(change.new)}: "
        f"{sign}{format_bytes(abs(change.grown))}{share}{since}; {format_bytes(change.threshold)} would be in order"
    )
    return (
        f"{text}; {change.grown_test} alone +{format_bytes(change.grown_bytes)}"
        if change.grown_test
        else text
    )


def _worst(result: Comparison) -> Trend:
    trends = {change.trend for change in result.changes}
    return next((t for t in (Trend.REGRESSION, Trend.CREEP, Trend.IMPROVEMENT) if t in trends), Trend.STEADY)


def _names(result: Comparison) -> Iterator[tuple[str, list[str]]]:
    parts = (
        ("Without a figure now", [f"{name}: {reason}" for name, reason in result.broken]),
        ("New", [f"{name} ({format_bytes(peak)})" for name, peak in result.added]),
        ("Gone", list(result.gone)),
        ("Renamed", [f"{item.measured} → {item.now}" for item in result.renamed]),
    )
    return (part for part in parts if part[1])


def _markdown_row(change: Change) -> str:
    sign = "+" if change.grown > 0 else "−"
    test = f"{code(change.grown_test)} +{format_bytes(change.grown_bytes)}" if change.grown_test else ""
    least = "≥ " if change.at_least else ""
    return row(
        change.trend.value,
        code(change.name),
        format_bytes(change.old),
        f"{least}{format_bytes(change.new)}",
        f"{sign}{format_bytes(abs(change.grown))}",
        test,
    )


def _record(change: Change) -> dict[str, object]:
    return {
        "name": change.name,
        "trend": change.trend.value,
        "old_bytes": change.old,
        "new_bytes": change.new,
        "grown_bytes": change.grown,
        "threshold_bytes": change.threshold,
        "runs": change.runs,
        "at_least": change.at_least,
        "grown_test": change.grown_test or None,
        "grown_test_bytes": change.grown_bytes if change.grown_test else None,
    }
