"""A pipeline that finds what the test says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from memlint import pipeline
from memlint.discovery import discover
from memlint.model import (
    Confidence,
    ErrorRecord,
    Estimate,
    Finding,
    LintResult,
    Location,
    RankResult,
    Severity,
    Status,
    Summary,
    Suspect,
)


def finding(path: str = "tests/test_a.py", line: int = 1, code: str = "MEM401", **changes: object) -> Finding:
    base = Finding(
        code=code,
        name="process-never-terminated",
        family="process",
        location=Location(path, line, 1, line, 5),
        symbol="test_a",
        nodeid=f"{path}::test_a",
        message="a process",
        suggestion="wait for it",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        estimate=Estimate.exact(100),
        fingerprint=f"{code}-{path}-{line}",
    )
    return replace(base, **changes)


@dataclass
class Pipeline:
    """What the fake pipeline is to find, and what it was asked."""

    findings: list[Finding] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)
    requests: list[pipeline.Request] = field(default_factory=list)

    @property
    def request(self) -> pipeline.Request:
        return self.requests[-1]

    def lint(self, request: pipeline.Request) -> LintResult:
        self.requests.append(request)
        found = discover(request.paths, request.settings, request.root)
        active = sum(f.status is Status.ACTIVE for f in self.findings)
        return LintResult(
            findings=tuple(self.findings),
            errors=(*found.errors, *self.errors),
            summary=Summary(files=len(found.files), findings=active),
        )

    def rank(self, request: pipeline.Request) -> RankResult:
        self.requests.append(request)
        found = discover(request.paths, request.settings, request.root)
        files = tuple(
            Suspect(file.path, rank, Estimate.exact(1000 // rank), (), 0)
            for rank, file in enumerate(found.files, 1)
        )
        return RankResult(files, (), found.errors)
