"""Where the memory of one unit went, test by test: what its causes are read from.

A test's window runs from the start of its protocol to its end, teardown of finishing fixtures included, so
what it *kept* is the difference of resident memory over the window, and what it *took* is the height of its
peak over its start. Both are figures of the process; kept memory still has garbage and free pages of the
allocator in it, which the unit's end tells (``MeasuredStages``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from memlint.model import MeasuredStages, MeasuredTest, MeasuredUnit

NOTHING_KNOWN = MeasuredStages()
DEADLY = frozenset({"oom", "oom_suspected", "killed", "terminated"})  # ends that memory may have brought


@dataclass(frozen=True, slots=True)
class Line:
    """One test. Bytes."""

    nodeid: str
    outcome: str
    took: int  # peak of its process over its start
    kept: int  # by its process from its start to its end
    children: int  # held by child processes beside it
    output: int
    new_modules: int


@dataclass(frozen=True)
class Ledger:
    """A unit and its tests in order."""

    unit: MeasuredUnit

    @property
    def stages(self) -> MeasuredStages:
        """What is known of the process as a whole."""
        return self.unit.stages or NOTHING_KNOWN

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Tests whose memory is known, and the victim, whose peak is the unit's: not that of a time limit or crash."""
        out: list[Line] = []
        resident = self.stages.collection_bytes
        for test in self.unit.tests:
            if test.before_bytes is not None and test.peak_bytes is not None:
                out.append(_line(test))
                resident = test.after_bytes
            elif test.outcome == "unfinished" and resident is not None and self.unit.verdict in DEADLY:
                took = max(0, (self.unit.peak_bytes or 0) - resident)
                out.append(Line(test.nodeid, test.outcome, took, 0, 0, 0, 0))
        return tuple(out)

    @cached_property
    def height(self) -> int:
        """What the unit added to an empty test at its peak: the whole that its causes share."""
        peak = self.unit.peak_bytes or max((t.peak_bytes or 0 for t in self.unit.tests), default=0)
        floor = self.unit.baseline_bytes or self.stages.start_bytes or 0
        return max(0, peak - floor)

    @property
    def given_back_at_end(self) -> int:
        """Resident memory that went between the end of the last test and that of the session."""
        last, finish = self._last, self.stages.finish_bytes
        return 0 if last is None or finish is None else max(0, last - finish)

    @property
    def _last(self) -> int | None:
        return next((t.after_bytes for t in reversed(self.unit.tests) if t.after_bytes is not None), None)

    @property
    def growth(self) -> int | None:
        """Resident memory added from the first test to the last, garbage and free pages included."""
        first = self.stages.collection_bytes
        if first is None:
            first = next((t.before_bytes for t in self.unit.tests if t.before_bytes is not None), None)
        last = self.stages.finish_bytes
        if last is None:
            last = self._last
        return None if first is None or last is None else last - first

    @property
    def import_bytes(self) -> int:
        """What collection added: imports, module globals, parametrize values."""
        start, after = self.stages.start_bytes, self.stages.collection_bytes
        if start is None:
            return 0
        if after is None:  # died while importing
            return max(0, (self.unit.peak_bytes or 0) - start) if self.stages.collecting else 0
        return max(0, after - start)


def _line(test: MeasuredTest) -> Line:
    before, peak, after = test.before_bytes or 0, test.peak_bytes or 0, test.after_bytes
    own = test.own_bytes if test.own_bytes is not None else peak
    kept = 0 if after is None else after - before
    children = max(0, test.tree_bytes - max(before, after or 0)) if test.own_bytes is not None else 0
    return Line(
        test.nodeid, test.outcome, max(0, own - before), kept, children, test.output_bytes, test.new_modules
    )
