"""Growth over a series of tests: robust slope, and whether a few or all of them make it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

MOST_POINTS = 400  # of a series that are compared in pairs; longer ones are thinned evenly
FEWEST = 8  # tests below which growth is not called uniform
EVEN = 0.5  # of the growth, at most, may come from the top tenth of the tests
FEW = 5  # tests, or files, that are few in any series
FEW_SHARE = 0.25  # of a long series, the same
EXPLAINED = 0.8  # of the growth, by those that are to explain it


def theil_sen(series: Sequence[float]) -> float:
    """Median slope over all pairs of points, per step (Theil 1950, Sen 1968); 0 for fewer than two points.

    Up to 29 % of the points may be arbitrary without moving it far.
    """
    step = -(-len(series) // MOST_POINTS) or 1
    points = [(index, series[index]) for index in range(0, len(series), step)]
    slopes = [(y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1 :]]
    return median(slopes) if slopes else 0.0


def running_total(steps: Iterable[float]) -> list[float]:
    """What has come together before the first and after each step."""
    total, out = 0.0, [0.0]
    for step in steps:
        total += step
        out.append(total)
    return out


@dataclass(frozen=True, slots=True)
class Spread:
    """How growth spreads over those that grow. Bytes."""

    slope: float  # Theil–Sen, a step
    total: float
    top_share: float  # of the total that the heaviest tenth makes
    few: bool  # whether few of them make nearly all of it

    @property
    def uniform(self) -> bool:
        """Whether no few of them explain it."""
        return self.slope > 0 and self.top_share <= EVEN and not self.few


def spread(steps: Sequence[float]) -> Spread:
    """Look at bytes that each of a series kept."""
    total = sum(steps)
    top = sum(sorted(steps, reverse=True)[: -(-len(steps) // 10) or 1])
    enough = len(steps) >= FEWEST
    share = top / total if enough and total > 0 else 1.0
    few = are_few(len(fewest(steps, EXPLAINED * total)), len(steps))
    return Spread(theil_sen(running_total(steps)), total, share, few)


def are_few(count: int, among: int) -> bool:
    """Whether so many of a series are a small set of it."""
    return count <= max(FEW, FEW_SHARE * among)


def fewest(sizes: Sequence[float], target: float) -> list[int]:
    """Positions of the smallest set of largest sizes that come to ``target``, largest first; all when they do not."""
    chosen: list[int] = []
    total = 0.0
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        if total >= target or sizes[index] <= 0:
            break
        chosen.append(index)
        total += sizes[index]
    return chosen
