"""Every verdict, really produced."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from memlint.runner.meters import choose
from runner.conftest import GROUPS, Bench, needs_groups, processes_with, removed, wait_until


def test_passed(bench: Bench) -> None:
    ran = bench.run(bench.write("test_it.py", "def test_a(): pass\ndef test_b(): pass"))
    unit = ran.unit("test_it.py")
    assert (ran.code, unit.verdict, unit.exit_code, unit.signal) == (0, "passed", 0, None)
    assert unit.tests == {"passed": 2}


def test_failed(bench: Bench) -> None:
    ran = bench.run(bench.write("test_it.py", "def test_a(): assert 0"))
    assert ran.code == 1
    assert ran.unit("test_it.py").verdict == "failed"
    assert "assert 0" in (bench.folder / str(ran.unit("test_it.py").output)).read_text()


def test_failed_teardown_counts_as_error(bench: Bench) -> None:
    code = """
        import pytest
        @pytest.fixture
        def broken():
            yield
            raise OSError
        def test_a(broken): pass
        @pytest.mark.xfail
        def test_b(): assert 0
        @pytest.mark.skip
        def test_c(): pass
    """
    unit = bench.run_one(code)
    assert unit.verdict == "failed"
    assert unit.tests == {"error": 1, "xfailed": 1, "skipped": 1}


def test_no_tests(bench: Bench) -> None:
    ran = bench.run(bench.write("test_it.py", ""))
    assert (ran.code, ran.unit("test_it.py").verdict) == (0, "no_tests")


def test_collection_error(bench: Bench) -> None:
    unit = bench.run_one("import nowhere_to_be_found")
    assert unit.verdict == "collection_error"
    assert unit.evidence == ("cannot collect test_it.py",)


def test_usage_error_before_the_session(bench: Bench) -> None:
    unit = bench.run_one("def test_a(): pass", pytest_args=["--no-such-option"])
    assert (unit.verdict, unit.exit_code) == ("usage_error", 4)


def test_usage_error_of_a_missing_file(bench: Bench) -> None:
    assert bench.run("test_gone.py").unit("test_gone.py").verdict == "usage_error"


@needs_groups
@pytest.mark.parametrize("meter", GROUPS)
def test_oom_kill_of_the_test(bench: Bench, meter: str) -> None:
    code = "def test_small(): pass\ndef test_big(): bytearray(300 << 20)"
    unit = bench.run_one(code, limit=150 << 20, meter=meter)
    assert (unit.verdict, unit.signal, unit.victim) == ("oom", "SIGKILL", "test_it.py::test_big")
    assert "oom_kill 1" in unit.evidence[0]


@needs_groups
@pytest.mark.parametrize("meter", GROUPS)
def test_oom_kill_of_a_child_that_pytest_survives(bench: Bench, meter: str) -> None:
    code = """
        import subprocess, sys
        def test_child():
            subprocess.run([sys.executable, "-c", "bytearray(300 << 20)"], check=True)
        def test_next(): pass
    """
    ran = bench.run(bench.write("test_it.py", code), limit=150 << 20, meter=meter)
    unit = ran.unit("test_it.py")
    assert (unit.verdict, unit.victim) == ("oom", "test_it.py::test_child")
    assert ran.unit("test_it.py::test_child").verdict == "oom"
    if meter == "cgroup1":  # version 2 kills the whole group
        assert (unit.exit_code, unit.tests) == (1, {"failed": 1, "passed": 1})


@pytest.mark.parametrize("meter", ["sampling", "psutil"])
def test_watchdog_kill(bench: Bench, meter: str) -> None:
    if meter == "psutil":
        pytest.importorskip("psutil")
    code = """
        import time
        def test_grows():
            kept = []
            while True:
                kept.append(bytearray(1 << 20))
                time.sleep(0.02)
    """
    unit = bench.run_one(code, limit=150 << 20, meter=meter)
    assert (unit.verdict, unit.victim) == ("oom", "test_it.py::test_grows")
    assert "watchdog" in unit.evidence[0]
    assert unit.peak_bytes is not None
    assert 150 << 20 < unit.peak_bytes < 174 << 20


def test_uncaught_memory_error(bench: Bench) -> None:
    unit = bench.run_one("def test_a(): bytearray(1 << 60)\ndef test_b(): pass")
    assert (unit.verdict, unit.victim, unit.exit_code) == ("oom", "test_it.py::test_a", 1)
    assert unit.evidence == ("uncaught MemoryError in test_it.py::test_a",)


def test_memory_error_while_collecting(bench: Bench) -> None:
    assert bench.run_one("data = bytearray(1 << 60)").verdict == "oom"


def test_expected_memory_error_is_no_oom(bench: Bench) -> None:
    code = "import pytest\ndef test_a():\n    with pytest.raises(MemoryError):\n        bytearray(1 << 60)"
    assert bench.run_one(code).verdict == "passed"


def test_bad_alloc(bench: Bench) -> None:
    code = """
        import os
        def test_a():
            os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\\n")
            os.abort()
    """
    unit = bench.run_one(code, pytest_args=["-s"])
    assert (unit.verdict, unit.signal) == ("oom", "SIGABRT")
    assert "std::bad_alloc" in unit.evidence[0]


@pytest.mark.skipif("cgroup1" not in GROUPS, reason="needs control groups v1 to stand in for the machine")
def test_oom_suspected_when_the_machine_killed_it(bench: Bench) -> None:
    """A group around the whole run plays the machine that runs out; memlint itself only samples."""
    home = choose.group_home("cgroup1")
    assert home is not None
    group = home / f"test-machine-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(250 << 20))
        bench.write("test_it.py", "def test_big(): bytearray(400 << 20)\ndef test_after(): pass")
        enter = ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
        # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
        ran = bench.finish(bench.start("test_it.py", prefix=enter, meter="sampling"))
    finally:
        wait_until(lambda: removed(group))
    unit = ran.unit("test_it.py")
    assert (unit.verdict, unit.signal) == ("oom_suspected", "SIGKILL")
    assert any("oom_kill rose" in fact for fact in unit.evidence)
    assert ran.unit("test_it.py::test_after").verdict == "passed", "what never ran gets its own process"


@pytest.mark.parametrize(
    ("code", "verdict", "name"),
    [
        ("os.kill(os.getpid(), 9)", "killed", "SIGKILL"),
        ("os._exit(137)", "killed", "SIGKILL"),
        ("os.kill(os.getpid(), 15)", "terminated", "SIGTERM"),
        ("os._exit(143)", "terminated", "SIGTERM"),
        ("os.kill(os.getpid(), 11)", "crashed", "SIGSEGV"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("os.abort()", "crashed", "SIGABRT"),
        ("os.kill(os.getpid(), 7)", "crashed", "SIGBUS"),
        ("os._exit(139)", "crashed", "SIGSEGV"),
        ("os._exit(0)", "crashed", None),
        ("os._exit(1)", "crashed", None),
        ("os._exit(4)", "crashed", None),
    ],
)
def test_death_from_within(bench: Bench, code: str, verdict: str, name: str | None) -> None:
    unit = bench.run_one(f"import os\ndef test_first(): pass\ndef test_a():\n    {code}\n")
    assert (unit.verdict, unit.signal) == (verdict, name)
    assert unit.victim == "test_it.py::test_a"
    assert unit.tests == {"passed": 1}
    assert unit.evidence


def test_killed_is_not_called_oom_without_a_sign(bench: Bench) -> None:
    unit = bench.run_one("import os\ndef test_a(): os.kill(os.getpid(), 9)")
    assert unit.evidence == ("SIGKILL that memlint did not send, no sign of memory pressure",)


def test_crash_after_pytest_finished(bench: Bench) -> None:
    unit = bench.run_one("import atexit, os\natexit.register(os.abort)\ndef test_a(): pass")
    assert unit.verdict == "crashed"
    assert "after pytest had finished" in unit.evidence[0]


def test_timeout(bench: Bench) -> None:
    nap = f"4321.{os.getpid()}"
    code = f"""
        import threading, subprocess
        def test_hangs():
            subprocess.Popen(["sleep", "{nap}"])
            threading.Event().wait()
    """
    unit = bench.run_one(code, timeout=12.0)  # a loaded machine needs seconds to begin a test
    assert (unit.verdict, unit.victim) == ("timeout", "test_it.py::test_hangs")
    assert 12.0 <= unit.seconds < 300.0
    assert not processes_with(nap)


def test_hang_after_the_last_test(bench: Bench) -> None:
    code = """
        import threading
        def test_a(): threading.Thread(target=threading.Event().wait).start()
    """
    unit = bench.run_one(code, timeout=12.0)
    assert unit.verdict == "timeout"
    assert "pytest had finished" in unit.evidence[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(bench: Bench, number: signal.Signals) -> None:
    bench.write("test_a.py", "def test_a(): pass")
    bench.write("test_b.py", "import os, time\ndef test_b(): os.path.exists('calm') or time.sleep(600)")
    bench.write("test_c.py", "def test_c(): pass")
    # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
    process = bench.start()
    wait_until(lambda: bench.journal.exists() and b"test_b.py::test_b" in bench.journal.read_bytes())
    process.send_signal(number)
    ran = bench.finish(process)
    assert ran.code == 2
    assert ran.verdicts == {"test_a.py": "passed", "test_b.py": "interrupted"}
    assert not processes_with(str(bench.folder))
    bench.write("calm", "")
    resumed = bench.run(resume=True)
    assert [unit.unit for unit in resumed.journal.units].count("test_a.py") == 1
    assert resumed.verdicts == {"test_a.py": "passed", "test_b.py": "passed", "test_c.py": "passed"}
    assert resumed.code == 0


def test_interrupted_from_within(bench: Bench) -> None:
    unit = bench.run_one("import os\ndef test_a():\n    os.kill(os.getpid(), 2)\n")
    assert unit.verdict == "interrupted"


def test_pytest_exit_is_a_failure(bench: Bench) -> None:
    unit = bench.run_one("import pytest\ndef test_a(): pytest.exit('enough')\ndef test_b(): pass")
    assert unit.verdict == "failed"
    assert unit.evidence == ("pytest.exit: enough",)


def test_internal_error_of_pytest(bench: Bench) -> None:
    bench.write("conftest.py", "def pytest_runtest_logreport(report): raise OSError('broken plugin')")
    unit = bench.run_one("def test_a(): pass")
    assert unit.verdict == "crashed"
    assert "broken plugin" in unit.evidence[0]


def test_conftest_that_cannot_be_imported(bench: Bench) -> None:
    bench.write("conftest.py", "import nowhere_to_be_found")
    unit = bench.run_one("def test_a(): pass")
    assert unit.verdict == "usage_error"
    assert (
        "printed at its end: E   ModuleNotFoundError: No module named 'nowhere_to_be_found'" in unit.evidence
    )


def test_fail_fast_starts_nothing_more(bench: Bench) -> None:
    bench.write("test_a.py", "def test_a(): assert 0")
    bench.write("test_b.py", "def test_b(): pass")
    ran = bench.run(fail_fast=True)
    assert ran.verdicts == {"test_a.py": "failed"}
    assert ran.code == 1


def test_python_without_pytest_is_trouble(bench: Bench, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run(["/usr/bin/env", "python3", "-m", "venv", "--without-pip", str(bare)], check=True)
    process = bench.start("test_it.py", python=str(bare / "bin" / "python"))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "has no pytest" in errors
