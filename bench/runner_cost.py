"""What isolation costs, on a suite made for it: plain pytest a file against memlint and others that isolate or measure.

    python bench/runner_cost.py --files 40 --tests 20
    python bench/runner_cost.py --files 2000 --tests 5 --only plain memlint
    python bench/runner_cost.py --files 1 --tests 10000 --only plain memlint

Every contender runs the same files, in the same session, one after the other; where one is not installed it is left
out. Prints a line each: seconds by the clock and of the processor, processor milliseconds more a file and microseconds
more a test than plain pytest a file, the peak memory of the process that drives the run, and the share of the run's
seconds that its journal took: the same records written once more, each unit's end brought to the disk.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memlint.runner import journal

_TESTS = "import pytest\n@pytest.mark.parametrize('n', range({tests}))\ndef test_n(n): assert n >= 0\n"
_PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
_MEMLINT = [sys.executable, "-m", "memlint", "measure", "--order", "given", "-q"]


@dataclass(frozen=True)
class Cost:
    """Of one contender."""

    name: str
    seconds: float
    cpu_seconds: float  # of all processes: says more than the clock on a busy machine
    driver_bytes: int  # peak of the process that was started, without its children
    journal_seconds: float | None = None


def make_suite(folder: Path, files: int, tests: int) -> list[str]:
    """Write the files and return their names."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    names = [f"test_{number:05}.py" for number in range(files)]
    for name in names:
        (folder / name).write_text(_TESTS.format(tests=tests))
    return names


def run(command: list[str], folder: Path) -> int:
    """Run a command to its end and return the peak of its own process in bytes. Raises CalledProcessError."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        if "VmHWM:" in status:
            peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        time.sleep(0.02)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def plain(folder: Path, names: list[str]) -> int:
    """One ``pytest FILE`` after the other, as a shell loop would."""
    return max(run([*_PYTEST, name], folder) for name in names)


def together(folder: Path, names: list[str]) -> int:
    """One pytest for all."""
    return run([*_PYTEST, "."], folder)


def memlint(*options: str) -> Callable[[Path, list[str]], int]:
    """``memlint measure`` with these options."""
    return lambda folder, names: run(
        [*_MEMLINT, "--pytest-args", "-q -p no:cacheprovider", *options, "."], folder
    )


def plugin(module: str, *options: str) -> Callable[[Path, list[str]], int]:
    """One pytest for all with another plugin."""
    return lambda folder, names: run([*_PYTEST, "-p", module, *options, "."], folder)


CONTENDERS: dict[str, tuple[str | None, Callable[[Path, list[str]], int]]] = {
    "plain": (None, plain),
    "together": (None, together),
    "memlint": (None, memlint()),
    "memlint sampling": (None, memlint("--meter", "sampling")),
    "memlint -j 2": (None, memlint("-j", "2")),
    "pytest --memlint": (None, plugin("memlint.pytest_plugin", "--memlint")),
    "pytest-forked": ("pytest_forked", plugin("pytest_forked", "--forked")),
    "pytest-isolated": ("pytest_isolated", plugin("pytest_isolated.plugin", "--isolated")),
    "pytest-memray": ("pytest_memray", plugin("pytest_memray.plugin", "--memray")),
}


def measure(only: list[str], files: int, tests: int) -> Iterator[Cost]:
    """Every contender that is installed, on a fresh copy of the suite."""
    for name, (module, contend) in CONTENDERS.items():
        if (only and name not in only) or (module and importlib.util.find_spec(module) is None):
            continue
        with tempfile.TemporaryDirectory() as folder:
            names = make_suite(Path(folder), files, tests)
            started, cpu = time.perf_counter(), _cpu_seconds()
            try:
                peak = contend(Path(folder), names)
            except subprocess.CalledProcessError as error:
                print(f"contender {name}  does not work here: exit code {error.returncode}")
                continue
            seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
            yield Cost(name, seconds, cpu, peak, _journal_seconds(Path(folder)))


def _journal_seconds(folder: Path) -> float | None:
    """What writing the run's journal takes, on the same disk; None where there is none."""
    written = folder / ".memlint" / "journal.jsonl"
    if not written.exists():
        return None
    records = list(journal.read(written))
    with journal.Writer(folder / "again.jsonl", append=False) as writer:
        started = time.perf_counter()
        for record in records:
            writer.write(record)
        return time.perf_counter() - started


def _cpu_seconds() -> float:
    """Of all processes that were started and waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--tests", type=int, default=20, help="in each file")
    parser.add_argument("--only", nargs="*", default=[], choices=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    base: float | None = None
    for cost in measure(options.only, options.files, options.tests):
        base = cost.cpu_seconds if cost.name == "plain" else base
        more = cost.cpu_seconds - base if base is not None else 0.0
        row: dict[str, object] = {
            "contender": cost.name,
            "seconds": round(cost.seconds, 2),
            "cpu_seconds": round(cost.cpu_seconds, 2),
            "ms_more_a_file": round(more / options.files * 1e3, 1),
            "us_more_a_test": round(more / options.files / options.tests * 1e6, 1),
            "driver_mib": round(cost.driver_bytes / 2**20, 1),
        }
        if cost.journal_seconds is not None:
            row["journal_percent"] = round(100 * cost.journal_seconds / cost.seconds, 2)
        print(
            json.dumps(row) if options.json else "  ".join(f"{key} {value}" for key, value in row.items()),
            flush=True,
        )


if __name__ == "__main__":
    main()
