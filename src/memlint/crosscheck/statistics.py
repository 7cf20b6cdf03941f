"""The statistics of agreement, in pure Python: exact where a formula is, deterministic where chance is drawn.

They equal scipy's and scikit-learn's, ties included; the tests hold them to it.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from operator import mul
from statistics import fmean, median
from typing import TypeVar

from memlint.model import Figure

LEAST_UNITS = 50  # below them a rank correlation says more about chance than about the ranking
_SEED = 0x6D656D
_MOST_DRAWS, _LEAST_DRAWS, _DRAWN_UNITS = 1000, 200, 200_000

T = TypeVar("T")


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [0.0] * len(values)
    below = 0
    for _, group in groupby(order, key=values.__getitem__):
        same = list(group)
        for index in same:
            out[index] = below + (len(same) + 1) / 2
        below += len(same)
    return out


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rho: Pearson's correlation of the ranks. None where either side has one value only."""
    return _pearson(ranks(first), ranks(second))


def _pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    if len(first) < 2:
        return None
    middle_first, middle_second = fmean(first), fmean(second)
    left = [value - middle_first for value in first]
    right = [value - middle_second for value in second]
    spread = math.fsum(map(mul, left, left)) * math.fsum(map(mul, right, right))
    if spread <= 0:
        return None
    return max(-1.0, min(1.0, math.fsum(map(mul, left, right)) / math.sqrt(spread)))


