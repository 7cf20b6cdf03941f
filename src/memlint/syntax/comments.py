"""Suppression comments: ``# memlint: ignore[MEM401] reason`` and ``# memlint: file-ignore[MEM101] reason``.

A comment at the end of a line holds for the innermost statement that the line belongs to; one on a line of its own for
the statement below it, or for the one it stands within. A function or class is held whole, from its first decorator to
its end, when the comment stands at its header; of ``if``, ``for``, ``with`` and the like the header alone is held.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from memlint.facts import Directive

MARK = "memlint:"
_START = re.compile(r"#\s*memlint:")
_DIRECTIVE = re.compile(r"#\s*memlint:\s*(?P<verb>[\w-]*)\s*(?:\[(?P<names>[^\]]*)\])?\s*(?P<reason>.*)")
_NEXT_COMMENT = re.compile(r"\s+#(?:\s|$)")  # the comment of another tool, after the reason
_VERBS = {"ignore", "file-ignore"}
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_TAB = 8  # columns, as Python's tokenizer counts them


def read_directives(source: str, tree: ast.Module | None) -> tuple[Directive, ...]:
    """Return the suppression comments of ``source``; ``tree`` is its parse, if it has one."""
    if MARK not in source:
        return ()
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    comments = list(_comments(source))
    if not comments:
        return ()
    spans = _StatementSpans(tree, source.split("\n"))
    return tuple(_directive(comment, spans) for comment in comments)


@dataclass(frozen=True, slots=True)
class _Comment:
    """One instruction. ``within`` says that it stands inside brackets, ``alone`` that no code is on its line."""

    match: re.Match[str]
    line: int
    indentation: int
    alone: bool
    within: bool


def _comments(source: str) -> Iterator[_Comment]:
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.OP:
                depth += (token.string in _OPENING) - (token.string in _CLOSING)
            elif token.type == tokenize.COMMENT and MARK in token.string:
                before = token.line[: token.start[1]]
                for match in _instructions(token.string):
                    yield _Comment(match, token.start[0], _indentation(before), not before.strip(), depth > 0)
    except (tokenize.TokenError, SyntaxError):
        return  # the file does not parse; that is reported elsewhere


def _instructions(comment: str) -> Iterator[re.Match[str]]:
    """The instructions of one comment, which may share it with other tools."""
    starts = [match.start() for match in _START.finditer(comment)]
    for start, end in zip(starts, [*starts[1:], len(comment)], strict=False):
        match = _DIRECTIVE.match(comment[start:end])
        if match is not None:
            yield match


def _indentation(line: str) -> int:
    """Columns of the blanks at the beginning of a line; a form feed counts them anew."""
    blanks = line[: len(line) - len(line.lstrip())]
    return len(blanks.rpartition("\f")[2].expandtabs(_TAB))


def _directive(comment: _Comment, spans: _StatementSpans) -> Directive:
    match = comment.match
    verb, names = match["verb"], match["names"]
    reason = _NEXT_COMMENT.split(match["reason"], maxsplit=1)[0].strip()
    codes = tuple(name for name in re.split(r"[\s,]+", names or "") if name)
    malformed = ""
    if verb not in _VERBS:
        malformed = f"'memlint: {verb}' is no instruction: write 'memlint: ignore[CODE] reason'"
    elif not codes:
        malformed = (
            f"'memlint: {verb}' names no rule: write 'memlint: {verb}[CODE] reason'; nothing is suppressed"
        )
    if verb == "file-ignore":
        return Directive(comment.line, codes, reason, (0, 0), malformed)
    below = comment.alone and not comment.within
    covers = spans.below(comment.line, comment.indentation) if below else spans.at(comment.line)
    return Directive(comment.line, codes, reason, covers, malformed)


@dataclass(frozen=True, slots=True, order=True)
class _Span:
    """Lines of a statement: the first, that of its keyword after the decorators, the last of its header, and the
    last that a comment at the header holds for."""

    first: int
    keyword: int
    header: int
    last: int

    @property
    def held(self) -> tuple[int, int]:
        return self.first, self.last


class _StatementSpans:
    """Which lines a comment speaks for."""

    def __init__(self, tree: ast.Module | None, lines: list[str]) -> None:
        nodes = ast.walk(tree) if tree is not None else ()
        self.spans = sorted(_span(node) for node in nodes if isinstance(node, ast.stmt))
        self.lines = lines

    def at(self, line: int) -> tuple[int, int]:
        """The lines held by the innermost statement whose header holds ``line``."""
        inside = [span for span in self.spans if span.first <= line <= span.header]
        return inside[-1].held if inside else (line, line)

    def below(self, line: int, indentation: int) -> tuple[int, int]:
        """The lines held by the next statement; the line alone when that belongs to a block further out."""
        decorated = [span for span in self.spans if span.first < line < span.keyword]
        if decorated:
            return decorated[-1].held
        following = next((span for span in self.spans if span.first > line), None)
        if following is None or _indentation(self.lines[following.first - 1]) < indentation:
            return (line, line)
        return following.held


def _span(node: ast.stmt) -> _Span:
    first, end = _first_line(node), node.end_lineno or node.lineno
    if isinstance(node, ast.Match):
        header = max(node.lineno, node.cases[0].pattern.lineno - 1)
        return _Span(first, node.lineno, header, header)
    body = getattr(node, "body", None)
    if not isinstance(body, list) or not body:
        return _Span(first, node.lineno, end, end)
    header = max(node.lineno, _first_line(body[0]) - 1)
    whole = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    return _Span(first, node.lineno, header, end if whole else header)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
