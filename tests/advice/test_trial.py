"""What is chosen from measured runs, and why."""

from __future__ import annotations

import pytest

from memlint.advice import AdviceError, Option, Sample, advise

MIB = 1 << 20
PLAIN = Option(name="--assert=plain", args=("--assert=plain",), costs="no values")
BOTH = Option(name="-s -p no:logging", args=("-s", "-p", "no:logging"), costs="no caplog", group="capture")
SMALL = Option(name="-s", args=("-s",), costs="no output", group="capture")


class Suite:
    """Answers with peaks in turn, by arguments."""

    def __init__(self, peaks: dict[str, list[int]], **samples: Sample) -> None:
        self.peaks = {key: list(values) for key, values in peaks.items()}
        self.samples = samples
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, args: tuple[str, ...]) -> Sample:
        self.calls.append(args)
        key = " ".join(args)
        if key in self.samples:
            return self.samples[key]
        values = self.peaks[key]
        counts = len(self.calls) > 1
        return sample(values.pop(0) if len(values) > 1 and counts else values[0])


def sample(mib: int, verdict: str = "passed", passed: int = 5) -> Sample:
    return Sample(verdict, mib * MIB, (("passed", passed),), 1.0, baseline_bytes=30 * MIB)


def tried(suite: Suite, *options: Option, repeat: int = 3, memory: int = 1000, has_xdist: bool = False):
    return advise(suite, options, repeat, memory * MIB, has_xdist, lambda line: None)


def test_what_saves_more_than_the_noise_is_chosen():
    suite = Suite({"": [200, 204, 202], "--assert=plain": [190, 191, 190]})
    advice = tried(suite, PLAIN)
    (item,) = advice.compared
    assert (item.saving, item.noise) == (12 * MIB, 4 * MIB)
    assert advice.chosen == (PLAIN,)
    assert advice.together.saving == 12 * MIB


def test_what_drowns_in_the_noise_is_not():
    advice = tried(Suite({"": [200, 204, 202], "--assert=plain": [199, 200, 197]}), PLAIN)
    assert (advice.chosen, advice.together) == ((), None)
    assert advice.compared[0].saving == 3 * MIB


def test_the_first_run_compiles_the_suite_and_does_not_count():
    compiled = Suite({"": [155], "--assert=plain": [142]})

    def run(args: tuple[str, ...]) -> Sample:
        fresh = not compiled.calls
        answer = compiled(args)
        return sample(284) if fresh else answer

    advice = advise(run, (PLAIN,), 2, 1000 * MIB, False, lambda line: None)
    assert advice.plain == (155 * MIB, 155 * MIB)
    assert advice.chosen == (PLAIN,)


def test_less_than_a_megabyte_never_pays():
    suite = Suite({"": [200], "--assert=plain": [199]})
    assert tried(suite, PLAIN).chosen == ()


def test_an_option_that_changes_results_is_refused():
    fewer = sample(100, passed=4)
    broken = sample(100, verdict="usage_error")
    for answer, why in ((fewer, "4 passed instead of 5 passed"), (broken, "usage_error")):
        suite = Suite({"": [200]}, **{"--assert=plain": answer})
        advice = tried(suite, PLAIN)
        assert advice.chosen == ()
        assert why in advice.compared[0].refused


def test_an_option_that_breaks_the_suite_is_tried_once():
    suite = Suite({"": [200]}, **{"--assert=plain": sample(9, verdict="usage_error")})
    tried(suite, PLAIN)
    assert suite.calls.count(PLAIN.args) == 1
    assert suite.calls.count(()) == 4


def test_failing_tests_are_compared_as_they_fail():
    failing = Sample("failed", 200 * MIB, (("failed", 1), ("passed", 4)), 1.0)
    better = Sample("failed", 100 * MIB, (("failed", 1), ("passed", 4)), 1.0)
    advice = tried(Suite({}, **{"": failing, "--assert=plain": better}), PLAIN)
    assert advice.chosen == (PLAIN,)


def test_of_a_group_the_cheaper_one_unless_the_other_saves_clearly_more():
    peaks = {"": [200], "-s": [150], "-s -p no:logging": [149]}
    assert tried(Suite(peaks), BOTH, SMALL).chosen == (SMALL,)
    peaks["-s -p no:logging"] = [120]
    assert tried(Suite(peaks), BOTH, SMALL).chosen == (BOTH,)


def test_options_that_do_not_hold_together_are_not_written():
    peaks = {"": [200], "-s": [150], "--assert=plain": [180], "--assert=plain -s": [200]}
    advice = tried(Suite(peaks), PLAIN, SMALL)
    assert advice.chosen == ()
    assert advice.together.saving == 0


def test_runs_take_turns():
    suite = Suite({"": [200], "--assert=plain": [200], "-s": [200]})
    tried(suite, PLAIN, SMALL, repeat=2)
    assert suite.calls == [(), *[(), PLAIN.args, SMALL.args] * 2]


@pytest.mark.parametrize(
    ("answer", "message"),
    [(sample(1, verdict="oom"), "ends with oom"), (Sample("passed", None, (), 1.0), "memlint doctor")],
)
def test_a_suite_that_cannot_be_compared(answer, message):
    with pytest.raises(AdviceError, match=message):
        tried(Suite({}, **{"": answer}), PLAIN)


def test_workers_without_xdist_need_what_the_whole_suite_needs():
    workers = tried(Suite({"": [200, 210, 205]}), memory=1000).workers
    assert workers.each_bytes == 210 * MIB
    assert workers.fit == 4  # (900 - 30) / 210


def test_workers_are_measured_where_xdist_is():
    suite = Suite({"": [200], "-s": [100], "-s -n 2": [430]})
    workers = tried(suite, SMALL, has_xdist=True).workers
    assert suite.calls[-1] == ("-s", "-n", "2")
    assert (workers.each_bytes, workers.fit) == (200 * MIB, 4)  # (430 - 30) / 2 each
    light = Suite({"": [200], "-s": [100], "-s -n 2": [150]})
    assert tried(light, SMALL, has_xdist=True).workers.each_bytes == 100 * MIB
