"""What could not be checked, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import ErrorRecord
from memlint.report.escape import shown
from memlint.report.interface import RenderContext
from memlint.report.style import Paint, link


def problems(errors: tuple[ErrorRecord, ...], context: RenderContext, paint: Paint) -> Iterator[str]:
    """Yield a heading and one line a problem, or nothing."""
    if not errors:
        return
    yield f"{paint('Could not be checked', 'error')}\n"
    for error in errors:
        place = f"{shown(error.path)}:{error.line}" if error.line > 0 else shown(error.path)
        code = f"{paint(error.code, 'error')} " if error.code else ""
        where = link(paint(place, "place"), context.root, error.path, context.hyperlinks)
        yield f"  {where} {code}{shown(error.message)}\n"
    yield "\n"
