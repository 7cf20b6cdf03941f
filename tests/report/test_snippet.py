from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from memlint.model import Location
from memlint.report.snippet import snippet


def underlined(line: str, place: Location, width: int = 80) -> str:
    """The characters that stand above the carets, counted in cells."""
    part = snippet(line, place, width)
    begin = part.carets.index("^")
    text, at = "", 0
    for char in part.source:
        if begin <= at < len(part.carets):
            text += char
        at += cell_len(char)
    return text


def test_the_carets_stand_beneath_the_span() -> None:
    assert underlined("    x = load(path)", Location("a.py", 1, 9, 1, 19)) == "load(path)"


def test_wide_characters_and_tabs_take_their_cells() -> None:
    assert underlined("\t價格 = load()  # 🐘", Location("a.py", 1, 7, 1, 13)) == "load()"


def test_escapes_do_not_shift_the_carets() -> None:
    assert underlined("s = '\x1b\u202e'; load()", Location("a.py", 1, 11, 1, 17)) == "load()"


def test_a_span_of_several_lines_is_underlined_to_the_end_of_its_first() -> None:
    assert underlined("    p = Popen([  ", Location("a.py", 1, 9, 3, 6)) == "Popen(["


def test_a_span_without_an_end_is_one_character() -> None:
    assert underlined("x = load()", Location("a.py", 1, 5, 1, 0)) == "l"


def test_a_long_line_is_shown_around_its_span() -> None:
    line = "a" * 5_000_000 + "load()" + "b" * 5_000_000
    place = Location("a.py", 1, 5_000_001, 1, 5_000_007)
    part = snippet(line, place, 60)
    assert cell_len(part.source) <= 60
    assert part.source.startswith("…a")
    assert part.source.endswith("b…")
    assert underlined(line, place, 60) == "load()"


@given(
    line=st.text(st.characters(), max_size=300),
    column=st.integers(-2, 400),
    end=st.integers(-2, 400),
    more=st.integers(-1, 2),
    width=st.integers(0, 120),
)
def test_any_span_of_any_line_fits(line: str, column: int, end: int, more: int, width: int) -> None:
    part = snippet(line, Location("a.py", 5, column, 5 + more, end), width)
    assert cell_len(part.source) <= max(width, 20)
    assert cell_len(part.carets) <= max(width, 20) + 1
    assert part.source.isprintable()
    assert part.carets.strip(" ").strip("^") == ""
    assert "^" in part.carets
