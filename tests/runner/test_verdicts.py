"""The judgement, where a real process cannot be made to end so at will."""

from __future__ import annotations

import pytest

from memlint.runner.verdicts import Ending, judge, status_of


def code(number: int) -> int:
    return number << 8


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (9, (None, "SIGKILL")),
        (code(137), (137, "SIGKILL")),
        (15, (None, "SIGTERM")),
        (code(143), (143, "SIGTERM")),
        (11 | 0x80, (None, "SIGSEGV")),  # with a core dump
        (code(1), (1, None)),
        (code(128), (128, None)),
        (code(255), (255, None)),
    ],
)
def test_raw_status(status: int, wanted: tuple[int | None, str | None]) -> None:
    assert status_of(status) == wanted


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        (Ending(9, last_bytes=81, memory_bytes=100), "oom_suspected"),
        (Ending(9, last_bytes=79, memory_bytes=100), "killed"),
        (Ending(9, machine_oom_kills=1), "oom_suspected"),
        (Ending(code(137), machine_oom_kills=1), "oom_suspected"),
        (Ending(15, machine_oom_kills=1), "terminated"),
        (Ending(0, began=True, finished=0, oom_kills=1), "oom"),
        (Ending(9, oom_kills=1, killed_for="timeout", timeout=3), "oom"),
        (Ending(9, killed_for="timeout", timeout=3), "timeout"),
        (Ending(9, killed_for="interrupt", oom_kills=1), "interrupted"),
        (Ending(code(1), finished=1, output=b"MemoryError"), "failed"),
        (Ending(code(1), output=b"Traceback\nMemoryError: no"), "oom"),
        (Ending(code(1), output=b"numpy._core._exceptions._ArrayMemoryError: Unable"), "oom"),
        (Ending(code(1), output=b"caught a MemoryError, fine"), "crashed"),
        (Ending(code(0), finished=0, output=b"std::bad_alloc"), "passed"),
        (Ending(code(1), began=True, finished=0), "failed"),  # a coverage threshold, after the session
        (Ending(code(3), finished=3, notes=(("internal_error", "x"),)), "crashed"),
        (Ending(code(2), finished=2, notes=(("interrupt", ""),)), "interrupted"),
        (Ending(code(2), finished=2, notes=(("collect_error", "a"), ("interrupt", ""))), "collection_error"),
        (Ending(code(1), finished=1, notes=(("collect_error", "a"),)), "failed"),
        (Ending(code(5), finished=5), "no_tests"),
        (Ending(code(4), finished=4), "usage_error"),
        (Ending(code(4)), "usage_error"),
        (Ending(code(4), began=True), "crashed"),
        (Ending(code(77), finished=77), "failed"),
        (Ending(code(143), finished=143), "failed"),  # pytest's own choice of exit status
        (Ending(11, finished=0), "crashed"),
        (Ending(9, finished=0), "killed"),
        (Ending(2), "interrupted"),
        (Ending(10), "crashed"),
    ],
)
def test_verdict(ending: Ending, verdict: str) -> None:
    judgement = judge(ending)
    assert judgement.verdict == verdict
    assert judgement.evidence or verdict in ("passed", "failed", "no_tests", "usage_error")


def test_near_the_limit_without_an_oom_kill_is_page_cache() -> None:
    ending = Ending(code(0), finished=0, peak_bytes=100, limit_bytes=100, last_bytes=100, memory_bytes=100)
    assert judge(ending).verdict == "passed"


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (b"one\n\ntwo\n\n", ("printed at its end: two",)),
        (b"Traceback\nE   ValueError: odd\nmore\n", ("printed at its end: E   ValueError: odd",)),
        (b"ERROR: unrecognized arguments: --odd\n  rootdir: /x\n", "ERROR: unrecognized arguments: --odd"),
        (b"plugin.Broken\nodd.plugin.BrokenError: it is\n", "odd.plugin.BrokenError: it is"),
        (b"x" * 900, "x" * 200),
        (b"", ()),
    ],
)
def test_last_words_of_what_ended_without_pytest(output: bytes, told: str | tuple[str, ...]) -> None:
    told = told if isinstance(told, tuple) else (f"printed at its end: {told}",)
    for ending in (Ending(code(3), output=output), Ending(code(4), output=output)):
        assert judge(ending).evidence[1:] == told
