"""A subprocess that is never terminated; a fixture without clean-up."""

from __future__ import annotations

import subprocess
import sys

from helpers import ROOT, running_worker


def test_worker_starts():
    worker = subprocess.Popen([sys.executable, "-m", "shop.worker", "20"], cwd=ROOT)
    assert worker.poll() is None


def test_worker_starts_and_is_stopped():
    with running_worker(20) as worker:
        assert worker.poll() is None


def test_worker_ends_by_itself():
    done = subprocess.run([sys.executable, "-m", "shop.worker", "0"], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == [b"ready"]


def test_packers_work_side_by_side(packers):
    assert sum(packers.map(len, ["bolt", "nut"])) == 7


def test_checkers_work_side_by_side(checkers):
    assert all(checkers.map(str.isalpha, ["bolt", "nut"]))
