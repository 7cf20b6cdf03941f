"""From bytes to facts, whatever the bytes are."""

from __future__ import annotations

import codecs
import sys
import threading
import warnings
from pathlib import Path

import pytest

from memlint import facts as f
from memlint.cache import FileCache
from memlint.reading import Wanted, read_facts
from memlint.syntax.source import MAX_BYTES, Unreadable, decode, lower_file

CALL = b"value = load()\n"


def _only_problem(content: bytes) -> f.Problem:
    facts = lower_file("test_a.py", content)
    assert f.statements_of(facts) == ()
    (problem,) = facts.problems
    return problem


def _calls(content: bytes) -> list[f.Span]:
    """Spans of the module-level ``name = call()`` statements."""
    facts = lower_file("test_a.py", content)
    assert facts.problems == ()
    assigned = [s.value for s in f.statements_of(facts) if isinstance(s, f.Assign)]
    return [value.at for value in assigned if isinstance(value, f.Call)]


@pytest.mark.parametrize(
    ("content", "lines"), [(b"", 1), (b"\n", 1), (b"# nothing\n", 1), (b"\n\n# nothing", 3)]
)
def test_file_without_statements(content: bytes, lines: int) -> None:
    facts = lower_file("test_a.py", content)
    assert (f.statements_of(facts), facts.problems) == ((), ())
    assert (facts.lines, facts.size) == (lines, len(content))


def test_missing_file_is_named(tmp_path: Path) -> None:
    facts, unread = read_facts(
        [Wanted("test_a.py", tmp_path / "test_a.py")], FileCache(None, "facts", f.FileFacts), 1
    )
    assert facts == []
    assert [(item.path, "No such file" in item.message) for item in unread] == [("test_a.py", True)]


def test_a_file_that_goes_while_others_are_read_is_named(tmp_path: Path) -> None:
    wanted = [Wanted(name, tmp_path / name) for name in ("test_a.py", "test_b.py")]
    for item in wanted:
        item.file.write_text("a = 1\n")

    def remove(number: int, total: int) -> None:
        wanted[1].file.unlink(missing_ok=True)

    cache = FileCache(None, "facts", f.FileFacts)
    facts, unread = read_facts(wanted, cache, 1, progress=remove)
    assert [item.path for item in facts] == ["test_a.py"]
    assert [(item.path, "No such file" in item.message) for item in unread] == [("test_b.py", True)]
    assert cache.seen()[str(wanted[1].file)] is None


@pytest.mark.parametrize("jobs", [1, 2])
def test_statements_stay_with_the_cache(tmp_path: Path, jobs: int) -> None:
    wanted = [Wanted(name, tmp_path / name) for name in ("test_a.py", "test_b.py")]
    for item in wanted:
        item.file.write_text("def test_a():\n    assert 1\n")
    cache = FileCache(None, "facts", f.FileFacts)
    facts, unread = read_facts(wanted, cache, jobs)
    assert (unread, [f.statements_of(item) for item in facts]) == ([], [(), ()])
    assert [len(f.statements_of(cache.held(str(item.file)))) for item in wanted] == [1, 1]


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"\0", 1), (b"a = 1\nb = '\0'\n", 2), (b"\x7fELF\x02\x01\x01\0\0\0", 1), (b"PK\x03\x04\n\n\0", 3)],
)
def test_null_bytes_are_no_python(content: bytes, line: int) -> None:
    problem = _only_problem(content)
    assert (problem.code, problem.line) == ("MEM900", line)
    assert "null bytes" in problem.message


def test_binary_without_null_bytes() -> None:
    problem = _only_problem(b"a = 1\n\x89PNG\r\n\xff\xfe")
    assert (problem.code, problem.line) == ("MEM900", 2)
    assert "coding line" in problem.message


def test_byte_order_mark_moves_no_column() -> None:
    assert _calls(codecs.BOM_UTF8 + CALL) == _calls(CALL) == [(1, 9, 1, 15)]


def test_byte_order_mark_against_the_coding_line() -> None:
    problem = _only_problem(codecs.BOM_UTF8 + b"# -*- coding: latin-1 -*-\n" + CALL)
    assert "encoding" in problem.message


def test_utf16_is_said_to_be_unreadable() -> None:
    assert _only_problem("a = 1\n".encode("utf-16")).code == "MEM900"


def test_latin_1_with_a_coding_line() -> None:
    source = "# -*- coding: latin-1 -*-\nname = 'é'; value = load()\n".encode("latin-1")
    assert _calls(source) == [(2, 21, 2, 27)]


def test_latin_1_without_a_coding_line_says_what_to_do() -> None:
    problem = _only_problem("a = 1\nname = 'é'\n".encode("latin-1"))
    assert (problem.code, problem.line) == ("MEM900", 2)
    assert "coding line" in problem.message


def test_unknown_encoding() -> None:
    assert "encoding is not known" in _only_problem(b"# coding: klingon\n" + CALL).message


