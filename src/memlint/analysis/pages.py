"""Arrays whose pages nobody touches: address space that costs no memory.

``calloc`` and large ``malloc`` take pages that the system fills in when they are first written; what is only read maps
the system's one page of zeros. So ``np.zeros(2**31)`` of which a test asks the shape, takes a strided view, or has a
function refuse it, holds nothing. Measured on Linux with numpy 2.4 and CPython 3.11 by resident memory: ``zeros``,
``empty``, ``empty_like`` and ``bytes(n)`` cost nothing until they are written, ``zeros_like``, ``ones`` and
``bytearray(n)`` the whole size at once; one element that is written costs a huge page of 2 MiB.

What is not known to look only counts as touching everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.expectations import expects_exception, last_part
from memlint.analysis.sites import Frame, Site
from memlint.analysis.values import Data, Literal, Num, Ref, Value, product

_LEAST = 16_000_000  # bytes; the pages of what is smaller are nobody's matter
_LITTLE = 32_000_000  # bytes; a write that touches no more leaves the array as good as untouched
_PAGE = 2**21  # bytes that one written element brings in where numpy asks for huge pages
_OBJECTS = frozenset(
    {Ref("builtins.object"), Literal("O", 1), Literal("object", 6)}
)  # filled with None at once

_SHOWN = frozenset(
    {
        "shape",
        "size",
        "ndim",
        "dtype",
        "itemsize",
        "nbytes",
        "strides",
        "flags",
        "base",
        "device",
        "is_contiguous",
        "numel",
        "dim",
        "setflags",
        "__array_interface__",
        "__class__",
        "_length_",
    }
)
_SAME = frozenset(
    {"T", "mT", "real", "flat", "reshape", "view", "transpose", "swapaxes", "squeeze", "ravel", "diagonal"}
)
_LOOKING = frozenset(
    {
        "builtins.len",
        "builtins.isinstance",
        "builtins.type",
        "builtins.id",
        "builtins.callable",
        "builtins.hasattr",
        "sys.getsizeof",
        "sys.getrefcount",
        "numpy.shape",
        "numpy.ndim",
        "numpy.size",
        "numpy.isscalar",
        "numpy.may_share_memory",
        "numpy.shares_memory",
        "numpy.result_type",
        "numpy.can_cast",
        "numpy.lib.array_utils.byte_bounds",
        "numpy.byte_bounds",
        "weakref.ref",
    }
)
_SUMMING = re.compile(
    r"(?i)(?:\A|_)(?:crc|adler|checksum)"
)  # what reads it from end to end, and writes nothing
_VIEWING = frozenset(
    {
        "numpy.reshape",
        "numpy.ravel",
        "numpy.transpose",
        "numpy.swapaxes",
        "numpy.moveaxis",
        "numpy.squeeze",
        "numpy.expand_dims",
        "numpy.broadcast_to",
        "numpy.lib.stride_tricks.as_strided",
        "numpy.lib.stride_tricks.sliding_window_view",
        "numpy.ctypeslib.as_ctypes",
        "numpy.asanyarray",
        "builtins.memoryview",
    }
)


class Evaluates(Protocol):
    """Tells what an expression's value is."""

    def quiet_eval(self, node: f.Expr, frame: Frame) -> Value:
        """The value, without leaving sites behind."""


def mark_untouched(frame: Frame, evaluator: Evaluates) -> None:
    """Note at the sites of a function's frame which large arrays nobody writes, or reads whole."""
    if frame.function is None:
        return
    for site in frame.sites:
        if _pages_of(site) and _is_large(site):
            site.untouched = _Uses(site, frame, evaluator).are_none()


def _pages_of(site: Site) -> str:
    """How the pages of what a call makes come to be: "zero", "junk", or "" when they are written at once."""
    for entry in site.entries:
        if entry.makes is not None and entry.makes.pages is not None:
            return "" if site.args.get("dtype") in _OBJECTS else entry.makes.pages
    return ""


def _is_large(site: Site) -> bool:
    size = site.result.bytes if isinstance(site.result, Data) else None
    return size is not None and size.high >= _LEAST


