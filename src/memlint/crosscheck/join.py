"""Predictions and measurements brought together by name: file by file, or test by test without parameters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from memlint.crosscheck.renames import Names, renamed_files, renamed_tests
from memlint.model import (
    Finding,
    JoinedRow,
    MeasuredTest,
    MeasuredUnit,
    Per,
    RankResult,
    Renamed,
    Status,
    Suspect,
    Unmatched,
)
from memlint.runner.units import file_of
from memlint.runner.verdicts import EARLY

# verdicts under which no test's body ran, with what is said of the file
NOTHING_RAN = {
    "no_tests": "no test of it ran",
    "collection_error": "it could not be collected when it was measured",
    "usage_error": "pytest refused it when it was measured",
    "interrupted": "its run was interrupted",
}
_IDLE = frozenset({"skipped"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured peak of one file or test."""

    bytes: int
    verdict: str
    unit: MeasuredUnit

    @property
    def at_least(self) -> bool:
        """Whether the run was cut off before the peak need have been reached."""
        return self.verdict in EARLY


@dataclass(slots=True)
class Units:
    """How one file was measured: by itself, in parts, or together with other files."""

    alone: list[MeasuredUnit] = field(default_factory=list)
    parts: list[MeasuredUnit] = field(default_factory=list)
    batched: list[MeasuredUnit] = field(default_factory=list)

    @property
    def own(self) -> list[MeasuredUnit]:
        """Those that ran nothing but this file."""
        return self.alone or self.parts


@dataclass(frozen=True, slots=True)
class Joined:
    """What was joined, and what was not."""

    rows: tuple[JoinedRow, ...]  # heaviest measured first
    renamed: tuple[Renamed, ...]
    measured_only: tuple[Unmatched, ...]
    predicted_only: tuple[Unmatched, ...]
    notes: tuple[str, ...]


def base_of(nodeid: str) -> str:
    """Return a node id without its parameters."""
    file, colons, rest = nodeid.partition("::")
    return f"{file}{colons}{rest.partition('[')[0]}"


def by_file(units: Iterable[MeasuredUnit]) -> dict[str, Units]:
    """Sort units by the files they ran."""
    out: dict[str, Units] = defaultdict(Units)
    for unit in units:
        files = dict.fromkeys(file_of(member) for member in unit.members or (unit.name,))
        for file in files:
            if len(files) > 1:
                out[file].batched.append(unit)
            elif unit.members in ((file,), ()):
                out[file].alone.append(unit)
            else:
                out[file].parts.append(unit)
    return dict(out)


def samples_of(units: Sequence[MeasuredUnit], per: Per) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Return the samples of each file or test, and for those without one the reason."""
    return _file_samples(by_file(units)) if per is Per.FILE else _test_samples(units)


def join(
    per: Per,
    units: Sequence[MeasuredUnit],
    ranking: RankResult,
    findings: Sequence[Finding],
    exists: Callable[[str], bool],
) -> Joined:
    """Join; ``exists`` tells whether a file that was measured is still there."""
    files = by_file(units)
    tests = {
        file: {base_of(t.nodeid) for unit in _all(known) for t in unit.tests if file_of(t.nodeid) == file}
        for file, known in files.items()
    }
    moved = renamed_files(Names(tests, exists), ranking)
    suspects = (
        {s.path: s for s in ranking.files} if per is Per.FILE else {str(s.nodeid): s for s in ranking.tests}
    )
    samples, silent = _file_samples(files) if per is Per.FILE else _test_samples(units)
    aliases = {r.measured: r.now for r in moved}
    if per is Per.TEST:
        moved = renamed_tests(samples, suspects, aliases)
        aliases = {r.measured: r.now for r in moved}
    found = {aliases.get(name, name): taken for name, taken in samples.items()}
    silent = {aliases.get(name, name): reason for name, reason in silent.items()}
    rows = _rows(found, suspects, files, {now: old for old, now in aliases.items()}, findings, per)
    joined = {row.name for row in rows}
    return Joined(
        rows,
        tuple(r for r in moved if r.now in joined),
        tuple(
            Unmatched(name, _gone(name, ranking, exists)) for name in sorted(found.keys() - suspects.keys())
        ),
        tuple(Unmatched(name, silent.get(name, "not measured")) for name in sorted(suspects.keys() - joined)),
        tuple(_notes(files, per)),
    )


def _all(known: Units) -> list[MeasuredUnit]:
    return [*known.alone, *known.parts, *known.batched]


def _gone(name: str, ranking: RankResult, exists: Callable[[str], bool]) -> str:
    file = file_of(name)
    if not exists(file):
        return "the file is gone"
    if any(suspect.path == file for suspect in ranking.files):
        return "the file has no such test any more, or makes it when it is imported"
    return "it is not among the files that were ranked"


def _notes(files: Mapping[str, Units], per: Per) -> Iterable[str]:
    batched = sum(not known.own for known in files.values())
    if batched:
        yield (
            f"{_files(batched)} ran in batches only: their figure is that of their own heaviest test, and holds "
            "what the files before them left behind"
        )
    parts = sum(not known.alone and bool(known.parts) for known in files.values())
    if parts and per is Per.FILE:
        yield f"{_files(parts)} ran test by test: their figure is that of the heaviest test alone"


def _files(number: int) -> str:
    return f"{number} file" if number == 1 else f"{number} files"


# --- files ----------------------------------------------------------------------------------------------------------


def _file_samples(files: Mapping[str, Units]) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Samples of each file, and why a file has none."""
    samples: dict[str, list[Sample]] = {}
    silent: dict[str, str] = {}
    for file, known in files.items():
        found = _of_file(file, known)
        if found:
            samples[file] = found
        else:
            silent[file] = _why_silent(file, known)
    return samples, silent


