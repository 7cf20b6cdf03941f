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

    def cut_off(self) -> None:
        """Let nothing reach a package index from now on."""
        self._env.update({"PIP_NO_INDEX": "1", "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_FIND_LINKS": ""})

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


def configure(hooks: Checkout, project: Checkout) -> None:
    """Let the project use both hooks, and git the first."""
    revision = hooks.git("rev-parse", "HEAD")
    lines = [
        "repos:",
        f"  - repo: {hooks.folder}",
        f"    rev: {revision}",
        "    hooks:",
        "      - id: memlint",
        "      - id: memlint-suite",
    ]
    project.write(".pre-commit-config.yaml", "\n".join(lines) + "\n")
    project.pre_commit("install").check_returncode()


def test_try_repo_shows_the_finding(hooks: Checkout, project: Checkout) -> None:
    project.write("tests/test_faulty.py", FAULTY)
    project.write("tests/test_clean.py", CLEAN)
    done = project.pre_commit("try-repo", str(hooks.folder), "memlint", "--all-files")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "MEM401" in done.stdout
    assert "test_faulty.py" in done.stdout
    assert "test_clean.py" not in done.stdout


def test_commit_with_a_fault_is_refused_and_the_mended_one_passes(hooks: Checkout, project: Checkout) -> None:
    configure(hooks, project)

    project.write("tests/test_server.py", FAULTY)
    refused = project.run("git", "commit", "-m", "Start a server")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "MEM401" in refused.stdout + refused.stderr

    project.write("tests/test_server.py", CLEAN)
    accepted = project.run("git", "commit", "-m", "Start a server and wait for it")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert project.git("log", "--format=%s") == "Start a server and wait for it"


CLOSING = """\
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
"""
PLOT = """\
import matplotlib.pyplot as plt


def test_plot():
    fig = plt.figure()
    assert fig.axes == []
"""


def test_a_commit_of_a_conftest_alone_shows_the_tests_that_it_breaks(
    hooks: Checkout, project: Checkout
) -> None:
    configure(hooks, project)
    project.write("tests/conftest.py", CLOSING)
    project.write("tests/test_plot.py", PLOT)
    project.write("tests/test_old.py", FAULTY)
    project.git("commit", "--quiet", "--no-verify", "-m", "Start with an old fault")

    project.write("tests/conftest.py", CLOSING.replace('    plt.close("all")\n', ""))
    refused = project.run("git", "commit", "-m", "Close nothing")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "tests/test_plot.py" in refused.stdout + refused.stderr
    assert "test_old.py" not in refused.stdout + refused.stderr


def test_the_whole_suite_is_checked_on_demand_and_offline(hooks: Checkout, project: Checkout) -> None:
    configure(hooks, project)
    for number in range(300):
        project.write(f"tests/test_{number}.py", CLEAN if number else FAULTY)
    project.git("commit", "--quiet", "--no-verify", "-m", "Many files")
    project.pre_commit("install-hooks").check_returncode()
    project.cut_off()
    for stage in ((), ("--hook-stage", "manual", "memlint-suite")):
        done = project.pre_commit("run", "--all-files", *stage)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "tests/test_0.py" in done.stdout
        assert "tests/test_1.py" not in done.stdout
    (project.folder / "memlint.toml").write_text('baseline = "memlint-baseline.json"\n')
    baseline = [sys.executable, "-m", "memlint", "lint", "--write-baseline", "--no-cache"]
    assert project.run(*baseline).returncode == 0
    accepted = project.pre_commit("run", "--all-files", "--hook-stage", "manual", "memlint-suite")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
