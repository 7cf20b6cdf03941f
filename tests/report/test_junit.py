from __future__ import annotations

from xml.etree import ElementTree

import pytest

from memlint.model import LintResult
from memlint.report.junit import JunitReporter

from .samples import CLEAN, MIXED, context
from .test_formats import HOSTILE, hostile_result

# what junit-10.xsd of Jenkins' xunit plugin allows: element → (attributes, children)
ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "file", "tests", "failures", "errors", "skipped", "time"}, {"testcase"}),
    "testcase": ({"name", "classname", "time"}, {"skipped", "error", "failure"}),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
}
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name", "classname"}}


def render(lint: LintResult, **settings: object) -> ElementTree.Element:
    return ElementTree.fromstring("".join(JunitReporter().render(lint, context(**settings))))  # type: ignore[arg-type]


@pytest.mark.parametrize("lint", [MIXED, CLEAN, *map(hostile_result, HOSTILE)])
def test_jenkins_accepts_every_element(lint: LintResult) -> None:
    root = render(lint, show_suppressed=True)
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert REQUIRED.get(element.tag, set()) <= set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children


def test_the_counts_agree_with_the_cases() -> None:
    root = render(MIXED, show_suppressed=True)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("7", "4", "1")
    for suite in root:
        assert suite.get("tests") == str(len(suite))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("errors") == str(len(suite.findall("testcase/error")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))


def test_a_file_is_a_suite_and_a_finding_a_failed_case() -> None:
    root = render(MIXED)
    assert [suite.get("name") for suite in root] == [
        "tests/conftest.py",
        "tests/test_broken.py",
        "tests/test_prices.py",
    ]
    case = root.find("testsuite[@name='tests/test_prices.py']/testcase[2]")
    assert case is not None
    assert case.attrib == {
        "name": "MEM201 large-allocation at 30:9",
        "classname": "tests.test_prices",
        "time": "0",
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "numpy.zeros makes 763 MiB", "type": "error.MEM201"}
    assert (failure.text or "").splitlines() == [
        "tests/test_prices.py:30:9: MEM201 numpy.zeros makes 763 MiB",
        "error, high confidence",
        "in TestGrid.test_dense",
        "estimate: 763 MiB",
        "fix: Use a smaller shape, or mark the test memory_intensive.",
    ]


def test_a_file_that_could_not_be_checked_is_an_error() -> None:
    error = render(MIXED).find("testsuite[@name='tests/test_broken.py']/testcase/error")
    assert error is not None
    assert error.attrib == {"message": "'(' was never closed", "type": "MEM900"}


def test_suppressed_findings_are_skipped_cases() -> None:
    skipped = [element.get("message") for element in render(MIXED, show_suppressed=True).iter("skipped")]
    assert skipped == ["suppressed: small in CI (known load)", "baselined (old load)"]
    assert not list(render(MIXED).iter("skipped"))


def test_a_clean_run_has_one_case_that_passes() -> None:
    (suite,) = render(CLEAN)
    (case,) = suite
    assert len(case) == 0
    assert suite.get("failures") == suite.get("errors") == "0"
