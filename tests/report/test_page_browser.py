"""The page in a real browser: what a reader does with it works, and nothing that it shows can harm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from memlint.model import (
    Cause,
    CauseKind,
    Culprit,
    ErrorRecord,
    LintResult,
    Measurement,
    RankResult,
    Reason,
    Related,
    ReportData,
    Summary,
)
from memlint.report.page import PageReporter

from .browser import Page, chromium
from .samples import context
from .suite_data import CAUSES, CONTEXT, FINDINGS, MIB, RULES, case, report_data, source_line, suspect, unit

HOSTILE = "tests/test_</script><img src=x onerror=pwned=1>\u202etxt.\x1b[31m&amp;\"'`${pwned=1}{{7*7}}.py"
HOSTILE_LINE = "x = '</script><script>pwned=1</script>\u2066<!--' + \"\\u2028\" # " + "y" * 10_000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield Page(browser)


def written(folder: Path, data: ReportData, line: object = source_line) -> Path:
    made = folder / "report.html"
    made.write_text("".join(PageReporter().render(data, context(source_line=line))), encoding="utf-8")  # type: ignore[arg-type]
    return made


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return written(tmp_path, report_data())


NAMES = "#file-table tr.row td.name"


def test_it_opens_without_complaint_and_asks_for_nothing(page: Page, report: Path) -> None:
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        page.open(report, scheme, width)
        assert page.complaints() == []
        assert page.requests() == []
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
        assert page.texts("h1") == ["tests/test_grid.py ran out of memory"]
    assert page.run("return document.querySelectorAll('#scatter .mark-symbol path').length") == 3


def test_it_fits_on_paper(page: Page, report: Path) -> None:
    page.open(report, "dark", width=640, media="print")  # A4 between its margins
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert page.texts(".tools, .top") == []
    inside = (
        "return [...document.querySelectorAll('.plain, .grid')]"
        ".every((one) => one.scrollWidth <= one.parentElement.clientWidth)"
    )
    assert page.run(inside)
    assert page.run("return document.querySelector('#file-table td.name').clientWidth") > 180
    assert page.run("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_dark_is_dark_and_light_is_light(page: Page, report: Path) -> None:
    brightness = (
        "const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);"
        "return r + g + b;"
    )
    page.open(report, "dark")
    assert page.run(brightness) < 150
    page.open(report, "light")
    assert page.run(brightness) > 600


def test_columns_sort_both_ways_and_say_so(page: Page, report: Path) -> None:
    page.open(report)
    assert page.texts(NAMES) == ["tests/test_grid.py", "tests/test_log.py", "tests/test_calm.py"]
    page.click("th[data-sort=path] button")
    assert page.texts(NAMES) == ["tests/test_calm.py", "tests/test_grid.py", "tests/test_log.py"]
    assert page.run("return document.querySelector('th[data-sort=path]').ariaSort") == "ascending"
    page.click("th[data-sort=predicted] button")
    page.click("th[data-sort=predicted] button")
    assert page.texts(NAMES) == ["tests/test_calm.py", "tests/test_log.py", "tests/test_grid.py"]
    assert page.run("return document.querySelector('th[data-sort=predicted]').ariaSort") == "ascending"


def test_words_and_filters_narrow_the_table(page: Page, report: Path) -> None:
    page.open(report)
    page.type("MEM603")
    page.wait("return document.querySelector('#shown').textContent === '1 of 3 files'")
    assert page.texts(NAMES) == ["tests/test_log.py"]
    page.type("nothing of the kind")
    page.wait("return !document.querySelector('#nothing').hidden")
    page.click("#clear")
    assert len(page.texts(NAMES)) == 3
    page.click("[data-filter=memory]")
    assert page.texts(NAMES) == ["tests/test_grid.py"]
    page.click("[data-filter=memory]")
    assert len(page.texts(NAMES)) == 3


def test_tests_have_a_table_of_their_own(page: Page, report: Path) -> None:
    page.open(report)
    page.click("[data-view=tests]")
    names = page.texts("#test-table tr.row td.name")
    assert names == [
        "tests/test_grid.py::test_dense",
        "tests/test_log.py::test_line",
        "tests/test_calm.py::test_calm",
    ]
    page.click("#test-table th[data-sort=grown] button")
    assert page.texts("#test-table tr.row td.name")[0] == "tests/test_log.py::test_line"
    page.click("#test-table tr.row:nth-child(1) td.name button")
    assert page.texts("#file-table tr.open td.name") == ["tests/test_log.py"]


def test_a_row_opens_on_reasons_source_and_staircase(page: Page, report: Path) -> None:
    page.open(report)
    page.click("#f0 button")
    detail = " ".join(page.texts("#d0"))
    assert "numpy.zeros((50_000, 2_000))" in detail
    assert "killed by the watchdog" in detail
    assert page.texts("#d0 pre mark") == ["np.zeros((50_000, 2_000))"]
    page.click("#f1 button")
    page.wait("return document.querySelector('#d1 .canvas')?.dataset.drawn === 'yes'")
    assert "It grew by 20 MiB a test." in " ".join(page.texts("#d1 .note"))
    assert page.run("return document.querySelector('#f1 button').getAttribute('aria-expanded')") == "true"
    page.click("#f1 button")
    assert page.texts("#d1") == []


def test_points_name_their_file_and_lead_to_its_row(page: Page, report: Path) -> None:
    from selenium.webdriver import ActionChains

    page.open(report)
    points = page.browser.find_elements("css selector", "#scatter .mark-symbol path")
    page.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", points[1])
    hover = ActionChains(page.browser).move_to_element(points[1]).move_by_offset(1, 0)
    page.insist(hover.perform, "return !document.querySelector('#tip').hidden")  # late scroll events hide it
    (tip,) = page.texts("#tip")
    assert tip.startswith("tests/test_log.py") and "measured 160 MiB" in tip and "(50 MiB – 80 MiB)" in tip
    page.insist(ActionChains(page.browser).click(points[1]).perform, "return location.hash === '#f1'")
    assert page.run("return document.activeElement.closest('tr').id") == "f1"
    assert page.texts("#d1 h3")


def test_an_address_with_a_row_opens_it(page: Page, report: Path) -> None:
    page.open(report)
    page.run("location.hash = '#f2'")
    page.wait("return document.querySelector('#d2') !== null")
    assert "sleep 300" in " ".join(page.texts("#d2"))


def test_the_keyboard_reaches_rows_and_columns(page: Page, report: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    page.open(report)
    page.run("document.querySelector('#f0 button').focus()")
    ActionChains(page.browser).send_keys(Keys.ENTER).perform()
    page.wait("return document.querySelector('#d0') !== null")
    page.run("document.querySelector('th[data-sort=path] button').focus()")
    ActionChains(page.browser).send_keys(Keys.SPACE).perform()
    page.wait("return document.querySelector('th[data-sort=path]').ariaSort === 'ascending'")
    unnamed = page.run(
        "return [...document.querySelectorAll('button, input, a')].filter((one) => "
        "!one.textContent.trim() && !one.labels?.length && !one.ariaLabel).map((one) => one.outerHTML)"
    )
    assert unnamed == []


def hostile() -> ReportData:
    """A suite in which every name and every text means harm."""
    path = HOSTILE
    test = f"{path}::test_<b>x</b>"
    bad = replace(
        FINDINGS[0],
        location=replace(FINDINGS[0].location, path=path, line=1, column=5, end_line=1, end_column=9000),
        message=f"<img src=x onerror=pwned=1> {path}",
        suggestion="`<script>pwned=1</script>` and <b>bold</b>",
        symbol="<i>test</i>",
        related=(Related(path, 1, "<svg onload=pwned=1>"),),
    )
    culprit = Culprit(test, MIB, "<script>pwned=1</script>")
    cause = Cause(
        CauseKind.LEAKERS, path, (culprit,), ("<img src=x onerror=pwned=1>",), MIB, next_command=f"rm {path}"
    )
    units = (
        unit(
            path,
            "oom",
            500,
            victim=test,
            evidence=("</script><script>pwned=1</script>",),
            output=path,
            tests=tuple(case(f"{test}[{n}]", 40, 60 + n, 50) for n in range(5)),
        ),
    )
    prediction = replace(
        suspect(path, 1, 100, 200, 300),
        reasons=(Reason("base", MIB, path, 1, "<img src=x onerror=pwned=1>"),),
    )
    return report_data(
        measurement=Measurement((replace(CONTEXT, platform="<u>linux</u>", argv=("<s>",)),), units, (path,)),
        causes=(cause,),
        suite="</title><script>pwned=1</script>",
        journal=f"{path}.jsonl",
        lint=LintResult((bad,), (ErrorRecord(path, 1, "<img src=x onerror=pwned=1>"),), Summary(1, 1), RULES),
        ranking=RankResult((prediction,), (replace(prediction, nodeid=test),)),
    )


def test_whatever_a_repository_contains_is_shown_as_text(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path, hostile(), lambda _path, line: HOSTILE_LINE if line <= 3 else None))
    elements = "return document.querySelectorAll('main img, main script, main i b, main u, main s, svg[onload]').length"
    page.click("#f0 button")
    page.wait("return document.querySelector('#d0 .canvas')?.dataset.drawn === 'yes'")
    page.click("[data-view=tests]")
    assert page.run("return typeof pwned") == "undefined"
    assert page.run(elements) == 0
    assert page.complaints() == []
    assert page.requests() == []
    shown = page.run("return document.body.innerText")
    assert "<img src=x onerror=pwned=1>" in shown
    assert "{{7*7}}" in shown and "${pwned=1}" in shown
    everything = page.run("return document.documentElement.outerHTML")
    assert not {"\u202e", "\u2066", "\x1b"} & set(everything)
    page.click("[data-view=files]")
    (marked, *_) = page.texts("#d0 pre code")
    assert "</script><script>pwned=1</script>" in marked and len(marked) < 400
    assert "more characters)" in marked
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_without_a_measurement_the_page_speaks_of_predictions(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path, report_data(measurement=None)))
    assert page.texts("h1") == ["tests/test_grid.py is predicted to need 800 MiB, more than any other file"]
    assert page.texts("#agreement, #causes, th[data-sort=peak]") == []
    page.click("#f0 button")
    assert page.texts("#d0 pre mark") == ["np.zeros((50_000, 2_000))"]
    assert page.complaints() == []


def test_an_empty_suite_says_so(page: Page, tmp_path: Path) -> None:
    nothing = ReportData("empty", "0.1.0", LintResult((), (), Summary(0, 0)), RankResult((), ()))
    page.open(written(tmp_path, nothing))
    assert page.texts("h1") == ["There is no test file to rank"]
    assert page.texts(".empty")
    assert page.complaints() == []


def test_causes_stand_on_the_page(page: Page, report: Path) -> None:
    page.open(report)
    (first, second) = page.texts(".cause")
    assert (
        CAUSES[0].evidence[0] in first and "memlint measure tests/test_grid.py::test_dense --memray" in first
    )
    assert "uniform growth" in second and "20 MiB a test" in second
