"""Control groups, version 2 and 1: the kernel counts every process of the unit, and holds it to its limit.

The kernel's own peak counts page cache and its own memory too, so it cannot be reported as it is. Each sample
takes what is held (anonymous and shared memory) and that rest; when the kernel's peak rose since the sample
before, the height of the spike is the peak less the rest.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from memlint.runner import processes
from memlint.runner.meters.base import Sample

_REMOVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Version:
    """Where a version of control groups keeps its figures."""

    name: str
    limit: str
    peak: str
    events: str
    anonymous: bytes
    shared: bytes
    cache: bytes
    unlimited: int = 1 << 60  # limits above this mean none

    def limit_of(self, folder: Path) -> int | None:
        """The limit that a group sets, or None."""
        text = processes.read(f"{folder}/{self.limit}").strip()
        return int(text) if text.isdigit() and int(text) < self.unlimited else None


V2 = Version("cgroup2", "memory.max", "memory.peak", "memory.events", b"anon", b"shmem", b"file")
V1 = Version(
    "cgroup1",
    "memory.limit_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.oom_control",
    b"total_rss",
    b"total_shmem",
    b"total_cache",
)


def fields(text: bytes) -> dict[bytes, int]:
    """A file of ``name value`` lines."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


class GroupMeter:
    """One control group for one unit."""

    enforces_limit = True

    def __init__(self, version: Version, folder: Path, limit: int | None) -> None:
        """Make the group. Raises OSError when the parent does not allow it."""
        self.version = version
        self.folder = folder
        self.name = version.name
        self.peak: int | None = None
        self._top = 0
        self._rest = 0
        folder.mkdir(exist_ok=True)
        self._write("memory.oom.group", "1")
        if limit is not None:
            (folder / version.limit).write_text(str(limit))
            self._write("memory.swap.max", "0")
            self._write(
                "memory.memsw.limit_in_bytes", str(limit)
            )  # version 1: no more with swap than without
        self._procs = str(folder / "cgroup.procs")

    def _write(self, name: str, value: str) -> bool:
        """Write a file that not every kernel has."""
        try:
            fd = os.open(self.folder / name, os.O_WRONLY)
        except OSError:
            return False
        try:
            os.write(fd, value.encode())
        except OSError:
            return False
        finally:
            os.close(fd)
        return True

    def enter(self) -> None:
        """Move the calling process into the group."""
        fd = os.open(self._procs, os.O_WRONLY)
        os.write(fd, b"0")
        os.close(fd)

    def begin(self, pid: int) -> None:
        """Nothing to do: the process joined by itself."""

    def sample(self) -> Sample:
        """Read the group's figures."""
        stat = fields(processes.read(f"{self.folder}/memory.stat"))
        shared = stat.get(self.version.shared, 0)
        held = stat.get(self.version.anonymous, 0) + shared
        top = self._number(self.version.peak)
        cache = max(0, stat.get(self.version.cache, 0) - shared)
        rest = cache + self._kernel_bytes(stat)
        peak = held
        if top > self._top:
            peak = max(held, top - max(rest, self._rest))
        self._rest = rest
        # Version 1 lets the peak start again, so that a later, lower spike above less cache is seen too.
        reset = self.version is V1 and self._write(self.version.peak, "0")
        self._top = 0 if reset else top
        self.peak = max(self.peak or 0, peak)
        alive = processes.read(self._procs).count(b"\n")
        return Sample(held, peak, cache, alive)

    def _kernel_bytes(self, stat: dict[bytes, int]) -> int:
        """Kernel memory on the unit's behalf, such as page tables; 0 on kernels that do not say."""
        return self._number("memory.kmem.usage_in_bytes") if self.version is V1 else stat.get(b"kernel", 0)

    def _number(self, name: str) -> int:
        text = processes.read(f"{self.folder}/{name}").strip()
        return int(text) if text.isdigit() else 0

    def note_process_peak(self, size: int) -> None:
        """Ignored: the group knows better, and a process's own figure counts file pages."""

    def pids(self) -> list[int]:
        """Members that are not dead."""
        members = [int(pid) for pid in processes.read(self._procs).split()]
        return [pid for pid in members if processes.alive(pid)]

    def oom_kills(self) -> int | None:
        """The kernel's count of OOM kills in the group, at its own limit or not; kernels before 4.13 keep none."""
        return fields(processes.read(f"{self.folder}/{self.version.events}")).get(b"oom_kill")

    def close(self) -> None:
        """Remove the group; the kernel may need a moment to let the dead go."""
        deadline = time.monotonic() + _REMOVE_SECONDS
        while time.monotonic() < deadline:
            try:
                self.folder.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                processes.kill(self.pids())
                time.sleep(0.001)


