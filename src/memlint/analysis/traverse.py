"""Walks over lowered statements and expressions, for questions that need no values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from msgspec import structs

from memlint import facts as f

Enclosing = tuple[f.Stmt, ...]


def words(holder: f.Function | f.FileFacts) -> frozenset[str]:
    """Every name and attribute that a function or a file mentions."""
    return _words(holder.mentions)


@lru_cache(maxsize=256)  # several rules ask for the functions of one module in a row
def _words(mentions: str) -> frozenset[str]:
    return frozenset(mentions.replace(".", "").split())


def says(holder: f.Function | f.FileFacts, word: str) -> bool:
    """Whether a function or a file mentions a name or an attribute."""
    if word not in holder.mentions:
        return False
    mentions = f" {holder.mentions} "
    return f" {word} " in mentions or f" .{word} " in mentions


def statements(block: tuple[f.Stmt, ...], enclosing: Enclosing = ()) -> Iterator[tuple[f.Stmt, Enclosing]]:
    """Every statement of a block in order, with those that hold it; functions and classes stay closed."""
    for statement in block:
        yield statement, enclosing
        parts = blocks(statement)
        if parts:
            inner = (*enclosing, statement)
            for part in parts:
                yield from statements(part, inner)


def managers_around(block: tuple[f.Stmt, ...], node: f.Node) -> Iterator[f.Expr]:
    """The context managers of the with statements inside which an expression of a block stands."""
    for statement, enclosing in statements(block):
        if any(node == part for own in own_expressions(statement) for part in walk(own)):
            for outer in enclosing:
                yield from (manager for manager, _ in outer.items) if isinstance(outer, f.With) else ()


def blocks(statement: f.Stmt) -> tuple[tuple[f.Stmt, ...], ...]:
    """The blocks of a compound statement."""
    if isinstance(statement, (f.If, f.For, f.While)):
        return statement.body, statement.orelse
    if isinstance(statement, f.With):
        return (statement.body,)
    if isinstance(statement, f.Match):
        return statement.cases
    if isinstance(statement, f.Try):
        handled = (handler.body for handler in statement.handlers)
        return statement.body, *handled, statement.orelse, statement.final
    return ()


def nested_functions(block: tuple[f.Stmt, ...]) -> Iterator[f.Function]:
    """The functions that a block defines, at any depth."""
    for statement, _ in statements(block):
        if isinstance(statement, f.FunctionDef):
            yield statement.function
            yield from nested_functions(f.body_of(statement.function))
        elif isinstance(statement, f.ClassDef):
            yield from nested_functions(statement.cls.body)


def after_yield(block: tuple[f.Stmt, ...]) -> tuple[f.Stmt, ...]:
    """What a generator has left to run at its first yield; the whole block where none of its statements yields."""
    for position, statement in enumerate(block):
        if isinstance(statement, (f.FunctionDef, f.ClassDef)):
            continue
        if any(isinstance(node, f.Yield) for own in own_expressions(statement) for node in walk(own)):
            return block[position + 1 :]
        inside = blocks(statement)
        if not any(after_yield(part) is not part for part in inside):
            continue
        if isinstance(statement, (f.Try, f.With)):
            statement = structs.replace(statement, body=after_yield(statement.body))
        return (statement, *block[position + 1 :])
    return block


def own_expressions(statement: f.Stmt) -> Iterator[f.Expr]:
    """The outermost expressions of a statement, without those of its blocks."""
    if isinstance(statement, (f.FunctionDef, f.ClassDef)):
        return
    if isinstance(statement, f.With):
        for context, target in statement.items:
            yield context
            if target is not None:
                yield target
        return
    for name in statement.__struct_fields__:
        value = getattr(statement, name)
        if name == "targets":
            yield from value
        elif isinstance(value, f.Node) and not isinstance(value, (f.Function, f.Class)):
            yield value  # type: ignore[misc]


def walk(node: f.Node) -> Iterator[f.Node]:
    """An expression and all within it, outermost first."""
    stack: list[object] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(reversed(part))
        elif isinstance(part, f.Node):
            yield part
            stack.extend([getattr(part, name) for name in reversed(f.INNER[type(part)])])


def nodes(block: tuple[f.Stmt, ...]) -> Iterator[f.Node]:
    """Every node of the expressions of a block; functions and classes stay closed."""
    for statement, _ in statements(block):
        for expression in own_expressions(statement):
            yield from walk(expression)


def calls(block: tuple[f.Stmt, ...]) -> Iterator[tuple[f.Call, f.Stmt, Enclosing]]:
    """Every call of a block, with its statement and those that hold it; also those of nested functions."""
    for statement, enclosing in statements(block):
        for expression in own_expressions(statement):
            for node in walk(expression):
                if isinstance(node, f.Call):
                    yield node, statement, enclosing
        if isinstance(statement, f.FunctionDef):
            yield from calls(f.body_of(statement.function))


def names(block: tuple[f.Stmt, ...]) -> Iterator[str]:
    """Every dotted name of a block as written; also those of nested functions."""
    for statement, _ in statements(block):
        for expression in own_expressions(statement):
            for node in walk(expression):
                if isinstance(node, f.Name):
                    yield node.path
        if isinstance(statement, f.FunctionDef):
            for decorator, _line in statement.function.decorators:
                yield from (node.path for node in walk(decorator) if isinstance(node, f.Name))
            yield from names(f.body_of(statement.function))
        elif isinstance(statement, f.ClassDef):
            yield from names(statement.cls.body)
