"""The search on simulated suites of 200 files: right in every scenario and every seed, within six full runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from memlint.culprit.search import Happening, StoppedError, search
from memlint.model import CauseKind, CulpritSearch, SearchEnd, SearchRun

MB = 1 << 20
FILES = 200
LIMIT = 600 * MB
SEEDS = 30


@dataclass
class Suite:
    """Files that take and keep memory; figures waver as real ones do."""

    seed: int
    base: int = 60 * MB
    takes: dict[str, int] = field(default_factory=dict)
    keeps: dict[str, int] = field(default_factory=dict)
    bursts: bool = False  # memory that no file accounts for, at a random moment
    most_runs: int = 100
    files_run: int = 0
    runs: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.names = [f"tests/test_{number:03}.py" for number in range(FILES)]
        for name in self.names:
            self.takes[name] = self.random.randrange(1, 40) * MB
            self.keeps[name] = self.random.randrange(0, 200) << 10

    def run(self, files: Sequence[str], purpose: str) -> Happening:
        if self.runs == self.most_runs:
            raise StoppedError("no more runs")
        self.runs += 1
        held, peak, kept = self.base + len(files) * (20 << 10), 0, {}
        burst = self.random.randrange(len(files)) if self.bursts and len(files) > 1 else -1
        victim = None
        for number, name in enumerate(files):
            self.files_run += 1
            wavering = self.random.uniform(0.98, 1.02)
            peak = max(peak, held + round(self.takes[name] * wavering))
            if peak > LIMIT or number == burst:
                victim = name
                break
            kept[name] = round(self.keeps[name] * wavering) + self.random.randrange(-50, 50) * 1024
            held += kept[name]
        test = f"{victim}::test_x" if victim else None
        run = SearchRun(self.runs, purpose, tuple(files), victim is not None, test, min(peak, LIMIT), 1.0)
        return Happening(run, victim, False, self.base, kept, {}, len(kept) * 10)

    def pick(self, count: int) -> list[str]:
        return self.random.sample(self.names, count)


def culprits(found: CulpritSearch, kind: CauseKind) -> set[str]:
    """Files named for a kind of cause."""
    return {
        culprit.name.partition("::")[0]
        for each in found.uncovered
        if each.cause.kind is kind
        for culprit in each.cause.culprits
    }


def single_heavy(suite: Suite) -> dict[CauseKind, set[str]]:
    (heavy,) = suite.pick(1)
    suite.takes[heavy] = 700 * MB
    return {CauseKind.SINGLE_HEAVY: {heavy}, CauseKind.LEAKERS: set()}


def two_heavy(suite: Suite) -> dict[CauseKind, set[str]]:
    heavy = suite.pick(2)
    suite.takes.update(dict.fromkeys(heavy, 650 * MB))
    return {CauseKind.SINGLE_HEAVY: set(heavy), CauseKind.LEAKERS: set()}


def one_leaker(suite: Suite) -> dict[CauseKind, set[str]]:
    leaker = suite.random.choice(suite.names[:150])
    suite.keeps[leaker] = 530 * MB
    suite.takes[suite.names[-1]] = 60 * MB
    return {CauseKind.LEAKERS: {leaker}, CauseKind.SINGLE_HEAVY: set()}


def leakers(suite: Suite) -> dict[CauseKind, set[str]]:
    """Several, each of which the suite could bear."""
    some = suite.random.sample(suite.names[:150], suite.random.randrange(3, 6))
    suite.keeps.update(dict.fromkeys(some, 600 * MB // len(some)))
    return {CauseKind.LEAKERS: set(some), CauseKind.SINGLE_HEAVY: set()}


def heavy_and_leakers(suite: Suite) -> dict[CauseKind, set[str]]:
    heavy, some = suite.names[40:160:100], suite.pick(3)
    some = [name for name in some if name not in heavy] or [suite.names[3]]
    suite.takes.update(dict.fromkeys(heavy, 650 * MB))
    suite.keeps.update({name: 620 * MB // len(some) for name in some})
    return {CauseKind.SINGLE_HEAVY: set(heavy), CauseKind.LEAKERS: set(some)}


@pytest.mark.parametrize("scenario", [single_heavy, two_heavy, one_leaker, leakers, heavy_and_leakers])
def test_all_culprits_and_no_others(scenario: Callable[[Suite], dict[CauseKind, set[str]]]) -> None:
    for seed in range(SEEDS):
        suite = Suite(seed)
        expected = scenario(suite)
        found = search(suite.names, LIMIT, suite)
        assert found.end is SearchEnd.FOUND, (seed, found.note)
        got = {kind: culprits(found, kind) for kind in expected}
        assert got == expected, (seed, [each.cause.evidence for each in found.uncovered])
        assert suite.files_run <= 6 * FILES, (seed, suite.files_run / FILES)
        by_number = {run.number: run for run in found.runs}
        for each in found.uncovered:
            assert each.dies is not None and by_number[each.dies].died, seed
            assert each.lives is not None and not by_number[each.lives].died, seed


def test_uniform_growth_with_its_slope() -> None:
    for seed in range(SEEDS):
        suite = Suite(seed)
        a_file = suite.random.randrange(4, 8)
        suite.keeps = {name: suite.random.randrange(a_file - 1, a_file + 2) * MB for name in suite.names}
        found = search(suite.names, LIMIT, suite)
        assert found.end is SearchEnd.FOUND, (seed, found.note)
        kinds = {each.cause.kind for each in found.uncovered}
        assert kinds == {CauseKind.UNIFORM_GROWTH}, (seed, [e.cause for e in found.uncovered])
        slope = found.uncovered[0].cause.bytes_per_test
        assert slope == pytest.approx(a_file * MB / 10, rel=0.1), seed
        assert suite.files_run <= 6 * FILES, (seed, suite.files_run / FILES)


def test_uniform_growth_beside_leakers() -> None:
    for seed in range(SEEDS):
        suite = Suite(seed)
        suite.keeps = {name: suite.random.randrange(2, 5) * MB for name in suite.names}
        some = set(suite.random.sample(suite.names[:100], 3))
        suite.keeps.update(dict.fromkeys(some, 80 * MB))
        found = search(suite.names, LIMIT, suite)
        assert culprits(found, CauseKind.LEAKERS) == some, (seed, [e.cause for e in found.uncovered])
        assert any(each.cause.kind is CauseKind.UNIFORM_GROWTH for each in found.uncovered), seed
        assert suite.files_run <= 6 * FILES, (seed, suite.files_run / FILES)


def test_a_budget_the_suite_just_fits_in() -> None:
    for seed in range(SEEDS):
        suite = Suite(seed)
        suite.keeps[suite.names[5]] = 460 * MB
        found = search(suite.names, LIMIT, suite)
        assert found.end is SearchEnd.NOTHING, (seed, found.note)
        assert (found.uncovered, suite.runs) == ((), 1)


def test_deaths_that_move_are_pressure() -> None:
    for seed in range(SEEDS):
        suite = Suite(seed, bursts=True)
        found = search(suite.names, LIMIT, suite)
        assert found.end is SearchEnd.PRESSURE, (seed, found.note)
        assert [each.cause.kind for each in found.uncovered] == [CauseKind.PRESSURE]


def test_a_search_without_runs_left_keeps_what_it_found() -> None:
    suite = Suite(1, most_runs=3)
    expected = two_heavy(suite)[CauseKind.SINGLE_HEAVY]
    found = search(suite.names, LIMIT, suite)
    assert found.end is SearchEnd.STOPPED
    assert len(culprits(found, CauseKind.SINGLE_HEAVY) & expected) == 1
    assert len(found.runs) == 3
