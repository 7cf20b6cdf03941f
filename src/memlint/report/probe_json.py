"""The json format of a probe: schema ``memlint.probe/1``."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import ProbedModule, ProbeResult
from memlint.report.interface import RenderContext
from memlint.report.lint_json import error_record
from memlint.report.strict_json import array, dumps

SCHEMA = "memlint.probe/1"


class JsonProbeReporter:
    """One object; modules and combinations stand one a line, in order of name."""

    def render(self, result: ProbeResult, context: RenderContext) -> Iterator[str]:
        """Yield the object."""
        python = {"path": result.python, "version": result.version, "platform": result.platform}
        session = _module(result.session) if result.session else None
        yield f'{{\n  "schema": {dumps(SCHEMA)},\n  "python": {dumps(python)},\n'
        yield f'  "test_files": {result.files},\n  "interpreter_bytes": {result.interpreter_bytes},\n'
        yield f'  "session": {dumps(session)},\n  "modules": '
        yield from array(map(_module, result.modules), indent="  ")
        yield ',\n  "combinations": '
        yield from array(({"modules": g.modules, "bytes": g.bytes} for g in result.groups), indent="  ")
        yield ',\n  "errors": '
        yield from array(map(error_record, result.errors), indent="  ")
        yield f',\n  "kept_in": {dumps(result.kept_in)}\n}}\n'


def _module(module: ProbedModule) -> dict[str, object]:
    return {
        "name": module.name,
        "version": module.version,
        "status": module.status,
        "bytes": module.bytes,
        "own_bytes": module.own_bytes,
        "error": module.error,
    }
