"""``memlint rank --split``: selections that pytest and memlint read."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from memlint import cli


@pytest.fixture
def repository(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    (tmp_path / "tests").mkdir()
    for name in "abcd":
        (tmp_path / "tests" / f"test_{name}.py").write_text(f"def test_{name}():\n    assert True\n")
    (tmp_path / "tests" / "test_wide.py").write_text(
        "def test_wide():\n    text = b'x' * 3_000_000_000\n    assert text\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rank(*arguments: str) -> int:
    return cli.run(["rank", "tests", "--no-cache", *arguments])


def test_selections(repository, capfd):
    assert rank("--split", "ci", "--shards", "2") == 0
    names = sorted(path.name for path in (repository / "ci").iterdir())
    assert names == ["fast.txt", "memory-intensive.txt", "shard-1.txt", "shard-2.txt"]
    assert (repository / "ci/memory-intensive.txt").read_text() == "tests/test_wide.py\n"
    fast = (repository / "ci/fast.txt").read_text().split()
    assert fast == [f"tests/test_{name}.py" for name in "abcd"]
    shards = [(repository / f"ci/shard-{number}.txt").read_text().split() for number in (1, 2)]
    assert sorted(shards[0] + shards[1]) == fast
    assert "ci/memory-intensive.txt: 1 file, about" in capfd.readouterr().out


def test_pytest_and_memlint_read_them(repository):
    rank("--split", "ci", "-q")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "@ci/fast.txt"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ, check=False)
    assert "4 passed" in done.stdout
    assert cli.run(["lint", "--test-file", "ci/fast.txt", "--no-cache"]) == 0
    assert cli.run(["lint", "--test-file", "ci/memory-intensive.txt", "--no-cache"]) == 1


def test_heavy_and_budgets_decide(repository, capfd):
    assert rank("--split", "ci", "--heavy", "1MiB") == 0
    assert not (repository / "ci/fast.txt").exists()
    assert "ci/fast.txt: not written, it would be empty" in capfd.readouterr().out
    (repository / "memlint.toml").write_text(
        '[budgets]\n"tests/test_a.py" = "1 MiB"\n"tests/test_wide.py" = "9 GiB"\n'
    )
    rank("--split", "ci")
    assert (repository / "ci/memory-intensive.txt").read_text() == "tests/test_a.py\n"


def test_a_limit_that_cannot_hold_is_1(repository, capfd):
    assert rank("--split", "ci", "--shards", "2", "--limit", "1MiB") == 1
    assert "shard-1 is expected to need" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shards", "2"), "--shards needs --split DIR"),
        (("--heavy", "2GiB"), "--heavy needs --split DIR"),
        (("--split", "ci", "--journal", "gone.jsonl"), "gone.jsonl"),
        (("--split", "tests/test_a.py"), "test_a.py"),
    ],
)
def test_bad_options(repository, capfd, arguments, message):
    assert rank(*arguments) == 2
    assert message in capfd.readouterr().err
