"""The json format of a ranking: schema ``memlint.rank/1``."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import RankResult, Suspect
from memlint.report.interface import RenderContext
from memlint.report.lint_json import error_record, estimate_record
from memlint.report.strict_json import array, dumps

SCHEMA = "memlint.rank/1"


class JsonRankReporter:
    """One object; suspects stand one a line."""

    def render(self, result: RankResult, context: RenderContext) -> Iterator[str]:
        """Yield the object, heaviest first."""
        basis = {
            "source": "probe" if result.basis.probed else "shipped",
            "python": result.basis.python or None,
            "environment": result.basis.environment or None,
            "missing": result.basis.missing,
            "unmeasured": result.basis.unmeasured,
        }
        yield f'{{\n  "schema": {dumps(SCHEMA)},\n  "files": '
        yield from array(map(_suspect_record, result.files[: context.top]), indent="  ")
        yield ',\n  "tests": '
        yield from array(
            ({"nodeid": s.nodeid, **_suspect_record(s)} for s in result.tests[: context.top]), indent="  "
        )
        yield ',\n  "errors": '
        yield from array(map(error_record, result.errors), indent="  ")
        yield f',\n  "imports_from": {dumps(basis)}\n}}\n'


def _suspect_record(suspect: Suspect) -> dict[str, object]:
    return {
        "path": suspect.path,
        "rank": suspect.rank,
        "predicted_peak_bytes": estimate_record(suspect.peak),
        "reasons": [
            {"kind": r.kind, "bytes": r.bytes, "path": r.path, "line": r.line, "text": r.text}
            for r in suspect.reasons
        ],
        "findings": suspect.findings,
    }
