"""The page: one HTML file that holds everything, opens nothing else and shows whatever a repository contains as text.

Vega-Lite draws, from the bundle that vl-convert carries; jinja2 writes the markup, escaped. The content security
policy names the two scripts by their hashes and allows nothing from the network, so that no text can become more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from memlint.model import Finding, ReportData, RuleInfo, Severity
from memlint.report.agreement_words import agreement_words
from memlint.report.escape import shown
from memlint.report.headline import headline
from memlint.report.interface import MissingExtraError, RenderContext
from memlint.report.page_data import payload
from memlint.report.rows import FileRow, file_rows, files_of, is_batch, rows_of_tests, slope
from memlint.report.summary import plural, statistics
from memlint.report.verdict_words import FINE, OF_MEMORY, exit_words, verdict_words
from memlint.units import format_bytes

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

FILES_SHOWN = 6_000  # rows of the table
CAUSES_SHOWN = 24  # cards, heaviest first
_BAR = 1000  # width of a row's bar in its own units


class PageReporter:
    """The whole report as a page; without a measurement the same page speaks of predictions."""

    def render(self, data: ReportData, context: RenderContext) -> Iterator[str]:
        """Yield the page. Raises MissingExtraError without the extra ``report``."""
        environment = _environment()
        rows = file_rows(data)
        tests = rows_of_tests(data)
        listed = rows[:FILES_SHOWN]
        sent = payload(data, listed, tests, context.source_line)
        left_out = list(sent.left_out)
        if len(rows) > len(listed):
            left_out.insert(0, f"{len(rows) - len(listed):,} of the lighter files")
        scripts = (_plotting(), _asset("page.js"))
        values = {
            "data": data,
            "measured": data.measurement is not None,
            "headline": headline(data, rows),
            "agreed": agreement_words(data.agreement) if data.agreement and data.agreement.rows else (),
            "anchors": {row.path: f"f{number}" for number, row in enumerate(listed)},
            "causes": sorted(data.causes, key=lambda cause: -cause.bytes)[:CAUSES_SHOWN],
            "worths": {worth.code: worth for worth in data.agreement.rules} if data.agreement else {},
            "rows": _page_rows(listed),
            "tests": len(tests),
            "rules": _rules(data),
            "payload": sent.json,
            "left_out": left_out,
            "style": _asset("page.css"),
            "scripts": scripts,
            "hashes": " ".join(f"'sha256-{_digest(script)}'" for script in scripts),
            "filters": _filters(listed, data.measurement is not None),
            "batches": [unit for unit in data.measurement.units if is_batch(unit)]
            if data.measurement
            else [],
            "environment": _environment_facts(data),
        }
        yield from environment.get_template("page.html").generate(**values)


@dataclass(frozen=True, slots=True)
class PageRow:
    """One row of the table, in words and in places on its bar."""

    row: FileRow
    folder: str
    name: str
    measured: str
    predicted: str
    bounds: str
    retained: str
    tone: str  # bad, doubtful, good or none
    worst: str  # severity of its worst finding
    bar: tuple[int, int, int, int]  # measured, predicted: low, likely, high


@dataclass(frozen=True, slots=True)
class Filter:
    """One way to narrow the table."""

    key: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class PageRule:
    """A rule and how often it fired."""

    info: RuleInfo
    count: int


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FunctionLoader
    except ImportError as error:
        raise MissingExtraError("the page") from error
    made = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        bytes=format_bytes,
        shown=shown,
        verdict=verdict_words,
        marked=_marked,
        exit=exit_words,
        plural=plural,
        files_of=files_of,
        slope=slope,
    )
    return made


def _asset(name: str) -> str:
    return (resources.files("memlint.report") / "page" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _plotting() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    try:
        from vl_convert import javascript_bundle
    except ImportError as error:
        raise MissingExtraError("the page") from error
    return (
        javascript_bundle("window.vegaEmbed = vegaEmbed;")
        .replace("</script", "<\\/script")
        .replace("<!--", "<\\!--")
    )


def _marked(text: str) -> Markup:
    """A rule's text, escaped, with what stands between backticks as code."""
    from markupsafe import Markup

    parts = shown(text).split("`")
    if len(parts) % 2 == 0:
        return Markup.escape("`".join(parts))
    pieces = (
        Markup("<code>{}</code>" if place % 2 else "{}").format(part) for place, part in enumerate(parts)
    )
    return Markup("").join(pieces)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _page_rows(rows: list[FileRow]) -> list[PageRow]:
    widest = max((_width(row) for row in rows), default=0)
    return [_page_row(row, widest or 1) for row in rows]


