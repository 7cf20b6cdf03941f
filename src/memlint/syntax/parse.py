"""Which parser sees what: ``ast`` every statement, libcst those in which a rule may find something.

A statement of a module or class is a unit. Its facts are read off ``ast``; where they name a call of the API tables
that has an effect, or a large number, or where ``ast`` leaves a doubt, libcst parses the unit and its facts stand. Both
give the same facts, and tests hold them to that; so what is kept of a file does not depend on the tables, nor on the
length from which on a unit without a doubt is data that libcst is spared.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

import libcst as cst

from memlint import facts as f
from memlint.knowledge.index import ApiIndex
from memlint.syntax.lower import Lowering, lower_module
from memlint.syntax.positions import Columns, index_positions
from memlint.syntax.provider import ProviderPositions
from memlint.syntax.quick import QuickLowering
from memlint.syntax.source import Unreadable
from memlint.syntax.walk import NOTABLE, Lowered

# beside errors of syntax: text that libcst's grammar only half knows, such as t-strings side by side, and text that
# its nodes do not validate, such as ``return*rest,``
_REJECTIONS = (cst.ParserSyntaxError, cst.CSTLogicError, cst.CSTValidationError)
_NO_MATTER = (ast.ClassDef, ast.Import, ast.ImportFrom)  # statements of a class are units themselves
_LONG = 200_000  # characters of a unit; libcst takes some 400 bytes for each
_CLASS = "class _:\n"  # around a statement of a class, whose lines are indented


def lower_tree(source: str, tree: ast.Module, index: ApiIndex) -> Lowered:
    """Lower a file that ``ast`` has parsed."""
    columns = Columns(source)
    if "\r" in source:  # ast does not tell how the lines of a long string end
        whole = _by_libcst(source, tree, columns)
        if whole is not None:
            return whole.walk.lowered(whole.body)
    units = UnitLowering(columns, triggers(source, tree, index))
    return units.lowered(units.members(tree.body))


def lower_without_ast(source: str, failure: Unreadable) -> Lowered:
    """Lower a file written for a newer Python than the running one, which only libcst understands.

    Raises ``failure``, what ``ast`` said, when libcst rejects it too.
    """
    try:
        module = cst.parse_module(source)
    except _REJECTIONS:
        raise failure from None
    return lower_module(module, ProviderPositions(module))


def triggers(source: str, tree: ast.Module, index: ApiIndex) -> frozenset[str]:
    """The words by which a unit of this file may name a call that has an effect, by the API tables.

    They are those of the libraries that the text names: attributes, and what is imported by name or built in.
    """
    named = {word for root, words in index.effective.items() if root in source for word in words}
    built_in = index.effective.get("builtins", set())
    imports = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    return frozenset({f".{word}" for word in named} | built_in | (named & imported))


class UnitLowering(QuickLowering):
    """Lowers unit by unit, and has libcst see those that matter."""

    def __init__(self, columns: Columns, triggers: frozenset[str]) -> None:
        super().__init__(columns)
        self.triggers = triggers
        self.depth = 0  # of classes

    def members(self, nodes: Sequence[ast.stmt]) -> tuple[f.Stmt, ...]:
        """Lower the statements of the module, or of a class that no function holds, each as a unit."""
        if self.in_function:
            return super().members(nodes)
        self.depth += 1
        header_doubtful = self.doubtful
        out = [self.unit(node) for node in nodes]
        self.doubtful = header_doubtful
        self.depth -= 1
        return tuple(out)

    def unit(self, node: ast.stmt) -> f.Stmt:
        """Lower one unit."""
        mentioned, notable = self.mentioned, self.notable
        self.mentioned, self.notable = set(), set()
        self.largest, self.doubtful = 0.0, False
        statement = self.statement(node)
        if self.doubtful or (not isinstance(node, _NO_MATTER) and self.matters()):
            seen = self.seen(node)
            if seen is not None:
                (statement,) = seen.body
                self.mentioned, self.notable = seen.walk.mentioned, seen.walk.notable
        mentioned |= self.mentioned
        notable |= self.notable
        self.mentioned, self.notable = mentioned, notable
        return statement

    def matters(self) -> bool:
        """Whether a rule may find something in the unit."""
        return self.largest >= NOTABLE or not self.triggers.isdisjoint(self.mentioned)

    def seen(self, node: ast.stmt) -> _Seen | None:
        """What libcst tells of a unit; None where it rejects what Python accepts, or is not asked."""
        decorators = getattr(node, "decorator_list", ())
        text = self.columns.text(node, decorators[0].lineno if decorators else 0)
        if len(text) > _LONG and not self.doubtful:
            return None
        within = self.depth > 1
        if within and not decorators:
            before = self.columns.before(node)
            text = (before if before.isspace() else " ") + text
        return _by_libcst(_CLASS + text if within else text, ast.Module([node], []), self.columns, within)


class _Seen(NamedTuple):
    """What libcst has told: the statements, and the walk over them."""

    body: tuple[f.Stmt, ...]
    walk: Lowering


def _by_libcst(text: str, tree: ast.Module, columns: Columns, within: bool = False) -> _Seen | None:
    """Lower what ``tree`` is the parse of; ``within`` a class that ``text`` opens in its first line."""
    try:
        module = cst.parse_module(text)
    except _REJECTIONS:
        return None
    positions = index_positions(tree, columns)
    walk = Lowering(positions)
    nodes = module.body[0].body.body if within else module.body  # type: ignore[union-attr]
    body = walk.statements(nodes)
    return _Seen(body, walk) if positions.agrees else None
