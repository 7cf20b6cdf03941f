"""``memlint rules`` and ``memlint explain``."""

from __future__ import annotations

import json

import pytest

from memlint.knowledge.rulebook import load_rulebook

BOOK = load_rulebook()

OWN_RULE = """\
code = "MEM150"
name = "own-rule"
family = "load"
severity = "note"
confidence = "low"
summary = "An own | rule."
why = "It costs *much*."
fix = "Do less."
references = ["https://example.org/why"]

[[contradicts]]
rule = "other X1"
why = "It leaks."

[[option]]
name = "limit"
type = "count"
default = 3
doc = "How many."

[[case]]
name = "a shown case"
show = true
code = '''
x = load()  # expect: MEM150
'''

[[case]]
name = "a shown case of several files"
show = true
[[case.file]]
path = "tests/conftest.py"
code = "y = load()"

[[case]]
name = "a hidden case"
code = "z = load()"
"""


@pytest.fixture
def own_rule(suite):
    (suite / "house" / "load").mkdir(parents=True)
    (suite / "house" / "load" / "MEM150-own-rule.toml").write_text(OWN_RULE)
    (suite / "memlint.toml").write_text('extra-rules = ["house"]\nignore = ["MEM101"]\n')


class TestRules:
    def test_every_rule_has_a_line(self, memlint):
        lines = memlint("rules").out.splitlines()
        assert [line.split()[:2] for line in lines] == [
            [code, BOOK.rules[code].name] for code in BOOK.codes()
        ]
        assert not any("(off)" in line for line in lines)

    def test_own_rules_and_those_that_are_off(self, memlint, own_rule):
        lines = {line[:6]: line for line in memlint("rules").out.splitlines()}
        assert "An own | rule." in lines["MEM150"]
        assert [code for code, line in lines.items() if line.endswith("(off)")] == ["MEM101"]
        assert "MEM150" not in memlint("rules", "--isolated").out

    def test_json(self, memlint, own_rule):
        listed = json.loads(memlint("rules", "--format", "json").out)
        assert listed["schema"] == "memlint.rules/1"
        rules = {rule["code"]: rule for rule in listed["rules"]}
        assert len(rules) == len(BOOK.rules) + 1
        assert not rules["MEM101"]["active"]
        assert rules["MEM150"] == {
            "code": "MEM150",
            "name": "own-rule",
            "family": "load",
            "severity": "note",
            "confidence": "low",
            "summary": "An own | rule.",
            "active": True,
            "options": [
                {"name": "limit", "type": "count", "default": 3, "min": None, "max": None, "doc": "How many."}
            ],
        }

    def test_markdown_is_one_table(self, memlint, own_rule):
        lines = memlint("rules", "--format", "markdown").out.splitlines()
        assert len(lines) == len(BOOK.rules) + 3
        assert "| MEM150 | own-rule | note | low | An own \\| rule. |" in lines


class TestExplain:
    @pytest.mark.parametrize("code", BOOK.codes())
    @pytest.mark.parametrize("format_", ["text", "markdown", "json"])
    def test_every_rule_can_be_explained(self, memlint, code, format_):
        ended = memlint("explain", code, "--format", format_)
        assert (ended.code, ended.err) == (0, "")
        assert code in ended.out

    def test_markdown_holds_everything_but_hidden_cases(self, memlint, own_rule):
        out = memlint("explain", "own-rule", "--format", "markdown").out
        assert out.startswith("# MEM150 own-rule\n\nAn own | rule.\n")
        for part in (
            "Family load · severity note · confidence low",
            "It costs *much*.",
            "Do less.",
            "- `limit` (count, default `3`): How many.",
            "[tool.memlint.rules.MEM150]",
            "a shown case:\n\n```python\nx = load()  # expect: MEM150\n```\n",
            "a shown case of several files (`tests/conftest.py`):\n\n```python\ny = load()\n```\n",
            "- **other X1**: It leaks.",
            "- https://example.org/why",
        ):
            assert part in out
        assert "hidden" not in out

    def test_json_holds_the_same(self, memlint, own_rule):
        explained = json.loads(memlint("explain", "MEM150", "--format", "json").out)
        assert explained["schema"] == "memlint.explain/1"
        (rule,) = explained["rules"]
        assert (rule["why"], rule["fix"]) == ("It costs *much*.", "Do less.")
        assert [case["name"] for case in rule["case"]] == ["a shown case", "a shown case of several files"]
        assert rule["contradicts"] == [{"rule": "other X1", "why": "It leaks."}]

    def test_text_is_rendered(self, memlint, own_rule):
        out = memlint("explain", "MEM150").out
        assert "It costs much." in out
        assert "x = load()" in out
        assert "```" not in out
        assert "\x1b" not in out
        assert "\x1b[" in memlint("explain", "MEM150", "--color", "always").out

    def test_several_rules(self, memlint):
        out = memlint("explain", "MEM401", "MEM101", "--format", "markdown").out
        assert out.index("# MEM401") < out.index("# MEM101")

    @pytest.mark.parametrize(
        ("word", "hint"),
        [("MEM40", "MEM40"), ("process-never-terminate", "'process-never-terminated'"), ("zzz", "zzz")],
    )
    def test_a_word_that_is_no_rule(self, memlint, word, hint):
        ended = memlint("explain", word)
        assert (ended.code, ended.out) == (2, "")
        assert hint in ended.err
        assert "'memlint rules' lists all" in ended.err

    def test_a_rule_is_needed(self, memlint):
        assert memlint("explain").code == 2
