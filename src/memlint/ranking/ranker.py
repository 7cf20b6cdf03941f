"""Suspects of a project: every test file and test with its predicted peak and the reasons for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from memlint.analysis.footprint import Footprints as Allocations
from memlint.analysis.footprint import footprints as allocations_of
from memlint.analysis.footprint import left_behind
from memlint.analysis.project import Module
from memlint.analysis.running import never_runs
from memlint.analysis.suite import Body, Suite
from memlint.discovery import ancestor_conftests
from memlint.disk import RealDisk
from memlint.knowledge.footprints import Footprints, shipped_footprints
from memlint.knowledge.ranking import Weights, shipped_weights
from memlint.model import Basis, Finding, Suspect
from memlint.ranking.graph import ImportGraph
from memlint.ranking.installed import environment_seen, installed
from memlint.ranking.opt_in import deselected_markers, skipped_markers
from memlint.ranking.outlines import Outlines
from memlint.ranking.predict import Model
from memlint.ranking.terms import FileTerms, TermReader, TestTerms

_MOST_CASES = 100_000.0  # more are never collected
_TEST_FILE = re.compile(r"(?:^|/)(?:test[^/]*|[^/]*_tests?)\.py$")


class Counted(NamedTuple):
    """How many findings each file and each test has."""

    by_file: Counter[str]
    by_test: Counter[str | None]


def counted(findings: Iterable[Finding]) -> Counted:
    """Count findings for the suspects that they speak of."""
    by_file: Counter[str] = Counter()
    by_test: Counter[str | None] = Counter()
    for finding in findings:
        by_file[finding.location.path] += 1
        if finding.nodeid:
            by_test[finding.nodeid] += 1
    return Counted(by_file, by_test)


class Ranker:
    """Ranks the files of one run; what it reads of imports is shared by all of them."""

    def __init__(
        self,
        disk: RealDisk,
        cores: int,
        outlines: Outlines | None = None,
        footprints: Footprints | None = None,
        weights: Weights | None = None,
        addopts: Sequence[str] = (),
    ) -> None:
        known = footprints or Footprints(shipped_footprints().table, holds=installed(disk))
        kept = outlines or Outlines()
        self.reader = TermReader(ImportGraph(disk, known, kept), cores)
        self.model = Model(weights or shipped_weights(), known.interpreter)
        self._disk = disk
        self._deselected = deselected_markers(addopts)
        self._opt_in: dict[tuple[str, ...], frozenset[str]] = {}  # markers, by conftests

    def suspects(
        self, suite: Suite, modules: Iterable[Module], findings: Counted, tests: bool
    ) -> Iterator[Suspect]:
        """Each test file as a suspect, and its tests after it if asked; ranks are given by ``in_order``."""
        for module in modules:
            file, own = self.terms(suite, module)
            if not own and not _TEST_FILE.search(module.path):
                continue  # support that the suite imports: nobody runs it by itself
            whole = self.model.of_file(file, [terms for _, terms in own])
            yield Suspect(module.path, 0, whole.peak, whole.reasons, findings.by_file[module.path])
            parts = self.model.of_tests(file, (terms for _, terms in own)) if tests else ()
            for (body, _), part in zip(own, parts, strict=False):
                nodeid = body.nodeid
                yield Suspect(module.path, 0, part.peak, part.reasons, findings.by_test[nodeid], nodeid)

    def basis(self, known: Basis) -> Basis:
        """Where the figures of the suspects so far come from, and which imports none stands for."""
        graph = self.reader.graph
        seen = "" if known.probed else environment_seen(graph.disk)
        return replace(
            known,
            environment=seen,
            unmeasured=tuple(sorted(graph.unmeasured)),
            missing=tuple(sorted(graph.missing)),
        )

    def terms(self, suite: Suite, module: Module) -> tuple[FileTerms, list[tuple[Body, TestTerms]]]:
        """Everything that is known of a file and its tests, before the weights."""
        allocations = allocations_of(suite)
        bodies = [body for body in suite.of(module).bodies if body.role == "test"]
        file = self.reader.of_file(module)
        if file.skipped:
            return file, [(body, _never_run(body)) for body in bodies]
        read = frozenset[str]()
        if file.data:
            read = read.union(*(allocations.read_by(body) for body in bodies if _is_evaluated(suite, body)))
        data = tuple(item for item in file.data if item.path not in read)
        file = replace(file, inherited=_inherited(suite, module), data=data)
        asked = self._asked(module)
        return file, [(body, _test_terms(suite, allocations, body, asked)) for body in bodies]

    def _asked(self, module: Module) -> frozenset[str]:
        """The markers whose tests run only when somebody asks for them."""
        conftests = tuple(path for path in ancestor_conftests(module.path) if self._disk.size(path))
        known = self._opt_in.get(conftests)
        if known is None:
            text = "\n".join(map(self._disk.text, conftests))
            known = self._opt_in[conftests] = skipped_markers(text) | self._deselected
        return known


def _inherited(suite: Suite, module: Module) -> float:
    """How many cases the file's classes have from tests of their bases."""
    counts: dict[int, float] = {}
    total = 0.0
    for cls in suite.of(module).classes:
        for body in suite.inherited(cls) if suite.is_test_class(cls) else ():
            if id(body) not in counts:
                counts[id(body)] = _cases(suite, body) or 1.0
            total += counts[id(body)]
    return min(total, _MOST_CASES)


def _never_run(body: Body) -> TestTerms:
    return TestTerms(body.function.name, 0.0, (), body.function.first_line, body.function.end_line)


def _test_terms(suite: Suite, allocations: Allocations, body: Body, asked: frozenset[str]) -> TestTerms:
    function = body.function
    evaluated = _is_evaluated(suite, body)
    parts = allocations.of_test(body) if evaluated else allocations.of_module(body.module).kept
    return TestTerms(
        function.name,
        _cases(suite, body),
        parts,
        function.first_line,
        function.end_line,
        left_behind(suite, body),
        bool(asked) and any(mark.name in asked for mark in suite.marks(body)),
    )


def _is_evaluated(suite: Suite, body: Body) -> bool:
    """Whether what a test does can tell anything: it runs, and it or a fixture mentions what matters."""
    relevance = suite.evaluator.relevance
    matters = relevance.matters(body.function, body.module) or any(
        relevance.matters(fixture.body.function, fixture.body.module) for fixture in suite.requested(body)
    )
    return matters and not never_runs(suite, body)


def _cases(suite: Suite, body: Body) -> float | None:
    """Likely number of cases; the decorators of a test without any need not be looked at."""
    if not body.function.decorators and body.owner is None and not body.function.params:
        return 1.0
    count = suite.cases(body)
    if count is None:
        return None
    return min((max(count.low, 1.0) + min(count.high, _MOST_CASES)) / 2, _MOST_CASES)
