"""The search for culprits of a suite that dies only as a whole: a pure function over an interface that runs.

Run all until death. The victim alone: over the limit by itself, it is *single heavy*. Else something that ran
before it holds what it lacks, the gap: the smallest set of largest keepers that explains it are *leakers*,
confirmed by a run of the set with the victim, which dies, and of the rest, which lives; where no small set
does, it is *uniform growth*. Then on with the rest, until a run lives, so that every culprit is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Protocol

from memlint.culprit.growth import are_few, fewest, spread
from memlint.culprit.wording import cause, quoted, size
from memlint.model import Cause, CauseKind, CulpritSearch, SearchEnd, SearchRun, Uncovered
from memlint.units import format_bytes

MARGIN = 1.05  # of the gap: figures of two runs differ by so much
ALIKE = 0.5  # of the smallest culprit: what keeps as much is one too
OUTLIER = 5  # times the median keeper
EXPLAINS = 0.9  # of the gap


@dataclass(frozen=True, slots=True)
class Happening:
    """What came of a run. Bytes."""

    run: SearchRun
    victim: str | None = None  # file
    importing: bool = False  # died before the first test
    base: int = 0  # held before the first test
    kept: Mapping[str, int] = field(default_factory=dict)  # file → what its tests kept
    imports: Mapping[str, int] = field(default_factory=dict)  # file → what its import added
    tests: int = 0  # that ended


class Laboratory(Protocol):
    """Runs files in one process, in this order, under the search's limit."""

    def run(self, files: Sequence[str], purpose: str) -> Happening:
        """Raises StoppedError when no more runs are allowed."""


class StoppedError(Exception):
    """The search must end here; the message says why."""


def search(files: Sequence[str], limit: int, laboratory: Laboratory) -> CulpritSearch:
    """Find every culprit of a suite under a limit in bytes."""
    state = _Search(list(files), limit, laboratory)
    try:
        end, note = state.go()
    except StoppedError as stop:
        end, note = SearchEnd.STOPPED, str(stop)
    return CulpritSearch(end, limit, tuple(state.uncovered), tuple(state.runs), note)


