"""Exact positions for libcst nodes, without libcst's own PositionProvider.

The i-th call of libcst's tree is the i-th ``ast.Call`` sorted by start and then by length; the same holds for
comprehensions, arithmetic, subscripts, statements and decorators. Reading them off ``ast`` costs a tenth of a libcst
parse, the provider about one whole parse.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from memlint.facts import NOWHERE, Span

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_KINDS: dict[type[ast.AST], str] = {
    ast.Call: "call",
    ast.BinOp: "binary",
    ast.Subscript: "subscript",
    **dict.fromkeys(_COMPREHENSIONS, "comp"),
}
_CHILDREN: dict[type[ast.AST], tuple[str, ...]] = {}
_OPAQUE = {"JoinedStr", "TemplateStr", "Name", "Constant", "TypeAlias", "alias"}
_UNVISITED = {"ctx", "op", "ops", "type_params", "pattern", "type_comment", "kind"}
POSITIONED = ("call", "binary", "subscript", "comp", "stmt", "decorator")


def _children_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """Field names that can hold nodes which lowering visits too; memoised, since it is asked for every node."""
    fields = _CHILDREN.get(kind)
    if fields is None:
        # positions inside f-strings are wrong before Python 3.12, so nobody looks into them
        fields = () if kind.__name__ in _OPAQUE else tuple(f for f in kind._fields if f not in _UNVISITED)
        _CHILDREN[kind] = fields
    return fields


@dataclass(slots=True)
class PositionIndex:
    """Spans by kind of node, handed out in the order in which lowering meets the nodes."""

    spans: dict[str, list[Span]]
    taken: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POSITIONED, 0))

    def take(self, kind: str, _node: object = None) -> Span:
        """The span of the next node of this kind; NOWHERE when the trees disagree."""
        index = self.taken[kind]
        self.taken[kind] = index + 1
        spans = self.spans[kind]
        return spans[index] if index < len(spans) else NOWHERE

    @property
    def agrees(self) -> bool:
        """Whether lowering met as many nodes of each kind as ``ast`` has."""
        return all(self.taken[kind] == len(spans) for kind, spans in self.spans.items())


class Columns:
    """The lines of a source, and its columns: ``ast`` counts them in UTF-8 bytes, people and editors in characters."""

    def __init__(self, source: str) -> None:
        # as Python counts them; str.splitlines also breaks at form feeds and other separators
        self.lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.wide = {}
        if not source.isascii():
            self.wide = {n: line.encode() for n, line in enumerate(self.lines, 1) if not line.isascii()}

    def span(self, node: Any) -> Span:
        """Where an ``ast`` node lies."""
        line, end = node.lineno, node.end_lineno
        if not self.wide:
            return (line, node.col_offset + 1, end, node.end_col_offset + 1)
        return (line, self.offset(line, node.col_offset) + 1, end, self.offset(end, node.end_col_offset) + 1)

    def text(self, node: Any, first: int = 0) -> str:
        """How a node is written; from the beginning of its line ``first``, if that is another."""
        first = first or node.lineno
        lines = self.lines[first - 1 : node.end_lineno]
        lines[-1] = lines[-1][: self.offset(node.end_lineno, node.end_col_offset)]
        if first == node.lineno:
            lines[0] = lines[0][self.offset(first, node.col_offset) :]
        return "\n".join(lines)

    def before(self, node: Any) -> str:
        """What stands before a node on its line."""
        line: int = node.lineno
        return self.lines[line - 1][: self.offset(line, node.col_offset)]

    def offset(self, line: int, offset: int) -> int:
        """Characters before a byte of a line."""
        encoded = self.wide.get(line)
        return offset if encoded is None else len(encoded[:offset].decode(errors="replace"))


def depth_of(tree: ast.AST) -> int:
    """How deep the deepest node lies."""
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        level = [child for node in level for child in _children(node)]
    return depth


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name in _children_of(type(node)):
        value = getattr(node, name, None)
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, ast.AST))
        elif isinstance(value, ast.AST):
            yield value


def index_positions(tree: ast.AST, columns: Columns) -> PositionIndex:
    """Collect the spans of ``tree``, a part of the source that ``columns`` were made of."""
    spans: dict[str, list[Span]] = {kind: [] for kind in POSITIONED}
    level: list[ast.AST] = [tree]
    span = columns.span
    while level:
        for node in level:
            found = _KINDS.get(type(node))
            if found is not None:
                spans[found].append(span(node))
            elif isinstance(node, ast.stmt):
                spans["stmt"].append(span(node))
                spans["decorator"].extend(map(span, getattr(node, "decorator_list", ())))
        level = [child for node in level for child in _children(node)]
    for found_spans in spans.values():
        found_spans.sort(key=lambda span: (span[0], span[1], -span[2], -span[3]))
    return PositionIndex(spans)


class Positions(Protocol):
    """Where lowering asks for the spans of nodes."""

    def take(self, kind: str, node: object, /) -> Span:
        """The span of ``node``, which is the next of its kind."""

    @property
    def agrees(self) -> bool:
        """Whether the spans handed out can be trusted."""
