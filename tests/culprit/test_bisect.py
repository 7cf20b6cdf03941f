"""``memlint bisect`` on real suites: all culprits, also after kill −9; a suite that fits; deaths that move."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from memlint.runner import journal
from runner.conftest import METERS, end, processes_with, wait_until

pytestmark = pytest.mark.skipif(
    not set(METERS) & {"cgroup2", "cgroup1", "sampling"}, reason="nothing here holds a unit to a limit"
)
_LIGHT = "def test_light(): pass\n"
_LEAKS = "KEPT = []\ndef test_keeps(): KEPT.append(bytearray(b'x') * (24 << 20))\n"
_HEAVY = "def test_heavy(): assert bytearray(b'x') * (150 << 20)\n"
_NEEDS = "def test_needs(): assert bytearray(b'x') * (40 << 20)\n"
_MOVING = """
from pathlib import Path
import pytest
COUNTER = Path(__file__).with_name("sessions")
def pytest_sessionstart(session):
    session.number = int(COUNTER.read_text()) if COUNTER.exists() else 0
    COUNTER.write_text(str(session.number + 1))
@pytest.fixture(autouse=True)
def other_load(request):
    if request.path.name == f"test_{1 + request.session.number % 5}.py":
        block = bytearray(b"x") * (200 << 20)
"""


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "memlint", "bisect", ".", "--limit", "120MiB", "--format", "json", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


def bisect(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    process = start(folder, *options)
    out, errors = process.communicate(timeout=240)
    assert out, errors
    return process.returncode, json.loads(out)


def culprits(statement: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cause in statement["culprits"]:
        found.setdefault(cause["kind"], []).extend(culprit["name"] for culprit in cause["culprits"])
    return {kind: sorted(names) for kind, names in found.items()}


def suite(folder: Path, files: dict[str, str]) -> None:
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, text in files.items():
        (folder / name).write_text(text)


def finished(folder: Path) -> Counter[str]:
    path = folder / ".memlint" / "bisect.jsonl"
    if not path.exists():
        return Counter()
    return Counter(record.unit for record in journal.read(path) if isinstance(record, journal.UnitEnd))


@pytest.mark.parametrize("meter", [name for name in METERS if name in ("cgroup2", "cgroup1", "sampling")])
def test_two_heavy_files_and_three_leakers_are_all_found_across_a_kill(tmp_path: Path, meter: str) -> None:
    files = {f"test_{number:02}.py": _LIGHT for number in range(11)}
    files.update(dict.fromkeys(("test_01.py", "test_05.py", "test_09.py"), _LEAKS))
    files.update(dict.fromkeys(("test_03.py", "test_07.py"), _HEAVY))
    suite(tmp_path, {**files, "test_10.py": _NEEDS})
    # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
    first = start(tmp_path, "--meter", meter)
    wait_until(lambda: len(finished(tmp_path)) >= 3)
    end(first)
    wait_until(lambda: not processes_with(str(tmp_path)))
    code, statement = bisect(tmp_path, "--meter", meter)
    assert code == 1
    assert culprits(statement) == {
        "single heavy test": ["test_03.py::test_heavy", "test_07.py::test_heavy"],
        "leakers": ["test_01.py", "test_05.py", "test_09.py"],
    }
    assert set(finished(tmp_path).values()) == {1}, "a finished run was repeated"
    died = {run["number"]: run["died"] for run in statement["runs"]}
    for cause in statement["culprits"]:
        assert (died[cause["dies_in_run"]], died[cause["lives_in_run"]]) == (True, False)
    assert bisect(tmp_path, "--meter", meter) == (code, statement), "the journal alone answers"


def test_a_suite_that_fits(tmp_path: Path) -> None:
    suite(tmp_path, {"test_a.py": _LEAKS, "test_b.py": _NEEDS, "test_c.py": _LIGHT})
    code, statement = bisect(tmp_path)
    assert (code, statement["end"], len(statement["runs"])) == (0, "nothing to find", 1)


def test_deaths_that_move_are_pressure(tmp_path: Path) -> None:
    suite(tmp_path, {**{f"test_{number}.py": _LIGHT for number in range(8)}, "conftest.py": _MOVING})
    # the first session measures the baseline, so the first run is session 1
    code, statement = bisect(tmp_path)
    assert (code, statement["end"]) == (1, "pressure, not a test"), statement


def test_runs_that_are_used_up(tmp_path: Path) -> None:
    suite(tmp_path, {"test_a.py": _HEAVY, "test_b.py": _LIGHT})
    code, statement = bisect(tmp_path, "--max-runs", "2")
    assert (code, statement["end"]) == (2, "stopped before its end")
    assert culprits(statement) == {"single heavy test": ["test_a.py::test_heavy"]}


def test_uniform_growth_has_its_slope(tmp_path: Path) -> None:
    keeps = "KEPT = []\ndef test_keeps(): KEPT.append(bytearray(b'x') * (8 << 20))\n"
    suite(tmp_path, {f"test_{number:02}.py": keeps for number in range(14)})
    _, statement = bisect(tmp_path)
    assert [cause["kind"] for cause in statement["culprits"]] == ["uniform growth"], statement
    assert statement["culprits"][0]["bytes_per_test"] == pytest.approx(8 << 20, rel=0.1)
