"""Ctrl-C while files are read in several processes: quiet, at once, and nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_ctrl_c_ends_everything_quietly(tmp_path):
    body = "".join(
        f"def test_{n}():\n    x = [{n}, 'a' + 'b', (1, 2)]\n    assert x[0] == {n}\n" for n in range(30_000)
    )
    for number in range(4):
        (tmp_path / f"test_{number}.py").write_text(body)
    process = subprocess.Popen(
        [sys.executable, "-m", "memlint", ".", "--no-cache", "-j", "2"],
        cwd=tmp_path,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # a shell's background job ignores it
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        workers = wait_for_workers(process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=240)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert (process.returncode, out, err.strip()) == (130, "", "")
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


def wait_for_workers(process: subprocess.Popen[str]) -> list[int]:
    """Return the process ids of the two workers as soon as both are at work."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        found = Path(f"/proc/{process.pid}/task").glob("*/children")
        workers = [int(pid) for children in found for pid in children.read_text().split()]
        if len(workers) == 2 and all(processor_ticks(pid) > 30 for pid in workers):
            return workers
    raise AssertionError("memlint did not start two workers")


def processor_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
