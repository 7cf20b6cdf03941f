"""``memlint classify``: what a CI log says about how the job ended."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from memlint.cli.options import config_options, settings_for
from memlint.cli.output import write_output
from memlint.cli.trouble import TroubleError

if TYPE_CHECKING:
    from io import BufferedReader

    from memlint.logs import Running, SignBook, Verdict

_STDIN = "-"
_SURE = {"high": "sure", "medium": "likely", "low": "a guess"}

_EPILOG = """\b
Examples:
  memlint classify job.log
  gh run view 123456 --log-failed | memlint classify -
  kubectl logs ci-runner-7x --previous | memlint classify - --format json

\b
Exit codes:
  0  the log was read and judged    2  it could not be read
"""


@click.command("classify", epilog=_EPILOG)
@click.argument("log", metavar="LOG", type=click.Path(dir_okay=False))
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@config_options
def command(log: str, format_: str, config: Path | None, isolated: bool) -> int:
    """Say what most likely ended a CI job, by its LOG, and which test was running then.

    LOG is a file, also a compressed one, or '-' for standard input. The signs are in rules/log-signs.toml; a file
    of that name in one of the configured extra-rules adds to them.
    """
    from memlint.config import Overrides
    from memlint.logs import load_signs

    settings = settings_for((), config, isolated, Overrides())
    verdict = _verdict(log, load_signs(settings.extra_rules))
    write_output(_json(verdict) if format_ == "json" else _text(verdict, log), None)
    return 0


def _verdict(log: str, book: SignBook) -> Verdict:
    from memlint.logs import LogError, classify, read_lines

    try:
        if log == _STDIN:
            return classify(read_lines(cast("BufferedReader", sys.stdin.buffer)), book)
        with Path(log).open("rb") as stream:
            return classify(read_lines(stream), book)
    except OSError as error:
        raise TroubleError(f"{log}: cannot be read: {error.strerror or error}") from error
    except LogError as error:
        raise TroubleError(f"{log}: {error}") from error


def _json(verdict: Verdict) -> Iterator[str]:
    plain: dict[str, Any] = dataclasses.asdict(verdict)
    plain["confidence"] = verdict.confidence.value
    document = {"schema": "memlint.classify/1", **plain}
    yield json.dumps(document, indent=2, ensure_ascii=False, default=list) + "\n"


def _text(verdict: Verdict, log: str) -> Iterator[str]:
    yield f"{verdict.title} ({_SURE[verdict.confidence.value]})\n"
    for item in verdict.evidence:
        quoted = f": {_printable(item.text)}" if item.text else ""
        yield f"  {_printable(log)}:{item.line}: {item.says}{quoted}\n"
    if verdict.running is not None:
        yield from _running(verdict.running)
    if verdict.batch is not None:
        yield from _batch(verdict)
    for other in verdict.also:
        yield f"  also: line {other.line}: {other.title}\n"
    yield f"{verdict.advice}\n"
    for text in verdict.next:
        yield f"  next: {_printable(text)}\n"


def _running(running: Running) -> Iterator[str]:
    name = running.test or running.file
    if name:
        yield f"  running: {_printable(name)} (line {running.line}: {running.how})\n"
    else:
        yield f"  running, one of (line {running.line}: {running.how}):\n"
    for other in running.others[:10]:
        yield f"{'     also' if name else '    '} {_printable(other)}\n"


def _batch(verdict: Verdict) -> Iterator[str]:
    batch = verdict.batch
    assert batch is not None
    files = ", ".join(map(_printable, batch.files[:10])) + (" …" if len(batch.files) > 10 else "")
    name = f"batch {batch.name}" if batch.name else "run"
    yield f"  {name} (line {batch.line}){': ' if files else ''}{files}\n"


def _printable(text: str) -> str:
    """Text of a log on a terminal: nothing of it is obeyed."""
    return "".join(c if c.isprintable() else "?" for c in text)
