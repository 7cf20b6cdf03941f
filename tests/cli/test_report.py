"""``memlint report`` and ``memlint plan``: what they refuse, where they write, how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memlint import cli

CONTEXT = {
    "hash": "c0ffee", "python": "3.11.7", "platform": "linux-x86_64", "meter": "sampling", "memory_bytes": 1 << 34,
    "pytest": "9.2.0",
}  # fmt: skip
Memlint = Callable[..., tuple[int, str, str]]


def journal(path: Path, verdict: str = "oom", peak: int = 500 << 20, **context: object) -> Path:
    run = {
        "schema": "memlint.journal/1", "kind": "run", "run": "r", "context": {**CONTEXT, **context},
        "argv": ["measure", "tests"], "shard": None, "limit_bytes": 400 << 20,
    }  # fmt: skip
    end = {
        "kind": "unit_end", "unit": "tests/test_a.py", "members": ["tests/test_a.py"], "verdict": verdict,
        "exit_code": None, "signal": "SIGKILL" if verdict == "oom" else None, "evidence": [], "peak_bytes": peak,
        "baseline_bytes": 30 << 20, "retained_bytes": 0, "cache_bytes": 0, "meter": "sampling", "seconds": 1.0,
        "victim": None, "leftover_processes": [], "tests": {}, "try": 1,
    }  # fmt: skip
    path.write_text("".join(json.dumps(record) + "\n" for record in (run, end)))
    return path


@pytest.fixture
def memlint(suite: Path, capfd: pytest.CaptureFixture[str]) -> Memlint:
    (suite / "tests" / "test_a.py").write_text(
        "def test_a():\n    assert len([bytes(9) for _ in range(900_000)])\n"
    )

    def call(*arguments: Any) -> tuple[int, str, str]:
        code = cli.run([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return call


def test_the_ending_of_the_output_chooses_the_format(memlint: Memlint, suite: Path) -> None:
    made = journal(suite / "j.jsonl")
    for name, begins in {"r.json": "{", "r.md": "### ", "r.html": "<!doctype html>"}.items():
        assert memlint("report", "--journal", made, "-o", name)[0] == 0
        assert (suite / name).read_text(encoding="utf-8").startswith(begins)
    files = json.loads((suite / "r.json").read_text())["files"]
    assert [item["path"] for item in files] == [
        "tests/test_a.py"
    ]  # those of the journal, not all of the suite


def test_bad_journals_are_told_of(memlint: Memlint, suite: Path) -> None:
    code, _, err = memlint("report", "--journal", "none.jsonl")
    assert code == 2 and "there is no such journal" in err and "memlint measure" in err
    (suite / "text.jsonl").write_text("hello\n")
    assert memlint("report", "--journal", "text.jsonl")[0] == 2
    (suite / "empty.jsonl").write_text("")
    assert memlint("plan", "--journal", "empty.jsonl")[0] == 2
    made = journal(suite / "j.jsonl")
    (suite / "tests" / "test_a.py").unlink()
    code, _, err = memlint("report", "--journal", made, "-o", "r.html")
    assert code == 2 and "run memlint in the directory where it was measured" in err
    assert not (suite / "r.html").exists()


def test_rank_writes_the_page_too(memlint: Memlint, suite: Path) -> None:
    assert memlint("rank", "tests", "--format", "html", "-o", "rank.html")[0] == 0
    page = (suite / "rank.html").read_text(encoding="utf-8")
    assert "Nothing was measured" in page and 'data-measured="no"' in page


def test_a_plan_is_written_checked_and_done(memlint: Memlint, suite: Path) -> None:
    bad = journal(suite / "bad.jsonl")
    assert memlint("plan", "--journal", bad, "-o", "plan.md")[0] == 0
    assert "range(900_000)" in (suite / "plan.md").read_text()
    code, out, _ = memlint("plan", "--check", "plan.md", "--journal", bad)
    assert code == 1 and "[ ] tests/test_a.py passes: ran out of memory" in out
    good = journal(suite / "good.jsonl", "passed", 100 << 20)
    assert memlint("plan", "--check", "--journal", good, "-o", "plan.md")[0] == 0
    assert "[ ]" not in (suite / "plan.md").read_text()


def test_a_check_that_cannot_be_made_says_why(memlint: Memlint, suite: Path) -> None:
    bad = journal(suite / "bad.jsonl")
    code, _, err = memlint("plan", "--check", "--journal", bad)
    assert code == 2 and "there is no such plan" in err
    assert memlint("plan", "--journal", bad, "-o", "plan.md")[0] == 0
    before = (suite / "plan.md").read_text()
    other = journal(suite / "other.jsonl", python="3.13.0", hash="beef")
    code, _, err = memlint("plan", "--check", "plan.md", "--journal", other)
    assert code == 2 and "another context" in err
    assert (suite / "plan.md").read_text() == before
