"""The statistics against scipy, against formulas written otherwise, and against all orders."""

from __future__ import annotations

import math
from itertools import pairwise, permutations
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata, spearmanr

from memlint.crosscheck import statistics as s

# few different values, so that ties are the rule
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=40)
FREE = st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=2, max_size=40)


def sides(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [a for a, _ in pairs], [b for _, b in pairs]


@settings(max_examples=150, deadline=None)
@given(PAIRS | FREE)
def test_ranks_and_correlations_equal_scipys(pairs: list[tuple[float, float]]) -> None:
    first, second = sides(pairs)
    assert s.ranks(first) == pytest.approx(list(rankdata(first)))
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert s.spearman(first, second) is None
        assert s.kendall(first, second) is None
        return
    assert s.spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)
    assert s.kendall(first, second) == pytest.approx(kendalltau(first, second).statistic, abs=1e-9)


def ndcg_by_definition(score: list[float], gain: list[float]) -> float:
    """The mean over every order that agrees with the scores: what sharing gains among ties must come to."""

    def dcg(order: tuple[int, ...]) -> float:
        return sum(gain[item] / math.log2(place + 2) for place, item in enumerate(order))

    allowed = [
        order
        for order in permutations(range(len(score)))
        if all(score[a] >= score[b] for a, b in pairwise(order))
    ]
    return mean(map(dcg, allowed)) / max(map(dcg, permutations(range(len(score)))))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=6))
def test_ndcg_is_the_mean_over_the_orders_of_ties(pairs: list[tuple[float, float]]) -> None:
    score, gain = sides(pairs)
    if not any(gain):
        assert s.ndcg(score, gain) is None
        return
    assert s.ndcg(score, gain) == pytest.approx(ndcg_by_definition(score, gain))


def test_ndcg_equals_what_scikit_learn_gives() -> None:
    """Computed once with sklearn.metrics.ndcg_score 1.9.1 of these very lists."""
    assert s.ndcg([3, 1, 1, 2, 3], [10, 0, 5, 7, 1]) == pytest.approx(0.8366739155416754)


@pytest.mark.parametrize(("n", "wanted"), [(5, 1), (5, 3), (6, 5), (4, 4)])
def test_expected_runs_are_the_mean_over_all_orders(n: int, wanted: int) -> None:
    everything = [s.runs_to_reach(order, set(range(wanted))) for order in permutations(range(n))]
    assert s.expected_random_runs(n, wanted) == pytest.approx(mean(everything))


def test_tenth_is_never_less_than_three_nor_more_than_all() -> None:
    assert [s.tenth(n) for n in (1, 2, 3, 30, 31, 100)] == [1, 2, 3, 3, 4, 10]


def test_recall_counts_the_truly_heaviest_among_the_first() -> None:
    assert s.recall([9, 8, 7, 1, 2], [9, 1, 7, 8, 2], 3) == pytest.approx(2 / 3)


def test_correlations_are_withheld_below_fifty_units() -> None:
    few = list(range(49))
    figure = s.correlation(few, few, s.spearman)
    assert figure.value is None
    assert figure.n == 49
    assert "49 units" in figure.withheld
    figure = s.correlation([*few, 49], [*few, 49], s.kendall)
    assert (figure.value, figure.low, figure.high, figure.withheld) == (1.0, 1.0, 1.0, "")


def test_intervals_hold_the_value_and_are_the_same_every_time() -> None:
    score = list(range(60))
    truth = [(7 * i) % 60 + i for i in score]
    figure = s.correlation(score, truth, s.spearman)
    assert figure == s.correlation(score, truth, s.spearman)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.value is not None
    assert figure.low < figure.value < figure.high
    assert figure.high - figure.low > 0.05


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """The median of a skewed population of known median, sampled again and again."""
    import random

    chance = random.Random(4)
    held = 0
    for _ in range(60):
        figure = s.bootstrapped([chance.expovariate(1) for _ in range(40)], s.median_of)
        assert figure.low is not None
        assert figure.high is not None
        held += figure.low <= math.log(2) <= figure.high
    assert 50 <= held <= 60


def test_lift_needs_units_on_both_sides() -> None:
    assert s.lift([5, 5], [1, 1, 1]).value is None
    figure = s.lift([50, 60, 70], [10, 10, 12])
    assert figure.value == 6
    assert figure.n == 6


def test_deviation_is_the_median_distance_from_the_median() -> None:
    assert s.deviation([1, 1, 2, 2, 4, 6, 9]) == 1
    assert s.deviation([5]) == 0