class _Uses:
    """What a function does with one array that it makes, by the names that stand for it or a view of it."""

    def __init__(self, site: Site, frame: Frame, evaluator: Evaluates) -> None:
        self.made, self.frame, self.evaluator = site.at, frame, evaluator
        self.junk = _pages_of(site) == "junk"
        self.names: set[str] = set()
        self.refused = self.repeated = False  # of the statement: within pytest.raises, within a loop
        self.seen = self.touched = self.handed = self.begun = False

    def are_none(self) -> bool:
        """Whether no use touches more than a few pages.

        Of memory that was asked for without contents, and of which the function writes a corner itself, nobody can
        want to read the rest: whoever is given such an array looks at the corner.
        """
        assert self.frame.function is not None
        body = f.body_of(self.frame.function)
        known = -1
        while known < len(self.names):  # names that are bound further down, and used further up in a loop
            known = len(self.names)
            self.touched = self.handed = self.begun = False
            self._block(body)
        return self.seen and not self.touched and (not self.handed or (self.junk and self.begun))

    # --- statements -----------------------------------------------------------------------------------------------

    def _block(self, block: tuple[f.Stmt, ...]) -> None:
        for statement, enclosing in traverse.statements(block):
            self.refused = any(map(_expects_exception, enclosing))
            self.repeated = any(isinstance(outer, (f.For, f.While)) for outer in enclosing)
            self._statement(statement)

    def _statement(self, node: f.Stmt) -> None:
        if isinstance(node, f.Assign):
            self._bind(node.targets, node.value)
        elif isinstance(node, f.AugAssign):
            self._is_it(node.value)
            self._write(node.target)
        elif isinstance(node, f.FunctionDef):
            self.touched |= bool(
                traverse.words(node.function) & {name.partition(".")[0] for name in self.names}
            )
        elif isinstance(node, (f.ClassDef, f.Declare)):
            self.touched |= bool(set(traverse.names((node,))) & self.names)
        elif isinstance(node, (f.ExprStmt, f.Assert)):
            self._is_it(node.value if isinstance(node, f.ExprStmt) else node.test)
        elif not isinstance(node, f.Del):
            self._touch(traverse.own_expressions(node))

    def _bind(self, targets: tuple[f.Expr, ...], value: f.Expr | None) -> None:
        is_it = value is not None and self._is_it(value)
        for target in targets:
            if isinstance(target, f.Name) and "." not in target.path:
                self.names |= {target.path} if is_it else set()
                continue
            self.touched |= is_it  # an attribute, an item or several names: others may look there
            self._write(target)

    def _write(self, target: f.Expr) -> None:
        """A name, or an item or slice of one, is written to."""
        if isinstance(target, f.Name):
            self.touched |= target.path in self.names
        elif isinstance(target, f.Subscript):
            self._touch(target.index)
            if self._is_it(target.base):
                self.begun = True
                self.touched |= self.repeated or not self._is_little(target)
        else:
            self._touch((target,))

    def _is_little(self, part: f.Subscript) -> bool:
        """Whether writing this part of the array touches a few pages at most."""
        value = self.evaluator.quiet_eval(part, self.frame)
        if not isinstance(value, Data) or value.shape is None:
            given = [self.evaluator.quiet_eval(index, self.frame) for index in part.index]
            return all(isinstance(index, Num) for index in given)  # one element
        along = value.shape[-1].high * value.item if _goes_on_in_rows(part) else 0.0
        rows = product(value.shape[:-1]) if along else product(value.shape)
        return rows.high * (along + _PAGE) <= _LITTLE

    # --- expressions ----------------------------------------------------------------------------------------------

    def _is_it(self, node: f.Node) -> bool:
        """Whether an expression gives the array, or a view of it; what it does to the array on the way is noted."""
        if isinstance(node, f.Call) and node.at == self.made:
            self.seen = True
            return True
        if isinstance(node, f.Name):
            return self._is_named(node.path)
        if isinstance(node, f.Attr):
            return self._is_it(node.base) and self._is_part(node.attr)
        if isinstance(node, f.Call):
            return self._is_called(node)
        if isinstance(node, f.Subscript):
            self._touch(node.index)
            return self._is_it(node.base)
        if isinstance(node, f.Compare) and all(op in {"is", "is not"} for op, _ in node.rest):
            for part in (node.left, *(right for _, right in node.rest)):
                self._is_it(part)
            return False
        if isinstance(node, f.IfExp):
            self._touch((node.test,))
            return self._is_it(node.body) | self._is_it(node.orelse)
        if isinstance(node, f.Walrus) and isinstance(node.target, f.Name):
            is_it = self._is_it(node.value)
            self.names |= {node.target.path} if is_it else set()
            return is_it
        self._touch(part for name in f.INNER[type(node)] for part in _nodes(getattr(node, name)))
        return False

    def _touch(self, nodes: Iterable[f.Node]) -> None:
        """Note that the array is touched if it is one of these."""
        if sum(self._is_it(node) for node in nodes):  # not any(): all of them are looked at
            self.touched = True

    def _is_named(self, path: str) -> bool:
        first, *rest = path.split(".")
        return first in self.names and all(map(self._is_part, rest))

    def _is_part(self, attr: str) -> bool:
        """Whether an attribute or method of the array gives a view of it; any but the known ones touch it."""
        self.touched |= attr not in _SAME and attr not in _SHOWN
        return attr in _SAME

    def _is_called(self, node: f.Call) -> bool:
        method = self._is_it(node.func)
        self._touch(arg.value for arg in node.args if arg.keyword == "out")
        given = sum(self._is_it(arg.value) for arg in node.args) > 0
        if not given or method:
            self.touched = self.touched or given
            return method
        func = self.evaluator.quiet_eval(node.func, self.frame)
        name = func.name if isinstance(func, Ref) else ""
        reads = name in _LOOKING or _SUMMING.search(last_part(node.func)) is not None
        if not reads and name not in _VIEWING:
            self.handed |= not self.refused and not expects_exception(node)
        return name in _VIEWING


def _nodes(value: object) -> Iterable[f.Node]:
    """The nodes that a field of a node holds."""
    if isinstance(value, f.Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


def _goes_on_in_rows(part: f.Subscript) -> bool:
    """Whether the elements of a slice lie side by side: ``a[i, 2:9]``, not ``a[::1000]``."""
    last = part.index[-1]
    return isinstance(last, f.Slice) and last.step is None


def _expects_exception(statement: f.Stmt) -> bool:
    """``with pytest.raises(ValueError):``"""
    return isinstance(statement, f.With) and any(expects_exception(context) for context, _ in statement.items)
