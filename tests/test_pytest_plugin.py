"""The plugin as pytest's users meet it: ``--memlint``, markers, and its silence when nobody asks."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from memlint import pytest_plugin
from memlint.units import parse_bytes

HEAVY = """
    import pytest
    def test_light(): pass
    def test_heavy(): bytearray(80 << 20)
    @pytest.mark.parametrize("n", range(3))
    def test_some(n): bytearray(20 << 20)
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run(code, *arguments)``: pytest with this plugin alone, in a process of its own."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -W error\n")

    def call(
        code: str, *arguments: str, plugin: str = "memlint.pytest_plugin"
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_it.py").write_text(textwrap.dedent(code))
        command = [sys.executable, "-m", "pytest", "-p", plugin, "-p", "no:cacheprovider", *arguments]
        environment = {"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return call


def table(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The tests of the table, in its order."""
    lines = done.stdout.partition("memory: heaviest")[2].splitlines()
    return [line.split()[-1] for line in lines if " MiB " in line]


def test_heaviest_tests_are_printed(run: Run) -> None:
    done = run(HEAVY, "--memlint")
    assert done.returncode == 0, done.stdout
    assert table(done)[0] == "test_it.py::test_heavy"
    heaviest = next(line for line in done.stdout.splitlines() if " MiB " in line)
    assert 79 < float(heaviest.split()[0]) < 81


def test_as_many_as_asked(run: Run) -> None:
    assert table(run(HEAVY, "--memlint", "--memlint-top", "2"))[0] == "test_it.py::test_heavy"
    assert len(table(run(HEAVY, "--memlint", "--memlint-top", "2"))) == 2


def test_loaded_by_its_entry_point_name(run: Run) -> None:
    assert table(run(HEAVY, "--memlint", plugin="memlint"))[0] == "test_it.py::test_heavy"


def test_without_the_option_nothing_is_said_or_registered(run: Run) -> None:
    code = """
        def test_plugins(pytestconfig):
            manager = pytestconfig.pluginmanager
            assert manager.has_plugin("memlint.pytest_plugin")
            assert not [name for name, _ in manager.list_name_plugin() if name.startswith("memlint_")]
    """
    done = run(code)
    assert done.returncode == 0, done.stdout
    assert "memory" not in done.stdout


def test_xdist_workers_report_to_the_table(run: Run) -> None:
    pytest.importorskip("xdist")
    done = run(HEAVY, "--memlint", "-p", "xdist", "-n", "2")
    assert done.returncode == 0, done.stdout
    assert table(done)[0] == "test_it.py::test_heavy"
    assert len(table(done)) == 5


BUDGET = """
    import pytest
    @pytest.mark.memory_budget("{size}")
    def test_it(): bytearray(50 << 20)
"""


@pytest.mark.parametrize("options", [(), ("--memlint",)])
@pytest.mark.parametrize(("size", "code"), [("40 MiB", 1), ("60 MiB", 0), ("40", 1), ("1e9 apples", 1)])
def test_memory_budget(run: Run, options: tuple[str, ...], size: str, code: int) -> None:
    assert run(BUDGET.format(size=size), *options).returncode == code


def test_message_of_a_broken_budget(run: Run) -> None:
    out = run(BUDGET.format(size="40 MiB")).stdout
    assert "at its peak; memory_budget allows 40.0 MiB" in out
    assert "is not a size" in run(BUDGET.format(size="much")).stdout


def test_budget_counts_from_the_start_of_the_test(run: Run) -> None:
    code = """
        import pytest
        kept = bytearray(100 << 20)
        pytestmark = pytest.mark.memory_budget("10 MiB")
        def test_before(): bytearray(1 << 20)
        class TestC:
            @pytest.mark.memory_budget("90 MiB")
            def test_own(self): bytearray(70 << 20)
        def test_after(): bytearray(1 << 20)
    """
    done = run(code)
    assert done.returncode == 0, done.stdout


def test_budget_leaves_other_outcomes_alone(run: Run) -> None:
    code = """
        import pytest
        pytestmark = pytest.mark.memory_budget("10 MiB")
        @pytest.mark.xfail(strict=True)
        def test_xfail():
            data = bytearray(50 << 20)
            assert 0
        @pytest.mark.skip
        def test_skip(): pass
    """
    done = run(code)
    assert done.returncode == 0, done.stdout


def test_markers_are_registered(run: Run) -> None:
    done = run("import pytest\n@pytest.mark.memory_intensive\ndef test_a(): pass", "--markers")
    assert "memory_budget(size)" in done.stdout
    assert "memory_intensive" in done.stdout
    assert run("import pytest\n@pytest.mark.memory_intensive\ndef test_a(): pass").returncode == 0


@pytest.mark.parametrize(("size", "code"), [("40 MB", 1), ("51 MB", 0)])
def test_limit_of_pytest_memray_is_read(run: Run, size: str, code: int) -> None:
    """In its own units, where a MB is a MiB."""
    marked = f"import pytest\n@pytest.mark.limit_memory('{size}')\ndef test_a(): bytearray(50 << 20)"
    assert run(marked, "--memlint", "-o", "markers=limit_memory: x").returncode == code
    assert run(marked, "-o", "markers=limit_memory: x").returncode == 0, (
        "without --memlint it is pytest-memray's"
    )


@pytest.mark.parametrize("text", ["2 GiB", "100 MB", "1.5gb", "4096", "10 k", "7 KiB", "3b", "1_000"])
def test_sizes_read_as_everywhere_in_memlint(text: str) -> None:
    assert pytest_plugin.parse_size(text) == parse_bytes(text)


@pytest.mark.parametrize("text", ["", "much", "-1", "1 parsec", "GiB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        pytest_plugin.parse_size(text)


def test_standard_library_and_pytest_are_all_it_needs(tmp_path: Path) -> None:
    """So that it can be put, alone, on the path of another environment."""
    copy = tmp_path / "alone.py"
    copy.write_bytes(Path(pytest_plugin.__file__).read_bytes())
    code = "import sys; sys.modules['memlint'] = None; import alone; print(alone.parse_size('1 KiB'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1024\n"


def test_public_names_alone() -> None:
    """Private parts of pytest change from one release to the next."""
    text = Path(pytest_plugin.__file__).read_text()
    assert "_pytest" not in text
    for name in ("item._", "config._", "session._", "report._", "parser._", "terminalreporter._"):
        assert name not in text
