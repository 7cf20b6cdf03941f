"""The story that README.md tells on the examples works as it is told."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def commands() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("<!-- story:start -->")[2].partition("<!-- story:end -->")[0]
    return [line.partition(" #")[0].strip() for line in re.findall(r"^memlint .*$", block, re.MULTILINE)]


def run(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", *shlex.split(command)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=300)


def test_lint_rank_measure_crosscheck_report_and_plan(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    told = commands()
    verbs = ["lint", "rank", "measure", "crosscheck", "report", "plan"]
    assert [command.split()[1] for command in told] == verbs
    for command in told:
        done = run(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No file ran out of memory; the heaviest reached" in page
    assert page.count('<tr role="row" id="f') == 5
    plan = (tmp_path / "memlint-plan.md").read_text(encoding="utf-8")
    assert "HISTORY.clear()" in plan and "`examples/tests/test_history.py`" in plan
    assert "[x] no unit of the suite is ended for its memory" in plan
    checked = run("memlint plan --check memlint-plan.md --journal journal.jsonl", tmp_path)
    assert checked.returncode == 1, checked.stderr
    assert "[ ] examples/tests/test_worker.py leaves no process running: 1 process" in checked.stdout
    report = run("memlint report --journal journal.jsonl --format json", tmp_path)
    facts = json.loads(report.stdout)
    assert facts["agreement"]["rows"] == 4 and facts["verdict"]["mood"] == "good"
