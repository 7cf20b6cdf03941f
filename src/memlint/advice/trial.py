"""The trial: the suite with and without each option, in turns, several times; and what of that is more than noise."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from memlint.advice.options import Option
from memlint.units import format_bytes

LEAST_SAVING = 1 << 20  # bytes; what is smaller is not worth an option, however sure
HEADROOM = 0.9  # of the memory is given to workers
_RAN = frozenset({"passed", "failed"})


class AdviceError(Exception):
    """The suite cannot be compared; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of the whole suite in one process tree. Sizes in bytes."""

    verdict: str
    peak_bytes: int | None
    outcomes: tuple[tuple[str, int], ...]  # ("passed", 12) …, in order of name
    seconds: float
    baseline_bytes: int | None = None  # an empty test in the same context
    evidence: tuple[str, ...] = ()


Run = Callable[[tuple[str, ...]], Sample]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an option does to the suite. Sizes in bytes."""

    option: Option
    peaks: tuple[int, ...]
    saving: int  # median of the plain runs less that of these
    noise: int  # the larger spread (highest less lowest) of both
    refused: str  # why it cannot be chosen, or ""

    @property
    def pays(self) -> bool:
        """Whether it saves more than the noise, and a megabyte at least, and changes no result."""
        return not self.refused and self.saving > max(self.noise, LEAST_SAVING)


@dataclass(frozen=True, slots=True)
class Workers:
    """How many workers of xdist fit into ``memory_bytes``."""

    memory_bytes: int
    each_bytes: int  # of one worker
    base_bytes: int  # of the controller
    fit: int
    how: str  # where each_bytes comes from


@dataclass(frozen=True, slots=True)
class Advice:
    """Everything that was measured."""

    plain: tuple[int, ...]  # peaks without any option
    seconds: float  # of one such run, the median
    compared: tuple[Comparison, ...]
    chosen: tuple[Option, ...]
    together: Comparison | None  # the chosen options in runs of their own; None when nothing is chosen
    workers: Workers

    @property
    def noise(self) -> int:
        """Highest less lowest peak of the plain runs, in bytes."""
        return max(self.plain) - min(self.plain)


def advise(
    run: Run, options: Sequence[Option], repeat: int, memory_bytes: int, has_xdist: bool, tell: Tell
) -> Advice:
    """Measure and compare. Runs take turns, so that a machine that changes meanwhile changes all alike.

    A first run is not counted: it compiles the suite, which can take more memory than the tests do.
    Raises AdviceError when the plain suite does not run to its end.
    """
    _must_have_run(_told(run(()), "first run, not counted", tell))
    plain: list[Sample] = []
    tried: dict[str, list[Sample]] = {option.name: [] for option in options}
    for turn in range(1, repeat + 1):
        plain.append(_told(run(()), f"{turn}/{repeat}  as it is", tell))
        _must_have_run(plain[-1])
        for option in options:
            known = tried[option.name]
            if all(sample.verdict in _RAN for sample in known):
                known.append(_told(run(option.args), f"{turn}/{repeat}  {option.name}", tell))
    compared = tuple(_compare(option, plain, tried[option.name]) for option in options)
    chosen = _choose(compared)
    together = None
    if chosen:
        args = tuple(word for option in chosen for word in option.args)
        joined = Option(name=" ".join(args), args=args, costs="")
        samples = [_told(run(args), f"{turn}/{repeat}  all that pay", tell) for turn in range(1, repeat + 1)]
        together = _compare(joined, plain, samples)
        chosen = chosen if together.pays else ()
    args = together.option.args if together is not None and chosen else ()
    return Advice(
        plain=_peaks(plain),
        seconds=statistics.median(sample.seconds for sample in plain),
        compared=compared,
        chosen=chosen,
        together=together,
        workers=_workers(run, args, plain, together if chosen else None, memory_bytes, has_xdist, tell),
    )


def _told(sample: Sample, what: str, tell: Tell) -> Sample:
    peak = format_bytes(sample.peak_bytes) if sample.peak_bytes is not None else "-"
    tell(f"{what}: {sample.verdict}, {peak}, {sample.seconds:.1f} s")
    return sample


def _must_have_run(sample: Sample) -> None:
    if sample.verdict not in _RAN:
        facts = f" ({'; '.join(sample.evidence)})" if sample.evidence else ""
        raise AdviceError(
            f"the suite as it is ends with {sample.verdict}{facts}: options can be compared only on a suite that runs "
            "to its end; name fewer files, raise --limit or --timeout, or find the culprit by 'memlint measure' first"
        )
    if sample.peak_bytes is None:
        raise AdviceError("this machine cannot measure a whole process tree; see 'memlint doctor'")


def _peaks(samples: Iterable[Sample]) -> tuple[int, ...]:
    return tuple(sample.peak_bytes or 0 for sample in samples)


def _compare(option: Option, plain: Sequence[Sample], samples: Sequence[Sample]) -> Comparison:
    before, after = _peaks(plain), _peaks(samples)
    return Comparison(
        option=option,
        peaks=after,
        saving=round(statistics.median(before) - statistics.median(after)),
        noise=max(max(before) - min(before), max(after) - min(after)),
        refused=_refused(plain, samples),
    )


def _refused(plain: Sequence[Sample], samples: Sequence[Sample]) -> str:
    broken = next((sample for sample in samples if sample.verdict not in _RAN), None)
    if broken is not None:
        return f"the suite does not run with it ({broken.verdict})"
    usual = {sample.outcomes for sample in plain}
    other = next((sample.outcomes for sample in samples if sample.outcomes not in usual), None)
    if other is None:
        return ""
    return f"results differ: {_counts(other)} instead of {_counts(plain[0].outcomes)}"


def _counts(outcomes: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{count} {name}" for name, count in outcomes) or "no tests"


def _choose(compared: Sequence[Comparison]) -> tuple[Option, ...]:
    """Those that pay. Of a group the one with the fewest arguments, unless another saves clearly more."""
    best: dict[str, Comparison] = {}
    for item in sorted(compared, key=lambda item: len(item.option.args)):
        key = item.option.group or item.option.name
        known = best.get(key)
        if item.pays and (known is None or item.saving - known.saving > max(item.noise, LEAST_SAVING)):
            best[key] = item
    order = [item.option.name for item in compared]
    return tuple(sorted((item.option for item in best.values()), key=lambda option: order.index(option.name)))


def _workers(
    run: Run,
    args: tuple[str, ...],
    plain: Sequence[Sample],
    together: Comparison | None,
    memory_bytes: int,
    has_xdist: bool,
    tell: Tell,
) -> Workers:
    """A worker is taken to need what the whole suite needs in one process, or what two workers were seen to need."""
    whole = max(together.peaks if together is not None else _peaks(plain))
    base = plain[0].baseline_bytes or 0
    each, how = whole, "the whole suite in one process"
    if has_xdist:
        pair = _told(run((*args, "-n", "2")), "two workers", tell)
        if pair.verdict in _RAN and pair.peak_bytes is not None:
            half = max(0, pair.peak_bytes - base) // 2
            if half > each:
                each, how = half, "half of what two workers held"
            else:
                how = f"the whole suite in one process; two workers held {format_bytes(pair.peak_bytes)} together"
    room = max(0.0, HEADROOM * memory_bytes - base)
    return Workers(memory_bytes, each, base, int(room // each) if each else 0, how)
