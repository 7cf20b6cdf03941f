"""The prediction: what a test holds at once, in bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from memlint.analysis.project import Module
from memlint.analysis.sites import Frame
from memlint.analysis.suite import Body
from memlint.model import ZERO, Estimate, Finding, Reason, Suspect
from memlint.rules.context import estimate_of, peak_of
from memlint.rules.engine import Engine

_LEAST_REASON = 1_000_000  # bytes; what is smaller explains nothing


def rank_files(engine: Engine, modules: Iterable[Module], findings: list[Finding], cores: int) -> list[Suspect]:
    """Every module with its predicted peak, heaviest first."""
    counts = Counter(finding.location.path for finding in findings)
    suspects = [_file(engine, module, counts[module.path]) for module in modules]
    return _ranked(suspects)


def rank_tests(engine: Engine, modules: Iterable[Module], findings: list[Finding], cores: int) -> list[Suspect]:
    """Every test with its predicted peak, heaviest first."""
    counts = Counter(finding.nodeid for finding in findings)
    suspects = [
        _test(engine, body, counts[body.nodeid])
        for module in modules
        for body in engine.suite.of(module).bodies
        if body.role == "test"
    ]
    return _ranked(suspects)


def _ranked(suspects: list[Suspect]) -> list[Suspect]:
    ordered = sorted(suspects, key=lambda s: (-s.peak.likely, -s.peak.high, s.path, s.nodeid or ""))
    return [replace(suspect, rank=number) for number, suspect in enumerate(ordered, 1)]


def _file(engine: Engine, module: Module, findings: int) -> Suspect:
    peak, reasons = _held(engine.suite.evaluator.module_frame(module), module.path)
    heaviest: tuple[Estimate, list[Reason]] = (ZERO, [])
    for body in engine.suite.of(module).bodies:
        if not engine.suite.evaluator.relevance.matters(body.function, body.module):
            continue
        own = _held(engine.suite.evaluate(body), module.path)
        heaviest = max(heaviest, own, key=lambda pair: pair[0].likely)
    return Suspect(module.path, 0, peak + heaviest[0], tuple(reasons + heaviest[1]), findings)


def _test(engine: Engine, body: Body, findings: int) -> Suspect:
    peak, reasons = ZERO, list[Reason]()
    if engine.suite.evaluator.relevance.matters(body.function, body.module):
        peak, reasons = _held(engine.suite.evaluate(body), body.module.path)
    return Suspect(body.module.path, 0, peak, tuple(reasons), findings, body.nodeid)


def _held(frame: Frame, path: str) -> tuple[Estimate, list[Reason]]:
    """What the allocations of a body hold together."""
    total, reasons = ZERO, []
    for site in frame.sites:
        estimate = peak_of(site.result) if site.entries else estimate_of(site.result)
        if estimate is None or estimate.likely < _LEAST_REASON:
            continue
        total += estimate
        reasons.append(Reason("allocation", estimate.likely, path, site.line, site.name))
    return total, sorted(reasons, key=lambda reason: -reason.bytes)
