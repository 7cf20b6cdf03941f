"""``--dependants``: a commit that touches only a conftest or a helper shows what it does to the tests."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from memlint.cli import run

CLOSING = """\
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
"""
CONFTEST = "import sqlite3\n\n\ndef open_rows():\n    return sqlite3.connect(':memory:')\n"
PLOT = "import matplotlib.pyplot as plt\n\n\ndef test_plot():\n    fig = plt.figure()\n    assert fig.axes == []\n"
OTHER = "import subprocess\n\n\ndef test_other():\n    p = subprocess.Popen(['x'])\n    assert p.pid\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text(CLOSING)
    (tmp_path / "tests" / "test_plot.py").write_text(PLOT)
    (tmp_path / "tests" / "test_other.py").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "Start")
    return tmp_path


def git(*arguments: str) -> None:
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    environment = {**os.environ, **dict.fromkeys(names, "ada"), "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *arguments], env=environment, check=True, capture_output=True)


def found(capfd: pytest.CaptureFixture[str], *arguments: str) -> list[tuple[str, str]]:
    capfd.readouterr()
    run(["lint", "--level", "ci", "--format", "json", *arguments])
    return [(f["path"], f["code"]) for f in json.loads(capfd.readouterr().out)["findings"]]


def test_a_clean_up_that_goes_shows_the_tests_it_leaves(
    repository: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    conftest = repository / "tests" / "conftest.py"
    assert found(capfd, "--dependants", "tests/conftest.py") == []
    conftest.write_text(CLOSING.replace('    plt.close("all")\n', ""))
    assert found(capfd, "tests/conftest.py") == []
    # the old leak of test_other.py is nobody's fault today
    assert found(capfd, "--dependants", "tests/conftest.py") == [("tests/test_plot.py", "MEM601")]


def test_the_named_files_are_checked_whole(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (repository / "tests" / "conftest.py").write_text(CLOSING.replace('    plt.close("all")\n', ""))
    assert found(capfd, "--dependants", "tests/conftest.py", "tests/test_other.py") == [
        ("tests/test_other.py", "MEM401"),
        ("tests/test_plot.py", "MEM601"),
    ]


def test_a_helper_stands_for_its_test_folder(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (repository / "tests" / "deep").mkdir()
    helper = repository / "tests" / "deep" / "stores.py"
    helper.write_text(
        "import contextlib\n"
        + CONFTEST.replace(
            "return sqlite3.connect(':memory:')", "return contextlib.closing(sqlite3.connect(':memory:'))"
        )
    )
    (repository / "tests" / "test_rows.py").write_text(
        "from deep.stores import open_rows\n\n\ndef test_rows():\n    db = open_rows()\n    assert db\n"
    )
    git("add", ".")
    git("commit", "--quiet", "-m", "Rows")
    helper.write_text(CONFTEST)
    assert ("tests/test_rows.py", "MEM501") in found(capfd, "--dependants", "tests/deep/stores.py")


def test_before_the_first_commit_what_speaks_of_the_named_files_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST)
    (tmp_path / "tests" / "test_other.py").write_text(OTHER)
    (tmp_path / "tests" / "test_rows.py").write_text(
        "from conftest import open_rows\n\n\ndef test_rows():\n    db = open_rows()\n    assert db\n"
    )
    monkeypatch.chdir(tmp_path)
    assert found(capfd, "--dependants", "tests/conftest.py") == [("tests/test_rows.py", "MEM501")]
