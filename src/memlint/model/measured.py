"""What was measured: a journal as plain values, for everything that compares, diagnoses or shows it.

All sizes are bytes, all durations seconds. A figure is None where this machine's meter could not tell.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasuredContext:
    """Where a run measured. Only runs with the same ``hash`` can be compared."""

    hash: str
    python: str  # "3.11.7"
    platform: str
    meter: str  # cgroup2, cgroup1, sampling, psutil or rusage
    memory_bytes: int  # of the machine, or of the tightest control group above the runner
    pytest: str
    started: str = ""  # UTC, ISO 8601
    argv: tuple[str, ...] = ()
    limit_bytes: int | None = None
    shard: str | None = None  # "2/5"


@dataclass(frozen=True, slots=True)
class MeasuredProcess:
    """A process that a unit left running."""

    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class MeasuredTest:
    """One case of a test, in the order in which it ran. ``nodeid`` has its parameters."""

    nodeid: str
    outcome: str  # passed, failed, error, skipped, xfailed, xpassed; "unfinished" for one that never ended
    before_bytes: int | None
    peak_bytes: int | None
    after_bytes: int | None
    seconds: float
    tree_bytes: int = 0  # highest sample of the whole tree while children ran; 0 when the test had none
    memory_error: bool = False
    own_bytes: int | None = None  # peak of the test's process alone, where the tree's was larger
    output_bytes: int = 0  # captured output that its reports keep until the session ends
    new_modules: int = 0  # modules that were first imported while it ran


@dataclass(frozen=True, slots=True)
class MeasuredImport:
    """What importing and collecting one file added to the process; libraries count for the first that needs them."""

    file: str
    bytes: int
    modules: int  # so many modules were imported with it


@dataclass(frozen=True, slots=True)
class MeasuredHolder:
    """What still held memory when the last test had ended."""

    kind: str  # "global", "class attribute", "cache", "instance", "property"
    name: str  # "tests/test_a.py: TABLE"
    bytes: int  # of the objects that can be reached from it, as far as they were weighed


@dataclass(frozen=True, slots=True)
class MeasuredStages:
    """Resident memory of the pytest process at the turning points of its life; None for those it never reached.

    Under xdist the tests run in other processes, so only what the controller has is known.
    """

    start_bytes: int | None = None  # the session begins, conftest files are imported
    collection_bytes: int | None = None  # all files are imported, no test has run
    finish_bytes: int | None = None  # the last test has ended
    garbage_bytes: int | None = None  # given back by gc.collect() then
    trimmed_bytes: int | None = None  # given back by malloc_trim(0) after that
    rounds: tuple[int, ...] = ()  # after each round of the same tests, gc and malloc_trim
    collecting: str | None = None  # the file that was being imported when the process ended
    imports: tuple[MeasuredImport, ...] = ()
    holders: tuple[MeasuredHolder, ...] = ()  # heaviest first


@dataclass(frozen=True, slots=True)
class MeasuredUnit:
    """What ran in one process, and what became of it."""

    name: str
    members: tuple[str, ...]  # files, or one node id
    verdict: str
    exit_code: int | None
    signal: str | None
    evidence: tuple[str, ...]
    peak_bytes: int | None
    baseline_bytes: int | None  # an empty test in the same context
    retained_bytes: int | None  # growth of the pytest process over the unit, after gc and malloc_trim
    cache_bytes: int | None  # page cache beside the peak
    meter: str
    seconds: float
    victim: str | None  # the test that was running when the process died or the limit was broken
    leftovers: tuple[MeasuredProcess, ...]
    tests: tuple[MeasuredTest, ...]
    context: MeasuredContext
    trial: int = 1
    repeat: int = 1
    output: str | None = None  # file that keeps what the unit printed
    collected_bytes: int | None = None  # growth of the pytest process up to the first test: imports, globals
    stages: MeasuredStages | None = None
    batch: int | None = None  # its number in a run of batches


@dataclass(frozen=True, slots=True)
class Measurement:
    """One journal: the last word on every unit (each repeat counts), in order of their end."""

    contexts: tuple[
        MeasuredContext, ...
    ]  # of every run, first to last; one for each attempt of a resumed run
    units: tuple[MeasuredUnit, ...]
    in_flight: tuple[str, ...] = ()  # units that started and never ended
    unfinished: tuple[str, ...] = ()  # and their members

    @property
    def mixed(self) -> bool:
        """Whether its runs were made in contexts that cannot be compared."""
        return len({context.hash for context in self.contexts}) > 1
