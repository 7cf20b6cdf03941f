"""scripts/measure_footprints.py: one measurement, and what of all becomes the table."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "measure_footprints.py"
MB = 1_000_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT), run_name="measure_footprints")


def run(
    script: dict[str, Any], name: str, megabytes: float, *loaded: str, version: str | None = "1.0"
) -> Any:
    return script["Run"](name, 9 * MB, int(megabytes * MB), [name, *loaded], version)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the script starts interpreters with -P")
def test_a_lone_import_is_measured_above_its_own_interpreter(script: dict[str, Any]) -> None:
    small = script["lone_import"](Path(sys.executable), ["keyword"])
    large = script["lone_import"](Path(sys.executable), ["unittest.mock"])
    assert large.error == small.error == ""
    assert {"unittest.mock", "asyncio"} <= set(large.loaded)
    assert large.idle > 4 * MB
    assert large.bytes > small.bytes + 2 * MB


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the script starts interpreters with -P")
def test_a_failing_import_is_an_error_with_its_reason(script: dict[str, Any]) -> None:
    failed = script["lone_import"](Path(sys.executable), ["no_such_module_here"])
    assert failed.error == "ModuleNotFoundError: No module named 'no_such_module_here'"
    assert failed.bytes == 0


def test_submodules_that_cost_no_more_than_their_package_are_left_out(script: dict[str, Any]) -> None:
    runs = [run(script, "lib", 10), run(script, "lib.same", 10.2), run(script, "lib.large", 30, "lib")]
    table = script["build"](runs)
    assert {name: module.own for name, module in table.module.items()} == {
        "lib": 10 * MB,
        "lib.large": 20 * MB,
    }
    assert table.interpreter == 9 * MB


def test_cheap_modules_of_the_standard_library_are_left_out(script: dict[str, Any]) -> None:
    runs = [
        run(script, "tiny", 0.1, version=None),
        run(script, "ssl", 4, version=None),
        run(script, "small", 0.1),
    ]
    assert set(script["build"](runs).module) == {"ssl", "small"}


def test_of_a_module_measured_twice_the_first_figure_counts(script: dict[str, Any]) -> None:
    assert script["build"]([run(script, "lib", 10), run(script, "lib", 90)]).module["lib"].total == 10 * MB
