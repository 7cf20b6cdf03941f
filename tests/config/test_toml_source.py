from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlint.config.toml_source import TomlSource, read_source

TEXT = '''\
# a comment with [brackets] and "quotes"
top = """
[not.a.header]
key = 1
"""
odd = \'\'\'
other = 2 # "
\'\'\'
[first]
"quoted key" = [
  "one",  # ] not the end
  [1, 2], { inner = "x" },
]
a.b = 1

[ second . "third.x" ]
after = "\\" = ["

[[list]]
name = 'x'
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("top",), 2),
        (("odd",), 6),
        (("first",), 9),
        (("first", "quoted key"), 10),
        (("first", "a", "b"), 14),
        (("second", "third.x"), 16),
        (("second", "third.x", "after"), 17),
        (("list",), 19),
        (("list", "name"), 20),
        (("first", "quoted key", "inner"), 10),  # in an inline table: the line of what holds it
        (("gone",), 1),
    ],
)
def test_lines_of_keys(keys, line):
    assert read_source(Path("x.toml"), TEXT).line(keys) == line


def test_the_line_of_an_item():
    source = read_source(Path("x.toml"), TEXT)
    assert source.line(("first", "quoted key"), "one") == 11
    assert source.line(("first", "quoted key"), "not there") == 10


_names = st.text("abzAZ019_-", min_size=1, max_size=8)
_values = st.sampled_from(
    ["1", '"x"', "'#'", '["a",\n"b" # ]\n]', '"""\n[t]\nk = 1\n"""', "{ k = 1 }", "'''\n]'''"]
)


@settings(deadline=None)
@given(st.dictionaries(_names, st.dictionaries(_names, _values, max_size=4), max_size=4))
def test_every_key_of_any_file_is_found_where_it_stands(tables):
    text, lines = "", {}
    for table, keys in tables.items():
        lines[(table,)] = text.count("\n") + 1
        text += f"[{table}]\n"
        for key, value in keys.items():
            lines[(table, key)] = text.count("\n") + 1
            text += f"{key} = {value}\n"
    source: TomlSource = read_source(Path("x.toml"), text)
    assert {keys: source.line(keys) for keys in lines} == lines
