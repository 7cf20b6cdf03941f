"""The first thing a reader is told: the verdict on the suite in one sentence, and the figures beneath it."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from memlint.model import MeasuredUnit, Measurement, ReportData
from memlint.report.rows import FileRow, is_batch
from memlint.report.summary import plural, share_words
from memlint.report.verdict_words import BY_FORCE, FINE, OF_MEMORY, verdict_words
from memlint.units import format_bytes


class Mood(str, enum.Enum):
    """How a verdict is meant."""

    BAD = "bad"
    DOUBTFUL = "doubtful"
    GOOD = "good"
    PLAIN = "plain"  # nothing was measured


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One number of the headline, with what it counts and a word beside it."""

    label: str
    value: str
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict. ``text`` is one sentence, ``lead`` what explains it."""

    mood: Mood
    text: str
    lead: tuple[str, ...]
    figures: tuple[KeyFigure, ...]


def headline(data: ReportData, rows: Sequence[FileRow]) -> Headline:
    """Return the verdict on a suite; ``rows`` come heaviest first."""
    if data.measurement is None:
        return _predicted(data, rows)
    return _measured(data, data.measurement, rows)


def noun_of(units: Sequence[MeasuredUnit]) -> str:
    """Return what the units of a run are: files, batches or tests; units where they are mixed."""
    kinds = {"batch" if is_batch(unit) else "test" if "::" in unit.name else "file" for unit in units}
    return kinds.pop() if len(kinds) == 1 else "unit"


def counted(number: int, noun: str) -> str:
    """Return ``"2 batches"``, ``"1 file"``."""
    return f"{number:,} batches" if noun == "batch" and number != 1 else plural(number, noun)


def _predicted(data: ReportData, rows: Sequence[FileRow]) -> Headline:
    ranked = [row for row in rows if row.suspect]
    if not ranked:
        return Headline(Mood.PLAIN, "There is no test file to rank", (), _static_figures(data))
    heaviest = ranked[0]
    peak = heaviest.suspect.peak if heaviest.suspect else None
    size = format_bytes(peak.likely) if peak else ""
    lead = ["Nothing was measured: these are predictions from the code.", share_words(data.ranking.files)]
    text = f"{heaviest.path} is predicted to need {size}, more than any other file"
    if len(ranked) == 1:
        text = f"{heaviest.path} is predicted to need {size}"
    first = KeyFigure("Heaviest prediction", size, heaviest.path)
    return Headline(Mood.PLAIN, text, tuple(lead), (first, *_static_figures(data)))


def _static_figures(data: ReportData) -> tuple[KeyFigure, ...]:
    kinds = Counter(finding.severity.value for finding in data.lint.active)
    aside = ", ".join(plural(kinds[kind], kind) for kind in ("error", "warning", "note") if kinds[kind])
    files = KeyFigure("Files checked", f"{data.lint.summary.files:,}")
    return (files, KeyFigure("Findings", f"{len(data.lint.active):,}", aside or "nothing found"))


def _measured(data: ReportData, measurement: Measurement, rows: Sequence[FileRow]) -> Headline:
    units = measurement.units
    mood, text = _verdict(measurement, rows)
    measured = [row for row in rows if row.peak_bytes is not None]
    figures = []
    if measured:
        peak = format_bytes(measured[0].peak_bytes or 0)
        figures.append(KeyFigure("Heaviest file", peak, measured[0].path))
    limit = units[-1].context.limit_bytes if units else None
    aside = f"limit {format_bytes(limit)}" if limit else "no limit was set"
    figures.append(KeyFigure("Measured", counted(len(units), noun_of(units)), aside))
    return Headline(mood, text, tuple(_lead(data, measurement)), (*figures, *_static_figures(data)))


def _verdict(measurement: Measurement, rows: Sequence[FileRow]) -> tuple[Mood, str]:
    """The sentence, by the worst that happened."""
    seen = [row for row in rows if row.verdict]
    total = plural(len(seen), "file")
    for verdicts in (OF_MEMORY, *({kind} for kind in ("killed", "terminated", "crashed", "timeout"))):
        hit = [row for row in seen if row.verdict in verdicts]
        if hit:
            what = (
                verdict_words(hit[0].verdict)
                if len({row.verdict for row in hit}) == 1
                else "ran out of memory"
            )
            what = what.replace("was ", "were ") if len(hit) > 1 else what
            who = hit[0].path if len(hit) == 1 else f"{len(hit):,} of {total}"
            return Mood.BAD, f"{who} {what}"
    if measurement.in_flight:
        return Mood.BAD, f"The run was cut short while {measurement.in_flight[-1]} ran"
    if not seen:
        return Mood.DOUBTFUL, "The journal holds no finished unit"
    heaviest = max(seen, key=lambda row: row.peak_bytes or 0)
    peak = format_bytes(heaviest.peak_bytes) if heaviest.peak_bytes is not None else "an unknown size"
    failing = sum(row.verdict not in FINE for row in seen)
    if failing:
        return Mood.DOUBTFUL, f"No file ran out of memory, and {failing:,} of {total} did not pass"
    return Mood.GOOD, f"No file ran out of memory; the heaviest reached {peak}"


def _lead(data: ReportData, measurement: Measurement) -> list[str]:
    lead = []
    for cause in sorted(data.causes, key=lambda cause: -cause.bytes)[:2]:
        where = f" in {cause.where}" if cause.where else ""
        evidence = cause.evidence[0] if cause.evidence else format_bytes(cause.bytes)
        lead.append(f"{cause.kind.value.capitalize()}{where}: {evidence.rstrip('.')}.")
    forced = [unit for unit in measurement.units if unit.verdict in OF_MEMORY | BY_FORCE and unit.victim]
    if forced and not lead:
        lead.append(f"{forced[0].victim} was running when it happened.")
    if measurement.mixed:
        lead.append("The journal mixes runs of different contexts, whose figures cannot be compared.")
    return lead
