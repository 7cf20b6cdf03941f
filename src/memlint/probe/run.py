"""One probe from paths to the record in the cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memlint.config import Settings
from memlint.discovery import Role, discover
from memlint.knowledge.footprints import SESSION
from memlint.model import ErrorRecord, ProbedGroup, ProbedModule, ProbeResult
from memlint.probe.environment import survey
from memlint.probe.isolated import Bounds
from memlint.probe.measure import Measuring
from memlint.probe.place import probe_folder
from memlint.probe.store import Probe, Run, read_probes, write_probe
from memlint.ranking.suite_imports import suite_imports


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What to probe, and how."""

    paths: tuple[str, ...]  # as the user named them; empty for the suite's own testpaths
    settings: Settings
    root: Path  # working directory
    python: str | None  # interpreter of the suite; None for memlint's own
    bounds: Bounds
    jobs: int = 1  # processes at once
    again: bool = False  # measure what is known already too
    keep: bool = True  # write the record that the ranking reads
    progress: Callable[[int, int], None] | None = None


def probe(request: ProbeRequest) -> ProbeResult:
    """Measure what the test files import, and keep it; Ctrl-C keeps what was measured by then.

    Raises ProbeError when the interpreter cannot be asked.
    """
    found = discover(request.paths, request.settings, request.root)
    files = [file.path for file in found.files if file.role is not Role.PRODUCT]
    imports = suite_imports(request.root, files)
    asked = {
        ".".join(parts[:end])
        for name in imports.names
        for parts in [name.split(".")]
        for end in range(1, len(parts) + 1)
    }
    answer = survey(request.python, sorted(asked))
    measuring = Measuring(answer, answer.environment(), request.bounds, request.jobs, request.progress)
    folder = probe_folder(request.settings)
    if not request.again:
        same = [old for old in read_probes(folder) if old.environment.key == measuring.environment.key]
        measuring.take(same[-1] if same else None)
    errors = list(found.errors)
    kept_in: Path | None = None
    try:
        measuring.measure(imports)
    finally:
        measuring.close()
        record = measuring.probe()
        if request.keep:
            try:
                kept_in = write_probe(folder, record)
            except OSError as error:
                errors.append(
                    ErrorRecord(str(folder), 0, f"the probe cannot be kept: {error.strerror or error}")
                )
    shown = _shown(kept_in, request.root) if kept_in else None
    return _result(record, len(files), shown, tuple(errors))


def _result(record: Probe, files: int, kept_in: str | None, errors: tuple[ErrorRecord, ...]) -> ProbeResult:
    env = record.environment
    modules = {run.name: _module(run, record) for run in record.runs}
    session = modules.pop(SESSION, None)
    groups = tuple(ProbedGroup(group.names, group.bytes) for group in record.groups)
    return ProbeResult(
        env.python,
        env.version,
        env.platform,
        files,
        record.interpreter,
        session,
        tuple(modules.values()),
        groups,
        kept_in,
        errors,
    )


def _module(run: Run, record: Probe) -> ProbedModule:
    own = record.module[run.name].own if run.name in record.module else 0
    return ProbedModule(run.name, run.version, run.bytes, own, run.kind or "measured", run.error)


def _shown(path: Path, root: Path) -> str:
    relative = os.path.relpath(path, root)
    return str(path) if relative.startswith("..") else Path(relative).as_posix()
