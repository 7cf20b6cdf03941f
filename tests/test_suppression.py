"""Suppression comments applied to findings, and findings about the comments themselves."""

from __future__ import annotations

import pytest

from memlint.facts import FileFacts
from memlint.knowledge.rulebook import load_rulebook
from memlint.model import Confidence, Finding, Location, Severity, Status
from memlint.suppression import apply_suppressions
from memlint.syntax.source import lower_file

RULES = load_rulebook().rules
ALL = frozenset(RULES)


def _facts(source: str) -> FileFacts:
    return lower_file("test_a.py", source.encode())


def _finding(code: str, line: int, path: str = "test_a.py") -> Finding:
    severity, confidence = Severity.WARNING, Confidence.HIGH
    return Finding(code, RULES[code].name, "", Location(path, line), "", None, "", "", severity, confidence)


def _applied(source: str, *found: Finding, active: frozenset[str] = ALL) -> list[tuple[str, int, Status]]:
    applied = apply_suppressions(list(found), _facts(source), RULES, active)
    return [(finding.code, finding.location.line, finding.status) for finding in applied]


def test_covered_finding_is_suppressed_with_its_reason() -> None:
    source = "a = f()  # memlint: ignore[MEM501] closed by the pool\n"
    (finding,) = apply_suppressions([_finding("MEM501", 1)], _facts(source), RULES, ALL)
    assert (finding.status, finding.reason) == (Status.SUPPRESSED, "closed by the pool")


def test_rule_may_be_named() -> None:
    source = "a = f()  # memlint: ignore[in-memory-database-never-closed] why\n"
    assert _applied(source, _finding("MEM501", 1)) == [("MEM501", 1, Status.SUPPRESSED)]


def test_other_code_and_other_line_stay() -> None:
    source = "a = f()  # memlint: ignore[MEM501] why\nb = f()\n"
    found = _finding("MEM501", 1), _finding("MEM502", 1), _finding("MEM501", 2)
    assert [status for _, _, status in _applied(source, *found)] == [
        Status.SUPPRESSED,
        Status.ACTIVE,
        Status.ACTIVE,
    ]


def test_finding_in_another_file_stays() -> None:
    source = "a = f()  # memlint: file-ignore[MEM501] why\n"
    applied = _applied(source, _finding("MEM501", 1, "helpers.py"))
    assert applied == [("MEM501", 1, Status.ACTIVE), ("MEM901", 1, Status.ACTIVE)]


def test_every_comment_that_covers_a_finding_is_used() -> None:
    source = "# memlint: file-ignore[MEM501] all\ndef f():  # memlint: ignore[MEM501] this one\n    a = g()\n"
    (finding,) = apply_suppressions([_finding("MEM501", 3)], _facts(source), RULES, ALL)
    assert (finding.status, finding.reason) == (Status.SUPPRESSED, "this one")


def test_unused_code_is_a_finding_and_the_used_one_beside_it_is_not() -> None:
    source = "a = f()  # memlint: ignore[MEM501, MEM503] why\n"
    facts = _facts(source)
    used, unused = apply_suppressions([_finding("MEM501", 1)], facts, RULES, ALL)
    assert used.status is Status.SUPPRESSED
    assert unused.code == "MEM901"
    assert "MEM503" in unused.message


def test_code_of_an_inactive_rule_is_not_called_unused() -> None:
    source = "a = f()  # memlint: ignore[MEM503] why\n"
    assert _applied(source, active=ALL - {"MEM503"}) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [("MEM999", "MEM9"), ("handle-never-close", "handle-never-closed"), ("qwxz", "memlint rules")],
)
def test_unknown_code_suppresses_nothing_and_says_what_is_near(name: str, hint: str) -> None:
    source = f"a = f()  # memlint: ignore[{name}] why\n"
    kept, unknown = apply_suppressions([_finding("MEM501", 1)], _facts(source), RULES, ALL)
    assert kept.status is Status.ACTIVE
    assert (unknown.code, unknown.location.line) == ("MEM902", 1)
    assert hint in unknown.suggestion


@pytest.mark.parametrize("family", ["MEM5", "handle", "ALL", "*"])
def test_families_and_prefixes_are_no_codes(family: str) -> None:
    source = f"a = f()  # memlint: ignore[{family}] why\n"
    assert _applied(source, _finding("MEM501", 1)) == [
        ("MEM501", 1, Status.ACTIVE),
        ("MEM902", 1, Status.ACTIVE),
    ]


def test_comment_without_a_code_suppresses_nothing_and_is_a_finding() -> None:
    source = "a = f()  # memlint: ignore\n"
    assert _applied(source, _finding("MEM501", 1)) == [
        ("MEM501", 1, Status.ACTIVE),
        ("MEM902", 1, Status.ACTIVE),
    ]


def test_findings_about_comments_can_be_suppressed_for_the_file() -> None:
    source = "# memlint: file-ignore[MEM901] generated\na = f()  # memlint: ignore[MEM503] why\n"
    assert _applied(source) == [("MEM901", 2, Status.SUPPRESSED)]


def test_findings_about_comments_are_rules_like_others() -> None:
    source = "a = f()  # memlint: ignore[MEM503, MEM999] why\n"
    assert _applied(source, active=ALL - {"MEM901", "MEM902"}) == []
