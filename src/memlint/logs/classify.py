"""The verdict on a log: the signs that nothing took back, the weightiest first."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from memlint.logs.sessions import Batch, Running, Sessions
from memlint.logs.signs import Cause, Hit, SignBook
from memlint.model import Confidence

UNKNOWN = "unknown"
_CONFIDENCE = {"certain": Confidence.HIGH, "strong": Confidence.MEDIUM, "weak": Confidence.LOW}
_SURER = {
    Confidence.LOW: Confidence.MEDIUM,
    Confidence.MEDIUM: Confidence.HIGH,
    Confidence.HIGH: Confidence.HIGH,
}
_SHOWN = 300  # characters of a line that is quoted
_KEPT = 40  # hits of one cause that are kept: the first half and the last
_MOST_EVIDENCE = 8
_LOST_WORKER = "worker_crashed"
# causes that end a process from outside: what was running then is of interest
_SUDDEN = frozenset(
    {
        "oom",
        "oom_likely",
        "terminated",
        "runner_lost",
        "worker_crashed",
        "crashed",
        "timeout",
        "cancelled",
        UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A line that the verdict rests on."""

    line: int
    text: str
    says: str


@dataclass(frozen=True, slots=True)
class Also:
    """Another thing that the log says, which the verdict explains or outweighs."""

    cause: str
    title: str
    line: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What most likely happened."""

    cause: str
    title: str
    confidence: Confidence
    advice: str
    evidence: tuple[Evidence, ...]
    running: Running | None
    batch: Batch | None
    also: tuple[Also, ...]
    next: tuple[str, ...]
    lines: int


@dataclass(slots=True)
class _Hits:
    """What was found and not taken back; of each cause a bounded number."""

    by_cause: dict[str, list[Hit]] = field(default_factory=dict)
    revocable: list[Hit] = field(default_factory=list)

    def add(self, hit: Hit) -> None:
        hits = self.by_cause.setdefault(hit.cause, [])
        hits.append(hit)
        if len(hits) > _KEPT:
            del hits[_KEPT // 2]
        if hit.lasts != "always":
            self.revocable.append(hit)
            if len(self.revocable) > 4 * _KEPT:
                del self.revocable[0]

    def outlived(self, sessions: Sessions, state: str) -> None:
        """Take back what the session has outlived."""
        if not self.revocable or sessions.current is None:
            return
        lost = any(hit.line >= sessions.current.start for hit in self.by_cause.get(_LOST_WORKER, ()))
        outlived = ("line", "session") if state == "ended" and not lost else ("line",)
        gone = {id(hit) for hit in self.revocable if hit.lasts in outlived}
        if gone:
            self.revocable = [hit for hit in self.revocable if id(hit) not in gone]
            for hits in self.by_cause.values():
                hits[:] = [hit for hit in hits if id(hit) not in gone]

    def settle(self) -> None:
        """A new session begins: what was found before it stays."""
        self.revocable.clear()


def classify(lines: Iterable[str], book: SignBook) -> Verdict:
    """Read a log once and judge it."""
    sessions, hits = Sessions(), _Hits()
    opened: object = None
    number = 0
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        state = sessions.take(number, line)
        if sessions.current is not opened:
            opened = sessions.current
            if state != "ended":  # else it is one that showed nothing of itself before: pytest -q
                hits.settle()
        if state:
            hits.outlived(sessions, state)
        for hit in book.found(number, line, sessions.in_report):
            hits.add(hit)
    return _verdict(sessions, hits, book, number)


def _verdict(sessions: Sessions, hits: _Hits, book: SignBook, lines: int) -> Verdict:
    """Weigh what is left."""
    _add_outcome(sessions, hits, book)
    found = sorted(
        (hit for group in hits.by_cause.values() for hit in group), key=lambda hit: (hit.rank, hit.line)
    )
    if _all_well(sessions, found):
        found = [hit for hit in found if hit.cause == "passed"]
    if not found:
        return _unknown(sessions, lines)
    cause = book.causes[found[0].cause]
    own = [hit for hit in found if hit.cause == cause.name]
    session = sessions.at(own[0].line)
    running = _running(cause, own, found, sessions)
    batch = sessions.batch(session) if cause.name in _SUDDEN else None
    return Verdict(
        cause=cause.name,
        title=cause.title,
        confidence=_confidence(cause, own, found),
        advice=cause.advice,
        evidence=tuple(_evidence(own)),
        running=running,
        batch=batch,
        also=tuple(_also(cause, found, book)),
        next=tuple(_next(cause, running, batch)),
        lines=lines,
    )


def _add_outcome(sessions: Sessions, hits: _Hits, book: SignBook) -> None:
    """What pytest said of its last session is a sign like any other."""
    session = sessions.current
    if session is None or not session.ended:
        return
    cause = "tests_failed" if session.failed else "passed"
    says = "pytest's summary tells of failures" if session.failed else "pytest's summary tells of none"
    hits.add(Hit(session.line, "", cause, "certain", says, book.rank(cause), "always"))


def _all_well(sessions: Sessions, found: list[Hit]) -> bool:
    """The last session passed, and all that speaks against it is weak, or the system says that the job succeeded."""
    last = sessions.current
    if last is not None and not (last.ended and not last.failed):
        return False
    succeeded = [hit.line for hit in found if hit.cause == "passed" and hit.text]
    others = [hit for hit in found if hit.cause != "passed"]
    if succeeded:
        return all(hit.line < succeeded[-1] and hit.lasts != "always" for hit in others)
    return last is not None and all(hit.trust == "weak" or _of_the_past(hit, last.start) for hit in others)


def _of_the_past(hit: Hit, start: int) -> bool:
    """Trouble with the network or a command before a session that passed was overcome."""
    return hit.line < start and hit.cause in ("network", "command_failed")


def _confidence(cause: Cause, own: list[Hit], found: list[Hit]) -> Confidence:
    best = min(own, key=lambda hit: ("certain", "strong", "weak").index(hit.trust))
    confidence = _CONFIDENCE[best.trust]
    return _SURER[confidence] if any(hit.cause in cause.supports for hit in found) else confidence


def _evidence(own: list[Hit]) -> Iterator[Evidence]:
    """The first and last lines, each meaning at least once."""
    by_meaning: dict[str, list[Hit]] = {}
    for hit in own:
        by_meaning.setdefault(hit.says, []).append(hit)
    most = max(1, _MOST_EVIDENCE // len(by_meaning))
    shown = {id(hit): hit for hits in by_meaning.values() for hit in hits[:most]}
    for hit in sorted(shown.values(), key=lambda hit: hit.line)[:_MOST_EVIDENCE]:
        yield Evidence(hit.line, hit.text[:_SHOWN], hit.says)


def _also(cause: Cause, found: list[Hit], book: SignBook) -> Iterator[Also]:
    named = {cause.name, "passed", "command_failed"}
    for hit in found:
        if hit.cause not in named:
            named.add(hit.cause)
            yield Also(hit.cause, book.causes[hit.cause].title, hit.line)


def _running(cause: Cause, own: list[Hit], found: list[Hit], sessions: Sessions) -> Running | None:
    """The test that a sign names, else the one that pytest's lines leave open."""
    named = _named(own)
    if named is not None or cause.name not in _SUDDEN:
        return named
    session = sessions.at(own[0].line)
    left_open = sessions.unit() or (session.running() if session is not None else None)
    return left_open or _named([hit for hit in found if hit.cause == _LOST_WORKER])


