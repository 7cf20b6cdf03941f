"""What one file says, as plain data: a compact form of its statements and expressions.

No libcst node survives lowering. Function bodies stay encoded until an analysis asks for one, so that a project
of any size costs little more than its declarations. Positions are ``(line, column, end_line, end_column)``, lines and
columns from 1, columns in characters.
"""

from __future__ import annotations

import hashlib
import re
from typing import TypeAlias

import msgspec

Span: TypeAlias = tuple[int, int, int, int]
NOWHERE: Span = (0, 0, 0, 0)


class Node(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of everything lowered."""


# --- expressions ------------------------------------------------------------------------------------------------


class Const(Node, tag=1, frozen=True):
    """A literal number, None, True, False or Ellipsis (kept as the string "..." in ``Other``)."""

    value: int | float | bool | None


class Text(Node, tag=2, frozen=True):
    """A literal string or bytes; ``value`` is cut after 200 characters, ``length`` is the whole length."""

    value: str
    length: int
    is_bytes: bool = False


class Name(Node, tag=3, frozen=True):
    """A dotted name as written: ``x``, ``np.random.rand``, ``self.proc``."""

    path: str


class Attr(Node, tag=4, frozen=True):
    """An attribute of something that is not a dotted name: ``f(x).shape``."""

    base: Expr
    attr: str


class Arg(Node, frozen=True):
    """One argument of a call. ``star`` is "", "*" or "**"."""

    value: Expr
    keyword: str | None = None
    star: str = ""


class Call(Node, tag=5, frozen=True):
    """A call."""

    func: Expr
    args: tuple[Arg, ...]
    at: Span


class Binary(Node, tag=6, frozen=True):
    """``left op right`` for an arithmetic operator."""

    op: str
    left: Expr
    right: Expr
    at: Span


class Unary(Node, tag=7, frozen=True):
    """``-x``, ``not x``, ``~x``, ``+x``."""

    op: str
    value: Expr


class Compare(Node, tag=8, frozen=True):
    """A comparison, possibly chained."""

    left: Expr
    rest: tuple[tuple[str, Expr], ...]


class BoolOp(Node, tag=9, frozen=True):
    """``left and right``, ``left or right``."""

    op: str
    left: Expr
    right: Expr


class IfExp(Node, tag=10, frozen=True):
    """``body if test else orelse``."""

    test: Expr
    body: Expr
    orelse: Expr


class Seq(Node, tag=11, frozen=True):
    """A list, tuple or set display."""

    kind: str
    items: tuple[Expr, ...]


class Mapping(Node, tag=12, frozen=True):
    """A dict display; a key of None is ``**value``."""

    items: tuple[tuple[Expr | None, Expr], ...]


class Clause(Node, frozen=True):
    """``for target in iter if …`` of a comprehension."""

    target: Expr
    iter: Expr
    ifs: tuple[Expr, ...] = ()


class Comp(Node, tag=13, frozen=True):
    """A comprehension; ``kind`` is list, set, dict or generator; ``value`` is that of a dict comprehension."""

    kind: str
    element: Expr
    value: Expr | None
    clauses: tuple[Clause, ...]
    at: Span


class Subscript(Node, tag=14, frozen=True):
    """``base[index]``; several indices are kept apart."""

    base: Expr
    index: tuple[Expr, ...]
    at: Span


class Slice(Node, tag=15, frozen=True):
    """``lower:upper:step`` within a subscript."""

    lower: Expr | None
    upper: Expr | None
    step: Expr | None


class Lambda(Node, tag=16, frozen=True):
    """A lambda with the names of its parameters."""

    params: tuple[str, ...]
    body: Expr


class Await(Node, tag=17, frozen=True):
    """``await value``."""

    value: Expr


class Yield(Node, tag=18, frozen=True):
    """``yield value`` or ``yield from value``."""

    value: Expr | None
    is_from: bool = False


class Star(Node, tag=19, frozen=True):
    """``*value`` in a display, or as a target."""

    value: Expr


class Walrus(Node, tag=20, frozen=True):
    """``(name := value)``."""

    target: Expr
    value: Expr


class FString(Node, tag=21, frozen=True):
    """An f-string's parts: texts and expressions."""

    parts: tuple[Expr, ...]


class Other(Node, tag=22, frozen=True):
    """Anything that no analysis looks into."""

    what: str


Expr: TypeAlias = (
    Const
    | Text
    | Name
    | Attr
    | Call
    | Binary
    | Unary
    | Compare
    | BoolOp
    | IfExp
    | Seq
    | Mapping
    | Comp
    | Subscript
    | Slice
    | Lambda
    | Await
    | Yield
    | Star
    | Walrus
    | FString
    | Other
)


# --- statements -------------------------------------------------------------------------------------------------


class Param(Node, frozen=True):
    """A parameter; ``kind`` is "positional", "*", "keyword" or "**"."""

    name: str
    kind: str = "positional"
    default: Expr | None = None
    annotation: Expr | None = None


class Function(Node, frozen=True):
    """A function. Its body is encoded: ask :func:`body_of`."""

    name: str
    params: tuple[Param, ...]
    decorators: tuple[tuple[Expr, int], ...]  # with their lines
    returns: Expr | None
    is_async: bool
    yields: bool
    line: int  # of ``def``
    first_line: int  # of the first decorator
    end_line: int
    mentions: (
        str  # its names and attributes (also with their dot), "global", "while-true"; decorators included
    )
    largest: float  # the largest number written in it and its decorators; infinite with ** or <<
    binds: tuple[str, ...]  # names local to it
    body: msgspec.Raw


class Class(Node, frozen=True):
    """A class; methods are ``FunctionDef`` statements of its body."""

    name: str
    bases: tuple[Expr, ...]
    decorators: tuple[tuple[Expr, int], ...]
    line: int
    first_line: int
    end_line: int
    body: tuple[Stmt, ...]
    metaclass: Expr | None = None


class Assign(Node, tag=1, frozen=True):
    """``a = b = value``; also an annotated one, whose value may be missing."""

    line: int
    targets: tuple[Expr, ...]
    value: Expr | None
    annotation: Expr | None = None


class AugAssign(Node, tag=2, frozen=True):
    """``target op= value``."""

    line: int
    target: Expr
    op: str
    value: Expr


class ExprStmt(Node, tag=3, frozen=True):
    """An expression for its effect."""

    line: int
    value: Expr


class Return(Node, tag=4, frozen=True):
    """``return value``."""

    line: int
    value: Expr | None


class Raise(Node, tag=5, frozen=True):
    """``raise exc``."""

    line: int
    value: Expr | None


class Assert(Node, tag=6, frozen=True):
    """``assert test``."""

    line: int
    test: Expr


class Del(Node, tag=7, frozen=True):
    """``del targets``."""

    line: int
    targets: tuple[Expr, ...]


class Declare(Node, tag=8, frozen=True):
    """``global`` or ``nonlocal`` names."""

    line: int
    kind: str
    names: tuple[str, ...]


class Jump(Node, tag=9, frozen=True):
    """``pass``, ``break`` or ``continue``."""

    line: int
    kind: str


class Import(Node, tag=10, frozen=True):
    """An import: ``bindings`` pairs a local name with what it stands for (``np``, ``numpy``).

    ``module`` and ``level`` are those of ``from``; the name "*" stands for a star import.
    """

    line: int
    module: str
    level: int
    is_from: bool
    bindings: tuple[tuple[str, str], ...]


class If(Node, tag=11, frozen=True):
    """``if test: body else: orelse``."""

    line: int
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class For(Node, tag=12, frozen=True):
    """``for target in iter: body else: orelse``."""

    line: int
    target: Expr
    iter: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class While(Node, tag=13, frozen=True):
    """``while test: body else: orelse``."""

    line: int
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class Handler(Node, frozen=True):
    """``except type as name: body``."""

    line: int
    type: Expr | None
    name: str | None
    body: tuple[Stmt, ...]


class Try(Node, tag=14, frozen=True):
    """``try: body except … else: orelse finally: final``."""

    line: int
    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Stmt, ...]
    final: tuple[Stmt, ...]


