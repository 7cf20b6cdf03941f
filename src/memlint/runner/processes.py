"""Processes as Linux's /proc shows them, and what a supervisor asks of the kernel for its children."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable, Iterator

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def become_subreaper() -> None:
    """Let orphaned descendants become our children, so that none escapes the count."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Ask for SIGKILL when ``parent``, our parent, dies; die now if it already has."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def read(path: str) -> bytes:
    """The start of a file of the kernel's, at most 64 KiB; empty when it is gone."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""
    finally:
        os.close(fd)


def children(pid: int) -> list[int]:
    """Direct children of a process, of all its threads."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - names alone, many times a second
    except OSError:
        return []
    return [int(child) for task in tasks for child in read(f"/proc/{pid}/task/{task}/children").split()]


def descendants(roots: Iterable[int]) -> Iterator[int]:
    """The roots and everything below them."""
    stack = list(roots)
    while stack:
        pid = stack.pop()
        yield pid
        stack.extend(children(pid))


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    stat = read(f"/proc/{pid}/stat")
    return bool(stat) and stat[stat.rindex(b")") + 2 : stat.rindex(b")") + 3] not in (b"Z", b"X")


def command(pid: int) -> str:
    """The command line of a process, or its name in brackets."""
    line = read(f"/proc/{pid}/cmdline").rstrip(b"\0").replace(b"\0", b" ")
    return (
        line.decode(errors="replace")[:500]
        or f"[{read(f'/proc/{pid}/comm').decode(errors='replace').strip()}]"
    )


def tagged(pid: int, tag: bytes) -> bool:
    """Whether the environment a process was started with holds this ``NAME=value``."""
    return tag in read(f"/proc/{pid}/environ").split(b"\0")


def kill(pids: Iterable[int]) -> None:
    """SIGKILL each of them that still exists."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def reap_strangers(ours: Iterable[int]) -> None:
    """Collect dead orphans that became our children, leaving the processes in ``ours`` to their owners."""
    for pid in set(children(os.getpid())).difference(ours):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
