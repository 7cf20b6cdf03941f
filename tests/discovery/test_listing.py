from __future__ import annotations

from memlint.discovery import ancestor_conftests, parse_test_list


def test_paths_and_node_ids_one_a_line():
    text = (
        "# heavy\ntests/test_a.py\r\n\n  tests/b c.py::test_x[1]  # 2 GB\n\ttests/test#1.py\ntests/test_a.py"
    )
    assert parse_test_list(text) == ("tests/test_a.py", "tests/b c.py::test_x[1]", "tests/test#1.py")


def test_nothing_is_nothing():
    assert parse_test_list("\n# only a comment\n   \n") == ()


def test_conftests_that_hold_for_a_file_come_outermost_first():
    assert ancestor_conftests("tests/unit/test_a.py") == [
        "conftest.py",
        "tests/conftest.py",
        "tests/unit/conftest.py",
    ]
