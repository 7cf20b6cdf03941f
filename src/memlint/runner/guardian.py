"""Outlives the supervisor by a moment: when its standard input closes, it kills what the run left behind.

Started as a script, ``python -I -S guardian.py TAG FOLDER``: TAG is ``NAME=value`` from the units'
environment, FOLDER the run's control group or "". A line on standard input names a process group to kill too
(``+123``), or no longer (``-123``), for systems without /proc.
"""

# Plain os calls: pathlib would double the start of this process.
# ruff: noqa: PTH106, PTH112, PTH118, PTH123, PTH208

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator

_SECONDS = 5.0


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _members(folder: str) -> Iterator[int]:
    for place, _, _ in os.walk(folder):
        yield from (int(pid) for pid in _read(os.path.join(place, "cgroup.procs")).split())


def _tagged(tag: bytes) -> Iterator[int]:
    names = os.listdir("/proc") if os.path.isdir("/proc") else []
    for name in names:
        if name.isdigit() and tag in _read(f"/proc/{name}/environ").split(b"\0"):
            yield int(name)


def _remove(folder: str) -> bool:
    for place, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(place)
        except OSError:
            return False
    return True


def _kill(send: Callable[[int, int], None], numbers: Iterable[int]) -> None:
    for number in numbers:
        try:
            send(number, signal.SIGKILL)
        except OSError:
            continue


def main() -> None:
    tag, folder = os.fsencode(sys.argv[1]), sys.argv[2]
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    _kill(os.killpg, groups)
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        found = {*_tagged(tag), *(_members(folder) if folder else ())}
        _kill(os.kill, found)
        if not found and (not folder or _remove(folder)):
            return
        time.sleep(0.01)


if __name__ == "__main__":
    main()