@dataclass(slots=True)
class Groups:
    """Makes one group a unit below our own group."""

    version: Version
    parent: Path  # made for this run
    _count: int = field(default=0)

    def meter(self, limit: int | None) -> GroupMeter:
        """A new group. Raises OSError."""
        self._count += 1
        return GroupMeter(self.version, self.parent / f"unit-{self._count}", limit)

    def close(self) -> None:
        """Remove the run's group."""
        try:
            self.parent.rmdir()
        except OSError:
            return  # the guardian tries again


def tightest(version: Version, home: Path) -> int | None:
    """The lowest limit of a group and of those above it."""
    found = [
        version.limit_of(folder) for folder in (home, *home.parents) if (folder / version.limit).exists()
    ]
    return min((limit for limit in found if limit is not None), default=None)


def home_of(version: Version, mountinfo: str, membership: str) -> Path | None:
    """The folder of the group we live in, from /proc/self/mountinfo and /proc/self/cgroup."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        root, mount = left.split()[3:5]
        controllers = options.split(",")
        if version is V2 and kind == "cgroup2":
            path = _membership(membership, lambda names: names == "")
        elif version is V1 and kind == "cgroup" and "memory" in controllers:
            path = _membership(membership, lambda names: "memory" in names.split(","))
        else:
            continue
        if path is not None:
            inside = path[len(root) :] if root != "/" and path.startswith(root) else path
            folder = Path(mount) / inside.lstrip("/")
            return folder if folder.is_dir() else Path(mount)
    return None


def _membership(text: str, wanted: object) -> str | None:
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        if callable(wanted) and wanted(names):
            return path
    return None


def open_groups(version: Version, run: str, home: Path | None) -> Groups:
    """Make the group of a run. Raises OSError with a message that says what is missing."""
    if home is None:
        raise OSError(f"{version.name}: the memory controller is not mounted")
    if version is V2:
        _delegate(home)
    parent = home / f"memlint-{run}"
    try:
        parent.mkdir()
        if version is V2:
            (parent / "cgroup.subtree_control").write_text("+memory")
        probe = parent / "probe"
        probe.mkdir()
        usable = (probe / version.limit).exists()
        probe.rmdir()
    except OSError as error:
        _discard(parent)
        raise OSError(f"{version.name}: {home} is not ours to divide ({error.strerror})") from error
    if not usable:
        _discard(parent)
        raise OSError(f"{version.name}: the memory controller is not enabled below {home}")
    return Groups(version, parent)


def _discard(parent: Path) -> None:
    for folder in (parent / "probe", parent):
        try:
            folder.rmdir()
        except OSError:
            continue


def _delegate(home: Path) -> None:
    """Enable the memory controller below our group; version 2 wants us in a leaf of our own for that."""
    if b"memory" not in processes.read(f"{home}/cgroup.controllers").split():
        raise OSError(f"cgroup2: the memory controller is not available in {home}")
    if b"memory" in processes.read(f"{home}/cgroup.subtree_control").split():
        return
    try:
        members = [int(pid) for pid in processes.read(f"{home}/cgroup.procs").split()]
        if set(members) - set(_line_of(os.getpid())):
            raise OSError(f"cgroup2: {home} holds other processes too")
        leaf = home / "memlint-supervisor"
        leaf.mkdir(exist_ok=True)
        for pid in members:
            (leaf / "cgroup.procs").write_text(str(pid))
        (home / "cgroup.subtree_control").write_text("+memory")
    except OSError as error:
        raise OSError(f"cgroup2: {error.strerror or error}: {home}") from error


def _line_of(pid: int) -> list[int]:
    """A process and those it descends from: they may share our leaf, the limits above stay the same."""
    line = []
    while pid > 0:
        line.append(pid)
        stat = processes.read(f"/proc/{pid}/stat")
        pid = int(stat[stat.rindex(b")") + 2 :].split()[1]) if stat else 0
    return line
