"""Names that were measured and are gone, matched with those that have taken their place."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from memlint.model import RankResult, Renamed
from memlint.runner.units import file_of

_SHARED_TESTS = 0.6  # of the names of two files' tests, for one to be the other renamed
_ALIKE = 0.88  # of two names of tests in one file, by difflib's ratio


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the tests that were measured, by file."""

    tests: Mapping[str, set[str]]
    exists: Callable[[str], bool]


def renamed_files(names: Names, ranking: RankResult) -> list[Renamed]:
    """Match files that are gone with ranked ones that were not measured and hold mostly the same tests."""
    now: dict[str, set[str]] = defaultdict(set)
    for suspect in ranking.tests:
        if suspect.path not in names.tests:
            now[suspect.path].add(_test_name(str(suspect.nodeid)))
    gone = {
        file: {_test_name(test) for test in tests}
        for file, tests in names.tests.items()
        if tests and not names.exists(file)
    }
    return _mutual(gone, now, _overlap)


def renamed_tests(
    measured: Iterable[str], predicted: Iterable[str], moved: Mapping[str, str]
) -> list[Renamed]:
    """Match tests within a file; ``moved`` maps files that were renamed to their new names."""
    known = set(predicted)
    names = {name: _moved(name, moved) for name in measured}
    follow = [Renamed(old, new) for old, new in names.items() if old != new and new in known]
    taken = set(names.values())
    gone: dict[str, set[str]] = {}
    free: dict[str, set[str]] = {}
    files = {file_of(name) for name in known}
    for old, new in names.items():
        if new not in known and file_of(new) in files:
            gone[old] = {file_of(new)}
    for name in known - taken:
        free[name] = {file_of(name)}
    return follow + _mutual(gone, free, _likeness)


def renamed_names(old: Mapping[str, set[str]], new: Mapping[str, set[str]]) -> list[Renamed]:
    """Match the names of two measurements: of files by the names of the tests in them, of tests by their own."""
    gone = {name: tests for name, tests in old.items() if name not in new}
    fresh = {name: tests for name, tests in new.items() if name not in old}
    if any("::" in name for name in (*gone, *fresh)):
        return _mutual({n: {file_of(n)} for n in gone}, {n: {file_of(n)} for n in fresh}, _likeness)
    return _mutual(gone, fresh, _overlap)


def _moved(name: str, moved: Mapping[str, str]) -> str:
    file, colons, rest = name.partition("::")
    return f"{moved.get(file, file)}{colons}{rest}"


def _test_name(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def _overlap(old: str, new: str, before: set[str], after: set[str]) -> float:
    """Shared names of tests over all of them; a single one must stand in a file of the same name to count."""
    shared = len(before & after)
    if shared < 2 and posixpath.basename(old) != posixpath.basename(new):
        return 0.0
    share = shared / len(before | after)
    return share if share >= _SHARED_TESTS else 0.0


def _likeness(old: str, new: str, before: set[str], after: set[str]) -> float:
    """How alike two names of tests of one file are; a test that only changed its class is the same."""
    if not before & after:
        return 0.0
    first, second = (name.rpartition("::")[2].removeprefix("test_") for name in (old, new))
    if first == second:
        return 1.0
    ratio = SequenceMatcher(None, first, second, autojunk=False).ratio()
    return ratio if ratio >= _ALIKE else 0.0


def _mutual(
    old: Mapping[str, set[str]],
    new: Mapping[str, set[str]],
    likeness: Callable[[str, str, set[str], set[str]], float],
) -> list[Renamed]:
    """Pairs that are each other's best match, and the only best one."""
    forth = {a: _best({b: likeness(a, b, old[a], new[b]) for b in new}) for a in old}
    back = {b: _best({a: likeness(a, b, old[a], new[b]) for a in old}) for b in new}
    return [Renamed(a, b) for a, b in sorted(forth.items()) if b is not None and back[b] == a]


def _best(scores: Mapping[str, float]) -> str | None:
    best = sorted(((score, other) for other, score in scores.items() if score > 0), reverse=True)[:2]
    if not best or (len(best) == 2 and best[0][0] == best[1][0]):
        return None
    return best[0][1]
