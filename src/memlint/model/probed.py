"""What a probe of the suite's environment found."""

from __future__ import annotations

from dataclasses import dataclass

from memlint.model.findings import ErrorRecord


@dataclass(frozen=True, slots=True)
class ProbedModule:
    """A module imported alone, in a process of its own. Bytes are peaks above a bare interpreter."""

    name: str
    version: str | None  # of its distribution; None for the standard library
    bytes: int
    own_bytes: int  # of that, what no other measured module accounts for
    status: str  # measured, missing, failed, crashed, timeout or limit
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProbedGroup:
    """Modules that a test file imports together, in a pytest session. Bytes above a bare interpreter."""

    modules: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """An environment, and what imports cost there."""

    python: str  # path of the interpreter
    version: str
    platform: str
    files: int  # test files whose imports were followed
    interpreter_bytes: int  # peak of an interpreter that imports nothing
    session: ProbedModule | None  # pytest with its plugins and one empty test; None where it is not installed
    modules: tuple[ProbedModule, ...]  # in order of name
    groups: tuple[ProbedGroup, ...]
    kept_in: (
        str | None
    )  # the file that the ranking reads, relative to the working directory where it lies below
    errors: tuple[ErrorRecord, ...] = ()
