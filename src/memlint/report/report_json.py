"""The json format of a report: schema ``memlint.report/1``."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import Agreement, Cause, Figure, MeasuredContext, MeasuredUnit, ReportData, Suspect
from memlint.report.headline import headline
from memlint.report.interface import RenderContext
from memlint.report.lint_json import error_record, estimate_record, finding_record
from memlint.report.rows import FileRow, TestRow, file_rows, rows_of_tests, slope
from memlint.report.strict_json import array, dumps

SCHEMA = "memlint.report/1"


class JsonReportReporter:
    """One object; files, tests, units and findings stand one a line."""

    def render(self, data: ReportData, context: RenderContext) -> Iterator[str]:
        """Yield the object. Nothing in it is cut or left out."""
        rows = file_rows(data)
        verdict = headline(data, rows)
        measurement = data.measurement
        heads: dict[str, object] = {
            "schema": SCHEMA,
            "suite": data.suite,
            "memlint": data.version,
            "verdict": {"mood": verdict.mood.value, "text": verdict.text, "lead": list(verdict.lead)},
            "journal": data.journal or None,
            "contexts": [_context(item) for item in measurement.contexts] if measurement else [],
            "in_flight": list(measurement.in_flight) if measurement else [],
            "causes": [_cause(cause) for cause in data.causes],
            "agreement": _agreement(data.agreement) if data.agreement else None,
        }
        yield "{\n"
        for name, value in heads.items():
            yield f"  {dumps(name)}: {dumps(value)},\n"
        lists = {
            "files": map(_file, rows),
            "tests": map(_test, rows_of_tests(data)),
            "units": map(_unit, measurement.units if measurement else ()),
            "findings": (finding_record(finding, with_status=False) for finding in data.lint.active),
            "errors": map(error_record, data.lint.errors),
        }
        for number, (name, records) in enumerate(lists.items(), 1):
            yield f"  {dumps(name)}: "
            yield from array(records, indent="  ")
            yield ",\n" if number < len(lists) else "\n}\n"


def _context(context: MeasuredContext) -> dict[str, object]:
    return {
        "hash": context.hash,
        "python": context.python,
        "pytest": context.pytest,
        "platform": context.platform,
        "meter": context.meter,
        "memory_bytes": context.memory_bytes,
        "limit_bytes": context.limit_bytes,
        "started": context.started,
        "shard": context.shard,
        "argv": list(context.argv),
    }


def _suspect(suspect: Suspect | None) -> dict[str, object]:
    if suspect is None:
        return {"predicted_peak_bytes": None, "predicted_rank": None, "reasons": []}
    return {
        "predicted_peak_bytes": estimate_record(suspect.peak),
        "predicted_rank": suspect.rank,
        "reasons": [
            {"kind": r.kind, "bytes": r.bytes, "path": r.path, "line": r.line, "text": r.text}
            for r in suspect.reasons
        ],
    }


def _file(row: FileRow) -> dict[str, object]:
    return {
        "path": row.path,
        "peak_bytes": row.peak_bytes,
        "retained_bytes": row.retained_bytes,
        "seconds": round(row.seconds, 3),
        "verdict": row.verdict or None,
        "findings": len(row.findings),
        "units": [unit.name for unit in row.units],
        **_suspect(row.suspect),
    }


def _test(row: TestRow) -> dict[str, object]:
    return {
        "nodeid": row.nodeid,
        "path": row.path,
        "peak_bytes": row.peak_bytes,
        "growth_bytes": row.growth_bytes,
        "cases": row.cases,
        "verdict": row.verdict or None,
        **_suspect(row.suspect),
    }


def _unit(unit: MeasuredUnit) -> dict[str, object]:
    grows = slope(unit)
    return {
        "name": unit.name,
        "members": list(unit.members),
        "verdict": unit.verdict,
        "exit_code": unit.exit_code,
        "signal": unit.signal,
        "evidence": list(unit.evidence),
        "victim": unit.victim,
        "peak_bytes": unit.peak_bytes,
        "baseline_bytes": unit.baseline_bytes,
        "retained_bytes": unit.retained_bytes,
        "cache_bytes": unit.cache_bytes,
        "growth_bytes_per_test": None if grows is None else round(grows),
        "meter": unit.meter,
        "seconds": unit.seconds,
        "repeat": unit.repeat,
        "leftover_processes": [{"pid": item.pid, "command": item.command} for item in unit.leftovers],
        "tests": [
            {
                "nodeid": test.nodeid,
                "outcome": test.outcome,
                "before_bytes": test.before_bytes,
                "peak_bytes": test.peak_bytes,
                "after_bytes": test.after_bytes,
                "tree_bytes": test.tree_bytes or None,
                "seconds": test.seconds,
            }
            for test in unit.tests
        ],
    }


def _cause(cause: Cause) -> dict[str, object]:
    return {
        "kind": cause.kind.value,
        "where": cause.where or None,
        "bytes": cause.bytes,
        "bytes_per_test": cause.bytes_per_test,
        "evidence": list(cause.evidence),
        "culprits": [{"name": c.name, "bytes": c.bytes, "text": c.text} for c in cause.culprits],
        "next_command": cause.next_command,
    }


def _agreement(agreement: Agreement) -> dict[str, object]:
    """The main figures; ``memlint crosscheck --format json`` has every one."""
    heavy = agreement.heavy_found
    return {
        "per": agreement.per.value,
        "rows": len(agreement.rows),
        "spearman": _figure(agreement.spearman),
        "kendall": _figure(agreement.kendall),
        "heavy_found": {"heavy": heavy.heavy, "found": heavy.found, "by_chance": heavy.by_chance},
        "inside": _figure(agreement.calibration.inside),
        "measured_over_predicted": _figure(agreement.calibration.ratio),
        "missed": [{"name": item.row.name, "text": item.text} for item in agreement.missed],
        "overcalled": [{"name": item.row.name, "text": item.text} for item in agreement.overcalled],
        "notes": list(agreement.notes),
    }


def _figure(figure: Figure) -> dict[str, object]:
    return {
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "n": figure.n,
        "withheld": figure.withheld or None,
    }
