from __future__ import annotations

import json

from rich.cells import cell_len

from memlint.model import Estimate, RankResult, Suspect
from memlint.report.rank_json import JsonRankReporter
from memlint.report.rank_markdown import MarkdownRankReporter
from memlint.report.rank_text import TextRankReporter

from .samples import EMPTY_RANKING, MIB, RANKING, context

GOLDEN = """\
 #  predicted peak         low – high           file
 1  ████████████  2.1 GiB  1.17 GiB – 3.32 GiB  tests/test_grid.py  2 findings
    4 worker processes 1.21 GiB, numpy.zeros((50_000, 2_000)) 600 MiB, imports of pandas, scipy 310…
 2  ██▏           381 MiB                       tests/test_prices.py

 #  predicted peak         low – high           test
 1  ████████████ 1.95 GiB  1.07 GiB – 3.22 GiB  tests/test_grid.py::TestGrid::test_dense  1 finding
    4 worker processes 1.21 GiB, imports of pandas, scipy 310 MiB

Could not be checked
  tests/test_broken.py:3 MEM900 '(' was never closed

Imports by the shipped figures; 'memlint probe' measures those of your environment.
No environment was seen: imports that a suite gets along without count in part.
2 files with a predicted total of 2.47 GiB.
"""


def many(count: int) -> RankResult:
    suspects = (
        Suspect(f"t/test_{n}.py", n, Estimate.exact((count + 1 - n) * MIB), (), 0)
        for n in range(1, count + 1)
    )
    return RankResult(tuple(suspects), ())


def text(ranking: RankResult, **settings: object) -> str:
    return "".join(TextRankReporter().render(ranking, context(**settings)))  # type: ignore[arg-type]


def test_the_table_has_a_bar_a_row() -> None:
    assert text(RANKING) == GOLDEN


def test_verbose_opens_every_reason_with_its_place() -> None:
    output = text(RANKING, verbose=1)
    assert "    1.21 GiB  workers     4 worker processes  tests/test_grid.py:20\n" in output
    assert "      12 MiB  base        interpreter\n" in output


def test_quiet_leaves_the_files_and_errors() -> None:
    output = text(RANKING, quiet=True)
    assert "tests/test_prices.py" in output
    assert "::test_dense" not in output
    assert "predicted total" not in output
    assert "tests/test_broken.py:3" in output


def test_an_empty_suite_says_so() -> None:
    assert text(EMPTY_RANKING) == "No test files to rank.\n"


def test_the_share_of_the_ten_heaviest_is_named() -> None:
    # 40 + 39 + … + 31 of 40 + … + 1
    assert text(many(40)).splitlines()[-1] == (
        "The 10 heaviest of 40 files hold 43% of the predicted total of 820 MiB."
    )


def test_the_top_of_a_ranking_still_tells_the_share_of_the_whole() -> None:
    lines = text(many(40), top=3).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert lines[4] == ""
    assert lines[7:] == ["The 10 heaviest of 40 files hold 43% of the predicted total of 820 MiB."]
    document = json.loads("".join(JsonRankReporter().render(many(40), context(top=3))))
    assert [file["rank"] for file in document["files"]] == [1, 2, 3]
    markdown = "".join(MarkdownRankReporter().render(many(40), context(top=3)))
    assert "| 3 |" in markdown
    assert "| 4 |" not in markdown


def test_bars_show_the_size_against_the_heaviest() -> None:
    bars = [line.split("  ")[1].count("█") for line in text(many(4)).splitlines()[1:5]]
    assert bars == [12, 9, 6, 3]


def test_reasons_are_cut_to_the_width() -> None:
    rows = text(RANKING, width=60).splitlines()
    assert rows[2].endswith("…")
    assert cell_len(rows[2]) <= 60


def test_a_suite_without_any_weight_draws_no_bar() -> None:
    assert "█" not in text(RankResult((Suspect("t.py", 1, Estimate.exact(0), (), 0),), ()))


def test_json_keeps_the_contract() -> None:
    document = json.loads("".join(JsonRankReporter().render(RANKING, context())))
    assert list(document) == ["schema", "files", "tests", "errors", "imports_from"]
    assert document["schema"] == "memlint.rank/1"
    first = document["files"][0]
    assert list(first) == ["path", "rank", "predicted_peak_bytes", "reasons", "findings"]
    assert first["predicted_peak_bytes"] == {"low": 1200 * MIB, "likely": 2150 * MIB, "high": 3400 * MIB}
    assert first["reasons"][0] == {
        "kind": "imports",
        "bytes": 310 * MIB,
        "path": "tests/test_grid.py",
        "line": 1,
        "text": "imports of pandas, scipy",
    }
    assert [list(test) for test in document["tests"]] == [["nodeid", *first]]
    assert document["tests"][0]["nodeid"] == "tests/test_grid.py::TestGrid::test_dense"


def test_markdown_has_a_table_of_files_and_one_of_tests() -> None:
    output = "".join(MarkdownRankReporter().render(RANKING, context()))
    assert "**Files**\n\n| # | Predicted peak |" in output
    assert "| 2 | 381 MiB |  | `tests/test_prices.py` | 0 |  |\n" in output
    assert "| 1 | 1.95 GiB | 1.07 GiB – 3.22 GiB | `tests/test_grid.py::TestGrid::test_dense` | 1 |" in output
    assert "- `tests/test_broken.py:3` '(' was never closed\n" in output


def test_markdown_counts_what_does_not_fit() -> None:
    output = "".join(MarkdownRankReporter().render(many(5000), context()))
    assert len(output) <= 60_000
    assert "more suspects that had no room here" in output
