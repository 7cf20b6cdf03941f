"""The command line, called in this process on a small suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_fakes import Pipeline

from memlint import cli, pipeline


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "tests").mkdir()
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / "tests" / name).write_text("import subprocess\n\nsubprocess.Popen(['x'])\n")
    monkeypatch.chdir(tmp_path)
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    made = Pipeline()
    monkeypatch.setattr(pipeline, "lint", made.lint)
    monkeypatch.setattr(pipeline, "rank", made.rank)
    return made


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def memlint(suite: Path, fake: Pipeline, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """``memlint("tests", "--format", "json")`` in the folder of ``suite``."""

    def call(*arguments: str) -> Ended:
        code = cli.run(arguments)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call
