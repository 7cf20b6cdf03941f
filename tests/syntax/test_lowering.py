"""Lowering agrees with libcst's own providers, on files of the running interpreter's library.

Positions: for every node whose span lowering keeps, the span read off ``ast`` is the one that PositionProvider gives.
Names: for every call that lowering keeps, the dotted name, resolved by what the facts say of imports and scopes, is
one that QualifiedNameProvider gives. There is one kind of difference, which :func:`_sole_generator` explains.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider, QualifiedNameProvider, QualifiedNameSource

from memlint import facts as f
from memlint.analysis import traverse
from memlint.syntax.lower import lower_module
from memlint.syntax.positions import Columns, index_positions
from memlint.syntax.provider import ProviderPositions
from memlint.syntax.source import decode, lower_file

_LIBRARY = Path(sysconfig.get_path("stdlib"))
_LARGEST = 25_000  # bytes; libcst's providers cost several times a parse
_FILES = 12


def _corpus() -> list[Path]:
    """Files of the interpreter's own tests, or of its library where those are not installed: every n-th by name."""
    folders = [_LIBRARY / "test", _LIBRARY / "unittest", _LIBRARY / "json", _LIBRARY / "email", _LIBRARY]
    found = next(files for folder in folders if len(files := _small_files(folder)) >= _FILES)
    return found[:: len(found) // _FILES][:_FILES]


def _small_files(folder: Path) -> list[Path]:
    sizes = ((path, path.stat().st_size) for path in sorted(folder.glob("*.py")))
    return [path for path, size in sizes if 5_000 <= size <= _LARGEST and "bad" not in path.name]


CORPUS = _corpus()


def _source(path: Path) -> str:
    return decode(path.read_bytes())


# --- positions ------------------------------------------------------------------------------------------------


@dataclass
class _Compared:
    """Hands out the spans of the index, and keeps the nodes for which libcst's provider gives another one."""

    index: Any
    provider: ProviderPositions
    met: int = 0
    differing: list[tuple[str, cst.CSTNode, f.Span, f.Span]] = field(default_factory=list)
    agrees: bool = True

    def take(self, kind: str, node: object) -> f.Span:
        mine, theirs = self.index.take(kind, node), self.provider.take(kind, node)
        self.met += 1
        if mine != theirs:
            assert isinstance(node, cst.CSTNode)
            self.differing.append((kind, node, mine, theirs))
        return mine


def _sole_generator(lines: list[str], node: cst.CSTNode, mine: f.Span, theirs: f.Span) -> bool:
    """``f(x for x in y)``: ast counts the call's parentheses to the generator expression, libcst does not."""
    ours, inner = _text(lines, mine), _text(lines, theirs)
    return isinstance(node, cst.GeneratorExp) and (ours[0], ours[1:-1].strip(), ours[-1]) == ("(", inner, ")")


def _text(lines: list[str], span: f.Span) -> str:
    line, column, end_line, end_column = span
    whole = lines[line - 1 : end_line]
    whole[-1] = whole[-1][: end_column - 1]
    whole[0] = whole[0][column - 1 :]
    return "\n".join(whole)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_positions_are_those_of_the_position_provider(path: Path) -> None:
    source = _source(path)
    module = cst.parse_module(source)
    compared = _Compared(index_positions(ast.parse(source), Columns(source)), ProviderPositions(module))
    lower_module(module, compared)
    assert compared.index.agrees, "lowering met another number of nodes than ast has"
    lines = source.split("\n")
    assert [found for found in compared.differing if not _sole_generator(lines, *found[1:])] == []
    assert compared.met > 10


# --- names ----------------------------------------------------------------------------------------------------


Scope = dict[str, set[str]]  # name → what its imports there stand for; empty for a name bound otherwise


class _ClassScope(dict[str, set[str]]):
    """The scope of a class body, which the functions in it do not see."""


def _calls(node: object, scopes: tuple[Scope, ...]) -> Iterator[tuple[f.Call, tuple[Scope, ...]]]:
    """Every call of lowered statements with the scopes around it, by the facts alone."""
    if isinstance(node, tuple):
        for item in node:
            yield from _calls(item, scopes)
    elif isinstance(node, f.FunctionDef):
        function = node.function
        outside = (
            function.decorators,
            function.returns,
            [(p.default, p.annotation) for p in function.params],
        )
        yield from _calls((*outside[:2], *outside[2]), scopes)
        body = f.body_of(function)
        yield from _calls(body, (*scopes, _bound({name: set() for name in function.binds}, body)))
    elif isinstance(node, f.ClassDef):
        yield from _calls((node.cls.decorators, node.cls.bases), scopes)
        yield from _calls(node.cls.body, (*scopes, _bound(_ClassScope(), node.cls.body)))
    elif isinstance(node, f.Node):
        if isinstance(node, f.Call):
            yield node, scopes
        if isinstance(node, f.Lambda):
            scopes = (*scopes, {name: set() for name in node.params})
        elif isinstance(node, f.Comp):
            scopes = (*scopes, {name: set() for clause in node.clauses for name in _names(clause.target)})
        yield from _calls(tuple(getattr(node, name) for name in node.__struct_fields__), scopes)


def _bound(scope: Scope, body: tuple[f.Stmt, ...]) -> Scope:
    """The scope with what the statements of its own body bind."""
    for statement, _ in traverse.statements(body):
        if isinstance(statement, f.Import):
            for local, name in statement.bindings:
                prefix = "." * statement.level + statement.module + "." if statement.is_from else ""
                scope.setdefault(local, set()).add(prefix + name)
        elif isinstance(statement, (f.FunctionDef, f.ClassDef)):
            made = statement.function if isinstance(statement, f.FunctionDef) else statement.cls
            scope.setdefault(made.name, set())
        else:
            targets = [getattr(statement, "target", None), getattr(statement, "targets", None)]
            if isinstance(statement, f.With):
                targets = [target for _, target in statement.items]
            for name in _names(tuple(targets)):
                scope.setdefault(name, set())
    return scope


def _names(node: object) -> Iterator[str]:
    """The names that a target binds: ``base[key]`` and ``base.attr`` bind none."""
    if isinstance(node, tuple):
        for item in node:
            yield from _names(item)
    elif isinstance(node, f.Name):
        if "." not in node.path:
            yield node.path
    elif isinstance(node, f.Node) and not isinstance(node, (f.Subscript, f.Attr, f.Call)):
        yield from _names(tuple(getattr(node, name) for name in node.__struct_fields__))


def _resolve(path: str, scopes: tuple[Scope, ...]) -> set[str]:
    """What a dotted name stands for; LOCAL for what the file itself binds."""
    first, dot, rest = path.partition(".")
    for scope in reversed(scopes):
        if first in scope and (scope is scopes[-1] or not isinstance(scope, _ClassScope)):
            return {name + dot + rest for name in scope[first]} or {LOCAL}
    return {f"builtins.{first}"}  # the provider, too, leaves the attributes of a builtin out


LOCAL = "a name of the file"


def _theirs(module: cst.Module) -> dict[f.Span, set[str]]:
    """What libcst says of each call whose function is a dotted name, by the call's span."""
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    ranges, names = wrapper.resolve(PositionProvider), wrapper.resolve(QualifiedNameProvider)
    out: dict[f.Span, set[str]] = {}
    for node, found in ranges.items():
        if isinstance(node, cst.Call):
            start, end = found.start, found.end
            lazy: Any = names.get(node.func, set())
            qualified = lazy() if callable(lazy) else lazy
            given = {LOCAL if name.source is QualifiedNameSource.LOCAL else name.name for name in qualified}
            out[start.line, start.column + 1, end.line, end.column + 1] = given
    return out


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_names_are_those_of_the_qualified_name_provider(path: Path) -> None:
    source = _source(path)
    facts = lower_file(path.name, source.encode())
    assert not facts.problems
    theirs = _theirs(cst.parse_module(source))
    body = f.statements_of(facts)
    compared, differing = 0, []
    for call, scopes in _calls(body, (_bound({}, body),)):
        if not isinstance(call.func, f.Name) or call.at not in theirs:
            continue
        mine = _resolve(call.func.path, scopes)
        compared += 1
        if not mine <= theirs[call.at]:
            differing.append((call.at[0], call.func.path, mine, theirs[call.at]))
    assert differing == []
    assert compared > 0
