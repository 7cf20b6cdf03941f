"""Control groups on a simulated tree, ordinary files in the kernel's place. Version 2 is tested only here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memlint.runner.meters import cgroup
from memlint.runner.meters.cgroup import V1, V2, GroupMeter, home_of, open_groups, tightest

MB = 2**20


class Kernel:
    """Plays the kernel's part in one group of version 2."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.peak = 0
        for name in ("memory.max", "memory.swap.max", "memory.oom.group", "cgroup.procs"):
            (folder / name).write_text("")
        self.shows(0)
        self.killed(0)

    def shows(
        self, anon: float, file: float = 0, shmem: float = 0, kernel: float = 0, peak: float = 0
    ) -> None:
        """Sizes in MB; ``file`` includes ``shmem`` as the kernel's does."""
        sizes = {"anon": anon, "file": file + shmem, "kernel": kernel, "shmem": shmem}
        text = "".join(f"{name} {int(size * MB)}\n" for name, size in sizes.items())
        (self.folder / "memory.stat").write_text(text)
        self.peak = max(self.peak, int(max(peak, anon + file + shmem + kernel) * MB))
        (self.folder / "memory.peak").write_text(f"{self.peak}\n")

    def killed(self, count: int) -> None:
        (self.folder / "memory.events").write_text(f"low 0\nhigh 0\nmax 9\noom 1\noom_kill {count}\n")


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path / "unit-1")


@pytest.fixture
def meter(kernel: Kernel) -> GroupMeter:
    return GroupMeter(V2, kernel.folder, 2 << 30)


def test_limit_is_set_and_the_group_dies_as_one(kernel: Kernel, meter: GroupMeter) -> None:
    assert (kernel.folder / "memory.max").read_text() == str(2 << 30)
    assert (kernel.folder / "memory.swap.max").read_text() == "0"
    assert (kernel.folder / "memory.oom.group").read_text() == "1"
    assert meter.enforces_limit
    assert meter.name == "cgroup2"


def test_page_cache_is_apart(kernel: Kernel, meter: GroupMeter) -> None:
    kernel.shows(anon=526, file=400, kernel=12)
    sample = meter.sample()
    assert sample.held == meter.peak == 526 * MB
    assert sample.cache == 400 * MB


def test_shared_memory_counts_as_held(kernel: Kernel, meter: GroupMeter) -> None:
    kernel.shows(anon=100, file=50, shmem=70)
    sample = meter.sample()
    assert (sample.held, sample.cache) == (170 * MB, 50 * MB)


def test_spike_between_two_looks(kernel: Kernel, meter: GroupMeter) -> None:
    kernel.shows(anon=30, file=400, kernel=5)
    meter.sample()
    kernel.shows(anon=31, file=400, kernel=5, peak=30 + 150 + 405)
    assert meter.sample().peak == 180 * MB
    assert meter.peak == 180 * MB


def test_an_old_spike_is_not_seen_again(kernel: Kernel, meter: GroupMeter) -> None:
    kernel.shows(anon=30, peak=200)
    meter.sample()
    kernel.shows(anon=40)
    assert meter.sample().peak == 40 * MB


def test_growing_cache_is_no_spike(kernel: Kernel, meter: GroupMeter) -> None:
    for cache in range(0, 800, 40):
        kernel.shows(anon=30, file=cache)
        assert meter.sample().peak == 30 * MB


def test_kernels_without_a_peak(kernel: Kernel, meter: GroupMeter) -> None:
    kernel.shows(anon=77)
    (kernel.folder / "memory.peak").unlink()
    meter.sample()
    assert meter.peak == 77 * MB


def test_oom_kills_not_limit_hits(kernel: Kernel, meter: GroupMeter) -> None:
    assert meter.oom_kills() == 0
    kernel.killed(2)
    assert meter.oom_kills() == 2


def test_kernels_that_count_no_kills(kernel: Kernel, meter: GroupMeter) -> None:
    events = kernel.folder / meter.version.events
    events.write_text("max 3\n")
    assert meter.oom_kills() is None


def test_members(kernel: Kernel, meter: GroupMeter) -> None:
    (kernel.folder / "cgroup.procs").write_text(f"{os.getpid()}\n999999999\n")
    assert meter.pids() == [os.getpid()], "the dead do not count"
    meter.enter()
    assert (kernel.folder / "cgroup.procs").read_text().startswith("0")


MOUNTS = {
    "v2": "30 23 0:26 / {root} rw - cgroup2 cgroup2 rw,nsdelegate",
    "v1": "31 23 0:27 /docker/abc {root} rw - cgroup cgroup rw,memory",
    "cpu": "32 23 0:28 / {root} rw - cgroup cgroup rw,cpu,cpuacct",
}


@pytest.mark.parametrize(
    ("version", "mount", "membership", "inside"),
    [
        (V2, "v2", "0::/user.slice/a.scope", "user.slice/a.scope"),
        (V2, "v2", "0::/", ""),
        (V2, "v2", "4:memory:/x\n0::/gone", ""),  # a container that sees another tree
        (V1, "v1", "4:memory:/docker/abc\n0::/", ""),
        (V1, "v1", "4:cpu,memory:/docker/abc/in\n0::/", "in"),
        (V1, "cpu", "4:memory:/x", None),
        (V2, "v1", "0::/", None),
        (V1, "v1", "0::/", None),
    ],
)
def test_where_we_live(
    tmp_path: Path, version: cgroup.Version, mount: str, membership: str, inside: str | None
) -> None:
    for folder in ("user.slice/a.scope", "in"):
        (tmp_path / folder).mkdir(parents=True)
    found = home_of(version, MOUNTS[mount].format(root=tmp_path), membership)
    assert found == (None if inside is None else tmp_path / inside)


def test_tightest_limit_above(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert tightest(V2, inner) is None
    for folder, limit in ((inner, "max"), (inner.parent, "300"), (tmp_path, "500")):
        (folder / "memory.max").write_text(f"{limit}\n")
    assert tightest(V2, inner) == 300
    (inner / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert tightest(V1, inner) is None


def _home(folder: Path, controllers: str, below: str, members: list[int]) -> Path:
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(below)
    (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in members))
    return folder


def test_no_memory_controller(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not available"):
        open_groups(V2, "r", _home(tmp_path, "cpu io", "", []))


def test_group_with_other_processes_is_not_divided(tmp_path: Path) -> None:
    """The kernel would refuse, and they are not ours to move."""
    with pytest.raises(OSError, match="holds other processes"):
        open_groups(V2, "r", _home(tmp_path, "memory", "", [os.getpid(), 999999999]))
    assert not (tmp_path / "memlint-supervisor").exists()


def test_own_group_is_divided_with_us_in_a_leaf(tmp_path: Path) -> None:
    """Ourselves and those who started us move; then the controller is enabled."""
    home = _home(tmp_path, "cpu memory", "", [os.getppid(), os.getpid()])
    with pytest.raises(OSError, match="not enabled below"):  # plain folders have no memory.max
        open_groups(V2, "r", home)
    assert (home / "cgroup.subtree_control").read_text() == "+memory"
    assert (home / "memlint-supervisor" / "cgroup.procs").read_text() == str(os.getpid())
    (home / "memlint-r" / "cgroup.subtree_control").unlink(missing_ok=True)


def test_controller_that_is_not_mounted() -> None:
    with pytest.raises(OSError, match="not mounted"):
        open_groups(V1, "r", None)
