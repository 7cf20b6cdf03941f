"""The same files give the same bytes: whatever the order of paths, the number of jobs, the cache or the hash seed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PARTS = ("examples", "tests/runner", "tests/ranking", "tests/report", "tests/cli")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tests of many files with helpers, conftests, fixtures and product code: some of memlint's own."""
    root = tmp_path_factory.mktemp("suite")
    for part in PARTS:
        shutil.copytree(HERE.parent / part, root / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copytree(
        HERE.parent / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "_rules", "fixes")
    )
    return root


def output(root: Path, command: str, seed: int, paths: list[str], *options: str) -> bytes:
    """The JSON that a process prints, with sets and dicts hashed by ``seed``."""
    call = [sys.executable, "-m", "memlint", command, "--format", "json", *options, *paths]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    done = subprocess.run(call, cwd=root, env=environment, capture_output=True, check=False)
    assert done.returncode in {0, 1}, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize(("command", "options"), [("lint", ("--level", "audit")), ("rank", ())])
def test_nothing_but_the_files_decides(suite: Path, command: str, options: tuple[str, ...]) -> None:
    paths, cache = sorted(PARTS), suite / ".memlint_cache"
    shutil.rmtree(cache, ignore_errors=True)
    first = output(suite, command, 1, paths, *options, "--no-cache", "-j", "1")
    assert first.count(b'"path"') > 20
    assert output(suite, command, 2, paths[::-1], *options, "-j", "2") == first, "jobs, order of paths"
    kept = list(cache.glob("result-*"))
    assert kept
    assert output(suite, command, 3, paths, *options) == first, "from the memo"
    for path in kept:
        path.unlink()
    assert output(suite, command, 4, [*paths[2:], *paths[:3]], *options) == first, "from cached facts"
