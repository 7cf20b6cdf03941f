"""What suites do: odd names, floods, closed descriptors, vanished folders, forks and orphans."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from runner.conftest import Bench, processes_with

NAP = f"4321.{os.getpid()}"  # seconds of a sleep that this test process alone knows: others may run the same test


def test_names(bench: Bench) -> None:
    """Spaces, non-ASCII, dashes, and the same base name in two folders."""
    bench.write("pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n")
    names = ["a b/test_x.py", "ünï/test_x.py", "日本/test_語.py", "test_-dash.py"]
    for name in names:
        bench.write(name, "def test_a(): pass")
    ran = bench.run(*names)
    assert ran.verdicts == dict.fromkeys(names, "passed")


def test_file_name_that_is_not_utf8(bench: Bench) -> None:
    """pytest cannot print such a name and breaks; the run and its journal do not."""
    name = os.fsdecode(b"test_\xff.py")
    bench.write(name, "def test_a(): pass")
    bench.write("test_b.py", "def test_b(): pass")
    ran = bench.run(name, "test_b.py")
    assert ran.verdicts == {name: "crashed", "test_b.py": "passed"}


def test_node_ids(bench: Bench) -> None:
    """Parameters with anything in them can be run one by one."""
    bench.write(
        "test_it.py",
        """
        import pytest
        @pytest.mark.parametrize("x", ["a::b c", "[e]", "f/g.py::h[i]", "é\\n", ""])
        def test_p(x): pass
        class TestC:
            @pytest.mark.parametrize("x", ["::"])
            def test_m(self, x): pass
        """,
    )
    ran = bench.run("test_it.py", by_test=True)
    assert set(ran.verdicts.values()) == {"passed"}
    assert len(ran.journal.units) == 6
    assert all(unit.tests == {"passed": 1} for unit in ran.journal.units)
    assert {unit.unit for unit in ran.journal.units} == {test.test for test in ran.journal.tests}


def test_named_node_ids(bench: Bench) -> None:
    bench.write(
        "test_it.py",
        """
        import pytest
        @pytest.mark.parametrize("x", [1, 2])
        def test_p(x): pass
        class TestC:
            def test_m(self): pass
            def test_n(self): pass
        def test_other(): pass
        """,
    )
    ran = bench.run("test_it.py::test_p", "test_it.py::TestC::test_n")
    assert [unit.tests for unit in ran.journal.units] == [{"passed": 2}, {"passed": 1}]


def test_node_ids_count_from_the_working_folder(bench: Bench) -> None:
    """Whatever pytest takes for its rootdir."""
    bench.write("inner/pytest.ini", "[pytest]\n")
    bench.write("inner/test_it.py", "def test_a(): pass")
    assert bench.run("inner/test_it.py").journal.tests[0].test == "inner/test_it.py::test_a"


def test_flood_of_output(bench: Bench) -> None:
    code = """
        import os
        def test_flood():
            for _ in range(100):
                os.write(1, b"x" * (1 << 20))
            os.write(1, b"the end")
            assert 0
    """
    unit = bench.run_one(code, pytest_args=["-s"])
    assert unit.verdict == "failed"
    kept = bench.folder / str(unit.output)
    assert kept.stat().st_size < 2 << 20
    assert b"the end" in kept.read_bytes()


def test_raw_bytes(bench: Bench) -> None:
    code = (
        "import os\ndef test_raw():\n    os.write(1, bytes(range(256)))\n    os.write(2, bytes(range(256)))"
    )
    assert bench.run_one(code, pytest_args=["-s"]).verdict == "passed"
    assert bench.run_one(code).verdict == "passed"


@pytest.mark.parametrize(("keep", "kept"), [("always", {"a", "b"}), ("failed", {"b"}), ("never", set())])
def test_output_is_kept_as_asked(bench: Bench, keep: str, kept: set[str]) -> None:
    bench.write("test_a.py", "def test_a(): pass")
    bench.write("test_b.py", "def test_b(): assert 0")
    ran = bench.run(keep_output=keep)
    assert {unit.unit[5] for unit in ran.journal.units if unit.output} == kept
    assert len(list((bench.folder / ".memlint" / "output").rglob("*.log"))) == len(kept)


def test_working_folder_changed_and_deleted(bench: Bench) -> None:
    code = """
        import os, tempfile
        def test_change(): os.chdir("/")
        def test_delete():
            folder = tempfile.mkdtemp()
            os.chdir(folder)
            os.rmdir(folder)
        def test_after(): pass
    """
    ran = bench.run(bench.write("test_it.py", code))
    assert {test.test for test in ran.journal.tests} >= {"test_it.py::test_change", "test_it.py::test_delete"}
    assert ran.journal.tests[0].outcome == "passed"
    assert ran.unit("test_it.py").tests["passed"] == 3


def test_all_descriptors_closed(bench: Bench) -> None:
    """pytest itself may not live through it, but the records are there."""
    code = "import os\ndef test_first(): pass\ndef test_close(): os.closerange(3, 256)\ndef test_last(): pass"
    unit = bench.run_one(code)
    assert unit.tests.get("passed", 0) >= 1
    assert unit.verdict in ("passed", "failed", "crashed")
    code = "import os\ndef test_close():\n    os.closerange(3, 256)\n    open('mine', 'w').write('x')"
    bench.run_one(code, pytest_args=["-p", "no:cacheprovider", "-s"])
    assert (bench.folder / "mine").read_text() == "x", "no record may end up in a file of the test's"


def test_descriptor_taken_over(bench: Bench) -> None:
    """The test's own file gets the number of the descriptor that was closed."""
    code = """
        import os
        def test_take():
            os.closerange(3, 256)
            for n in range(40):
                os.open("mine", os.O_RDWR | os.O_CREAT)
        def test_after(): pass
    """
    unit = bench.run_one(code, pytest_args=["-s"])
    assert (bench.folder / "mine").read_bytes() == b""
    assert unit.verdict == "passed"
    assert unit.tests == {"passed": 2}


