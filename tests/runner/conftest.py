"""A small suite in a folder of its own, run by a supervisor in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memlint.runner import journal
from memlint.runner.journal import TestEnd, UnitEnd
from memlint.runner.meters import choose

MB = 2**20
_LAUNCH = """
import json, signal, sys
from pathlib import Path
from memlint.runner.display import Lines
from memlint.runner.executor import ExecutorError
from memlint.runner.journal import JournalError
from memlint.runner.run import Request, carry_out
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
options = json.loads(sys.argv[1])
for name in ("root", "journal"):
    options[name] = Path(options[name])
for name in ("named", "pytest_args", "shard"):
    if name in options:
        options[name] = tuple(options[name])
options["environment"] = tuple(map(tuple, options["environment"]))
lines = Lines(lambda line: print(line, flush=True), heartbeat=True)
try:
    outcome = carry_out(Request(**options), lines)
except (ExecutorError, JournalError) as error:
    sys.exit(f"trouble: {error}")
sys.exit(2 if outcome.interrupted else 0 if outcome.summary.fine else 1)
"""


@dataclass(frozen=True)
class Ran:
    """A run that has ended."""

    code: int
    lines: list[str]
    errors: str
    journal: journal.Journal

    def unit(self, name: str) -> UnitEnd:
        found = [unit for unit in self.journal.units if unit.unit == name]
        assert found, f"no {name} in {[unit.unit for unit in self.journal.units]}\n{self.errors}"
        return found[-1]

    def test(self, name: str) -> TestEnd:
        return next(test for test in self.journal.tests if test.test.endswith(name))

    @property
    def verdicts(self) -> dict[str, str]:
        return {unit.unit: unit.verdict for unit in self.journal.units}


@dataclass(frozen=True)
class Bench:
    """The suite's folder."""

    folder: Path

    def write(self, path: str, code: str) -> str:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(code), encoding="utf-8")
        return path

    @property
    def journal(self) -> Path:
        return self.folder / ".memlint" / "journal.jsonl"

    def start(self, *named: str, prefix: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
        """Start a supervisor; its lines can be read as they come."""
        request = {
            "named": named or self._files(),
            "predictions": {},
            "root": str(self.folder),
            "python": sys.executable,
            "journal": str(self.journal),
            "environment": [("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")],
            **options,
        }
        return subprocess.Popen(
            [*prefix, sys.executable, "-c", _LAUNCH, json.dumps(request)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        )

    def _files(self) -> list[str]:
        found = sorted(self.folder.rglob("test_*.py"))
        return [file.relative_to(self.folder).as_posix() for file in found]

    def finish(self, process: subprocess.Popen[str], timeout: float = 300) -> Ran:
        out, errors = process.communicate(timeout=timeout)
        return Ran(process.returncode, out.splitlines(), errors, journal.load(self.journal))

    def run(self, *named: str, **options: Any) -> Ran:
        # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
        return self.finish(self.start(*named, **options))

    def run_one(self, code: str, **options: Any) -> UnitEnd:
        """Run a suite of one file and return what became of it."""
        ran = self.run(self.write("test_it.py", code), **options)
        return next(unit for unit in ran.journal.units if unit.unit == "test_it.py")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return Bench(tmp_path)


def _works(name: str) -> bool:
    try:
        choose.choose(f"test-{os.getpid()}", name).close()
    except choose.MeterUnavailableError:
        return False
    return True


METERS = [name for name in choose.NAMES if _works(name)]
GROUPS = [name for name in METERS if name.startswith("cgroup")]
needs_groups = pytest.mark.skipif(not GROUPS, reason="control groups cannot be made here; see memlint doctor")


@pytest.fixture(params=[name for name in METERS if name in ("cgroup2", "cgroup1", "sampling")])
def meter(request: pytest.FixtureRequest) -> str:
    """Each meter of this machine that weighs whole process trees."""
    return str(request.param)


def processes_with(text: str) -> list[int]:
    """Living processes whose command line holds ``text``."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if text.encode() in line and state not in "ZX":
                found.append(int(folder.name))
    return found


def wait_until(condition: Any, seconds: float = 240) -> None:
    """Look every few milliseconds until ``condition()`` is true; fail when it does not become so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def removed(group: Path) -> bool:
    """Whether the group is gone now: the kernel keeps one busy until it has let go of the last of its dead."""
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def end(process: subprocess.Popen[str]) -> None:
    """Kill a supervisor as the kernel would, and collect it."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
