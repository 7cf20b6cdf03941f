"""A commit hook gives some files of a folder alone: what the others ask for or import is then unknown."""

from __future__ import annotations

from pathlib import Path

from memlint.config import load_settings
from memlint.model import Confidence, Level
from memlint.pipeline import Request, lint

CONFTEST = """
import subprocess

import pytest


@pytest.fixture
def server():
    yield subprocess.Popen(["shop", "serve"])
"""
HELPER = """
def read_order(path):
    order = open(path)
    return order.readline()
"""
TESTS = "\n\n".join(f"def test_{number}(client):\n    assert client.reports\n" for number in range(6))
USER = "from reports import read_order\n\n\ndef test_user(server):\n    assert read_order(server)\n"
GIVEN = ("conftest.py", "reports.py", *(f"test_{number}.py" for number in range(5)))


def found(folder: Path, paths: tuple[str, ...]) -> dict[str, Confidence]:
    """The confidence of each code that is found when ``paths`` of the folder are checked."""
    settings = load_settings(folder, working_dir=folder)
    request = Request(
        tuple(folder / path for path in paths), settings, Level.AUDIT, jobs=1, cache=False, root=folder
    )
    return {finding.code: finding.confidence for finding in lint(request).active}


def write(folder: Path) -> None:
    """A suite of which, so far, no test asks for the fixture or imports the helper."""
    for name in GIVEN:
        (folder / name).write_text({"conftest.py": CONFTEST, "reports.py": HELPER}.get(name, TESTS))


def test_a_whole_folder_tells_that_nobody_asks(tmp_path: Path) -> None:
    write(tmp_path)
    assert found(tmp_path, GIVEN) == {"MEM301": Confidence.LOW, "MEM503": Confidence.LOW}


def test_some_files_do_not(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "test_user.py").write_text(USER)
    beyond = found(tmp_path, GIVEN)
    assert beyond.keys() == {"MEM301", "MEM503"}
    assert Confidence.LOW not in beyond.values()
