"""Suppression comments applied to findings, and findings about the comments themselves."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from memlint.facts import Directive, FileFacts
from memlint.knowledge.rulebook import Rule
from memlint.model import Confidence, Finding, Location, Severity, Status


@dataclass(slots=True)
class _Use:
    directive: Directive
    codes: dict[str, bool] = field(default_factory=dict)  # code → whether it has suppressed something


def apply_suppressions(
    findings: list[Finding], facts: FileFacts, rules: Mapping[str, Rule], active: frozenset[str]
) -> list[Finding]:
    """Mark the findings that a comment suppresses; add MEM901 and MEM902 for comments that do nothing."""
    if not facts.directives:
        return findings
    by_name = {rule.name: code for code, rule in rules.items()}
    uses = []
    for directive in facts.directives:
        known = {
            by_name.get(name, name): False for name in directive.names if by_name.get(name, name) in rules
        }
        uses.append(_Use(directive, known))
    out = [
        _suppressed(finding, uses) if finding.location.path == facts.path else finding for finding in findings
    ]
    about = [f for use in uses for f in _about(use, facts.path, rules, by_name, active) if f.code in active]
    return out + [_suppressed(finding, uses) for finding in about]


def _suppressed(finding: Finding, uses: list[_Use]) -> Finding:
    """Every comment that covers the finding counts as used: taking one away may leave another that is not wanted."""
    covering = [use for use in uses if finding.code in use.codes and _covers(use.directive, finding)]
    for use in covering:
        use.codes[finding.code] = True
    if not covering:
        return finding
    nearest = max(covering, key=lambda use: use.directive.covers[0])
    return replace(finding, status=Status.SUPPRESSED, reason=nearest.directive.reason)


def _covers(directive: Directive, finding: Finding) -> bool:
    first, last = directive.covers
    return first == 0 or first <= finding.location.line <= last


def _about(
    use: _Use, path: str, rules: Mapping[str, Rule], by_name: Mapping[str, str], active: frozenset[str]
) -> list[Finding]:
    out = []
    directive = use.directive
    if directive.malformed:
        out.append(_finding("MEM902", directive, path, rules, directive.malformed, ""))
    for name in directive.names:
        if by_name.get(name, name) not in rules:
            near = difflib.get_close_matches(name, [*rules, *by_name], 1)
            hint = f"Did you mean {near[0]}?" if near else "`memlint rules` lists the rules."
            out.append(
                _finding(
                    "MEM902",
                    directive,
                    path,
                    rules,
                    f"'{name}' is no rule; nothing is suppressed by it",
                    hint,
                )
            )
    for code, used in use.codes.items():
        if not used and code in active and not code.startswith("MEM9"):
            message = f"no {code} finding here any more: this suppression does nothing"
            out.append(
                _finding("MEM901", directive, path, rules, message, "Remove the code from the comment.")
            )
    return out


def _finding(
    code: str, directive: Directive, path: str, rules: Mapping[str, Rule], message: str, suggestion: str
) -> Finding:
    rule = rules[code]
    return Finding(
        code,
        rule.name,
        rule.family,
        Location(path, directive.line),
        "",
        None,
        message,
        suggestion,
        Severity(rule.severity),
        Confidence(rule.confidence),
    )
