"""scripts/ecosystem.py, without a network: wheels that are in the cache already."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "ecosystem.py"
LEAK = """
import subprocess

def test_leak():
    process = subprocess.Popen(["sleep", "9"])
    assert process.pid
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "tiny_suite-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny-suite/tests/test_leak.py", LEAK)
        wheel.writestr("tiny-suite/tests/test_broken.py", "def test_(:\n")
    return tmp_path


def ecosystem(cache: Path, *more: str, suite: str = "tiny-suite==1.0") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--cache", str(cache), "--summary", str(cache / "summary.json")]
    return subprocess.run([*command, "--suite", suite, *more], capture_output=True, text=True, check=False)


def summary(cache: Path) -> Any:
    return json.loads((cache / "summary.json").read_text(encoding="utf-8"))


def test_update_writes_findings_by_code_and_error_records(cache: Path) -> None:
    assert ecosystem(cache, "--update").returncode == 0
    outcome = summary(cache)["suites"]["tiny-suite 1.0"]
    assert outcome["files"] == 2
    assert outcome["findings"] == {"MEM401": 1}
    assert [error.partition(":")[0] for error in outcome["errors"]] == ["tiny-suite/tests/test_broken.py"]


def test_facts_are_kept_for_the_next_run(cache: Path) -> None:
    assert ecosystem(cache, "--update").returncode == 0
    (kept,) = (cache / "facts").rglob("facts.cache")
    written = kept.stat().st_mtime_ns
    assert ecosystem(cache).returncode == 0
    assert kept.stat().st_mtime_ns == written  # nothing was lowered again


def test_the_committed_summary_is_no_difference(cache: Path) -> None:
    ecosystem(cache, "--update")
    done = ecosystem(cache)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 differences" in done.stdout


def test_a_difference_is_shown_and_fails(cache: Path) -> None:
    ecosystem(cache, "--update")
    changed = summary(cache)
    changed["suites"]["tiny-suite 1.0"]["findings"] = {"MEM401": 3}
    (cache / "summary.json").write_text(json.dumps(changed), encoding="utf-8")
    done = ecosystem(cache)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].split() == ["tiny-suite", "1.0", "3", "1", "-2", "MEM401"]


def test_suites_that_are_not_run_keep_their_outcome(cache: Path) -> None:
    other = {"files": 7, "findings": {}, "errors": []}
    start = {"schema": "memlint.ecosystem/1", "suites": {"other 2.0": other}}
    (cache / "summary.json").write_text(json.dumps(start), encoding="utf-8")
    ecosystem(cache, "--update")
    assert summary(cache)["suites"]["other 2.0"] == other


def test_an_interpreter_without_tests_cannot_be_linted(cache: Path) -> None:
    done = ecosystem(cache, "--cpython", "/bin/false")
    assert done.returncode == 2
    assert "/bin/false has no package 'test'" in done.stderr
