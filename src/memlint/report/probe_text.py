"""The text format of a probe: the heaviest imports as a table, then what could not be measured."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import ProbedModule, ProbeResult
from memlint.report.bars import bar
from memlint.report.escape import shown
from memlint.report.interface import RenderContext
from memlint.report.problems import problems
from memlint.report.style import Paint, fitted, painter
from memlint.report.summary import plural
from memlint.units import format_bytes

_MODULES_SHOWN = 15
_SIZE_CELLS = 8


class TextProbeReporter:
    """For people at a terminal."""

    def render(self, result: ProbeResult, context: RenderContext) -> Iterator[str]:
        """Yield the table; ``verbose`` lists every module, ``quiet`` what went wrong alone."""
        paint = painter(context.color)
        measured = [module for module in result.modules if module.status == "measured"]
        if not context.quiet:
            yield from _table(result, measured, context, paint)
        yield from _missing(result, context, paint)
        for module in result.modules:
            if module.status not in ("measured", "missing"):
                what = f"{shown(module.name)}: {module.status}: {shown(module.error)}"
                yield f"{paint('not measured', 'warning')}  {what}\n"
        yield from problems(result.errors, context, paint)
        if not context.quiet:
            yield from _summary(result, len(measured))


def _table(
    result: ProbeResult, measured: list[ProbedModule], context: RenderContext, paint: Paint
) -> Iterator[str]:
    ordered = sorted(measured, key=lambda module: (-module.bytes, module.name))
    rows = ordered if context.verbose else ordered[:_MODULES_SHOWN]
    if result.session is not None and result.session.status == "measured":
        rows = [result.session, *rows]
    if not rows:
        return
    heaviest = max(module.bytes for module in rows)
    yield paint("imported alone         of its own  module", "path") + "\n"
    for module in rows:
        name = "an empty pytest session, with plugins" if module is result.session else shown(module.name)
        version = paint(f"  {shown(module.version)}", "dim") if module.version else ""
        size = paint(f"{format_bytes(module.bytes):>{_SIZE_CELLS}}", "strong")
        own = paint(f"{format_bytes(module.own_bytes):>10}", "dim")
        yield f"{paint(bar(module.bytes, heaviest), 'bar')} {size}  {own}  {name}{version}\n"
    left = len(ordered) - sum(module is not result.session for module in rows)
    if left > 0:
        yield paint(f"… and {plural(left, 'lighter module')}; -v lists them", "dim") + "\n"
    yield "\n"


def _missing(result: ProbeResult, context: RenderContext, paint: Paint) -> Iterator[str]:
    if result.session is None or result.session.status == "missing":
        yield f"{paint('missing', 'warning')}  pytest: its weight is taken from the shipped figures\n"
    missing = [shown(module.name) for module in result.modules if module.status == "missing"]
    if missing:
        words = ", ".join(missing)
        yield f"{paint('missing', 'note')}  {words if context.verbose else fitted(words, context.width - 9)}\n"


def _summary(result: ProbeResult, measured: int) -> Iterator[str]:
    where = f"{shown(result.python)} (Python {result.version})"
    yield (
        f"{plural(measured, 'module')} and {plural(len(result.groups), 'combination')} of "
        f"{plural(result.files, 'test file')} measured in {where}; "
        f"a bare interpreter takes {format_bytes(result.interpreter_bytes)}.\n"
    )
    if result.kept_in:
        yield f"Kept in {shown(result.kept_in)}: 'memlint rank' goes by it until packages change there.\n"
