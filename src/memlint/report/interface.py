"""What every format offers, and what it is told about the place its output goes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from memlint.model import Agreement, Comparison, Level, LintResult, ProbeResult, RankResult, ReportData


@dataclass(frozen=True, slots=True)
class RenderContext:
    """Where the output goes and how much of it is wanted."""

    color: bool  # ANSI colours may be written
    hyperlinks: bool  # OSC 8 links may be written
    width: int  # columns of the terminal
    level: Level
    statistics: bool  # counts by code are wanted at the end
    verbose: int  # 0, 1 …: how often -v was given
    quiet: bool  # findings and errors alone, no summary
    source_line: Callable[[str, int], str | None]  # line n (from 1) of the file at a path
    root: Path  # the working directory, which the paths of findings are relative to
    show_suppressed: bool  # list suppressed and baselined findings too, with why
    top: int | None = None  # of a ranking, only so many files and tests; None for all


class MissingExtraError(Exception):
    """A library that this output needs is not installed. The message says what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs jinja2 and vl-convert-python, which are not installed: pip install "
            f"'pytest-memlint[report]', or ask for --format markdown or json"
        )


class Reporter(Protocol):
    """Writes the result of a lint run."""

    def render(self, result: LintResult, context: RenderContext) -> Iterator[str]:
        """Yield the output in chunks of text, newlines included; the same result gives the same text."""
        ...


class RankReporter(Protocol):
    """Writes a ranking of suspects."""

    def render(self, result: RankResult, context: RenderContext) -> Iterator[str]:
        """Yield the output in chunks of text, newlines included; the same result gives the same text."""
        ...


class ReportReporter(Protocol):
    """Writes the report of a suite."""

    def render(self, data: ReportData, context: RenderContext) -> Iterator[str]:
        """Yield the output in chunks of text, newlines included; the same facts give the same text."""
        ...


class AgreementReporter(Protocol):
    """Writes a cross-check of ranking and measurement."""

    def render(self, result: Agreement, context: RenderContext) -> Iterator[str]:
        """Yield the output in chunks of text, newlines included; the same result gives the same text."""
        ...


class ComparisonReporter(Protocol):
    """Writes what changed between measurements."""

    def render(self, result: Comparison, context: RenderContext) -> Iterator[str]:
        """Yield the output in chunks of text, newlines included; the same result gives the same text."""
        ...


class ProbeReporter(Protocol):
    """Writes what a probe measured."""

    def render(self, result: ProbeResult, context: RenderContext) -> Iterator[str]:
        """Yield the output in chunks of text, newlines included; the same result gives the same text."""
        ...
