"""``memlint lint --diff-from``: what a change touched, and what it caused elsewhere."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from memlint import cli

LEAK = "import sqlite3\n\n\ndef test_{name}():\n    conn = sqlite3.connect(':memory:')\n    assert conn\n"
FIXTURE = """import numpy as np
import pytest


@pytest.fixture{scope}
def table():
    return np.ones(20_000_000)
"""


class Repository:
    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capfd = capfd
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.email", "a@example.org")
        self.git("config", "user.name", "A")
        # a user's own settings must change nothing
        for setting in ("diff.noprefix=true", "color.ui=always", "diff.renames=false", "core.quotePath=true"):
            self.git("config", *setting.split("="))

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")

    def lint(self, *arguments: str, ref: str = "main") -> set[tuple[str, str]]:
        """Path and code of each finding."""
        code, out, err = self.run("--format", "json", "--no-cache", "--diff-from", ref, *arguments)
        assert code in (0, 1), err
        return {(finding["path"], finding["code"]) for finding in json.loads(out)["findings"]}

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = cli.run(["lint", *arguments])
        out, err = self.capfd.readouterr()
        return code, out, err


@pytest.fixture
def repository(tmp_path, monkeypatch, capfd):
    folder = tmp_path / "repo"
    folder.mkdir()
    made = Repository(folder, capfd)
    made.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
    made.write("tests/test_old.py", LEAK.format(name="old"))
    made.write("tests/test_plain.py", "def test_plain():\n    assert True\n")
    made.commit()
    made.git("checkout", "-q", "-b", "topic")
    monkeypatch.chdir(folder)
    return made


def test_nothing_changed_nothing_found(repository):
    assert repository.lint() == set()
    _, _, err = repository.run("--no-cache", "--diff-from", "main")
    assert "1 finding more, which nothing since main" in err


@pytest.mark.parametrize("state", ["untracked", "staged", "committed"])
def test_new_files_count_in_every_state(repository, state):
    repository.write("tests/test_new.py", LEAK.format(name="new"))
    if state == "staged":
        repository.git("add", "-A")
    if state == "committed":
        repository.commit()
    assert repository.lint() == {("tests/test_new.py", "MEM501")}


def test_a_changed_line_brings_its_old_finding(repository):
    text = LEAK.format(name="old")
    repository.write("tests/test_old.py", text.replace("conn = sqlite3", "conn =  sqlite3"))
    assert repository.lint() == {("tests/test_old.py", "MEM501")}
    repository.write("tests/test_old.py", "# a comment\n\n" + text)
    assert repository.lint() == set(), "lines that only moved have not changed"


def test_a_release_that_was_deleted(repository):
    closed = LEAK.format(name="closed") + "    conn.close()\n"
    repository.git("checkout", "-q", "main")
    repository.write("tests/test_closed.py", closed.replace("    assert conn\n", ""))
    repository.commit()
    repository.git("checkout", "-q", "-B", "topic")
    repository.write(
        "tests/test_closed.py", closed.replace("    assert conn\n    conn.close()\n", "    del conn\n")
    )
    assert repository.lint() == {("tests/test_closed.py", "MEM501")}


def test_a_fixture_that_became_session_scoped(repository):
    repository.git("checkout", "-q", "main")
    repository.write("tests/conftest.py", FIXTURE.format(scope=""))
    repository.write("tests/test_uses.py", "def test_uses(table):\n    assert table.size\n")
    repository.commit()
    repository.git("checkout", "-q", "-B", "topic")
    assert repository.lint() == set()
    repository.write("tests/conftest.py", FIXTURE.format(scope="(scope='session')"))
    assert repository.lint() == {("tests/conftest.py", "MEM302")}
    assert repository.lint("tests/test_uses.py", "tests/conftest.py") == {("tests/conftest.py", "MEM302")}


HELPER = """import sqlite3


def opened():
    return sqlite3.connect(":memory:")


def done_with(connection):
    {body}
"""
USER = """from tests.helpers import done_with, opened


def test_user():
    connection = opened()
    done_with(connection)