def test_forked_and_forgotten(bench: Bench) -> None:
    """The copy of pytest that runs on in a child speaks for nobody."""
    code = """
        import os
        def test_fork():
            os.fork()
        def test_after(): pass
    """
    unit = bench.run_one(code)
    assert unit.verdict == "passed"
    assert unit.tests == {"passed": 2}


def test_pytest_inside_a_test(bench: Bench) -> None:
    """Its tests are not the suite's."""
    bench.write("inner/check_it.py", "def test_inner(): pass")
    code = """
        import subprocess, sys
        def test_outer():
            args = [sys.executable, "-m", "pytest", "-p", "memlint.pytest_plugin", "inner/check_it.py"]
            subprocess.run(args, check=True)
    """
    ran = bench.run(bench.write("test_it.py", code))
    assert [test.test for test in ran.journal.tests] == ["test_it.py::test_outer"]


@pytest.mark.parametrize("start", ["Popen(['sleep', '{nap}'])", "Popen('setsid sleep {nap} &', shell=True)"])
def test_leftover_processes(bench: Bench, meter: str, start: str) -> None:
    start = start.format(nap=NAP)
    unit = bench.run_one(f"import subprocess\ndef test_a(): subprocess.{start}", meter=meter)
    assert unit.verdict == "passed"
    assert [process.command for process in unit.leftover_processes] == [f"sleep {NAP}"]
    assert not processes_with(NAP)


def test_daemon_without_parents_or_environment(bench: Bench, meter: str) -> None:
    """Double fork, new session, cleared environment, closed descriptors."""
    code = """
        import os
        def test_daemon():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.closerange(0, 256)
                    os.execve("/bin/sleep", ["sleep", "NAP"], {})
                os._exit(0)
            os.wait()
    """
    unit = bench.run_one(code.replace("NAP", NAP), meter=meter)
    assert [process.command for process in unit.leftover_processes] == [f"sleep {NAP}"]
    assert not processes_with(NAP)


def test_orphans_go_to_the_unit_they_come_from(bench: Bench, meter: str) -> None:
    """Also when two units run at once."""
    for name in "ab":
        bench.write(
            f"test_{name}.py",
            f"""
            import subprocess, time, os
            def test_it():
                open("{name}", "w").close()
                while not (os.path.exists("a") and os.path.exists("b")):
                    time.sleep(0.01)
                subprocess.run("sleep 4321.{1 if name == "a" else 2} &", shell=True)
            """,
        )
    ran = bench.run(jobs=2, meter=meter)
    left = {unit.unit: [p.command for p in unit.leftover_processes] for unit in ran.journal.units}
    assert left == {"test_a.py": ["sleep 4321.1"], "test_b.py": ["sleep 4321.2"]}


def test_processes_that_end_by_themselves_are_not_leftovers(bench: Bench) -> None:
    """multiprocessing's resource tracker and a shell that is about to end."""
    code = """
        import multiprocessing, subprocess
        from multiprocessing import shared_memory
        def test_a():
            block = shared_memory.SharedMemory(create=True, size=100)
            block.close()
            block.unlink()
            subprocess.Popen(["sleep", "0.05"])
    """
    assert bench.run_one(code).leftover_processes == ()


