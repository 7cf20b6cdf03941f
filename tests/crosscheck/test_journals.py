"""Journals as they are found: torn, mixed, of another version, empty. The rest is used, and each gets its word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crosscheck.journals import peaks, run, unit, write
from memlint.cli import run as memlint
from memlint.crosscheck import gather
from memlint.runner.journal import JournalError, UnitStart

A = {"test_a": 50}


def test_the_context_of_most_units_is_used(tmp_path: Path) -> None:
    mixed = write(
        tmp_path / "j", run("c1"), unit("a.py", A), run("c2", "3.12.1"), unit("b.py", A), unit("c.py", A)
    )
    found = gather([mixed])
    assert (found.context.hash, [u.name for u in found.units]) == ("c2", ["b.py", "c.py"])
    assert "mix 2 contexts" in found.notes[0]
    assert "the 2 units of c2 (Python 3.12.1" in found.notes[0]
    chosen = gather([mixed], "c1")
    assert [u.name for u in chosen.units] == ["a.py"]
    with pytest.raises(JournalError, match="no unit was measured in context 'c9'; the journals hold c1, c2"):
        gather([mixed], "c9")


def test_a_journal_of_another_version_is_left_out(tmp_path: Path) -> None:
    good = peaks(tmp_path / "good", {"a.py": 50})
    other = tmp_path / "other"
    other.write_bytes(good.read_bytes().replace(b"memlint.journal/1", b"memlint.journal/9"))
    found = gather([other, good])
    assert [u.name for u in found.units] == ["a.py"]
    assert (
        "has schema memlint.journal/9; this version reads memlint.journal/1; it is left out" in found.notes[0]
    )
    with pytest.raises(JournalError, match=r"schema memlint\.journal/9"):
        gather([other])


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"<html>\n", "is not a memlint journal"), (None, "cannot read the journal")],
)
def test_what_holds_nothing_is_said(tmp_path: Path, content: bytes | None, said: str) -> None:
    bad, good = tmp_path / "bad", peaks(tmp_path / "good", {"a.py": 50})
    if content is not None:
        bad.write_bytes(content)
    assert any(said in note for note in gather([bad, good]).notes)
    with pytest.raises(JournalError, match=said):
        gather([bad])


def test_broken_lines_are_left_out_and_numbered(tmp_path: Path) -> None:
    path = peaks(tmp_path / "j", {"a.py": 50, "b.py": 60})
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"\x00\x00\n", *lines[3:]]) + b'{"kind":"unit_e')
    found = gather([path])
    assert [u.name for u in found.units] == ["a.py", "b.py"]
    assert "2 lines (4 …) cannot be read; the rest is used" in found.notes[0]


def test_units_in_flight_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "j", run(), unit("a.py", A), [UnitStart("b.py", ("b.py",), "s")])
    found = gather([path])
    assert found.in_flight == ("b.py",)
    assert found.notes == ("b.py had begun and never ended",)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_a.py").write_text("def test_a():\n    pass\n")
    return tmp_path


def test_files_that_are_gone_are_named_and_the_rest_is_compared(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = peaks(suite / "j", {"test_a.py": 50, "test_gone.py": 60})
    assert memlint(["crosscheck", "--journal", str(journal), "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [row["path"] for row in result["rows"]] == ["test_a.py"]
    assert result["measured_only"] == [{"name": "test_gone.py", "reason": "the file is gone"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("gone", "have no name in common"),
        ("empty", "is empty"),
        ("missing", "cannot read the journal"),
    ],
)
def test_a_question_without_an_answer_ends_with_2(
    suite: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    journal = suite / "j"
    if content == "gone":
        peaks(journal, {"test_gone.py": 60})
    elif content == "empty":
        journal.touch()
    assert memlint(["crosscheck", "--journal", str(journal)]) == 2
    assert said in capsys.readouterr().err


def test_without_a_journal_the_user_is_told_to_measure(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert memlint(["crosscheck"]) == 2
    assert "run 'memlint measure' first" in capsys.readouterr().err