def _of_file(file: str, known: Units) -> list[Sample]:
    ran = [unit for unit in known.alone if _ran(unit) and unit.peak_bytes is not None]
    samples = [Sample(_resident(unit), unit.verdict, unit) for unit in ran]
    if known.parts and (not samples or any(sample.at_least for sample in samples)):
        parts = [unit for unit in known.parts if _ran(unit) and unit.peak_bytes is not None]
        heaviest = max(parts, key=_resident, default=None)
        if heaviest and _resident(heaviest) > max((s.bytes for s in samples), default=0):
            samples = [Sample(_resident(heaviest), heaviest.verdict, heaviest)]
    if samples:
        return samples
    return [
        Sample(max(peaks), unit.verdict, unit)
        for unit in known.batched
        if (
            peaks := [
                t.peak_bytes for t in unit.tests if file_of(t.nodeid) == file and t.peak_bytes is not None
            ]
        )
    ]


def _resident(unit: MeasuredUnit) -> int:
    """The peak of a unit with the pages of mapped libraries, which predictions count and control groups leave out.

    Bytes. What a test's own process held at its highest has those pages in it.
    """
    return max([unit.peak_bytes or 0, *(test.peak_bytes or 0 for test in unit.tests)])


def _ran(unit: MeasuredUnit) -> bool:
    """Whether the body of a test ran: a file whose tests are all skipped says nothing about them."""
    return unit.verdict not in NOTHING_RAN and not (
        unit.tests and all(test.outcome in _IDLE for test in unit.tests)
    )


def _why_silent(file: str, known: Units) -> str:
    unit = _all(known)[-1]
    own = [test for test in unit.tests if file_of(test.nodeid) == file]
    if own and all(test.outcome in _IDLE for test in own):
        return "all of its tests were skipped"
    return NOTHING_RAN.get(unit.verdict, "its run has no figure for it")


# --- tests ----------------------------------------------------------------------------------------------------------


