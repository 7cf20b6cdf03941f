"""As much of a CI system as it takes to run the steps that memlint's own templates hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Done:
    """A step that ran."""

    name: str
    code: int
    output: str


@dataclass
class Machine:
    """A runner with a checkout; ``values`` are what expressions such as ``inputs.test_file`` stand for."""

    checkout: Path
    temporary: Path
    values: Mapping[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.temporary.mkdir(parents=True, exist_ok=True)
        for name in ("env", "output", "summary"):
            (self.temporary / name).touch()

    @property
    def summary(self) -> str:
        """The job summary so far."""
        return (self.temporary / "summary").read_text(encoding="utf-8")

    def run(self, steps: list[dict[str, Any]], environment: Mapping[str, str]) -> list[Done]:
        """Run every step whose condition holds, until one fails that is not allowed to."""
        done: list[Done] = []
        failed = False
        for step in steps:
            if "run" not in step or not self.holds(step.get("if"), failed):
                continue
            ended = self.shell(step, environment)
            done.append(ended)
            self.outcomes[f"steps.{step.get('id')}.outcome"] = "failure" if ended.code else "success"
            failed = failed or bool(ended.code and not step.get("continue-on-error"))
        return done

    def holds(self, condition: str | None, failed: bool) -> bool:
        """Whether a step is to run. Knows the forms that the templates use."""
        text = EXPRESSION.sub(r"\1", condition or "success()")
        if text in {"always()", "!cancelled()"}:
            return True
        if text == "success()":
            return not failed
        match = re.fullmatch(r"(\S+) == '(\w+)'", text)
        assert match, f"unknown condition {text!r}"
        return not failed and self.value(match[1]) == match[2]

    def value(self, expression: str) -> str:
        """What an expression stands for."""
        if expression in self.outcomes:
            return self.outcomes[expression]
        if expression in self.outputs:
            return self.outputs[expression]
        return self.values.get(expression, "")

    def shell(self, step: Mapping[str, Any], environment: Mapping[str, str]) -> Done:
        """Run one step as the runner does, with what earlier steps have put into its environment."""
        given = {**environment, **step.get("env", {})}
        assert not EXPRESSION.search(step["run"]), "an expression in a script is an injection"
        filled = {name: EXPRESSION.sub(lambda m: self.value(m[1]), str(text)) for name, text in given.items()}
        own = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        base = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTEST_"))}
        files = {f"GITHUB_{n}": str(self.temporary / n.lower()) for n in ("ENV", "OUTPUT")}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.checkout,
            env={
                **base,
                **files,
                "GITHUB_STEP_SUMMARY": str(self.temporary / "summary"),
                "RUNNER_TEMP": str(self.temporary),
                **self.environment,
                **filled,
                "PATH": own,
            },
            capture_output=True,
            text=True,
            timeout=600,
        )
        self.environment.update(_pairs(self.temporary / "env"))
        for name, value in _pairs(self.temporary / "output").items():
            self.outputs[f"steps.{step.get('id')}.outputs.{name}"] = value
        return Done(step.get("name", ""), done.returncode, done.stdout + done.stderr)


def _pairs(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)
