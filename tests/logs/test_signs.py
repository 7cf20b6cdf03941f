"""The table of signs and what a project adds to it."""

from __future__ import annotations

import io

import pytest

from memlint.knowledge.toml import BadToml
from memlint.logs import classify, load_signs, read_lines

OWN = """
[[cause]]
name = "license"
title = "no licence was free"
advice = "Run it again."

[[sign]]
cause = "license"
trust = "certain"
lasts = "always"
says = "the licence server refused"
words = ["no license"]
pattern = '''^FLEXlm: no license for (?P<file>\\S+\\.py)'''
source = "our licence server"
"""


def test_every_sign_has_words_that_its_pattern_needs():
    """A word that is not part of the form would make the sign blind."""
    book = load_signs()
    assert len(book.signs) > 30
    assert all(sign.source and sign.says for sign in book.signs)
    assert all(code in book.exits for code in (137, -9, 143, -15, 139, -11, 134, 124, 1))


def test_a_project_adds_its_own(tmp_path):
    (tmp_path / "log-signs.toml").write_text(OWN)
    book = load_signs([tmp_path])
    log = io.BufferedReader(io.BytesIO(b"FLEXlm: no license for tests/test_cad.py\n"))
    verdict = classify(read_lines(log), book)
    assert (verdict.cause, verdict.running.file) == ("license", "tests/test_cad.py")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('cause = "license"', 'cause = "licence"', "no cause 'licence'"),
        ("(?P<file>", "(?P<file", "no regular expression"),
        ('words = ["no license"]', 'words = ["No License"]', "lower case"),
        ('words = ["no license"]', "words = []", "lower case"),
        ('cause = "license"\n', "", "neither a cause"),
        ('trust = "certain"', 'trust = "certainly"', "certainly"),
        ('source = "our', 'sauce = "our', "sauce"),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, old, new, message):
    (tmp_path / "log-signs.toml").write_text(OWN.replace(old, new, 1))
    with pytest.raises(BadToml, match=message):
        load_signs([tmp_path])