def test_grandchild_that_holds_the_output_does_not_hang_the_run(bench: Bench) -> None:
    unit = bench.run_one(
        "import subprocess\ndef test_a(): subprocess.Popen(['sleep', '4322'])", pytest_args=["-s"]
    )
    assert unit.seconds < 100


def test_suite_with_its_own_options(bench: Bench) -> None:
    """addopts, random order by a hook, warnings as errors, strict markers."""
    bench.write(
        "pytest.ini",
        "[pytest]\naddopts = -ra --strict-markers --strict-config --durations=3\nfilterwarnings = error\n",
    )
    bench.write("conftest.py", "def pytest_collection_modifyitems(items): items.reverse()")
    ran = bench.run(bench.write("test_it.py", "def test_a(): pass\ndef test_b(): pass"))
    assert [test.test[-1] for test in ran.journal.tests] == ["b", "a"]
    assert ran.unit("test_it.py").verdict == "passed"


def test_doctest_async_and_unittest_items(bench: Bench) -> None:
    bench.write(
        "conftest.py",
        """
        import asyncio, pytest
        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            if asyncio.iscoroutinefunction(pyfuncitem.obj):
                asyncio.run(pyfuncitem.obj())
                return True
        """,
    )
    code = '''
        import unittest
        def add(a, b):
            """
            >>> add(1, 2)
            3
            """
            return a + b
        async def test_async(): bytearray(50 << 20)
        class T(unittest.TestCase):
            def test_method(self): pass
            def test_sub(self):
                with self.subTest(1): pass
    '''
    ran = bench.run(bench.write("test_it.py", code), pytest_args=["--doctest-modules"])
    assert ran.unit("test_it.py").tests == {"passed": 4}
    heavy = ran.test("::test_async")
    assert heavy.peak_bytes is not None
    assert heavy.before_bytes is not None
    assert heavy.peak_bytes - heavy.before_bytes > 45 << 20


def test_doctest_text_file(bench: Bench) -> None:
    bench.write("docs/usage.rst", ">>> 1 + 1\n2\n")
    ran = bench.run("docs/usage.rst", pytest_args=["--doctest-glob=*.rst"])
    assert ran.unit("docs/usage.rst").tests == {"passed": 1}


def test_xdist(bench: Bench) -> None:
    """The workers' tests are recorded, the unit is the whole tree."""
    pytest.importorskip("xdist")
    code = """
        import time, pytest
        @pytest.mark.parametrize("n", range(4))
        def test_hold(n):
            data = bytearray(60 << 20)
            time.sleep(1)
    """
    ran = bench.run(bench.write("test_it.py", code), pytest_args=["-p", "xdist", "-n", "2"])
    unit = ran.unit("test_it.py")
    assert unit.verdict == "passed"
    assert unit.tests == {"passed": 4}
    assert unit.peak_bytes is not None
    assert unit.peak_bytes > 140 << 20
    for test in ran.journal.tests:
        assert test.before_bytes is not None
        assert test.peak_bytes is not None
        assert 55 << 20 < test.peak_bytes - test.before_bytes < 65 << 20


def test_environment_and_arguments_reach_the_unit(bench: Bench) -> None:
    code = "import os\ndef test_a(pytestconfig):\n    assert os.environ['X'] == '1 ='"
    code += "\n    assert pytestconfig.option.maxfail == 7"
    variables = [("X", "1 ="), ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")]
    assert bench.run_one(code, environment=variables, pytest_args=["--maxfail=7"]).verdict == "passed"


def test_batches_name_their_members(bench: Bench) -> None:
    for name in "abc":
        bench.write(f"test_{name}.py", f"def test_{name}(): assert '{name}' != 'b'")
    ran = bench.run(batch_size=2)
    assert ran.verdicts == {"test_a.py +1": "failed", "test_c.py": "passed"}
    assert ran.unit("test_a.py +1").members == ("test_a.py", "test_b.py")


def test_repeats(bench: Bench) -> None:
    bench.write("test_a.py", "def test_a(): pass")
    ran = bench.run(repeat=3)
    assert [(unit.unit, unit.repeat) for unit in ran.journal.units] == [("test_a.py", n) for n in (1, 2, 3)]


def test_other_interpreter_with_pytest_alone(bench: Bench, tmp_path: Path) -> None:
    """The units' Python has no memlint: the plugin file alone is put on its path."""
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "memlint.py").write_text("raise ImportError('not here')")
    variables = [("PYTHONPATH", str(shadow)), ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")]
    code = """
        import sys
        def test_a():
            assert "memlint.pytest_plugin" not in sys.modules
            assert not any(path.endswith("/memlint") for path in sys.path)
    """
    unit = bench.run_one(code, environment=variables, python=sys.executable)
    assert unit.verdict == "passed"
    assert unit.tests == {"passed": 1}
