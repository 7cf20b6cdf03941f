"""Which lines a suppression comment covers."""

from __future__ import annotations

import ast

import pytest

from memlint.facts import Directive
from memlint.syntax.comments import read_directives


def _read(source: str) -> tuple[Directive, ...]:
    return read_directives(source, ast.parse(source))


def _covered(source: str) -> tuple[int, int]:
    """The lines of the one comment in ``source``, in which HERE stands for it."""
    (directive,) = _read(source.replace("HERE", "# memlint: ignore[MEM401] why"))
    return directive.covers


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        pytest.param("a = 1\nb = f()  HERE\nc = 3\n", (2, 2), id="at the end of a line"),
        pytest.param("a = 1\nHERE\nb = f()\nc = 3\n", (3, 3), id="above a statement"),
        pytest.param(
            "HERE\n\n# another comment\n\nb = f()\n", (5, 5), id="above, with blanks and comments between"
        ),
        pytest.param("b = f(\n    1,  HERE\n    2,\n)\nc = 3\n", (1, 4), id="in the middle of a call"),
        pytest.param("b = f(\n    1,\n)  HERE\nc = 3\n", (1, 3), id="at the end of a call of several lines"),
        pytest.param("b = f(\n    HERE\n    1,\n)\nc = 3\n", (1, 4), id="on its own line in a call"),
        pytest.param("HERE\nb = f(\n    1,\n)\nc = 3\n", (2, 4), id="above a call of several lines"),
        pytest.param("b = f(1, \\\n      2)  HERE\nc = 3\n", (1, 2), id="after a continued line"),
        pytest.param('b = """\ntext\n"""  HERE\nc = 3\n', (1, 3), id="after a string of several lines"),
        pytest.param("a = 1; b = f()  HERE\nc = 3\n", (1, 1), id="two statements on the line"),
        pytest.param("b = f()  HERE", (1, 1), id="no line end"),
        pytest.param("b = f()\nHERE\n", (2, 2), id="above nothing"),
    ],
)
def test_simple_statement(source: str, lines: tuple[int, int]) -> None:
    assert _covered(source) == lines


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        pytest.param("def f():  HERE\n    a = 1\n    b = 2\nc = 3\n", (1, 3), id="at the def"),
        pytest.param("HERE\ndef f():\n    a = 1\nc = 3\n", (2, 3), id="above the def"),
        pytest.param("async def f():  HERE\n    await g()\nc = 3\n", (1, 2), id="at an async def"),
        pytest.param("@d  HERE\n@e\ndef f():\n    a = 1\nc = 3\n", (1, 4), id="at the first decorator"),
        pytest.param(
            "@d\n@e(\n    1,\n)  HERE\ndef f():\n    a = 1\nc = 3\n", (1, 6), id="at a later decorator"
        ),
        pytest.param("@d\nHERE\ndef f():\n    a = 1\nc = 3\n", (1, 4), id="between decorator and def"),
        pytest.param("HERE\n@d\ndef f():\n    a = 1\nc = 3\n", (2, 4), id="above the decorators"),
        pytest.param("def f(\n    a,  HERE\n    b,\n):\n    c = 1\nd = 3\n", (1, 5), id="at a parameter"),
        pytest.param("def f(\n    HERE\n    a,\n):\n    c = 1\nd = 3\n", (1, 5), id="above a parameter"),
        pytest.param("def f(\n    a,\n) -> int:  HERE\n    c = 1\nd = 3\n", (1, 4), id="at the header's end"),
        pytest.param("class C:  HERE\n    def f(self):\n        pass\nd = 3\n", (1, 3), id="at a class"),
        pytest.param(
            "class C:\n    @d  HERE\n    def f(self):\n        pass\n    x = 1\n", (2, 4), id="at a method"
        ),
        pytest.param(
            "def f():\n    HERE\n    a = 1\n    b = 2\n", (3, 3), id="above the first statement of a def"
        ),
        pytest.param(
            "def f():\n    HERE\n    @d\n    def g():\n        pass\n    b = 2\n",
            (3, 5),
            id="above a nested def",
        ),
        pytest.param(
            "def f():\n    @d  HERE\n    def g():\n        pass\n    b = 2\n",
            (2, 4),
            id="at a nested decorator",
        ),
        pytest.param('def f():\n    """Doc."""  HERE\n    b = 2\n', (2, 2), id="at a docstring"),
        pytest.param("def f(): g()  HERE\nb = 2\n", (1, 1), id="a def on one line"),
    ],
)
def test_function_and_class(source: str, lines: tuple[int, int]) -> None:
    assert _covered(source) == lines


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        pytest.param("with f() as a:  HERE\n    b = 1\n", (1, 1), id="at a with"),
        pytest.param(
            "with (\n    f() as a,  HERE\n    g() as b,\n):\n    c = 1\n", (1, 4), id="at one of two contexts"
        ),
        pytest.param("HERE\nwith f() as a:\n    b = 1\n", (2, 2), id="above a with"),
        pytest.param("for a in f():  HERE\n    b = 1\n", (1, 1), id="at a for"),
        pytest.param("while f(\n    1\n):  HERE\n    b = 1\n", (1, 3), id="at the end of a while"),
        pytest.param("try:\n    a = f()  HERE\nfinally:\n    b = 1\n", (2, 2), id="within a try"),
        pytest.param("if a:\n    b = 1\nelse:\n    HERE\n    c = f()\n", (5, 5), id="within an else"),
        pytest.param("if a:\n    b = 1\nelif f():  HERE\n    c = 1\n", (3, 3), id="at an elif"),
        pytest.param("if a: b = f()  HERE\nc = 1\n", (1, 1), id="an if on one line"),
        pytest.param("match f(\n    1\n):  HERE\n    case 1:\n        b = 1\n", (1, 3), id="at a match"),
    ],
)
def test_compound_statement_is_covered_by_its_header_alone(source: str, lines: tuple[int, int]) -> None:
    assert _covered(source) == lines