def test_columns_count_characters() -> None:
    source = "name = 'é😀'; value = load()\n".encode()
    assert _calls(source) == [(1, 22, 1, 28)]


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n"])
def test_line_ends(end: bytes) -> None:
    assert _calls(b"a = 1" + end + b"value = load(" + end + b"    1)" + end) == [(2, 9, 3, 7)]


def test_tabs_count_as_one_column() -> None:
    facts = lower_file("test_a.py", b"if a:\n\tvalue = load()\n")
    (branch,) = f.statements_of(facts)
    assert isinstance(branch, f.If)
    (assigned,) = branch.body
    assert isinstance(assigned, f.Assign)
    assert isinstance(assigned.value, f.Call)
    assert assigned.value.at == (2, 10, 2, 16)


@pytest.mark.parametrize("blank", [b"\f\n", b"'\f'\n", b"# \x0b \x1c\n", "'\u2028\x85'\n".encode()])
def test_separators_that_are_no_line_ends(blank: bytes) -> None:
    assert [at[0] for at in _calls(blank + CALL)] == [2]


def test_form_feed_before_a_statement() -> None:
    assert [at[0] for at in _calls(b"a = 1\n\f" + CALL)] == [2]


def test_syntax_error_is_placed() -> None:
    problem = _only_problem(b"a = 1\ndef f(:\n    pass\n")
    assert (problem.code, problem.line) == ("MEM900", 2)
    assert "not valid Python" in problem.message


@pytest.mark.parametrize(
    "source", [b"print 'old'\n", b"if a:\nb = 1\n", b"a = (1\n", b"return = 1\n", b"a = '\n"]
)
def test_what_python_rejects_is_reported(source: bytes) -> None:
    assert _only_problem(source).code == "MEM900"


@pytest.mark.filterwarnings("error")
def test_warnings_about_the_source_are_not_ours() -> None:
    assert lower_file("test_a.py", b"a = '\\d'\nb = 1 is 1\n").problems == ()


def test_huge_file_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ast.parse", pytest.fail)
    content = b"x = '" + b"a" * 10_000_000 + b"'"
    problem = _only_problem(content)
    assert problem.code == "MEM903"
    assert f"{len(content):,}" in problem.message


def test_largest_file_that_is_parsed() -> None:
    padding = MAX_BYTES - len(CALL)
    assert _calls(CALL + b"#" * padding) == [(1, 9, 1, 15)]
    assert lower_file("test_a.py", CALL + b"#" * (padding + 1)).problems[0].code == "MEM903"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(b"x = " + b"[" * 5000 + b"]" * 5000 + b"\n", id="brackets"),
        pytest.param(b"x = " + b"(" * 5000 + b"1" + b")" * 5000 + b"\n", id="parentheses"),
        pytest.param(b"x = " + b"-" * 5000 + b"1\n", id="signs"),
        pytest.param(b"x = " + b"f(" * 5000 + b")" * 5000 + b"\n", id="calls"),
        pytest.param(
            b"".join(b" " * n + b"if a:\n" for n in range(90)) + b" " * 90 + b"b = 1\n", id="blocks"
        ),
        pytest.param(b"x = a" + b".b" * 5000 + b"\n", id="attributes"),
        pytest.param(b"x = a" + b"()" * 3000 + b"\n", id="calls of calls"),
        pytest.param(b"x = " + b" + ".join([b"a"] * 5000) + b"\n", id="sums"),
    ],
)
def test_deep_nesting_is_lowered_or_reported_and_leaves_the_limits_alone(source: bytes) -> None:
    limit, size = sys.getrecursionlimit(), threading.stack_size()
    facts = lower_file("test_a.py", source)
    assert bool(f.statements_of(facts)) != bool(facts.problems)
    assert all(problem.code in {"MEM900", "MEM903"} for problem in facts.problems)
    assert (sys.getrecursionlimit(), threading.stack_size()) == (limit, size)


def test_facts_of_a_deep_file_can_be_read_again() -> None:
    facts = lower_file("test_a.py", b"x = " + b" + ".join([b"a"] * 300) + b"\n")
    assert f.decode_file(f.encode(facts)) == facts


@pytest.mark.parametrize("text", [rb"'\udfff'", rb"f'\udfff'", rb"f'{path}\udfff'", rb"f'{a!r:\udfff}'"])
def test_lone_surrogates_have_facts(text: bytes) -> None:
    facts = lower_file("test_a.py", b"def test_a():\n    subprocess.Popen(" + text + b")\n")
    assert facts.problems == ()
    assert f.decode_file(f.encode(facts)) == facts


def test_invalid_escapes_are_another_linters_matter() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        lower_file("test_a.py", rb"import subprocess; subprocess.Popen('\(', '\d' '\(')")
    assert heard == []


def test_decode_names_the_line_of_the_first_wrong_byte() -> None:
    with pytest.raises(Unreadable) as caught:
        decode(b"a = 1\nb = 2\nc = '\xff'\n")
    assert caught.value.line == 3


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads the file")
def test_template_strings_side_by_side_are_an_error_of_their_file() -> None:
    problem = _only_problem(b'query = (t"a = {a} " t"and b = {b}")\n')
    assert "not valid Python" in problem.message
