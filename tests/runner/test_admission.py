"""Which unit may start beside others."""

from __future__ import annotations

from memlint.runner.admission import Admission, admission
from memlint.runner.executor import Glimpse, Job, Mode
from memlint.runner.units import Unit

GB = 2**30


def unit(size: float | None, trial: int = 1) -> Unit:
    return Unit("u", ("u",), ("u",), predicted_bytes=None if size is None else int(size * GB), trial=trial)


def job(size: float | None, trial: int = 1, mode: Mode = Mode.RUN) -> Job:
    return Job(unit(size, trial), mode)


def runs(size: float | None, held: float = 0, trial: int = 1) -> Glimpse:
    return Glimpse(unit(size, trial), 1.0, int(held * GB), None)


def rule(free: float, slots: int = 4, careful: bool = False, heavy: float | None = None) -> Admission:
    return Admission(slots, careful, None if heavy is None else int(heavy * GB), lambda: int(free * GB))


def test_something_always_runs() -> None:
    assert rule(free=0).pick([job(100)], []) == 0
    assert rule(free=0).pick([], []) is None


def test_slots() -> None:
    assert rule(free=100, slots=2).pick([job(1)], [runs(1), runs(1)]) is None


def test_memory_that_running_units_will_still_take_is_not_free() -> None:
    assert rule(free=10).pick([job(4)], [runs(5, held=1)]) == 0
    assert rule(free=8).pick([job(4)], [runs(5, held=1)]) is None
    assert rule(free=8).pick([job(4)], [runs(5, held=5)]) == 0


def test_a_small_unit_may_overtake() -> None:
    assert rule(free=4).pick([job(9), job(8), job(1)], [runs(1, held=1)]) == 2


def test_retried_units_run_alone() -> None:
    assert rule(free=100).pick([job(1, trial=2)], [runs(1)]) is None
    assert rule(free=100).pick([job(1)], [runs(1, trial=2)]) is None


def test_auto_runs_unknown_and_heavy_units_alone() -> None:
    auto = rule(free=100, careful=True, heavy=5)
    assert auto.pick([job(None), job(5), job(4)], [runs(1)]) == 2
    assert auto.pick([job(1)], [runs(None)]) is None
    assert auto.pick([job(1)], [runs(6)]) is None


def test_a_number_of_jobs_takes_unknown_units() -> None:
    assert rule(free=1).pick([job(None)], [runs(None)]) == 0


def test_collecting_needs_little() -> None:
    assert rule(free=1, careful=True).pick([job(None, mode=Mode.COLLECT)], [runs(0.1)]) == 0


def test_auto_takes_the_heaviest_tenth_for_heavy() -> None:
    units = [unit(size) for size in range(1, 21)]
    chosen = admission(None, units)
    assert chosen.careful
    assert chosen.heavy_bytes == 19 * GB
    assert admission(3, units) == Admission(3, careful=False)
