"""The action and the CI jobs that init writes: valid by the published schemas, and sound by zizmor."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memlint.cli import run

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / ".git").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["init", "--yes", "--github", "--sharded", "--gitlab", "--pre-commit"]) == 0
    shutil.copy(ROOT / "action.yml", folder / "action.yml")
    return folder


@pytest.mark.parametrize(
    ("schema", "pattern", "count"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml", 3),
        ("vendor.github-actions", "action.yml", 1),
        ("vendor.gitlab-ci", ".gitlab/*.yml", 1),
        ("vendor.gitlab-ci", ".gitlab-ci.yml", 1),
    ],
)
def test_files_are_valid(written: Path, schema: str, pattern: str, count: int) -> None:
    files = sorted(map(str, written.glob(pattern)))
    assert len(files) == count
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_has_nothing_to_say(written: Path) -> None:
    files = [*written.glob(".github/workflows/*.yml"), written / "action.yml"]
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run([program, "--offline", "--no-config", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings" in done.stdout + done.stderr
