"""What holds for every format."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memlint.model import (
    ErrorRecord,
    Estimate,
    Finding,
    LintResult,
    RankResult,
    Reason,
    Related,
    Severity,
    Suspect,
)
from memlint.report import FORMATS, RANK_FORMATS, get_rank_reporter, get_reporter

from .samples import CLEAN, EMPTY_RANKING, MIB, MIXED, RANKING, context, finding, result

FOR_PEOPLE = ["text", "concise", "github", "markdown"]
HOSTILE = [
    "\x1b[2J\x1b]8;;http://evil\x1b\\click",
    "a\nb\r\nc\td\x0be",
    "\u202edrowssap\u202c \u2066x\u2069",
    "zero\u200bwidth \ufeff\u00ad",
    "]]> <b>&amp;</b> <!-- @everyone #1 `x` | ``y`` \\| \\",
    "%0A::error::pwned, a:b,c=d",
    "[bold red]markup[/] {braces} %s {0}",
    "lone \udcff surrogate \ud83d \ufffe \U000e0001",
    "\x00\x7f\x85\u2028\u2029",
    "x" * 5000,
    "",
]


def hostile_result(text: str) -> LintResult:
    return result(
        finding(
            path=f"tests/{text}.py",
            message=text,
            suggestion=text,
            symbol=text,
            nodeid=text,
            related=(Related(text, 3, text),),
            end_column=20,
        ),
        errors=(ErrorRecord(f"e/{text}", 1, text, "MEM900"),),
    )


def hostile_ranking(text: str) -> RankResult:
    reasons = (Reason("imports", 5 * MIB, text, 1, text),)
    suspect = Suspect(text, 1, Estimate(1, 5 * MIB, 9 * MIB), reasons, 1)
    test = Suspect(text, 1, Estimate(1, 5 * MIB, 9 * MIB), reasons, 1, nodeid=f"{text}::{text}")
    return RankResult((suspect,), (test,), (ErrorRecord(text, 1, text),))


def lint_output(name: str, lint: LintResult, **settings: object) -> str:
    return "".join(get_reporter(name).render(lint, context(**settings)))  # type: ignore[arg-type]


def rank_output(name: str, ranking: RankResult, **settings: object) -> str:
    return "".join(get_rank_reporter(name).render(ranking, context(**settings)))  # type: ignore[arg-type]


def assert_tame(output: str) -> None:
    assert all(line.isprintable() for line in output.split("\n"))
    output.encode("utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_result_gives_the_same_text(name: str) -> None:
    assert lint_output(name, MIXED) == lint_output(name, MIXED)
    assert lint_output(name, MIXED).endswith("\n")
    assert lint_output(name, CLEAN) != lint_output(name, MIXED)


@pytest.mark.parametrize("name", RANK_FORMATS)
def test_the_same_ranking_gives_the_same_text(name: str) -> None:
    assert rank_output(name, RANKING) == rank_output(name, RANKING)
    assert rank_output(name, EMPTY_RANKING).endswith("\n")


@pytest.mark.parametrize("name", FORMATS)
def test_output_comes_in_chunks_without_reading_it_all(name: str) -> None:
    many = result(*(finding(line=line, fingerprint=str(line)) for line in range(1, 400)))
    chunks = get_reporter(name).render(many, context())
    assert isinstance(chunks, Iterator)
    next(chunks)
    assert sum(1 for _ in chunks) > 1


@pytest.mark.parametrize("name", FORMATS)
def test_findings_of_other_status_stay_out_of_sight(name: str) -> None:
    output = lint_output(name, MIXED)
    assert "known load" not in output
    assert "old load" not in output
    assert "thin evidence" not in lint_output(name, MIXED, show_suppressed=True)


@pytest.mark.parametrize("name", ["text", "concise", "json", "jsonl", "sarif", "junit"])
def test_suppressed_findings_are_listed_where_asked_for(name: str) -> None:
    output = lint_output(name, MIXED, show_suppressed=True)
    assert "known load" in output
    assert "old load" in output
    if name != "concise":
        assert "small in CI" in output


@pytest.mark.parametrize("name", FORMATS)
def test_errors_are_in_every_format(name: str) -> None:
    assert "never closed" in lint_output(name, MIXED)
    assert "test_broken.py" in lint_output(name, MIXED)


@pytest.mark.parametrize("name", [*FOR_PEOPLE, "sarif"])
def test_baseline_entries_that_match_nothing_are_told(name: str) -> None:
    lint = replace(CLEAN, stale_baseline=("2 entries of tests/gone.py match nothing",) * 500)
    output = lint_output(name, lint)
    assert "2 entries of tests/gone.py match nothing" in output
    assert_tame(output)
    assert name != "markdown" or len(output) < 60_000


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_hostile_text_is_shown_not_obeyed(name: str, text: str) -> None:
    hostile = hostile_result(text)
    settings = {"source_line": lambda path, line: f"x = {text}", "statistics": True, "show_suppressed": True}
    assert_tame(lint_output(name, hostile, **settings))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", ["text", "markdown"])
@pytest.mark.parametrize("verbose", [0, 1])
def test_hostile_rankings_are_shown_not_obeyed(name: str, text: str, verbose: int) -> None:
    assert_tame(rank_output(name, hostile_ranking(text), verbose=verbose))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(st.characters(), max_size=60))
def test_any_text_leaves_every_format_well_formed(text: str) -> None:
    hostile = hostile_result(text)
    for name in FOR_PEOPLE:
        assert_tame(lint_output(name, hostile, source_line=lambda path, line: text))
    for name in ("json", "sarif", "gitlab"):
        output = lint_output(name, hostile, show_suppressed=True)
        json.loads(output)
        assert output.isascii()
    assert all(json.loads(line) for line in lint_output("jsonl", hostile).splitlines())
    ElementTree.fromstring(lint_output("junit", hostile))
    for name in ("text", "markdown"):
        assert_tame(rank_output(name, hostile_ranking(text)))
    json.loads(rank_output("json", hostile_ranking(text)))


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.characters(), max_size=60))
def test_colour_adds_escape_sequences_and_nothing_else(text: str) -> None:
    import re

    hostile = hostile_result(text)
    plain = lint_output("text", hostile)
    painted = lint_output("text", hostile, color=True, hyperlinks=True)
    assert re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;;[^\x1b]*\x1b\\", "", painted) == plain


def test_only_text_loads_rich() -> None:
    script = (
        "import sys, memlint.report as r\n"
        "assert [m for m in sys.modules if m.startswith('memlint.report.')] == ['memlint.report.interface']\n"
        "[r.get_reporter(n) for n in r.FORMATS if n != 'text']\n"
        "[r.get_rank_reporter(n) for n in r.RANK_FORMATS if n != 'text']\n"
        "assert not any(m == 'rich' or m.startswith('rich.') for m in sys.modules)\n"
        "r.get_reporter('text')\n"
        "assert 'rich.style' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(KeyError):
        get_reporter("yaml")
    with pytest.raises(KeyError):
        get_rank_reporter("sarif")


@pytest.mark.parametrize("name", ["sarif", "github", "gitlab", "markdown"])
def test_the_worst_findings_come_first(name: str) -> None:
    output = lint_output(name, MIXED)
    start = output.find('"results"') if name == "sarif" else 0
    places = [output.index(code, start) for code in ("MEM201", "MEM401", "MEM101", "MEM501")]
    assert places == sorted(places)


def test_equally_bad_findings_keep_the_order_of_place() -> None:
    def lines(*numbers: int) -> list[Finding]:
        return [finding(line=n, severity=Severity.NOTE, fingerprint=str(n)) for n in numbers]

    assert lint_output("github", result(*lines(3, 1, 2))) == lint_output("github", result(*lines(1, 2, 3)))
