"""The json format of a cross-check: schema ``memlint.agreement/1``."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import (
    Agreement,
    Decile,
    Figure,
    Finding,
    JoinedRow,
    Missed,
    Overcalled,
    Per,
    RuleWorth,
    Search,
    Unmatched,
)
from memlint.report.interface import RenderContext
from memlint.report.lint_json import error_record, estimate_record, judgement_record
from memlint.report.strict_json import dumps

SCHEMA = "memlint.agreement/1"

Record = dict[str, object]


class JsonAgreementReporter:
    """One object, a key a line; lists stand one item a line."""

    def render(self, result: Agreement, context: RenderContext) -> Iterator[str]:
        """Yield the object. A statistic that was withheld is null; ``figures`` says why, with n and intervals."""
        yield from write_record(agreement_record(result))


def write_record(record: Record) -> Iterator[str]:
    """Yield an object in chunks, a key a line, items of lists one a line."""
    comma = "{"
    for key, value in record.items():
        yield f"{comma}\n  {dumps(key)}: "
        if isinstance(value, list):
            yield "[" + ",".join(f"\n    {dumps(item)}" for item in value) + ("\n  ]" if value else "]")
        else:
            yield dumps(value)
        comma = ","
    yield "\n}\n"


def agreement_record(result: Agreement) -> Record:
    """Return the agreement with its keys in the order of the contract, then the further ones."""
    files = len({row.path for row in result.rows})
    heavy, calibration = result.heavy_found, result.calibration
    first = result.searches[0]
    return {
        "schema": SCHEMA,
        "files": files,
        "spearman": result.spearman.value,
        "kendall": result.kendall.value,
        "precision_at": {str(item.k): item.value for item in result.precision_at},
        "heavy_found": {
            "heavy": heavy.heavy,
            "found": heavy.found,
            "recall": heavy.recall.value,
            "by_chance": heavy.by_chance,
        },
        "runs_to_find_heaviest": {
            **_search_record(first),
            "heaviest": {str(search.heaviest): _search_record(search) for search in result.searches},
        },
        "missed": [_missed_record(item) for item in result.missed],
        "overcalled": [_overcalled_record(item) for item in result.overcalled],
        "rules": [_rule_record(item) for item in result.rules],
        "per": result.per.value,
        "units": len(result.rows),
        "ndcg": result.ndcg.value,
        "figures": {
            "spearman": figure_record(result.spearman),
            "kendall": figure_record(result.kendall),
            "ndcg": figure_record(result.ndcg),
            "recall": figure_record(heavy.recall),
            "measured_over_predicted": figure_record(calibration.ratio),
            "inside_bounds": figure_record(calibration.inside),
            "within_factor_2": figure_record(calibration.within_factor_2),
        },
        "deciles": [_decile_record(item) for item in calibration.deciles],
        "findings": [_finding_record(item) for item in result.findings if item.judgement],
        "rows": [_row_record(row, result.per) for row in result.rows],
        "renamed": [{"measured": item.measured, "now": item.now} for item in result.renamed],
        "measured_only": [_unmatched_record(item) for item in result.measured_only],
        "predicted_only": [_unmatched_record(item) for item in result.predicted_only],
        "notes": list(result.notes),
        "errors": [error_record(error) for error in result.errors],
        "calibration": result.calibrated or None,
    }


def figure_record(figure: Figure) -> Record:
    """Return a statistic with its interval; ``withheld`` says why there is no value."""
    return {
        "value": figure.value,
        "n": figure.n,
        "interval": None if figure.low is None else [figure.low, figure.high],
        "withheld": figure.withheld or None,
    }


def _search_record(search: Search) -> Record:
    return {
        "memlint": search.memlint,
        "alphabetical": search.alphabetical,
        "random": search.random,
        "oracle": search.oracle,
    }


def _row_record(row: JoinedRow, per: Per) -> Record:
    return {
        ("path" if per is Per.FILE else "nodeid"): row.name,
        "predicted_peak_bytes": estimate_record(row.predicted),
        "predicted_rank": row.predicted_rank,
        "measured_peak_bytes": row.measured,
        "measured_rank": row.measured_rank,
        "at_least": row.at_least,
        "runs": row.runs,
        "verdict": row.verdict,
        "cases": row.cases,
        "heaviest_test": row.heaviest_test,
        "heaviest_test_bytes": row.heaviest_test_bytes,
        "baseline_bytes": row.baseline,
        "collected_bytes": row.collected,
        "retained_bytes": row.retained,
        "children_bytes": row.children,
        "rise_bytes": row.rise,
        "leftover_processes": row.leftovers,
        "findings": list(row.findings),
    }


def _missed_record(item: Missed) -> Record:
    return {
        "name": item.row.name,
        "path": item.row.path,
        "measured_peak_bytes": item.row.measured,
        "predicted_peak_bytes": item.row.predicted.likely,
        "predicted_rank": item.row.predicted_rank,
        "heaviest_test": item.row.heaviest_test,
        "missing": item.missing,
        "missing_bytes": item.missing_bytes,
        "text": item.text,
    }


def _overcalled_record(item: Overcalled) -> Record:
    return {
        "name": item.row.name,
        "path": item.row.path,
        "measured_peak_bytes": item.row.measured,
        "predicted_peak_bytes": item.row.predicted.likely,
        "predicted_rank": item.row.predicted_rank,
        "excess_bytes": item.excess_bytes,
        "responsible": [
            {"kind": r.kind, "bytes": r.bytes, "path": r.path, "line": r.line, "text": r.text}
            for r in item.responsible
        ],
        "findings": [
            {"code": f.code, "path": f.location.path, "line": f.location.line} for f in item.findings
        ],
        "text": item.text,
    }


def _rule_record(item: RuleWorth) -> Record:
    return {
        "code": item.code,
        "hits": item.hits,
        "median_peak_with": item.median_peak_with,
        "median_peak_without": item.median_peak_without,
        "name": item.name,
        "units_with": item.with_units,
        "units_without": item.without_units,
        "lift": figure_record(item.lift),
        "quantity": item.quantity.value,
        "confirmed": item.confirmed,
        "contradicted": item.contradicted,
        "not_measurable": item.not_measurable,
    }


def _decile_record(item: Decile) -> Record:
    return {
        "decile": item.number,
        "n": item.n,
        "median_predicted_bytes": item.predicted,
        "median_measured_bytes": item.measured,
        "measured_over_predicted": item.ratio,
        "inside_bounds": item.inside,
    }


def _finding_record(finding: Finding) -> Record:
    assert finding.judgement is not None
    return {
        "code": finding.code,
        "path": finding.location.path,
        "line": finding.location.line,
        "nodeid": finding.nodeid,
        "status": finding.status.value,
        "fingerprint": finding.fingerprint,
        **judgement_record(finding.judgement),
    }


def _unmatched_record(item: Unmatched) -> Record:
    return {"name": item.name, "reason": item.reason}
