"""What a repository has already: its pytest configuration, hooks, CI, and how its suite is installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlint.config import Settings, find_config, find_pytest_config
from memlint.config.toml_source import read_source, read_text

PRE_COMMIT = ".pre-commit-config.yaml"
GITLAB = ".gitlab-ci.yml"
GITHUB = ".github/workflows"
DEFAULT_PYTHON = "3.12"

# looked for in this order: requirement files that name a suite's own needs, as projects call them
_REQUIREMENTS = (
    "requirements-test.txt",
    "requirements-tests.txt",
    "requirements-testing.txt",
    "test-requirements.txt",
    "requirements/test.txt",
    "requirements/tests.txt",
    "requirements/testing.txt",
    "tests/requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "requirements/dev.txt",
    "requirements.txt",
)
_EXTRAS = ("test", "tests", "testing", "dev", "develop", "all")
# markers under which projects announce that a test is heavy
_HEAVY = re.compile(
    r"(?:.*_)?(?:slow|heavy|large|huge|big|stress|(?:high|large|memory)_?(?:memory|intensive))(?:_.*)?"
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A checkout as ``memlint init`` sees it. Paths are POSIX and relative to ``root``."""

    root: Path
    settings_file: str | None  # where memlint is configured already
    pytest_file: str | None  # where pytest is configured
    pytest_keys: tuple[str, ...]  # table in a TOML file, or the section of an INI file
    markers: tuple[str, ...]  # registered names
    testpaths: tuple[str, ...]
    python: str  # version to run CI jobs with
    install: str  # command that installs the suite with what it needs
    baseline: bool  # a baseline file exists

    @property
    def heavy_markers(self) -> tuple[str, ...]:
        """Registered markers that read as an announcement of a heavy test."""
        return tuple(name for name in self.markers if _HEAVY.fullmatch(name))

    def has(self, path: str) -> bool:
        """Whether the file or folder exists."""
        return (self.root / path).exists()


def survey(settings: Settings) -> Repository:
    """Look at the checkout that ``settings.root`` lies in. Nothing is run or imported.

    Raises ConfigError for a configuration file that cannot be parsed.
    """
    root = settings.root
    pytest = find_pytest_config(root)
    inside = pytest if pytest and pytest.path.is_relative_to(root) else None
    keys = _pytest_table(inside.path) if inside else ()
    project = _project(root)
    own = find_config(root)
    return Repository(
        root=root,
        settings_file=own.relative_to(root).as_posix() if own and own.is_relative_to(root) else None,
        pytest_file=inside.path.relative_to(root).as_posix() if inside and keys else None,
        pytest_keys=keys,
        markers=inside.markers if inside else (),
        testpaths=_testpaths(root, settings),
        python=_python(root, project),
        install=_install(root, project),
        baseline=settings.baseline is not None or (root / "memlint-baseline.json").exists(),
    )


def _pytest_table(path: Path) -> tuple[str, ...]:
    if path.suffix != ".toml":
        section = "tool:pytest" if path.name == "setup.cfg" else "pytest"
        return (section,) if f"[{section}]" in read_text(path) else ()
    source = read_source(path)
    tables = (("tool", "pytest", "ini_options"), ("tool", "pytest"), ("pytest",))
    return next((keys for keys in tables if source.table(*keys) is not None), ())


def _project(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    return read_source(path).data if path.is_file() else {}


def _testpaths(root: Path, settings: Settings) -> tuple[str, ...]:
    if settings.testpaths:
        return settings.testpaths
    return tuple(name for name in ("tests", "test") if (root / name).is_dir())[:1]


def _python(root: Path, project: dict[str, Any]) -> str:
    """The version in .python-version, else the default, else what requires-python starts at."""
    pinned = root / ".python-version"
    if pinned.is_file() and (match := re.match(r"\s*(3\.\d+)", read_text(pinned))):
        return match[1]
    needs = str(project.get("project", {}).get("requires-python", ""))
    least = re.search(r">=\s*3\.(\d+)", needs)
    below = re.search(r"<\s*3\.(\d+)", needs)
    minor = int(DEFAULT_PYTHON.partition(".")[2])
    if least and int(least[1]) > minor:
        minor = int(least[1])
    if below and int(below[1]) <= minor:
        minor = int(below[1]) - 1
    return f"3.{minor}"


def _install(root: Path, project: dict[str, Any]) -> str:
    """The command that most likely installs the suite and its needs; a person is asked to check it."""
    about = project.get("project", {})
    extras = [name for name in _EXTRAS if name in about.get("optional-dependencies", {})]
    groups = [name for name in _EXTRAS if name in project.get("dependency-groups", {})]
    packaged = "build-system" in project or (root / "setup.py").is_file()
    itself = f'-e ".[{extras[0]}]"' if extras else "-e ."
    parts = [itself] if packaged else []
    if groups:
        parts.append(f"--group {groups[0]}")
    if not extras and not groups:
        listed = next((name for name in _REQUIREMENTS if (root / name).is_file()), None)
        parts += [f"-r {listed}"] if listed else []
    return " ".join(["python -m pip install", *parts, "pytest"])
