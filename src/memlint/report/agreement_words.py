"""What the figures of a cross-check mean, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from memlint.model import Agreement, Figure, Per, Search

# Spearman's coefficient and what it amounts to for somebody who picks files to profile
_STRENGTHS = (
    (0.8, "the order can be trusted"),
    (0.6, "the order is a good guide"),
    (0.4, "the order helps, with misses"),
    (0.2, "the order says little"),
    (-1.0, "the order says nothing of these measurements"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """One figure with its value and the sentence that explains it."""

    label: str
    value: str
    text: str


def agreement_words(agreement: Agreement) -> tuple[Said, ...]:
    """Return the figures that a reader needs, each with what it means for this suite."""
    noun = "file" if agreement.per is Per.FILE else "test"
    said = [
        _order(agreement.spearman, noun),
        _heavy(agreement, noun),
        _bounds(agreement, noun),
        _ratio(agreement),
    ]
    if agreement.searches:
        said.append(_search(agreement.searches[-1], noun))
    return tuple(said)


def _value(figure: Figure, form: str = ".2f") -> str:
    return "–" if figure.value is None else format(figure.value, form)


def _spread(figure: Figure, form: str = ".2f") -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f" (95 % between {figure.low:{form}} and {figure.high:{form}}, from {figure.n:,})"


def _order(figure: Figure, noun: str) -> Said:
    label = "Rank correlation"
    if figure.value is None:
        return Said(label, "–", f"Withheld: {figure.withheld}.")
    strength = next(text for least, text in _STRENGTHS if figure.value >= least)
    text = f"Spearman: 1 would be the measured order of {noun}s exactly, 0 none of it{_spread(figure)}; {strength}."
    return Said(label, _value(figure), text)


def _heavy(agreement: Agreement, noun: str) -> Said:
    heavy = agreement.heavy_found
    if heavy.heavy == 1:
        text = f"Whether the first of the ranking is the heaviest {noun}"
    else:
        text = (
            f"How many of the {heavy.heavy} heaviest {noun}s are among the first {heavy.heavy} of the ranking"
        )
    text += f"; a random order finds {heavy.by_chance:.1f}."
    return Said("Heavy ones found", f"{heavy.found} of {heavy.heavy}", text)


def _bounds(agreement: Agreement, noun: str) -> Said:
    inside = agreement.calibration.inside
    if inside.value is None:
        return Said("Inside the interval", "–", f"Withheld: {inside.withheld}.")
    text = f"So many {noun}s were measured between the low and the high bound of their prediction."
    return Said("Inside the interval", _value(inside, ".0%"), text)


def _ratio(agreement: Agreement) -> Said:
    ratio = agreement.calibration.ratio
    if ratio.value is None:
        return Said("Measured over predicted", "–", f"Withheld: {ratio.withheld}.")
    how = "above" if ratio.value < 1 else "below"
    off = abs(1 - 1 / ratio.value) if ratio.value else 1.0
    text = f"The typical prediction lies {off:.0%} {how} what was measured."
    return Said("Measured over predicted", f"{ratio.value:.2f} ×", text)


def _search(search: Search, noun: str) -> Said:
    what = f"the heaviest {noun}" if search.heaviest == 1 else f"the {search.heaviest} heaviest {noun}s"
    text = (
        f"Runs until {what} had been seen, in memlint's order: alphabetically {search.alphabetical:,}, "
        f"at random {search.random:.1f} on average, at best {search.oracle:,}."
    )
    return Said("Runs to find them", f"{search.memlint:,}", text)