def _width(row: FileRow) -> int:
    """What of a row its bar must have room for: an upper bound far beyond the rest is cut off."""
    if row.suspect is None:
        return row.peak_bytes or 0
    peak = row.suspect.peak
    return max(row.peak_bytes or 0, min(peak.high, round(1.5 * peak.likely)))


def _page_row(row: FileRow, widest: int) -> PageRow:
    folder, slash, name = shown(row.path, 300).rpartition("/")
    peak = row.suspect.peak if row.suspect else None
    figures = (row.peak_bytes or 0, *((peak.low, peak.likely, peak.high) if peak else (0, 0, 0)))
    measured, low, likely, high = (min(round(_BAR * figure / widest), _BAR) for figure in figures)
    return PageRow(
        row=row,
        folder=folder + slash,
        name=name,
        measured="" if row.peak_bytes is None else format_bytes(row.peak_bytes),
        predicted=format_bytes(peak.likely) if peak else "",
        bounds=f"{format_bytes(peak.low)} – {format_bytes(peak.high)}"
        if peak and peak.low != peak.high
        else "",
        retained="" if row.retained_bytes is None else format_bytes(row.retained_bytes),
        tone=_tone(row),
        worst=_worst(row.findings),
        bar=(measured, low, likely, high),
    )


def _tone(row: FileRow) -> str:
    if not row.verdict:
        return "none"
    if row.verdict in FINE:
        return "good"
    return "doubtful" if row.verdict == "failed" else "bad"


def _worst(findings: tuple[Finding, ...]) -> str:
    return min((finding.severity for finding in findings), key=lambda s: s.rank, default=Severity.NOTE).value


def _filters(rows: list[FileRow], measured: bool) -> list[Filter]:
    """The filters that would leave some rows and take some away."""
    counts = {
        "memory": ("out of memory", sum(row.verdict in OF_MEMORY for row in rows)),
        "bad": ("not passed", sum(bool(row.verdict) and row.verdict not in FINE for row in rows)),
        "findings": ("with findings", sum(bool(row.findings) for row in rows)),
        "above": ("above the prediction", sum(above(row) for row in rows)),
        "unmeasured": (
            "not measured",
            sum(bool(row.suspect) and not row.verdict for row in rows) if measured else 0,
        ),
    }
    return [Filter(key, label, count) for key, (label, count) in counts.items() if 0 < count < len(rows)]


def above(row: FileRow) -> bool:
    """Whether more was measured than the prediction's upper bound."""
    return row.peak_bytes is not None and row.suspect is not None and row.peak_bytes > row.suspect.peak.high


def _rules(data: ReportData) -> list[PageRule]:
    """Every rule of the book, those that fired first."""
    counts = {row.code: row.count for row in statistics(data.lint)}
    rules = [PageRule(info, counts.get(info.code, 0)) for info in data.lint.rules]
    return sorted(rules, key=lambda rule: (-rule.count, rule.info.code))


def _environment_facts(data: ReportData) -> list[tuple[str, str]]:
    """What a reader needs to judge whether figures may be compared."""
    facts = [("memlint", data.version)]
    measurement = data.measurement
    if measurement is None or not measurement.contexts:
        return facts
    context = measurement.contexts[-1]
    meters = sorted({unit.meter for unit in measurement.units}) or [context.meter]
    facts += [
        ("Journal", data.journal),
        ("Started", " · ".join(dict.fromkeys(c.started for c in measurement.contexts if c.started))),
        ("Command", " ".join(("memlint", *context.argv)) if context.argv else ""),
        ("Python", context.python),
        ("pytest", context.pytest),
        ("Platform", context.platform),
        ("Memory", format_bytes(context.memory_bytes) if context.memory_bytes else ""),
        ("Limit", format_bytes(context.limit_bytes) if context.limit_bytes else "none"),
        ("Meter", ", ".join(meters)),
        ("Shards", ", ".join(dict.fromkeys(c.shard for c in measurement.contexts if c.shard))),
        ("Context", ", ".join(dict.fromkeys(c.hash for c in measurement.contexts))),
    ]
    return [(label, shown(value, 600)) for label, value in facts if value]
