"""From the bytes of one file to its facts, whatever the bytes are."""

from __future__ import annotations

import ast
import codecs
import io
import re
import sys
import threading
import tokenize
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from memlint.facts import NO_STATEMENTS, FileFacts, Problem, digest_of, encode_body
from memlint.knowledge.index import api_index
from memlint.syntax.comments import read_directives
from memlint.syntax.positions import depth_of
from memlint.syntax.walk import Lowered

MAX_BYTES = 3_000_000  # libcst needs some 300 bytes a byte of source
_DEEP = 90  # nested deeper than this, Python's recursion limit and the thread's stack must grow
_DEEPEST = 1_000  # libcst's time grows with the square of the depth
_STACK_BYTES = 512 * 1024 * 1024
T = TypeVar("T")


def lower_file(path: str, content: bytes, extra_rules: tuple[Path, ...] = ()) -> FileFacts:
    """Return the facts of a file. Never raises: what cannot be read becomes a ``Problem``.

    ``extra_rules`` are the rule folders of the user: their tables, too, say what libcst must see.
    """
    digest, size, lines = digest_of(content), len(content), content.count(b"\n") + 1
    if size > MAX_BYTES:
        message = f"{size:,} bytes are more than memlint parses ({MAX_BYTES:,}); it was not checked"
        return FileFacts(path, digest, size, lines, NO_STATEMENTS, problems=(Problem(1, message, "MEM903"),))
    try:
        source = decode(content)
        return _lower_source(path, digest, content, source, extra_rules)
    except Unreadable as error:
        return FileFacts(
            path, digest, size, lines, NO_STATEMENTS, problems=(Problem(error.line, error.message, "MEM900"),)
        )


class Unreadable(Exception):
    """A file that is not Python."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def decode(content: bytes) -> str:
    """Decode as Python does: byte-order mark, then coding line, then UTF-8.

    Raises Unreadable when the bytes are not text in that encoding.
    """
    if b"\0" in content:
        raise Unreadable(
            content[: content.index(b"\0")].count(b"\n") + 1, "contains null bytes: not Python source"
        )
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except (SyntaxError, LookupError) as error:
        raise Unreadable(1, f"its encoding is not known: {error}") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "add a coding line such as '# -*- coding: latin-1 -*-' or save it as UTF-8"
        raise Unreadable(line, f"not valid {error.encoding}: {hint}") from error
    return text.removeprefix(codecs.BOM_UTF8.decode())


def _lower_source(
    path: str, digest: str, content: bytes, source: str, extra_rules: tuple[Path, ...]
) -> FileFacts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and the like are another linter's matter
        tree, failure = _parse_ast(source)
        lowered, problems = _lower_parsed(source, tree, failure, extra_rules)
    directives = read_directives(source, tree)
    lines = source.count("\n") + (not source.endswith("\n"))
    return FileFacts(
        path,
        digest,
        len(content),
        lines,
        encode_body(lowered.body),
        lowered.mentions,
        lowered.notable,
        directives,
        problems,
    )


def _parse_ast(source: str) -> tuple[ast.Module | None, Unreadable | None]:
    try:
        return ast.parse(source), None
    except SyntaxError as error:
        return None, Unreadable(error.lineno or 1, f"not valid Python: {error.msg}")
    except (RecursionError, MemoryError):
        return None, Unreadable(1, "nested too deeply for Python's own parser")
    except ValueError as error:
        return None, Unreadable(1, f"not valid Python: {error}")


def _lower_parsed(
    source: str, tree: ast.Module | None, failure: Unreadable | None, extra_rules: tuple[Path, ...]
) -> tuple[Lowered, tuple[Problem, ...]]:
    from memlint.syntax.parse import lower_tree, lower_without_ast

    if tree is None:
        assert failure is not None
        if "nested" in failure.message or bracket_depth(source) > _DEEP:
            raise failure  # libcst's native parser would overflow its stack
        return on_large_stack(lambda: lower_without_ast(source, failure)), ()
    depth, index = depth_of(tree), api_index(extra_rules)
    if depth > _DEEPEST:
        message = f"nested {depth:,} deep, more than memlint parses ({_DEEPEST:,}); it was not checked"
        return Lowered((), "", ()), (Problem(1, message, "MEM903"),)
    if depth < _DEEP:
        return lower_tree(source, tree, index), ()
    return on_large_stack(lambda: lower_tree(source, tree, index)), ()


def bracket_depth(source: str) -> int:
    """An upper bound of how deep brackets nest; those in strings and comments count too."""
    depth = deepest = 0
    for character in re.findall(r"[\[\](){}]", source):
        depth = depth + 1 if character in "[({" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def on_large_stack(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread whose stack and recursion limit bear source that is nested thousands deep."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(_STACK_BYTES)
    sys.setrecursionlimit(100_000)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    if failure:
        raise failure[0]
    return outcome[0]
