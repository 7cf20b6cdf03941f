"""MEM1: data read into memory whole."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from memlint.analysis import arithmetic
from memlint.analysis.sites import Site
from memlint.analysis.sources import Source, source_of
from memlint.analysis.values import NONE, Literal
from memlint.knowledge.apis import Load
from memlint.model import Confidence, Estimate
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule
from memlint.units import format_bytes

_CODES = {"table": "MEM101", "array": "MEM102", "file": "MEM103", "model": "MEM105", "dataset": "MEM105"}


@rule("MEM101", "MEM102", "MEM103", "MEM105")
def whole_load(site: Site, ctx: Context) -> Iterator[Draft]:
    """A reader of a file that is large, or that nobody can weigh, with nothing that bounds it."""
    load = next((entry.load for entry in site.entries if entry.load is not None), None)
    if load is None or site.mocked or site.raises or ctx.at_collection(site) or is_bounded(site, load):
        return
    code = _CODES[load.what]
    if load.what in {"model", "dataset"}:
        yield from _model(site, load, code, ctx)
        return
    source = source_of(site, load, ctx.project)
    if source.known == "small" or source.known == "other":
        return
    limit = ctx.option(code, "small-file")
    if source.bytes is not None:
        size = round(source.bytes * expansion(load, source.path))
        if source.bytes <= limit:
            return
        message = f"{site.name.rpartition('.')[2]} reads {source.text} whole: {format_bytes(source.bytes)} on disk, about {format_bytes(size)} in memory"
        yield Draft(code, site.at, message, _advice(load), _sized_confidence(source.bytes), Estimate(source.bytes, size, size * 2))
        return
    confidence = Confidence.MEDIUM if source.known == "unknown" else Confidence.LOW
    message = f"{site.name.rpartition('.')[2]} reads {source.text} whole, and nothing bounds its size"
    yield Draft(code, site.at, message, _advice(load), confidence)


def _sized_confidence(size: int) -> Confidence:
    return Confidence.HIGH if size >= 10_000_000 else Confidence.MEDIUM if size >= 1_000_000 else Confidence.LOW


def is_bounded(site: Site, load: Load) -> bool:
    """Whether an argument that bounds the read is given."""
    for name in load.bounds:
        value = site.args.get(name)
        if value is not None and value not in {NONE, Literal(False)}:
            return True
    return False


def expansion(load: Load, path: str | None) -> float:
    """Bytes in memory per byte on disk."""
    name = posixpath.basename(path or "")
    found = [suffix for suffix in load.expansion_by_suffix if name.endswith(suffix)]
    return load.expansion_by_suffix[max(found, key=len)] if found else load.expansion


def _advice(load: Load) -> str:
    if load.bounds:
        names = ", ".join(load.bounds[:3])
        return f"Bound it ({names}), or let the test write a small file into tmp_path."
    return "Let the test write a small file into tmp_path, or read it piece by piece."


def _model(site: Site, load: Load, code: str, ctx: Context) -> Iterator[Draft]:
    first = arithmetic.as_path(site.args.get(load.source or "", NONE))
    what = first.text if first is not None and first.text else site.name
    body = ctx.body
    fixture = ctx.fixture
    if fixture is not None and fixture.wide:
        return
    if body is None:
        return
    message = f"{site.name.rpartition('.')[2]} loads {what} for every test that gets here"
    yield Draft(code, site.at, message, "Load it once in a session fixture, or use a tiny random checkpoint.", None)


__all__ = ["Source", "whole_load"]


@rule("MEM104")
def load_at_collection(site: Site, ctx: Context) -> Iterator[Draft]:
    """A load or an acquisition that runs when pytest imports the module."""
    if not ctx.at_collection(site) or site.mocked:
        return
    load = next((entry.load for entry in site.entries if entry.load is not None), None)
    place = {"module": "at module level", "class": "in a class body", "default": "in a default argument", "decorator": "in a decorator argument"}[site.where]
    if load is not None and not is_bounded(site, load):
        source = source_of(site, load, ctx.project)
        limit = 64_000
        if source.known in {"small", "other"} and load.what not in {"model", "dataset"}:
            return
        if source.bytes is not None and source.bytes <= limit:
            return
        size = round(source.bytes * expansion(load, source.path)) if source.bytes is not None else None
        estimate = Estimate(size, size, size * 2) if size is not None else None
        message = f"{site.name.rpartition('.')[2]} {place}: every run and every worker pays for it at collection, and it stays to the end of the session"
        yield Draft("MEM104", site.at, message, "Move it into a fixture of the scope that needs it.", None, estimate)
