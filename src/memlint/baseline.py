"""Known findings, accepted in a file: by fingerprint, so that edits above a finding do not bring it back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import msgspec

from memlint.config import ConfigError, Settings
from memlint.disk import exists
from memlint.model import Finding, LintResult, Status
from memlint.units import format_bytes

SCHEMA = "memlint.baseline/1"
GROWTH = (
    2.0  # an accepted finding counts again when its likely bytes exceed this many times the accepted ones
)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One accepted finding. All but the fingerprint and the bytes is for the reader."""

    fingerprint: str
    code: str
    path: str  # POSIX, relative to the settings' root
    symbol: str = ""
    message: str = ""
    estimated_bytes: int | None = None
    reason: str = ""  # why it is accepted; written by hand, kept when the file is written anew


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    schema: str
    findings: list[Entry]


def read(path: Path) -> Baseline:
    """Return the baseline in ``path``.

    Raises ConfigError when it cannot be read or is none.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such baseline; --write-baseline makes one") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not a baseline of memlint's: {error}") from error
    if found.schema != SCHEMA:
        raise ConfigError(f"{path}: has the schema {found.schema!r}, and this memlint reads {SCHEMA!r}")
    return found


def write(path: Path, result: LintResult, settings: Settings) -> int:
    """Accept all active findings: write them to ``path``, keep the reasons given there, return their number.

    Raises ConfigError when the file cannot be written, or holds something else than a baseline.
    """
    reasons = {entry.fingerprint: entry.reason for entry in read(path).findings} if exists(path) else {}
    content = render(result, settings, reasons)
    try:
        partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    return len(result.active)


def render(
    result: LintResult, settings: Settings, reasons: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """Return the baseline file that accepts all active findings; ``reasons`` are by fingerprint."""
    entries = [_entry(finding, reasons, settings) for finding in result.active]
    entries.sort(key=lambda entry: (entry.path, entry.code, entry.symbol, entry.fingerprint))
    return (
        msgspec.json.format(msgspec.json.encode(Baseline(schema=SCHEMA, findings=entries)), indent=1) + b"\n"
    )


def apply(path: Path, result: LintResult, settings: Settings, paths: Sequence[str]) -> LintResult:
    """Return ``result`` with the findings that ``path`` accepts marked as baselined.

    ``paths`` are those that were checked (none: all); entries below them that match nothing are told of.
    Raises ConfigError when ``path`` cannot be read or is no baseline.
    """
    known = {entry.fingerprint: entry for entry in read(path).findings}
    findings = tuple(_judged(finding, known.get(finding.fingerprint)) for finding in result.findings)
    accepted = sum(finding.status is Status.BASELINED for finding in findings)
    summary = replace(
        result.summary,
        findings=result.summary.findings - accepted,
        baselined=result.summary.baselined + accepted,
    )
    notes = (*_grown(result.active, known), *_stale(result, known.values(), settings, paths))
    return replace(
        result, findings=findings, summary=summary, stale_baseline=(*result.stale_baseline, *notes)
    )


def _entry(finding: Finding, reasons: Mapping[str, str], settings: Settings) -> Entry:
    return Entry(
        fingerprint=finding.fingerprint,
        code=finding.code,
        path=settings.from_root(finding.location.path),
        symbol=finding.symbol,
        message=finding.message,
        estimated_bytes=finding.estimate.likely if finding.estimate else None,
        reason=reasons.get(finding.fingerprint, ""),
    )


def _judged(finding: Finding, entry: Entry | None) -> Finding:
    if entry is None or finding.status is not Status.ACTIVE or _has_grown(finding, entry):
        return finding
    return replace(finding, status=Status.BASELINED, reason=entry.reason)


def _has_grown(finding: Finding, entry: Entry) -> bool:
    if not entry.estimated_bytes or not finding.estimate:
        return False
    return finding.estimate.likely > GROWTH * entry.estimated_bytes


def _grown(findings: Iterable[Finding], known: dict[str, Entry]) -> Iterator[str]:
    for finding in findings:
        entry = known.get(finding.fingerprint)
        if entry and finding.estimate and _has_grown(finding, entry):
            before, now = format_bytes(entry.estimated_bytes or 0), format_bytes(finding.estimate.likely)
            place = f"{finding.location.path}:{finding.location.line}"
            yield f"{place}: {finding.code} was accepted at {before} and is {now} now: it counts again"


def _stale(
    result: LintResult, entries: Iterable[Entry], settings: Settings, paths: Sequence[str]
) -> Iterator[str]:
    found = {finding.fingerprint for finding in result.findings}
    unread = {settings.from_root(error.path) for error in result.errors}
    checked = [PurePosixPath(settings.from_root(path.split("::")[0])) for path in paths]
    for entry in entries:
        if entry.fingerprint in found or entry.path in unread or entry.code not in settings.codes:
            continue
        place = PurePosixPath(entry.path)
        if not checked or any(top == place or top in place.parents for top in checked):
            where = f"{entry.path}, {entry.symbol}" if entry.symbol else entry.path
            yield f"{entry.code} in {where} is no longer found: write the baseline anew"
