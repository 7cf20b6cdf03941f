"""pytest plugin: memory of every test, in a unit of ``memlint measure`` and for ``pytest --memlint``.

This file and ``pytest_holders`` beside it need the standard library and pytest alone, so that they can be put
on the path of any environment. They use public hooks only. Idle (no option, no budget marker) the plugin
registers two markers and does nothing for a test.

In a unit, ``MEMLINT_EVENTS`` in the environment names a file to which one JSON array is appended for each
event, in one ``write``:

    ["session", pid, rss]                          before collection
    ["collecting", file]                           its import begins
    ["imported", file, bytes, modules]             what that added; left out where it is little
    ["tests", [test, …], rss]                      after collection
    ["start", test, gap_peak, worker]              gap_peak: highest before it; worker: "" without xdist
    ["end", test, worker, outcome, before, peak, after, seconds, memory_error, output, modules]
    ["round", rss]                                 after each round of the same tests, settled
    ["note", kind, text]                           memory_error, internal_error, interrupt, exit …
    ["holders", [[kind, name, bytes], …]]          what holds much at the end
    ["finish", exit status, peak, retained, rss, garbage, trimmed]   without it, pytest has not finished

Sizes are bytes of resident memory of the process that runs the test. On Linux the peak of each test is exact:
the kernel's high-water mark is reset before it. Elsewhere it is ``ru_maxrss``, which
never falls.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

PEAK_KEY = "memlint_bytes"  # attribute of a test's last report: [bytes above its start, peak]; crosses xdist
BUDGETS = ("memory_budget", "limit_memory")  # the second is pytest-memray's
SHOWN = 10
LEAST_IMPORT = 1 << 20  # bytes that importing a file must add to be told
SAME_MOMENT = 0.001  # seconds in which memory cannot move by much: one look serves an end and the next start
MUCH = 8 << 20  # bytes retained from which it is worth asking what holds them
_LINUX = sys.platform.startswith("linux")
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
_SIZE = re.compile(r"\s*(\d[\d_]*(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--memlint``."""
    group = parser.getgroup("memlint", "memory of tests")
    group.addoption("--memlint", action="store_true", help="print the tests with the highest peak memory")
    group.addoption(
        "--memlint-top", type=int, default=SHOWN, metavar="N", help="how many of them (default 10)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and the measuring part where it is wanted."""
    config.addinivalue_line(
        "markers", "memory_budget(size): fail the test when it adds more memory than this"
    )
    config.addinivalue_line("markers", "memory_intensive: the test is known to need much memory")
    orders = _orders(config)
    measure = Measure()
    if orders:
        config.pluginmanager.register(Unit(config, orders, measure), "memlint_unit")
        config.pluginmanager.register(measure, "memlint_measure")
    elif config.getoption("memlint"):
        config.pluginmanager.register(Opener(measure), "memlint_opener")
        config.pluginmanager.register(measure, "memlint_measure")
    if config.getoption("memlint"):
        config.pluginmanager.register(Heaviest(config.getoption("memlint_top")), "memlint_heaviest")


def _orders(config: pytest.Config) -> dict[str, str]:
    """What the runner wants of this process; empty for any other pytest, also for one that a test starts."""
    from_controller = getattr(config, "workerinput", {}).get("memlint")
    names = ("MEMLINT_EVENTS", "MEMLINT_MODE", "MEMLINT_SELECT", "MEMLINT_ROUNDS")
    from_runner = {name: os.environ.pop(name) for name in names if name in os.environ}
    return from_controller or from_runner


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Look at reports only when a collected test has a budget, or the figures are wanted."""
    manager = session.config.pluginmanager
    attach = session.config.getoption("memlint")
    measured = manager.has_plugin("memlint_measure")
    held = _is_any_marked(session.items, BUDGETS if measured else BUDGETS[:1])
    if held and not measured:
        measure = Measure()
        manager.register(Opener(measure), "memlint_opener")
        manager.register(measure, "memlint_measure")
    if held or attach:
        manager.register(Reports(manager.get_plugin("memlint_measure"), attach), "memlint_reports")


def _is_any_marked(items: list[pytest.Item], names: tuple[str, ...]) -> bool:
    """Whether one of the items has such a marker, from itself or from what it lies in: each asked once."""
    asked: set[object] = set()
    for item in items:
        node: Any = item
        while node is not None and node not in asked:
            if any(mark.name in names for mark in node.own_markers):
                return True
            if node is not item:
                asked.add(node)
            node = node.parent
    return False


# ---------------------------------------------------------------------------------------------- memory


class Descriptor:
    """A file that stays open, though a test may close every descriptor and open its own under the same number."""

    def __init__(self, path: str, flags: int) -> None:
        self.path = path
        self.flags = flags | getattr(os, "O_CLOEXEC", 0)
        self.pid = 0  # of the process that opened it: /proc/self of another process is another file
        self.number = -1
        self.file: tuple[int, int] | None = None  # device and inode

    def get(self) -> int:
        """The number of the open descriptor. Raises OSError."""
        if self.pid != os.getpid():
            return self._open()
        try:
            found = os.fstat(self.number)
        except OSError:
            return self._open()
        return self.number if (found.st_dev, found.st_ino) == self.file else self._open()

    def _open(self) -> int:
        self.number, self.pid = os.open(self.path, self.flags, 0o600), os.getpid()
        found = os.fstat(self.number)
        self.file = (found.st_dev, found.st_ino)
        return self.number


_STATUS = Descriptor("/proc/self/status", os.O_RDONLY)
_CLEAR_REFS = Descriptor("/proc/self/clear_refs", os.O_WRONLY)


def memory() -> tuple[int, int | None]:
    """Highest resident memory of this process since ``reset_peak``, and what is resident now.

    Where the system does not say, the first is the highest ever and the second None.
    """
    if _LINUX:
        try:
            status = os.pread(_STATUS.get(), 8192, 0)
            return _kilobytes(status, b"VmHWM:"), _kilobytes(status, b"VmRSS:")
        except (OSError, ValueError):
            pass
    if resource is None:
        return 0, None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT, None


def _kilobytes(status: bytes, key: bytes) -> int:
    at = status.index(key) + 6
    return int(status[at : status.index(b"kB", at)]) * 1024


def reset_peak() -> None:
    """Let the peak start from the memory in use now. Does nothing where that is not possible."""
    if _LINUX:
        with contextlib.suppress(OSError):
            os.write(_CLEAR_REFS.get(), b"5")


def _settle() -> tuple[int, int] | None:
    """Give back what is free already. Returns bytes of garbage, and of the allocator's empty pages."""
    _, before = memory()
    gc.collect()
    _, collected = memory()
    try:
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
    except (ImportError, OSError, AttributeError):
        pass  # no glibc
    _, trimmed = memory()
    if before is None or collected is None or trimmed is None:
        return None
    return max(0, before - collected), max(0, collected - trimmed)


def parse_size(text: object, *, binary: bool = False) -> int:
    """Bytes of ``"2 GiB"``, ``"100 MB"``, ``4096``; ``binary`` reads MB as MiB, as pytest-memray does.

    Raises ValueError.
    """
    if isinstance(text, int):
        return text
    match = _SIZE.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a size: write a number and a unit, such as '100 MiB' or '2 GB'")
    base = 1024 if binary or match[3] else 1000
    return round(float(match[1].replace("_", "")) * float(base ** _POWERS[match[2].lower()]))


def _mebibytes(size: float) -> str:
    return f"{size / 2**20:.1f} MiB"


# ------------------------------------------------------------------------------------------- measuring


class Measure:
    """The window of each test."""

    def __init__(self) -> None:
        self.before: int | None = None
        self.gap = 0
        self.ended: tuple[int, int | None] = (0, None)  # peak and resident when the last test had ended
        self.ended_at = 0.0

    def begin(self) -> None:
        """The test begins."""
        just_now = time.perf_counter() - self.ended_at < SAME_MOMENT
        self.gap, self.before = self.ended if just_now else memory()
        reset_peak()

    def end(self) -> tuple[int, int | None]:
        """Peak and resident memory as the test ends."""
        self.ended = memory()
        self.ended_at = time.perf_counter()
        return self.ended


class Opener:
    """Opens the window of each test, where no unit does."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, None]:
        """Before everyone else's part of the protocol."""
        self.measure.begin()
        yield


class Reports:
    """Holds tests to their budgets, and attaches the figures for the table at the end."""

    def __init__(self, measure: Any, attach: bool) -> None:
        self.measure = measure
        self.attach = attach

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Generator[None, Any, None]:
        """Fail a passing test that went over its budget; attach the figures to its last report."""
        outcome = yield
        report = outcome.get_result()
        if call.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            message = self._over_budget(item)
            if message:
                report.outcome = "failed"
                report.longrepr = message
        elif call.when == "teardown" and self.attach:
            peak, _ = memory()
            setattr(report, PEAK_KEY, [max(0, peak - (self.measure.before or 0)), peak])

    def _over_budget(self, item: pytest.Item) -> str:
        markers = [marker for name in BUDGETS if (marker := item.get_closest_marker(name))]
        if not markers or self.measure.before is None:
            return ""
        added = max(0, memory()[0] - self.measure.before)
        return next(filter(None, (over_budget(marker, added) for marker in markers)), "")


def over_budget(marker: pytest.Mark, added: int) -> str:
    """Why a test that added so many bytes at its peak fails by this marker, or ""."""
    try:
        budget = parse_size(marker.args[0], binary=marker.name == "limit_memory")
    except (ValueError, IndexError) as error:
        return f"{marker.name}: {error if marker.args else 'give a size'}"
    if added <= budget:
        return ""
    return f"the test added {_mebibytes(added)} at its peak; {marker.name} allows {_mebibytes(budget)}"


class Heaviest:
    """What ``pytest --memlint`` prints at the end; under xdist in the controller."""

    def __init__(self, top: int) -> None:
        self.top = top
        self.peaks: dict[str, tuple[int, int]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the largest figures of each test."""
        figures = getattr(report, PEAK_KEY, None)
        if figures:
            self.peaks[report.nodeid] = max(self.peaks.get(report.nodeid, (0, 0)), (figures[0], figures[1]))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the table."""
        if not self.peaks:
            return
        terminalreporter.section(
            f"memory: heaviest {min(self.top, len(self.peaks))} of {len(self.peaks)} tests"
        )
        terminalreporter.write_line(f"{'added':>12} {'peak':>12}  test")
        heaviest = sorted(self.peaks.items(), key=lambda entry: (-entry[1][0], -entry[1][1], entry[0]))
        for nodeid, (added, peak) in heaviest[: self.top]:
            terminalreporter.write_line(f"{_mebibytes(added):>12} {_mebibytes(peak):>12}  {nodeid}")


# ------------------------------------------------------------------------------------------- in a unit


class Events:
    """Appends events to the unit's file, through anything a test does to descriptors and folders."""

    def __init__(self, path: str) -> None:
        self.pid = os.getpid()
        self.file = Descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.file.get()

    def write(self, *event: object) -> None:
        """Append one event."""
        self.append(json.dumps(event))

    def append(self, line: str) -> None:
        """Append an event's line. A forked copy of the process stays silent: its tests are not ours."""
        if os.getpid() == self.pid:
            with contextlib.suppress(OSError):  # a full disk is no reason to break the suite
                os.write(self.file.get(), line.encode("ascii") + b"\n")


class Unit:
    """Reports a unit's life to the runner."""

    def __init__(self, config: pytest.Config, orders: dict[str, str], measure: Measure) -> None:
        self.config = config
        self.orders = orders
        self.events = Events(orders["MEMLINT_EVENTS"])
        self.start_folder = str(config.invocation_params.dir)
        self.files: dict[Path, str] = {}  # → as the runner names it
        self.resident = memory()[1]
        self.baseline = orders.get("MEMLINT_MODE") == "baseline"
        self.rounds = int(orders.get("MEMLINT_ROUNDS", 1))
        self.ran = 0
        self.measure: Any = measure
        self.outcome = ""
        self.output = 0  # bytes of captured output that the test's reports keep
        self.memory_error = False
        self.worker = getattr(config, "workerinput", {}).get("workerid", "")  # "gw0" under xdist

    def name(self, item: pytest.Item) -> str:
        """The node id, with its file relative to the folder pytest was started in, whatever its rootdir."""
        _, found, rest = item.nodeid.partition("::")
        return self.file(item.path) + found + rest

    def file(self, path: Path) -> str:
        """A file as the runner names it."""
        name = self.files.get(path)
        if name is None:
            name = self.files[path] = os.path.relpath(path, self.start_folder).replace(os.sep, "/")
        return name

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the orders on to a worker of xdist."""
        node.workerinput["memlint"] = self.orders

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Nothing of the suite but its conftest files has been imported yet."""
        self.resident = memory()[1]
        if not self.worker:
            self.events.write("session", self.events.pid, self.resident)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: Any, parent: Any) -> Any:
        """Stand an empty test in for the module when the unit measures the baseline."""
        return EmptyModule.from_parent(parent, path=module_path) if self.baseline else None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, None]:
        """Weigh what importing and collecting a file adds."""
        weighed = isinstance(collector, pytest.File) and not isinstance(collector, pytest.Package)
        if not weighed or self.worker:
            yield
            return
        name = self.file(collector.path)
        self.events.write("collecting", name)
        modules, (_, before) = len(sys.modules), memory()
        yield
        _, after = memory()
        if before is not None and after is not None and after - before >= LEAST_IMPORT:
            self.events.write("imported", name, after - before, len(sys.modules) - modules)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the tests that the unit is made of."""
        path = self.orders.get("MEMLINT_SELECT")
        if not path:
            return
        wanted = set(json.loads(Path(path).read_bytes()))
        kept = [item for item in items if _is_wanted(self.name(item), wanted)]
        dropped = set(items).difference(kept)
        if dropped:
            config.hook.pytest_deselected(items=[item for item in items if item in dropped])
            items[:] = kept

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """List the tests, so that those which never ran are known; under xdist one worker does it for all."""
        if self.worker in ("", "gw0") and session.items:
            resident = None if self.worker else memory()[1]
            self.events.write("tests", [self.name(item) for item in session.items], resident)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Announce the test before it runs, so that the victim of a SIGKILL is known."""
        measure, append = self.measure, self.events.append
        measure.begin()
        name = json.dumps(self.name(item))
        self.outcome, self.output, self.memory_error = "passed", 0, False
        modules = len(sys.modules)
        append(f'["start",{name},{measure.gap},"{self.worker}"]')
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        peak, after = measure.end()
        append(
            f'["end",{name},"{self.worker}",{json.dumps(self.outcome)},{_number(measure.before)},{peak},'
            f"{_number(after)},{seconds:.6f},{'true' if self.memory_error else 'false'},{self.output},"
            f"{len(sys.modules) - modules}]"
        )
        self.ran += 1
        if self.rounds > 1 and self.ran * self.rounds % len(item.session.items) == 0:
            _settle()
            self.events.write("round", memory()[1])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Fold the phases of a test into one outcome. The last report has the output of all phases."""
        if report.when == "call" or report.outcome != "passed":
            self.outcome = _outcome(report)
        if report.sections:
            self.output = sum(sys.getsizeof(text) for _, text in report.sections)

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        """Note an uncaught MemoryError, in a test or while collecting."""
        excinfo = getattr(call, "excinfo", None)
        if excinfo is not None and isinstance(excinfo.value, MemoryError):
            self.memory_error = True
            self.events.write("note", "memory_error", getattr(report, "nodeid", ""))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self.events.write("note", "collect_error", report.nodeid)

    def pytest_internalerror(self, excinfo: Any) -> None:
        """Note pytest's own failure."""
        kind = "memory_error" if isinstance(excinfo.value, MemoryError) else "internal_error"
        self.events.write("note", kind, excinfo.exconly()[:500])

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """Note a SIGINT, or a call of ``pytest.exit``."""
        kind = "interrupt" if isinstance(excinfo.value, KeyboardInterrupt) else "exit"
        self.events.write("note", kind, str(excinfo.value)[:500])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """The one record without which the unit has not finished."""
        if self.worker:
            return
        peak, resident = memory()
        garbage, trimmed = _settle() or (None, None)
        _, now = memory()
        retained = None if now is None or self.resident is None else max(0, now - self.resident)
        if retained is not None and retained >= MUCH:
            self._weigh_holders(session)
        figures = (peak, retained, resident, garbage, trimmed)
        self.events.write("finish", int(session.exitstatus), *figures)

    def _weigh_holders(self, session: pytest.Session) -> None:
        """Say what holds much of what was retained. A suite's odd objects must not break its end."""
        with contextlib.suppress(Exception):
            beside = importlib.import_module(__name__.replace("pytest_plugin", "pytest_holders"))
            found = beside.holders(session.items, self.file)
            if found:
                self.events.write("holders", found)


def _is_wanted(name: str, wanted: set[str]) -> bool:
    """Whether a test, the function without its parameters, or a class or file around it is asked for."""
    parts = name.partition("[")[0].split("::")
    return name in wanted or any("::".join(parts[: depth + 1]) in wanted for depth in range(len(parts)))


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def _outcome(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.passed else "xfailed"
    if report.failed and report.when != "call":
        return "error"
    return str(report.outcome)


class EmptyModule(pytest.File):
    """Stands in for a test module and imports nothing."""

    def collect(self) -> list[pytest.Item]:
        """One test that does nothing."""
        return [EmptyTest.from_parent(self, name="baseline")]


class EmptyTest(pytest.Item):
    """Does nothing."""

    def runtest(self) -> None:
        """Nothing."""