class _Search:
    def __init__(self, files: list[str], limit: int, laboratory: Laboratory) -> None:
        self.rest = files
        self.limit = limit
        self.laboratory = laboratory
        self.uncovered: list[Uncovered] = []
        self.runs: list[SearchRun] = []

    def run(self, files: Sequence[str], purpose: str) -> Happening:
        happening = self.laboratory.run(files, purpose)
        self.runs.append(happening.run)
        return happening

    def go(self) -> tuple[SearchEnd, str]:
        """Until a run lives."""
        happening = self.run(self.rest, f"the whole suite, {len(self.rest)} files")
        while happening.run.died:
            trouble = self.uncover(happening)
            if trouble is not None:
                return trouble
            if not self.rest:
                return SearchEnd.FOUND, "no file is left"
            happening = self.run(self.rest, f"the rest, {len(self.rest)} files")
        self.settle(happening)
        peak = format_bytes(happening.run.peak_bytes or 0)
        if self.uncovered:
            return SearchEnd.FOUND, f"without them the rest lives, with a peak of {peak}"
        return SearchEnd.NOTHING, f"the suite fits: its peak was {peak} of {format_bytes(self.limit)}"

    def uncover(self, happening: Happening) -> tuple[SearchEnd, str] | None:
        """Explain one death and take its culprits out of the rest; or say why that cannot be done."""
        victim = happening.victim
        if victim is None:
            return SearchEnd.UNEXPLAINED, f"run {happening.run.number} died before any file was known to run"
        alone = happening
        if len(self.rest) > 1:
            alone = self.run([victim], f"the victim alone, {victim}")
        if alone.run.died:
            self.found_heavy(happening, alone)
            return None
        gap = self.limit - (alone.run.peak_bytes or 0)
        held = happening.imports if happening.importing else happening.kept
        kept = {name: kept for name, kept in held.items() if name != victim and kept > 0}
        imported = max(0, happening.base - alone.base)
        if sum(kept.values()) + imported < EXPLAINS * gap:
            return self.doubt(happening, f"what ran before {victim} kept too little to explain its death")
        return self.accumulated(happening, alone, kept, gap)

    def found_heavy(self, happening: Happening, alone: Happening) -> None:
        """The victim is over the limit by itself."""
        victim = happening.victim or self.rest[0]
        test = alone.run.victim or happening.run.victim or victim
        peak = alone.run.peak_bytes or self.limit
        said = (
            f"run {alone.run.number}: alone it dies too, at {format_bytes(peak)}, in {test}",
            f"run {happening.run.number}: the run of {len(happening.run.files)} files died in it",
        )
        found = cause(
            CauseKind.SINGLE_HEAVY,
            victim,
            peak,
            [(test, peak, f"needs more than {format_bytes(self.limit)} by itself")],
            said,
            command=f"memlint measure {quoted(test)} --memray",
        )
        self.uncovered.append(Uncovered(found, alone.run.number, None))
        self.rest.remove(victim)

    def accumulated(
        self, happening: Happening, alone: Happening, kept: dict[str, int], gap: int
    ) -> tuple[SearchEnd, str] | None:
        """What ran before the victim holds what it lacks."""
        names = [name for name in happening.run.files if name in kept]
        sizes = [kept[name] for name in names]
        chosen = [names[i] for i in fewest(sizes, MARGIN * gap)]
        nearly = [names[i] for i in fewest(sizes, EXPLAINS * gap)]
        if len(chosen) > 2 * len(nearly):  # small ones that fill what the large ones lack by a figure's error
            chosen = nearly
        if not are_few(len(chosen), len(names)) and not happening.importing:
            outliers = [name for name in names if kept[name] >= OUTLIER * median(sizes)]
            if not outliers and spread(sizes).uniform:
                return self.uniform(happening, alone, sizes, gap)
            return self.leakers(happening, alone, kept, gap, outliers or chosen, chosen)
        least = ALIKE * min((kept[name] for name in chosen), default=0)
        return self.leakers(
            happening, alone, kept, gap, [name for name in names if kept[name] >= least], chosen
        )

    def leakers(
        self,
        happening: Happening,
        alone: Happening,
        kept: dict[str, int],
        gap: int,
        culprits: list[str],
        chosen: list[str],
    ) -> tuple[SearchEnd, str] | None:
        """Confirm a set by a run with the victim; when it lives, by one with everything that kept memory."""
        victim = alone.run.files[0]
        confirmed = None
        for wanted in dict.fromkeys((frozenset({*chosen, *culprits}), frozenset(kept))):
            order = [*(name for name in happening.run.files if name in wanted), victim]
            confirming = self.run(order, f"{len(order) - 1} suspected files and the victim")
            if confirming.run.died:
                confirmed = confirming.run.number
                break
            if (confirming.run.peak_bytes or 0) >= EXPLAINS * self.limit and wanted == set(kept):
                confirmed = happening.run.number  # it lacks what importing the other files adds
        if confirmed is None:
            return self.doubt(happening, f"the files before {victim} that kept memory do not kill it")
        held = sum(kept[name] for name in culprits)
        kind = CauseKind.IMPORT_COST if happening.importing else CauseKind.LEAKERS
        verb = "adds" if happening.importing else "keeps"
        rows = [(name, kept[name], f"{verb} {size(kept[name])}") for name in culprits]
        said = (
            f"run {alone.run.number}: {victim} alone lives, with a peak of {size(alone.run.peak_bytes or 0)}: "
            f"it lacks {size(gap)} that others hold",
            f"run {happening.run.number}: {len(culprits)} of {len(kept)} files before it held {size(held)}",
            f"run {confirmed}: with them it dies",
        )
        first = quoted(max(culprits, key=lambda name: kept[name]))
        command = f"memlint measure {first} --repeat 5 --in-process"
        found = cause(kind, "", held, rows, said, command=command)
        self.uncovered.append(Uncovered(found, confirmed, None))
        self.rest = [name for name in self.rest if name not in set(culprits)]
        return None

    def uniform(
        self, happening: Happening, alone: Happening, sizes: list[int], gap: int
    ) -> tuple[SearchEnd, str] | None:
        """Every file keeps a little: in another order another one dies, and half of them lives."""
        victim = alone.run.files[0]
        before = [name for name in happening.run.files if name in happening.kept or name == victim]
        turned = self.run(before[::-1], f"the same {len(before)} files in reverse order")
        half = self.run(before[: len(before) // 2], f"the first half of them, {len(before) // 2} files")
        if half.run.died:
            return self.doubt(happening, "half of the files that grew evenly dies as well")
        a_file = spread(sizes).slope
        a_test = sum(sizes) / happening.tests if happening.tests else None
        other = f"in {turned.run.victim}" if turned.run.died else "nowhere"
        said = (
            f"run {happening.run.number}: memory grew by {size(a_file)} a file (Theil–Sen) over {len(sizes)} "
            "files, and no few of them explain it",
            f"run {alone.run.number}: {victim}, where it died, needs {size(alone.run.peak_bytes or 0)} alone",
            f"run {turned.run.number}: in reverse order it dies {other}",
            f"run {half.run.number}: half of the files lives",
        )
        rows = sorted(happening.kept.items(), key=lambda pair: -pair[1])[:3]
        found = cause(
            CauseKind.UNIFORM_GROWTH,
            "",
            sum(sizes),
            [(name, kept, f"keeps {size(kept)}, as others do") for name, kept in rows],
            said,
            slope=a_test,
            command=f"memlint measure {quoted(rows[0][0])} --repeat 5 --in-process",
        )
        dies = turned.run.number if turned.run.died else happening.run.number
        self.uncovered.append(Uncovered(found, dies, half.run.number))
        gone = set(half.run.files)
        self.rest = [name for name in self.rest if name not in gone]
        return None

    def doubt(self, happening: Happening, reason: str) -> tuple[SearchEnd, str]:
        """A death that the figures do not explain: does it happen again, and in the same test?"""
        again = self.run(happening.run.files, "the same files once more")
        first, second = happening.run.victim, again.run.victim
        if again.run.died and again.victim == happening.victim:
            return SearchEnd.UNEXPLAINED, f"{reason}, though it died there twice"
        said = f"then in {second}" if again.run.died else "then nowhere"
        note = f"{reason}; the same run died in {first}, {said}"
        found = cause(CauseKind.PRESSURE, "", again.run.peak_bytes or 0, (), (note,))
        self.uncovered.append(
            Uncovered(found, happening.run.number, None if again.run.died else again.run.number)
        )
        return SearchEnd.PRESSURE, note

    def settle(self, happening: Happening) -> None:
        """A run lived: it is the second confirmation, and shows what else keeps as much as a leaker."""
        number = happening.run.number
        self.uncovered = [
            each if each.lives is not None else replace(each, lives=number) for each in self.uncovered
        ]
        self.uncovered = [
            replace(each, cause=_with_late(each.cause, happening)) if _leaks(each.cause) else each
            for each in self.uncovered
        ]


def _leaks(found: Cause) -> bool:
    return found.kind is CauseKind.LEAKERS


def _with_late(found: Cause, happening: Happening) -> Cause:
    """Files behind the victims that keep as much as those that were named."""
    least = ALIKE * min(culprit.bytes for culprit in found.culprits)
    named = {culprit.name for culprit in found.culprits}
    late = {n: kept for n, kept in happening.kept.items() if kept >= least and n not in named}
    if not late or not are_few(len(late), len(happening.run.files)):
        return found
    rows = [(culprit.name, float(culprit.bytes), culprit.text) for culprit in found.culprits]
    rows += [
        (name, kept, f"keeps {size(kept)}, in run {happening.run.number}") for name, kept in late.items()
    ]
    more = "1 more file keeps" if len(late) == 1 else f"{len(late)} more files keep"
    said = f"run {happening.run.number}: {more} as much"
    total = found.bytes + sum(late.values())
    return cause(found.kind, found.where, total, rows, (*found.evidence, said), command=found.next_command)
