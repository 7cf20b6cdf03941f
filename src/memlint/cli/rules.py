"""``memlint rules``: the rule book."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import config_options, settings_for
from memlint.cli.output import write_output

if TYPE_CHECKING:
    from memlint.knowledge.rulebook import Rule

_EPILOG = """\b
Examples:
  memlint rules                      a table
  memlint rules --format markdown    for a README
"""


@click.command("rules", epilog=_EPILOG)
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
@config_options
def command(format_: str, config: Path | None, isolated: bool) -> None:
    """List the rules, those of extra rule folders among them."""
    from memlint.config import Overrides
    from memlint.knowledge.rulebook import load_rulebook

    settings = settings_for((), config, isolated, Overrides())
    book = load_rulebook(settings.extra_rules)
    rules = [book.rules[code] for code in book.codes()]
    renderers = {"text": _text, "json": _json, "markdown": _markdown}
    write_output(renderers[format_](rules, settings.codes), None)


def _text(rules: list[Rule], active: frozenset[str]) -> Iterator[str]:
    width = max((len(rule.name) for rule in rules), default=0)
    for rule in rules:
        summary = " ".join(rule.summary.split()) + ("" if rule.code in active else "  (off)")
        yield f"{rule.code}  {rule.name:<{width}}  {rule.severity:<7}  {rule.confidence:<6}  {summary}\n"


def _json(rules: list[Rule], active: frozenset[str]) -> Iterator[str]:
    listed = [_plain(rule, rule.code in active) for rule in rules]
    yield json.dumps({"schema": "memlint.rules/1", "rules": listed}, indent=2, ensure_ascii=False) + "\n"


def _plain(rule: Rule, active: bool) -> dict[str, Any]:
    options = [
        {"name": o.name, "type": o.type, "default": o.default, "min": o.min, "max": o.max, "doc": o.doc}
        for o in rule.option
    ]
    return {
        "code": rule.code,
        "name": rule.name,
        "family": rule.family,
        "severity": rule.severity,
        "confidence": rule.confidence,
        "summary": rule.summary,
        "active": active,
        "options": options,
    }


def _markdown(rules: list[Rule], active: frozenset[str]) -> Iterator[str]:
    yield "| code | name | severity | confidence | what is wrong |\n"
    yield "|---|---|---|---|---|\n"
    for rule in rules:
        summary = " ".join(rule.summary.split()).replace("|", "\\|")
        yield f"| {rule.code} | {rule.name} | {rule.severity} | {rule.confidence} | {summary} |\n"
