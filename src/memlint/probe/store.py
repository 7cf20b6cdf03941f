"""What was measured, kept in the cache folder: one record an environment, stale as soon as the environment is."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import msgspec

from memlint.cache import prepare
from memlint.knowledge.footprints import (
    SESSION,
    Footprints,
    FootprintTable,
    Measured,
    Module,
    Probed,
    additive,
    shipped_footprints,
)
from memlint.probe.environment import Environment
from memlint.probe.place import NAME

FORMAT = 1  # raised when records change their meaning
_MOST = 4  # environments kept, the latest ones


class Run(msgspec.Struct, frozen=True):
    """A module imported alone. ``error`` is empty when it could be."""

    name: str
    bytes: int = 0  # above a bare interpreter, at the peak
    loaded: tuple[str, ...] = ()  # modules that came with it, as far as other runs stand for them
    version: str | None = None
    kind: str = ""  # missing, failed, crashed, timeout or limit
    error: str = ""


class Group(msgspec.Struct, frozen=True):
    """Modules imported together by a test file in a pytest session. Bytes above a bare interpreter."""

    names: tuple[str, ...]
    bytes: int


class Probe(msgspec.Struct, frozen=True):
    """Everything measured in one environment."""

    environment: Environment
    interpreter: int  # peak bytes of one that imports nothing
    runs: tuple[Run, ...]  # one a module, SESSION among them
    groups: tuple[Group, ...]
    module: dict[str, Module]  # what the additive model makes of the runs

    def digest(self) -> str:
        """Changes when anything measured does."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    def footprints(self) -> Footprints:
        """The shipped footprints with the measured ones in place of their namesakes."""
        env = self.environment
        table = FootprintTable(env.version, env.platform, self.interpreter, self.module)
        missing = frozenset(run.name for run in self.runs if run.kind == "missing")
        groups = tuple(((SESSION, *group.names), group.bytes) for group in self.groups)
        return shipped_footprints().overlaid(table, Probed(env.python, missing, groups))


class _Stored(msgspec.Struct, frozen=True):
    format: int
    probes: tuple[Probe, ...]  # the latest last


def table_of(runs: tuple[Run, ...]) -> dict[str, Module]:
    """Own bytes of the modules that could be imported."""
    return additive(
        Measured(run.name, run.bytes, frozenset(run.loaded), run.version) for run in runs if not run.kind
    )


def read_probes(folder: Path) -> tuple[Probe, ...]:
    """Every record in the cache folder, fresh or not, the latest last; none when the file is absent or damaged."""
    try:
        stored = msgspec.json.decode((folder / NAME).read_bytes(), type=_Stored)
    except (OSError, msgspec.MsgspecError):
        return ()
    return stored.probes if stored.format == FORMAT else ()


def latest(folder: Path) -> Probe | None:
    """The latest record; the caller asks its environment whether it still holds."""
    probes = read_probes(folder)
    return probes[-1] if probes else None


def write_probe(folder: Path, probe: Probe) -> Path:
    """Put a record into the cache folder, in place of an earlier one of the same interpreter, whole or not at all.

    Raises OSError when the folder cannot be written.
    """
    others = [old for old in read_probes(folder) if old.environment.python != probe.environment.python]
    prepare(folder)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(msgspec.json.encode(_Stored(FORMAT, (*others, probe)[-_MOST:])))
    path = folder / NAME
    Path(file.name).replace(path)
    return path
