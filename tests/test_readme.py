"""README.md says what the rule book says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from memlint.knowledge.rulebook import load_rulebook

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "rule_table.py"
EMPTY = "# a\n\n<!-- rules:start -->\n<!-- rules:end -->\n\nz\n"


def rule_table(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_rule_table_of_the_readme_is_fresh() -> None:
    done = rule_table("--check")
    assert done.returncode == 0, done.stderr


def test_a_stale_table_is_refused_and_then_mended(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(EMPTY, encoding="utf-8")
    stale = rule_table("--check", readme)
    assert (stale.returncode, readme.read_text(encoding="utf-8")) == (1, EMPTY)
    assert "python scripts/rule_table.py" in stale.stderr
    assert rule_table(readme).returncode == 0
    assert rule_table("--check", readme).returncode == 0
    written = readme.read_text(encoding="utf-8")
    assert written.startswith("# a\n\n<!-- rules:start -->\n\n| code |")
    assert written.endswith("\n<!-- rules:end -->\n\nz\n")
    for rule in load_rulebook().rules.values():
        assert written.count(f"\n| {rule.code} | {rule.name} |") == 1


@pytest.mark.parametrize("text", ["# a\n", "<!-- rules:end -->\n<!-- rules:start -->\n"])
def test_a_file_without_the_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    done = rule_table(readme)
    assert done.returncode == 2
    assert "rules:start" in done.stderr
    assert readme.read_text(encoding="utf-8") == text
