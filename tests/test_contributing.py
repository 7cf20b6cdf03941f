"""CONTRIBUTING.md, followed step by step in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COPIED = (
    "src",
    "rules",
    "scripts",
    "tests/test_rule_cases.py",
    "tests/test_rule_format.py",
    "README.md",
    "pyproject.toml",
)
STEP = re.compile(
    r"^ *<!-- (?P<kind>write|append|run)(?:: (?P<path>\S+))? -->\n(?P<fence> *`{3,})\w*\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path


def section(title: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.split(r"^## ", text.partition(f"## {title}\n")[2], flags=re.MULTILINE)[0]


@pytest.mark.parametrize(("title", "steps"), [("A library in five minutes", 3), ("A rule in ten minutes", 4)])
def test_the_steps_lead_where_they_say(checkout: Path, title: str, steps: int) -> None:
    found = list(STEP.finditer(section(title)))
    assert len(found) == steps
    for step in found:
        text = textwrap.dedent(step["text"])
        if step["kind"] == "run":
            done = run(checkout, text)
            assert done.returncode == 0, done.stdout + done.stderr
            assert re.search(r"\d+ passed", done.stdout), "no test ran"
            assert "failed" not in done.stdout
        else:
            path = checkout / step["path"]
            assert path.exists() == (step["kind"] == "append")
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\n{text}" if step["kind"] == "append" else text)


def run(checkout: Path, script: str) -> subprocess.CompletedProcess[str]:
    own = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": own, "PYTHONPATH": str(checkout / "src")}
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=600)
