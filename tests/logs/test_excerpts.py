"""Excerpts of CI logs, written after the forms that public threads show, and what is to be said of each.

``TEMPTING`` names those that hold the words of a kill and tell of none, or of another cause.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from memlint.logs import Verdict, classify, load_signs, read_lines

EXCERPTS = Path(__file__).parent / "excerpts"


@dataclass(frozen=True)
class Expected:
    cause: str
    confidence: str
    lines: tuple[int, ...]  # that the verdict rests on
    running: str | None = None  # test, or file where no more can be known


EXPECTED = {
    "azure": Expected("oom_likely", "medium", (3, 4), "tests/test_cube.py"),
    "bash-segfault": Expected("crashed", "high", (3, 9), "tests/test_native.py::test_bad_pointer"),
    "bash-terminated": Expected("terminated", "medium", (5,), "tests/test_a.py::test_sleeps"),
    "batches-one-killed": Expected("oom_likely", "medium", (9,), "tests/test_heavy.py::test_all_years"),
    "breaks-off": Expected("unknown", "low", (), "tests/test_b.py"),
    "collection-error": Expected("collection_error", "high", (7,)),
    "compose-services-stopped": Expected("passed", "high", (4,)),
    "cuda": Expected("gpu_memory", "high", (4,)),
    "dmesg": Expected("oom", "high", (3, 4, 5), "src/plugins/test_arch.py"),
    "docker-build": Expected("oom_likely", "medium", (2, 3, 5), "tests/test_embed.py"),
    "docker-inspect": Expected("oom", "high", (6,), "tests/test_pivot.py"),
    "docker-not-oom": Expected("oom_likely", "medium", (4,)),
    "field-summary": Expected("terminated", "medium", (1,)),
    "gh-run-view": Expected("oom_likely", "medium", (3, 4), "tests/test_wide.py"),
    "github-cancelled-bare": Expected("cancelled", "low", (3,), "tests/test_duck.py"),
    "github-cancelled-newer-run": Expected("cancelled", "high", (3, 4), "tests/test_queue.py"),
    "github-disk-full": Expected(
        "disk_full", "high", (1, 11, 14), "tests/test_datasets.py::test_loads_all_parts"
    ),
    "github-killed-137": Expected("oom_likely", "medium", (12, 13), "tests/test_year_report.py"),
    "github-killed-before-flush": Expected(
        "oom_likely", "medium", (6, 8), "tests/test_speed.py::test_frames"
    ),
    "github-lost-communication": Expected("runner_lost", "high", (5,)),
    "github-plain-143": Expected("terminated", "medium", (11,), "tests/test_backtest.py"),
    "github-runner-disk-full": Expected("disk_full", "high", (3,)),
    "github-shutdown-143": Expected(
        "terminated", "medium", (7, 8), "tests/unit/test_grid.py::TestGrid::test_refine[4096-float64]"
    ),
    "github-timeout": Expected("timeout", "high", (4,), "tests/test_queue.py::test_get_waits"),
    "gitlab-oom-137": Expected("oom_likely", "medium", (5, 7)),
    "gitlab-success-with-noise": Expected("passed", "high", (7, 10)),
    "gitlab-system-failure": Expected("oom", "high", (3,), "tests/test_a.py"),
    "gitlab-timeout": Expected("timeout", "high", (4,), "tests/test_socket.py::test_accept_forever"),
    "jenkins-137": Expected("oom_likely", "medium", (6, 7), "tests/test_train.py"),
    "jenkins-aborted": Expected("cancelled", "high", (2,), "tests/test_ui.py"),
    "jenkins-agent-lost": Expected("runner_lost", "high", (2, 3), "tests/test_contract.py"),
    "jenkins-build-timeout": Expected("timeout", "high", (3,), "tests/test_slow.py"),
    "kubernetes-deadline": Expected("timeout", "high", (3,)),
    "kubernetes-describe": Expected("oom", "high", (3,)),
    "memlint-heartbeat-lost": Expected(
        "unknown", "low", (), "tests/e2e/test_backtest.py::test_ten_years[tick]"
    ),
    "memlint-oom": Expected("oom", "high", (2,), "tests/e2e/test_backtest.py::test_ten_years"),
    "memory-error": Expected("memory_error", "high", (8, 12), "tests/test_matrix.py::test_outer"),
    "memory-error-expected": Expected("tests_failed", "high", (18,)),
    "network-install": Expected("network", "medium", (2,)),
    "network-recovered": Expected("passed", "high", (5,)),
    "network-tests": Expected("network", "medium", (4,)),
    "passed": Expected("passed", "high", (3,)),
    "pytest-timeout-signal": Expected("timeout", "high", (6, 10), "tests/test_lock.py::test_two_locks"),
    "pytest-timeout-thread": Expected("timeout", "high", (3, 10), "tests/test_lock.py::test_two_locks"),
    "systemd": Expected("oom", "high", (1, 3)),
    "systemd-oomd": Expected("oom", "high", (1, 2)),
    "test-prints-killed": Expected("passed", "high", (8,)),
    "tests-failed": Expected("tests_failed", "high", (7,)),
    "tox": Expected("oom_likely", "medium", (4,), "tests/test_raster.py"),
    "windows-crlf": Expected("crashed", "high", (3, 4), "tests\\test_a.py"),
    "xdist-crash-by-segfault": Expected(
        "crashed", "high", (3,), "tests/test_cffi.py::test_callback_after_free"
    ),
    "xdist-oom-kernel": Expected("oom", "high", (7,), "tests/test_tiles.py::test_mosaic"),
    "xdist-worker-crashed": Expected(
        "worker_crashed", "medium", (9, 19), "tests/test_pool.py::test_big[100-True]"
    ),
}
TEMPTING = (
    "test-prints-killed",
    "memory-error-expected",
    "gitlab-success-with-noise",
    "compose-services-stopped",
    "tests-failed",
    "network-recovered",
    "xdist-crash-by-segfault",
    "cuda",
)
BOOK = load_signs()


def judged(content: bytes) -> Verdict:
    return classify(read_lines(io.BufferedReader(io.BytesIO(content))), BOOK)  # type: ignore[arg-type]


def test_every_excerpt_is_expected_and_the_other_causes_are_there():
    assert {path.stem for path in EXCERPTS.glob("*.log")} == set(EXPECTED)
    assert set(TEMPTING) <= set(EXPECTED)
    causes = {expected.cause for expected in EXPECTED.values()}
    assert causes >= set(BOOK.causes) - {"command_failed"}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_excerpt(name):
    # memlint: ignore[MEM103] small: the test or the checkout wrote it
    verdict = judged((EXCERPTS / f"{name}.log").read_bytes())
    running = verdict.running and (verdict.running.test or verdict.running.file)
    found = Expected(
        verdict.cause, verdict.confidence.value, tuple(item.line for item in verdict.evidence), running
    )
    assert found == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_colours_stamps_and_line_ends_change_nothing(name):
    # memlint: ignore[MEM103] small: the test or the checkout wrote it
    content = (EXCERPTS / f"{name}.log").read_bytes()
    plain = judged(content)
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if any(b"\r" in line for line in lines) or name in ("gh-run-view", "docker-build"):
        pytest.skip("has its own")
    dressed = b"\r\n".join(b"2026-03-04T09:10:11.1234567Z \x1b[31m" + line + b"\x1b[0m" for line in lines)
    again = judged(dressed)
    assert (again.cause, again.confidence, again.running) == (plain.cause, plain.confidence, plain.running)
    assert [item.line for item in again.evidence] == [item.line for item in plain.evidence]


def test_batches_are_named_with_their_files():
    for name, number, files in (
        ("batches-one-killed", "2", ("tests/test_heavy.py", "tests/test_b.py")),
        ("github-plain-143", "5", ("tests/test_backtest.py", "tests/test_replay.py")),
        ("field-summary", "5", ("tests/test_backtest.py", "tests/test_replay.py")),
        ("jenkins-build-timeout", None, ("tests/test_slow.py", "tests/test_slower.py")),
    ):
        batch = judged((EXCERPTS / f"{name}.log").read_bytes()).batch
        assert batch is not None
        assert (batch.name, batch.files) == (number, files)


def test_next_commands_name_the_file_and_the_batch():
    verdict = judged((EXCERPTS / "batches-one-killed.log").read_bytes())
    assert verdict.next[0] == "memlint measure tests/test_heavy.py --unit test --limit 2GiB"
    assert "memlint measure tests/test_heavy.py tests/test_b.py --limit 2GiB --heartbeat" in verdict.next
    blind = judged(b"Process completed with exit code 137.\n")
    assert blind.next
    assert not any("{" in text for text in blind.next)


def test_what_the_verdict_outweighs_is_told():
    verdict = judged((EXCERPTS / "xdist-oom-kernel.log").read_bytes())
    assert [item.cause for item in verdict.also] == ["worker_crashed", "tests_failed"]


def test_a_failure_of_its_own_is_no_kill():
    verdict = judged(b"Run ruff check\nE501 Line too long\n##[error]Process completed with exit code 1.\n")
    assert (verdict.cause, verdict.running) == ("command_failed", None)


def test_memory_errors_make_a_kill_surer():
    killed = b"Killed\n##[error]Process completed with exit code 137.\n"
    assert judged(killed).confidence.value == "medium"
    assert judged(b"fork: retry: Resource temporarily unavailable\n" + killed).confidence.value == "high"


def test_batches_that_a_test_prints_are_its_own():
    log = b"tests/test_train.py ..\nEpoch 1 batch 32: loss 0.3\nbatch 7 of 9\nKilled\nscript returned exit code 137\n"
    verdict = judged(log)
    assert (verdict.cause, verdict.running.file, verdict.batch) == ("oom_likely", "tests/test_train.py", None)


def test_quiet_sessions_outlive_what_their_tests_print():
    assert judged(b"$ pytest -q -s\nKilled\n..\n2 passed in 0.10s\n").cause == "passed"
    assert judged(b"..\n2 passed in 0.10s\nKilled\n..\n2 passed in 0.10s\nJob succeeded\n").cause == "passed"
    assert judged(b"..\n2 passed in 0.10s\nKilled\nexit code 137\n").cause == "oom_likely"


def test_a_batch_that_is_told_when_it_was_over():
    log = b"""============================= test session starts ==============================
tests/test_a.py ..
run.sh: line 9: 4711 Killed                  pytest
Batch 2: tests/test_a.py (exit 137)
Batch 3: tests/test_b.py
"""
    batch = judged(log).batch
    assert batch is not None
    assert (batch.name, batch.files) == ("2", ("tests/test_a.py",))


def test_absurd_exit_statuses_mean_nothing():
    assert judged(b"Exit code: " + b"1" * 9000 + b"\n").cause == "unknown"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x00\xff\xfe\x80" * 500, b"hello\nworld"])
def test_empty_and_binary_logs_say_nothing(content):
    verdict = judged(content)
    assert (verdict.cause, verdict.evidence, verdict.running) == ("unknown", (), None)


def test_xdist_tests_that_had_begun_are_candidates():
    begun = [b"tests/test_p.py::test_a", b"tests/test_p.py::test_b", b"tests/test_p.py::test_c"]
    log = b" \n".join(
        [
            *begun[:2],
            b"[gw0] [ 10%] PASSED " + begun[0],
            begun[2],
            b"Error: Process completed with exit code 137.",
        ]
    )
    running = judged(log).running
    assert running is not None
    assert (running.test, running.others) == (None, ("tests/test_p.py::test_b", "tests/test_p.py::test_c"))
