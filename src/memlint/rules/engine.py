"""Runs the active rules over a module, and keeps one finding a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from memlint.analysis.lifetimes import Debt, Lifetimes
from memlint.analysis.project import Module
from memlint.analysis.running import has_tests, is_asked_for, is_broken, is_named, never_runs
from memlint.analysis.sites import Accumulation, Frame, Growth, LoopSite, Rebinding, Site
from memlint.analysis.suite import Body, Fixture, ModuleSuite, Suite
from memlint.knowledge.rulebook import Rule
from memlint.model import Budget, Confidence, Finding, Location, Severity
from memlint.rules.context import Context, Draft
from memlint.rules.registry import RegisteredRule, checks_by_subject

# Of several codes at one expression the first one named here stands at the lower levels; the others are shown at audit.
SPECIFICITY = (
    "MEM203",
    "MEM204",
    "MEM104",
    "MEM302",
    "MEM301",
    "MEM303",
    "MEM307",
    "MEM305",
    "MEM306",
    "MEM402",
    "MEM304",
    "MEM105",
    "MEM207",
    "MEM206",
    "MEM202",
    "MEM205",
    "MEM201",
    "MEM101",
    "MEM102",
    "MEM103",
)
_RANK = {code: number for number, code in enumerate(SPECIFICITY)}


@dataclass(frozen=True, slots=True)
class Engine:
    """The rules at work on a suite."""

    suite: Suite
    lifetimes: Lifetimes
    rules: Mapping[str, Rule]
    options: Mapping[str, Mapping[str, Any]]
    markers: tuple[str, ...]
    budget: Callable[[str, frozenset[str]], Budget | None]  # of a test: by its file and its markers
    measured: Mapping[str, int]  # node id → bytes that a test was seen to add
    collected: Callable[[str], bool]  # whether a runner may take a file for a module of tests, by its name

    def check(self, module: Module, active: frozenset[str]) -> list[Finding]:
        """The findings of a module, in order of place, before suppressions."""
        context = Context(
            self.suite, self.lifetimes, self.options, self.markers, self.budget, self.measured, module
        )
        checks = checks_by_subject(active)
        drafts: dict[tuple[Any, ...], Finding] = {}  # what several tests meet in one helper is told once
        for subject, where in self._subjects(module, context):
            for check in checks.get(type(subject), ()):
                for draft in check(subject, where):
                    if draft.code in active:
                        finding = self._dress(draft, where)
                        drafts.setdefault(finding.sort_key, finding)
        return sorted(self._most_specific(drafts.values()), key=lambda finding: finding.sort_key)

    # --- what is looked at ------------------------------------------------------------------------------------------

    def _subjects(self, module: Module, context: Context) -> Iterator[tuple[object, Context]]:
        suite = self.suite.of(module)
        frame = self.suite.evaluator.module_frame(module)
        yield suite, context
        yield from _of_frame(frame, context)
        for fixture in suite.fixtures.values():
            yield fixture, context.within(fixture.body)
        for body in self.bodies(module):
            inner = context.within(body)
            if not self.suite.evaluator.relevance.matters(body.function, body.module):
                if body.nodeid in self.measured:
                    yield (
                        body,
                        inner,
                    )  # nothing in it is known to be heavy, and yet it may have been seen to be
                continue
            yield body, inner
            yield from _of_frame(self.suite.evaluate(body), inner)
            for debt in self.lifetimes.debts(body):
                yield debt, inner

    def bodies(self, module: Module) -> Iterator[Body]:
        """Every function of a module, nested ones after those that hold them."""
        stack = list(reversed(self.suite.of(module).bodies))
        while stack:
            body = stack.pop()
            yield body
            if self.suite.evaluator.relevance.matters(body.function, body.module):
                stack += reversed(self.suite.nested(body))

    # --- findings ---------------------------------------------------------------------------------------------------

    def _dress(self, draft: Draft, context: Context) -> Finding:
        rule = self.rules[draft.code]
        module = draft.module or context.module
        body = context.body
        symbol = draft.symbol if draft.symbol is not None else body.symbol if body is not None else ""
        nodeid = draft.nodeid or (body.nodeid if body is not None and draft.symbol is None else None)
        line, column, end_line, end_column = draft.at
        return Finding(
            rule.code,
            rule.name,
            rule.family,
            Location(module.path, line, column, end_line, end_column),
            symbol,
            nodeid,
            draft.message,
            draft.suggestion,
            Severity(rule.severity),
            Confidence.LOW
            if self._never_runs(draft, context)
            else draft.confidence or Confidence(rule.confidence),
            draft.estimate,
            draft.related,
        )

    def _never_runs(self, draft: Draft, context: Context) -> bool:
        """Whether no test session runs what the finding is about."""
        if context.is_lone_script:
            return True
        if context.body is None:
            return draft.module is None and (context.is_unimported or is_broken(self.suite, context.module))
        if context.is_left_behind or self._is_put_aside(context):
            return True
        if context.body.role not in {"test", "method", "helper", "fixture"}:
            return False
        fixture = context.fixture
        if fixture is not None and not is_asked_for(self.suite, fixture):
            return True
        return never_runs(self.suite, context.body) or not is_named(self.suite, context.body)

    def _is_put_aside(self, context: Context) -> bool:
        """Whether a module's tests, by its name, are none of a whole suite: ``skiptest_plots.py``, nowhere imported."""
        module = context.module
        return (
            not self.collected(module.path)
            and context.is_unimported
            and has_tests(self.suite)
            and any(body.role == "test" for body in self.suite.of(module).bodies)
        )

    @staticmethod
    def _most_specific(findings: Iterable[Finding]) -> Iterator[Finding]:
        """One fault, one finding: at one place the most specific code; the others drop to audit."""
        by_place: dict[tuple[str, int, int], list[Finding]] = {}
        for finding in findings:
            place = finding.location
            by_place.setdefault((place.path, place.line, place.column), []).append(finding)
        for group in by_place.values():
            group.sort(key=lambda finding: (_RANK.get(finding.code, len(_RANK)), finding.code))
            shown = [finding for finding in group if finding.confidence is not Confidence.LOW]
            first = shown[0] if shown else group[0]
            for finding in group:
                stands = finding is first or finding.code == first.code
                yield finding if stands else replace(finding, confidence=Confidence.LOW)


def _of_frame(frame: Frame, context: Context) -> Iterator[tuple[object, Context]]:
    for items in (frame.sites, frame.growths, frame.endless, frame.accumulations, frame.rebindings):
        for item in items:
            yield item, context


Subject = Site | Growth | LoopSite | Accumulation | Rebinding | Debt | Body | Fixture | ModuleSuite
Checker = Callable[[Subject, Context], Iterator[Draft]]
__all__ = ["Engine", "RegisteredRule"]
