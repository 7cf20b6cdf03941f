"""Large runs: the supervisor stays small. What plugin and journal cost is measured in ``bench/runner_parts.py``."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.conftest import Bench

_SMALL = 40 << 20  # bytes

# The real supervisor and journal over an executor that runs nothing.
_MANY_FILES = """
import sys, time
from pathlib import Path
from memlint.runner import journal, summary
from memlint.runner.admission import Admission
from memlint.runner.display import Lines
from memlint.runner.executor import JobEnd
from memlint.runner.journal import Context, Run, TestEnd, TestStart, Writer
from memlint.runner.resume import Past
from memlint.runner.supervisor import Plan, Supervisor
from memlint.runner.units import Sources, units_of

class Nothing:
    def __init__(self): self.jobs = []
    def start(self, job): self.jobs.append(job)
    def running(self): return []
    def stop(self, reason): pass
    def close(self): pass
    def poll(self, seconds):
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            ids = tuple(f"{job.unit.name}::test_with_a_long_name[{n}-{'x' * 40}]" for n in range(50))
            if job.mode == "run":
                for test in ids:
                    yield TestStart(job.unit.name, test)
                    yield TestEnd(job.unit.name, test, "passed", 1, 2, 3, 0.1)
            yield JobEnd(job, "passed", 0, None, (), 1, 1, 1, "cgroup1", 0.1, None, (), {"passed": 50},
                         ids, frozenset(ids))

root = Path(sys.argv[1])
names = [f"tests/part{n % 40}/test_number_{n}.py" for n in range(2000)]
context = Context("c", "3", "linux", "cgroup1", 1, "9")
with Writer(root / "j.jsonl", append=False) as writer:
    writer.write(Run(journal.SCHEMA, "r", context, ()))
    Supervisor(Plan(context), Nothing(), writer, Lines(lambda line: None), Admission(1, False), Sources(root),
               Past()).run(units_of(names, {}))
assert summary.summarise(journal.read(root / "j.jsonl")).units == 2000
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(int(line.split()[1]) * 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_two_thousand_files_with_a_hundred_thousand_tests(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MANY_FILES, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < _SMALL


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_file_of_ten_thousand_tests(bench: Bench) -> None:
    bench.write(
        "test_it.py",
        "import pytest\n@pytest.mark.parametrize('n', range(10_000))\ndef test_n(n): pass\n",
    )
    # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
    process = bench.start("test_it.py", pytest_args=["-q"])
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_bytes()
        if b"VmHWM:" in status:
            peak = int(status.partition(b"VmHWM:")[2].split()[0]) * 1024
        time.sleep(0.02)
    ran = bench.finish(process)
    assert ran.unit("test_it.py").tests == {"passed": 10_000}
    assert len(ran.journal.tests) == 10_000
    assert 0 < peak < _SMALL
