"""The calibration file as text: readable, reviewable, the same for the same data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from memlint.crosscheck.fit import Fit
from memlint.knowledge.calibration import SCHEMA, Shift
from memlint.knowledge.ranking import Weights


def written(fit: Fit | None, shifts: Mapping[str, Shift], shipped: Weights, fitted_to: str) -> str:
    """Return the file; without a fit it holds the confidence of rules alone."""
    return "".join(f"{line}\n" for line in _lines(fit, shifts, shipped, fitted_to))


def changed(weights: Weights, shipped: Weights) -> dict[str, tuple[float, float]]:
    """Return the weights that differ from the shipped ones, with the shipped and the fitted figure."""
    both = {
        name: (float(getattr(shipped, name)), _rounded(getattr(weights, name)))
        for name in weights.__struct_fields__
    }
    return {name: pair for name, pair in both.items() if abs(pair[0] - pair[1]) > 1e-9}


def _lines(fit: Fit | None, shifts: Mapping[str, Shift], shipped: Weights, fitted_to: str) -> Iterator[str]:
    yield "# Written by 'memlint calibrate' from measurements of this project. rank, lint and measure use it."
    yield "# Commit it, review it like code, and delete it to go back to memlint's own weights."
    yield f'schema = "{SCHEMA}"'
    yield f'fitted_to = "{fitted_to}"'
    if fit:
        yield ""
        yield "# On files left out of the fit, with memlint's own weights and with fitted ones:"
        yield f"#   median error    {2**fit.before.error:.2f} × → {2**fit.after.error:.2f} ×"
        if fit.before.spearman.value is not None and fit.after.spearman.value is not None:
            yield f"#   Spearman        {fit.before.spearman.value:.2f} → {fit.after.spearman.value:.2f}"
        yield f"#   heaviest tenth  {fit.before.found} → {fit.after.found} of {fit.before.heavy}"
        yield f"#   within bounds   {fit.before.inside:.0%} → {fit.after.inside:.0%}"
        yield f"#   verdict         {fit.verdict}"
        yield "[weights]"
        for name, (was, now) in changed(fit.weights, shipped).items():
            yield f"{name} = {_number(now)}  # {_number(was)} as shipped"
    if shifts:
        yield ""
        yield "# Rules whose findings were confirmed more or less often than their confidence promises."
        for code, shift in shifts.items():
            yield f"[confidence.{code}]"
            yield f'shipped = "{shift.shipped}"'
            yield f'now = "{shift.now}"'
            yield f"confirmed = {shift.confirmed}"
            yield f"contradicted = {shift.contradicted}"


def _rounded(value: float) -> float:
    """Three digits: more would be noise in a review."""
    return float(f"{value:.3g}")


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:_.0f}.0"
    short = f"{value:.3g}"
    return short if "." in short or "e" in short else f"{short}.0"