"""


def test_a_helper_that_no_longer_closes_shows_its_dependants(repository):
    repository.git("checkout", "-q", "main")
    repository.write("tests/__init__.py", "")
    repository.write("tests/helpers.py", HELPER.format(body="connection.close()"))
    repository.write("tests/test_user.py", USER)
    repository.commit()
    repository.git("checkout", "-q", "-B", "topic")
    assert repository.lint() == set()
    repository.write("tests/helpers.py", HELPER.format(body="connection.commit()"))
    assert repository.lint() == {("tests/test_user.py", "MEM501")}


def test_renamed_files_and_names_beyond_ascii(repository):
    repository.git("mv", "tests/test_old.py", 'tests/test_ümlaut "q".py')
    assert repository.lint() == set()
    repository.write("tests/test_日本.py", LEAK.format(name="new"))
    assert repository.lint() == {("tests/test_日本.py", "MEM501")}
    path = repository.folder / 'tests/test_ümlaut "q".py'
    path.write_text(path.read_text() + "\n\n" + LEAK.format(name="more").partition("\n\n\n")[2])
    assert repository.lint() == {("tests/test_日本.py", "MEM501"), ('tests/test_ümlaut "q".py', "MEM501")}


def test_from_a_subdirectory(repository, monkeypatch):
    repository.write("tests/deep/test_new.py", LEAK.format(name="new"))
    repository.write("tests/test_other.py", LEAK.format(name="other"))
    monkeypatch.chdir(repository.folder / "tests" / "deep")
    assert repository.lint(".") == {("test_new.py", "MEM501")}
    assert repository.lint("..") == {("test_new.py", "MEM501"), ("../test_other.py", "MEM501")}


def test_what_others_did_to_the_ref_meanwhile_is_not_ours(repository):
    repository.write("tests/test_new.py", LEAK.format(name="new"))
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("tests/test_old.py", "def test_mended():\n    assert True\n")
    repository.commit()
    repository.git("checkout", "-q", "topic")
    assert repository.lint() == {("tests/test_new.py", "MEM501")}


def test_deleted_files_and_data_are_weighed_as_they_were(repository):
    repository.git("checkout", "-q", "main")
    load = "import numpy as np\n\n\ndef test_load():\n    data = np.load('tests/data.npy')\n    assert data.size\n"
    repository.write("tests/test_load.py", load)
    (repository.folder / "tests/data.npy").write_bytes(bytes(1000))
    repository.commit()
    repository.git("checkout", "-q", "-B", "topic")
    assert repository.lint() == set()
    with (repository.folder / "tests/data.npy").open("wb") as file:
        file.truncate(900_000_000)
    (repository.folder / "tests/test_plain.py").unlink()
    assert repository.lint() == {("tests/test_load.py", "MEM102")}


def test_the_exit_code_and_the_baseline_hold(repository):
    assert repository.run("--no-cache", "-q")[0] == 1
    assert repository.run("--no-cache", "-q", "--diff-from", "main")[0] == 0
    repository.write("tests/test_new.py", LEAK.format(name="new"))
    assert repository.run("--no-cache", "-q", "--diff-from", "main")[0] == 1
    repository.run("--no-cache", "--write-baseline")
    assert (
        repository.run("--no-cache", "-q", "--diff-from", "main", "--baseline", "memlint-baseline.json")[0]
        == 0
    )


def test_the_checkout_is_left_as_it_was(repository):
    repository.write("tests/test_new.py", LEAK.format(name="new"))
    before = repository.git("status", "--porcelain", "--ignored")
    repository.lint()
    assert repository.git("status", "--porcelain", "--ignored") == before
    assert repository.git("stash", "list") == ""
    assert repository.git("worktree", "list").count("\n") == 1


class TestTrouble:
    def test_outside_git(self, tmp_path, monkeypatch, capfd):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
        (tmp_path / "test_a.py").write_text(LEAK.format(name="a"))
        assert cli.run(["lint", "--no-cache", "--diff-from", "main"]) == 2
        assert "no git checkout" in capfd.readouterr().err

    def test_unknown_ref(self, repository):
        for ref in ("nothing", "--output=x", "HEAD:tests"):
            code, _, err = repository.run("--no-cache", f"--diff-from={ref}")
            assert (code, "git knows no commit" in err, "Traceback" in err) == (2, True, False)

    def test_shallow_clone(self, repository, tmp_path, monkeypatch):
        repository.write("tests/test_new.py", LEAK.format(name="new"))
        repository.commit()
        repository.git("checkout", "-q", "main")
        repository.write("tests/test_more.py", "def test_more():\n    assert True\n")
        repository.commit()
        clone = tmp_path / "clone"
        source = f"file://{repository.folder}"
        subprocess.run(["git", "clone", "-q", "--depth=1", "--no-single-branch", source, clone], check=True)
        monkeypatch.chdir(clone)
        code, _, err = repository.run("--no-cache", "--diff-from", "origin/topic")
        assert code == 2
        assert "the clone is shallow" in err
        assert "fetch-depth: 0" in err

    def test_options_that_do_not_go_together(self, repository):
        for other in (("--write-baseline",), ("--add-ignore", "why")):
            code, _, err = repository.run("--diff-from", "main", *other)
            assert (code, "--diff-from goes neither" in err) == (2, True)
