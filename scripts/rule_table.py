"""Writes the rule table of README.md from the rule book; with --check only says whether it is fresh.

    python scripts/rule_table.py [--check] [FILE]

Exit codes: 0 written or fresh, 1 stale, 2 the file lacks the markers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from memlint.knowledge.rulebook import Rule, load_rulebook

START = "<!-- rules:start -->"
END = "<!-- rules:end -->"
README = Path(__file__).resolve().parent.parent / "README.md"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the table and return the exit code."""
    parser = argparse.ArgumentParser(description="Write the rule table of README.md from the rule book.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if the table is stale"
    )
    parser.add_argument("file", nargs="?", type=Path, default=README, metavar="FILE")
    options = parser.parse_args(arguments)
    old = options.file.read_text(encoding="utf-8")
    head, start, rest = old.partition(START)
    _, end, tail = rest.partition(END)
    if not (start and end):
        print(f"{options.file}: no lines {START} and {END}", file=sys.stderr)
        return 2
    new = f"{head}{START}\n{''.join(table())}{END}{tail}"
    if options.check and new != old:
        print(f"{options.file}: the rule table is stale; run python scripts/rule_table.py", file=sys.stderr)
        return 1
    if new != old:
        options.file.write_text(new, encoding="utf-8")
    return 0


def table() -> Iterator[str]:
    """Yield the lines of the table, by code, each family under its name."""
    rules = sorted(load_rulebook().rules.values(), key=lambda rule: rule.code)
    yield "\n| code | name | severity | confidence | what it finds |\n| --- | --- | --- | --- | --- |\n"
    for family, members in groupby(rules, key=lambda rule: rule.family):
        yield f"| **{family}** | | | | |\n"
        yield from map(_row, members)
    yield "\n"


def _row(rule: Rule) -> str:
    summary = " ".join(rule.summary.split()).replace("|", "\\|")
    return f"| {rule.code} | {rule.name} | {rule.severity} | {rule.confidence} | {summary} |\n"


if __name__ == "__main__":
    sys.exit(main())
