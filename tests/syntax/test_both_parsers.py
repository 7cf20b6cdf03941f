"""``ast`` and libcst tell the same facts of a file, whichever of its units each of them has seen."""

from __future__ import annotations

import ast
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import pytest

from memlint.knowledge.index import api_index
from memlint.knowledge.rulebook import load_rulebook
from memlint.syntax import parse
from memlint.syntax.lower import lower_module
from memlint.syntax.parse import UnitLowering, lower_tree
from memlint.syntax.positions import Columns, index_positions
from memlint.syntax.source import decode, lower_file
from memlint.syntax.walk import Lowered

_ROOT = Path(__file__).parents[2]
_OWN = [*sorted((_ROOT / "tests").rglob("*.py")), *sorted((_ROOT / "examples").rglob("*.py"))][::3]
_SHARES = 3


class _Ast(UnitLowering):
    """Shows libcst nothing but what ``ast`` leaves in doubt."""

    def matters(self) -> bool:
        return False


class _Libcst(UnitLowering):
    """Shows libcst every unit."""

    def matters(self) -> bool:
        return True


def _by_units(source: str, kind: type[UnitLowering]) -> Lowered:
    units = kind(Columns(source), frozenset())
    return units.lowered(units.members(ast.parse(source).body))


def _as_a_whole(source: str) -> Lowered | None:
    """What libcst tells of the whole file at once; None where it rejects what Python accepts: ``(name): int``."""
    positions = index_positions(ast.parse(source), Columns(source))
    try:
        lowered = lower_module(cst.parse_module(source), positions)
    except cst.ParserSyntaxError:
        return None
    assert positions.agrees
    return lowered


def _assert_same(source: str) -> None:
    whole = _as_a_whole(source)
    by_ast, by_libcst = _by_units(source, _Ast), _by_units(source, _Libcst)
    assert by_ast == by_libcst, source
    assert whole is None or by_ast == whole, source


def _case_sources() -> Iterator[str]:
    for rule in load_rulebook().rules.values():
        for case in rule.case:
            codes = [case.code] if case.code is not None else [file.code for file in case.file]
            yield from (code for code in codes if _parses(code))


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("share", range(_SHARES))
def test_both_tell_the_same_of_real_tests(share: int) -> None:
    files = _OWN[share::_SHARES]
    assert len(files) > 10
    for path in files:
        source = decode(path.read_bytes())
        if _parses(source):
            assert _by_units(source, _Ast) == _as_a_whole(source), path


def test_both_tell_the_same_of_every_case_of_the_rule_book() -> None:
    sources = list(_case_sources())
    assert len(sources) > 1000
    for source in sources:
        _assert_same(source)


ODD = {
    "f-strings": """
        a = f"{x}" f'{y!r:>10}' "z{{" if b else f"{w=}" f"{{}}"
        b = rf"\\d{x}\\n" + f'''{
            call(1)
        } {{{z}}}'''
        c = f"{a[0]:{width}} {b.c('d')}" """,
    "strings": """
        a = "500" "ms", b"12" b"a", "1_000", '''7''', r"9", u"ü", "\\ud800", "a\\n" * 3
        b = ("2000"
             "x")
        def f(limit=os.environ.get("N", "4_000")): return "é" "ö", b"\\xff" """,
    "numbers": "a = 1_0, 0x10, 1e3, 2j, -5, -1.5, ~3, not 0, 10**400, 123456789012345678901, ..., -True",
    "indices": "a = x[1, 2], x[(1, 2)], x[(1), 2], x[()], x[1,], x[((1, 2), 3)], x[:, ::2, ...], x[a:b][c]",
    "deletions": "del a\ndel (b, c)\ndel d, (e, f)\ndel [g, h]\ndel i.j, k[0]\ndel l,",
    "calls": "f(a, *b, c, *d, k=1, **e)\nf(*a, k=1, *b)\nf(x for x in y)\nf(x for x in y)(z).w(k=f(2))\nf((yield))",
    "classes": """
        class A(B, *C, metaclass=D, **E): x = 1; y = np.zeros(1000)
        @d
        class F:
            '''text'''
            a, b = [], {}
            if a:
                c = set()
            @e(f"{a}")  # comment
            @(
                g
            )
            def h(self, /, i=1, *args: *Ts, j, k: int = 2, **l) -> "m": return [n for n in o if p if q]
            async def r(self):
                async with s() as t, u() as (v, *w): await x
                async for y in z: yield y
                else: return
            class G:
                def inner(self): nonlocal_ = lambda a, *b, c=1, **d: (yield)
        @f"{x}" "{y}".z
        class H: pass""",
    "control": """
        while True:
            if a: break
            elif b: continue
            else:
                if c: pass
        for a, *b in c: d += 1
        else: e: int = 5
        try: f = g
        except (A, B) as h:
            try: i
            except C: j
            except D: raise E from k
        except F: raise
        else: l = (m := n)
        finally: assert o, f"{p}"
        with q, r as s.t, u as v[0]: w = x if y else z
        with (a as b, c as d,): pass
        (e): int = 1
        f.g: list[int]""",
    "matching": """
        match a:
            case [b, *c] | (b, c) if d: e = f
            case {"g": h, **i}: j()
            case K(l, m=n) as o: p
            case 1 | "q" | r.s: t
            case _: u""",
    "bodies": """
        def f(): a = 1; global b; b = [b, c]; return (yield a)
        def g():
            x = np.concatenate([x, y]); x = x.append(x) if z else x
            from .. import h
            from i.j import k as l, m
            import n.o, p.q as r
            from . import *
            return {**a, "b": c}, {d, *e}, [f, *g], (a and b and c) or (d or e), a < b <= c is not d
        x = 1; y = f(2); import z
        if a: b = 1; c = g(3)""".replace("            from . import *\n", ""),
    "characters": "ü = 'ä'; é = f('ö'); a = 1\nclass Ö:\n\tß = 'ü'; x = f('ä')\n\tdef ñ(self): return 'ø', f('å', g())",
    "tabs and feeds": "if a:\n\tb = f(1)\n\x0c\nclass C:\n\x0c\n\tdef d(self):\n\t\te(1); g(2)\n\n\tf = 1 \\\n\t+ 2\n",
    "futures": "from __future__ import annotations\nfrom os import *\nimport a.b.c\nfrom .d import e as f\nprint(a)",
}
if sys.version_info >= (3, 11):
    ODD["groups"] = "try: a\nexcept* B as c: d = f(1)\ndef f(*args: *Ts): return x[*y], x[*y, 1]"
