from __future__ import annotations

import pytest

from memlint.knowledge.rulebook import Rule, RuleBook
from memlint.knowledge.selectors import ALL, UnknownSelectorError, choose, code_of, codes_of


def rule(code: str, name: str, family: str) -> Rule:
    return Rule(
        code=code, name=name, family=family, severity="error", confidence="high", summary="", why="", fix=""
    )


BOOK = RuleBook(
    {
        r.code: r
        for r in (
            rule("MEM101", "unbounded-table-load", "load"),
            rule("MEM102", "eager-array-load", "load"),
            rule("MEM401", "process-never-terminated", "process"),
            rule("MEM410", "other-process", "process"),
        )
    }
)


@pytest.mark.parametrize(
    ("word", "codes"),
    [
        (ALL, {"MEM101", "MEM102", "MEM401", "MEM410"}),
        ("MEM", {"MEM101", "MEM102", "MEM401", "MEM410"}),
        ("MEM1", {"MEM101", "MEM102"}),
        ("MEM40", {"MEM401"}),
        ("MEM401", {"MEM401"}),
        ("process", {"MEM401", "MEM410"}),
        ("eager-array-load", {"MEM102"}),
    ],
)
def test_a_word_names_codes(word, codes):
    assert codes_of(word, BOOK) == codes


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("MEM403", "MEM401"),
        ("mem101", "MEM101"),
        ("proces", "process"),
        ("unbounded_table_load", "unbounded-table-load"),
        ("all", "ALL"),
    ],
)
def test_a_misspelt_word_is_refused_with_what_was_likely_meant(word, meant):
    with pytest.raises(UnknownSelectorError, match=f"did you mean '{meant}'"):
        codes_of(word, BOOK)


@pytest.mark.parametrize("word", ["", "MEM9", "zzz", "MEM1011", "MEM101 "])
def test_a_word_that_names_nothing_is_refused(word):
    with pytest.raises(UnknownSelectorError, match="names no rule"):
        codes_of(word, BOOK)


def test_one_code_by_code_or_name_but_not_by_family():
    assert code_of("MEM101", BOOK) == code_of("unbounded-table-load", BOOK) == "MEM101"
    with pytest.raises(UnknownSelectorError):
        code_of("load", BOOK)


@pytest.mark.parametrize(
    ("select", "ignore", "codes"),
    [
        ([ALL], ["load"], {"MEM401", "MEM410"}),
        (["load"], ["MEM101"], {"MEM102"}),
        (["MEM101"], ["load"], {"MEM101"}),  # the narrower word wins, whichever list it stands in
        ([ALL, "MEM101"], ["load"], {"MEM101", "MEM401", "MEM410"}),
        (["process"], ["MEM40"], {"MEM410"}),
        (["MEM401"], ["process-never-terminated"], set()),  # as narrow: ignore wins
        ([], [], set()),
    ],
)
def test_select_and_ignore_together(select, ignore, codes):
    assert choose(select, ignore, BOOK) == codes
