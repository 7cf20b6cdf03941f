"""``measure --memray``: allocating lines with findings, also of a test that was killed; and without memray."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.conftest import METERS

_SUITE = """import numpy as np


def test_big():
    block = np.ones(120_000_000, dtype="uint8")
    assert block.sum() > 0


def test_light():
    pass
"""


def measure(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "memlint", "measure", "test_it.py", "--memray", "--order", "given", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
    )


def lines_of(done: subprocess.CompletedProcess[str]) -> str:
    _, found, rest = done.stdout.partition("Under memray, alone\n")
    assert found, done.stdout + done.stderr
    return rest


def test_lines_that_allocate_are_named_with_their_findings(tmp_path: Path) -> None:
    pytest.importorskip("memray", reason="memray is not installed here")
    (tmp_path / "test_it.py").write_text(_SUITE)
    text = lines_of(measure(tmp_path))
    assert "114 MiB  test_it.py:5 in test_big" in text
    assert "MEM201" in text, text
    for kind in ("bin", "json", "html"):
        assert (tmp_path / f".memlint/memray/test_it.py__test_big.{kind}").stat().st_size > 0


@pytest.mark.skipif(not set(METERS) & {"cgroup2", "cgroup1", "sampling"}, reason="no limit can be held here")
def test_what_a_killed_test_wrote_is_read(tmp_path: Path) -> None:
    pytest.importorskip("memray", reason="memray is not installed here")
    grows = "def test_grows():\n    kept = []\n    while True:\n        kept.append(bytearray(b'x') * (1 << 20))\n"
    (tmp_path / "test_it.py").write_text(grows)
    text = lines_of(measure(tmp_path, "--limit", "150MiB"))
    assert text.startswith("  OOM test_it.py::test_grows")
    assert "test_it.py:4 in test_grows" in text


def test_without_memray_it_is_said_at_once(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    (tmp_path / "test_it.py").write_text(_SUITE)
    done = measure(tmp_path, "--python", str(bare))
    assert (done.returncode, done.stdout) == (2, "")
    assert "--memray needs memray in" in done.stderr
