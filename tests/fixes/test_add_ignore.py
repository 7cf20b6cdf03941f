"""Suppression comments go where they hold, and the code stays as it is."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlint.fixes.add_ignore import Added, CannotAddError, add_ignores, with_ignores
from memlint.model import Confidence, Finding, Location, Severity
from memlint.syntax.comments import read_directives


def finding(line: int, code: str = "MEM401", path: str = "test_a.py") -> Finding:
    return Finding(
        code=code,
        name="n",
        family="process",
        location=Location(path, line),
        symbol="",
        nodeid=None,
        message="",
        suggestion="",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
    )


def ignored(source: str, *places: int | tuple[int, str], reason: str = "why") -> str:
    findings = [finding(*place) if isinstance(place, tuple) else finding(place) for place in places]
    return with_ignores(source, findings, reason)[0]


@pytest.mark.parametrize(
    ("name", "source", "places", "expected"),
    [
        ("beside", "x = run()\n", [1], "x = run()  # memlint: ignore[MEM401] why\n"),
        ("no line end at the end", "x = run()", [1], "x = run()  # memlint: ignore[MEM401] why"),
        ("trailing blanks", "x = run()  \n", [1], "x = run()  # memlint: ignore[MEM401] why\n"),
        (
            "several codes on a line",
            "x = run()\n",
            [(1, "MEM402"), (1, "MEM401"), (1, "MEM402")],
            "x = run()  # memlint: ignore[MEM401, MEM402] why\n",
        ),
        (
            "one comment a statement",
            "x = run(\n    a(),\n    b(),\n)\n",
            [(3, "MEM402"), (2, "MEM401")],
            "x = run(\n    a(),  # memlint: ignore[MEM401, MEM402] why\n    b(),\n)\n",
        ),
        (
            "another comment is on the line",
            "if 1:\n    y = 1\n    x = run()  # noqa: S603\n",
            [3],
            "if 1:\n    y = 1\n    # memlint: ignore[MEM401] why\n    x = run()  # noqa: S603\n",
        ),
        (
            "such a comment is there already",
            "x = run()  # memlint: ignore[MEM501,MEM101] old reason\n",
            [1],
            "x = run()  # memlint: ignore[MEM101, MEM401, MEM501] old reason\n",
        ),
        (
            "inside a string of several lines",
            'y = 1\nx = run("""\n  a\n""", b())\n',
            [2],
            'y = 1\n# memlint: ignore[MEM401] why\nx = run("""\n  a\n""", b())\n',
        ),
        (
            "after a string of several lines",
            'x = run("""\n  a\n""", b())\n',
            [3],
            'x = run("""\n  a\n""", b())  # memlint: ignore[MEM401] why\n',
        ),
        (
            "an f-string of several lines",
            'x = run(f"""\n  {a}\n""", b())\n',
            [1],
            '# memlint: ignore[MEM401] why\nx = run(f"""\n  {a}\n""", b())\n',
        ),
        (
            "a continued line",
            "y = 1; x = \\\n    run() + \\\n    1\n",
            [2],
            "# memlint: ignore[MEM401] why\ny = 1; x = \\\n    run() + \\\n    1\n",
        ),
        (
            "the last line of a continuation",
            "x = 1 + \\\n    run()\n",
            [2],
            "x = 1 + \\\n    run()  # memlint: ignore[MEM401] why\n",
        ),
        (
            "a comment that ends in a backslash",
            "x = [  # a \\\n    run(),\n]\n",
            [2],
            "x = [  # a \\\n    run(),  # memlint: ignore[MEM401] why\n]\n",
        ),
        (
            "after the end of another statement's string",
            's = """\n"""; x = run("""\n""")\n',
            [2],
            '# memlint: ignore[MEM401] why\ns = """\n"""; x = run("""\n""")\n',
        ),
        (
            "a decorator",
            "@mark(\n    'a',  # b\n)\n@run()\ndef f():\n    pass\n",
            [2],
            "# memlint: ignore[MEM401] why\n@mark(\n    'a',  # b\n)\n@run()\ndef f():\n    pass\n",
        ),
        (
            "windows line ends and tabs",
            "if 1:\r\n\ty = 1\r\n\tx = run()  # c\r\n",
            [3],
            "if 1:\r\n\ty = 1\r\n\t# memlint: ignore[MEM401] why\r\n\tx = run()  # c\r\n",
        ),
        (
            "a form feed and other separators are no line ends",
            "a = 1\n\x0c\nb = '\x1c\x85\u2028'\nx = run()\n",
            [4],
            "a = 1\n\x0c\nb = '\x1c\x85\u2028'\nx = run()  # memlint: ignore[MEM401] why\n",
        ),
        (
            "a hash in a string is no comment",
            "x = run('# memlint: ignore[MEM1] no')\n",
            [1],
            "x = run('# memlint: ignore[MEM1] no')  # memlint: ignore[MEM401] why\n",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value and "=" not in value else "",
)
def test_where_the_comment_goes(name, source, places, expected):
    assert ignored(source, *places) == expected


def test_a_comment_that_would_make_the_line_too_long_goes_above():
    source = "if 1:\n    y = 1\n    x = run()\n"
    assert ignored(source, 3, reason="r" * 59).splitlines()[2].endswith("r" * 59)
    assert ignored(source, 3, reason="r" * 60).splitlines()[2] == f"    # memlint: ignore[MEM401] {'r' * 60}"


SOURCE = dedent(
    '''\
    """A docstring
    of two lines."""
    import subprocess

    A = subprocess.Popen(["a"])
    B, C = (
        subprocess.Popen(["b"]),  # one
        subprocess.Popen(["c"]),
    )


    @decorate(subprocess.Popen(["d"]))
    @other
    def test_d(x=subprocess.Popen(["e"])):
        text = """
        not code
        """ + run(
            subprocess.Popen(["f"])
        )
        if text: subprocess.Popen(["g"])
        elif subprocess.Popen(["h"]):
            first = subprocess.Popen(["i"]); second = subprocess.Popen(["j"])
        with subprocess.Popen(["k"]) as k, \\
             subprocess.Popen(["l"]) as l:
            third = subprocess.Popen(["m"])
            fourth = subprocess.Popen(["n"])  # type: ignore
        return {
            "o": f"{subprocess.Popen(['o'])}",  # a
        }
    '''
)
LINES = [number for number, line in enumerate(SOURCE.splitlines(), 1) if "Popen(" in line]


def holds(changed: str, code: str, text: str) -> bool:
    """Whether a directive for ``code`` covers the line that holds ``text``."""
    line = next(number for number, found in enumerate(changed.splitlines(), 1) if text in found)
    directives = read_directives(changed, ast.parse(changed))
    return any(code in d.names and d.covers[0] <= line <= d.covers[1] for d in directives)


@pytest.mark.parametrize("reason", ["why", "r" * 90])
@pytest.mark.parametrize("line", LINES)
def test_every_comment_is_read_as_covering_its_finding(line, reason):
    changed = ignored(SOURCE, line, reason=reason)
    original = SOURCE.splitlines()[line - 1].split("#")[0].strip()
    assert ast.dump(ast.parse(changed)) == ast.dump(ast.parse(SOURCE))
    assert holds(changed, "MEM401", original)


@settings(deadline=None)
@given(st.sets(st.sampled_from(LINES), min_size=1), st.sampled_from(["why", "r" * 90]))
def test_any_set_of_findings_leaves_the_code_as_it_is(lines, reason):
    changed = ignored(SOURCE, *lines, reason=reason)
    kept = [line for line in changed.splitlines() if not line.strip().startswith("# memlint:")]
    assert [line.split("  # memlint:")[0] for line in kept] == SOURCE.splitlines()


def test_what_does_not_parse_is_refused():
    with pytest.raises(CannotAddError, match="it does not parse"):
        ignored("def (:\n", 1)


class TestFiles:
    def test_encodings_byte_order_marks_and_line_ends_are_kept(self, tmp_path: Path):
        contents = {
            "bom.py": b"\xef\xbb\xbfx = '\xc3\xbc'\r\ny = run()\r\n",
            "latin.py": b"# coding: latin-1\nx = '\xfc'; y = run()\n",
            "old_mac.py": b"x = 1\ry = run()\r",
        }
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        added = add_ignores([finding(2, path=name) for name in contents], "why", tmp_path)
        assert added == Added(comments=3, files=3, refused=())
        for name, content in contents.items():
            comment = b"run()  # memlint: ignore[MEM401] why"
            assert (tmp_path / name).read_bytes() == content.replace(b"run()", comment)

    def test_a_reason_that_the_encoding_cannot_hold_leaves_the_file(self, tmp_path: Path):
        (tmp_path / "latin.py").write_bytes(b"# coding: latin-1\ny = run()\n")
        added = add_ignores([finding(2, path="latin.py")], "小さい", tmp_path)
        assert (added.files, added.comments) == (0, 0)
        assert added.refused[0][0] == "latin.py"
        assert (tmp_path / "latin.py").read_bytes() == b"# coding: latin-1\ny = run()\n"

    def test_a_file_that_is_gone_is_told_and_the_others_go_on(self, tmp_path: Path):
        (tmp_path / "b.py").write_text("x = run()\n")
        added = add_ignores([finding(1, path="a.py"), finding(1, path="b.py")], "why", tmp_path)
        assert (added.files, [path for path, _ in added.refused]) == (1, ["a.py"])
