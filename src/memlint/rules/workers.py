"""MEM208: parallel worker processes that together are large."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest

from memlint import facts as f
from memlint.analysis.loops import blocks
from memlint.analysis.project import Module
from memlint.analysis.sites import Site
from memlint.analysis.values import NONE, Literal, Num
from memlint.knowledge.apis import Workers
from memlint.knowledge.footprints import SESSION, shipped_footprints
from memlint.model import Confidence, Estimate
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule
from memlint.units import format_bytes, parse_bytes

_LEAST_WORKERS = 2
_SHARED = 0.2  # of the footprint is what a forked worker writes to in the end


@rule("MEM208")
def worker_fan_out(site: Site, ctx: Context) -> Iterator[Draft]:
    """Worker processes, each with a footprint of its own."""
    workers = next((entry.workers for entry in site.entries if entry.workers is not None), None)
    if workers is None or workers.kind != "process" or site.mocked:
        return
    count = worker_count(workers, site, ctx.suite.evaluator.cores)
    if count is None or count < _LEAST_WORKERS:
        return
    each = worker_bytes(workers, site.frame.module)
    total = count * each
    if total < ctx.option("MEM208", "min-bytes"):
        return
    message = f"{count} worker processes of about {format_bytes(each)} each: {format_bytes(total)} together"
    estimate = Estimate(total // 2, total, total * 2)
    least = (
        Confidence.LOW if count == _LEAST_WORKERS else None
    )  # there is nothing to save but the parallelism
    yield Draft("MEM208", site.at, message, "Two workers prove parallelism as well.", least, estimate)


def configured_fan_out(
    addopts: Sequence[str], modules: Iterable[Module], cores: int, least: int
) -> tuple[str, Estimate] | None:
    """What the xdist workers of the suite's configuration cost together, where that is large.

    Every worker collects, and so imports, all test modules.
    """
    count = _xdist_workers(addopts, cores)
    if count is None or count < 2:
        return None
    table = shipped_footprints()
    names = {name for module in modules for name in imported_names(module)}
    each = table.interpreter + table.footprint({*names, SESSION}).bytes
    total = count * each
    if total < least:
        return None
    message = f"{count} xdist workers of about {format_bytes(each)} each: {format_bytes(total)} before any test runs"
    return message, Estimate(total // 2, total, total * 2)


def _xdist_workers(addopts: Sequence[str], cores: int) -> int | None:
    """The last ``-n`` or ``--numprocesses`` of a command line."""
    found: str | None = None
    for word, following in zip_longest(addopts, addopts[1:]):
        if word in {"-n", "--numprocesses"}:
            found = following
        elif word.startswith("--numprocesses="):
            found = word.partition("=")[2]
        elif re.fullmatch(r"-n\d+", word):
            found = word[2:]
    if found in {"auto", "logical"}:
        return cores
    return int(found) if found is not None and found.isdecimal() else None


def worker_count(workers: Workers, site: Site, cores: int) -> int | None:
    """How many workers a call starts; None when that is not known."""
    given = site.args.get(workers.count) if workers.count is not None else None
    if isinstance(given, Num):
        return int(given.high) if given.high >= 0 else max(1, cores + 1 + int(given.low))
    if given is not None and given not in {NONE, Literal(False)}:
        return None
    return cores if workers.default == "cores" else workers.default


def worker_bytes(workers: Workers, module: Module) -> int:
    """Bytes of one worker: its own figure, or what the suite's module imports."""
    if workers.bytes is not None:
        return parse_bytes(workers.bytes)
    table = shipped_footprints()
    if workers.carries == "bare":
        return table.interpreter
    full = table.interpreter + table.footprint(imported_names(module)).bytes
    return round(full * _SHARED) if workers.carries == "fork" else full


@lru_cache(maxsize=512)
def imported_names(module: Module) -> tuple[str, ...]:
    """Dotted names that a module imports at its top level."""
    return tuple(sorted(set(_imports(module.body))))


def _imports(body: tuple[f.Stmt, ...]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, f.Import) and not statement.level:
            for _, name in statement.bindings:
                yield (
                    f"{statement.module}.{name}"
                    if statement.is_from and name != "*"
                    else statement.module or name
                )
        elif not isinstance(statement, (f.FunctionDef, f.ClassDef)):
            for block in blocks(statement):
                yield from _imports(block)
