"""MEM701 by what a journal says: a test is held to its budget by what it was seen to add."""

from __future__ import annotations

import json

import pytest

from memlint import cli

MIB = 1 << 20
SUITE = """import pytest
from product import work


@pytest.mark.parametrize("n", [1, 2])
def test_unknown(n):
    assert work(n)


def test_light_after_all():
    text = b"x" * 3_000_000_000
    assert text


def test_not_measured():
    assert work(3)
"""


def journal(*tests: tuple[str, int]) -> str:
    context = {
        "hash": "c",
        "python": "3.11",
        "platform": "linux",
        "meter": "cgroup2",
        "memory_bytes": 1,
        "pytest": "9",
    }
    unit = {"unit": "tests/test_a.py", "members": ["tests/test_a.py"], "try": 1}
    records = [
        {"kind": "run", "schema": "memlint.journal/1", "run": "r", "context": context, "argv": []},
        {"kind": "unit_start", **unit, "source": "s"},
    ]
    for name, added in tests:
        sizes = {"before_bytes": 50 * MIB, "peak_bytes": 50 * MIB + added, "after_bytes": 50 * MIB}
        records.append(
            {
                "kind": "test_end",
                "unit": "tests/test_a.py",
                "test": f"tests/test_a.py::{name}",
                "outcome": "passed",
            }
            | sizes
            | {"seconds": 1.0}
        )
    records.append(
        {"kind": "unit_end", **unit, "verdict": "passed", "exit_code": 0, "signal": None, "evidence": []}
        | {
            "peak_bytes": 9 * MIB,
            "baseline_bytes": MIB,
            "retained_bytes": 0,
            "cache_bytes": 0,
            "meter": "cgroup2",
        }
        | {"seconds": 2.0, "victim": None}
    )
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def lint(tmp_path, monkeypatch, capfd):
    (tmp_path / ".git").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text(SUITE)
    monkeypatch.chdir(tmp_path)

    def call(*tests: tuple[str, int], config: str = "") -> dict[str, str]:
        """Symbol → message of the findings of MEM701."""
        (tmp_path / "memlint.toml").write_text(config)
        (tmp_path / "j.jsonl").write_text(journal(*tests))
        given = ["--journal", "j.jsonl"] if tests else []
        cli.run(["lint", "tests", "--select", "MEM701", "--format", "json", *given])
        found = json.loads(capfd.readouterr().out)
        assert found["errors"] == []
        return {finding["symbol"]: finding["message"] for finding in found["findings"]}

    return call


def test_the_prediction_without_a_journal(lint):
    assert set(lint()) == {"test_light_after_all"}


def test_what_was_measured_is_believed(lint):
    found = lint(
        ("test_unknown[1]", 10 * MIB), ("test_unknown[2]", 3000 * MIB), ("test_light_after_all", 20 * MIB)
    )
    assert set(found) == {"test_unknown"}
    assert "was measured to add 2.93 GiB at one time, over the budget of 2 GiB" in found["test_unknown"]


def test_budgets_hold_for_what_was_measured(lint):
    config = '[budgets]\n"tests/" = "100 MiB"\n'
    found = lint(("test_unknown[1]", 150 * MIB), ("test_light_after_all", 99 * MIB), config=config)
    assert set(found) == {"test_unknown"}
    assert "over the budget of 100 MiB for tests/ (memlint.toml:2)" in found["test_unknown"]


def test_another_journal_is_another_result(lint):
    """Results are kept between runs; what was measured is part of what they rest on."""
    assert set(lint(("test_unknown[1]", 3000 * MIB))) == {"test_unknown", "test_light_after_all"}
    assert set(lint(("test_unknown[1]", 30 * MIB))) == {"test_light_after_all"}
