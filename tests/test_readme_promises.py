"""What README.md tells people to type is understood."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from memlint.cli import COMMANDS, cli
from memlint.config import Overrides, load_settings
from memlint.knowledge.rulebook import load_rulebook

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = "\n".join(
    [
        *re.findall(r"^```(?:sh|yaml)\n(.*?)^```", README, re.MULTILINE | re.DOTALL),
        *re.findall(r"^    (memlint.*)", README, re.MULTILINE),
        *re.findall(r"`(memlint [^`]*)`", README),
    ]
)
CALLS = sorted({call.split(" #")[0].strip() for call in re.findall(r"(?<![\w-])memlint [^&\n|]*", CODE)})


@pytest.mark.parametrize("call", CALLS)
def test_commands_and_options_exist(call: str) -> None:
    words = call.split()[1:]
    name = words[0] if words and words[0] in COMMANDS else "lint"
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"} <= known


def test_the_calls_are_found_at_all() -> None:
    assert "memlint examples --exit-zero" in CALLS
    assert "memlint explain MEM401" in CALLS


def test_the_configuration_is_accepted(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(block, encoding="utf-8")
    settings = load_settings(tmp_path, overrides=Overrides())
    assert settings.options["MEM201"]["min-bytes"] == 250 * 1024**2
    assert "MEM201" not in settings.active_codes(str(tmp_path / "tests/stress/test_a.py"))


def test_the_ci_run_takes_the_test_command_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (line,) = (line for line in script.splitlines() if line.startswith("command=$("))
    shell = shutil.which("bash")
    assert shell is not None
    done = subprocess.run(
        [shell, "-c", f'{line}\nprintf %s "$command"'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 0
    assert done.stdout.endswith("/bin/python -m pytest -q -n 2")
    assert f"```sh\n{done.stdout}\n```" in README


def test_codes_and_rule_names_exist() -> None:
    rules = load_rulebook().rules
    named = set(re.findall(r"\bMEM\d{3}\b", README))
    assert named <= set(rules)
    names = set(re.findall(r"ignore\[([a-z-]+)\]", README))
    assert names and names <= {rule.name for rule in rules.values()}
