"""Every step of the jobs that init writes, run in a scratch repository as the CI system would run it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from memlint.cli import run

from .ci_machine import Done, Machine

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="the steps install with pip")

LIGHT = "def test_light():\n    assert True\n"
HEAVY = "def test_heavy():\n    data = bytearray(80 * 2**20)\n    assert not data\n"
LEAK = "import sqlite3\n\n\ndef test_rows():\n    db = sqlite3.connect(':memory:')\n    assert db.execute('select 1')\n"


def git(folder: Path, *arguments: str) -> str:
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    environment = {**os.environ, **dict.fromkeys(names, "ada"), "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of three light files and its jobs, committed."""
    root = tmp_path / "repository"
    (root / "tests").mkdir(parents=True)
    for name in ("a", "b", "c"):
        (root / "tests" / f"test_{name}.py").write_text(LIGHT)
    git(root, "init", "--quiet")
    monkeypatch.chdir(root)
    assert run(["init", "--yes", "--github", "--sharded", "--gitlab"]) == 0
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Start")
    return root


def job(repository: Path, workflow: str, name: str) -> dict[str, Any]:
    # memlint: ignore[MEM103] small: the test or the checkout wrote it
    found: dict[str, Any] = yaml.safe_load((repository / ".github" / "workflows" / workflow).read_text())
    content: dict[str, Any] = found["jobs"][name]
    return content


def codes(done: list[Done]) -> dict[str, int]:
    return {step.name: step.code for step in done}


def machine(repository: Path, **values: str) -> Machine:
    known = {"inputs.batch_size": "2", **{name.replace("__", "."): value for name, value in values.items()}}
    return Machine(repository, repository.parent / f"runner{len(list(repository.parent.iterdir()))}", known)


def test_a_pull_request_is_told_of_what_it_brings_and_nothing_else(repository: Path) -> None:
    (repository / "tests" / "test_old.py").write_text(LEAK)
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "An old leak")
    base = git(repository, "rev-parse", "HEAD")
    (repository / "tests" / "test_new.py").write_text(LEAK.replace("rows", "new_rows"))
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "A new leak")
    content = job(repository, "memlint.yml", "lint")
    runner = machine(repository)
    runner.values = {"github.event.pull_request.base.sha": base}
    done = runner.run(content["steps"], content.get("env", {}))
    assert codes(done) == {
        "Install memlint": 0,
        "Annotate what the pull request brings": 1,
        "Write the job summary": 0,
    }, done
    annotations = [line for line in done[1].output.splitlines() if line.startswith("::")]
    assert len(annotations) == 1
    assert "test_new.py" in annotations[0]
    assert "MEM501" in runner.summary


def test_the_diagnostic_of_a_suite_that_is_fine(repository: Path) -> None:
    content = job(repository, "memory-diagnostic.yml", "diagnose")
    runner = machine(repository)
    done = runner.run(content["steps"], content["env"])
    assert set(codes(done).values()) == {0}, done
    results = {path.name for path in (repository / "memory-diagnostic").iterdir()}
    assert results >= {"resources.txt", "batches.jsonl", "report.html", "plan.md"}
    assert "alone.jsonl" not in results
    assert runner.summary.strip()


def test_the_diagnostic_finds_the_culprit_of_a_batch(repository: Path) -> None:
    (repository / "tests" / "test_d.py").write_text(HEAVY)
    (repository / "list.txt").write_text("tests/test_a.py\ntests/test_d.py\n")
    content = job(repository, "memory-diagnostic.yml", "diagnose")
    runner = machine(repository, inputs__test_file="list.txt")
    done = runner.run(content["steps"], content["env"])
    failed = {name for name, code in codes(done).items() if code}
    assert failed == {
        "Measure in batches",
        "Measure the files of failed batches alone",
        "Fail where a batch failed",
    }, done
    alone = next(step for step in done if step.name.startswith("Measure the files"))
    assert "PASSED" in alone.output  # test_a.py
    assert "FAILED" in alone.output
    assert "test_d.py" in runner.summary
    results = {path.name for path in (repository / "memory-diagnostic").iterdir()}
    assert results >= {"batches.jsonl", "alone.jsonl", "report.html", "plan.md"}
    assert "test_b.py" not in (repository / "memory-diagnostic" / "batches.jsonl").read_text()


def test_shards_are_measured_and_joined(repository: Path) -> None:
    measure = job(repository, "memory-diagnostic-sharded.yml", "measure")
    for shard in ("1", "2"):
        runner = machine(repository, matrix__shard=shard)
        runner.values = {**runner.values, "strategy.job-total": "2"}
        done = runner.run(measure["steps"], measure["env"])
        assert set(codes(done).values()) == {0}, done
    join = job(repository, "memory-diagnostic-sharded.yml", "join")
    runner = machine(repository)
    done = runner.run(join["steps"], join["env"])
    assert set(codes(done).values()) == {0}, done
    journal = (repository / "memory-diagnostic" / "journal.jsonl").read_text()
    ends = [record for line in journal.splitlines() if (record := json.loads(line))["kind"] == "unit_end"]
    assert sorted(member for end in ends for member in end["members"]) == [
        f"tests/test_{name}.py" for name in ("a", "b", "c")
    ]


def test_gitlab_jobs(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    (repository / "tests" / "test_new.py").write_text(LEAK)
    # memlint: ignore[MEM103] small: the test or the checkout wrote it
    content = yaml.safe_load((repository / ".gitlab" / "memlint.yml").read_text())
    runner = machine(repository)
    lint = runner.shell(
        {"run": "\n".join(content["memlint"]["script"])}, {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    )
    assert lint.code == 1, lint
    assert "test_new.py" in (repository / "gl-code-quality-report.json").read_text()
    diagnostic = content["memory-diagnostic"]
    ended = runner.shell({"run": "\n".join(diagnostic["script"])}, diagnostic["variables"])
    assert ended.code == 0, ended
    results = {path.name for path in (repository / "memory-diagnostic").iterdir()}
    assert results >= {"resources.txt", "batches.jsonl", "report.html", "plan.md"}


def test_the_action(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    (repository / "tests" / "test_new.py").write_text(LEAK)
    # memlint: ignore[MEM103] small: the test or the checkout wrote it
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    runner = machine(repository)
    runner.values = {
        **{f"inputs.{name}": str(given["default"]) for name, given in action["inputs"].items()},
        "inputs.paths": "tests/test_new.py\ntests/test_a.py\n",
        "inputs.changed-only == 'true' && github.event.pull_request.base.sha || ''": base,
        "github.action_path": str(ROOT),
    }
    done = runner.run(action["runs"]["steps"], {})
    assert codes(done) == {"Install memlint": 0, "Lint": 0, "Pass memlint's exit code on": 1}, done
    assert runner.outputs["steps.lint.outputs.exit-code"] == "1"
    assert "MEM501" in Path(runner.outputs["steps.lint.outputs.sarif-file"]).read_text()
    assert "MEM501" in runner.summary