def _named(hits: list[Hit]) -> Running | None:
    """The first test that the lines name themselves; the others beside it."""
    named = [hit for hit in hits if hit.test or hit.file]
    if not named:
        return None
    first = next((hit for hit in named if hit.test and "::" in hit.test), named[0])
    test = first.test if first.test and "::" in first.test else None
    file = first.file or (first.test or "").partition("::")[0] or None
    others = dict.fromkeys(hit.test or hit.file or "" for hit in named)
    others.pop(first.test or first.file or "", None)
    return Running(test, file, first.line, "this line names it", tuple(others))


def _next(cause: Cause, running: Running | None, batch: Batch | None) -> Iterator[str]:
    """The first command whose blanks can be filled, and the first without any."""
    files = batch.files if batch is not None else ()
    blanks = {
        "file": shlex.quote(running.file) if running is not None and running.file else "",
        "test": shlex.quote(running.test) if running is not None and running.test else "",
        "files": " ".join(shlex.quote(file) for file in files[:20]) if len(files) <= 20 else "",
    }
    usable = [
        text
        for text in cause.next
        if all(value or f"{{{name}}}" not in text for name, value in blanks.items())
    ]
    filled = [_fill(text, blanks) for text in usable if "{" in text]
    return iter([*filled[:2], *[text for text in usable if "{" not in text][: 1 if filled else 2]])


def _fill(text: str, blanks: dict[str, str]) -> str:
    for name, value in blanks.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _unknown(sessions: Sessions, lines: int) -> Verdict:
    session = sessions.current
    running = sessions.unit() or (session.running() if session is not None else None)
    if running is None and (session is None or session.ended):
        advice = "Nothing in it is known to memlint. Is it the log of the step that failed?"
        return Verdict(
            UNKNOWN, "nothing that memlint knows", Confidence.LOW, advice, (), None, None, (), (), lines
        )
    return Verdict(
        cause=UNKNOWN,
        title="the log breaks off",
        confidence=Confidence.LOW,
        advice="Nothing says why: the machine may have been lost. Measure with a heartbeat next time, for a log is "
        "all that survives.",
        evidence=(),
        running=running,
        batch=sessions.batch(session),
        also=(),
        next=("memlint measure --limit 2GiB --heartbeat",),
        lines=lines,
    )
