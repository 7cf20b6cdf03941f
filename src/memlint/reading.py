"""Phase 1: the files' facts, from the cache or by lowering, in parallel when the work is worth it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from memlint.cache import FileCache
from memlint.facts import NO_STATEMENTS, FileFacts, Problem, decode_file, digest_of, encode, header_of
from memlint.garbage import uncollected
from memlint.syntax.source import lower_file

_WORTH_FORKING = 1_000_000  # bytes of source; below, starting processes costs more than it saves
_BYTES_A_JOB = 700_000_000  # memory that one lowering process may need for the largest file


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to read: ``path`` as results show it, ``file`` where it lies."""

    path: str
    file: Path


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, and why."""

    path: str
    message: str


Pending = list[tuple[Wanted, os.stat_result]]


def read_facts(
    wanted: Iterable[Wanted],
    cache: FileCache[FileFacts],
    jobs: int | None,
    extra_rules: tuple[Path, ...] = (),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[FileFacts], list[Unread]]:
    """Return the facts of all files in the order given, without statements, and what could not be read.

    The cache holds the whole facts.
    """
    files = list(wanted)
    known: dict[str, FileFacts] = {}
    unread: list[Unread] = []
    pending: Pending = []
    for item in files:
        found = _from_cache(item, cache)
        if isinstance(found, FileFacts):
            known[item.path] = header_of(found)
        elif isinstance(found, Unread):
            unread.append(found)
        else:
            pending.append((item, found))
    lowered = _lower_all(pending, _jobs_for(pending, jobs), extra_rules)
    for number, (item, stat, encoded) in enumerate(lowered, 1):
        if isinstance(encoded, str):
            cache.missing(str(item.file))
            unread.append(Unread(item.path, encoded))
        else:
            facts = decode_file(encoded)
            known[item.path] = header_of(facts)
            cache.put(str(item.file), stat, facts.digest, encoded)
        if progress is not None:
            progress(number, len(pending))
    return [known[item.path] for item in files if item.path in known], unread


def _from_cache(item: Wanted, cache: FileCache[FileFacts]) -> FileFacts | Unread | os.stat_result:
    path = str(item.file)
    try:
        stat = item.file.stat()
        facts = cache.fresh(path, stat)
        if facts is None and cache.knows(path):
            facts = cache.same_content(path, digest_of(item.file.read_bytes()), stat)
        return stat if facts is None else named(facts, item.path)
    except OSError as error:
        cache.missing(path)
        return Unread(item.path, _why_unread(error))


def _why_unread(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"


def named(facts: FileFacts, path: str) -> FileFacts:
    """The facts under the path of this run: another working directory gives a file another name."""
    if facts.path == path:
        return facts
    import msgspec

    return msgspec.structs.replace(facts, path=path)


def _jobs_for(pending: Pending, jobs: int | None) -> int:
    if jobs is None:
        if sum(stat.st_size for _, stat in pending) < _WORTH_FORKING:
            return 1
        jobs = min(_cores(), max(1, _free_bytes() // _BYTES_A_JOB))
    return max(1, min(jobs, len(pending)))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free_bytes() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 4 * _BYTES_A_JOB


Lowered = tuple[Wanted, os.stat_result, bytes | str]  # a string says why the file could not be read


def _lower_all(pending: Pending, jobs: int, extra_rules: tuple[Path, ...]) -> Iterable[Lowered]:
    if jobs == 1:
        for item, stat in pending:
            yield item, stat, _lower(item, extra_rules)
        return
    # the largest first, so that no core waits in the end
    pending = sorted(pending, key=lambda entry: -entry[1].st_size)
    done: set[str] = set()
    try:
        for lowered in _in_pool(pending, jobs, extra_rules):
            done.add(lowered[0].path)
            yield lowered
    except BrokenProcessPool:
        rest = [entry for entry in pending if entry[0].path not in done]
        yield from _one_by_one(rest, extra_rules)


def _in_pool(pending: Pending, jobs: int, extra_rules: tuple[Path, ...]) -> Iterable[Lowered]:
    import memlint.syntax.parse  # noqa: F401  (imported once, before the fork)

    with ProcessPoolExecutor(
        jobs, mp_context=_context(), initializer=_begin_worker, initargs=(extra_rules,)
    ) as pool:
        futures = {pool.submit(_lower_piece, item): (item, stat) for item, stat in pending}
        try:
            for future in as_completed(futures):
                item, stat = futures.pop(future)
                yield item, stat, future.result()
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_extra_rules: tuple[Path, ...] = ()  # of a worker


def _begin_worker(extra_rules: tuple[Path, ...]) -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the parent: it ends the workers."""
    global _extra_rules
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _extra_rules = extra_rules


def _lower_piece(item: Wanted) -> bytes | str:
    return _lower(item, _extra_rules)


def _one_by_one(pending: Pending, extra_rules: tuple[Path, ...]) -> Iterable[Lowered]:
    """After a parser has crashed: a process a file, so that the file that crashes it is known."""
    for item, stat in pending:
        try:
            with ProcessPoolExecutor(1, mp_context=_context()) as pool:
                yield item, stat, pool.submit(_lower, item, extra_rules).result()
        except BrokenProcessPool:
            yield item, stat, encode(_unread(item.path, _content(item), "the parser crashed on it"))


def _content(item: Wanted) -> bytes:
    try:
        return item.file.read_bytes()
    except OSError:
        return b""


def _context() -> multiprocessing.context.BaseContext:
    return multiprocessing.get_context(
        "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    )


def _lower(item: Wanted, extra_rules: tuple[Path, ...]) -> bytes | str:
    """The encoded facts of a file, or why it cannot be read."""
    try:
        content = item.file.read_bytes()
    except OSError as error:
        return _why_unread(error)
    with uncollected():
        try:
            return encode(lower_file(item.path, content, extra_rules))
        except Exception as error:  # a fault of memlint's in one file must not take the others' findings away
            if os.environ.get("MEMLINT_DEBUG"):
                raise
            what = f"memlint failed on it ({type(error).__name__}: {error}); please report this"
            return encode(_unread(item.path, content, what.encode("utf-8", "replace").decode()))


def _unread(path: str, content: bytes, why: str) -> FileFacts:
    problem = Problem(1, f"{why}; it was not checked", "MEM900")
    lines = content.count(b"\n")
    return FileFacts(path, digest_of(content), len(content), lines, NO_STATEMENTS, problems=(problem,))