def _test_samples(units: Sequence[MeasuredUnit]) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Samples of each test, all cases together, one for each time that its unit ran."""
    best: dict[str, dict[int, Sample]] = defaultdict(dict)
    silent: dict[str, str] = {}
    times: Counter[str] = Counter()
    for unit in units:
        number = times[unit.name]
        times[unit.name] += 1
        for test in unit.tests:
            name, sample = base_of(test.nodeid), _of_test(test, unit)
            if sample is None:
                silent[name] = "it was skipped" if test.outcome in _IDLE else "its run has no figure for it"
            elif number not in best[name] or best[name][number].bytes < sample.bytes:
                best[name][number] = sample
    samples = {name: list(of_name.values()) for name, of_name in best.items() if of_name}
    return samples, {name: reason for name, reason in silent.items() if name not in samples}


def _of_test(test: MeasuredTest, unit: MeasuredUnit) -> Sample | None:
    if test.outcome in _IDLE:
        return None
    if test.nodeid == unit.victim and unit.verdict in EARLY:
        peaks = [peak for peak in (test.peak_bytes, unit.peak_bytes) if peak is not None]
        return Sample(max(peaks), unit.verdict, unit) if peaks else None
    if unit.members == (test.nodeid,) and unit.peak_bytes is not None:
        return Sample(
            unit.peak_bytes, unit.verdict, unit
        )  # alone in its process: the whole process is its own
    return None if test.peak_bytes is None else Sample(test.peak_bytes, test.outcome, unit)


# --- rows -----------------------------------------------------------------------------------------------------------


def _rows(
    samples: Mapping[str, list[Sample]],
    suspects: Mapping[str, Suspect],
    files: Mapping[str, Units],
    former: Mapping[str, str],
    findings: Sequence[Finding],
    per: Per,
) -> tuple[JoinedRow, ...]:
    active = [f for f in findings if f.status is not Status.HIDDEN]
    codes: dict[str, list[str]] = defaultdict(list)
    for finding in active:
        codes[finding.location.path if per is Per.FILE else str(finding.nodeid)].append(finding.code)
    rows = [
        _row(suspects[name], name, taken, former.get(name, name), tuple(codes.get(name, ())))
        for name, taken in samples.items()
        if name in suspects
    ]
    order = sorted(rows, key=lambda row: (-row.predicted.likely, -row.predicted.high, row.name))
    place = {row.name: number for number, row in enumerate(order, 1)}
    rows.sort(key=lambda row: (-row.measured, row.name))
    return tuple(_ranked(row, place[row.name], number) for number, row in enumerate(rows, 1))


def _ranked(row: JoinedRow, predicted_rank: int, measured_rank: int) -> JoinedRow:
    return replace(row, predicted_rank=predicted_rank, measured_rank=measured_rank)


def _row(
    suspect: Suspect, name: str, samples: list[Sample], former: str, codes: tuple[str, ...]
) -> JoinedRow:
    middle = round(median(sample.bytes for sample in samples))
    typical = min(samples, key=lambda sample: abs(sample.bytes - middle))
    worst = next((sample for sample in samples if sample.at_least), typical)
    unit = typical.unit
    tests = [test for test in unit.tests if _belongs(test, former) and test.outcome not in _IDLE]
    heaviest = max(
        (t for t in tests if t.peak_bytes is not None), key=lambda t: t.peak_bytes or 0, default=None
    )
    return JoinedRow(
        name=name,
        path=suspect.path,
        predicted=suspect.peak,
        predicted_rank=0,
        measured=middle,
        measured_rank=0,
        runs=len(samples),
        verdict=worst.verdict,
        at_least=any(sample.at_least for sample in samples),
        findings=codes,
        reasons=suspect.reasons,
        heaviest_test=heaviest.nodeid if heaviest else None,
        heaviest_test_bytes=heaviest.peak_bytes if heaviest else None,
        baseline=unit.baseline_bytes,
        collected=unit.collected_bytes,
        retained=unit.retained_bytes,
        children=max((children_of(test) for test in tests), default=0),
        leftovers=len(unit.leftovers),
        cases=len(tests),
        rise=max((rise_of(test) for test in tests), default=0),
    )


def _belongs(test: MeasuredTest, name: str) -> bool:
    return base_of(test.nodeid) == name or file_of(test.nodeid) == name


def children_of(test: MeasuredTest) -> int:
    """Return what the whole tree held beyond the test's own process, as far as samples tell; 0 without children."""
    return max(0, test.tree_bytes - max(test.before_bytes or 0, test.after_bytes or 0))


def rise_of(test: MeasuredTest) -> int:
    """Return by how much a test rose above where it began, its children's memory not counted."""
    if test.peak_bytes is None or test.before_bytes is None:
        return 0
    return max(0, test.peak_bytes - test.before_bytes - children_of(test))
