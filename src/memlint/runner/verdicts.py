"""The judgement on a unit, from everything that is known of its end. Never from the exit code alone."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

from memlint.units import format_bytes

FINE = frozenset({"passed", "no_tests"})
EARLY = frozenset({"oom", "oom_suspected", "killed", "terminated", "timeout", "crashed", "interrupted"})
# Of the memory there is: above it, a SIGKILL of unknown origin is suspected to be the OOM killer's.
NEAR = 0.8
_LONGEST = 200  # characters of output in evidence

FIELD_WORDS = {
    "SIGTERM": "143 = SIGTERM",
    "SIGKILL": "137 = SIGKILL",
    "SIGSEGV": "139 = SIGSEGV",
    "SIGABRT": "134 = SIGABRT",
    "SIGBUS": "135 = SIGBUS",
    "SIGINT": "130 = SIGINT",
}
_BAD_ALLOC = re.compile(rb"std::bad_alloc|^(?:\w+\.)*_?\w*MemoryError\b|Cannot allocate memory", re.MULTILINE)
# a line of output that says what went wrong: pytest's own, a traceback's last
_COMPLAINT = re.compile(rb"^(?:E\s+|ERROR\b|(?:\w+\.)*\w*(?:Error|Exception)\b)")
_CRASHES = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGSYS", "SIGTRAP"})


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a unit whose main process is dead."""

    status: int  # as wait gives it
    began: bool = False  # pytest's session began
    finished: int | None = None  # the exit status pytest's own last record names
    notes: tuple[tuple[str, str], ...] = ()  # (kind, text) from the plugin
    killed_for: str = ""  # limit, timeout or interrupt, when we did it
    oom_kills: int = 0  # in the unit's control group
    machine_oom_kills: int = 0  # on the machine, while the unit ran
    last_bytes: int = 0  # the last sample
    memory_bytes: int = 0  # what there is
    peak_bytes: int = 0
    limit_bytes: int | None = None
    timeout: float | None = None
    output: bytes = b""  # the end of what it printed


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict with its evidence."""

    verdict: str
    evidence: tuple[str, ...] = ()


def status_of(status: int) -> tuple[int | None, str | None]:
    """Exit code and signal name. A death by signal, 128 + N and a shell's report of it read alike."""
    if os.WIFSIGNALED(status):
        return None, _signal_name(os.WTERMSIG(status))
    code = os.WEXITSTATUS(status)
    return code, _signal_name(code - 128) if code > 128 else None


def exit_number(code: int | None, killer: str | None) -> int | None:
    """The exit code a shell or a CI job would show: 128 + N for a death by signal."""
    return 128 + signal.Signals[killer] if killer is not None and code is None else code


def _signal_name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


def judge(ending: Ending) -> Judgement:
    """The verdict: our own kills first, then memory, then what pytest said, then how the process died."""
    return _ours(ending) or _memory(ending) or _said(ending) or _died(ending)


def _ours(ending: Ending) -> Judgement | None:
    if ending.killed_for == "interrupt":
        return Judgement("interrupted", ("stopped by the user",))
    if ending.killed_for == "timeout" and not ending.oom_kills:
        after = "" if ending.finished is None else ", when pytest had finished but its process had not"
        return Judgement("timeout", (f"killed after {ending.timeout:g} s{after}",))
    if ending.killed_for == "limit":
        held, limit = format_bytes(ending.peak_bytes), format_bytes(ending.limit_bytes or 0)
        return Judgement("oom", (f"killed by the watchdog: {held} over the limit of {limit}",))
    return None


