"""One run: the files read, the project they make, the rules over it, and the ranking."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, takewhile
from pathlib import Path

from memlint.analysis.evaluate import Evaluator
from memlint.analysis.lifetimes import Lifetimes
from memlint.analysis.project import Module, Project
from memlint.analysis.project_resources import ProjectResources
from memlint.analysis.relevance import Relevance
from memlint.analysis.suite import Suite
from memlint.cache import FileCache
from memlint.config import shown
from memlint.discovery import Discovered, ancestor_conftests, is_excluded, may_be_collected
from memlint.disk import RealDisk
from memlint.facts import FileFacts, encode_body
from memlint.fingerprint import fingerprint
from memlint.garbage import collect_if_many, set_aside, uncollected
from memlint.knowledge.index import ApiIndex, api_index
from memlint.knowledge.rulebook import Rule, load_rulebook
from memlint.memo import Witness
from memlint.model import (
    Confidence,
    ErrorRecord,
    Finding,
    LintResult,
    Location,
    RankResult,
    RuleInfo,
    Severity,
    Status,
    Summary,
    Suspect,
)
from memlint.probe.known import SHIPPED, known_footprints
from memlint.product import Glance, ProductCode
from memlint.ranking import Ranker, counted, in_order
from memlint.ranking.outlines import Outlines
from memlint.ranking.terms import FileTerms, TestTerms
from memlint.reading import Wanted, read_facts
from memlint.request import Request
from memlint.rules.engine import Engine
from memlint.rules.workers import configured_fan_out
from memlint.suppression import apply_suppressions

_RECURSION = 8_000
_MODULES_AT_ONCE = 300  # evaluated before what was learnt of them is let go
_SOURCE_AT_ONCE = 2_000_000  # bytes of source, likewise
_SUSPECTS_SHOWN = 5


@dataclass(slots=True)
class Judged:
    """What came out of checking the modules."""

    findings: list[Finding] = field(default_factory=list)
    files: list[Suspect] = field(default_factory=list)
    tests: list[Suspect] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one test file and of its tests."""

    path: str
    file: FileTerms
    tests: tuple[TestTerms, ...]


