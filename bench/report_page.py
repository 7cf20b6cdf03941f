"""What a report costs to make and to open, on a suite made for it.

    python bench/report_page.py --files 3000 --tests 8
    python bench/report_page.py --files 5000 --tests 2 --chromium /usr/bin/chromium

Writes a suite with findings and a journal of it into a temporary folder, then times `memlint report` and `memlint plan`
without and with memlint's cache, and weighs the page. Where Chromium and selenium are there, the page is opened three
times in a fresh, headless one: milliseconds until its script is done and its plot is drawn, then until the next frame
is shown; and, while the table is scrolled from end to end, the frames that were shown and the longest wait for one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 1 << 20
_FILE = '''"""Part {number} of the suite."""

import sqlite3

import pytest

KEPT = []


def test_rows_{number}():
    rows = [bytes(1000) for _ in range({size})]
    assert len(rows) == {size}


def test_database_{number}():
    connection = sqlite3.connect(":memory:")
    assert connection.execute("select 1").fetchone() == (1,)


{others}
'''
_SCROLL = """
const done = arguments[0], waits = [];
let last = performance.now(), place = 0;
const high = document.documentElement.scrollHeight;
const step = (now) => {
  waits.push(now - last); last = now; place += 400; scrollTo({top: place, behavior: "instant"});
  if (place < Math.min(high, 80000)) requestAnimationFrame(step);
  else {
    const late = waits.filter((wait) => wait > 50).length;
    waits.sort((a, b) => a - b);
    done({frames: waits.length, longest: waits[waits.length - 1], median: waits[waits.length >> 1], late});
  }
};
requestAnimationFrame(step);
"""
_TIMES = """
const done = arguments[0];
const wait = () => {
  const plot = document.querySelector("#scatter");
  const ready = document.documentElement.dataset.ready === "yes";
  if (!ready || (plot && plot.dataset.drawn !== "yes")) return setTimeout(wait, 10);
  const now = performance.now();
  requestAnimationFrame(() => setTimeout(() => done({drawn: now, shown: performance.now()})));
};
wait();
"""


def make_suite(folder: Path, files: int, tests: int) -> None:
    """Write the files and a journal of them."""
    generator = random.Random(8)
    (folder / "pytest.ini").write_text("[pytest]\n")
    with (folder / "journal.jsonl").open("w") as journal:
        context = {
            "hash": "b" * 16, "python": "3.11.7", "platform": "linux-x86_64", "meter": "sampling",
            "memory_bytes": 16 << 30, "pytest": "9.2.0",
        }  # fmt: skip
        run = {
            "schema": "memlint.journal/1", "kind": "run", "run": "bench", "context": context,
            "argv": ["measure", "tests"], "shard": None, "limit_bytes": 2 << 30,
        }  # fmt: skip
        journal.write(json.dumps(run) + "\n")
        for number in range(files):
            path = Path("tests") / f"part{number % 60:02}" / f"test_module_{number:05}.py"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            others = "\n\n".join(
                f"def test_other_{n}():\n    assert {n} >= 0\n" for n in range(max(tests - 2, 0))
            )
            size = generator.choice([10, 100, 50_000, 400_000])
            (folder / path).write_text(_FILE.format(number=number, size=size, others=others))
            for record in records(path.as_posix(), tests, generator):
                journal.write(json.dumps(record) + "\n")


def records(path: str, tests: int, generator: random.Random) -> list[dict[str, object]]:
    """What a measured file leaves in the journal."""
    held = base = round(generator.lognormvariate(4.2, 0.5) * MIB)
    made: list[dict[str, object]] = [
        {"kind": "unit_start", "unit": path, "members": [path], "source": "s", "try": 1, "pid": 7}
    ]
    highest = held
    for number in range(tests):
        peak = held + round(generator.lognormvariate(2, 1.5) * MIB)
        after = held + generator.randrange(MIB)
        highest = max(highest, peak)
        made.append({
            "kind": "test_end", "unit": path, "test": f"{path}::test_other_{number}", "outcome": "passed",
            "before_bytes": held, "peak_bytes": peak, "after_bytes": after, "seconds": 0.01,
        })  # fmt: skip
        held = after
    verdict = "oom" if highest > 600 * MIB else "passed"
    made.append({
        "kind": "unit_end", "unit": path, "members": [path], "verdict": verdict, "exit_code": 0, "signal": None,
        "evidence": [], "peak_bytes": highest, "baseline_bytes": 30 * MIB, "retained_bytes": held - base,
        "cache_bytes": 0, "meter": "sampling", "seconds": 0.5, "victim": None, "leftover_processes": [],
        "tests": {"passed": tests}, "try": 1,
    })  # fmt: skip
    return made


def timed(folder: Path, *arguments: str) -> str:
    """Run memlint and say what it took."""
    started, before = time.perf_counter(), os.times()
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "memlint", *arguments, "-q"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    wall = time.perf_counter() - started
    return f"{wall:6.1f} s by the clock, {cpu:6.1f} s of the processor (exit {done.returncode})"


def browse(page: Path, chromium: str, driver: str) -> None:
    """Open the page and scroll it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tempfile.mkdtemp()
    for flag in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", f"user-data-dir={profile}", "window-size=1280,900",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        for _ in range(3):
            browser.get(page.as_uri())
            times = browser.execute_async_script(_TIMES)
            print(f"  opened: drawn after {times['drawn']:,.0f} ms, shown after {times['shown']:,.0f} ms")
        seen = browser.execute_async_script(_SCROLL)
        print(
            f"  scrolled: {seen['frames']} frames, median {seen['median']:.1f} ms, longest {seen['longest']:.0f} ms, "
            f"{seen['late']} later than 50 ms"
        )
    finally:
        browser.quit()
        shutil.rmtree(profile, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--tests", type=int, default=8)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "")
    parser.add_argument("--driver", default=shutil.which("chromedriver") or "")
    parser.add_argument("--keep", type=Path, help="Copy the page here.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_suite(folder, given.files, given.tests)
        for label, arguments in {
            "report, no cache yet": ("report", "--journal", "journal.jsonl", "-o", "report.html"),
            "report again": ("report", "--journal", "journal.jsonl", "-o", "report.html"),
            "plan": ("plan", "--journal", "journal.jsonl", "-o", "plan.md"),
            "rank --format html": ("rank", "tests", "--format", "html", "-o", "rank.html"),
        }.items():
            print(f"{label:22} {timed(folder, *arguments)}", flush=True)
        page = folder / "report.html"
        print(f"page: {page.stat().st_size / 1e6:.1f} MB for {given.files} files of {given.tests} tests")
        if given.keep:
            shutil.copy(page, given.keep)
        if given.chromium and given.driver:
            browse(page, given.chromium, given.driver)


if __name__ == "__main__":
    main()
