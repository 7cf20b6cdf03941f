"""Edits of other tools' files: the intended entry, nothing else, or a refusal."""

from __future__ import annotations

import pytest

from memlint.adoption.edits import (
    EditError,
    add_gitlab_include,
    add_ini_marker,
    add_pre_commit_repo,
    add_toml_marker,
    append_toml_table,
)

ENTRY = "- repo: local\n  hooks:\n    - id: memlint\n"
PYTEST = ("tool", "pytest", "ini_options")


def test_a_table_goes_to_the_end() -> None:
    assert append_toml_table("[project]\nname = 'x'\n\n\n", "[tool.memlint]\nlevel = 'ci'\n") == (
        "[project]\nname = 'x'\n\n[tool.memlint]\nlevel = 'ci'\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "tool = { memlint = { level = 'ci' } }\n",  # closed by its braces
        "[tool.memlint]\nlevel = 'ci'\n",  # twice
        "[project\n",
    ],
)
def test_a_table_that_cannot_be_added_is_refused(text: str) -> None:
    with pytest.raises(EditError):
        append_toml_table(text, "[tool.memlint]\nlevel = 'ci'\n")


def test_a_marker_joins_a_list_and_keeps_its_comments() -> None:
    text = (
        '[tool.pytest.ini_options]\nmarkers = [\n    "slow: a minute",  # or more\n]\nxfail_strict = true\n'
    )
    assert add_toml_marker(text, PYTEST, "big: x") == (
        '[tool.pytest.ini_options]\nmarkers = [\n    "slow: a minute",  # or more\n    "big: x",\n]\n'
        "xfail_strict = true\n"
    )


def test_a_marker_makes_its_list() -> None:
    text = "[tool.pytest.ini_options]\naddopts = '-ra'\n\n[tool.ruff]\nline-length = 100\n"
    after = add_toml_marker(text, PYTEST, "big: x")
    assert after.index('markers = ["big: x"]') < after.index("[tool.ruff]")


def test_markers_that_are_no_list_are_refused() -> None:
    with pytest.raises(EditError):
        add_toml_marker("[tool.pytest.ini_options]\nmarkers = 'slow: a minute'\n", PYTEST, "big: x")


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("[pytest]\naddopts = -ra\n", "[pytest]\nmarkers =\n    big: x\naddopts = -ra\n"),
        (
            "[pytest]\nmarkers =\n  slow: a\n  # why\n  wide: b\n\naddopts = -ra\n",
            "[pytest]\nmarkers =\n  slow: a\n  # why\n  wide: b\n  big: x\n\naddopts = -ra\n",
        ),
        (
            "[pytest]\nmarkers = slow: a\n[other]\nx = 1\n",
            "[pytest]\nmarkers = slow: a\n    big: x\n[other]\nx = 1\n",
        ),
    ],
)
def test_a_marker_joins_an_ini_file(text: str, after: str) -> None:
    assert add_ini_marker(text, "pytest", "big: x") == after


def test_a_hook_joins_the_list_before_what_follows_it() -> None:
    text = "repos:\n  - repo: https://example.org/a\n    rev: v1\n    hooks: [{id: a}]\n\n# the rest\nci:\n  skip: []\n"
    assert add_pre_commit_repo(text, ENTRY) == (
        "repos:\n  - repo: https://example.org/a\n    rev: v1\n    hooks: [{id: a}]\n"
        "  - repo: local\n    hooks:\n      - id: memlint\n\n# the rest\nci:\n  skip: []\n"
    )


def test_a_hook_takes_the_indentation_of_the_list() -> None:
    text = "repos:\n- repo: https://example.org/a\n  rev: v1\n  hooks:\n  - id: a\n"
    assert add_pre_commit_repo(text, ENTRY) == text + ENTRY


@pytest.mark.parametrize(
    "text", ["repos: []\n", "repos: [{repo: local, hooks: [{id: a}]}]\n", "- a\n", "ci: {}\n"]
)
def test_lists_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(EditError):
        add_pre_commit_repo(text, ENTRY)


def test_an_include_is_made_or_joined() -> None:
    assert add_gitlab_include("", "a.yml") == "include:\n  - local: a.yml\n"
    assert add_gitlab_include("test:\n  script: [!reference [x, script]]\n", "a.yml") == (
        "test:\n  script: [!reference [x, script]]\n\ninclude:\n  - local: a.yml\n"
    )
    text = "include:\n  - template: b.yml\nstages: [test]\n"
    assert add_gitlab_include(text, "a.yml") == (
        "include:\n  - template: b.yml\n  - local: a.yml\nstages: [test]\n"
    )


def test_an_include_in_one_line_is_refused() -> None:
    with pytest.raises(EditError):
        add_gitlab_include("include: b.yml\n", "a.yml")
