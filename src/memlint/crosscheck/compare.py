"""Two or more measurements of one suite: what has grown beyond what chance explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from memlint.crosscheck.join import Sample, base_of, samples_of
from memlint.crosscheck.journals import Measured, described, gather
from memlint.crosscheck.renames import renamed_names
from memlint.crosscheck.statistics import deviation
from memlint.model import Change, Comparison, MeasuredTest, Per, Renamed, Trend

LEAST_SHARE = 0.10  # of the old median
LEAST_BYTES = 5_000_000
DEVIATIONS = 3.0  # median absolute deviations of repeated runs


class ContextsDifferError(Exception):
    """The journals were measured in different contexts; the message says which, and how to compare all the same."""


@dataclass(frozen=True, slots=True)
class Journal:
    """One journal with its samples by name."""

    path: Path
    measured: Measured
    samples: Mapping[str, list[Sample]]
    silent: Mapping[str, str]  # names without a figure, with the reason


def compare(paths: Sequence[Path], per: Per, across_contexts: bool = False) -> Comparison:
    """Compare the last of ``paths`` with the one before it, and with the first for a slow creep.

    Raises JournalError when one holds nothing to use, ContextsDifferError when contexts differ and
    ``across_contexts`` is not given.
    """
    journals = [_read(path, per) for path in paths]
    notes = [note for journal in journals for note in journal.measured.notes]
    if not across_contexts:
        _hold_to_one_context(journals)
    oldest, old, new = journals[0], journals[-2], journals[-1]
    renamed = renamed_names(_tests_of(old), _tests_of(new))
    before = _named_as_now(old.samples, renamed)
    first = _named_as_now(oldest.samples, renamed_names(_tests_of(oldest), _tests_of(new)))
    changes = [
        _change(name, before[name], first.get(name), taken)
        for name, taken in new.samples.items()
        if name in before
    ]
    moved = sorted((c for c in changes if c.trend is not Trend.STEADY), key=lambda c: (-c.grown, c.name))
    former = {item.now: item.measured for item in renamed}
    return Comparison(
        per=per,
        old=str(old.path),
        new=str(new.path),
        oldest=str(oldest.path),
        compared=len(changes),
        changes=tuple(_with_test(change, former, before, new.samples, per) for change in moved),
        added=tuple(
            sorted((name, _middle(new.samples[name])) for name in new.samples.keys() - before.keys())
        ),
        gone=tuple(sorted(before.keys() - new.samples.keys() - new.silent.keys())),
        renamed=tuple(renamed),
        broken=tuple(sorted((name, new.silent[name]) for name in before.keys() & new.silent.keys())),
        notes=tuple(notes),
    )


def _read(path: Path, per: Per) -> Journal:
    measured = gather([path])
    return Journal(path, measured, *samples_of(measured.units, per))


def _hold_to_one_context(journals: Sequence[Journal]) -> None:
    hashes = {journal.measured.context.hash for journal in journals}
    if len(hashes) > 1:
        each = "; ".join(f"{journal.path}: {described(journal.measured.context)}" for journal in journals)
        raise ContextsDifferError(
            f"the journals were measured in different contexts, so a difference may be theirs: {each}. "
            "Measure both alike, or compare them all the same with --across-contexts."
        )


def _tests_of(journal: Journal) -> dict[str, set[str]]:
    """The names of the tests that ran in each file, without their files; of a test only its name counts."""
    return {
        name: {test for sample in taken for test in _ran_in(name, sample)}
        for name, taken in journal.samples.items()
    }


def _ran_in(name: str, sample: Sample) -> set[str]:
    parts = (base_of(test.nodeid).partition("::") for test in sample.unit.tests)
    return {rest for file, _, rest in parts if file == name}


def _named_as_now(samples: Mapping[str, list[Sample]], renamed: Sequence[Renamed]) -> dict[str, list[Sample]]:
    now = {item.measured: item.now for item in renamed}
    return {now.get(name, name): taken for name, taken in samples.items()}


def _middle(samples: Sequence[Sample]) -> int:
    return round(median(sample.bytes for sample in samples))


def threshold(old: Sequence[int], new: Sequence[int]) -> int:
    """Return the bytes by which medians must differ to count: the largest of 10 %, 5 MB and 3 MAD of either side."""
    spread = max(deviation(old), deviation(new))
    return round(max(LEAST_SHARE * median(old), LEAST_BYTES, DEVIATIONS * spread))


def _change(name: str, old: list[Sample], oldest: list[Sample] | None, new: list[Sample]) -> Change:
    now, before = _middle(new), _middle(old)
    sizes = [sample.bytes for sample in new]
    limit = threshold([sample.bytes for sample in old], sizes)
    cut = any(sample.at_least for sample in new)
    trend = Trend.STEADY
    if now - before > limit:
        trend = Trend.REGRESSION
    elif before - now > limit and not cut:
        trend = Trend.IMPROVEMENT
    if trend is Trend.STEADY and oldest is not None:
        first = _middle(oldest)
        since = threshold([sample.bytes for sample in oldest], sizes)
        if now - first > since:
            return Change(name, Trend.CREEP, first, now, since, len(new), cut)
    return Change(name, trend, before, now, limit, len(new), cut)


def _with_test(
    change: Change,
    former: Mapping[str, str],
    old: Mapping[str, list[Sample]],
    new: Mapping[str, list[Sample]],
    per: Per,
) -> Change:
    """The change with the test in it that grew most, where it is a file that grew."""
    if per is not Per.FILE or change.grown <= 0:
        return change
    was_file = former.get(change.name, change.name)
    was, now = _peaks(old[change.name], was_file), _peaks(new[change.name], change.name)
    grown = {name: peak - was.get(name, 0) for name, peak in now.items() if name in was}
    fresh = {name: peak for name, peak in now.items() if name not in was and peak > change.old}
    name, size = max({**grown, **fresh}.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    return replace(change, grown_test=name, grown_bytes=size) if size > LEAST_BYTES else change


def _peaks(samples: Sequence[Sample], file: str) -> dict[str, int]:
    """The rise of each test of a file in its middle run, by its name without the file."""
    middle = sorted(samples, key=lambda sample: sample.bytes)[len(samples) // 2]
    out: dict[str, int] = {}
    for test in middle.unit.tests:
        path, _, name = base_of(test.nodeid).partition("::")
        if path == file and name:
            out[name] = max(out.get(name, 0), _rise(test))
    return out


def _rise(test: MeasuredTest) -> int:
    return max(0, (test.peak_bytes or 0) - (test.before_bytes or 0))
