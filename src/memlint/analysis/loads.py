"""Calls that read stored data into memory: what of it, and how many bytes that takes."""

from __future__ import annotations

import posixpath

from memlint.analysis.sites import Site
from memlint.analysis.sources import Source
from memlint.analysis.values import NONE, Literal, Obj, Sequence, Value
from memlint.knowledge.apis import Load
from memlint.model import Estimate


def load_of(site: Site) -> Load | None:
    """What the site's table entry says of reading, unless the call is a fake or fails by design."""
    if site.mocked or site.raises:
        return None
    return next((entry.load for entry in site.entries if entry.load is not None), None)


def estimate_in_memory(load: Load, source: Source) -> Estimate | None:
    """Bytes that a file takes once it is read; None when the file cannot be weighed."""
    if source.bytes is None:
        return None
    likely = round(source.bytes * expansion(load, source.path))
    return Estimate(min(source.bytes, likely), likely, likely * 2)


def expansion(load: Load, path: str | None) -> float:
    """Bytes in memory per byte on disk."""
    name = posixpath.basename(path or "")
    found = [suffix for suffix in load.expansion_by_suffix if name.endswith(suffix)]
    return load.expansion_by_suffix[max(found, key=len)] if found else load.expansion


def is_bounded(site: Site, load: Load) -> bool:
    """Whether an argument that bounds the read is given."""
    given = (site.args.get(name) for name in load.bounds)
    return any(value is not None and value not in {NONE, Literal(False)} for value in given)


def is_reduced(value: Value, hops: int = 8) -> bool:
    """Whether a lazy chain (``scan.filter().head()``) holds a step that makes its result small."""
    while isinstance(value, Obj) and value.origin is not None and hops:
        site: Site = value.origin
        if any(entry.reduces for entry in site.entries) or any(
            _aggregates(arg) for arg in site.args.values()
        ):
            return True
        value, hops = site.receiver, hops - 1
    return False


def _aggregates(value: Value) -> bool:
    """Whether an argument of a lazy step is an aggregate: ``select(pl.len())``."""
    if isinstance(value, Sequence):
        return any(_aggregates(item) for item in value.items or ())
    made = value.origin if isinstance(value, Obj) else None
    return made is not None and any(entry.reduces for entry in made.entries)
