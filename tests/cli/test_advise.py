"""``memlint advise`` on a suite of its own, and the configuration it writes in use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the runner needs POSIX")

SUITE = """
import pytest

@pytest.mark.parametrize("n", range(12))
def test_prints(n):
    print("x" * 2_000_000)
"""


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "memlint", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_prints.py").write_text(SUITE)
    (tmp_path / "rules").mkdir()
    # one option that cannot save anything here, beside two of the shipped ones: quick, and both sides are seen
    (tmp_path / "memlint.toml").write_text('extra-rules = ["rules"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -q\ntestpaths = tests\n")
    return tmp_path


def test_captured_output_pays_and_the_written_configuration_holds_it(folder):
    done = call(folder, "advise", "--repeat", "2", "-o", "lean.ini", "--memory", "1GiB")
    assert done.returncode == 0, done.stderr
    assert re.search(r"[\d.]+ MiB +[\d.]+ \w+ +-s +\(chosen\)", done.stderr)
    assert re.search(r"[\d.]+ \w+ +-p no:cacheprovider", done.stderr)
    text = (folder / "lean.ini").read_text()
    # what else was chosen is this machine's affair: other options move the peak by a megabyte or two
    assert re.search(r"^addopts = -q( .*)? -s$", text, re.MULTILINE)
    assert "testpaths = tests" in text
    peaks = [peak(folder, ""), peak(folder, "-c lean.ini")]
    assert peaks[0] - peaks[1] > 15_000_000  # 24 MB are printed and kept otherwise


def peak(folder: Path, pytest_args: str) -> int:
    done = call(folder, "measure", "tests", "--journal", "j.jsonl", f"--pytest-args={pytest_args}", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(line) for line in (folder / "j.jsonl").read_text().splitlines()]
    return next(record["peak_bytes"] for record in records if record["kind"] == "unit_end")


def test_a_suite_that_breaks_its_limit_is_told(folder):
    (folder / "tests" / "test_big.py").write_text(
        "def test_big():\n    assert bytearray(300_000_000)[-1] == 0\n    x = b'x' * 400_000_000\n"
    )
    done = call(folder, "advise", "--limit", "150MiB", "--repeat", "2")
    assert done.returncode == 2
    assert "ends with oom" in done.stderr
    assert "Traceback" not in done.stderr
