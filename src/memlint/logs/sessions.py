"""Where pytest stood: its sessions, the file and the test that were running, and the batch they belonged to."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

_START = re.compile(r"^=+ test session starts =+$")
_COUNTED = r"passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|reruns?|subtests? \w+"
_COUNTS = rf"(?:\d+ (?:{_COUNTED})(?:, )?)+"
_END = re.compile(
    rf"^(?:=+ )?(?P<counts>{_COUNTS}|no tests (?:ran|collected)\S*) in \d[\d.]*s(?: \([\d:, days]+\))?(?: =+)?$"
)
_FAILED = re.compile(r"\d+ (?:failed|errors?)\b")
_REPORT = re.compile(r"^=+ (?:FAILURES|ERRORS|warnings summary.*|short test summary info|PASSES|RERUNS) =+$")
_OUTCOME = r"PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS|RERUN"
_NODE = r"[^\s:]+\.py::[^\s\[]+(?:\[.*?\](?=\s|$))?"
_VERBOSE = re.compile(rf"^(?P<test>{_NODE})(?:\s+(?P<outcome>{_OUTCOME})\b|\s.*?(?P<late>{_OUTCOME})\b|\s|$)")
_WORKER = re.compile(rf"^\[(?P<worker>gw\d+)\](?: \[ *\d+%\])? (?P<outcome>{_OUTCOME}) (?P<test>{_NODE})")
_FILE = re.compile(r"^(?P<file>[^\s:]+\.py) (?P<dots>[.FEsxXR]*)(?P<rest>.*)$")
_DOTS = re.compile(r"^(?P<dots>[.FEsxXRf]+) *(?:\[ *\d+%\])?$")
_LONE_OUTCOME = re.compile(rf"(?:^|\S)(?P<outcome>{_OUTCOME})\b(?: +\[ *\d+%\])?$")
_BEAT = re.compile(r"^\[\d+/\d+\] running \d+ s \S+ \wi?B? ?(?P<name>\S.*)$")
_BEGUN = re.compile(r"^start (?P<name>\S+\.py(?:::.*?)?(?: \+\d+)?)$")
_UNIT = re.compile(r"^\[\d+/\d+\] [A-Z_]+ [\d.]+ s (?:-|[\d.]+ \w+) (?P<name>[^;]+?)(?: \(run \d+\))?(?:;|$)")
_FRAME = re.compile(r'^ +File "(?P<file>[^"]*?(?P<name>[\w.-]+\.py))", line \d+,? in (?P<function>test\w*)$')
_BATCH = re.compile(
    r"^[#=*>\[ -]*(?:\w+ )?(?i:batch)\s+#?(?P<number>\d+)(?P<of>\s*(?:/|of)\s*\d+)?\b"
    r"(?P<colon>\s*[:–—(-])?(?P<rest>.*)$"
)
_EXIT = re.compile(r"\bexit\b|\bfailed\b")
_COMMAND = re.compile(
    r"^(?:\+ |\$ |> |##\[group\]Run |Run |\[command\])?(?:\S+ (?:run|-m) )*(?:\S*/)?pytest (?P<arguments>.+)$"
)
_PY = re.compile(r"[^\s'\",()]+\.py(?:::[^\s'\",()]+)?")
_MOST_BEGUN = 20_000  # tests of an xdist run that have begun and not ended, as far as they are remembered
_MOST_FILES = 200
_MOST_BROKEN = 50


@dataclass(frozen=True, slots=True)
class Running:
    """What was running when the log ends or the process died. ``others`` ran beside it."""

    test: str | None
    file: str | None
    line: int
    how: str  # what says so
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Session:
    """One pytest run. ``line`` is the last sign of life."""

    start: int
    ended: bool = False
    failed: bool = False
    in_report: bool = False
    line: int = 0
    file: str | None = None
    done: int = 0  # tests of the file that ended, by its dots
    begun: dict[str, int] = field(default_factory=dict)  # test → line; those that have not ended
    workers: bool = False
    frame: tuple[str, str, int] | None = None  # of the first stack that shows a test
    batch: Batch | None = None

    def running(self) -> Running | None:
        """The test that had begun and not ended."""
        if self.ended:
            return None
        if self.begun and self.workers:
            names = tuple(self.begun)
            return Running(
                None, None, self.begun[names[-1]], "begun by some worker and not ended", names[-20:]
            )
        if self.begun:
            test = next(reversed(self.begun))
            return Running(test, test.partition("::")[0], self.begun[test], "its line has no outcome")
        if self.frame is not None:
            file, function, line = self.frame
            return Running(f"{file}::{function}", file, line, "the stack shows it")
        if self.file is not None:
            how = f"test {self.done + 1} of this file, by its progress line"
            return Running(None, self.file, self.line, how)
        return None


@dataclass(frozen=True, slots=True)
class Batch:
    """What ran together: the number a script gave it, and its files."""

    name: str | None
    files: tuple[str, ...]
    line: int


class Sessions:
    """Follows a log line by line."""

    def __init__(self) -> None:
        self.current: Session | None = None
        self.broken: list[Session] = []  # those that were followed by another one before they ended
        self.units: dict[str, int] = {}  # memlint's own: begun and not ended → line
        self.beat: tuple[str, int] | None = None
        self._batch: Batch | None = None

    @property
    def _is_open(self) -> bool:
        return self.current is not None and not self.current.ended

    @property
    def in_report(self) -> bool:
        """Whether pytest is telling of failures, warnings or its summary."""
        return self.current is not None and self.current.in_report and not self.current.ended

    def take(self, number: int, line: str) -> str:
        """Take a line in; "alive" when it shows a session going on, "ended" when it ended, else ""."""
        if line.startswith("=") and _START.match(line):
            self._open(number)
            return ""
        if self._memlint(number, line) or self._named_batch(number, line):
            return ""
        end = _END.match(line) if " in " in line else None
        if end is not None:
            return self._end(number, end["counts"])
        if self.current is not None and line.startswith("=") and _REPORT.match(line):
            self.current.in_report, self.current.line = True, number
            return "alive"
        if self.current is not None and line.startswith(" ") and (frame := _FRAME.match(line)):
            self.current.frame = self.current.frame or (frame["file"], frame["function"], number)
            return ""
        return "alive" if not self.in_report and self._progress(number, line) else ""

    # --- sessions ---------------------------------------------------------------------------------------------

    def _open(self, number: int) -> Session:
        if self.current is not None and not self.current.ended and len(self.broken) < _MOST_BROKEN:
            self.broken.append(self.current)
        session = Session(number, line=number, batch=self._batch)
        self.current = session
        return session

    def _alive(self, number: int) -> Session:
        """The session that the line belongs to; ``pytest -q`` opens none itself."""
        session = self.current
        if session is None or session.ended:
            session = self._open(number)
        session.line = number
        return session

    def _end(self, number: int, counts: str) -> str:
        session = self.current
        if session is None or session.ended:  # pytest -q shows nothing but dots before its summary
            session = self._open(session.line + 1 if session is not None else 1)
        session.line = number
        session.ended = True
        session.failed = bool(_FAILED.search(counts))
        session.begun.clear()
        self._batch = None
        return "ended"

    def _progress(self, number: int, line: str) -> bool:
        if worker := _WORKER.match(line):
            session = self._alive(number)
            session.workers = True
            session.begun.pop(worker["test"], None)
            return True
        if "::" in line and (verbose := _VERBOSE.match(line)):
            self._verbose(self._alive(number), number, verbose)
            return True
        if (file := _FILE.match(line)) and (file["dots"] or self._is_open):
            session = self._alive(number)
            session.file, session.done = file["file"], len(file["dots"])
            return True
        return self._carries_on(number, line)

    def _carries_on(self, number: int, line: str) -> bool:
        """Lines that say something only inside an open session: dots, and an outcome after a test's own output."""
        session = self.current
        if session is None or session.ended:
            return False
        if dots := _DOTS.match(line):
            session.done += len(dots["dots"])
        elif session.begun and not session.workers and _LONE_OUTCOME.search(line):
            session.begun.popitem()
        else:
            return False
        session.line = number
        return True

    def _verbose(self, session: Session, number: int, match: re.Match[str]) -> None:
        test = match["test"]
        if match["outcome"] or match["late"]:
            session.begun.pop(test, None)
            return
        if not session.workers:
            session.begun.clear()  # one after the other: the next one's begin is the last one's end
        session.begun[test] = number
        if len(session.begun) > _MOST_BEGUN:
            del session.begun[next(iter(session.begun))]

    # --- memlint's own lines, batches --------------------------------------------------------------------------

    def _memlint(self, number: int, line: str) -> bool:
        if line.startswith("start ") and (begun := _BEGUN.match(line)):
            self.units[begun["name"]] = number
            return True
        if not line.startswith("["):
            return False
        if beat := _BEAT.match(line):
            self.beat = (beat["name"], number)
            return True
        if unit := _UNIT.match(line):
            self.units.pop(unit["name"], None)
            return True
        return False

    def _named_batch(self, number: int, line: str) -> bool:
        if "pytest" in line and (command := _COMMAND.match(line)):
            files = tuple(_files(command["arguments"]))
            if files:
                self._take_batch(number, None, files)
            return bool(files)
        if ("atch" in line or "ATCH" in line) and (batch := _BATCH.match(line)):
            files = tuple(_PY.findall(batch["rest"])[:_MOST_FILES])
            if files or ((batch["of"] or batch["colon"]) and not self._goes_on()):
                self._take_batch(number, batch["number"], files)
                if self.current is not None and self._is_open and _EXIT.search(batch["rest"]):
                    self.current.batch = self.current.batch or self._batch  # told when it was over
                return True
        return False

    def _goes_on(self) -> bool:
        """Whether tests are running: what they print of batches is theirs."""
        session = self.current
        return session is not None and not session.ended and bool(session.begun or session.file)

    def _take_batch(self, number: int, name: str | None, files: tuple[str, ...]) -> None:
        """A script's heading and its pytest command speak of one batch."""
        known = self._batch
        if name is None and known is not None and not known.files:
            name = known.name
        self._batch = Batch(name, files, number)

    def at(self, line: int) -> Session | None:
        """The session that broke off at a line, or the last one."""
        before = [session for session in self.broken if session.start <= line]
        current = self.current
        if current is not None and (current.start <= line or not before):
            return current
        return before[-1] if before else None

    def batch(self, session: Session | None) -> Batch | None:
        """What ran together in a session."""
        own = session.batch if session is not None else None
        return own or self._batch

    def unit(self) -> Running | None:
        """What memlint's own lines leave open at the end of the log."""
        if self.beat is not None and self.units:
            name, line = self.beat
            test = name if "::" in name else None
            return Running(test, name.partition("::")[0], line, "memlint's last sign of life")
        if self.units:
            name, line = next(reversed(self.units.items()))
            test = name if "::" in name else None
            others = tuple(self.units)[:-1][-20:]
            return Running(
                test, name.partition("::")[0].partition(" +")[0], line, "memlint had started it", others
            )
        return None


def _files(arguments: str) -> list[str]:
    try:
        words = shlex.split(arguments)
    except ValueError:
        words = arguments.split()
    return [word for word in words if word.partition("::")[0].endswith(".py")][:_MOST_FILES]