def test_comment_at_the_end_of_a_block_does_not_reach_the_next_one() -> None:
    assert _covered("def f():\n    a = 1\n    HERE\n\ndef g():\n    b = 2\n") == (3, 3)


def test_comment_indented_less_than_the_statement_below_reaches_it() -> None:
    assert _covered("def f():\n    a = 1\nHERE\n    b = 2\n") == (4, 4)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        pytest.param("a = 1\r\nHERE\r\nb = f()\r\n", (3, 3), id="CRLF"),
        pytest.param("a = 1\rHERE\rb = f()\r", (3, 3), id="CR"),
        pytest.param("def f():\n\tHERE\n\tb = g()\n", (3, 3), id="tabs"),
        pytest.param(
            "def f():\n\tif a:\n\t\tb = 1\n\t\tHERE\n\tc = g()\n", (4, 4), id="tabs, deeper than what follows"
        ),
        pytest.param("def f():\n        HERE\n\tb = g()\n", (3, 3), id="eight blanks above a tab"),
        pytest.param("a = 1\n\fHERE\nb = f()\n", (3, 3), id="form feed before the comment"),
        pytest.param("a = 1\n\f\nb = f()  HERE\n", (3, 3), id="form feed on a line of its own"),
        pytest.param("a = '\x1c\x85\u2028'\nb = f()  HERE\n", (2, 2), id="separators that are no line ends"),
        pytest.param("a = 'é'\ndéf = 'ü'; b = f()  HERE\nc = 1\n", (2, 2), id="not ASCII"),
    ],
)
def test_line_ends_and_blanks(source: str, lines: tuple[int, int]) -> None:
    assert _covered(source) == lines


@pytest.mark.parametrize(
    "source",
    [
        "a = '# memlint: ignore[MEM401] no'\n",
        'a = """\n# memlint: ignore[MEM401] no\n"""\n',
        "a = f'# memlint: ignore[MEM401] {b}'\n",
        "a = 1  # see the memlint: documentation\n",
        "a = 1  # noqa: memlint:ignore[MEM401]\n",
    ],
)
def test_text_that_only_looks_like_a_suppression(source: str) -> None:
    assert _read(source) == ()


def test_names_reason_and_blanks() -> None:
    (directive,) = _read(
        "a = 1  #memlint:ignore[ MEM401,handle-never-closed  MEM502 ]   closed by (the) pool #12\n"
    )
    assert directive.names == ("MEM401", "handle-never-closed", "MEM502")
    assert directive.reason == "closed by (the) pool #12"
    assert not directive.malformed


def test_comment_shared_with_other_tools() -> None:
    (directive,) = _read("a = 1  # noqa: E501  # memlint: ignore[MEM401] why  # type: ignore\n")
    assert (directive.names, directive.reason, directive.covers) == (("MEM401",), "why", (1, 1))


def test_two_instructions_in_one_comment() -> None:
    first, second = _read("a = 1  # memlint: ignore[MEM401] one # memlint: ignore[MEM501] two\n")
    assert (first.names, first.reason) == (("MEM401",), "one")
    assert (second.names, second.reason) == (("MEM501",), "two")


def test_file_ignore_covers_the_file_wherever_it_stands() -> None:
    (directive,) = _read("def f():\n    a = 1  # memlint: file-ignore[MEM101] small\n")
    assert directive.covers == (0, 0)


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        ("# memlint: ignore", "names no rule"),
        ("# memlint: ignore[]", "names no rule"),
        ("# memlint: ignore MEM401", "names no rule"),
        ("# memlint: file-ignore", "names no rule"),
        ("# memlint: disable[MEM401]", "is no instruction"),
        ("# memlint: skip-file", "is no instruction"),
    ],
)
def test_malformed_comment_says_what_is_wrong(comment: str, says: str) -> None:
    (directive,) = _read(f"a = 1  {comment}\n")
    assert says in directive.malformed


def test_source_that_does_not_parse_covers_the_line_alone() -> None:
    (directive,) = read_directives("b = f(  # memlint: ignore[MEM401] why\n", None)
    assert directive.covers == (1, 1)


def test_source_without_a_mark_is_not_tokenized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenize.generate_tokens", pytest.fail)
    assert read_directives("a = 1  # plain\n", None) == ()
