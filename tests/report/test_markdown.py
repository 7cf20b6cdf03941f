from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from memlint.model import LintResult
from memlint.report.escape import shown
from memlint.report.markdown import MarkdownReporter
from memlint.report.markup import code, row, words

from .samples import CLEAN, MIXED, context, finding, result
from .test_formats import HOSTILE, hostile_result

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TEXT = st.text(st.characters() | st.sampled_from("`|\\<>&@#*_[]()!~$ \n"), max_size=40)


def render(lint: LintResult, **settings: object) -> str:
    return "".join(MarkdownReporter().render(lint, context(**settings)))  # type: ignore[arg-type]


def cells(table: str) -> list[list[Token]]:
    """The inline tokens of each cell in the last row of a table."""
    tokens = PARSER.parse(table)
    inline = [token.children or [] for token in tokens if token.type == "inline"]
    assert not [token for token in tokens if token.type == "html_block"]
    return inline


@settings(max_examples=400, deadline=None)
@given(TEXT)
def test_words_stay_words_in_a_cell(text: str) -> None:
    *_, first, second = cells(row("a", "b") + "| --- | --- |\n" + row(f"x{words(text)}x", "end"))
    assert {token.type for token in first} <= {"text"}
    read = "".join(token.content for token in first)
    assert read.replace("@\u200b", "@").replace("#\u200b", "#") == f"x{shown(text)}x"
    assert not re.search(r"@\w|#\d", read)
    assert [token.content for token in second] == ["end"]


@settings(max_examples=400, deadline=None)
@given(TEXT)
def test_code_stays_code_in_a_cell(text: str) -> None:
    *_, first, second = cells(row("a", "b") + "| --- | --- |\n" + row(code(f"x{text}x"), "end"))
    assert [token.content for token in second] == ["end"]
    assert first[0].type == "code_inline" or first[0].content == "<code>"
    inner = [token for token in first if token.content not in {"<code>", "</code>"}]
    assert {token.type for token in inner} <= {"code_inline", "text"}
    assert "".join(token.content for token in inner) == f"x{shown(text)}x"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_brings_no_markup_of_its_own(text: str) -> None:
    tokens = PARSER.parse(render(hostile_result(text), statistics=True))
    children = [child for token in tokens for child in token.children or []]
    assert not {"link_open", "image", "em_open", "s_open"} & {child.type for child in children}
    html = [token.content for token in [*tokens, *children] if token.type.startswith("html")]
    allowed = r"(</?details( open)?>|<summary>[\w ]+</summary>|</?code>|\s)*"
    assert all(re.fullmatch(allowed, content) for content in html)


def test_headline_table_details_counts_and_suspects_in_this_order() -> None:
    output = render(MIXED)
    parts = [
        "### memlint: 4 findings in 2 files (2 errors, 1 warning, 1 note)\n",
        "40 files checked, 1 not fully · 1 suppressed",
        "**Could not be checked**",
        "- `tests/test_broken.py:3` MEM900 '(' was never closed",
        "| 🔴 error | `tests/test_prices.py:30` | **MEM201** large-allocation: numpy.zeros makes 763 MiB |",
        "| 🔵 note | `tests/conftest.py:10` |",
        "<summary>What to do about them</summary>",
        "Use a smaller shape",
        "<summary>Findings by rule</summary>",
        "| MEM101 | unbounded-table-load | 1 |",
        "**Profile these first**",
        "| 1 | 2.1 GiB | 1.17 GiB – 3.32 GiB | `tests/test_grid.py` | 2 |",
    ]
    places = [output.index(part) for part in parts]
    assert places == sorted(places)


def test_a_clean_run_is_a_headline_and_what_was_checked() -> None:
    assert render(CLEAN) == "### memlint: No findings\n\n40 files checked\n"
    assert render(CLEAN, quiet=True) == "### memlint: No findings\n"


def test_statistics_unfold_the_counts() -> None:
    assert "<details open>\n<summary>Findings by rule" in render(MIXED, statistics=True)
    assert "<details open>" not in render(MIXED)


def test_what_does_not_fit_a_comment_is_counted() -> None:
    hostile = "|`\\<é🐘" * 60
    many = [finding(path=f"t/{n}{hostile}.py", message=hostile, suggestion=hostile) for n in range(3000)]
    output = render(result(*many))
    assert 40_000 < len(output) <= 60_000
    assert len(output.encode()) < 1_000_000
    left_out = [
        int(n.replace(",", "")) for n in re.findall(r"and ([\d,]+) more findings that had no room", output)
    ]
    in_table = output.count("| 🟡 warning |")
    assert in_table + left_out[0] == 3000
    assert output.count("<details>") == output.count("</details>")
