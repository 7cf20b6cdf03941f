"""A cross-check in plain words, for the formats that people read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from memlint.model import Agreement, Figure, JudgementKind, Missed, Overcalled, Per, RuleWorth
from memlint.report.summary import plural
from memlint.units import format_bytes

# Spearman's rho from which the words below are used; the interval's lower end must reach it
_WELL, _IN_PART = 0.6, 0.3


def headline(result: Agreement) -> str:
    """Return the answer in one sentence, no surer than the data."""
    what = plural(len(result.rows), result.per.value)
    figure = result.spearman
    if figure.value is None:
        return f"Too little to judge the ranking as a whole ({figure.withheld}); what can be said of {what}:"
    low = figure.low if figure.low is not None else figure.value
    heavy = result.heavy_found
    end = ", but hardly finds the heaviest" if heavy.found <= 2 * heavy.by_chance else ""
    if low >= _WELL:
        return f"The ranking agrees well with what was measured, over {what}{end}."
    if low >= _IN_PART:
        return f"The ranking agrees in part with what was measured, over {what}{end}."
    if low > 0:
        return f"The ranking agrees little with what was measured, over {what}."
    return f"The ranking does not measurably agree with what was measured, over {what}."


def figures(result: Agreement) -> Iterator[tuple[str, str]]:
    """Yield what each figure is about, and the figure in words."""
    heavy, calibration = result.heavy_found, result.calibration
    if result.spearman.value is not None or result.kendall.value is not None:
        yield (
            "Order",
            f"Spearman {figure_words(result.spearman)}, Kendall {figure_words(result.kendall)}, "
            f"n = {result.spearman.n}",
        )
    found = f"{heavy.found} of the {heavy.heavy} heaviest stand in the first {heavy.heavy} of the ranking"
    yield "Heaviest tenth", f"{found}; a random order would hold {heavy.by_chance:.1f}"
    known = [item for item in result.precision_at if item.value is not None]
    if known:
        parts = (
            f"{round((item.value or 0) * item.k)} of the {item.k} heaviest in the first {item.k}"
            for item in known
        )
        yield "First places", ", ".join(parts)
    if result.ndcg.value is not None:
        yield "Gain", f"NDCG {figure_words(result.ndcg)}: 1 is the best order of the bytes above the lightest"
    yield "Bytes", f"measured is {figure_words(calibration.ratio)} of predicted in the middle"
    inside = share_words(calibration.inside)
    yield (
        "Bounds",
        f"{inside} lie within low and high, {share_words(calibration.within_factor_2)} within a factor of 2",
    )


def figure_words(figure: Figure) -> str:
    """Return ``"0.86 (0.77 to 0.92)"``, or that it was withheld."""
    if figure.value is None:
        return "withheld"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def share_words(figure: Figure) -> str:
    """Return ``"81 % (70 to 90)"``."""
    if figure.value is None:
        return "an unknown share"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.0%}"
    return f"{figure.value:.0%} ({100 * figure.low:.0f} to {100 * figure.high:.0f})"


def missed_words(item: Missed, per: Per) -> str:
    """Return what was measured, what was predicted, and where the bytes came from."""
    row = item.row
    held = f"{'at least ' if row.at_least else ''}{format_bytes(row.measured)}"
    test = ""
    if per is Per.FILE and row.heaviest_test and row.heaviest_test_bytes:
        test = f"; heaviest in it {row.heaviest_test.partition('::')[2]} ({format_bytes(row.heaviest_test_bytes)})"
    kind = f"{item.missing}: " if item.missing != "unknown" else ""
    place = f"predicted {format_bytes(row.predicted.likely)}, place {row.predicted_rank}"
    return f"measured {held}, place {row.measured_rank}; {place}{test}; {kind}{item.text}"


def overcalled_words(item: Overcalled) -> str:
    """Return the figures, and the findings that took part."""
    codes = ", ".join(f"{finding.code} line {finding.location.line}" for finding in item.findings[:3])
    more = f" and {len(item.findings) - 3} more" if len(item.findings) > 3 else ""
    return f"{item.text}; {f'findings: {codes}{more}' if codes else 'no finding takes part'}"


def judged_words(item: RuleWorth) -> str:
    """Return ``"3 confirmed, 1 contradicted, 2 not measurable"``, without the zeros."""
    counts = (
        (item.confirmed, "confirmed"),
        (item.contradicted, "contradicted"),
        (item.not_measurable, "not measurable"),
    )
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "none judged"


def lift_words(item: RuleWorth) -> str:
    """Return how much heavier units with the rule's findings are, or why that is not said."""
    if item.lift.value is None:
        return "–"
    return f"{figure_words(item.lift)} ×"


def findings_summary(result: Agreement) -> str:
    """Return how many findings were judged how."""
    counts = Counter(finding.judgement.kind for finding in result.findings if finding.judgement)
    parts = [f"{counts[kind]} {kind.value}" for kind in JudgementKind if counts[kind]]
    return ", ".join(parts) if parts else "no findings to judge"