class With(Node, tag=15, frozen=True):
    """``with context as target, …: body``."""

    line: int
    items: tuple[tuple[Expr, Expr | None], ...]
    body: tuple[Stmt, ...]


class Match(Node, tag=16, frozen=True):
    """``match subject``; only the bodies of the cases are kept."""

    line: int
    subject: Expr
    cases: tuple[tuple[Stmt, ...], ...]


class FunctionDef(Node, tag=17, frozen=True):
    """A function definition."""

    line: int
    function: Function


class ClassDef(Node, tag=18, frozen=True):
    """A class definition."""

    line: int
    cls: Class


Stmt: TypeAlias = (
    Assign
    | AugAssign
    | ExprStmt
    | Return
    | Raise
    | Assert
    | Del
    | Declare
    | Jump
    | Import
    | If
    | For
    | While
    | Try
    | With
    | Match
    | FunctionDef
    | ClassDef
)


# --- structure --------------------------------------------------------------------------------------------------

_HOLDING = re.compile(r"\b(?:Expr|Stmt|Arg|Clause|Param|Handler|Function|Class)\b")


def _fields_with_nodes(kind: type[Node]) -> tuple[str, ...]:
    notes = kind.__annotations__
    return tuple(name for name in kind.__struct_fields__ if _HOLDING.search(str(notes[name])))


