"""Suites whose memory is known, by every meter that weighs process trees: within 3 % or 4 MB."""

from __future__ import annotations

import re

import pytest

from runner.conftest import MB, METERS, Bench, Ran

FILES = {
    # 300 MB here while a child holds 200
    "test_child.py": """
        import subprocess, sys
        HOLD = "import sys; b = bytearray(200 << 20); print(flush=True); sys.stdin.read()"
        def test_child():
            mine = bytearray(300 << 20)
            child = subprocess.Popen([sys.executable, "-I", "-S", "-c", HOLD], stdin=-1, stdout=-1)
            child.stdout.readline()
            import time; time.sleep(1)
            child.communicate()
        def test_light(): pass
    """,
    # a child that lives shorter than two looks are apart, and frees at once
    "test_spike.py": """
        def test_before(): pass
        def test_spike(): bytearray(150 << 20)
        def test_after(): pass
    """,
    "test_growth.py": """
        import pytest
        kept = []
        @pytest.mark.parametrize("n", range(5))
        def test_grow(n): kept.append(bytearray(20 << 20))
    """,
    "test_global.py": """
        HELD = bytearray(80 << 20)
        def test_one(): pass
        def test_two(): bytearray(50 << 20)
    """,
    # no test's, but the unit's
    "test_gap.py": """
        class Spike:
            def pytest_sessionfinish(self): bytearray(120 << 20)
        def test_one(request): request.config.pluginmanager.register(Spike())
        def test_two(): pass
    """,
    "test_cache.py": """
        def test_file(tmp_path):
            with open(tmp_path / "big", "wb") as stream:
                for _ in range(200):
                    stream.write(bytes(1 << 20))
    """,
    "test_output.py": """
        import pytest
        @pytest.mark.parametrize("n", range(4))
        def test_prints(n):
            for _ in range(100):
                print("x" * 99_999)
    """,
    "test_unittest.py": """
        import unittest
        class T(unittest.TestCase):
            @classmethod
            def setUpClass(cls): cls.data = bytearray(60 << 20)
            @classmethod
            def tearDownClass(cls): del cls.data
            def setUp(self): self.own = bytearray(30 << 20)
            def test_a(self): pass
            def test_b(self): pass
    """,
    "test_fixture.py": """
        import pytest
        @pytest.fixture(scope="module")
        def wide(): return bytearray(80 << 20)
        def test_first(wide): pass
        def test_second(wide): bytearray(10 << 20)
    """,
    # the grandchild's parent is gone before it allocates
    "test_orphan.py": """
        import subprocess, sys, time
        HOLD = "import time; b = bytearray(90 << 20); print(flush=True); time.sleep(2)"
        def test_orphan():
            python = [sys.executable, "-I", "-S", "-c", HOLD]
            shell = subprocess.Popen(["sh", "-c", '"$@" & exit 0', "sh", *python], stdout=-1)
            shell.wait()
            shell.stdout.readline()
            time.sleep(1)
            shell.stdout.close()
    """,
    # shared until written: the parent's pages count once
    "test_shared.py": """
        import os, time
        def test_fork():
            data = bytearray(100 << 20)
            if os.fork() == 0:
                time.sleep(1)
                os._exit(0)
            os.wait()
    """,
    "test_shm.py": """
        import mmap, time
        def test_shared_memory():
            with mmap.mmap(-1, 70 << 20) as data:
                for at in range(0, 70 << 20, 4096):
                    data[at] = 1
                time.sleep(0.5)
    """,
}


def close(found: int | None, wanted: float) -> bool:
    """3 % of the whole or 4 MB."""
    return found is not None and abs(found - wanted) <= max(4 * MB, 0.03 * wanted)


@pytest.fixture(
    scope="module", params=[name for name in METERS if name in ("cgroup2", "cgroup1", "sampling")]
)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("known")
    (folder / "pytest.ini").write_text("[pytest]\n")
    bench = Bench(folder)
    for path, code in FILES.items():
        bench.write(path, code)
    return bench.run(meter=request.param)


