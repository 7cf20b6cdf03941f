"""The hook in the hands of the real pre-commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGED = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    ".pre-commit-hooks.yaml",
    "src",
    "rules",
)

FAULTY = """\
import subprocess
import sys


def test_server_answers():
    server = subprocess.Popen([sys.executable, "-m", "http.server"])
    assert server.poll() is None
"""
CLEAN = """\
import subprocess
import sys


def test_server_answers():
    with subprocess.Popen([sys.executable, "-c", "pass"]) as server:
        assert server.pid
"""


class Checkout:
    """A git repository, and commands run in it without the settings of the user who runs the tests."""

    def __init__(self, folder: Path, store: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))
        }
        person = {"NAME": "Ada", "EMAIL": "ada@example.org"}
        names = {
            f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()
        }
        self._env = {**kept, **names, "GIT_CONFIG_GLOBAL": os.devnull, "PRE_COMMIT_HOME": str(store)}
        self.git("init", "--quiet")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=600,
        )

    def git(self, *arguments: str) -> str:
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def pre_commit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pre_commit", *arguments)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.git("add", name)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Checkout:
    """The work tree as it is now, committed: what a user's ``repo:`` names."""
    folder = tmp_path_factory.mktemp("memlint")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    checkout = Checkout(folder, store)
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "-m", "Snapshot")
    return checkout


@pytest.fixture
def project(tmp_path: Path, store: Path) -> Checkout:
    return Checkout(tmp_path / "project", store)


def test_try_repo_shows_the_finding(hooks: Checkout, project: Checkout) -> None:
    project.write("tests/test_faulty.py", FAULTY)
    project.write("tests/test_clean.py", CLEAN)
    done = project.pre_commit("try-repo", str(hooks.folder), "memlint", "--all-files")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "MEM401" in done.stdout
    assert "test_faulty.py" in done.stdout
    assert "test_clean.py" not in done.stdout


def test_commit_with_a_fault_is_refused_and_the_mended_one_passes(hooks: Checkout, project: Checkout) -> None:
    revision = hooks.git("rev-parse", "HEAD")
    lines = [
        "repos:",
        f"  - repo: {hooks.folder}",
        f"    rev: {revision}",
        "    hooks:",
        "      - id: memlint",
    ]
    project.write(".pre-commit-config.yaml", "\n".join(lines) + "\n")
    project.pre_commit("install").check_returncode()

    project.write("tests/test_server.py", FAULTY)
    refused = project.run("git", "commit", "-m", "Start a server")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "MEM401" in refused.stdout + refused.stderr

    project.write("tests/test_server.py", CLEAN)
    accepted = project.run("git", "commit", "-m", "Start a server and wait for it")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert project.git("log", "--format=%s") == "Start a server and wait for it"
