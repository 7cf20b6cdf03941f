"""The prediction: what a test and a test file hold at their peak, in bytes, from their terms and the weights."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from memlint.analysis.footprint import Part, Parts, total
from memlint.knowledge.ranking import Weights
from memlint.model import Estimate, Reason
from memlint.ranking.terms import FileTerms, Late, Loads, TestTerms, Workers, cases_of

_LEAST_REASON = 500_000  # bytes; what is smaller explains nothing
_MOST_REASONS = 12


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted peak and the terms that make it."""

    peak: Estimate
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """Turns terms into bytes. ``interpreter`` is the peak of one that imports nothing."""

    weights: Weights
    interpreter: int

    def of_file(self, file: FileTerms, tests: Sequence[TestTerms]) -> Prediction:
        """The peak of a file run by itself: its heaviest test, with what the file's other tests leave.

        Tests that run only when somebody asks for their kind widen the bounds alone.
        """
        unasked = [test for test in tests if not test.opt_in]
        every = self._of_all(file, tests)
        if len(unasked) == len(tests):
            return every
        usual = self._of_all(_outside(file, [test for test in tests if test.opt_in]), unasked)
        peak = replace(usual.peak, high=max(usual.peak.high, every.peak.high))
        return replace(usual, peak=peak)

    def _of_all(self, file: FileTerms, tests: Sequence[TestTerms]) -> Prediction:
        heaviest = max(tests, key=lambda test: self.held(test.parts), default=None)
        parts = heaviest.parts if heaviest is not None else ()
        left = tuple(part for test in tests for part in self._left(test, held=test is heaviest))
        cases = cases_of(tests, self.weights) + file.inherited
        return self._joined(file, self._base(file), parts, left, cases, file.late, file.workers)

    def of_tests(self, file: FileTerms, tests: Iterable[TestTerms]) -> Iterator[Prediction]:
        """The peaks of a file's tests, each run by itself."""
        base = self._base(file)
        undecided = replace(  # which of the tests does what other files hold is not known
            file,
            data=(),
            compiled_elsewhere=0,
            late=tuple(item for item in file.late if item.depth == 0),
            workers=tuple(item for item in file.workers if item.path == file.path),
        )
        nothing = _on_lines(undecided, lambda line: False)
        lines = sorted(set(_lines_that_count(undecided)))
        known: dict[tuple[float | None, Parts, Parts], Prediction] = {}
        for test in tests:
            if bisect_left(lines, test.first_line) < bisect_right(lines, test.last_line):
                inside = range(test.first_line, test.last_line + 1)
                yield self._of_test(_on_lines(undecided, inside.__contains__), base, test)
                continue
            key = (test.cases, test.parts, test.left)
            if key not in known:
                known[key] = self._of_test(nothing, base, test)
            yield known[key]

    def _of_test(self, file: FileTerms, base: Sequence[Reason], test: TestTerms) -> Prediction:
        left, cases = self._left(test, held=True), cases_of([test], self.weights)
        return self._joined(file, base, test.parts, left, cases, file.late, file.workers)

    def _left(self, test: TestTerms, *, held: bool) -> Parts:
        """What the cases of a test leave until the session ends; one of them may be what is held anyway."""
        cases = round(cases_of([test], self.weights)) - (held and bool(test.parts))
        by = "1 case" if cases == 1 else f"{cases} cases"
        return tuple(
            Part(part.bytes * cases, part.path, part.line, f"{part.text} by {by}")
            for part in test.left
            if cases >= 1
        )

    def held(self, parts: Parts) -> float:
        """Bytes that allocations hold at one time, as far as they are resident and new.

        The largest counts with what it takes at least, but for what a session has freed by then: that serves a small
        allocation wholly and a large one hardly, as ``reused_bytes`` to its size.
        """
        certain = max((part.bytes.low for part in parts), default=0)
        reused = self.weights.reused_bytes
        beyond = total(parts).likely * self.weights.allocation_share - reused
        return max(0.0, beyond, certain - reused**2 / (certain or 1))

    def _joined(
        self,
        file: FileTerms,
        base: Sequence[Reason],
        parts: Parts,
        left: Parts,
        cases: float,
        late: Iterable[Late],
        workers: Iterable[Workers],
    ) -> Prediction:
        held, weights = self.held(parts), self.weights
        reasons = [*base, *self._late(late)]
        growth = cases * weights.case_bytes
        rewrite = (file.source + file.rewritten) * weights.rewrite_expansion
        ran = file.source * weights.run_expansion
        resident = held / (total(parts).likely or 1)
        reasons.append(
            Reason("growth", round(growth), file.path, 1, f"{cases:.0f} cases, kept until the end")
        )
        reasons += [Reason("growth", part.bytes.likely, part.path, part.line, part.text) for part in left]
        reasons += [
            Reason(
                "allocation",
                round(part.bytes.likely * resident),
                part.path,
                part.line,
                part.text,
            )
            for part in parts
        ]
        reasons += [
            Reason("base", round(rewrite), file.path, 1, "rewriting the asserts of its test modules"),
            Reason("growth", round(ran), file.path, 1, "what its code leaves as it runs"),
            self._compiled(file),
        ]
        data = self._data(file, held)
        named = self._named(file, held + data.bytes)
        guessed = data.bytes + named.bytes
        alone = sum(reason.bytes for reason in reasons if reason.kind != "allocation") + held + guessed
        reasons += [data, named]
        children = self._children(file, alone, workers)
        reasons += children
        beside = sum(reason.bytes for reason in children)
        reasons = [reason for reason in reasons if reason.bytes >= _LEAST_REASON]
        reasons.sort(key=lambda reason: (-reason.bytes, reason.kind, reason.path, reason.line, reason.text))
        maybe = (
            round(file.optional * self.weights.optional_share)
            + guessed
            + sum(reason.bytes for reason in reasons if reason.kind == "imports" and reason.line)
        )
        return Prediction(self._bounds(alone, held, maybe, parts, beside), tuple(reasons[:_MOST_REASONS]))

    def _own(self, loaded: FileTerms | Loads) -> float:
        """What the project's own modules take."""
        weights = self.weights
        return loaded.first_party * weights.source_expansion + loaded.compiled * weights.compiled_share

    def _base(self, file: FileTerms) -> list[Reason]:
        """What every test of the file pays."""
        weights = self.weights
        named = ", ".join([*(name for name, _ in file.parts), "pytest and its plugins"])
        libraries = f", and {', '.join(file.libraries[:5])} by their source" if file.libraries else ""
        unknown = len(file.unknown) * weights.unknown_module_bytes
        skipped = f"skipped, as {file.skipped} is missing: " if file.skipped else ""
        return [
            Reason(
                "base",
                round(self.interpreter + weights.session_bytes),
                "",
                0,
                f"{skipped}the interpreter and pytest",
            ),
            Reason("imports", file.imports, file.path, 0, f"imports: {named}"),
            Reason(
                "imports",
                round(file.optional * weights.optional_share),
                file.path,
                0,
                "imports it gets along without",
            ),
            Reason(
                "imports",
                round(self._own(file)),
                file.path,
                0,
                f"the project's own modules{libraries}",
            ),
            Reason(
                "imports",
                round(unknown),
                file.path,
                0,
                f"imports not measured: {', '.join(file.unknown[:5])}",
            ),
            *(
                Reason(
                    "growth",
                    round(use.bytes * weights.first_use_share),
                    file.path,
                    use.line,
                    f"the first use of {use.module}",
                )
                for use in file.uses
            ),
        ]

    def _late(self, late: Iterable[Late]) -> list[Reason]:
        weights = self.weights
        return [
            Reason(
                "imports",
                round(item.bytes * (weights.lazy_share if item.depth == 0 else weights.lazy_product_share)),
                item.path,
                item.line,
                f"import when it runs: {item.text}",
            )
            for item in late
        ]

    def _compiled(self, file: FileTerms) -> Reason:
        """What a compiler takes that is started by the first call of a function that is marked for it."""
        weights = self.weights
        here, elsewhere = len(file.compiled_here), file.compiled_elsewhere
        first = weights.jit_bytes * (1.0 if here else weights.jit_led_to_share if elsewhere else 0.0)
        each = weights.jit_function_bytes * (here + elsewhere * weights.jit_led_to_share)
        line = file.compiled_here[0] if here else 1
        functions = "1 function" if here + elsewhere == 1 else f"{here + elsewhere} functions"
        return Reason("growth", round(first + each), file.path, line, f"{functions} compiled when called")

    def _data(self, file: FileTerms, held: float) -> Reason:
        """The data file that takes most in memory, beyond the allocations that are seen."""
        weights = self.weights
        sized = [
            (item.bytes * (weights.packed_expansion if item.packed else weights.data_expansion), item.path)
            for item in file.data
        ]
        size, path = max(sized, default=(0.0, ""))
        return Reason(
            "allocation", round(max(0.0, size - held)), path, 0, "a data file that it names, read whole"
        )

    def _named(self, file: FileTerms, seen: float) -> Reason:
        """What a large number that has a name may stand for, beyond the allocations that are seen or guessed."""
        weights = self.weights
        size, line = file.size_named or (0, 0)
        guess = min(size * weights.named_size_bytes, weights.named_size_most_bytes)
        text = f"{size:_} of something, which it gives a name to"
        return Reason("allocation", round(max(0.0, guess - seen)), file.path, line, text)

    # --- workers ----------------------------------------------------------------------------------------------------

    def _children(self, file: FileTerms, alone: float, workers: Iterable[Workers]) -> list[Reason]:
        """The heaviest of each kind of worker; pools of one kind replace each other, kinds add up."""
        best: dict[str, Reason] = {}
        for item in workers:
            size = round(self._bytes_of(item, file, alone))
            known = best.get(item.kind)
            if known is None or size > known.bytes:
                best[item.kind] = Reason("workers", size, item.path, item.line, item.text)
        return [best[kind] for kind in sorted(best)]

    def _bytes_of(self, item: Workers, file: FileTerms, alone: float) -> float:
        weights = self.weights
        product = file.imports + file.optional * weights.optional_share + self._own(file)
        if item.bytes is not None:
            each = float(item.bytes)
        elif item.kind == "compiler":
            each = weights.compiler_bytes
        elif item.loads is not None:
            each = self.interpreter + item.loads.modules + self._own(item.loads)
        elif item.kind == "fork":
            each = alone * weights.fork_share
        elif item.kind == "child":
            each = self.interpreter + product * weights.child_import_share
        else:
            each = self.interpreter + product * weights.worker_import_share
        number = item.number * (weights.pool_factor if item.kind == "pool" else 1.0)
        trust = {
            "sure": 1.0,
            "unsure": weights.unsure_share,
            "stored": weights.stored_share,
            "called": weights.called_share,
        }
        return number * each * trust[item.trust]

    def _bounds(self, alone: float, held: float, maybe: float, parts: Parts, beside: float) -> Estimate:
        """What may not be imported at all is left out of the low bound."""
        weights = self.weights
        whole = total(parts)
        low = (
            (alone - held - maybe) * weights.low_share
            + whole.low * weights.low_share
            + beside * weights.workers_low_share
        )
        high = alone * weights.high_share + max(0.0, whole.high - held) + beside * weights.workers_high_share
        likely = alone + beside
        return Estimate(round(min(low, likely)), round(likely), round(max(high, likely)))


def _lines_that_count(file: FileTerms) -> Iterator[int]:
    """The lines of a file on which anything is imported, started, compiled or named."""
    yield from (item.line for item in file.late if item.path == file.path)
    yield from (item.line for item in file.workers if item.path == file.path)
    yield from file.compiled_here
    if file.size_named is not None:
        yield file.size_named[1]


def _outside(file: FileTerms, tests: Iterable[TestTerms]) -> FileTerms:
    """The terms of a file without what stands in some of its tests."""
    inside = {line for test in tests for line in range(test.first_line, test.last_line + 1)}
    return _on_lines(file, lambda line: line not in inside)


def _on_lines(file: FileTerms, holds: Callable[[int], bool]) -> FileTerms:
    """The terms of a file of which only what stands on some of its lines is run; other files' terms stay."""
    size = file.size_named
    return replace(
        file,
        late=tuple(item for item in file.late if item.path != file.path or holds(item.line)),
        workers=tuple(item for item in file.workers if item.path != file.path or holds(item.line)),
        compiled_here=tuple(line for line in file.compiled_here if holds(line)),
        size_named=size if size is not None and holds(size[1]) else None,
    )
