"""The document of a plan, in Markdown: for a pull request, an issue or the reader's own use.

Each box carries its number in a comment, and the last line holds the criteria as JSON, so that a later journal can be
held against the document itself.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from memlint.model import (
    Cause,
    CauseKind,
    Criterion,
    Finding,
    MeasuredUnit,
    Observation,
    Plan,
    Remedy,
    State,
    Strategy,
)
from memlint.report.escape import shown, visible
from memlint.report.markup import code, words
from memlint.report.plan.criteria import criterion_words, processes
from memlint.report.plan.record import written
from memlint.report.rows import FileRow, file_rows
from memlint.report.summary import plural, reasons_words
from memlint.report.verdict_words import FINE, VERDICTS, exit_words, verdict_words
from memlint.units import format_bytes

SourceLine = Callable[[str, int], str | None]
_UNITS_TOLD = 10
_CAUSES_TOLD = 10
_FINDINGS_SHOWN = 4  # of a suspect
_AROUND = 1  # lines of source before and after a finding
_LINE = 160
_LATER = ".memlint/later.jsonl"


def document(plan: Plan, source_line: SourceLine, name: str) -> Iterator[str]:
    """Yield the whole document; ``name`` is the file that it will be kept in."""
    yield f"# Memory plan for {words(plan.data.suite)}\n\n"
    yield f"{_made_from(plan)}\n"
    yield from _happened(plan)
    yield from _why(plan)
    yield from _suspects(plan, source_line)
    yield from _next(plan)
    yield from _remedies(plan)
    yield from _done(plan, name)
    yield f"\n{written(plan)}\n"


def _made_from(plan: Plan) -> str:
    context = plan.context
    started = f" of {words(context.started)}" if context.started else ""
    budget = (
        f"A unit may use {format_bytes(plan.budget_bytes)}: {plan.budget_from}."
        if plan.budget_bytes is not None
        else "No budget is known: `memlint plan --budget 2GiB` sets one."
    )
    return (
        f"Made from {code(plan.data.journal)}{started}: Python {words(context.python)}, "
        f"pytest {words(context.pytest)}, {words(context.platform)}, metered by {words(context.meter)}, "
        f"context `{words(context.hash)}`. {budget}"
    )


# --------------------------------------------------------------------------------------------- what happened


def _happened(plan: Plan) -> Iterator[str]:
    measurement = plan.data.measurement
    units = measurement.units if measurement else ()
    yield "\n## What happened\n\n"
    counts = Counter(unit.verdict for unit in units)
    told = ", ".join(
        f"{counts[verdict]:,} {verdict_words(verdict)}" for verdict in VERDICTS if counts[verdict]
    )
    yield f"Of {plural(len(units), 'unit')} over {plural(plan.files, 'file')}: {told}.\n\n"
    bad = [unit for unit in units if unit.verdict not in FINE]
    for unit in bad[:_UNITS_TOLD]:
        yield from _unit(unit)
    if len(bad) > _UNITS_TOLD:
        yield f"- and {len(bad) - _UNITS_TOLD:,} more.\n"
    if not bad and units:
        heaviest = max(units, key=lambda unit: unit.peak_bytes or 0)
        size = format_bytes(heaviest.peak_bytes or 0)
        yield f"Nothing was ended. The heaviest is {code(heaviest.name)} with {size}.\n"
    for name in measurement.in_flight[-3:] if measurement else ():
        yield f"- {code(name)} had started when the run itself was cut short.\n"
    for unit in units[:500]:
        if unit.leftovers:
            commands = "; ".join(shown(process.command, 120) for process in unit.leftovers[:3])
            yield f"- {code(unit.name)} left {processes(len(unit.leftovers))}"
            yield f" running: {code(commands)}\n"


def _unit(unit: MeasuredUnit) -> Iterator[str]:
    peak = f" at {format_bytes(unit.peak_bytes)}" if unit.peak_bytes is not None else ""
    over = (
        f", {format_bytes(unit.peak_bytes - unit.baseline_bytes)} more than an empty test needs"
        if unit.peak_bytes is not None and unit.baseline_bytes is not None
        else ""
    )
    yield f"- {code(unit.name)} {verdict_words(unit.verdict)}{peak} after {unit.seconds:.1f} s{over}.\n"
    if unit.victim and unit.victim != unit.name:
        yield f"  - Running at that moment: {code(unit.victim)}.\n"
    for text in (*unit.evidence[:4], exit_words(unit)):
        if text:
            yield f"  - {words(text)}\n"


# -------------------------------------------------------------------------------------------------------- why


def _why(plan: Plan) -> Iterator[str]:
    yield "\n## Why\n\n"
    causes = [cause for cause in plan.data.causes if cause.kind is not CauseKind.NOTHING]
    if not causes:
        yield from _no_cause(plan)
        return
    for cause in causes[:_CAUSES_TOLD]:
        yield from _cause(cause)
    if len(causes) > _CAUSES_TOLD:
        yield f"- and {plural(len(causes) - _CAUSES_TOLD, 'smaller cause')}.\n"


def _no_cause(plan: Plan) -> Iterator[str]:
    said = [text for cause in plan.data.causes for text in cause.evidence]
    if said:
        yield f"No cause stands out: {words(said[0])}.\n"
        return
    yield "The journal's figures name no cause. The commands below get the figures that can.\n"


def _cause(cause: Cause) -> Iterator[str]:
    where = f" in {code(cause.where)}" if cause.where else ", over the suite as a whole"
    size = f": {format_bytes(cause.bytes)}" if cause.bytes else ""
    slope = f", {format_bytes(cause.bytes_per_test)} a test" if cause.bytes_per_test else ""
    yield f"- **{cause.kind.value.capitalize()}**{where}{size}{slope}.\n"
    for text in cause.evidence[:5]:
        yield f"  - {words(text)}\n"
    for culprit in cause.culprits[:5]:
        yield f"  - {code(culprit.name)} {format_bytes(culprit.bytes)}: {words(culprit.text)}\n"
    if len(cause.culprits) > 5:
        yield f"  - and {len(cause.culprits) - 5} more\n"


# --------------------------------------------------------------------------------------------------- suspects


def _suspects(plan: Plan, source_line: SourceLine) -> Iterator[str]:
    if not plan.suspects:
        return
    rows = {row.path: row for row in file_rows(plan.data)}
    yield "\n## Where to look, in this order\n"
    for number, path in enumerate(plan.suspects, 1):
        yield from _suspect(number, rows[path], source_line)


def _suspect(number: int, row: FileRow, source_line: SourceLine) -> Iterator[str]:
    parts = [
        f"measured {format_bytes(row.peak_bytes)}" if row.peak_bytes is not None else "not measured",
        f"predicted {format_bytes(row.suspect.peak.likely)}" if row.suspect else "",
        f"keeps {format_bytes(row.retained_bytes)}" if row.retained_bytes else "",
        verdict_words(row.verdict) if row.verdict else "",
    ]
    yield f"\n{number}. {code(row.path)}: {', '.join(filter(None, parts))}.\n"
    if row.suspect and row.suspect.reasons:
        yield f"   Predicted from {words(reasons_words(row.suspect))}.\n"
    for finding in row.findings[:_FINDINGS_SHOWN]:
        place = finding.location
        yield f"\n   {code(f'{place.path}:{place.line}')} **{finding.code}** {words(finding.message)}\n\n"
        yield from _fenced(_numbered(finding, source_line), "   ")
    if len(row.findings) > _FINDINGS_SHOWN:
        yield f"\n   and {plural(len(row.findings) - _FINDINGS_SHOWN, 'more finding')}.\n"


def _numbered(finding: Finding, source_line: SourceLine) -> Iterator[str]:
    place = finding.location
    last = min(max(place.end_line, place.line), place.line + 6)
    for number in range(max(place.line - _AROUND, 1), last + _AROUND + 1):
        line = source_line(place.path, number)
        if line is not None:
            mark = ">" if place.line <= number <= last else " "
            yield f"{mark} {number:>4}  {line.rstrip()}"


def _fenced(lines: Iterable[str], indent: str, language: str = "python") -> Iterator[str]:
    """A block of code that no line of it can end."""
    texts = [_code_line(line) for line in lines]
    fence = "`" * max(3, *(_ticks(text) + 1 for text in texts)) if texts else "```"
    yield f"{indent}{fence}{language}\n"
    for text in texts:
        yield f"{indent}{text}".rstrip() + "\n"
    yield f"{indent}{fence}\n"


def _code_line(line: str) -> str:
    text = "".join("    " if char == "\t" else visible(char) for char in line[:_LINE])
    return f"{text} … ({len(line) - _LINE:,} more characters)" if len(line) > _LINE else text


def _ticks(text: str) -> int:
    """The longest run of backticks."""
    longest = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    return longest


# ------------------------------------------------------------------------------------------- commands, remedies


def _next(plan: Plan) -> Iterator[str]:
    if not plan.commands:
        return
    yield "\n## What to run next\n"
    for item in plan.commands:
        yield f"\n{words(item.text[:1].upper() + item.text[1:])}:\n\n"
        yield from _fenced([part for line in item.lines for part in _split(line)], "", "sh")


def _split(command: str) -> list[str]:
    """A long command on several lines, as a shell joins them."""
    if len(command) <= _LINE:
        return [command]
    lines, line = [], ""
    for word in command.split(" "):
        if line and len(line) + len(word) > _LINE - 20:
            lines.append(line + " \\")
            line = "   "
        line = f"{line} {word}" if line else word
    return [*lines, line]


def _remedies(plan: Plan) -> Iterator[str]:
    if not plan.remedies and not plan.cause_remedies:
        return
    yield "\n## How to mend it\n"
    for cause_remedy in plan.cause_remedies:
        where = f" in {code(cause_remedy.cause.where)}" if cause_remedy.cause.where else ""
        yield f"\n### {cause_remedy.cause.kind.value.capitalize()}{where}\n"
        for strategy in cause_remedy.strategies:
            yield from _strategy(strategy)
    for remedy in plan.remedies:
        yield from _remedy(remedy)
    if plan.more_findings:
        yield f"\n{plural(plan.more_findings, 'more finding')}: see `memlint lint`.\n"


def _remedy(remedy: Remedy) -> Iterator[str]:
    place = remedy.finding.location
    where = f" in {code(remedy.finding.symbol)}" if remedy.finding.symbol else ""
    yield f"\n### {code(f'{place.path}:{place.line}')}{where}: {remedy.finding.name.replace('-', ' ')}\n"
    for strategy in remedy.strategies:
        yield from _strategy(strategy)


def _strategy(strategy: Strategy) -> Iterator[str]:
    yield f"\n**{strategy.title}.** {_prose(strategy.text)}\n"
    if strategy.code:
        yield "\n"
        yield from _fenced(strategy.code, "", strategy.language)


def _prose(text: str) -> str:
    """Text in which what stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return words(text, 800)
    return "".join(code(part) if place % 2 else words(part, 800) for place, part in enumerate(parts))