def _memory(ending: Ending) -> Judgement | None:
    if ending.oom_kills:
        limit = f", limit {format_bytes(ending.limit_bytes)}" if ending.limit_bytes else ""
        hung = (f"then hung, and was killed after {ending.timeout:g} s",) if ending.killed_for else ()
        return Judgement("oom", (f"control group: oom_kill {ending.oom_kills}{limit}", *hung))
    raised = [text for kind, text in ending.notes if kind == "memory_error"]
    if raised:
        return Judgement("oom", tuple(f"uncaught MemoryError in {text}" for text in raised))
    found = None if ending.finished is not None else _BAD_ALLOC.search(ending.output)
    if found and ending.status != 0:
        text = ending.output[found.start() :].splitlines()[0].decode(errors="replace")
        return Judgement("oom", (f"printed at its end: {text[:_LONGEST]}",))
    return None


def _said(ending: Ending) -> Judgement | None:
    """Believe pytest when it finished and its process then ended by itself."""
    code, killer = status_of(ending.status)
    if ending.finished is None:
        if code == 4 and not ending.began:
            stopped = "pytest stopped before its session: exit code 4"
            return Judgement("usage_error", (stopped, *_last_words(ending.output)))
        return None
    if killer is not None and code != ending.finished:
        return None
    collecting = [text for kind, text in ending.notes if kind == "collect_error"]
    stops = [(kind, text) for kind, text in ending.notes if kind in ("internal_error", "exit", "interrupt")]
    if code == 2 and collecting:
        return Judgement(
            "collection_error", tuple(f"cannot collect {text}" for text in dict.fromkeys(collecting))
        )
    if code == 3:
        return Judgement(
            "crashed", tuple(f"pytest: {kind}: {text}" for kind, text in stops) or ("pytest: internal error",)
        )
    if code == 2 and any(kind == "interrupt" for kind, _ in stops):
        return Judgement("interrupted", ("SIGINT that memlint did not send",))
    if any(kind == "exit" for kind, _ in stops):
        return Judgement("failed", tuple(f"pytest.exit: {text}" for kind, text in stops if kind == "exit"))
    verdict = {0: "passed", 1: "failed", 4: "usage_error", 5: "no_tests"}.get(
        code if code is not None else -1
    )
    return Judgement(verdict or "failed", () if verdict else (f"pytest ended with exit code {code}",))


def _died(ending: Ending) -> Judgement:
    code, killer = status_of(ending.status)
    after = " after pytest had finished" if ending.finished is not None else ""
    if killer == "SIGKILL":
        return _killed(ending, after)
    if killer == "SIGTERM":
        return Judgement("terminated", (f"SIGTERM that memlint did not send{after}",))
    if killer == "SIGINT":
        return Judgement("interrupted", (f"SIGINT that memlint did not send{after}",))
    if killer is not None:
        kind = "" if killer in _CRASHES else " that memlint did not send"
        return Judgement("crashed", (f"{killer}{kind}{after}",))
    if ending.finished is not None:
        return Judgement("crashed", (f"exit code {code}, though pytest said {ending.finished}",))
    gone = f"exit code {code} without pytest's last record: the process ended from within"
    return Judgement("crashed", (gone, *_last_words(ending.output)))


def _last_words(output: bytes) -> tuple[str, ...]:
    """The last line of output that says what went wrong; the last line at all where none does."""
    lines = [line for line in output.splitlines() if line.strip()]
    told = [line for line in lines if _COMPLAINT.match(line)] or lines
    return tuple(
        f"printed at its end: {line.decode(errors='replace').strip()[:_LONGEST]}" for line in told[-1:]
    )


def _killed(ending: Ending, after: str) -> Judgement:
    signs = []
    if ending.machine_oom_kills:
        signs.append(f"the machine's oom_kill rose by {ending.machine_oom_kills}")
    if ending.memory_bytes and ending.last_bytes >= NEAR * ending.memory_bytes:
        last, there_is = format_bytes(ending.last_bytes), format_bytes(ending.memory_bytes)
        signs.append(f"it held {last} of {there_is} shortly before")
    if signs:
        return Judgement("oom_suspected", (f"SIGKILL that memlint did not send{after}", *signs))
    return Judgement("killed", (f"SIGKILL that memlint did not send{after}, no sign of memory pressure",))
