"""The example suite: every fault in it is found, nothing else is, and it runs on a small machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAULTS = {
    ("conftest.py", "packers", "MEM301"),
    ("test_history.py", "test_month_is_remembered", "MEM603"),
    ("test_orders.py", "test_archive_keeps_customers", "MEM501"),
    ("test_orders.py", "test_commit_is_not_close", "MEM501"),
    ("test_orders.py", "test_order_numbers_are_unique", "MEM501"),
    ("test_orders.py", "test_weight_of_a_year_of_orders", "MEM202"),
    ("test_prices.py", "test_no_price_is_missing", "MEM101"),
    ("test_worker.py", "test_worker_starts", "MEM401"),
}


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=120)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    return shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignore)


def test_every_fault_is_found_and_nothing_else(examples: Path) -> None:
    done = run(sys.executable, "-m", "memlint", "examples", "--format", "json", cwd=examples.parent)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    found = {(Path(item["path"]).name, item["symbol"], item["code"]) for item in report["findings"]}
    assert found == FAULTS
    assert len(report["findings"]) == len(FAULTS)
    assert report["errors"] == []


def heads(output: str) -> list[str]:
    """The lines of the text format that name a file, or begin a finding with its place and code."""
    lines = re.findall(r"^(examples/\S+|  \d+:\d+ MEM\d+ \S+)", output, re.MULTILINE)
    return [line.strip() for line in lines]


def test_the_readme_shows_what_memlint_prints() -> None:
    done = run(sys.executable, "-m", "memlint", "examples", "--no-cache", "--color", "never", cwd=ROOT)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("<!-- output:start -->")[2].partition("<!-- output:end -->")[0]
    assert heads(done.stdout)
    assert heads(shown) == heads(done.stdout), f"put this between the markers:\n{done.stdout}"


def test_heaviest_test_is_ranked_first_with_its_size(examples: Path) -> None:
    done = run(sys.executable, "-m", "memlint", "rank", "examples", "--format", "json", cwd=examples.parent)
    assert done.returncode == 0, done.stderr
    heaviest = json.loads(done.stdout)["tests"][0]
    assert heaviest["nodeid"] == "examples/tests/test_orders.py::test_weight_of_a_year_of_orders"
    assert 300_000_000 < heaviest["predicted_peak_bytes"]["likely"] < 700_000_000


def test_examples_run(examples: Path) -> None:
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=examples)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
