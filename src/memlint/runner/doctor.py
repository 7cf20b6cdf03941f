"""What this machine can measure and enforce, and what would make it better."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from memlint.runner import processes
from memlint.runner.meters import choose

_WHAT = {
    "cgroup2": "control groups v2: exact for the whole process tree, page cache apart",
    "cgroup1": "control groups v1: exact for the whole process tree, page cache apart",
    "sampling": "/proc every 20 ms: exact for each test's own process, children as sampled",
    "psutil": "psutil every 20 ms: sums resident memory, shared pages count twice",
    "rusage": "the largest single process of a unit, known after its end",
}


@dataclass(frozen=True, slots=True)
class MeterReport:
    """One way of measuring."""

    name: str
    works: bool
    text: str  # what it gives, or why it does not work


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the doctor found. Sizes in bytes."""

    meter: str  # the one that is used
    limit: str  # how --limit is enforced
    memory_bytes: int
    free_bytes: int
    group: str  # our own control group, or ""
    meters: tuple[MeterReport, ...]
    facts: tuple[str, ...]
    advice: tuple[str, ...]


def examine() -> Report:
    """Try every meter and look at what the runner needs of the kernel."""
    meters = tuple(_try(name) for name in choose.NAMES)
    best = next(report.name for report in meters if report.works)
    homes = [home for name in ("cgroup2", "cgroup1") if (home := choose.group_home(name)) is not None]
    return Report(
        meter=best,
        limit=_limit(best),
        memory_bytes=choose.memory_bytes(),
        free_bytes=choose.free_bytes(),
        group=str(homes[-1]) if homes else "",
        meters=meters,
        facts=tuple(_facts()),
        advice=tuple(_advice(best)),
    )


def _try(name: str) -> MeterReport:
    try:
        choose.choose(f"doctor-{os.getpid()}", name).close()
    except choose.MeterUnavailableError as error:
        return MeterReport(name, False, str(error))
    return MeterReport(name, True, _WHAT[name])


def _limit(meter: str) -> str:
    if meter.startswith("cgroup"):
        return "by the kernel, in the unit's control group"
    if meter == "rusage":
        return "not enforced: a living process cannot be weighed"
    return "by a watchdog every 20 ms: a unit can overshoot by what it takes in that time"


def _facts() -> list[str]:
    if not processes.LINUX:
        return [f"{sys.platform}: no subreaper, orphans of a unit are found while their parents live"]
    resets = os.access("/proc/self/clear_refs", os.W_OK)
    facts = [
        "peak of each test: exact"
        if resets
        else "peak of each test: /proc/self/clear_refs cannot be written, peaks only grow"
    ]
    if not Path("/proc/self/smaps_rollup").exists():
        facts.append("no smaps_rollup: memory shared between processes counts twice when sampling")
    if "oom_kill" not in processes.read("/proc/vmstat").decode():
        facts.append(
            "/proc/vmstat does not count OOM kills: a kill by the machine cannot be told from another"
        )
    return facts


def _advice(meter: str) -> list[str]:
    if meter.startswith("cgroup"):
        return []
    if not processes.LINUX:
        return [] if meter == "psutil" else ["install psutil: then whole process trees are measured"]
    home = choose.group_home("cgroup2")
    if home is not None and processes.read(f"{home}/cgroup.controllers"):
        return [
            "a control group of memlint's own: systemd-run --user --scope -p Delegate=yes memlint measure …",
            "in a container: mount /sys/fs/cgroup writable and start memlint as its first process",
        ]
    return ["as root, or in a container with /sys/fs/cgroup/memory writable, control groups v1 would be used"]
