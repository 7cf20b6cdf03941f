"""Two runs compared: what counts as grown, what is refused, and what is listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crosscheck.journals import peaks, run, unit, write
from memlint.cli import run as memlint
from memlint.crosscheck.compare import threshold


def diff(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int = 0) -> dict[str, Any]:
    assert memlint(["diff", *map(str, arguments), "--format", "json", "--isolated"]) == code
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def trends(result: dict[str, Any]) -> dict[str, str]:
    return {change["name"]: change["trend"] for change in result["changes"]}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([20], [20], 5_000_000),
        ([200_000_000], [1], 20_000_000),
        ([100_000_000, 110_000_000, 90_000_000], [100_000_000], 30_000_000),
        ([100_000_000], [80_000_000, 100_000_000, 120_000_000], 60_000_000),
    ],
)
def test_the_largest_of_three_thresholds_counts(old: list[int], new: list[int], expected: int) -> None:
    assert threshold(old, new) == expected


def test_growth_beyond_the_threshold_is_a_regression(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = peaks(tmp_path / "old", {"a.py": 100, "b.py": 100, "c.py": 30, "d.py": 200})
    new = peaks(tmp_path / "new", {"a.py": 112, "b.py": 109, "c.py": 34, "d.py": 150})
    result = diff(capsys, old, new, code=1)
    assert trends(result) == {"a.py": "regression", "d.py": "improvement"}
    assert result["compared"] == 4
    assert result["changes"][0]["grown_test"] == "test_a"
    assert trends(diff(capsys, new, old, code=1)) == {"a.py": "improvement", "d.py": "regression"}
    assert diff(capsys, old, old)["changes"] == []


def test_medians_of_repeats_and_their_spread_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steady = peaks(tmp_path / "steady", *({"a.py": mb} for mb in (100, 101, 99)))
    one_odd = peaks(tmp_path / "odd", *({"a.py": mb} for mb in (100, 400, 101)))
    noisy = peaks(tmp_path / "noisy", *({"a.py": mb} for mb in (80, 100, 120)))
    higher = peaks(tmp_path / "higher", *({"a.py": mb} for mb in (130, 131, 129)))
    assert trends(diff(capsys, steady, one_odd)) == {}
    assert trends(diff(capsys, noisy, higher)) == {}
    assert trends(diff(capsys, steady, higher, code=1)) == {"a.py": "regression"}


def test_slow_creep_shows_against_the_oldest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [peaks(tmp_path / str(mb), {"a.py": mb}) for mb in (100, 107, 114)]
    assert trends(diff(capsys, *runs[1:])) == {}
    result = diff(capsys, *runs, code=1)
    assert trends(result) == {"a.py": "creep"}
    assert result["changes"][0]["old_bytes"] == 100_000_000


def test_new_gone_and_renamed_files_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = {"test_a": 100, "test_b": 50}
    old = write(tmp_path / "old", run(), unit("a.py", shared), unit("gone.py", {"test_x": 50}))
    new = write(
        tmp_path / "new", run(), unit("b.py", {**shared, "test_a": 150}), unit("new.py", {"test_y": 60})
    )
    result = diff(capsys, old, new, code=1)
    assert result["renamed"] == [{"measured": "a.py", "now": "b.py"}]
    assert (result["gone"], [item["name"] for item in result["added"]]) == (["gone.py"], ["new.py"])
    assert result["changes"][0]["name"] == "b.py"
    assert (result["changes"][0]["grown_test"], result["changes"][0]["grown_test_bytes"]) == (
        "test_a",
        50_000_000,
    )


def test_tests_can_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path / "old", run(), unit("a.py", {"test_a[1]": 100, "test_a[2]": 50, "test_b": 70}))
    new = write(tmp_path / "new", run(), unit("a.py", {"test_a[1]": 100, "test_a[2]": 140, "test_b": 70}))
    assert trends(diff(capsys, old, new, "--per", "test", code=1)) == {"a.py::test_a": "regression"}


def test_a_file_that_no_longer_runs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = peaks(tmp_path / "old", {"a.py": 100, "b.py": 60})
    new = write(
        tmp_path / "new", run(), unit("a.py", {}, verdict="collection_error"), unit("b.py", {"test_a": 60})
    )
    result = diff(capsys, old, new)
    assert result["broken"] == [{"name": "a.py", "reason": "it could not be collected when it was measured"}]
    assert result["gone"] == []


def test_other_contexts_are_refused_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = peaks(tmp_path / "old", {"a.py": 100})
    new = peaks(tmp_path / "new", {"a.py": 150}, context="c2")
    assert memlint(["diff", str(old), str(new)]) == 2
    said = capsys.readouterr().err
    assert "different contexts" in said
    assert "--across-contexts" in said
    assert trends(diff(capsys, old, new, "--across-contexts", code=1)) == {"a.py": "regression"}


def test_runs_without_a_name_in_common_are_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write(tmp_path / "old", run(), unit("a.py", {"test_1": 50}))
    new = write(tmp_path / "new", run(), unit("b.py", {"test_2": 50}))
    assert diff(capsys, old, new, code=2)["compared"] == 0
    assert memlint(["diff", str(old)]) == 2


def test_markdown_is_a_table_for_a_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = peaks(tmp_path / "old", {"a.py": 100}), peaks(tmp_path / "new", {"a.py": 200})
    assert memlint(["diff", str(old), str(new), "--format", "markdown"]) == 1
    text = capsys.readouterr().out
    assert "**1 of 1 file needs more memory than before.**" in text.replace("\\", "")
    assert "| regression | `a.py` | 95.4 MiB | 191 MiB | +95.4 MiB | `test_a` +95.4 MiB |" in text
    assert memlint(["diff", str(old), str(new)]) == 1
    assert capsys.readouterr().out.startswith(
        "1 of 1 file needs more memory than before.\n  regression  a.py\n"
    )
