"""Selections: which files go together, and what is written."""

from __future__ import annotations

from memlint.model import (
    Estimate,
    MeasuredContext,
    MeasuredTest,
    MeasuredUnit,
    Measurement,
    RankResult,
    Reason,
    Suspect,
)
from memlint.ranking.split import Item, items_of, peak_together, split, write_selections

CONTEXT = MeasuredContext("c", "3.11", "linux", "cgroup2", 1, "9.2")


def item(path: str, peak: int = 100, kept: int = 0, seconds: float = 1.0) -> Item:
    return Item(path, peak, kept, seconds, measured=True)


def paths(items) -> list[str]:
    return [item.path for item in items]


def test_what_needs_more_than_its_budget_is_memory_intensive():
    items = [item("b.py", 900), item("a.py", 100), item("unit/c.py", 100)]
    made = split(items, lambda path: 50 if path.startswith("unit/") else 500, 0, None)
    assert (paths(made.fast), paths(made.heavy)) == (["a.py"], ["b.py", "unit/c.py"])


def test_shards_take_about_the_same_time_and_hold_every_fast_file_once():
    items = [item(f"t{number:02}.py", seconds=float(number)) for number in range(1, 21)]
    made = split(items, lambda path: 10**9, 4, None)
    assert sorted(path for shard in made.shards for path in paths(shard.items)) == paths(made.fast)
    times = [shard.seconds for shard in made.shards]
    assert max(times) - min(times) <= 3  # 210 s in four


def test_memory_stays_under_the_limit_even_where_time_says_otherwise():
    items = [item("long.py", 20, 1, 9.0), item("keeps.py", 90, 80, 5.0), item("keeps_too.py", 90, 80, 1.0)]
    by_time = split(items, lambda path: 10**9, 2, None)
    assert [paths(shard.items) for shard in by_time.shards] == [["long.py"], ["keeps.py", "keeps_too.py"]]
    assert by_time.shards[1].peak == 170
    made = split(items, lambda path: 10**9, 2, 120)
    assert [paths(shard.items) for shard in made.shards] == [["long.py", "keeps_too.py"], ["keeps.py"]]
    assert made.over == ()
    assert max(shard.peak for shard in made.shards) == 100


def test_a_limit_that_cannot_hold_is_told():
    made = split([item("a.py", 60, 40), item("b.py", 60, 40)], lambda path: 10**9, 1, 70)
    assert made.over == (1,)


def test_the_peak_of_files_in_one_process():
    """The heaviest runs on what the others have left; what it keeps itself is in its peak already."""
    assert peak_together([item("a.py", 100, 30), item("b.py", 80, 50)]) == 150
    assert peak_together([item("a.py", 100, 30)]) == 100
    assert peak_together([]) == 0


def suspect(path: str, likely: int, nodeid: str | None = None, growth: int = 0) -> Suspect:
    reasons = (Reason("growth", growth, path, 1, "cases"),) if growth else ()
    return Suspect(path, 1, Estimate.exact(likely), reasons, 0, nodeid)


def unit(
    members: tuple[str, ...], peak: int, seconds: float, tests: tuple[MeasuredTest, ...] = ()
) -> MeasuredUnit:
    return MeasuredUnit(
        members[0],
        members,
        "passed",
        0,
        None,
        (),
        peak,
        1,
        7,
        0,
        "cgroup2",
        seconds,
        None,
        (),
        tests,
        CONTEXT,
    )


def test_the_journal_is_believed_before_the_prediction():
    ranked = RankResult(
        (suspect("a.py", 500), suspect("b.py", 400, growth=9), suspect("c.py", 300)),
        tuple(
            suspect(path, 1, f"{path}::test_{n}")
            for path, count in (("a.py", 2), ("b.py", 4))
            for n in range(count)
        ),
    )
    tests = (
        MeasuredTest("c.py::test_x", "passed", 1, 77, 1, 2.0),
        MeasuredTest("c.py::test_y", "passed", 1, 66, 1, 3.0),
    )
    journal = Measurement((CONTEXT,), (unit(("a.py",), 80, 4.0), unit(("c.py", "d.py"), 99, 5.0, tests)))
    a, b, c = items_of(ranked, journal)
    assert a == Item("a.py", 80, 7, 4.0, measured=True)
    assert b == Item("b.py", 400, 9, 8.0, measured=False)  # four tests at the pace of a.py, 2 s a test
    assert c == Item("c.py", 77, 0, 5.0, measured=True)


def test_files_are_written_empty_ones_are_not_and_old_ones_go(tmp_path):
    (tmp_path / "shard-9.txt").write_text("old.py\n")
    (tmp_path / "notes.txt").write_text("mine\n")
    made = split([item("b c.py"), item("a.py")], lambda path: 10**9, 3, None)
    written = write_selections(made, tmp_path)
    assert written == {
        "fast.txt": 2,
        "memory-intensive.txt": 0,
        "shard-1.txt": 1,
        "shard-2.txt": 1,
        "shard-3.txt": 0,
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fast.txt",
        "notes.txt",
        "shard-1.txt",
        "shard-2.txt",
    ]
    assert (tmp_path / "fast.txt").read_text() == "a.py\nb c.py\n"
