"""What a test says of the file that it reads: what it holds, or that it has a copy of it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.sites import Site
from memlint.analysis.sources import Source

_JUDGING = re.compile(
    r"(?i)(?:\w+_)?assert_?(?:\w*_)?\w*(?:equals?|close|almost\w*)\Z|(?:array_equal|allclose)\Z"
)
_PINNING = frozenset({"checksum", "digest", "file_hash", "known_hash", "md5", "sha1", "sha256", "sha512"})
_EQUAL = frozenset({"assertEqual", "assertEquals", "assertMultiLineEqual", "assert_equal", "eq_"})


def is_known(site: Site, source: Source) -> bool:
    """Whether the code that reads a file compares it whole with a text of its own, or with a copy beside the tests.

    ``assert path.read_text() == "hello"`` tells the size as well as any look at the disk;
    ``self.assertEqual(urlopen(url).read(), open(data("x.gz")).read())`` has what it reads in the suite.
    """
    function = site.frame.function
    if function is None:
        return False
    body = f.body_of(function)
    return _has_copy(source, body) or _equals_text(site, body)


def is_reference(site: Site) -> bool:
    """Whether the code that reads a file holds it against what it has computed, counts its rows, or pins what it holds.

    ``assert_allclose(power, np.load(path))``: a reference is as large as what it is held against, and cannot be read in
    part. ``fetch(name, checksum="6f80…")``: a file that was looked at, and does not grow.
    """
    function = site.frame.function
    if function is not None and _is_pinned(f.body_of(function)):
        return True
    return _is_among(site, lambda node: (*_judged(node), *_counted(node)))


def is_compared(site: Site) -> bool:
    """Whether what a call gives is compared for equality: ``assert list(rows) == [(1, "one")]``."""
    return _is_among(site, _compared)


def _is_among(site: Site, parts: Callable[[f.Node], tuple[f.Expr, ...]]) -> bool:
    """Whether what a call gives, or a name that it is bound to, is in these parts of something in its function."""
    function = site.frame.function
    if function is None:
        return False
    body = f.body_of(function)
    names = _bound(site, body)
    return any(_is_in(part, site, names) for node in traverse.nodes(body) for part in parts(node))


def _is_pinned(body: tuple[f.Stmt, ...]) -> bool:
    return any(arg.keyword in _PINNING for node, _, _ in traverse.calls(body) for arg in node.args)


def _judged(node: f.Node) -> tuple[f.Expr, ...]:
    """What a function of an assertion compares."""
    if not isinstance(node, f.Call):
        return ()
    called = node.func.path if isinstance(node.func, f.Name) else getattr(node.func, "attr", "")
    judges = _JUDGING.match(called.rpartition(".")[2]) is not None
    return tuple(arg.value for arg in node.args) if judges and len(node.args) > 1 else ()


def _counted(node: f.Node) -> tuple[f.Expr, ...]:
    """``rows`` of ``len(rows) == 9``."""
    if not isinstance(node, f.Compare) or len(node.rest) != 1 or node.rest[0][0] != "==":
        return ()
    return tuple(
        arg.value
        for side in (node.left, node.rest[0][1])
        if isinstance(side, f.Call) and side.func == f.Name("len")
        for arg in side.args
    )


def _is_in(expression: f.Expr, site: Site, names: set[str]) -> bool:
    """Whether what is read, or a name that it is bound to, is part of an expression."""
    return any(
        (isinstance(node, f.Call) and node.at == site.at)
        or (isinstance(node, f.Name) and node.path.partition(".")[0] in names)
        for node in traverse.walk(expression)
    )


def _has_copy(source: Source, body: tuple[f.Stmt, ...]) -> bool:
    """Whether a text of the body is the name of a file of the same name as the address that is read."""
    if source.path is None or "://" not in source.path:
        return False
    file = posixpath.basename(source.path)
    if not posixpath.splitext(file)[1]:
        return False
    return any(
        isinstance(node, f.Text) and "://" not in node.value and posixpath.basename(node.value) == file
        for node in traverse.nodes(body)
    )


def _equals_text(site: Site, body: tuple[f.Stmt, ...]) -> bool:
    """Whether what is read is compared for equality with a literal, at once or by the name that it is bound to."""
    names = _bound(site, body)

    def is_it(node: f.Expr) -> bool:
        return _reads(node, site) or (isinstance(node, f.Name) and node.path in names)

    return any(
        any(isinstance(side, f.Text) for side in sides) and any(map(is_it, sides))
        for sides in map(_compared, traverse.nodes(body))
    )


def _bound(site: Site, body: tuple[f.Stmt, ...]) -> set[str]:
    """The names that what is read is bound to."""
    return {
        target.path
        for statement, _ in traverse.statements(body)
        if isinstance(statement, f.Assign) and statement.value is not None and _reads(statement.value, site)
        for target in statement.targets
        if isinstance(target, f.Name)
    }


def _compared(node: f.Node) -> tuple[f.Expr, ...]:
    """The two sides of ``a == b`` or ``self.assertEqual(a, b)``."""
    if isinstance(node, f.Compare) and len(node.rest) == 1 and node.rest[0][0] == "==":
        return node.left, node.rest[0][1]
    called = node.func if isinstance(node, f.Call) else None
    if isinstance(node, f.Call) and isinstance(called, f.Name) and called.path.rpartition(".")[2] in _EQUAL:
        return tuple(arg.value for arg in node.args[:2])
    return ()


def _reads(node: f.Expr, site: Site) -> bool:
    """Whether an expression is the read itself, or a method of what it gives: ``f.read().decode()``."""
    while isinstance(node, (f.Call, f.Attr, f.Await)):
        if isinstance(node, f.Call):
            if node.at == site.at:
                return True
            node = node.func
        else:
            node = node.base if isinstance(node, f.Attr) else node.value
    return False
