"""``memlint rank``: options become a request, a ranking becomes output and an exit code."""

from __future__ import annotations

import json

import pytest

from memlint.report import RANK_FORMATS


def test_every_file_is_ranked(memlint, fake):
    ended = memlint("rank", "tests", "--format", "json")
    ranked = json.loads(ended.out)
    assert ended.code == 0
    assert [file["path"] for file in ranked["files"]] == ["tests/test_a.py", "tests/test_b.py"]


def test_the_heaviest_only(memlint, fake):
    ranked = json.loads(memlint("rank", "tests", "--format", "json", "--top", "1").out)
    assert [file["path"] for file in ranked["files"]] == ["tests/test_a.py"]


def test_options_reach_the_request(memlint, fake, suite):
    (suite / "memlint.toml").write_text("cores = 2")
    memlint("rank", "tests", "-j", "2", "--no-cache")
    request = fake.request
    assert (request.paths, request.cores, request.jobs, request.cache) == (("tests",), 2, 2, False)
    memlint("rank", "tests", "--cores", "16")
    assert fake.request.cores == fake.request.settings.cores == 16


@pytest.mark.parametrize("name", RANK_FORMATS)
def test_every_format_names_the_files(memlint, fake, name):
    assert "tests/test_a.py" in memlint("rank", "tests", "--format", name).out


def test_to_a_file(memlint, fake, suite):
    ended = memlint("rank", "tests", "--format", "json", "-o", "rank.json")
    assert ended.out == ""
    assert len(json.loads((suite / "rank.json").read_text())["files"]) == 2


def test_a_missing_path_is_2_and_the_rest_is_ranked(memlint, fake):
    ended = memlint("rank", "tests", "gone", "--format", "json")
    assert ended.code == 2
    assert len(json.loads(ended.out)["files"]) == 2


def test_an_empty_list_ranks_nothing_rather_than_everything(memlint, fake, suite):
    (suite / "a.txt").write_text("")
    ended = memlint("rank", "--test-file", "a.txt", "--format", "json")
    assert (ended.code, fake.requests) == (0, [])
    assert json.loads(ended.out)["files"] == []
    assert ended.err == "memlint: the list of paths is empty\n"


def test_files_over_a_limit_are_named(memlint, fake):
    ended = memlint("rank", "tests", "--limit", "600")
    assert (ended.code, ended.err) == (
        0,
        "memlint: tests/test_a.py is predicted to need 1000 B, over 600 B\n",
    )


def test_files_over_a_limit_can_fail_the_run(memlint, fake):
    assert memlint("rank", "tests", "--limit", "600", "--fail-over-limit").code == 1
    assert memlint("rank", "tests", "--limit", "2kB", "--fail-over-limit").code == 0


def test_failing_over_no_limit_is_a_misuse(memlint, fake):
    assert memlint("rank", "tests", "--fail-over-limit").code == 2
    assert fake.requests == []


def test_why_shows_one_file(memlint, fake):
    ended = memlint("rank", "--why", "tests/test_b.py")
    assert (ended.code, "tests/test_b.py" in ended.out, "test_a" in ended.out) == (0, True, False)
    assert fake.request.paths == ("tests/test_b.py",)


def test_why_of_a_file_that_was_not_ranked_is_a_misuse(memlint, fake):
    assert memlint("rank", "tests", "--why", "tests/test_c.py").code == 2
