"""``memlint doctor``: what this machine can measure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from memlint.units import format_bytes

if TYPE_CHECKING:
    from memlint.runner.doctor import Report

_EPILOG = """\b
Examples:
  memlint doctor                  before the first measurement, or when figures look odd
  memlint doctor --format json    for a bug report
"""


@click.command("doctor", epilog=_EPILOG)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(format_: str) -> int:
    """Say how memory is measured and limited on this machine, and how to get a better way."""
    from memlint.runner.doctor import examine

    report = examine()
    if format_ == "json":
        click.echo(json.dumps({"schema": "memlint.doctor/1", **dataclasses.asdict(report)}, indent=2))
    else:
        click.echo("\n".join(_lines(report)))
    return 0


def _lines(report: Report) -> Iterator[str]:
    yield f"meter   {report.meter}"
    yield f"limit   {report.limit}"
    yield f"memory  {format_bytes(report.free_bytes)} free of {format_bytes(report.memory_bytes)}"
    if report.group:
        yield f"group   {report.group}"
    yield ""
    for meter in report.meters:
        yield f"{'yes' if meter.works else 'no ':3}  {meter.name:9} {meter.text}"
    yield ""
    yield from report.facts
    for advice in report.advice:
        yield f"better: {advice}"
