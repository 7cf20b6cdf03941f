"""Every case of the rule book, run through the whole pipeline: its rule alone, and all rules together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from memlint.config import Overrides, load_settings
from memlint.knowledge.rulebook import Case, Rule, load_rulebook
from memlint.model import Level
from memlint.pipeline import Request, lint
from memlint.units import parse_bytes

_EXPECT = re.compile(r"# expect: ([A-Z0-9, ]+)")
Found = set[tuple[str, int, str]]


def _cases() -> Iterator[object]:
    for rule in load_rulebook().rules.values():
        for case in rule.case:
            marks = [pytest.mark.xfail(reason=case.todo, strict=True)] if case.todo else []
            yield pytest.param(rule, case, id=f"{rule.code}-{case.name}", marks=marks)


def _files(case: Case) -> dict[str, str]:
    if case.code is not None:
        return {"test_case.py": case.code}
    return {file.path: file.code for file in case.file}


def _expected(files: dict[str, str]) -> Found:
    found = set()
    for path, code in files.items():
        for number, line in enumerate(code.splitlines(), 1):
            match = _EXPECT.search(line)
            for name in match[1].split(",") if match else ():
                found.add((path, number, name.strip()))
    return found


def _write(case: Case, folder: Path) -> None:
    for path, code in _files(case).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(code, encoding="utf-8")
    for data in case.data:
        target = folder / data.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.truncate(parse_bytes(data.size))
    if case.config is not None:
        (folder / "memlint.toml").write_text(case.config, encoding="utf-8")


def _found(folder: Path, case: Case, codes: frozenset[str] | None) -> Found:
    overrides = Overrides(select=tuple(sorted(codes))) if codes is not None else Overrides()
    settings = load_settings(folder, overrides=overrides, working_dir=folder)
    result = lint(Request((), settings, Level(case.level), jobs=1, cache=False, root=folder))
    assert not result.errors, result.errors
    return {(f.location.path, f.location.line, f.code) for f in result.active}


@pytest.mark.parametrize(("rule", "case"), list(_cases()))
def test_case_with_all_rules(rule: Rule, case: Case, tmp_path: Path) -> None:
    _write(case, tmp_path)
    assert _found(tmp_path, case, None) == _expected(_files(case))


@pytest.mark.parametrize(("rule", "case"), list(_cases()))
def test_case_with_its_rule_alone(rule: Rule, case: Case, tmp_path: Path) -> None:
    _write(case, tmp_path)
    own = {place for place in _expected(_files(case)) if place[2] == rule.code}
    alone = None if rule.family == "meta" else frozenset({rule.code})  # comments are about the other rules
    found = _found(tmp_path, case, alone)
    assert own <= found, "the rule misses what it must find"
    everything = {(path, line) for path, line, _ in _expected(_files(case))}
    assert {(path, line) for path, line, _ in found} <= everything, "a finding where nothing is wrong"
