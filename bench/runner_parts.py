"""What measuring costs a test, part by part: the plugin end to end in processor time, its own calls, a journal record.

    python bench/runner_parts.py

Run it on a quiet machine: processor time grows too where others share the caches.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from memlint import pytest_plugin
from memlint.runner import journal

_TESTS = 10_000
_FILE = f"import pytest\n@pytest.mark.parametrize('n', range({_TESTS}))\ndef test_n(n): assert n >= 0\n"
_PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


def best(action: Callable[[], None], times: int = 20, rounds: int = 200) -> float:
    """Seconds of one call: the best of many short rounds, as other processes only add."""
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(times):
            action()
        found.append((time.perf_counter() - started) / times)
    return min(found)


def own_calls(folder: Path) -> float:
    """Seconds of all that the plugin asks of the system for one test."""
    events = pytest_plugin.Events(str(folder / "own"))

    measure = pytest_plugin.Measure()

    def one_test() -> None:
        measure.begin()
        events.append('["start","tests/test_module.py::TestClass::test_name[parameter]",67108864,""]')
        peak, after = measure.end()
        events.append(f'["end","tests/test_module.py::t","","passed",{after},{peak},{after},0.1,false,0,0]')

    return best(one_test)


def record(folder: Path) -> float:
    """Seconds that one test's record costs the supervisor."""
    end = journal.TestEnd("tests/a.py", "tests/a.py::test_x[parameter]", "passed", 1, 2, 3, 0.001)
    with journal.Writer(folder / "j.jsonl", append=False) as writer:
        return best(lambda: writer.write(end))


def processor_seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Of one pytest."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    quiet = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    subprocess.run(command, cwd=folder, env=quiet, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def end_to_end(folder: Path, rounds: int = 5) -> float:
    """Processor seconds a test that a unit takes more than plain pytest: the best of several rounds each."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(_FILE)
    events = folder / "events"
    plain = [*_PYTEST, "test_it.py"]
    unit = [*_PYTEST, "-p", "memlint.pytest_plugin", "test_it.py"]
    orders = {"MEMLINT_EVENTS": str(events), "MEMLINT_MODE": "run"}
    without, within = [], []
    for _ in range(rounds):
        without.append(processor_seconds(plain, folder, {}))
        events.unlink(missing_ok=True)
        within.append(processor_seconds(unit, folder, orders))
    return (min(within) - min(without)) / _TESTS


def main() -> None:
    """Print microseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"plugin, its own calls      {own_calls(folder) * 1e6:6.1f} µs a test")
        print(f"plugin, end to end (CPU)   {end_to_end(folder) * 1e6:6.1f} µs a test")
        print(f"journal record             {record(folder) * 1e6:6.1f} µs a test")


if __name__ == "__main__":
    main()
