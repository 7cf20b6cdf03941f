"""Verdicts, exit codes and signals in words."""

from __future__ import annotations

from memlint.model import MeasuredUnit

# worst first: where several units speak of one file, the worst verdict is the file's
VERDICTS = {
    "oom": "ran out of memory",
    "oom_suspected": "probably ran out of memory",
    "killed": "was killed",
    "terminated": "was terminated",
    "crashed": "crashed",
    "timeout": "ran out of time",
    "collection_error": "could not be collected",
    "usage_error": "was refused by pytest",
    "failed": "failed",
    "interrupted": "was interrupted",
    "unfinished": "did not finish",
    "passed": "passed",
    "xpassed": "passed, though it was expected to fail",
    "xfailed": "failed as expected",
    "skipped": "was skipped",
    "no_tests": "had no tests to run",
}
FINE = frozenset({"passed", "no_tests", "skipped", "xfailed", "xpassed"})
OF_MEMORY = frozenset({"oom", "oom_suspected"})
BY_FORCE = frozenset({"killed", "terminated", "crashed", "timeout"})
_BADNESS = {verdict: place for place, verdict in enumerate(VERDICTS)}
_SIGNALS = {
    "SIGKILL": "137 = 128 + 9, SIGKILL: ended from outside at once, as the kernel does when memory runs out",
    "SIGTERM": "143 = 128 + 15, SIGTERM: asked to end, often because another process of the job ran out of memory",
    "SIGSEGV": "139 = 128 + 11, SIGSEGV: native code touched memory that was not its own",
    "SIGABRT": "134 = 128 + 6, SIGABRT: native code gave up, as allocators do when they get no memory",
    "SIGBUS": "135 = 128 + 7, SIGBUS: mapped memory whose file had no such page",
    "SIGINT": "130 = 128 + 2, SIGINT: interrupted",
}
_PYTEST_CODES = {
    0: "0: pytest ran everything and every test passed",
    1: "1: pytest ran to its end and some tests failed",
    2: "2: pytest was interrupted or could not collect",
    3: "3: pytest itself failed",
    4: "4: pytest did not accept its command line",
    5: "5: pytest found no test to run",
}


def verdict_words(verdict: str) -> str:
    """Return what became of a unit: ``"ran out of memory"``."""
    return VERDICTS.get(verdict, verdict.replace("_", " ") or "was not measured")


def worst(verdicts: list[str]) -> str:
    """Return the worst of some verdicts; "" for none."""
    return min(verdicts, key=lambda verdict: _BADNESS.get(verdict, 0), default="")


def exit_words(unit: MeasuredUnit) -> str:
    """Return a unit's exit code or signal with what it means; "" where neither is known."""
    if unit.signal:
        return _SIGNALS.get(unit.signal, f"ended by {unit.signal}")
    if unit.exit_code is None:
        return ""
    return _PYTEST_CODES.get(unit.exit_code, str(unit.exit_code))
