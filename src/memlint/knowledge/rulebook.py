"""The rule book: one TOML file a rule under ``rules/<family>/``; format in rules/README.md."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from memlint.knowledge.apis import Struct
from memlint.knowledge.locate import rules_dir
from memlint.knowledge.toml import BadToml, read_toml
from memlint.units import parse_bytes, parse_count

FAMILIES = ("load", "grow", "fixture", "process", "handle", "retain", "mark", "meta")


class Option(Struct, frozen=True, kw_only=True):
    """A setting of a rule, written ``[tool.memlint.rules.MEM201] min-bytes = "100 MiB"``."""

    name: str
    type: Literal["bytes", "count", "bool", "strings"]
    default: str | int | bool | list[str]
    min: str | int | None = None
    max: str | int | None = None
    doc: str

    def parse(self, value: object) -> int | bool | tuple[str, ...]:
        """Return ``value`` as this option's type.

        Raises ValueError, saying what is wanted, when it is of another type or out of range.
        """
        if self.type == "bool":
            if isinstance(value, bool):
                return value
            raise ValueError(f"{self.name} takes true or false, not {value!r}")
        if self.type == "strings":
            if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
                return tuple(value)
            raise ValueError(f"{self.name} takes a list of strings, not {value!r}")
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise ValueError(f"{self.name} takes a number, or a string with a unit, not {value!r}")
        parse = parse_bytes if self.type == "bytes" else parse_count
        number = parse(value)
        if self.min is not None and number < parse(self.min):
            raise ValueError(f"{self.name} = {value!r} is below its least value, {self.min}")
        if self.max is not None and number > parse(self.max):
            raise ValueError(f"{self.name} = {value!r} is above its greatest value, {self.max}")
        return number


class CaseFile(Struct, frozen=True):
    """One source file of a case."""

    path: str
    code: str


class CaseData(Struct, frozen=True):
    """A data file of a case, made sparse with this size."""

    path: str
    size: str


class Case(Struct, frozen=True):
    """An example: test, documentation and proof in one. ``# expect: CODE`` marks the lines that must fire."""

    name: str
    code: str | None = None  # one file, test_case.py
    file: list[CaseFile] = []  # or several
    data: list[CaseData] = []
    config: str | None = None  # body of a memlint.toml
    level: Literal["hook", "ci", "audit"] = "ci"
    todo: str | None = None  # a known miss: why; the case must fail until it is mended
    show: bool = False  # printed by ``memlint explain`` and in the docs


class Contradiction(Struct, frozen=True):
    """A rule of another tool whose advice does harm here."""

    rule: str  # "pylint R1732"
    why: str


class Rule(Struct, frozen=True):
    """One rule of the catalogue."""

    code: str
    name: str
    family: Literal["load", "grow", "fixture", "process", "handle", "retain", "mark", "meta"]
    severity: Literal["error", "warning", "note"]
    confidence: Literal["high", "medium", "low"]
    summary: str
    why: str
    fix: str
    references: list[str] = []
    contradicts: list[Contradiction] = []
    option: list[Option] = []
    case: list[Case] = []


class RuleBook(msgspec.Struct, frozen=True):
    """All rules, by code."""

    rules: dict[str, Rule]

    def codes(self) -> tuple[str, ...]:
        """All codes in order."""
        return tuple(sorted(self.rules))


@lru_cache(maxsize=8)
def load_rulebook(extra: tuple[Path, ...] = ()) -> RuleBook:
    """Return the shipped rules and those of the extra folders.

    Raises BadToml for a file that does not fit, and for a code defined twice.
    """
    rules: dict[str, Rule] = {}
    for folder in (rules_dir(), *extra):
        for family in FAMILIES:
            for path in sorted((folder / family).glob("*.toml")):
                rule = read_toml(path, Rule)
                if rule.code in rules:
                    raise BadToml(f"{path}: {rule.code} is defined already")
                rules[rule.code] = rule
    return RuleBook(rules)
