"""Makes a plan from the facts at hand."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence

from memlint.model import Finding, MeasuredUnit, Measurement, NextCommand, Plan, Remedy, ReportData
from memlint.report.plan.cause_strategies import cause_remedies
from memlint.report.plan.criteria import criteria, focus, observe
from memlint.report.plan.strategies import strategies
from memlint.report.rows import FileRow, file_rows, files_of, is_batch
from memlint.report.summary import worst_first
from memlint.report.verdict_words import BY_FORCE, FINE, OF_MEMORY
from memlint.units import format_bytes

SUSPECTS = 8
REMEDIES = 12
_COMMANDS = 8
_SHARE_OF_MACHINE = 0.8  # of its memory: what may be used before the kernel steps in
_NAMED = 20  # files in one command

SourceLine = Callable[[str, int], str | None]


def make(data: ReportData, source_line: SourceLine, budget: int | None, commands: Collection[str]) -> Plan:
    """Return the plan of a measured suite.

    ``budget`` is what a unit may use; None takes the journal's limit, or what the machine can bear. ``commands`` are
    those that this memlint has, so that no other is recommended. Raises ValueError without a measurement.
    """
    measurement = data.measurement
    if measurement is None or not measurement.contexts:
        raise ValueError("a plan is made from a measurement")
    known, source = _budget(measurement, budget)
    rows = _suspects(file_rows(data), measurement, data)
    findings = _worth_mending(rows, data)
    base = max((unit.baseline_bytes or 0 for unit in measurement.units), default=0)
    files = len({path for unit in measurement.units for path in files_of(unit)})
    boxes = criteria(measurement, data.causes, known)
    return Plan(
        data=data,
        context=measurement.contexts[-1],
        files=files,
        budget_bytes=known,
        budget_from=source,
        suspects=tuple(row.path for row in rows),
        commands=tuple(_commands(data, measurement, rows, commands)),
        cause_remedies=cause_remedies(data.causes, measurement, known),
        remedies=tuple(
            Remedy(finding, strategies(finding, source_line, known, base)) for finding in findings[:REMEDIES]
        ),
        more_findings=max(len(data.lint.active) - REMEDIES, 0),
        criteria=tuple((box, observe(box, measurement, files)) for box in boxes),
    )


def _budget(measurement: Measurement, given: int | None) -> tuple[int | None, str]:
    if given is not None:
        return given, "as asked"
    limits = [unit.context.limit_bytes for unit in measurement.units if unit.context.limit_bytes]
    if limits:
        return min(limits), "the limit of the journal's runs"
    memory = measurement.contexts[-1].memory_bytes
    if memory and any(unit.verdict in OF_MEMORY | BY_FORCE for unit in measurement.units):
        return round(_SHARE_OF_MACHINE * memory), f"four fifths of the {format_bytes(memory)} there are"
    return None, ""


def _suspects(rows: Sequence[FileRow], measurement: Measurement, data: ReportData) -> list[FileRow]:
    """Files in the order to look at them: ended for memory, named by a cause, then by size."""
    about: dict[str, int] = {}
    for place, unit in enumerate(focus(measurement, data.causes)):
        for path in files_of(unit):
            about.setdefault(path, place)
    accused = {culprit.name.partition("::")[0] for cause in data.causes for culprit in cause.culprits}
    far = len(about)

    def order(row: FileRow) -> tuple[bool, bool, int]:
        calm = row.verdict in FINE or not row.verdict
        return (calm, row.path not in accused, about.get(row.path, far))

    wanted = [row for row in rows if row.path in about or row.path in accused or row.findings]
    return sorted(wanted or rows, key=order)[:SUSPECTS]


def _worth_mending(rows: Sequence[FileRow], data: ReportData) -> list[Finding]:
    """Findings of the suspects first, in their order, then the others."""
    place = {row.path: number for number, row in enumerate(rows)}
    return sorted(
        worst_first(data.lint.active), key=lambda finding: place.get(finding.location.path, len(place))
    )


def _commands(
    data: ReportData, measurement: Measurement, rows: Sequence[FileRow], known: Collection[str]
) -> list[NextCommand]:
    units = focus(measurement, data.causes)
    found = [
        *_from_causes(data),
        *_by_test(units, measurement),
        *_profiled(units, measurement),
        *_searched(units, known),
    ]
    if not found and rows:
        line = f"memlint rank --why {shlex.quote(rows[0].path)}"
        found = [NextCommand((line,), "what the heaviest file is predicted to need, term by term")]
    return list({item.lines: item for item in found}.values())[:_COMMANDS]


def _from_causes(data: ReportData) -> list[NextCommand]:
    made = []
    for cause in data.causes[:3]:
        if cause.next_command:
            where = f" in {cause.where}" if cause.where else ""
            made.append(NextCommand((cause.next_command,), f"confirms or narrows: {cause.kind.value}{where}"))
    return made


def _options(measurement: Measurement) -> str:
    limit = measurement.contexts[-1].limit_bytes
    python = _python(measurement)
    parts = [
        f"--limit {_size(limit)}" if limit else "",
        f"--python {shlex.quote(python)}" if python != "python" else "",
    ]
    return "".join(f" {part}" for part in parts if part)


def _size(size: int) -> str:
    """Bytes as an option takes them, exactly."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def _python(measurement: Measurement) -> str:
    """The interpreter that the journal's run was told to use."""
    argv = measurement.contexts[-1].argv
    for place, word in enumerate(argv):
        if word == "--python" and place + 1 < len(argv):
            return argv[place + 1]
        if word.startswith("--python="):
            return word.partition("=")[2]
    return "python"


def _by_test(units: Sequence[MeasuredUnit], measurement: Measurement) -> list[NextCommand]:
    """Files that died without having been split into tests."""
    split = {unit.name.partition("::")[0] for unit in measurement.units if "::" in unit.name}
    files = [
        path
        for unit in units
        if unit.verdict in OF_MEMORY | BY_FORCE and "::" not in unit.name
        for path in files_of(unit)
        if path not in split
    ]
    if not files:
        return []
    named = " ".join(shlex.quote(path) for path in dict.fromkeys(files[:_NAMED]))
    command = f"memlint measure {named} --unit test --journal .memlint/by-test.jsonl{_options(measurement)}"
    return [
        NextCommand((command,), "each test in a process of its own: which of them needs the memory alone")
    ]


def _profiled(units: Sequence[MeasuredUnit], measurement: Measurement) -> list[NextCommand]:
    """memray on the test that was running, or on the heaviest of the unit."""
    python = shlex.quote(_python(measurement))
    made = []
    for unit in units[:2]:
        heaviest = max(unit.tests, key=lambda test: test.peak_bytes or 0, default=None)
        test = unit.victim or (heaviest.nodeid if heaviest else None)
        if test is None or unit.verdict == "failed":
            continue
        lines = (
            f"{python} -m memray run -f -o .memlint/memray.bin -m pytest {shlex.quote(test)}",
            f"{python} -m memray flamegraph -f .memlint/memray.bin",
        )
        made.append(NextCommand(lines, f"which lines allocate in {test}; it needs memray beside the suite"))
    return made


def _searched(units: Sequence[MeasuredUnit], known: Collection[str]) -> list[NextCommand]:
    batches = [unit for unit in units if is_batch(unit)]
    if "bisect" not in known or not batches:
        return []
    named = " ".join(shlex.quote(path) for path in files_of(batches[0])[:_NAMED])
    return [NextCommand((f"memlint bisect {named}",), "which files of the batch fill the process together")]