class Run:
    """Reads what a request asks for, and judges it."""

    def __init__(self, request: Request, found: Discovered) -> None:
        self.request = request
        self.settings = request.settings
        self.root = request.folder
        self.cores = request.target_cores
        sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION))  # facts nest as deep as the source
        self.rules: dict[str, Rule] = dict(load_rulebook(self.settings.extra_rules).rules)
        self.index: ApiIndex = api_index(self.settings.extra_rules)
        self.errors: list[ErrorRecord] = list(found.errors)
        self.complete = True  # nothing went wrong that may go right another time
        version = fingerprint(self.settings.extra_rules)
        self.cache = FileCache(request.cache_folder, "facts", FileFacts)
        self.outlines = Outlines(request.cache_folder, version)
        self.glances = FileCache(request.cache_folder, "glances", Glance, version)
        self.files: dict[str, str] = {}  # the absolute paths of what was found
        self.unsaved: dict[str, FileFacts] = {}  # of a file whose content is not on disk
        self.disk = RealDisk(self.root)
        self.product = ProductCode(self.root, self.settings, self.index, self.glances)
        files = self._read(found)
        self.product.linted_bytes = sum(facts.size for facts in files)
        self.project = Project(files, self.disk, self._load, self.product.is_support, self._whole)
        self._add_conftests()
        self.relevance = Relevance(self.project, self.index)
        self.known = known_footprints(self.settings) if request.probe else SHIPPED
        calibrated = self.settings.calibrated
        weights = calibrated.weighed() if calibrated else None
        self.ranker = Ranker(
            self.disk,
            self.cores,
            self.outlines,
            self.known.footprints,
            weights,
            self.settings.addopts,
        )

    def lint(self, judged: Judged) -> LintResult:
        """The findings of every status, with suppressions applied, and the heaviest of the files they speak of."""
        counts = Counter(finding.status for finding in judged.findings)
        summary = Summary(
            len(self.linted()),
            counts[Status.ACTIVE],
            counts[Status.HIDDEN],
            counts[Status.SUPPRESSED],
            counts[Status.BASELINED],
        )
        heaviest = tuple(in_order(judged.files)[:_SUSPECTS_SHOWN])
        return LintResult(tuple(judged.findings), self.all_errors(), summary, self.rule_infos(), heaviest)

    def rank(self, judged: Judged) -> RankResult:
        """Every linted test file and its tests, heaviest first."""
        files, tests = tuple(in_order(judged.files)), tuple(in_order(judged.tests))
        return RankResult(files, tests, self.all_errors(), self.ranker.basis(self.known.basis))

    def witness(self) -> Witness:
        """Everything that the run has read and asked."""
        files = {**self.cache.seen(), **self.outlines.seen(), **self.glances.seen()}
        disk = self.disk
        return Witness(files, disk.sizes, disk.folders, disk.globbed, disk.listed, time.time_ns())

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, found: Discovered) -> list[FileFacts]:
        if self.request.stdin is not None:
            from memlint.syntax.source import lower_file

            name, content = self.request.stdin
            path = Path(os.path.relpath(self.root / name, self.root)).as_posix()
            facts = [lower_file(path, content, self.settings.extra_rules)]
            self.unsaved = {path: facts[0]}
        else:
            wanted = [Wanted(file.path, file.file) for file in found.files]
            self.files = {file.path: str(file.file) for file in found.files}
            facts, unread = read_facts(
                wanted, self.cache, self.request.jobs, self.settings.extra_rules, self.request.progress
            )
            self.errors += [ErrorRecord(item.path, 0, item.message) for item in unread]
        for item in facts:
            self.errors += [ErrorRecord(item.path, p.line, p.message, p.code) for p in item.problems]
        return facts

    def _add_conftests(self) -> None:
        wanted: dict[str, None] = {}
        for path in list(self.project.modules):
            wanted.update(dict.fromkeys(ancestor_conftests(path)))
        for path in wanted:
            if path not in self.project.modules and self.disk.size(path) is not None:
                facts = self._facts_of(path)
                if facts is not None:
                    self.project.add(facts, linted=False)

    def _facts_of(self, path: str) -> FileFacts | None:
        facts, _ = read_facts([Wanted(path, self.root / path)], self.cache, 1, self.settings.extra_rules)
        return facts[0] if facts else None

    def _whole(self, path: str) -> FileFacts:
        """The facts of a file that was read before, with its statements."""
        return self.unsaved.get(path) or self.cache.held(self.files.get(path) or str(self.root / path))

    def _load(self, path: str) -> FileFacts | None:
        """A further file that the suite imports: test support always, product code when it may acquire something."""
        if not self.product.is_support(path) and not self.product.may_matter(path):
            return None
        return self._facts_of(path)

    # --- checking ---------------------------------------------------------------------------------------------------

    def linted(self) -> list[Module]:
        """The modules that are reported on, in order of path."""
        return sorted((m for m in self.project.modules.values() if m.linted), key=lambda module: module.path)

    def judge(self, tests: bool) -> Judged:
        """Check and rank all modules, some hundred at a time, so that memory stays bounded; tests too if asked."""
        out = Judged()
        done: set[str] = set()
        with set_aside(), uncollected():
            while todo := _some([m for m in self._reportable() if m.path not in done]):
                done.update(module.path for module in todo)
                self.relevance.refresh()
                self._judge_some(todo, tests, out)
                for module in self.project.modules.values():
                    module.forget()
                self.relevance.let_go()
                collect_if_many()
        out.findings += self._configured()
        out.findings.sort(key=lambda finding: finding.sort_key)
        return out

    def _configured(self) -> list[Finding]:
        """What the suite's own pytest configuration asks for, which no module shows."""
        place = self.settings.addopts_place
        if place is None or "MEM208" not in self.settings.codes or self.request.stdin is not None:
            return []
        least = self.settings.options["MEM208"]["min-bytes"]
        found = configured_fan_out(self.settings.addopts, self.linted(), self.cores, int(least))  # type: ignore[arg-type]
        if found is None:
            return []
        message, estimate = found
        path = Path(os.path.relpath(place[0], self.root)).as_posix()
        rule = self.rules["MEM208"]
        severity, confidence = Severity(rule.severity), Confidence(rule.confidence)
        where = Location(path, place[1])
        advice = "Two workers prove parallelism as well."
        finding = Finding(
            rule.code,
            rule.name,
            rule.family,
            where,
            "",
            None,
            message,
            advice,
            severity,
            confidence,
            estimate,
        )
        module = Module(FileFacts(path, "", 0, 0, encode_body(())), path)
        return self._fingerprinted([self._levelled(finding)], module)

    def _judge_some(self, modules: list[Module], tests: bool, out: Judged) -> None:
        engine = self._engine()
        found = [finding for module in modules for finding in self._check(engine, module)]
        out.findings += found
        accused = {finding.location.path for finding in found if finding.status is Status.ACTIVE}
        counts = counted(found)
        for module in modules:
            if not tests and module.path not in accused:
                continue  # lint names the heaviest of the files it speaks of; rank follows the imports of all
            try:
                suspects = list(self.ranker.suspects(engine.suite, [module], counts, tests))
            except Exception as error:
                self._failed(module, error, "It was not ranked.")
                continue
            suspects = [self._sourced(suspect) for suspect in suspects]
            out.files += suspects[:1]
            out.tests += suspects[1:]
        engine.suite.let_go()

    def _sourced(self, suspect: Suspect) -> Suspect:
        """The suspect, whose base says when the weights are the project's own."""
        calibrated, path = self.settings.calibrated, self.settings.calibration
        if calibrated is None or path is None or not calibrated.weights:
            return suspect
        source = f", by {shown(path)}"
        reasons = tuple(
            replace(reason, text=reason.text + source)
            if reason.kind == "base" and not reason.path
            else reason
            for reason in suspect.reasons
        )
        return replace(suspect, reasons=reasons)

    def terms(self) -> list[Terms]:
        """What is known of each test file before the weights."""
        out: list[Terms] = []
        self.relevance.refresh()
        suite = self._engine().suite
        for module in self.linted():
            try:
                file, own = self.ranker.terms(suite, module)
            except Exception as error:
                self._failed(module, error, "It was left out.")
                continue
            if own:
                out.append(Terms(module.path, file, tuple(terms for _, terms in own)))
        return out

    def _engine(self) -> Engine:
        evaluator = Evaluator(self.project, self.index, self.cores, self.relevance)
        suite = Suite(evaluator)
        lifetimes = Lifetimes(suite, ProjectResources(evaluator))
        settings = self.settings
        measured = self.request.measured
        return Engine(
            suite,
            lifetimes,
            self.rules,
            settings.options,
            settings.markers,
            settings.budget,
            measured,
            partial(may_be_collected, settings=settings),
        )

    def _failed(self, module: Module, error: Exception, consequence: str) -> None:
        """One file's crash must not take the others' findings away."""
        self.complete = False
        if os.environ.get("MEMLINT_DEBUG"):
            raise error
        message = f"memlint failed on it ({type(error).__name__}: {error}); please report this. {consequence}"
        self.errors.append(ErrorRecord(module.path, 0, message))

    def _reportable(self) -> list[Module]:
        for path, module in list(self.project.modules.items()):
            if not module.linted and module.support and not is_excluded(path, self.settings):
                module.linted = not path.startswith("..")
        return self.linted()

    def _check(self, engine: Engine, module: Module) -> list[Finding]:
        active = self.settings.active_codes(module.path)
        try:
            found = engine.check(module, active)
        except Exception as error:
            self._failed(module, error, "It was not checked.")
            return []
        found = apply_suppressions(found, module.facts, self.rules, active)
        return self._fingerprinted([self._levelled(finding) for finding in found], module)

    def _levelled(self, finding: Finding) -> Finding:
        if self.settings.calibrated:
            confidence = self.settings.calibrated.confided(finding.code, finding.confidence.value)
            finding = replace(finding, confidence=Confidence(confidence))
        if finding.status is Status.ACTIVE and not self.request.level.admits(finding.confidence):
            return replace(finding, status=Status.HIDDEN)
        return finding

    def _fingerprinted(self, findings: list[Finding], module: Module) -> list[Finding]:
        if not findings:
            return findings
        lines = self._lines(module)
        rooted = self.settings.from_root(module.path)  # the same from whatever folder memlint is run
        seen: Counter[tuple[str, str, str]] = Counter()
        out = []
        for finding in findings:
            place = finding.location
            source = " ".join(" ".join(lines[place.line - 1 : max(place.line, place.end_line)]).split())
            key = (finding.code, finding.symbol, source)
            text = "\0".join([finding.code, rooted, finding.symbol, source, str(seen[key])])
            seen[key] += 1
            out.append(
                replace(finding, fingerprint=hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24])
            )
        return out

    def _lines(self, module: Module) -> list[str]:
        if (
            self.request.stdin is not None
            and module.path in self.project.modules
            and len(self.project.modules) == 1
        ):
            content = self.request.stdin[1]
        else:
            try:
                content = (self.root / module.path).read_bytes()
            except OSError:
                content = b""
        text = content.decode("utf-8", "replace")
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def write_caches(self) -> None:
        """Keep what was read for the next run."""
        self.cache.write()
        self.outlines.write()
        self.glances.write()

    # --- answers ----------------------------------------------------------------------------------------------------

    def all_errors(self) -> tuple[ErrorRecord, ...]:
        """What could not be checked, in order of place."""
        return tuple(sorted(set(self.errors), key=lambda error: (error.path, error.line, error.message)))

    def rule_infos(self) -> tuple[RuleInfo, ...]:
        """The rules as reports need them."""
        return tuple(
            RuleInfo(
                rule.code,
                rule.name,
                rule.family,
                Severity(rule.severity),
                Confidence(rule.confidence),
                rule.summary,
                rule.why,
                rule.fix,
                tuple(rule.references),
            )
            for _, rule in sorted(self.rules.items())
        )


def _some(modules: list[Module]) -> list[Module]:
    """The first of these, as many as are evaluated together."""
    source = accumulate(module.facts.size for module in modules)
    small = sum(1 for _ in takewhile(lambda size: size <= _SOURCE_AT_ONCE, source))
    return modules[: min(max(small, 1), _MODULES_AT_ONCE)]
