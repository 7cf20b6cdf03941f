"""``memlint explain``: one rule, whole."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memlint.cli.options import config_options, settings_for
from memlint.cli.output import terminal_width, wants_color, write_output
from memlint.cli.trouble import TroubleError

if TYPE_CHECKING:
    from memlint.knowledge.rulebook import Case, Rule

_EPILOG = """\b
Examples:
  memlint explain MEM401
  memlint explain process-never-terminated --format markdown
"""


@click.command("explain", epilog=_EPILOG)
@click.argument("rules", nargs=-1, required=True, metavar="CODE|NAME...")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour.",
)
@config_options
def command(rules: tuple[str, ...], format_: str, color: str, config: Path | None, isolated: bool) -> None:
    """Say what a rule is about, why it exists, what to do instead, and which settings it has."""
    from memlint.config import Overrides
    from memlint.knowledge.rulebook import load_rulebook
    from memlint.knowledge.selectors import UnknownSelectorError, code_of

    settings = settings_for((), config, isolated, Overrides())
    book = load_rulebook(settings.extra_rules)
    try:
        chosen = [book.rules[code_of(word, book)] for word in rules]
    except UnknownSelectorError as error:
        raise TroubleError(f"{error}; 'memlint rules' lists all") from error
    if format_ == "json":
        write_output(_json(chosen), None)
        return
    text = "\n".join("".join(_markdown(rule, settings.options[rule.code])) for rule in chosen)
    write_output([text if format_ == "markdown" else _rendered(text, color)], None)


def _rendered(text: str, color: str) -> str:
    """Markdown as a terminal shows it."""
    from rich.console import Console
    from rich.markdown import Markdown

    colored = wants_color(color, sys.stdout)
    console = Console(
        force_terminal=colored,
        no_color=not colored,
        width=terminal_width(sys.stdout),
        color_system="standard" if colored else None,
    )
    with console.capture() as capture:
        console.print(Markdown(text, code_theme="ansi_dark"))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _json(rules: list[Rule]) -> Iterator[str]:
    listed = [_plain(rule) for rule in rules]
    yield json.dumps({"schema": "memlint.explain/1", "rules": listed}, indent=2, ensure_ascii=False) + "\n"


def _plain(rule: Rule) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(rule)
    shown = [case.name for case in rule.case if case.show]
    plain["case"] = [case for case in plain.get("case", []) if case["name"] in shown]
    return plain


def _markdown(rule: Rule, options: Any) -> Iterator[str]:
    yield f"# {rule.code} {rule.name}\n\n{rule.summary.strip()}\n\n"
    yield f"Family {rule.family} · severity {rule.severity} · confidence {rule.confidence}\n\n"
    yield f"## Why\n\n{rule.why.strip()}\n\n## Instead\n\n{rule.fix.strip()}\n"
    if rule.option:
        yield "\n## Options\n\n"
        for option in rule.option:
            default = json.dumps(option.default, ensure_ascii=False)
            yield f"- `{option.name}` ({option.type}, default `{default}`): {option.doc.strip()}\n"
        yield f"\nSet them under `[tool.memlint.rules.{rule.code}]`.\n"
    shown = [case for case in rule.case if case.show]
    if shown:
        yield "\n## Examples\n"
        for case in shown:
            yield from _example(case)
    if rule.contradicts:
        yield "\n## Advice that does harm here\n\n"
        yield from (f"- **{other.rule}**: {other.why.strip()}\n" for other in rule.contradicts)
    if rule.references:
        yield "\n## References\n\n"
        yield from (f"- {reference}\n" for reference in rule.references)


def _example(case: Case) -> Iterator[str]:
    files = [("", case.code)] if case.code else [(file.path, file.code) for file in case.file]
    for path, code in files:
        heading = f"{case.name} (`{path}`)" if path else case.name
        yield f"\n{heading}:\n\n```python\n{code.strip()}\n```\n"
