from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlint.report.escape import shown, visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain Ünïcode 價格 🐘", "plain Ünïcode 價格 🐘"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202e\u2066", r"\u202e\u2066"),
        ("\udcff", r"\udcff"),
        ("\ufffe\U000e0001", r"\ufffe\U000e0001"),
        ("no\u00a0break", r"no\xa0break"),
    ],
)
def test_characters_that_cannot_be_seen_become_escapes(text: str, expected: str) -> None:
    assert visible(text) == expected


@given(st.text(st.characters()))
def test_what_is_left_can_be_printed_and_encoded(text: str) -> None:
    assert visible(text).isprintable()
    visible(text).encode("utf-8")


def test_long_text_is_cut_with_a_word_on_how_much() -> None:
    assert shown("x" * 1000) == "x" * 1000
    assert shown("x" * 3500) == "x" * 1000 + "… (2,500 more characters)"