else:
    ODD["classes"] = ODD["classes"].replace("*args: *Ts", "*args")
if sys.version_info >= (3, 12):
    ODD["types"] = "type A[T] = list[T]\ndef f[T](a: T) -> T: return a\nclass B[T]: x = f'{a['b']}'"


@pytest.mark.parametrize("source", [textwrap.dedent(source).strip("\n") for source in ODD.values()], ids=ODD)
def test_both_tell_the_same_of_odd_syntax(source: str) -> None:
    _assert_same(source)
    assert lower_tree(source, ast.parse(source), api_index()) == _by_units(source, _Libcst)


def test_line_ends_are_kept_as_libcst_reads_them() -> None:
    source = "a = '''x\r\ny'''\r\nb = f(1)\r\n"
    assert lower_tree(source, ast.parse(source), api_index()) == lower_module(
        cst.parse_module(source), index_positions(ast.parse(source), Columns(source))
    )


@pytest.mark.parametrize(
    "text",
    [b"(value): int = subprocess.Popen(['x'])\n", b"def test_a():\n    return*subprocess.Popen(['x']),\n"],
    ids=["annotated in parentheses", "starred at once after return"],
)
def test_what_libcst_rejects_is_lowered_all_the_same(text: bytes) -> None:
    facts = lower_file("test_a.py", text)
    assert facts.problems == ()
    assert ".Popen" in facts.mentions.split()


# --- what libcst sees -----------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of the units that libcst is shown."""
    texts: list[str] = []
    real = parse._by_libcst

    def spy(text: str, *args: object) -> object:
        texts.append(text)
        return real(text, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(parse, "_by_libcst", spy)
    return texts


SUITE = b"""
import subprocess
from subprocess import Popen

def test_small():
    assert [1, 2][0] == 1

def test_process():
    subprocess.Popen(["x"])

class TestMore:
    def test_by_name(self):
        Popen(["y"])

    def test_large(self):
        assert len(range(10_000))

    def test_brew(self):
        brewery.brew()
"""


def test_libcst_is_shown_what_the_rule_book_gives_a_meaning(shown: list[str]) -> None:
    lower_file("test_a.py", SUITE)
    assert [text.split("def ")[1].partition("(")[0] for text in shown] == [
        "test_process",
        "test_by_name",
        "test_large",
    ]


def test_tables_of_the_user_count_too_and_change_no_facts(shown: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "apis"
    folder.mkdir()
    table = 'library = "brewery"\n[[call]]\nnames = ["brewery.brew"]\nacquire = "brewery.Brew"\n'
    table += '[[resource]]\nname = "brewery.Brew"\ntitle = "brew"\nrule = "MEM404"\nrelease = [["end"]]\n'
    (folder / "brewery.toml").write_text(table, encoding="utf-8")
    without = lower_file("test_a.py", SUITE)
    shown.clear()
    assert lower_file("test_a.py", SUITE, (tmp_path,)) == without
    assert any("brewery.brew()" in text for text in shown)


def test_libcst_is_spared_data_and_no_doubt(shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    data = f"def test_data():\n    table = [{'10_000, ' * 3_000}]\n    subprocess.Popen(['x'])\n"
    doubtful = (
        f"def test_doubt():\n    table = [{'10_000, ' * 3_000}]\n    return f'{{table!r:>{{len(table)}}}}'\n"
    )
    content = f"import subprocess\n\n{data}\n{doubtful}".encode()
    whole = lower_file("test_a.py", content)
    assert [text[:15] for text in shown] == ["def test_data()", "def test_doubt("]
    shown.clear()
    monkeypatch.setattr(parse, "_LONG", 20_000)
    assert lower_file("test_a.py", content) == whole
    assert [text[:15] for text in shown] == ["def test_doubt("]


@pytest.mark.parametrize("command", ["lint", "rank"])
def test_output_does_not_depend_on_what_libcst_has_seen(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from memlint.cli import main

    monkeypatch.chdir(_ROOT / "examples")
    printed = []
    for kind in (_Ast, _Libcst, UnitLowering):
        monkeypatch.setattr(parse, "UnitLowering", kind)
        level = ["--level", "audit"] if command == "lint" else []
        with pytest.raises(SystemExit):
            main([command, "--no-cache", "-j", "1", "--format", "json", *level, "."])
        printed.append(capsys.readouterr().out)
    assert json.loads(printed[0])
    assert printed[0] == printed[1] == printed[2]