# bytes above an empty test; a Python without site-packages is a few MB itself
@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("test_child.py", 504),
        ("test_spike.py", 150),
        ("test_growth.py", 100),
        ("test_gap.py", 120),
        ("test_cache.py", 1),
        ("test_unittest.py", 90),
        ("test_fixture.py", 90),
        ("test_orphan.py", 94),
        ("test_shared.py", 101),
        ("test_shm.py", 70),
    ],
)
def test_unit_peak(ran: Ran, name: str, added: int) -> None:
    unit = ran.unit(name)
    assert unit.verdict == "passed"
    assert unit.baseline_bytes is not None
    assert close(unit.peak_bytes, unit.baseline_bytes + added * MB), (unit.peak_bytes, unit.baseline_bytes)


@pytest.mark.parametrize(
    ("test", "added"),
    [
        ("test_spike.py::test_before", 0),
        ("test_spike.py::test_spike", 150),
        ("test_spike.py::test_after", 0),
        ("test_growth.py::test_grow[0]", 20),
        ("test_growth.py::test_grow[4]", 20),
        ("test_gap.py::test_one", 0),
        ("test_gap.py::test_two", 0),
        ("test_unittest.py::T::test_a", 90),
        ("test_unittest.py::T::test_b", 30),
        ("test_fixture.py::test_first", 80),
        ("test_fixture.py::test_second", 10),
        ("test_shm.py::test_shared_memory", 70),
    ],
)
def test_peak_of_a_test(ran: Ran, test: str, added: int) -> None:
    record = ran.test(test)
    assert record.before_bytes is not None
    assert close(record.peak_bytes, record.before_bytes + added * MB)


@pytest.mark.parametrize(
    ("test", "added"), [("test_child.py::test_child", 504), ("test_orphan.py::test_orphan", 94)]
)
def test_peak_of_a_test_with_children(ran: Ran, test: str, added: int) -> None:
    """The whole tree, while the test ran; by the unit's meter, so above the unit's baseline."""
    record, unit = ran.test(test), ran.unit(test.partition("::")[0])
    assert unit.baseline_bytes is not None
    assert record.tree_bytes == record.peak_bytes
    assert close(record.peak_bytes, unit.baseline_bytes + added * MB)


def test_light_test_after_a_heavy_one_is_light(ran: Ran) -> None:
    light = ran.test("test_child.py::test_light")
    assert light.peak_bytes is not None
    assert light.peak_bytes < 60 * MB


def test_page_cache_stands_beside_the_peak(ran: Ran) -> None:
    unit = ran.unit("test_cache.py")
    if unit.meter.startswith("cgroup"):
        assert unit.cache_bytes is not None
        assert unit.cache_bytes > 190 * MB
    else:
        assert unit.cache_bytes is None


@pytest.mark.parametrize(
    ("name", "kept"),
    [("test_growth.py", 100), ("test_output.py", 38.1), ("test_spike.py", 0), ("test_gap.py", 0)],
)
def test_retained(ran: Ran, name: str, kept: float) -> None:
    """Also of captured output: pytest keeps that of passing tests, byte for byte."""
    assert close(ran.unit(name).retained_bytes, kept * MB)


def test_collected(ran: Ran) -> None:
    """What the import of a test module keeps is told from what its tests need."""
    unit = ran.unit("test_global.py")
    assert close(unit.collected_bytes, 80 * MB)
    assert close(unit.retained_bytes, 80 * MB)
    assert close(ran.unit("test_growth.py").collected_bytes, 0)


def test_every_unit_says_how_it_was_measured(ran: Ran) -> None:
    meters = {unit.meter for unit in ran.journal.units}
    assert meters == {ran.journal.runs[0].context.meter}
    assert re.fullmatch(r"cgroup[12]|sampling", meters.pop())