# the fields of each kind of node that may hold other nodes, by the kind
INNER: dict[type[Node], tuple[str, ...]] = {kind: _fields_with_nodes(kind) for kind in Node.__subclasses__()}


# --- files ------------------------------------------------------------------------------------------------------


class Directive(Node, frozen=True):
    """A suppression comment. ``covers`` is the first and last line it holds for; (0, 0) means the whole file."""

    line: int
    names: tuple[str, ...]
    reason: str
    covers: tuple[int, int]
    malformed: str = ""  # what is wrong with it, if it cannot be understood


class Problem(Node, frozen=True):
    """Why a file, or a part of it, could not be lowered."""

    line: int
    message: str
    code: str = ""


class FileFacts(Node, frozen=True):
    """Everything memlint keeps of one file."""

    path: str
    digest: str  # of the content
    size: int  # bytes
    lines: int
    body: msgspec.Raw  # the statements, encoded: ask :func:`statements_of`
    mentions: str = ""  # of the whole file
    notable: tuple[str, ...] = ()  # globals and class attributes bound to a large number or to a container
    directives: tuple[Directive, ...] = ()
    problems: tuple[Problem, ...] = ()


def digest_of(content: bytes) -> str:
    """The content hash by which a file is known again."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


ENCODER = msgspec.msgpack.Encoder()
_FILE_DECODER = msgspec.msgpack.Decoder(FileFacts)
_BODY_DECODER = msgspec.msgpack.Decoder(tuple[Stmt, ...])


def encode(value: object) -> bytes:
    """The compact encoding of facts."""
    return ENCODER.encode(value)


def decode_file(data: bytes) -> FileFacts:
    """The facts that :func:`encode` wrote.

    Raises msgspec.DecodeError when ``data`` is damaged or of another version.
    """
    return _FILE_DECODER.decode(data)


def body_of(function: Function) -> tuple[Stmt, ...]:
    """Decode the statements of a function's body."""
    return _BODY_DECODER.decode(function.body)


def statements_of(facts: FileFacts) -> tuple[Stmt, ...]:
    """Decode the statements of a file."""
    return _BODY_DECODER.decode(facts.body)


def header_of(facts: FileFacts) -> FileFacts:
    """The facts without their statements, which take most of the memory."""
    return msgspec.structs.replace(facts, body=NO_STATEMENTS)


def encode_body(body: tuple[Stmt, ...]) -> msgspec.Raw:
    """The encoding that :func:`body_of` and :func:`statements_of` read."""
    return msgspec.Raw(ENCODER.encode(body))


NO_STATEMENTS = encode_body(())