# ------------------------------------------------------------------------------------------------------- boxes


def box(number: int, criterion: Criterion, seen: Observation) -> str:
    """Return the line of one criterion, its box turned where it is met."""
    mark = "x" if seen.state is State.MET else " "
    aside = "not judged" if seen.state is State.UNJUDGED else "now"
    return f"- [{mark}] {criterion_words(criterion, code)} ({aside}: {words(seen.text)}) <!-- memlint:{number} -->"


def _done(plan: Plan, name: str) -> Iterator[str]:
    yield "\n## Done when\n\n"
    for number, (criterion, seen) in enumerate(plan.criteria, 1):
        yield f"{box(number, criterion, seen)}\n"
    argv = [word for word in plan.context.argv if word]
    yield "\nMeasure again in the same way, then let memlint turn the boxes:\n\n"
    yield from _fenced(
        [_again(argv), f"memlint plan --check {shlex.quote(name)} --journal {_LATER}"], "", "sh"
    )


def _again(argv: list[str]) -> str:
    """The journal's own command with another journal."""
    kept: list[str] = []
    skip = False
    for word in argv:
        if skip or word.startswith("--journal=") or word == "--resume":
            skip = False
            continue
        if word == "--journal":
            skip = True
            continue
        kept.append(word)
    return f"{shlex.join(['memlint', *(kept or ['measure'])])} --journal {_LATER}"
