"""``memlint init`` on small repositories: what it proposes, writes, leaves alone and takes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from memlint import __version__
from memlint.cli import run

LEAK = "import sqlite3\n\n\ndef test_rows():\n    db = sqlite3.connect(':memory:')\n    assert db.execute('select 1')\n"
PYPROJECT = (
    '[project]\nname = "shop"\n\n[tool.pytest.ini_options]\nmarkers = ["slow: a minute", "db: needs one"]\n'
)
HOOKS = "repos:\n  - repo: https://example.org/a\n    rev: v1\n    hooks:\n      - id: a\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_rows.py").write_text(LEAK)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot(root: Path) -> dict[str, bytes]:
    own = (".memlint", ".memlint_cache")
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in own
    }


def test_without_a_yes_nothing_is_written(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(repository)
    assert run(["init", "--github"]) == 1
    out, err = capsys.readouterr()
    assert snapshot(repository) == before
    assert '+markers = ["memory_intensive", "slow"]' in out
    assert "+++ b/.github/workflows/memlint.yml" in out
    assert "nothing is written" in err


def test_yes_writes_and_memlint_is_clean_then(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / ".pre-commit-config.yaml").write_text(HOOKS)
    assert run(["init", "--yes", "--github", "--gitlab", "--sharded"]) == 0
    assert set(snapshot(repository)) == {
        "pyproject.toml",
        "memlint-baseline.json",
        ".pre-commit-config.yaml",
        ".github/workflows/memlint.yml",
        ".github/workflows/memory-diagnostic.yml",
        ".github/workflows/memory-diagnostic-sharded.yml",
        ".gitlab/memlint.yml",
        ".gitlab-ci.yml",
        "tests/test_rows.py",
    }
    # memlint: ignore[MEM103] small: the test or the checkout wrote it
    hooks = yaml.safe_load((repository / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["https://example.org/a", "local"]
    assert [hook["id"] for hook in hooks[1]["hooks"]] == ["memlint", "memlint-suite"]
    assert f"pytest-memlint=={__version__}" in hooks[1]["hooks"][0]["additional_dependencies"]
    capsys.readouterr()
    assert run(["lint"]) == 0  # its one finding is in the baseline
    assert "1 in the baseline" in capsys.readouterr().out


def test_a_second_run_changes_nothing(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["init", "--yes", "--github", "--gitlab", "--pre-commit"])
    written = snapshot(repository)
    capsys.readouterr()
    assert run(["init", "--yes", "--github", "--gitlab", "--pre-commit"]) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert snapshot(repository) == written


def test_undo_puts_everything_back(repository: Path) -> None:
    (repository / "pyproject.toml").write_bytes(b"\xef\xbb\xbf" + PYPROJECT.replace("\n", "\r\n").encode())
    before = snapshot(repository)
    run(["init", "--yes", "--github", "--gitlab"])
    changed = (repository / "pyproject.toml").read_bytes()
    assert changed.startswith(b"\xef\xbb\xbf[project]\r\n")
    assert b"[tool.memlint]\r\n" in changed
    assert b"\r\r" not in changed
    assert run(["init", "--undo"]) == 0
    assert snapshot(repository) == before
    assert not (repository / ".github").exists()


def test_undo_leaves_what_was_edited_since(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["init", "--yes"])
    path = repository / "pyproject.toml"
    path.write_text(path.read_text() + "# mine\n")
    assert run(["init", "--undo"]) == 1
    assert "pyproject.toml: was edited since" in capsys.readouterr().err
    assert path.read_text().endswith("# mine\n")
    assert run(["init", "--undo"]) == 2  # nothing is left to undo


def test_nothing_is_written_through_a_link(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (repository / ".github").symlink_to(outside)
    before = snapshot(repository)
    assert run(["init", "--yes", "--github"]) == 2
    assert not any(outside.iterdir())
    assert {name for name in snapshot(repository) if not name.startswith(".github")} == set(before)


def test_a_suite_without_any_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--yes"]) == 0
    assert set(snapshot(tmp_path)) == {"memlint.toml", "test_nothing.py"}
    assert run(["config"]) == 0


@pytest.mark.parametrize(
    ("name", "text", "registered"),
    [
        ("pytest.ini", "[pytest]\nmarkers =\n    slow: a\n", "    memory_intensive: "),
        ("setup.cfg", "[metadata]\nname = x\n\n[tool:pytest]\naddopts = -ra\n", "    memory_intensive: "),
        ("tox.ini", "[pytest]\naddopts = -ra\n", "    memory_intensive: "),
        ("pytest.toml", "[pytest]\naddopts = ['-ra']\n", 'markers = ["memory_intensive: '),
    ],
)
def test_the_marker_is_registered_where_pytest_is_configured(
    repository: Path, name: str, text: str, registered: str
) -> None:
    (repository / "pyproject.toml").unlink()
    (repository / name).write_text(text)
    assert run(["init", "--yes"]) == 0
    assert registered in (repository / name).read_text()


def test_pytest_knows_the_marker_afterwards(repository: Path) -> None:
    run(["init", "--yes", "--no-baseline"])
    (repository / "tests" / "test_big.py").write_text(
        "import pytest\n\n@pytest.mark.memory_intensive\ndef test_big():\n    pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:memlint", "--strict-markers", "-q", "tests/test_big.py"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_cannot_be_edited_is_said_and_the_rest_is_done(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / ".pre-commit-config.yaml").write_text("repos: []\n")
    assert run(["init", "--yes"]) == 0
    out = capsys.readouterr().out
    assert ".pre-commit-config.yaml is left as it is: repos is not a list there" in out
    assert "- repo: local" in out
    assert "[tool.memlint]" in (repository / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("files", "command"),
    [
        (
            {"pyproject.toml": "[build-system]\nrequires = []\n[project.optional-dependencies]\ntest = []\n"},
            '-e ".[test]" pytest',
        ),
        ({"pyproject.toml": "[dependency-groups]\ndev = []\n"}, "install --group dev pytest"),
        ({"setup.py": "", "requirements-dev.txt": ""}, "install -e . -r requirements-dev.txt pytest"),
        ({"requirements/test.txt": ""}, "install -r requirements/test.txt pytest"),
        ({}, "install pytest"),
    ],
)
def test_the_diagnostic_installs_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], command: str
) -> None:
    (tmp_path / ".git").mkdir()
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    run(["init", "--yes", "--github"])
    # memlint: ignore[MEM103] small: the test or the checkout wrote it
    workflow = yaml.safe_load((tmp_path / ".github/workflows/memory-diagnostic.yml").read_text())
    steps = {step["name"]: step.get("run", "") for step in workflow["jobs"]["diagnose"]["steps"]}
    assert steps["Install the suite"].endswith(command)
