"""Short processes of the suite's interpreter, each with a limit and a timeout, that answer through a file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import msgspec

from memlint.runner import processes
from memlint.units import format_bytes

_INTERVAL = 0.01  # seconds between two looks at the processes
# a module is to behave as on a machine without a display, and nothing of the user's pytest options is to reach it
_ENVIRONMENT = {
    "MPLBACKEND": "Agg",
    "QT_QPA_PLATFORM": "offscreen",
    "SDL_VIDEODRIVER": "dummy",
    "PYTHONHASHSEED": "0",
}
_UNSET = frozenset({"DISPLAY", "WAYLAND_DISPLAY", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONSTARTUP"})


class Task(msgspec.Struct, frozen=True):
    """Modules to import in one process: in a pytest session, or without."""

    names: tuple[str, ...]
    session: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What a process says. Bytes are peaks of its resident memory; ``kind`` is empty when all went well."""

    idle: int = 0
    peak: int = 0
    loaded: tuple[str, ...] = ()
    compiled: bool = False
    kind: str = ""  # missing, failed, crashed, timeout or limit
    text: str = ""

    @property
    def bytes(self) -> int:
        """What the modules cost above a bare interpreter."""
        return max(0, self.peak - self.idle)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process may use."""

    limit: int  # bytes, with its children
    timeout: float  # seconds


class Compiled:
    """Keeps what the processes compile, for an environment that keeps nothing itself: not allowed to, or told not to.

    Without it every import would compile, and the memory of that would count as the module's own.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None

    def begin(self) -> None:
        """Keep from now on."""
        self.folder = self.folder or Path(tempfile.mkdtemp(prefix="memlint-compiled-"))

    def clear(self) -> None:
        """Remove what was kept."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class _Running:
    """A process that has begun."""

    def __init__(self, python: str, task: Task, bounds: Bounds, kept: Path | None) -> None:
        self.task = task
        self.bounds = bounds
        self.kept = kept
        self.folder = Path(tempfile.mkdtemp(prefix="memlint-probe-"))
        self.deadline = time.monotonic() + bounds.timeout
        self.process = start(
            python,
            script("child.py"),
            [str(self.answer_file), msgspec.json.encode(task).decode()],
            self.folder,
            kept,
        )

    @property
    def answer_file(self) -> Path:
        """Where the process writes."""
        return self.folder / "answer.json"

    def look(self) -> Answer | None:
        """The answer, once there is one; kills what takes too much."""
        code = self.process.poll()
        if code is None:
            held = resident(self.process.pid)
            if held > self.bounds.limit:
                return Answer(kind="limit", text=f"took more than {format_bytes(self.bounds.limit)}")
            if time.monotonic() > self.deadline:
                return Answer(kind="timeout", text=f"did not end in {self.bounds.timeout:g} s")
            return None
        try:
            return msgspec.json.decode(self.answer_file.read_bytes(), type=Answer)
        except (OSError, msgspec.MsgspecError):
            return Answer(kind="crashed", text=_how_it_ended(code))

    def clear(self) -> None:
        """End everything that the process started, and remove its folder."""
        stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


def run_all(
    python: str, tasks: Iterable[Task], bounds: Bounds, jobs: int, compiled: Compiled
) -> Iterator[tuple[Task, Answer]]:
    """Run the tasks, ``jobs`` at a time, and yield each with its answer as it ends.

    A process that had to compile modules is run once more, for compiling costs memory the first time alone; where it
    compiles again, ``compiled`` keeps what it makes from then on.
    """
    waiting, running, again = deque(tasks), list[_Running](), set[tuple[Task, Path | None]]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_Running(python, waiting.popleft(), bounds, compiled.folder))
            for item in list(running):
                answer = item.look()
                if answer is None:
                    continue
                running.remove(item)
                item.clear()
                compiles = answer.compiled and not answer.kind
                if compiles and (item.task, item.kept) not in again:
                    again.add((item.task, item.kept))
                    waiting.appendleft(item.task)
                elif compiles and item.kept is None:
                    compiled.begin()
                    waiting.appendleft(item.task)
                else:
                    yield item.task, answer
            time.sleep(_INTERVAL)
    finally:
        for item in running:
            item.clear()


def start(
    python: str, text: str, arguments: list[str], folder: Path, compiled: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start the interpreter on a text, in an empty folder, a session of its own, saying nothing to anybody.

    What it compiles it keeps in ``compiled``, or where it always does.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
    if environment.get("PYTHONPATH"):  # it may count from the working directory, which is another there
        entries = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in entries if entry)
    if compiled is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(compiled)
    return subprocess.Popen(
        [python, "-c", text, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={**environment, **_ENVIRONMENT},
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its descendants, and wait for it."""
    if processes.LINUX:
        processes.kill(list(processes.descendants(processes.children(process.pid))))
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (OSError, AttributeError):  # it has ended, or the system knows no groups
        process.kill()
    process.wait()


def resident(pid: int) -> int:
    """Bytes that a process and its descendants hold; 0 where the system does not tell."""
    total = 0
    for member in processes.descendants([pid]):
        fields = processes.read(f"/proc/{member}/statm").split()
        total += int(fields[1]) * _page() if len(fields) > 1 else 0
    return total


@lru_cache(maxsize=1)
def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")


@lru_cache(maxsize=4)
def script(name: str) -> str:
    """The text of a script beside this module."""
    return files("memlint.probe").joinpath(name).read_text(encoding="utf-8")


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended the interpreter, exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
