"""Which meter this machine gives, and why not a better one."""

from __future__ import annotations

import importlib.util
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from memlint.runner import processes
from memlint.runner.meters import cgroup
from memlint.runner.meters.base import Meter
from memlint.runner.meters.portable import PsutilMeter, RusageMeter
from memlint.runner.meters.sampling import SamplingMeter

NAMES = ("cgroup2", "cgroup1", "sampling", "psutil", "rusage")  # best first
_VERSIONS = {"cgroup2": cgroup.V2, "cgroup1": cgroup.V1}


class MeterUnavailableError(Exception):
    """The meter asked for does not work here; the message says why."""


@dataclass(frozen=True, slots=True)
class Meters:
    """Makes a meter for each unit of a run."""

    name: str
    groups: cgroup.Groups | None

    def meter(self, limit: int | None, tag: str, strangers: bool) -> Meter:
        """A meter for one unit, to be closed when its processes are gone. Raises OSError."""
        if self.groups is not None:
            return self.groups.meter(limit)
        if self.name == "sampling":
            return SamplingMeter(tag, strangers)
        return PsutilMeter() if self.name == "psutil" else RusageMeter()

    def close(self) -> None:
        """Remove what was made for the run."""
        if self.groups is not None:
            self.groups.close()


def choose(run: str, wanted: str = "auto") -> Meters:
    """The best meter that works here, or the one asked for.

    Raises MeterUnavailableError when the one asked for does not work.
    """
    refused: list[str] = []
    for name in NAMES if wanted == "auto" else (wanted,):
        try:
            return Meters(name, _OPENERS[name](run))
        except OSError as error:
            refused.append(str(error))
    raise MeterUnavailableError("; ".join(refused))


def _opener(name: str) -> Callable[[str], cgroup.Groups | None]:
    def open_version(run: str) -> cgroup.Groups:
        return cgroup.open_groups(_VERSIONS[name], run, group_home(name))

    return open_version


def _sampling(run: str) -> None:
    if not processes.read(f"/proc/{os.getpid()}/status"):
        raise OSError("sampling: this system has no /proc")
    if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        raise OSError("sampling: this kernel does not list children (CONFIG_PROC_CHILDREN)")


def _psutil(run: str) -> None:
    if importlib.util.find_spec("psutil") is None:
        raise OSError("psutil: not installed")


def _rusage(run: str) -> None:
    return None


_OPENERS: dict[str, Callable[[str], cgroup.Groups | None]] = {
    "cgroup2": _opener("cgroup2"),
    "cgroup1": _opener("cgroup1"),
    "sampling": _sampling,
    "psutil": _psutil,
    "rusage": _rusage,
}


@lru_cache(maxsize=4)
def group_home(name: str) -> Path | None:
    """The folder of our own control group in the hierarchy of this name; None when there is none."""
    mounts = processes.read("/proc/self/mountinfo").decode(errors="replace")
    membership = processes.read("/proc/self/cgroup").decode(errors="replace")
    return cgroup.home_of(_VERSIONS[name], mounts, membership) if mounts else None


def memory_bytes() -> int:
    """Memory a unit can have at most: the machine's, or the tightest limit of the groups above us."""
    bounds = [_machine_bytes()]
    for name, version in _VERSIONS.items():
        home = group_home(name)
        limit = cgroup.tightest(version, home) if home is not None else None
        if limit is not None:
            bounds.append(limit)
    return min(bounds)


def free_bytes() -> int:
    """Memory that can be taken now: of the machine, and below every limit above us."""
    meminfo = cgroup.fields(processes.read("/proc/meminfo").replace(b" kB", b""))
    free = [meminfo.get(b"MemAvailable:", _machine_bytes() // 1024 // 2) * 1024]
    for name, version in _VERSIONS.items():
        home = group_home(name)
        limit = cgroup.tightest(version, home) if home is not None else None
        if home is not None and limit is not None:
            stat = cgroup.fields(processes.read(f"{home}/memory.stat"))
            held = stat.get(version.anonymous, 0) + stat.get(version.shared, 0)
            free.append(max(0, limit - held))
    return min(free)


def _machine_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * resource.getpagesize()
