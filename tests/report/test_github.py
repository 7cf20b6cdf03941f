from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from memlint.model import LintResult, Severity
from memlint.report.github import GithubReporter

from .samples import CLEAN, MIXED, OPEN_PROCESS, context, finding, result

COMMAND = re.compile(r"::(?P<kind>error|warning|notice) (?P<properties>[^:]*)::(?P<message>.*)")


def render(lint: LintResult, **settings: object) -> list[str]:
    return "".join(GithubReporter().render(lint, context(**settings))).splitlines()  # type: ignore[arg-type]


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Read a command the way the runner does."""
    match = COMMAND.fullmatch(line)
    assert match, line
    pairs = (pair.partition("=") for pair in match["properties"].split(","))
    return match["kind"], {key: unescape(value) for key, _, value in pairs}, unescape(match["message"])


def unescape(text: str) -> str:
    for escaped, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, char)
    return text


def test_severities_become_kinds() -> None:
    kinds = [read(line)[0] for line in render(MIXED, quiet=True)]
    assert kinds == ["error", "error", "error", "warning", "notice"]


def test_a_command_carries_the_place() -> None:
    lint = result(finding(path="tests/a,b:c%.py", message="50% of a:b,c", suggestion="Do less."))
    kind, properties, message = read(render(lint)[0])
    assert kind == "warning"
    assert properties == {
        "file": "tests/a,b:c%.py",
        "line": "12",
        "col": "13",
        "title": "MEM101 unbounded-table-load",
    }
    assert message == "50% of a:b,c\nDo less."


def test_a_span_of_several_lines_has_no_column() -> None:
    _, properties, message = read(render(result(OPEN_PROCESS))[0])
    assert (properties["line"], properties["endLine"]) == ("44", "48")
    assert "col" not in properties
    assert message.endswith("Estimate: about 40 MiB (10 MiB to 900 MiB)")


@given(st.text(st.characters(), max_size=60))
def test_no_text_can_start_a_command_of_its_own(text: str) -> None:
    lines = render(result(finding(path=f"t/{text}", message=text, suggestion=text)))
    assert len(lines) == 2
    _, properties, _ = read(lines[0])
    assert list(properties) == ["file", "line", "col", "title"]
    assert lines[1].startswith("memlint: 1 finding")


def test_the_counts_are_plain_text() -> None:
    assert render(CLEAN) == ["memlint: No findings · 40 files checked"]
    assert render(CLEAN, quiet=True) == []


def test_more_findings_than_github_shows_are_announced() -> None:
    ten = [finding(line=line, severity=Severity.WARNING, fingerprint=str(line)) for line in range(1, 11)]
    assert read(render(result(*ten))[0])[0] == "warning"
    kind, properties, message = read(render(result(*ten, finding(line=11)))[0])
    assert (kind, properties) == ("notice", {"title": "memlint"})
    assert message.startswith("11 findings in 1 file (11 warnings)")
