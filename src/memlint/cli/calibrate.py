"""``memlint calibrate``: learn from measurements of this project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.crosscheck import journal_options, read_journals
from memlint.cli.options import (
    config_options,
    counted,
    paths_argument,
    run_options,
    settings_for,
    targets,
    terminal_options,
)
from memlint.cli.output import write_output
from memlint.cli.progress import shown_progress
from memlint.cli.trouble import TroubleError
from memlint.disk import exists

if TYPE_CHECKING:
    from memlint.config import Settings
    from memlint.crosscheck import Measured
    from memlint.crosscheck.fit import Fit, Score
    from memlint.knowledge.calibration import Shift
    from memlint.request import Request

_EPILOG = """\b
Examples:
  memlint measure tests/ && memlint calibrate tests/
  memlint calibrate tests/ --journal monday.jsonl --journal tuesday.jsonl
  memlint calibrate tests/ --dry-run       say what would be learnt, write nothing

\b
Exit codes:
  0  written (or nothing to learn, with --dry-run)    1  no better on files left out: not written
  2  too little to learn from, or it could not be read
"""


@click.command("calibrate", epilog=_EPILOG)
@paths_argument
@journal_options
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Default: .memlint/calibration.toml in the project's root, where it is used from.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@click.option("--force", is_flag=True, help="Write weights that are no better on files left out, too.")
@click.option(
    "--cores", type=click.IntRange(min=1), metavar="N", help="Cores of the machine that was measured."
)
@run_options
@config_options
@terminal_options
def command(**options: Any) -> int:
    """Fit the ranking's weights and the rules' confidence to what was measured of PATHS.

    The fit is tried on files that it has not seen, and only written when it predicts them better. 'memlint rank',
    'lint' and 'measure' use the file from then on.
    """
    from memlint import pipeline
    from memlint.config import Overrides, shown

    named = targets(options["paths"], options["lists"])
    settings = settings_for(
        named.paths, options["config"], options["isolated"], Overrides(cores=options["cores"])
    )
    target = options["output"] or settings.root / ".memlint" / "calibration.toml"
    plain = replace(settings, calibration=None, calibrated=None)  # always fitted from what memlint ships
    measured = read_journals(options["journals"], options["context"])
    with shown_progress(options["quiet"]) as progress:
        request = pipeline.Request(
            paths=named.paths,
            settings=plain,
            jobs=options["jobs"],
            cache=not options["no_cache"],
            cores=settings.cores,
            root=settings.working_dir,
            progress=progress,
        )
        learnt = _learn(request, measured)
    text = learnt.text(measured)
    wanted = bool(learnt.shifts) or options["force"] or learnt.fit.verdict == "better"
    if not options["quiet"]:
        write_output(_report(learnt, measured), None)
    if options["dry_run"]:
        return 0
    if not wanted:
        click.echo("Not written: files left out of the fit are not predicted better (--force writes it).")
        return 1
    if not options["force"] and learnt.fit.verdict != "better":
        text = replace(learnt, keep_weights=False).text(measured)
        click.echo("Weights are not written: files left out of the fit are not predicted better.")
    _write(target, text, settings)
    changed = len(learnt.changed) if learnt.fit.verdict == "better" or options["force"] else 0
    what = f"{counted(changed, 'weight')} and the confidence of {counted(len(learnt.shifts), 'rule')}"
    click.echo(f"Written: {what}, in {shown(target.resolve())}")
    return 0


@dataclass(frozen=True, slots=True)
class Learnt:
    """What there is to write."""

    fit: Fit
    shifts: dict[str, Shift]
    keep_weights: bool = True

    @property
    def changed(self) -> dict[str, tuple[float, float]]:
        """Weights that differ from the shipped ones: as shipped, and fitted."""
        from memlint.crosscheck.calibration_file import changed
        from memlint.knowledge.ranking import shipped_weights

        return changed(self.fit.weights, shipped_weights())

    def text(self, measured: Measured) -> str:
        """The file."""
        from memlint.crosscheck.calibration_file import written
        from memlint.knowledge.ranking import shipped_weights

        context = measured.context
        where = f"{counted(self.fit.files, 'file')}, Python {context.python}, pytest {context.pytest}, {context.meter}"
        return written(self.fit if self.keep_weights else None, self.shifts, shipped_weights(), where)


def _learn(request: Request, measured: Measured) -> Learnt:
    """Join terms and findings with what was measured, and fit. Raises TroubleError."""
    from memlint import pipeline
    from memlint.crosscheck import NothingJoinedError, cross_check
    from memlint.crosscheck.confidence import shifts
    from memlint.crosscheck.fit import Row, TooThinError, fit
    from memlint.knowledge.ranking import shipped_weights
    from memlint.model import Per, Status

    lint, ranking = pipeline.lint_and_rank(request)
    known = [finding for finding in lint.findings if finding.status is not Status.HIDDEN]
    folder = request.folder
    try:
        agreement = cross_check(ranking, known, measured, Per.FILE, lambda path: exists(folder / path))
    except NothingJoinedError as error:
        raise TroubleError(str(error)) from error
    terms, interpreter = pipeline.ranking_terms(request)
    by_path = {item.path: item for item in terms}
    rows = [
        Row(row.path, row.measured, row.at_least, by_path[row.path].file, by_path[row.path].tests)
        for row in agreement.rows
        if row.path in by_path
    ]
    confidence = {rule.code: rule.confidence.value for rule in lint.rules}
    try:
        return Learnt(fit(rows, shipped_weights(), interpreter), shifts(agreement.findings, confidence))
    except TooThinError as error:
        raise TroubleError(f"too little to learn from: {error}") from error


def _report(learnt: Learnt, measured: Measured) -> Iterator[str]:
    fit = learnt.fit
    for note in measured.notes:
        yield f"note: {note}\n"
    what = f"{counted(len(fit.fitted), 'weight')} to {counted(fit.files, 'file')}"
    yield f"Fitted {what}; the other weights change nothing here.\n"
    yield f"\nOn files left out of the fit{'as shipped':>17}{'fitted':>12}\n"
    for name, before, after in _figures(fit.before, fit.after):
        yield f"  {name:<26}{before:>17}{after:>12}\n"
    yield f"\n{_verdict(fit)}\n"
    if learnt.changed:
        yield f"\n{'weight':<28}{'as shipped':>17}{'fitted':>12}\n"
        for name, (was, now) in learnt.changed.items():
            yield f"  {name:<26}{was:>17,.5g}{now:>12,.5g}\n"
    for code, shift in learnt.shifts.items():
        judged = f"{shift.confirmed} confirmed, {shift.contradicted} contradicted"
        yield f"  confidence of {code}: {shift.shipped} → {shift.now} ({judged})\n"
    yield "\n"


def _figures(before: Score, after: Score) -> Iterator[tuple[str, str, str]]:
    yield "median error", f"{2**before.error:.2f} ×", f"{2**after.error:.2f} ×"
    if before.spearman.value is None or after.spearman.value is None:
        yield "Spearman", "withheld", f"n = {before.spearman.n}"
    else:
        yield "Spearman", f"{before.spearman.value:.2f}", f"{after.spearman.value:.2f}"
    yield "heaviest tenth found", f"{before.found} of {before.heavy}", f"{after.found} of {after.heavy}"
    yield "within the bounds", f"{before.inside:.0%}", f"{after.inside:.0%}"


def _verdict(fit: Fit) -> str:
    gain = fit.gain
    if gain.value is None or gain.low is None or gain.high is None:
        return f"Verdict: {fit.verdict}."
    spread = f"{2**gain.low - 1:+.0%} to {2**gain.high - 1:+.0%}"
    return (
        f"Verdict: {fit.verdict}. The mean error changed by a factor of {2**-gain.value:.2f} (gain {spread})."
    )


def _write(target: Path, text: str, settings: Settings) -> None:
    from memlint import work_folder

    try:
        if target.parent == settings.root / work_folder.WORK_FOLDER:
            work_folder.prepare(settings.root)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TroubleError(f"{target}: cannot be written: {error.strerror}") from error
