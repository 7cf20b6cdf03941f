"""Suppression comments: ``# memlint: ignore[MEM401] reason`` and ``# memlint: file-ignore[MEM101] reason``."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from memlint.facts import Directive

MARK = "memlint:"
_DIRECTIVE = re.compile(r"#\s*memlint:\s*(?P<verb>[\w-]*)\s*(?:\[(?P<names>[^\]]*)\])?\s*(?P<reason>.*)")
_VERBS = {"ignore", "file-ignore"}


def read_directives(source: str, tree: ast.Module | None) -> tuple[Directive, ...]:
    """Return the suppression comments of ``source``; ``tree`` is its parse, if it has one."""
    if MARK not in source:
        return ()
    spans = _StatementSpans(tree)
    lines = source.splitlines()
    out = []
    for line, column, text in _comments(source):
        match = _DIRECTIVE.match(text)
        if match is None:
            continue
        own_line = not lines[line - 1][:column].strip()
        out.append(_directive(match, line, own_line, spans))
    return tuple(out)


def _comments(source: str) -> Iterator[tuple[int, int, str]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and MARK in token.string:
                yield token.start[0], token.start[1], token.string
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return  # the file does not parse; that is reported elsewhere


def _directive(match: re.Match[str], line: int, own_line: bool, spans: _StatementSpans) -> Directive:
    verb, names, reason = match["verb"], match["names"], match["reason"].strip()
    codes = tuple(name for name in re.split(r"[\s,]+", names or "") if name)
    malformed = ""
    if verb not in _VERBS:
        malformed = f"'memlint: {verb}' is no instruction: write 'memlint: ignore[CODE] reason'"
    elif not codes:
        malformed = (
            f"'memlint: {verb}' names no rule: write 'memlint: {verb}[CODE] reason'; nothing is suppressed"
        )
    if verb == "file-ignore":
        return Directive(line, codes, reason, (0, 0), malformed)
    covers = spans.below(line) if own_line else spans.at(line)
    return Directive(line, codes, reason, covers, malformed)


class _StatementSpans:
    """Which lines a comment speaks for."""

    def __init__(self, tree: ast.Module | None) -> None:
        self.spans: list[tuple[int, int, int]] = []  # first line, end of header, last line covered
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.stmt):
                self.spans.append(_span(node))
        self.spans.sort()

    def at(self, line: int) -> tuple[int, int]:
        """The lines of the innermost statement whose header holds ``line``."""
        held = [(first, last) for first, header, last in self.spans if first <= line <= header]
        return max(held, default=(line, line))

    def below(self, line: int) -> tuple[int, int]:
        """The lines of the statement after a comment on its own line, or the one it stands within."""
        following = [(first, last) for first, header, last in self.spans if first > line]
        inside = [(first, last) for first, header, last in self.spans if first < line <= header]
        if inside:
            return max(inside)
        nearest = min(following, default=(line, line))
        return nearest if nearest[0] else (line, line)


def _span(node: ast.stmt) -> tuple[int, int, int]:
    end = node.end_lineno or node.lineno
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return first, max(first, node.body[0].lineno - 1, node.lineno), end
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        header = max(node.lineno, body[0].lineno - 1)
        return node.lineno, header, header
    if isinstance(node, ast.Match):
        return node.lineno, node.lineno, node.lineno
    return node.lineno, end, end
