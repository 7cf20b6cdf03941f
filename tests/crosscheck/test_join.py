"""Names brought together: parameters, repeats, batches, renames, and everything that has no partner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from memlint.crosscheck.join import Joined, join
from memlint.model import Estimate, MeasuredContext, MeasuredTest, MeasuredUnit, Per, RankResult, Suspect

MB = 10**6
CONTEXT = MeasuredContext("c", "3.11", "linux", "sampling", 2**33, "9.2")


def case(
    nodeid: str, peak: int | None = 50, before: int = 40, outcome: str = "passed", **more: Any
) -> MeasuredTest:
    top = None if peak is None else peak * MB
    return MeasuredTest(nodeid, outcome, before * MB, top, before * MB, 0.1, **more)


def unit(name: str, *tests: MeasuredTest, peak: int | None = 60, **more: Any) -> MeasuredUnit:
    plain = MeasuredUnit(
        name=name,
        members=(name,),
        verdict="passed",
        exit_code=0,
        signal=None,
        evidence=(),
        peak_bytes=None if peak is None else peak * MB,
        baseline_bytes=30 * MB,
        retained_bytes=10 * MB,
        cache_bytes=None,
        meter="sampling",
        seconds=1,
        victim=None,
        leftovers=(),
        tests=tests,
        context=CONTEXT,
        collected_bytes=5 * MB,
    )
    return replace(plain, **more)


def suspect(path: str, likely: int = 50, nodeid: str | None = None) -> Suspect:
    return Suspect(path, 1, Estimate(likely * MB // 2, likely * MB, likely * MB * 2), (), 0, nodeid)


def joined(
    units: list[MeasuredUnit], ranked: list[str], per: Per = Per.FILE, gone: tuple[str, ...] = ()
) -> Joined:
    files = tuple(suspect(path) for path in dict.fromkeys(name.partition("::")[0] for name in ranked))
    tests = tuple(suspect(name.partition("::")[0], nodeid=name) for name in ranked if "::" in name)
    return join(per, units, RankResult(files, tests), (), lambda path: path not in gone)


def test_cases_of_a_test_count_by_the_heaviest() -> None:
    tests = (case("a.py::t[1]", 50), case("a.py::t[x::y[2]]", 90), case("a.py::u", 70))
    rows = joined([unit("a.py", *tests)], ["a.py::t", "a.py::u"], Per.TEST).rows
    assert [(row.name, row.measured // MB, row.cases) for row in rows] == [
        ("a.py::t", 90, 2),
        ("a.py::u", 70, 1),
    ]


def test_repeats_and_several_journals_count_by_their_median() -> None:
    units = [unit("a.py", case("a.py::t", peak), peak=peak, repeat=1) for peak in (60, 300, 70)]
    for per, ranked in ((Per.FILE, ["a.py"]), (Per.TEST, ["a.py::t"])):
        (row,) = joined(units, ranked, per).rows
        assert (row.measured // MB, row.runs) == (70, 3)


def test_a_batch_gives_a_file_what_its_own_tests_reached() -> None:
    batch = unit("a.py +1", case("a.py::t", 80), case("b.py::t", 200), peak=210, members=("a.py", "b.py"))
    found = joined([batch], ["a.py", "b.py"])
    assert [(row.name, row.measured // MB) for row in found.rows] == [("b.py", 200), ("a.py", 80)]
    assert "2 files ran in batches only" in found.notes[0]
    alone = unit("a.py", case("a.py::t"), peak=60)
    assert {row.name: row.measured // MB for row in joined([batch, alone], ["a.py", "b.py"]).rows}[
        "a.py"
    ] == 60


def test_a_file_split_after_it_ran_out_of_memory_is_at_least_its_heaviest_part() -> None:
    died = unit("a.py", case("a.py::u"), peak=500, verdict="oom", victim="a.py::t", exit_code=None)
    part = unit(
        "a.py::t", case("a.py::t", 900), peak=900, members=("a.py::t",), verdict="oom", victim="a.py::t"
    )
    (row,) = joined([died, part], ["a.py"]).rows
    assert (row.measured // MB, row.at_least, row.verdict) == (900, True, "oom")


def test_the_victim_of_a_kill_counts_with_what_its_process_had_reached() -> None:
    never_ended = case("a.py::t", None, outcome="unfinished")
    died = unit("a.py", case("a.py::u"), never_ended, peak=500, verdict="killed", victim="a.py::t")
    rows = {row.name: row for row in joined([died], ["a.py::t", "a.py::u"], Per.TEST).rows}
    assert (rows["a.py::t"].measured // MB, rows["a.py::t"].at_least) == (500, True)
    assert not rows["a.py::u"].at_least


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (unit("a.py", verdict="no_tests"), "no test of it ran"),
        (unit("a.py", verdict="collection_error"), "it could not be collected when it was measured"),
        (unit("a.py", case("a.py::t", outcome="skipped")), "all of its tests were skipped"),
        (unit("a.py", case("a.py::t"), peak=None), "its run has no figure for it"),
        (unit("b.py", case("b.py::t")), "not measured"),
    ],
)
def test_what_has_no_figure_says_why(measured: MeasuredUnit, reason: str) -> None:
    found = joined([measured], ["a.py"])
    assert found.rows == ()
    assert [(item.name, item.reason) for item in found.predicted_only] == [("a.py", reason)]


def test_skipped_tests_are_listed_as_such() -> None:
    found = joined(
        [unit("a.py", case("a.py::t", outcome="skipped"), case("a.py::u"))], ["a.py::t", "a.py::u"], Per.TEST
    )
    assert [(item.name, item.reason) for item in found.predicted_only] == [("a.py::t", "it was skipped")]


def test_files_that_are_gone_or_were_not_ranked_are_named() -> None:
    units = [unit("old.py", case("old.py::t")), unit("other.py", case("other.py::t"))]
    found = joined(units, ["a.py"], gone=("old.py",))
    assert [(item.name, item.reason) for item in found.measured_only] == [
        ("old.py", "the file is gone"),
        ("other.py", "it is not among the files that were ranked"),
    ]


def test_a_file_that_moved_is_known_by_its_tests() -> None:
    tests = [case(f"old/test_a.py::test_{name}") for name in "abcd"]
    ranked = [f"new/test_b.py::test_{name}" for name in "abce"]
    found = joined([unit("old/test_a.py", *tests)], ranked, gone=("old/test_a.py",))
    assert [(item.measured, item.now) for item in found.renamed] == [("old/test_a.py", "new/test_b.py")]
    assert [(row.name, row.cases) for row in found.rows] == [("new/test_b.py", 4)]
    by_test = joined([unit("old/test_a.py", *tests)], ranked, Per.TEST, gone=("old/test_a.py",))
    assert {row.name for row in by_test.rows} == {f"new/test_b.py::test_{name}" for name in "abc"}


def test_a_file_with_other_tests_is_no_rename() -> None:
    tests = [case(f"old.py::test_{name}") for name in "abcd"]
    found = joined([unit("old.py", *tests)], [f"new.py::test_{name}" for name in "axyz"], gone=("old.py",))
    assert (found.renamed, found.rows) == ((), ())


def test_a_renamed_test_is_matched_within_its_file() -> None:
    tests = (case("a.py::TestA::test_orders_are_kept[1]", 90), case("a.py::test_b"))
    ranked = ["a.py::TestA::test_orders_are_all_kept", "a.py::test_b", "c.py::TestA::test_orders_are_kept"]
    found = joined([unit("a.py", *tests)], ranked, Per.TEST)
    assert [(item.measured, item.now) for item in found.renamed] == [
        ("a.py::TestA::test_orders_are_kept", "a.py::TestA::test_orders_are_all_kept")
    ]
    assert found.rows[0].cases == 1


def test_two_candidates_are_no_rename() -> None:
    found = joined([unit("a.py", case("a.py::test_a"))], ["a.py::A::test_a", "a.py::B::test_a"], Per.TEST)
    assert found.renamed == ()
