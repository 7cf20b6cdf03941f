"""``measure --memray``: the culprits under memray, and the findings on the lines that allocate."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlint.disk import is_file
from memlint.units import format_bytes

if TYPE_CHECKING:
    from memlint.culprit.profile import AllocatingLine, Profile
    from memlint.model import Cause, Finding
    from memlint.runner.run import Request
    from memlint.runner.summary import Summary

WORTH = 1 << 20  # bytes of an allocating line that is worth naming
LINES = 5


def missing_memray(python: str) -> str:
    """What to do when the suite's interpreter has no memray; "" when it has."""
    from memlint.culprit.profile import has_memray

    if has_memray(python):
        return ""
    how = (
        'install it by: pip install "pytest-memlint[memray]"'
        if python == sys.executable
        else "install it there"
    )
    return f"--memray needs memray in {python}, which cannot import it: {how}"


def profile_lines(
    request: Request, summary: Summary, causes: Sequence[Cause], display: Any, options: dict[str, Any]
) -> Iterator[str]:
    """Profile the culprits and say which lines allocate, each with what memlint finds there."""
    from memlint.culprit.profile import chosen, files_of, profile

    names = chosen(causes, summary.troubled, summary.heaviest_units)
    if not names:
        return
    folder = request.journal.parent / "memray"
    profiles = profile(request, names, folder, display)
    findings = _findings([path for path in files_of(profiles) if is_file(Path(path))], options)
    yield ""
    yield "Under memray, alone"
    for each in profiles:
        yield from _one(each, findings)


def _one(each: Profile, findings: Sequence[Finding]) -> Iterator[str]:
    from memlint.runner.display import printable

    yield f"  {each.verdict.upper()} {printable(each.name)}: peak of allocations {format_bytes(each.peak_bytes)}"
    for line in [line for line in each.lines if line.bytes >= WORTH][:LINES]:
        yield f"    {format_bytes(line.bytes):>9}  {printable(line.path)}:{line.line} in {line.function}"
        for finding in _on(line, findings):
            yield f"               {finding.code} {finding.name}: {printable(finding.message)}"
    for path in each.artifacts:
        yield f"    {printable(str(_shown(path)))}"
    if each.trouble:
        yield f"    memray: {printable(each.trouble)}"


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _on(line: AllocatingLine, findings: Sequence[Finding]) -> list[Finding]:
    """Findings whose statement holds the line."""
    return [
        finding
        for finding in findings
        if finding.location.path == line.path
        and finding.location.line <= line.line <= max(finding.location.line, finding.location.end_line)
    ]


def _findings(files: list[str], options: dict[str, Any]) -> tuple[Finding, ...]:
    """What memlint finds in these files at the widest level; nothing when they cannot be checked."""
    from memlint import pipeline
    from memlint.cli.options import settings_for
    from memlint.config import ConfigError, Overrides
    from memlint.model import Level

    try:
        settings = settings_for(files, options["config"], options["isolated"], Overrides(level=Level.AUDIT))
    except ConfigError:
        return ()
    result = pipeline.lint(pipeline.Request(paths=tuple(files), settings=settings, root=settings.working_dir))
    return result.findings
