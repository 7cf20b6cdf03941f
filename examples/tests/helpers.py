from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent


def open_archive(customers):
    connection = sqlite3.connect(":memory:")
    connection.execute("create table archive (customer text)")
    connection.executemany("insert into archive values (?)", [(name,) for name in customers])
    return connection


@contextmanager
def running_worker(seconds):
    process = subprocess.Popen([sys.executable, "-m", "shop.worker", str(seconds)], cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
