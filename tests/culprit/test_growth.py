"""Growth that few explain is not called uniform."""

from __future__ import annotations

import pytest

from memlint.culprit.growth import spread


@pytest.mark.parametrize(
    ("steps", "uniform"),
    [
        ([10] * 40, True),
        ([10] * 30 + [0] * 10, True),
        ([10] * 7, False),  # too few to say
        ([90, 60, 50, 0, 0, 0, 0, 0], False),  # three of eight
        ([20] * 4 + [0] * 12, False),  # a quarter of sixteen
        ([300] + [10] * 20, False),  # one makes more than half
    ],
)
def test_uniform(steps: list[int], uniform: bool) -> None:
    assert spread(steps).uniform is uniform
