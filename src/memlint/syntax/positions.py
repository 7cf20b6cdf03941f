"""Exact positions for libcst nodes, without libcst's own PositionProvider.

The i-th call of libcst's tree is the i-th ``ast.Call`` sorted by start and then by length; the same holds for
comprehensions, arithmetic, subscripts, statements and decorators. Reading them off ``ast`` costs a tenth of a libcst
parse, the provider about one whole parse.
"""

from __future__ import annotations

import ast
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
    depth: int = 0  # of the deepest node
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


def index_positions(tree: ast.Module, source: str) -> PositionIndex:
    """Collect the spans of ``tree``, which is the parse of ``source``."""
    spans: dict[str, list[Span]] = {kind: [] for kind in POSITIONED}
    level: list[ast.AST] = [tree]
    depth = 0
    kinds = _KINDS
    while level:
        depth += 1
        below: list[ast.AST] = []
        for node in level:
            kind = type(node)
            found = kinds.get(kind)
            if found is not None:
                spans[found].append(_span(node))
            elif isinstance(node, ast.stmt):
                spans["stmt"].append(_span(node))
                spans["decorator"].extend(
                    _span(decorator) for decorator in getattr(node, "decorator_list", ())
                )
            for name in _children_of(kind):
                value = getattr(node, name, None)
                if isinstance(value, list):
                    below.extend(item for item in value if isinstance(item, ast.AST))
                elif isinstance(value, ast.AST):
                    below.append(value)
        level = below
    for found_spans in spans.values():
        found_spans.sort(key=lambda span: (span[0], span[1], -span[2], -span[3]))
    if not source.isascii():
        spans = {kind: _in_characters(found_spans, source) for kind, found_spans in spans.items()}
    return PositionIndex(spans, depth)


def _span(node: Any) -> Span:
    return (node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1)


def _in_characters(spans: list[Span], source: str) -> list[Span]:
    """``ast`` counts columns in UTF-8 bytes; people and editors count characters."""
    lines = _python_lines(source)
    wide = {number: line.encode() for number, line in enumerate(lines, 1) if not line.isascii()}

    def column(line: int, byte_column: int) -> int:
        encoded = wide.get(line)
        return (
            byte_column if encoded is None else len(encoded[: byte_column - 1].decode(errors="replace")) + 1
        )

    return [(l1, column(l1, c1), l2, column(l2, c2)) for l1, c1, l2, c2 in spans]


def _python_lines(source: str) -> list[str]:
    """Lines as Python counts them; ``str.splitlines`` also breaks at form feeds and other separators."""
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


class Positions(Protocol):
    """Where lowering asks for the spans of nodes."""

    def take(self, kind: str, node: object, /) -> Span:
        """The span of ``node``, which is the next of its kind."""

    @property
    def agrees(self) -> bool:
        """Whether the spans handed out can be trusted."""
