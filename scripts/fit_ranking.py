#!/usr/bin/env python3
"""Fit the weights of rules/ranking.toml to measured suites, leaving each suite out in turn.

    fit_ranking.py --root SITE_PACKAGES TRUTH.jsonl[=ROOT] [TRUTH.jsonl[=ROOT] ...] [--ridge STRENGTH] [--write]
                   [--no-allocations] [--probes FOLDER]

TRUTH.jsonl: one object a line with file (path below ROOT, or --root), peak_bytes and lines; its name is the suite's.
The search changes one weight at a time by fixed factors, as long as the objective falls: it has no randomness.
The objective of a set of suites is the mean of (1 - rank correlation) + (1 - found at 10 %) / 2 + median
|log2(predicted / measured)| / 2 over them; for the weights of workers it is the mean |log2(predicted / measured)| of
all files that start some, which a median over all files would not notice. To either comes --ridge times the mean of
log2(weight / shipped weight)², which keeps what the suites do not decide where it is. Prints a table of suites, each
predicted by weights that were fitted on the others alone, then what each term is worth alone. --write puts weights
fitted on all suites into the file.
--probes names a folder with a cache folder of memlint for each suite, by its name, that 'memlint probe' has written to:
weights are then fitted to predictions with and without a probe, and both are shown.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from scipy.stats import spearmanr

from memlint.cli.options import settings_for
from memlint.config import Overrides
from memlint.discovery import discover
from memlint.disk import RealDisk
from memlint.knowledge.locate import rules_dir
from memlint.knowledge.ranking import Weights, shipped_weights
from memlint.probe.store import latest
from memlint.ranking import Ranker
from memlint.ranking.predict import Model
from memlint.ranking.terms import FileTerms, TestTerms
from memlint.request import Request
from memlint.run import Run

FIXED = {"low_share", "high_share", "workers_low_share", "workers_high_share"}
FACTORS = (0.6, 0.85, 1.2, 1.6)
OF_WORKERS = {
    "pool_factor",
    "unsure_share",
    "worker_import_share",
    "fork_share",
    "child_import_share",
    "stored_share",
    "called_share",
    "compiler_bytes",
}
SHARES_END_AT_ONE = re.compile(r"_share$")
ROUNDS = 2


@dataclass(frozen=True)
class Row:
    """One measured file with its terms."""

    path: str
    peak: int
    lines: int
    file: FileTerms
    tests: tuple[TestTerms, ...]


@dataclass(frozen=True)
class Suite:
    """A measured suite, its terms by the shipped footprints or by those of a probe."""

    name: str
    probed: bool
    rows: list[Row]
    interpreter: int

    @property
    def label(self) -> str:
        """How tables name it."""
        return f"{self.name}, probed" if self.probed else self.name


@dataclass(frozen=True)
class Figures:
    """How well a suite is ranked."""

    spearman: float
    found: float
    error: float  # median |log2(predicted / measured)|
    inside: float  # share of files whose peak lies within the bounds


def read(truth: Path, root: Path, allocations: bool, probes: Path | None) -> list[Suite]:
    """Read a suite's truth and its files' terms, with a probe too where there is one."""
    measured = [json.loads(line) for line in truth.read_text().splitlines() if line.strip()]
    measured.sort(key=lambda item: item["file"])  # so that equal predictions say nothing
    paths = tuple(item["file"] for item in measured)
    settings = settings_for(paths, None, True, Overrides(cores=2))
    run = Run(Request(paths, settings, jobs=1, cores=2, root=root), discover(paths, settings, root))
    run.relevance.refresh()
    suite, modules = run._engine().suite, {module.path: module for module in run.linted()}
    shipped = Ranker(RealDisk(root), 2)
    rows = []
    for item in measured:
        file, own = shipped.terms(suite, modules[item["file"]])
        tests = [terms if allocations else replace(terms, parts=()) for _, terms in own]
        rows.append(Row(item["file"], item["peak_bytes"], item["lines"], file, tuple(tests)))
    out = [Suite(truth.stem, False, rows, shipped.model.interpreter)]
    probe = latest(probes / truth.stem) if probes is not None else None
    if probe is not None:
        ranker = Ranker(RealDisk(root), 2, footprints=probe.footprints())
        files = [
            replace(
                ranker.reader.of_file(modules[row.path]), inherited=row.file.inherited, data=row.file.data
            )
            for row in rows
        ]
        again = [replace(row, file=file) for row, file in zip(rows, files, strict=True)]
        out.append(Suite(truth.stem, True, again, ranker.model.interpreter))
    return out


def found(score: Sequence[float], truth: Sequence[float]) -> float:
    """Share of the truly heaviest tenth, at least three, within the first tenth of the ranking."""
    top = max(3, math.ceil(len(truth) / 10))
    heavy = set(sorted(range(len(truth)), key=lambda i: -truth[i])[:top])
    return len(heavy & set(sorted(range(len(score)), key=lambda i: (-score[i], i))[:top])) / top


def figures(suite: Suite, weights: Weights, keep: Callable[[Row], Row] = lambda row: row) -> Figures:
    """Predict a suite and compare."""
    rows, model = suite.rows, Model(weights, suite.interpreter)
    kept = [keep(row) for row in rows]
    peaks = [model.of_file(row.file, row.tests).peak for row in kept]
    truth = [row.peak for row in rows]
    score = [peak.likely for peak in peaks]
    flat = len(set(score)) == 1
    return Figures(
        0.0 if flat else float(spearmanr(score, truth).statistic),
        found(score, truth),
        statistics.median(abs(math.log2(a / b)) for a, b in zip(score, truth, strict=True)),
        statistics.mean(peak.low <= real <= peak.high for peak, real in zip(peaks, truth, strict=True)),
    )


@dataclass(frozen=True)
class Ridge:
    """What moving away from some weights costs, a doubling or halving of every one of them costing ``strength``."""

    home: Weights
    strength: float

    def cost(self, weights: Weights) -> float:
        """The penalty; weights of zero stay zero and cost nothing."""
        pairs = [(getattr(weights, name), getattr(self.home, name)) for name in weights.__struct_fields__]
        return self.strength * statistics.mean(math.log2(a / b) ** 2 if a and b else 0.0 for a, b in pairs)


def objective(suites: list[Suite], weights: Weights, ridge: Ridge) -> float:
    """Lower is better."""
    all_figures = [figures(suite, weights) for suite in suites]
    missed = statistics.mean((1 - f.spearman) + (1 - f.found) / 2 + f.error / 2 for f in all_figures)
    return missed + ridge.cost(weights)


def worker_objective(suites: list[Suite], weights: Weights, ridge: Ridge) -> float:
    """Lower is better, for weights that only files with workers can tell anything of."""
    errors = [error for suite in suites for error in worker_errors(suite, weights)]
    return statistics.mean(errors or [0.0]) + ridge.cost(weights)


def worker_errors(suite: Suite, weights: Weights) -> Iterator[float]:
    """How far the files that start workers are off, |log2(predicted / measured)|."""
    model = Model(weights, suite.interpreter)
    for row in suite.rows:
        if row.file.workers:
            yield abs(math.log2(model.of_file(row.file, row.tests).peak.likely / row.peak))


def fit(suites: list[Suite], start: Weights, strength: float) -> Weights:
    """Search one weight at a time; without suites the weights stay as they are."""
    if not suites:
        return start
    ridge = Ridge(start, strength)
    free = [name for name in start.__struct_fields__ if name not in FIXED]
    weights = start
    for _ in range(ROUNDS):
        before = weights
        weights = search(suites, weights, ridge, [n for n in free if n not in OF_WORKERS], objective)
        weights = search(suites, weights, ridge, [n for n in free if n in OF_WORKERS], worker_objective)
        if weights == before:
            break
    return weights


def search(
    suites: list[Suite],
    weights: Weights,
    ridge: Ridge,
    names: list[str],
    aim: Callable[[list[Suite], Weights, Ridge], float],
) -> Weights:
    """Change each of some weights by fixed factors, as long as the aim falls."""
    best = aim(suites, weights, ridge)
    for name in names:
        for factor in FACTORS:
            value = getattr(weights, name) * factor
            if SHARES_END_AT_ONE.search(name):
                value = min(value, 1.0)
            tried = msgspec.structs.replace(weights, **{name: value})
            reached = aim(suites, tried, ridge)
            if reached < best - 1e-4:
                best, weights = reached, tried
    return weights


def without(*terms: str) -> Callable[[Row], Row]:
    """A row without some terms."""

    def keep(row: Row) -> Row:
        file, tests = row.file, row.tests
        if "imports" in terms:
            file = replace(file, imports=0, optional=0, first_party=0, compiled=0, unknown=(), late=())
            file = replace(file, compiled_here=(), compiled_elsewhere=0)
        if "first uses" in terms:
            file = replace(file, uses=())
        if "workers" in terms:
            file = replace(file, workers=())
        if "allocations" in terms:
            tests = tuple(replace(test, parts=()) for test in tests)
            file = replace(file, data=(), size_named=None)
        if "cases" in terms:
            tests = tuple(replace(test, cases=0.0) for test in tests)
            file = replace(file, source=0, rewritten=0, inherited=0.0)
        return replace(row, file=file, tests=tests)

    return keep


def write(weights: Weights) -> None:
    """Put fitted weights into the file, comments kept."""
    path = rules_dir() / "ranking.toml"
    text = path.read_text(encoding="utf-8")
    for name in weights.__struct_fields__:
        value = getattr(weights, name)
        shown = f"{value:_.0f}" if value >= 1000 else f"{value:.3g}"
        shown = shown if "." in shown or value >= 1000 else f"{shown}.0"
        text = re.sub(rf"^{name} = \S+", f"{name} = {shown}", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def line(name: str, got: Figures) -> str:
    """One row of a table."""
    return f"| {name} | {got.spearman:.2f} | {got.found:.2f} | {got.error:.2f} | {got.inside:.2f} |"


def mean(all_figures: list[Figures]) -> Figures:
    """The mean of each figure."""
    columns = [(f.spearman, f.found, f.error, f.inside) for f in all_figures]
    return Figures(*(statistics.mean(column) for column in zip(*columns, strict=True)))


def main() -> None:
    """Read, fit, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("truth", nargs="+")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--ridge", type=float, default=0.05, metavar="STRENGTH")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--no-allocations", action="store_true")
    parser.add_argument("--probes", type=Path)
    options = parser.parse_args()
    suites = []
    for given in options.truth:
        truth, _, root = given.partition("=")
        if not root and options.root is None:
            parser.error(f"{given} needs a root: give --root, or {given}=ROOT")
        allocations = not options.no_allocations
        suites += read(Path(truth), Path(root) if root else options.root, allocations, options.probes)
    start = shipped_weights()
    header = "| Spearman | found@10% | median abs log2 | within bounds |\n|---|---|---|---|---|"
    print(f"| suite, left out {header}")
    left_out: dict[bool, list[Figures]] = {}
    names = sorted({suite.name for suite in suites})
    with ProcessPoolExecutor() as pool:
        fits = [
            pool.submit(fit, [other for other in suites if other.name != name], start, options.ridge)
            for name in (*names, None)  # None leaves nobody out
        ]
        fitted = {name: done.result() for name, done in zip((*names, None), fits, strict=True)}
    for suite in suites:
        got = figures(suite, fitted[suite.name])
        left_out.setdefault(suite.probed, []).append(got)
        print(line(suite.label, got))
        by_lines, truth = [row.lines for row in suite.rows], [row.peak for row in suite.rows]
        rho = spearmanr(by_lines, truth).statistic
        print(f"| … its line count | {rho:.2f} | {found(by_lines, truth):.2f} | | |")
    for probed, got_all in left_out.items():
        print(line("**mean, probed**" if probed else "**mean**", mean(got_all)))
    weights = fitted[None]
    shipped = [suite for suite in suites if not suite.probed]
    terms = ("imports", "first uses", "workers", "allocations", "cases")

    def shown(name: str, keep: Callable[[Row], Row] = lambda row: row) -> None:
        print(line(name, mean([figures(suite, weights, keep) for suite in shipped])))

    print(f"\n| terms {header}")
    shown("all")
    for term in terms:
        shown(f"{term} alone", without(*(other for other in terms if other != term)))
    for term in terms:
        shown(f"all but {term}", without(term))
    if options.write:
        write(weights)


if __name__ == "__main__":
    main()