def kendall(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Kendall's tau-b, which corrects for ties. None where either side has one value only.

    Knight, A Computer Method for Calculating Kendall's Tau with Ungrouped Data (1966): sort by one side, then
    count on the other how many pairs stand in the wrong order.
    """
    n = len(first)
    pairs = sorted(zip(first, second, strict=True))
    discordant = 0
    seen: list[float] = []
    for _, b in pairs:  # ties in the first are sorted by the second, so they count as in order
        discordant += len(seen) - bisect_right(seen, b)
        insort(seen, b)
    total = n * (n - 1) // 2
    tied_first, tied_second, tied_both = _tied(first), _tied(second), _tied(pairs)
    spread = (total - tied_first) * (total - tied_second)
    if spread <= 0:
        return None
    concordant_less_discordant = total - tied_first - tied_second + tied_both - 2 * discordant
    return max(-1.0, min(1.0, concordant_less_discordant / math.sqrt(spread)))


def _tied(values: Iterable[object]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(values).values())


def ndcg(score: Sequence[float], gain: Sequence[float]) -> float | None:
    """Return the normalised discounted cumulative gain of the order by ``score``; gains are not negative.

    The gain at place i counts 1 / log2(i + 1). Equal scores share the mean of their gains, as McSherry and
    Najork propose (Computing information retrieval performance measures efficiently in the presence of tied
    scores, 2008). None where there is nothing to gain.
    """
    best = _dcg(gain, gain)
    return _dcg(score, gain) / best if best > 0 else None


def _dcg(score: Sequence[float], gain: Sequence[float]) -> float:
    order = sorted(range(len(score)), key=score.__getitem__, reverse=True)
    discounts = _discounts(len(order))
    place, total = 0, 0.0
    for _, group in groupby(order, key=score.__getitem__):
        gains = [gain[index] for index in group]
        following = place + len(gains)
        total += fmean(gains) * math.fsum(discounts[place:following])
        place = following
    return total


@lru_cache(maxsize=4)
def _discounts(n: int) -> tuple[float, ...]:
    return tuple(1 / math.log2(place + 1) for place in range(1, n + 1))


def tenth(n: int) -> int:
    """How many of ``n`` count as the heaviest tenth: at least three, where there are so many."""
    return min(n, max(3, math.ceil(n / 10)))


def heaviest(values: Sequence[float], count: int) -> set[int]:
    """Return the places of the ``count`` largest values; of equal ones the first."""
    return set(sorted(range(len(values)), key=lambda index: -values[index])[:count])


def recall(score: Sequence[float], truth: Sequence[float], count: int) -> float:
    """Return the share of the ``count`` truly heaviest within the first ``count`` of the order by ``score``."""
    return len(heaviest(score, count) & heaviest(truth, count)) / count


def runs_to_reach(order: Sequence[T], wanted: set[T]) -> int:
    """Return how many of ``order``, from its start, must run until all ``wanted`` have run."""
    return 1 + max(place for place, item in enumerate(order) if item in wanted)


def expected_random_runs(n: int, wanted: int) -> float:
    """Return the expected value of ``runs_to_reach`` over all orders of ``n``: m (n + 1) / (m + 1).

    It is the expected maximum of m places drawn from 1..n without replacement (David and Nagaraja, Order
    Statistics, 2003, section 3.7).
    """
    return wanted * (n + 1) / (wanted + 1)


def median_of(values: Sequence[float]) -> float | None:
    """Return the median, or None of nothing."""
    return median(values) if values else None


def deviation(values: Sequence[float]) -> float:
    """Return the median absolute deviation from the median; 0 of fewer than two values."""
    if len(values) < 2:
        return 0.0
    middle = median(values)
    return median(abs(value - middle) for value in values)


def bootstrapped(units: Sequence[T], statistic: Callable[[Sequence[T]], float | None]) -> Figure:
    """Return a statistic of ``units`` with its 95 % percentile interval over resampled units.

    The draws are the same on every run. Efron and Tibshirani, An Introduction to the Bootstrap (1993),
    section 13.3.
    """
    value = statistic(units)
    if value is None:
        return Figure(None, len(units), withheld="the units do not differ, so there is nothing to compare")
    chance = random.Random(_SEED)
    drawn = (statistic(chance.choices(units, k=len(units))) for _ in range(_draws(len(units))))
    return _with_interval(value, len(units), sorted(item for item in drawn if item is not None))


def _draws(n: int) -> int:
    """How many resamplings of ``n`` units: fewer of many, whose figures vary less."""
    return min(_MOST_DRAWS, max(_LEAST_DRAWS, _DRAWN_UNITS // max(1, n)))


def _with_interval(value: float, n: int, drawn: Sequence[float]) -> Figure:
    if n < 2 or not drawn:
        return Figure(value, n)
    cut = round(0.025 * (len(drawn) - 1))
    return Figure(value, n, drawn[cut], drawn[-1 - cut])


def correlation(
    score: Sequence[float],
    truth: Sequence[float],
    statistic: Callable[[Sequence[float], Sequence[float]], float | None],
) -> Figure:
    """Return a rank correlation with its interval, or withhold it below ``LEAST_UNITS`` units."""
    n = len(score)
    if n < LEAST_UNITS:
        have = f"{n} unit was" if n == 1 else f"{n} units were"
        reason = (
            f"{have} both predicted and measured; below {LEAST_UNITS} a rank correlation is mostly chance"
        )
        return Figure(None, n, withheld=reason)
    return bootstrapped(
        list(zip(score, truth, strict=True)), lambda pairs: statistic(*zip(*pairs, strict=True))
    )


def lift(with_it: Sequence[float], without: Sequence[float], least: int = 3) -> Figure:
    """Return the ratio of two medians with its interval, each side resampled; withheld below ``least`` a side."""
    n = len(with_it) + len(without)
    short = min(len(with_it), len(without))
    if short < least:
        return Figure(None, n, withheld=f"{short} on one side; a ratio of medians needs {least} on each")
    base = median(without)
    if base <= 0:
        return Figure(None, n, withheld="the units without it measured nothing")
    chance = random.Random(_SEED)
    draws = (
        median(chance.choices(with_it, k=len(with_it)))
        / (median(chance.choices(without, k=len(without))) or 1)
        for _ in range(_draws(n))
    )
    return _with_interval(median(with_it) / base, n, sorted(draws))
