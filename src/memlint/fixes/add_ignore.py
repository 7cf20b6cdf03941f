"""Puts a suppression comment at findings. The code itself stays as it is, byte for byte."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memlint.model import Finding

Span = tuple[int, int]

LINE_LENGTH = 100  # columns beyond which a comment gets a line of its own
_LINE_END = re.compile(r"\r\n|\r|\n")
_EXISTING = re.compile(r"(#\s*memlint:\s*ignore\s*\[)([^\]]*)(\])")


@dataclass(frozen=True, slots=True)
class Added:
    """What was done."""

    comments: int
    files: int
    refused: tuple[tuple[str, str], ...]  # (path, why): these files are unchanged


class CannotAddError(Exception):
    """A file cannot be given comments without changing its code; the message says why."""


def add_ignores(findings: Iterable[Finding], reason: str, root: Path) -> Added:
    """Write ``# memlint: ignore[CODE] reason`` at each finding into the files below ``root``."""
    by_path: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_path[finding.location.path].append(finding)
    comments, files, refused = 0, 0, []
    for path, found in sorted(by_path.items()):
        try:
            comments += _change_file(root / path, found, reason)
            files += 1
        except (CannotAddError, OSError) as error:
            refused.append((path, str(error)))
    return Added(comments, files, tuple(refused))


def with_ignores(source: str, findings: Iterable[Finding], reason: str) -> tuple[str, int]:
    """Return ``source`` with comments for ``findings``, and how many there are: one a statement.

    Raises CannotAddError when the source does not parse, or would not mean the same.
    """
    layout = _layout(source)
    codes: dict[Span, set[str]] = defaultdict(set)
    lines: dict[Span, int] = {}
    for finding in findings:
        line = finding.location.line
        span = layout.statement(line)
        codes[span].add(finding.code)
        lines[span] = min(line, lines.get(span, line))
    text = _Text(_LINE_END.split(source), [*_LINE_END.findall(source), ""])
    for span in sorted(codes, key=lambda span: lines[span], reverse=True):  # lines above keep their numbers
        _put(text, layout, lines[span], sorted(codes[span]), reason)
    changed = text.joined()
    if _meaning(_parse(source)) != _meaning(_parse(changed)):
        raise CannotAddError("a comment would change what the code means")
    return changed, len(codes)


def _change_file(path: Path, findings: Iterable[Finding], reason: str) -> int:
    content = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        changed, count = with_ignores(content.decode(encoding), findings, reason)
        path.write_bytes(changed.encode(encoding))
    except (SyntaxError, UnicodeError) as error:
        raise CannotAddError(f"its encoding does not allow it: {error}") from error
    return count


@dataclass(frozen=True, slots=True)
class _Text:
    """Lines and the line end of each."""

    lines: list[str]
    ends: list[str]

    def joined(self) -> str:
        return "".join(line + end for line, end in zip(self.lines, self.ends, strict=True))

    def insert(self, number: int, line: str) -> None:
        """Put ``line`` before line ``number``, with the line end that is in use there."""
        self.lines.insert(number - 1, line)
        self.ends.insert(number - 1, self.ends[number - 1] or (self.ends[0] or "\n"))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where comments may stand."""

    statements: tuple[Span, ...]
    comments: dict[int, int]  # line → column of its comment
    closed: frozenset[int]  # lines that end within a string or in a continuation

    def statement(self, line: int) -> Span:
        """First and last line of the innermost statement that holds ``line``."""
        holding = [(first, -last) for first, last in self.statements if first <= line <= last]
        first, last = max(holding, default=(line, -line))
        return first, -last

    def line_above(self, line: int) -> int:
        """The line before which a comment speaks for the statement that holds ``line``."""
        first, _ = self.statement(line)
        while first - 1 in self.closed:  # the statement follows another on its line, which began further up
            first -= 1
        return first


def _put(text: _Text, layout: _Layout, line: int, codes: list[str], reason: str) -> None:
    code = text.lines[line - 1]
    if line in layout.comments and (existing := _EXISTING.match(code, layout.comments[line])):
        merged = {*re.split(r"[\s,]+", existing[2].strip()), *codes} - {""}
        text.lines[line - 1] = code[: existing.start(2)] + ", ".join(sorted(merged)) + code[existing.end(2) :]
        return
    comment = f"# memlint: ignore[{', '.join(codes)}] {reason}"
    beside = f"{code.rstrip()}  {comment}"
    if line in layout.closed or line in layout.comments or len(beside) > LINE_LENGTH:
        above = layout.line_above(line)
        code = text.lines[above - 1]
        text.insert(above, code[: len(code) - len(code.lstrip())] + comment)
    else:
        text.lines[line - 1] = beside


def _layout(source: str) -> _Layout:
    tree = _parse(source)
    plain = _LINE_END.sub("\n", source)
    comments = {
        token.start[0]: token.start[1]
        for token in tokenize.generate_tokens(io.StringIO(plain).readline)
        if token.type == tokenize.COMMENT
    }
    continued = (
        n for n, line in enumerate(plain.split("\n"), 1) if line.endswith("\\") and n not in comments
    )
    statements = tuple(_span(node) for node in ast.walk(tree) if isinstance(node, ast.stmt))
    return _Layout(statements, comments, frozenset((*continued, *_lines_ending_in_strings(tree))))


def _lines_ending_in_strings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            yield from range(node.lineno, node.end_lineno or node.lineno)


def _span(node: ast.stmt) -> Span:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)]), node.end_lineno or node.lineno


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(_LINE_END.sub("\n", source.removeprefix("\ufeff")))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CannotAddError(f"it does not parse: {error}") from error


def _meaning(tree: ast.Module) -> str:
    return ast.dump(tree)
