"""The rule book keeps its own format: rules/README.md, and what a reader of it may rely on."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from memlint.knowledge.apis import shipped_tables
from memlint.knowledge.locate import rules_dir
from memlint.knowledge.rulebook import FAMILIES, Case, Rule, load_rulebook
from memlint.units import parse_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# codes are promises to users: one may be added, none may vanish or change its family
CODES = {
    "load": ("MEM101", "MEM102", "MEM103", "MEM104", "MEM105"),
    "grow": ("MEM201", "MEM202", "MEM203", "MEM204", "MEM205", "MEM206", "MEM207", "MEM208"),
    "fixture": ("MEM301", "MEM302", "MEM303", "MEM304", "MEM305", "MEM306", "MEM307"),
    "process": ("MEM401", "MEM402", "MEM403", "MEM404", "MEM405"),
    "handle": ("MEM501", "MEM502", "MEM503"),
    "retain": ("MEM601", "MEM602", "MEM603", "MEM604", "MEM605", "MEM606"),
    "mark": ("MEM701", "MEM702"),
    "meta": ("MEM900", "MEM901", "MEM902", "MEM903"),
}
EXPECT = re.compile(r"#\s*expect\b(?P<rest>.*)")
EXPECT_REST = re.compile(r": (MEM\d{3}(?:, MEM\d{3})*)")
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

RULES = load_rulebook().rules
FILES = {path: path.stem for family in FAMILIES for path in sorted((rules_dir() / family).glob("*"))}
EACH_RULE = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def sources(case: Case) -> dict[str, str]:
    """The source files of a case by path."""
    if case.code is not None:
        return {"test_case.py": case.code}
    return {file.path: file.code for file in case.file}


def expectations(case: Case) -> Iterator[tuple[str, str]]:
    """The line and what follows ``# expect`` of every such comment."""
    for code in sources(case).values():
        for line in code.splitlines():
            for match in EXPECT.finditer(line):
                yield line, match["rest"]


def expected_codes(case: Case) -> set[str]:
    return {code for _, rest in expectations(case) for code in re.findall(r"MEM\d{3}", rest)}


def identity(case: Case) -> object:
    """All that makes a run of a case differ from another."""
    data = tuple((item.path, item.size) for item in case.data)
    texts = tuple((path, code.strip()) for path, code in sorted(sources(case).items()))
    return (texts, data, case.config, case.level)


def test_every_file_is_named_after_its_rule() -> None:
    assert {path.name for path in FILES} == {f"{rule.code}-{rule.name}.toml" for rule in RULES.values()}
    for path, stem in FILES.items():
        assert RULES[stem.partition("-")[0]].family == path.parent.name


def test_every_code_of_the_catalogue_is_there() -> None:
    assert {rule.code: rule.family for rule in RULES.values()} == {
        code: family for family, codes in CODES.items() for code in codes
    }


def test_names_are_unique_and_no_family_or_code() -> None:
    names = [rule.name for rule in RULES.values()]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    # selectors take codes, names and families alike
    assert not set(names) & {*FAMILIES, *RULES}
    assert [name for name in names if not KEBAB.fullmatch(name)] == []


@EACH_RULE
def test_texts_say_something(rule: Rule) -> None:
    assert rule.summary.endswith(".")
    assert "\n" not in rule.summary
    assert len(rule.summary) <= 160, "the summary is one sentence, shown in tables"
    for text in (rule.why, rule.fix):
        assert len(text.split()) >= 8
    if rule.family != "meta":
        assert rule.references, "where do the facts come from?"
    assert all(reference.strip() for reference in rule.references)
    assert all(entry.rule.strip() and len(entry.why.split()) >= 5 for entry in rule.contradicts)


@EACH_RULE
def test_python_in_texts_is_python(rule: Rule) -> None:
    for text in (rule.why, rule.fix):
        assert text.count("```") % 2 == 0
        for block in FENCE.findall(text):
            ast.parse(block)


