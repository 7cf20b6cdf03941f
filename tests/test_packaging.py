"""What a user installs: the wheel, built from the source archive, holds all that memlint needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = "Scripts" if os.name == "nt" else "bin"


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", timeout=300
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and source archive; ``build`` makes the wheel from the unpacked source archive."""
    folder = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a fresh environment that holds the wheel; only its dependencies come from ours."""
    home = tmp_path_factory.mktemp("alone") / "venv"
    venv.create(home, with_pip=True)
    python = home / BIN / "python"
    done = run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    where = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home
    ).stdout.strip()
    (Path(where) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / BIN


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """A folder from which neither the checkout nor its configuration can be seen, with the examples in it."""
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignore)
    return tmp_path


def test_wheel_carries_every_rule_file(wheel: Path) -> None:
    shipped = {path.relative_to(ROOT / "rules").as_posix() for path in (ROOT / "rules").rglob("*.toml")}
    with zipfile.ZipFile(wheel) as archive:
        packed = {
            name.removeprefix("memlint/_rules/") for name in archive.namelist() if name.endswith(".toml")
        }
    assert packed == shipped
    assert "apis/subprocess.toml" in packed


def test_wheel_names_its_command_and_its_plugin(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        # memlint: ignore[MEM103] small: the test or the checkout wrote it
        entry_points = archive.read(path).decode()
    assert "memlint = memlint.cli:main" in entry_points
    assert "[pytest11]\nmemlint = memlint.pytest_plugin" in entry_points


def test_source_archive_can_run_its_tests(dist: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".pre-commit-hooks.yaml"}
    assert wanted <= names
    assert {"tests/test_packaging.py", "examples/tests/conftest.py", "rules/apis/subprocess.toml"} <= names


def test_rule_book_is_found_inside_the_installation(installed: Path, away: Path) -> None:
    code = "from memlint.knowledge.locate import rules_dir; print(rules_dir())"
    done = run(installed / "python", "-I", "-c", code, cwd=away)
    place = Path(done.stdout.strip())
    assert place.name == "_rules", done.stderr
    assert place.is_relative_to(installed.parent.resolve())


def test_explain_from_the_wheel(installed: Path, away: Path) -> None:
    done = run(installed / "memlint", "explain", "MEM401", cwd=away)
    assert done.returncode == 0, done.stderr
    assert "process-never-terminated" in done.stdout


def test_lint_from_the_wheel(installed: Path, away: Path) -> None:
    done = run(installed / "memlint", "examples", "--format", "concise", cwd=away)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "examples/tests/test_worker.py" in done.stdout
    assert "MEM401" in done.stdout
