"""The ranking's weights fitted to one project, held to the shipped ones, and tried on files left out.

The fit is a maximum a posteriori estimate: a prediction's error is measured in powers of two and counted by Huber's
loss, so that few odd files do not decide, and every weight is expected within a factor of two of the shipped one.
Weights that change no prediction here stay as they are. The search changes one weight at a time by shrinking steps;
it has no randomness, and needs no library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import msgspec

from memlint.crosscheck import statistics as stats
from memlint.knowledge.ranking import Weights
from memlint.model import Estimate, Figure
from memlint.ranking.predict import Model
from memlint.ranking.terms import FileTerms, TestTerms

LEAST_FILES = 15  # below them a fit learns the files, not the project
PARTS = 5  # of the files, each left out in turn
_NOISE = 0.35  # powers of two by which a right prediction may be off
_PRIOR = 1.0  # powers of two by which a project's weight is expected to differ
_HUBER = 2.0  # noises beyond which an error counts linearly
_STEPS = (1.0, 0.5, 0.25, 0.125)  # of the search, in powers of two
_MOVES = 0.005  # powers of two that a weight's doubling must move some prediction by, to be fitted
_COVERED = 0.95  # of the files that each bound should hold
_BOUNDS = ("low_share", "high_share", "workers_low_share", "workers_high_share")
# what the allocator does is no project's own; and the bounds are set by what they have to hold
_NOT_SEARCHED = frozenset({*_BOUNDS, "reused_bytes"})
_LEAST_SPEARMAN_LOSS = 0.02  # what a fit may cost in order, for what it gains in bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One measured file with its terms. Bytes."""

    path: str
    measured: int
    at_least: bool  # it was cut off, so the true peak may be higher
    file: FileTerms
    tests: tuple[TestTerms, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How well files were predicted."""

    error: float  # median of |log2(predicted / measured)|
    spearman: Figure  # within the parts that were left out, the mean
    found: int  # of the heaviest tenth
    heavy: int
    inside: float  # share within the bounds


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted weights, and how files that were left out are predicted with the shipped ones and with fitted ones."""

    weights: Weights
    fitted: tuple[str, ...]  # weights that make a difference here
    before: Score
    after: Score
    gain: Figure  # by how much the mean error fell, in powers of two; above 0 is better
    files: int

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``no clear difference``."""
        order = _difference(self.before.spearman, self.after.spearman)
        if (self.gain.high is not None and self.gain.high < 0) or order < -_LEAST_SPEARMAN_LOSS:
            return "worse"
        if self.gain.low is not None and self.gain.low > 0:
            return "better"
        return "no clear difference"


def _difference(before: Figure, after: Figure) -> float:
    if before.value is None or after.value is None:
        return 0.0
    return after.value - before.value


class TooThinError(Exception):
    """There is too little to learn from; the message says what is missing."""


def fit(rows: Sequence[Row], start: Weights, interpreter: int) -> Fit:
    """Fit to ``rows``, starting from and held to ``start``. Raises TooThinError."""
    if len(rows) < LEAST_FILES:
        raise TooThinError(
            f"{len(rows)} files were both ranked and measured; calibrating needs {LEAST_FILES}, or it would learn "
            "these files and nothing about the project"
        )
    ordered = sorted(rows, key=lambda row: (row.measured, row.path))
    held_out = [
        list(_predicted(ordered[part::PARTS], _without(ordered, part), start, interpreter))
        for part in range(PARTS)
    ]
    shipped = Model(start, interpreter)
    before = [[(row, _peak(shipped, row)) for row, _ in part] for part in held_out]
    gains = [
        abs(_error(row, old)) - abs(_error(row, new))
        for was, now in zip(before, held_out, strict=True)
        for (row, old), (_, new) in zip(was, now, strict=True)
    ]
    names = tuple(_active(ordered, start, interpreter))
    weights = _fitted(ordered, start, interpreter)
    return Fit(weights, names, _score(before), _score(held_out), stats.bootstrapped(gains, fmean), len(rows))


def _without(rows: Sequence[Row], part: int) -> list[Row]:
    return [row for place, row in enumerate(rows) if place % PARTS != part]


def _predicted(
    left_out: Sequence[Row], others: Sequence[Row], start: Weights, interpreter: int
) -> Iterator[tuple[Row, Estimate]]:
    model = Model(_fitted(others, start, interpreter), interpreter)
    for row in left_out:
        yield row, _peak(model, row)


def _peak(model: Model, row: Row) -> Estimate:
    return model.of_file(row.file, row.tests).peak


def _error(row: Row, peak: Estimate) -> float:
    """Powers of two by which a prediction is off; none where the run was cut off below it."""
    error = math.log2(max(peak.likely, 1) / max(row.measured, 1))
    return 0.0 if row.at_least and error > 0 else error


def _score(parts: Sequence[Sequence[tuple[Row, Estimate]]]) -> Score:
    pairs = [pair for part in parts for pair in part]
    in_order = sorted(pairs, key=lambda pair: (-pair[1].likely, -pair[1].high, pair[0].path))
    predicted = [float(peak.likely) for _, peak in in_order]
    measured = [float(row.measured) for row, _ in in_order]
    heavy = stats.tenth(len(pairs))
    return Score(
        median(abs(_error(row, peak)) for row, peak in pairs),
        _order(parts),
        round(stats.recall(predicted, measured, heavy) * heavy),
        heavy,
        fmean(peak.low <= row.measured <= peak.high for row, peak in pairs),
    )


def _order(parts: Sequence[Sequence[tuple[Row, Estimate]]]) -> Figure:
    """Spearman's rho within each part, averaged: between parts the weights differ, and with them the order."""
    n = sum(map(len, parts))
    if n < stats.LEAST_UNITS:
        return stats.correlation([0.0] * n, [0.0] * n, stats.spearman)  # withheld, with the reason
    within = [
        stats.spearman([peak.likely for _, peak in part], [row.measured for row, _ in part]) for part in parts
    ]
    known = [value for value in within if value is not None]
    return Figure(fmean(known), n) if known else Figure(None, n, withheld="the files do not differ")


# --- the search -----------------------------------------------------------------------------------------------------


def _fitted(rows: Sequence[Row], start: Weights, interpreter: int) -> Weights:
    names = list(_active(rows, start, interpreter))
    best = start
    least = _loss(rows, best, start, names, interpreter)
    for step in _STEPS:
        moved = True
        while moved:
            moved = False
            for name in names:
                for factor in (2**step, 2**-step):
                    tried = _moved(best, name, factor)
                    loss = _loss(rows, tried, start, names, interpreter)
                    if loss < least - 1e-9:
                        best, least, moved = tried, loss, True
    return _bounded(rows, best, interpreter)


def _moved(weights: Weights, name: str, factor: float) -> Weights:
    value = float(getattr(weights, name)) * factor
    return msgspec.structs.replace(weights, **{name: min(value, 1.0) if name.endswith("_share") else value})


def _active(rows: Sequence[Row], start: Weights, interpreter: int) -> Iterator[str]:
    """The weights on which some prediction depends."""
    model = Model(start, interpreter)
    plain = [_peak(model, row).likely for row in rows]
    for name in start.__struct_fields__:
        if name in _NOT_SEARCHED:
            continue
        halved = Model(_moved(start, name, 0.5), interpreter)
        moves = (
            abs(math.log2(max(_peak(halved, row).likely, 1) / max(old, 1)))
            for row, old in zip(rows, plain, strict=True)
        )
        if any(move > _MOVES for move in moves):
            yield name


def _loss(
    rows: Sequence[Row], weights: Weights, start: Weights, names: Sequence[str], interpreter: int
) -> float:
    model = Model(weights, interpreter)
    errors = math.fsum(_huber(_error(row, _peak(model, row)) / _NOISE) for row in rows)
    held = math.fsum(
        (math.log2(getattr(weights, name) / getattr(start, name)) / _PRIOR) ** 2 for name in names
    )
    return errors + held


def _huber(error: float) -> float:
    """Huber, Robust Estimation of a Location Parameter (1964): square near zero, linear beyond."""
    size = abs(error)
    return size * size if size <= _HUBER else _HUBER * (2 * size - _HUBER)


def _bounded(rows: Sequence[Row], weights: Weights, interpreter: int) -> Weights:
    """The bounds as narrow as they can be, no nearer than a tenth, and still hold most files on each side."""
    weights = _first(
        weights,
        "low_share",
        [0.9 - 0.05 * step for step in range(13)],
        lambda tried: _holds(rows, tried, interpreter, 0),
    )
    return _first(
        weights,
        "high_share",
        [1.1 + 0.05 * step for step in range(39)],
        lambda tried: _holds(rows, tried, interpreter, 1),
    )


def _first(
    weights: Weights, name: str, values: Sequence[float], enough: Callable[[Weights], bool]
) -> Weights:
    tried = weights
    for value in values:
        tried = msgspec.structs.replace(weights, **{name: round(value, 2)})
        if enough(tried):
            break
    return tried


def _holds(rows: Sequence[Row], weights: Weights, interpreter: int, side: int) -> bool:
    model = Model(weights, interpreter)
    peaks = [(row.measured, _peak(model, row)) for row in rows]
    return fmean(peak.low <= real if side == 0 else real <= peak.high for real, peak in peaks) >= _COVERED