@EACH_RULE
def test_options_parse_their_own_defaults(rule: Rule) -> None:
    for option in rule.option:
        assert KEBAB.fullmatch(option.name)
        assert option.doc.strip()
        option.parse(option.default)
        for bound in (option.min, option.max):
            if bound is not None:
                option.parse(bound)
    names = [option.name for option in rule.option]
    assert len(set(names)) == len(names)


@EACH_RULE
def test_there_are_good_and_bad_cases_and_one_to_show(rule: Rule) -> None:
    settled = [case for case in rule.case if case.todo is None]
    bad = [case for case in settled if rule.code in expected_codes(case)]
    good = [case for case in settled if not expected_codes(case)]
    assert any(case.show for case in settled), "explain would print no example"
    if rule.code not in {"MEM900", "MEM903"}:  # these fire where no comment can stand
        assert bad
        assert good
        assert any(case.show for case in bad)


@EACH_RULE
def test_case_names_are_unique(rule: Rule) -> None:
    names = [case.name for case in rule.case]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert all(name.strip() == name and name for name in names)


@EACH_RULE
def test_cases_are_whole(rule: Rule) -> None:
    for case in rule.case:
        assert (case.code is not None) != bool(case.file), f"{case.name}: either code or files"
        paths = [file.path for file in case.file] + [item.path for item in case.data]
        assert len(set(paths)) == len(paths), case.name
        for path in map(PurePosixPath, paths):
            assert not path.is_absolute() and ".." not in path.parts, f"{case.name}: {path}"
        assert all(parse_bytes(item.size) >= 0 for item in case.data), case.name
        assert case.todo is None or len(case.todo.split()) >= 3, f"{case.name}: say why"
        if case.config is not None:
            assert tomllib.loads(case.config), case.name


@EACH_RULE
def test_cases_are_python(rule: Rule) -> None:
    for case in rule.case:
        for path, code in sources(case).items():
            if not path.endswith(".py"):
                continue
            try:
                ast.parse(code)
            except SyntaxError as error:
                assert rule.code == "MEM900", f"{case.name}, {path}: {error}"


@EACH_RULE
def test_expectations_name_known_codes_on_lines_of_code(rule: Rule) -> None:
    for case in rule.case:
        for line, rest in expectations(case):
            match = EXPECT_REST.fullmatch(rest)
            assert match, f"{case.name}: write '# expect: MEM101, MEM102', not {line.strip()!r}"
            codes = match[1].split(", ")
            assert set(codes) <= set(RULES), f"{case.name}: {line.strip()!r}"
            assert len(set(codes)) == len(codes), f"{case.name}: {line.strip()!r}"
            if rule.family != "meta":
                assert not line.lstrip().startswith("#"), f"{case.name}: no code on {line.strip()!r}"


def test_no_two_cases_are_the_same() -> None:
    seen: dict[object, list[str]] = defaultdict(list)
    for rule in RULES.values():
        for case in rule.case:
            seen[identity(case)].append(f"{rule.code}: {case.name}")
    assert [names for names in seen.values() if len(names) > 1] == []


def test_one_name_under_equal_conditions_stands_in_one_entry() -> None:
    seen: dict[object, list[str]] = defaultdict(list)
    for table in shipped_tables():
        for entry in table.call:
            for name in entry.names:
                seen[name, str(entry.when), str(entry.unless)].append(table.library)
    assert {key: where for key, where in seen.items() if len(where) > 1} == {}


def test_a_library_has_one_table() -> None:
    libraries = Counter(table.library for table in shipped_tables())
    assert [library for library, count in libraries.items() if count > 1] == []


def test_resources_lead_to_rules_of_the_book() -> None:
    named = {code for table in shipped_tables() for r in table.resource for code in (r.rule, r.partial_rule)}
    assert named <= set(RULES)


def test_nothing_but_the_rule_book_lies_in_its_folder() -> None:
    folders = {path.name for path in rules_dir().iterdir() if path.is_dir()}
    assert folders == {*FAMILIES, "apis"}
    strangers = [path for path in rules_dir().rglob("*") if path.is_file() and not _belongs(path)]
    assert strangers == []


def _belongs(path: Path) -> bool:
    return path.suffix == ".toml" or path.relative_to(rules_dir()) == Path("README.md")
