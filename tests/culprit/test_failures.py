"""Locals of failed tests that no later test gave back, told by hand: who does depends on the version of Python."""

from __future__ import annotations

import pytest

from memlint.culprit.ledger import Ledger
from memlint.culprit.passing import COLLECTOR, SESSION_END, outlasting_failures
from memlint.model import MeasuredContext, MeasuredStages, MeasuredTest, MeasuredUnit

MB = 1_000_000


def _ledger(outcome: str, *, finish: int, garbage: int) -> Ledger:
    first = MeasuredTest("a.py::test_fails", outcome, 30 * MB, 70 * MB, 70 * MB, 0.1)
    second = MeasuredTest("a.py::test_light", "passed", 70 * MB, 70 * MB, 70 * MB, 0.1)
    stages = MeasuredStages(25 * MB, 30 * MB, finish * MB, garbage * MB, 0)
    context = MeasuredContext("c", "3.12", "linux", "cgroup1", 1 << 30, "9")
    unit = MeasuredUnit(
        *("a.py", ("a.py",), "failed", 1, None, (), 72 * MB, 25 * MB, 0, 0, "cgroup1", 1.0, None, ()),
        tests=(first, second),
        context=context,
        stages=stages,
    )
    return Ledger(unit)


@pytest.mark.parametrize(
    ("outcome", "finish", "garbage", "found"),
    [
        ("failed", 30, 0, {0: SESSION_END}),
        ("failed", 70, 40, {0: COLLECTOR}),
        ("failed", 70, 0, {}),
        ("failed", 60, 20, {}),
        ("passed", 30, 0, {}),
    ],
)
def test_who_gave_the_locals_back(outcome: str, finish: int, garbage: int, found: dict[int, str]) -> None:
    assert outlasting_failures(_ledger(outcome, finish=finish, garbage=garbage), 8 * MB) == found
