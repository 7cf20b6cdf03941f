"""The supervisor dies at any moment: nothing finished is lost or repeated, nothing runs on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from memlint.runner import journal
from memlint.runner.journal import TestStart, UnitEnd, UnitStart
from memlint.runner.meters import choose
from runner.conftest import GROUPS, Bench, Ran, end, processes_with, removed, wait_until

_UNIT = """
import os, subprocess
def test_one():
    open("began-{n}", "a").write("x")
    subprocess.Popen(["sleep", "{mark}"])
def test_two(): pass
"""


def _size(bench: Bench) -> int:
    return bench.journal.stat().st_size if bench.journal.exists() else 0


def _finished(path: Path) -> Counter[str]:
    return Counter(record.unit for record in journal.read(path) if isinstance(record, UnitEnd))


def _groups_of(run: str) -> list[Path]:
    homes = [choose.group_home(name) for name in GROUPS]
    return [path for home in homes if home is not None for path in home.glob(f"memlint-{run}*")]


def test_killed_at_twenty_moments_of_forty_units(bench: Bench) -> None:
    mark = f"4323.{os.getpid()}"
    names = [bench.write(f"test_{n:02}.py", _UNIT.format(n=n, mark=mark)) for n in range(40)]
    luck = random.Random(5)
    for _ in range(20):
        # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
        process = bench.start(resume=True)
        target = _size(bench) + luck.randrange(
            400, 2600
        )  # bytes: from within the first unit to several later
        wait_until(lambda p=process, t=target: _size(bench) >= t or p.poll() is not None)
        end(process)
        before = _finished(bench.journal)
        assert set(before.values()) <= {1}
        wait_until(lambda: not processes_with(mark) and not processes_with(str(bench.folder)))
    ran = bench.run(resume=True)
    verdicts = ran.verdicts
    assert set(verdicts) == set(names)
    assert set(_finished(bench.journal).values()) == {1}, "no finished unit was run again"
    starts = Counter(record.unit for record in journal.read(bench.journal) if isinstance(record, UnitStart))
    for name, verdict in verdicts.items():
        assert verdict == ("quarantined" if starts[name] == 3 else "passed"), name
        assert len((bench.folder / f"began-{name[5:7].lstrip('0') or 0}").read_bytes()) <= 2
    assert not processes_with(mark)
    wait_until(lambda: not [group for run in ran.journal.runs for group in _groups_of(run.run)])


def _start_in_flight(bench: Bench, **options: object) -> subprocess.Popen[str]:
    process = bench.start(**options)
    before = _size(bench)
    wait_until(lambda: _size(bench) > before and b"test_hangs" in bench.journal.read_bytes()[before:])
    return process


def test_unit_in_flight_is_retried_once_alone_then_quarantined(bench: Bench) -> None:
    bench.write("test_a.py", "def test_a(): pass")
    bench.write("test_b.py", "import time\ndef test_hangs(): time.sleep(600)")
    bench.write("test_c.py", "def test_c(): pass")
    # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
    end(_start_in_flight(bench))
    # memlint: ignore[MEM305] a failed assertion leaves a supervisor that ends with its units
    second = bench.start(resume=True, jobs=3)
    wait_until(lambda: bench.journal.read_bytes().count(b"::test_hangs") == 2)
    assert journal.load(bench.journal).in_flight[0].trial == 2
    assert "test_c.py" not in _finished(bench.journal), "the retried unit runs first, and alone"
    end(second)
    ran = bench.run(resume=True)
    assert ran.verdicts == {"test_a.py": "passed", "test_b.py": "quarantined", "test_c.py": "passed"}
    assert "died 2 times" in ran.unit("test_b.py").evidence[0]
    assert ran.code == 1


def test_changed_files_are_run_again(bench: Bench) -> None:
    bench.write("conftest.py", "")
    bench.write("sub/conftest.py", "")
    bench.write("sub/test_a.py", "def test_a(): pass")
    bench.write("test_b.py", "def test_b(): pass")
    bench.write("test_c.py", "def test_c(): pass")

    def ran_again() -> set[str]:
        before = Counter(unit.unit for unit in journal.load(bench.journal).units)
        after = Counter(unit.unit for unit in bench.run(resume=True).journal.units)
        return set(after - before)

    bench.run()
    assert ran_again() == set()
    bench.write("test_b.py", "def test_b(): pass  # changed")
    assert ran_again() == {"test_b.py"}
    bench.write("sub/conftest.py", "# changed")
    assert ran_again() == {"sub/test_a.py"}
    bench.write("conftest.py", "# changed")
    assert ran_again() == {"sub/test_a.py", "test_b.py", "test_c.py"}


@pytest.mark.parametrize("change", [{"limit": 500 << 20}, {"pytest_args": ["-q"]}])
def test_other_limit_or_arguments_are_another_run(bench: Bench, change: dict[str, object]) -> None:
    bench.write("test_a.py", "def test_a(): pass")
    bench.run()
    assert len(bench.run(resume=True, **change).journal.units) == 2


def test_without_resume_the_old_journal_is_kept_aside(bench: Bench) -> None:
    bench.write("test_a.py", "def test_a(): pass")
    first = bench.run()
    second = bench.run()
    assert len(second.journal.units) == 1
    assert journal.load(bench.journal.with_name("journal.jsonl.previous")) == first.journal


def test_pieces_of_an_oom_file_are_resumed(bench: Bench) -> None:
    """The file ended, its pieces did not: they are found again without running the file."""
    bench.write(
        "test_it.py",
        """
        import time, os
        def test_ok(): pass
        def test_big(): bytearray(1 << 60)
        def test_later(): pass
        """,
    )
    # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
    process = bench.start()
    wait_until(lambda: b'"unit_end"' in (bench.journal.read_bytes() if bench.journal.exists() else b""))
    end(process)
    lines = bench.journal.read_bytes().splitlines(keepends=True)
    upto = next(n for n, line in enumerate(lines) if b'"unit_end"' in line)
    bench.journal.write_bytes(b"".join(lines[: upto + 1]))
    ran = bench.run(resume=True)
    assert ran.verdicts == {"test_it.py": "oom", "test_it.py::test_big": "oom"}
    starts = [record.test for record in journal.read(bench.journal) if isinstance(record, TestStart)]
    assert starts.count("test_it.py::test_ok") == 1


def test_two_runs_do_not_share_a_journal(bench: Bench) -> None:
    bench.write("test_b.py", "import time\ndef test_hangs(): time.sleep(600)")
    # memlint: ignore[MEM305] a failed assertion leaves a supervisor that ends with its units
    first = _start_in_flight(bench)
    second: Ran = bench.run(resume=True)
    assert second.code == 1
    assert "another run is writing" in second.errors
    end(first)


def test_guardian_killed_too_units_still_die(bench: Bench) -> None:
    """The kernel's own promise (PR_SET_PDEATHSIG) holds without any helper."""
    bench.write("test_b.py", "import time\ndef test_hangs(): time.sleep(600)")
    # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
    process = _start_in_flight(bench)
    run = next(iter(journal.load(bench.journal).runs)).run
    (guardian,) = processes_with(f"MEMLINT_RUN={run}")
    os.kill(guardian, signal.SIGKILL)
    end(process)
    wait_until(lambda: not processes_with("memlint.pytest_plugin test_b.py"))
    for folder in _groups_of(run):
        for group in (*folder.glob("unit-*"), folder):
            wait_until(lambda place=group: removed(place))
