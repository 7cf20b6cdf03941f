"""What runs in one process: units, their order and shards, and the hashes by which they are known again."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

MOST_PIECES = 50  # processes into which what remains of a file that ran out of memory is split


@dataclass(frozen=True, slots=True)
class Unit:
    """One pytest process. ``tests`` restricts it to some tests of ``files``; empty means all of them."""

    name: str
    members: tuple[str, ...]  # what the user asked for: files, or test ids
    files: tuple[str, ...]  # pytest's arguments: POSIX paths relative to the working directory
    tests: tuple[str, ...] = ()
    predicted_bytes: int | None = None  # likely peak, by ranking; None when unknown
    trial: int = 1  # 2 when the run died while the unit was in flight
    repeat: int = 1
    batch: int | None = None  # its number, where a run is made of batches

    @property
    def alone(self) -> bool:
        """Whether nothing may run beside it."""
        return self.trial > 1


def units_of(named: Sequence[str], predictions: Mapping[str, int], batch_size: int = 1) -> list[Unit]:
    """One unit for each file or node id in the order given, or one for each ``batch_size`` of them."""
    units = []
    for start in range(0, len(named), batch_size):
        members = tuple(named[start : start + batch_size])
        files = tuple(dict.fromkeys(file_of(member) for member in members))
        known = [predictions[f] for f in files if f in predictions]
        units.append(
            Unit(
                name=members[0] if len(members) == 1 else f"{members[0]} +{len(members) - 1}",
                members=members,
                files=files,
                tests=() if files == members else members,  # a file's own name selects all of its tests
                predicted_bytes=max(known) if known else None,
                batch=start // batch_size + 1 if batch_size > 1 else None,
            )
        )
    return units


def slug(name: str) -> str:
    """A file name that tells which unit it belongs to."""
    stem = name.replace("/", "-").encode(errors="replace").decode()
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in stem)[-80:]


def file_of(name: str) -> str:
    """The file of a node id; a file's own name is returned as it is."""
    return name.partition("::")[0]


def units_by_test(parent: Unit, tests: Iterable[str]) -> list[Unit]:
    """One unit for each of these tests of a unit."""
    return [_piece(parent, (test,)) for test in tests]


def split(parent: Unit, tests: Sequence[str], ended: Iterable[str], victim: str | None) -> list[Unit]:
    """Units for what a unit that ran out of memory owes: its victim alone, then every test that never ended.

    Up to 50 tests get a process each; beyond that equal pieces, which are split again should they run out
    too.
    """
    done = set(ended)
    rest = [test for test in tests if test not in done and test != victim]
    size = -(-len(rest) // MOST_PIECES) or 1
    pieces = [tuple(rest[start : start + size]) for start in range(0, len(rest), size)]
    if victim is not None and (len(tests) > 1 or parent.tests == ()):
        pieces.insert(0, (victim,))
    return [_piece(parent, piece) for piece in pieces]


def _piece(parent: Unit, tests: tuple[str, ...]) -> Unit:
    owners = dict.fromkeys(file_of(test) for test in tests)
    files = tuple(name for name in parent.files if name in owners)
    name = tests[0] if len(tests) == 1 else f"{tests[0]} +{len(tests) - 1}"
    return replace(
        parent, name=name, members=tests, files=files or parent.files, tests=tests, trial=1, batch=None
    )


def in_order(files: Sequence[str], order: str, predictions: Mapping[str, int], seed: int = 0) -> list[str]:
    """Files and node ids by ``order``: ``suspects`` (heaviest first), ``given``, ``random`` by ``seed``.

    Those without a prediction go behind those that have one, by path.
    """
    if order == "random":
        shuffled = sorted(files)
        random.Random(seed).shuffle(shuffled)
        return shuffled
    if order == "suspects" and predictions:
        return sorted(
            files, key=lambda f: (file_of(f) not in predictions, -predictions.get(file_of(f), 0), f)
        )
    return list(files)


def shard_of(files: Sequence[str], index: int, count: int) -> list[str]:
    """The files of shard ``index`` of ``count``, from 1. It depends on the names alone, so machines agree."""
    mine = set(sorted(files)[index - 1 :: count])
    return [f for f in files if f in mine]


@dataclass(slots=True)
class Sources:
    """Hashes of files and of the conftest files above them, each read once."""

    root: Path
    _digests: dict[Path, str] = field(default_factory=dict)
    _chains: dict[Path, tuple[str, ...]] = field(default_factory=dict)

    def hash(self, unit: Unit) -> str:
        """What decides whether a finished unit may be skipped on ``--resume``."""
        total = hashlib.sha256()
        for name in unit.files:
            total.update(self._digest(self.root / name).encode())
            for conftest in self.conftests(name):
                total.update(self._digest(self.root / conftest).encode())
        return f"sha256:{total.hexdigest()[:32]}"

    def conftests(self, name: str) -> tuple[str, ...]:
        """The conftest files from the working directory (or the root) down to the file's folder."""
        folder = (self.root / name).parent
        if folder not in self._chains:
            self._chains[folder] = self._find(folder)
        return self._chains[folder]

    def _find(self, folder: Path) -> tuple[str, ...]:
        above = [folder, *folder.parents]
        if self.root in above:
            above = above[: above.index(self.root) + 1]
        found = [f / "conftest.py" for f in reversed(above) if (f / "conftest.py").is_file()]
        return tuple(
            p.relative_to(self.root).as_posix() if p.is_relative_to(self.root) else str(p) for p in found
        )

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            try:
                self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError:
                self._digests[path] = "missing"
        return self._digests[path]
