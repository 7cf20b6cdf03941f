"""Parsing with libcst, and what to do where it cannot."""

from __future__ import annotations

import ast

import libcst as cst

from memlint.facts import Problem
from memlint.garbage import uncollected
from memlint.syntax.lower import Lowered, lower_module
from memlint.syntax.positions import PositionIndex, index_positions
from memlint.syntax.provider import ProviderPositions
from memlint.syntax.source import Unreadable

# the second is what libcst raises on text that its grammar only half knows, such as t-strings side by side
_REJECTIONS = (cst.ParserSyntaxError, cst.CSTLogicError)
Outcome = tuple[Lowered, tuple[Problem, ...]]


def lower_tree(source: str, tree: ast.Module, index: PositionIndex) -> Outcome:
    """Lower a file that ``ast`` has parsed; a statement that libcst rejects is left out and said so."""
    try:
        module = _parse(source)
    except _REJECTIONS:
        return _without_rejected(source, tree)
    lowered = lower_module(module, index)
    if not index.agrees:
        lowered = lower_module(module, ProviderPositions(module))
    return lowered, ()


def lower_without_ast(source: str, failure: Unreadable) -> Outcome:
    """Lower a file written for a newer Python than the running one, which only libcst understands.

    Raises ``failure``, what ``ast`` said, when libcst rejects it too.
    """
    try:
        module = _parse(source)
    except _REJECTIONS:
        raise failure from None
    return lower_module(module, ProviderPositions(module)), ()


def _parse(source: str) -> cst.Module:
    with uncollected():
        return cst.parse_module(source)


def _without_parentheses(source: str, tree: ast.Module) -> str:
    """Write ``(name): int`` as ``name  : int``: valid Python that libcst rejects. Columns stay where they were."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.simple:
            if node.lineno != node.annotation.lineno:
                continue
            line = lines[node.lineno - 1].encode()
            start, end = node.col_offset, node.annotation.col_offset
            head = node.target.id.encode()
            padded = head + b" " * (line[start:end].rindex(b":") - len(head))
            lines[node.lineno - 1] = (line[:start] + padded + line[start + len(padded) :]).decode()
    return "".join(lines)


def _without_rejected(source: str, tree: ast.Module) -> Outcome:
    """Lower all but the smallest statements that libcst rejects, and say which those are."""
    source = _without_parentheses(source, tree)
    lines = source.splitlines(keepends=True)
    rejected = _rejected(tree.body, lines)
    for first, last, indent in rejected:
        lines[first - 1] = indent + "pass\n"
        lines[first:last] = ["\n"] * (last - first)
    remaining = "".join(lines)
    try:
        module = _parse(remaining)
        index = index_positions(ast.parse(remaining), remaining)
    except (*_REJECTIONS, SyntaxError):
        return Lowered((), "", ()), (
            Problem(1, "libcst cannot parse it although Python can; it was not checked"),
        )
    lowered = lower_module(module, index)
    message = (
        "libcst cannot parse this statement although Python can; it was not checked, the rest of the file was"
    )
    return lowered, tuple(Problem(first, message) for first, _, _ in rejected)


def _rejected(statements: list[ast.stmt], lines: list[str]) -> list[tuple[int, int, str]]:
    """First line, last line and indentation of every smallest statement that libcst rejects."""
    out: list[tuple[int, int, str]] = []
    for statement in statements:
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
        last = statement.end_lineno or first
        indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
        text = "".join(
            line[len(indent) :] if line.startswith(indent) else line for line in lines[first - 1 : last]
        )
        try:
            cst.parse_module(text)
            continue
        except _REJECTIONS:
            inner = [
                child for name in ("body", "orelse", "finalbody") for child in getattr(statement, name, ())
            ]
            inner += [child for handler in getattr(statement, "handlers", ()) for child in handler.body]
            found = _rejected([child for child in inner if isinstance(child, ast.stmt)], lines)
            out += found or [(first, last, indent)]
    return out
