"""Lists of tests: our own and those of other tools."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from memlint.discovery import ListError, ancestor_conftests, read_test_list


def test_paths_and_node_ids_one_a_line():
    text = (
        "# heavy\ntests/test_a.py\r\n\n  tests/b c.py::test_x[1]  # 2 GB\n\ttests/test#1.py\ntests/test_a.py"
    )
    assert read_test_list(text.encode()) == ("tests/test_a.py", "tests/b c.py::test_x[1]", "tests/test#1.py")


def test_nothing_is_nothing():
    assert read_test_list(b"\n# only a comment\n   \n") == ()
    assert read_test_list(b"") == ()


def test_a_parameter_may_hold_a_comment_sign():
    assert read_test_list(b"tests/test_a.py::test_x[a # b]\n") == ("tests/test_a.py::test_x[a # b]",)


def test_durations_of_pytest_split():
    names = ["tests/test_a.py::test_x[1]", "tests/test_b.py::test_y"]
    assert read_test_list(json.dumps(dict.fromkeys(names, 0.5), indent=4).encode()) == tuple(names)
    assert read_test_list(json.dumps([[name, 1] for name in names]).encode()) == tuple(names)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "tests" / "unit" / "test_a.py").write_text(
        "import pytest\n\n\n"
        "@pytest.mark.parametrize('n', [1, 'a b'])\ndef test_x(n):\n    pass\n\n\n"
        "class TestY:\n    def test_z(self):\n        pass\n"
    )
    (tmp_path / "tests" / "test_broken.py").write_text("import nothing_of_that_name\n")
    return tmp_path


def run_pytest(folder, *arguments: str) -> bytes:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", *arguments]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, timeout=120, check=False).stdout


NODES = (
    "tests/unit/test_a.py::test_x[1]",
    "tests/unit/test_a.py::test_x[a b]",
    "tests/unit/test_a.py::TestY::test_z",
)


def test_what_pytest_collects(folder):
    """pytest's own output, the file that cannot be imported left out as pytest leaves it out."""
    assert read_test_list(run_pytest(folder, "--collect-only", "-q"), folder) == NODES
    assert read_test_list(run_pytest(folder, "--collect-only", "-qq", "tests/unit"), folder) == (
        "tests/unit/test_a.py",
    )
    with pytest.raises(ListError, match="add -q"):
        read_test_list(run_pytest(folder, "--collect-only", "tests/unit"), folder)


@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
def test_junit_files_of_pytest(folder, family):
    run_pytest(
        folder, "--junitxml=out.xml", "-o", f"junit_family={family}", "--continue-on-collection-errors"
    )
    found = read_test_list((folder / "out.xml").read_bytes(), folder)
    assert set(found) == {*NODES, "tests/test_broken.py"}


def test_a_junit_file_of_elsewhere_is_refused(folder):
    content = b'<testsuites><testsuite><testcase classname="pkg.test_q.TestA" name="test_b"/></testsuite></testsuites>'
    with pytest.raises(ListError, match=r"1 tests whose file is not here, 'pkg.test_q.TestA'"):
        read_test_list(content, folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00binary", "not UTF-8"),
        (b"PK\x03\x04\x00\x00", "binary"),
        (b"{", "starts like JSON and is none"),
        (b'{"schema": "memlint.lint/1"}', "not the node ids and seconds"),
        (b'{"tests/test_a.py::test_x": true}', "not the node ids and seconds"),
        (b"[1, 2]", "not the node ids and seconds"),
        (b"<html></html>", "its root is <html>"),
        (b"<testsuite", "starts like XML and is none"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', "entities"),
        (b"Dear reader,\nthis is a letter.\n", "'Dear reader,' is no path"),
        (b"tests/test_a.py\n-k heavy\n", "line 2: '-k heavy' is an option"),
    ],
)
def test_what_is_no_list_is_refused(content, message, tmp_path):
    with pytest.raises(ListError) as error:
        read_test_list(content, tmp_path)
    assert message in str(error.value)


def test_a_folder_and_any_file_that_exists_are_places(tmp_path):
    (tmp_path / "stress suite").mkdir()
    assert read_test_list(b"stress suite\n", tmp_path) == ("stress suite",)


def test_conftests_that_hold_for_a_file_come_outermost_first():
    assert ancestor_conftests("tests/unit/test_a.py") == [
        "conftest.py",
        "tests/conftest.py",
        "tests/unit/conftest.py",
    ]
