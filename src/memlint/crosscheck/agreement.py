"""The cross-check: ranking and findings in, how far they agree with the journal out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from statistics import fmean, median

from memlint.crosscheck import statistics as stats
from memlint.crosscheck.differences import missed, overcalled
from memlint.crosscheck.join import join
from memlint.crosscheck.journals import Measured
from memlint.crosscheck.judge import judged
from memlint.crosscheck.worth import worth
from memlint.model import (
    Agreement,
    Calibration,
    Decile,
    Figure,
    Finding,
    HeavyFound,
    JoinedRow,
    Per,
    PrecisionAt,
    RankResult,
    Search,
)

PRECISION_AT = (5, 10)
HEAVIEST = (1, 3, 5)
_FACTOR = 2.0  # a prediction within it is as good as a static one gets
_FEWEST_A_DECILE = 2


class NothingJoinedError(Exception):
    """No measured name is among the ranked ones; the message says what there is on both sides."""


def cross_check(
    ranking: RankResult,
    findings: Sequence[Finding],
    measured: Measured,
    per: Per,
    exists: Callable[[str], bool],
    calibrated: str = "",
) -> Agreement:
    """Hold a ranking and findings against what was measured.

    ``exists`` tells whether a measured file is still there. Raises NothingJoinedError.
    """
    joined = join(per, measured.units, ranking, findings, exists)
    rows = joined.rows
    if not rows:
        raise NothingJoinedError(_nothing(joined.measured_only, joined.predicted_only, per))
    known = judged(findings, measured.units, ranking.files)
    return Agreement(
        per=per,
        rows=rows,
        spearman=_correlation(rows, stats.spearman),
        kendall=_correlation(rows, stats.kendall),
        ndcg=stats.bootstrapped(rows, _ndcg),
        precision_at=tuple(_precision(rows, k) for k in PRECISION_AT),
        heavy_found=_heavy_found(rows),
        calibration=_calibration(rows),
        searches=tuple(_search(rows, count) for count in HEAVIEST if count <= len(rows)),
        missed=missed(rows),
        overcalled=overcalled(rows, known),
        rules=worth(rows, known),
        findings=known,
        renamed=joined.renamed,
        measured_only=joined.measured_only,
        predicted_only=joined.predicted_only,
        notes=(*measured.notes, *joined.notes, *_cut_off(rows)),
        errors=ranking.errors,
        calibrated=calibrated,
    )


def _nothing(measured_only: Sequence[object], predicted_only: Sequence[object], per: Per) -> str:
    measured = f"{len(measured_only)} measured {per.value}s" if measured_only else f"no measured {per.value}"
    return (
        f"nothing to compare: {measured} and {len(predicted_only)} ranked ones have no name in common. "
        "Run memlint in the folder that the suite was measured in, with the same paths."
    )


def _cut_off(rows: Sequence[JoinedRow]) -> tuple[str, ...]:
    cut = sum(row.at_least for row in rows)
    if not cut:
        return ()
    return (
        f"{cut} of {len(rows)} were cut off while they were measured: their peak counts as what was seen",
    )


def _score(rows: Sequence[JoinedRow]) -> list[float]:
    return [row.predicted.likely for row in rows]


def _truth(rows: Sequence[JoinedRow]) -> list[float]:
    return [row.measured for row in rows]


def _correlation(
    rows: Sequence[JoinedRow], statistic: Callable[[Sequence[float], Sequence[float]], float | None]
) -> Figure:
    return stats.correlation(_score(rows), _truth(rows), statistic)


def _ndcg(rows: Sequence[JoinedRow]) -> float | None:
    """Gains are the bytes above the lightest: the interpreter that every process pays is nothing to find."""
    truth = _truth(rows)
    least = min(truth)
    return stats.ndcg(_score(rows), [value - least for value in truth])


def _in_order(rows: Sequence[JoinedRow]) -> list[JoinedRow]:
    return sorted(rows, key=lambda row: row.predicted_rank)


def _precision(rows: Sequence[JoinedRow], k: int) -> PrecisionAt:
    if len(rows) <= k:
        return PrecisionAt(k, None, len(rows))
    hits = sum(row.measured_rank <= k for row in islice(_in_order(rows), k))
    return PrecisionAt(k, hits / k, len(rows))


def _heavy_found(rows: Sequence[JoinedRow]) -> HeavyFound:
    heavy = stats.tenth(len(rows))
    found = sum(row.measured_rank <= heavy for row in islice(_in_order(rows), heavy))
    figure = stats.bootstrapped(rows, _recall)
    return HeavyFound(heavy, found, figure, heavy * heavy / len(rows))


def _recall(rows: Sequence[JoinedRow]) -> float:
    ordered = _in_order(rows)
    return stats.recall(_score(ordered), _truth(ordered), stats.tenth(len(rows)))


def _calibration(rows: Sequence[JoinedRow]) -> Calibration:
    return Calibration(
        stats.bootstrapped(rows, lambda some: median(row.ratio for row in some)),
        stats.bootstrapped(rows, lambda some: fmean(row.inside for row in some)),
        stats.bootstrapped(rows, lambda some: fmean(1 / _FACTOR <= row.ratio <= _FACTOR for row in some)),
        _deciles(_in_order(rows)),
    )


def _deciles(ordered: Sequence[JoinedRow]) -> tuple[Decile, ...]:
    """Tenths by prediction; fewer parts where a tenth would be a single row."""
    parts = min(10, max(1, len(ordered) // _FEWEST_A_DECILE))
    out = []
    for number in range(parts):
        rows = ordered[len(ordered) * number // parts : len(ordered) * (number + 1) // parts]
        out.append(
            Decile(
                number + 1,
                len(rows),
                round(median(row.predicted.likely for row in rows)),
                round(median(row.measured for row in rows)),
                median(row.ratio for row in rows),
                fmean(row.inside for row in rows),
            )
        )
    return tuple(out)


def _search(rows: Sequence[JoinedRow], count: int) -> Search:
    wanted = {row.name for row in rows if row.measured_rank <= count}
    names = [row.name for row in _in_order(rows)]
    return Search(
        count,
        stats.runs_to_reach(names, wanted),
        stats.runs_to_reach(sorted(names), wanted),
        stats.expected_random_runs(len(names), len(wanted)),
        count,
    )
