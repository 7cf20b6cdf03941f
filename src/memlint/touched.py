"""Only what a change touched: findings on its lines, and those that it caused elsewhere.

A finding counts when it, or a place it speaks of, lies on a changed line; or when it was not there before: the files
are checked a second time as they were at the commit, with the settings of today, and what was found then, by its
fingerprint and not much smaller, is nothing new. So a release that was deleted, or a fixture that became
session-scoped, shows what it did to tests whose own lines are the same.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from memlint.baseline import GROWTH
from memlint.config import Settings
from memlint.discovery import discover
from memlint.git_changes import Changes, GitError, changes_since, rebuild
from memlint.model import Finding, LintResult, Status, Summary
from memlint.request import Request


@dataclass(frozen=True, slots=True)
class Touched:
    """What is left of a result. ``untouched`` findings were there before, on lines that have not changed."""

    result: LintResult
    untouched: int
    base: str  # the commit that was compared with


def only_touched(
    request: Request, ref: str, result: LintResult, lint: Callable[[Request], LintResult]
) -> Touched:
    """Return the ``result`` of ``request`` without the findings that the changes since ``ref`` did not touch.

    Raises GitError when git cannot tell what has changed.
    """
    changes = changes_since(ref, request.folder)
    places = _Places(changes, request.folder)
    unsure = [finding for finding in result.active if not places.touch(finding)]
    sources = [finding for finding in unsure if finding.location.path.endswith(".py")]
    known = {
        finding.fingerprint: finding for finding in unsure if finding not in sources
    }  # of the configuration
    if changes.entries and sources:
        known.update((finding.fingerprint, finding) for finding in _before(changes, request, lint))
    else:
        known.update((finding.fingerprint, finding) for finding in sources)
    gone = {id(finding) for finding in unsure if _was_there(finding, known.get(finding.fingerprint))}
    findings = tuple(finding for finding in result.findings if id(finding) not in gone)
    summary = replace(result.summary, findings=result.summary.findings - len(gone))
    suspects = tuple(s for s in result.suspects if any(f.location.path == s.path for f in findings))
    return Touched(
        replace(result, findings=findings, summary=summary, suspects=suspects), len(gone), changes.base
    )


def caused_by(request: Request, named: Collection[str], lint: Callable[[Request], LintResult]) -> LintResult:
    """Return what is found in the files ``named``, and of the rest of ``request`` what a change to them caused.

    The change is that of the working tree against HEAD. Where git knows of none, as before the first commit, the
    rest counts where it speaks of a place in the files ``named``.
    """
    result = lint(request)
    try:
        touched = only_touched(request, "HEAD", result, lint).result
    except GitError:
        touched = replace(result, findings=tuple(f for f in result.findings if _speaks_of(f, named)))
    caused = {id(finding) for finding in touched.findings if finding.status is Status.ACTIVE}
    findings = tuple(f for f in result.findings if f.location.path in named or id(f) in caused)
    errors = tuple(error for error in result.errors if error.path in named)
    counts = Counter(finding.status for finding in findings)
    summary = Summary(
        len(named),
        counts[Status.ACTIVE],
        counts[Status.HIDDEN],
        counts[Status.SUPPRESSED],
        counts[Status.BASELINED],
    )
    accused = {finding.location.path for finding in findings}
    suspects = tuple(suspect for suspect in result.suspects if suspect.path in accused)
    return replace(result, findings=findings, errors=errors, summary=summary, suspects=suspects)


def _speaks_of(finding: Finding, files: Collection[str]) -> bool:
    return any(place.path in files for place in finding.related)


def _was_there(finding: Finding, before: Finding | None) -> bool:
    if before is None:
        return False
    if finding.estimate is None or before.estimate is None:
        return True
    return finding.estimate.likely <= GROWTH * before.estimate.likely


@dataclass(frozen=True, slots=True)
class _Places:
    """Places of findings, which are relative to the working directory, among the changed lines."""

    changes: Changes
    folder: Path

    def touch(self, finding: Finding) -> bool:
        where = finding.location
        return self._changed(where.path, where.line, max(where.line, where.end_line)) or any(
            self._changed(place.path, place.line, place.line) for place in finding.related
        )

    def _changed(self, path: str, first: int, last: int) -> bool:
        rooted = os.path.relpath(self.folder / path, self.changes.top).replace(os.sep, "/")
        return self.changes.touches(rooted, first, last)


def _before(changes: Changes, request: Request, lint: Callable[[Request], LintResult]) -> Iterator[Finding]:
    """The findings that counted at the commit, in the files that are checked today."""
    paths = [file.path for file in discover(request.paths, request.settings, request.folder).files]
    with tempfile.TemporaryDirectory(prefix="memlint-") as name:
        place = Path(name).resolve()
        rebuild(changes, place)
        settings = _moved(request.settings, changes.top, place)
        there = tuple(path for path in paths if (settings.working_dir / path).is_file())
        if there:
            before = replace(request, paths=there, settings=settings, root=None, cache=False, progress=None)
            yield from lint(before).active


def _moved(settings: Settings, top: Path, place: Path) -> Settings:
    """The settings of today for the tree in ``place``."""

    def there(path: Path) -> Path:
        return place / path.relative_to(top) if path.is_relative_to(top) else path

    addopts = settings.addopts_place

    return replace(
        settings,
        root=there(settings.root),
        working_dir=there(settings.working_dir),
        testpaths_root=there(settings.testpaths_root),
        addopts_place=(there(addopts[0]), addopts[1]) if addopts else None,
    )
