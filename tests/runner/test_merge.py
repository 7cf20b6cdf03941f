"""Shards joined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memlint.runner import journal
from memlint.runner.journal import JournalError
from memlint.runner.merge import merge
from runner.conftest import Bench
from runner.test_journal import END, RUN, write


def test_shards_of_real_runs_make_the_whole(bench: Bench) -> None:
    names = [bench.write(f"test_{n}.py", "def test_a(): pass") for n in range(5)]
    parts = []
    for index in (1, 2):
        parts.append(bench.folder / f"shard{index}.jsonl")
        bench.run(shard=[index, 2])
        bench.journal.rename(parts[-1])
    merged = merge(parts, bench.folder / "all.jsonl")
    loaded = journal.load(bench.folder / "all.jsonl")
    assert sorted(unit.unit for unit in loaded.units) == names
    assert merged.missing_shards == ()
    assert merged.contexts == 1


def test_missing_shards_and_other_contexts_are_named(tmp_path: Path) -> None:
    other = replace(RUN, shard="3/3", context=replace(RUN.context, hash="c1"))
    write(tmp_path / "a", replace(RUN, shard="1/3"), END)
    write(tmp_path / "b", other, END)
    merged = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "o")
    assert merged.missing_shards == ("2/3",)
    assert merged.contexts == 2
    assert merged.records == 4


def test_torn_end_of_a_shard_is_dropped(tmp_path: Path) -> None:
    write(tmp_path / "a", RUN, END)
    with (tmp_path / "a").open("ab") as stream:
        stream.write(b'{"kind":"te')
    merge([tmp_path / "a", tmp_path / "a"], tmp_path / "o")
    assert list(journal.read(tmp_path / "o")) == [RUN, END, RUN, END]


def test_nothing_is_written_when_one_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path / "a", RUN)
    with pytest.raises(JournalError):
        merge([tmp_path / "a", tmp_path / "nowhere"], tmp_path / "o")
    assert not (tmp_path / "o").exists()
    with pytest.raises(JournalError, match="to be merged"):
        merge([tmp_path / "a"], tmp_path / "a")
