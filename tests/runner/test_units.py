"""Units: order, shards, batches, pieces, hashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from memlint.runner.units import Sources, Unit, in_order, shard_of, split, units_by_test, units_of

FILES = ["b.py", "a.py", "d.py", "c.py"]


def test_suspects_first_then_those_without_a_prediction() -> None:
    assert in_order(FILES, "suspects", {"c.py": 5, "b.py": 9}) == ["b.py", "c.py", "a.py", "d.py"]
    assert in_order(["c.py::t", "b.py"], "suspects", {"c.py": 5, "b.py": 4}) == ["c.py::t", "b.py"]


def test_without_predictions_the_order_given_stands() -> None:
    assert in_order(FILES, "suspects", {}) == FILES
    assert in_order(FILES, "given", {"c.py": 5}) == FILES


def test_random_order_depends_on_the_seed_alone() -> None:
    first = in_order(FILES, "random", {}, seed=3)
    assert first == in_order(sorted(FILES), "random", {}, seed=3)
    assert sorted(first) == sorted(FILES)
    assert len({tuple(in_order(FILES, "random", {}, seed=n)) for n in range(9)}) > 1


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_a_partition_whatever_the_order(count: int) -> None:
    parts = [shard_of(FILES, index + 1, count) for index in range(count)]
    assert sorted(name for part in parts for name in part) == sorted(FILES)
    assert [set(part) for part in parts] == [
        set(shard_of(sorted(FILES), index + 1, count)) for index in range(count)
    ]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_batches() -> None:
    units = units_of(FILES, {"a.py": 7}, batch_size=3)
    assert [(unit.name, unit.members, unit.predicted_bytes) for unit in units] == [
        ("b.py +2", ("b.py", "a.py", "d.py"), 7),
        ("c.py", ("c.py",), None),
    ]
    assert all(unit.tests == () for unit in units)


def test_node_ids_select_tests_of_their_file() -> None:
    (unit,) = units_of(["x/a.py::T::m[1::2]"], {"x/a.py": 3})
    assert (unit.files, unit.tests, unit.predicted_bytes) == (("x/a.py",), ("x/a.py::T::m[1::2]",), 3)


def _unit(*files: str) -> Unit:
    return Unit(" ".join(files), files, files, predicted_bytes=8)


def test_split_gives_the_victim_and_every_test_that_never_ended_its_own_process() -> None:
    tests = [f"a.py::t{n}" for n in range(5)]
    pieces = split(_unit("a.py"), tests, ended=tests[:2], victim=tests[2])
    assert [piece.tests for piece in pieces] == [(tests[2],), (tests[3],), (tests[4],)]
    assert [piece.name for piece in pieces] == tests[2:]


def test_split_after_which_only_the_victim_remains() -> None:
    tests = ["a.py::t0", "a.py::t1"]
    assert [piece.tests for piece in split(_unit("a.py"), tests, tests, "a.py::t0")] == [("a.py::t0",)]


def test_split_of_very_many_tests_makes_few_pieces() -> None:
    tests = [f"a.py::t{n}" for n in range(10_000)]
    pieces = split(_unit("a.py"), tests, (), tests[0])
    assert len(pieces) == 51
    assert [test for piece in pieces for test in piece.tests] == tests
    again = split(pieces[1], pieces[1].tests, pieces[1].tests[:100], pieces[1].tests[100])
    assert all(len(piece.tests) <= 2 for piece in again[1:])


def test_pieces_of_a_batch_keep_their_files_apart() -> None:
    pieces = split(_unit("a.py", "b.py"), ["a.py::t", "b.py::t"], (), None)
    assert [piece.files for piece in pieces] == [("a.py",), ("b.py",)]


def test_single_tests_keep_prediction_and_repeat() -> None:
    (piece,) = units_by_test(_unit("a.py"), ["a.py::t"])
    assert (piece.predicted_bytes, piece.files, piece.trial) == (8, ("a.py",), 1)


def test_sources_follow_files_and_the_conftest_chain(tmp_path: Path) -> None:
    folder = tmp_path / "p" / "q"
    folder.mkdir(parents=True)
    test, near, far = folder / "test_a.py", folder / "conftest.py", tmp_path / "conftest.py"
    for file in (test, near, far):
        file.write_text("")
    name = "p/q/test_a.py"
    assert Sources(tmp_path).conftests(name) == ("conftest.py", "p/q/conftest.py")
    before = Sources(tmp_path).hash(_unit(name))
    for file in (test, near, far):
        file.write_text("# changed")
        after = Sources(tmp_path).hash(_unit(name))
        assert after != before
        before = after
    test.unlink()
    assert Sources(tmp_path).hash(_unit(name)) != before
