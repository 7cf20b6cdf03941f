"""What a walk over a syntax tree keeps in mind while it lowers, whichever parser has made the tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from memlint import facts as f

TEXT_KEPT = 200
NOTABLE = 200  # a number from which on it may make a size large
_LARGEST_INT = 2**63 - 1
_JOINING = frozenset({"append", "cat", "concat", "concatenate", "column_stack", "hstack", "vstack"})
_CONTAINERS = frozenset(
    {
        "list",
        "dict",
        "set",
        "deque",
        "defaultdict",
        "OrderedDict",
        "Counter",
        "WeakSet",
        "WeakValueDictionary",
    }
)


class Lowered(NamedTuple):
    """What a file says; see ``facts.FileFacts``."""

    body: tuple[f.Stmt, ...]
    mentions: str
    notable: tuple[str, ...]


class Scope:
    """Names bound in the function being lowered."""

    __slots__ = ("binds", "declared", "yields")

    def __init__(self) -> None:
        self.binds: set[str] = set()
        self.declared: set[str] = set()
        self.yields = False


class Header(NamedTuple):
    """What a function says before its body."""

    name: str
    params: tuple[f.Param, ...]
    decorators: tuple[tuple[f.Expr, int], ...]  # with their lines
    returns: f.Expr | None
    is_async: bool


# what makes a date or a time of its arguments
_DATES = frozenset({"datetime", "date", "Timestamp", "Period", "datetime64"})
_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?")
_SMALL_POWER = 4


class Walk:
    """What the function being lowered has mentioned and bound so far, and what the file has of note."""

    def __init__(self) -> None:
        self.mentioned: set[str] = set()
        self.scope = Scope()
        self.opaque = 0  # depth of f-strings
        self.largest = 0.0  # number met in the function being lowered
        self.notable: set[str] = set()
        self.in_function = False
        self.statement_at: f.Span = f.NOWHERE

    def lowered(self, body: tuple[f.Stmt, ...]) -> Lowered:
        """The facts of a whole file, whose statements have been lowered."""
        return Lowered(body, " ".join(sorted(self.mentioned)), tuple(sorted(self.notable)))

    def function(
        self, line: int, header: Callable[[], Header], body: Callable[[], tuple[f.Stmt, ...]]
    ) -> f.FunctionDef:
        """A function at ``line``.

        What its header mentions is mentioned by it, though bound outside; its body has a scope of its own.
        """
        end_line = self.statement_at[2]
        outside = self.mentioned, self.largest, self.scope, self.in_function
        self.mentioned, self.largest = set(), 0.0
        head = header()
        self.scope, self.in_function = Scope(), True
        self.scope.binds.update(param.name for param in head.params)
        statements = body()
        mentioned, largest, scope = self.mentioned, self.largest, self.scope
        self.mentioned, self.largest, self.scope, self.in_function = outside
        self.mentioned |= mentioned
        self.largest = max(self.largest, largest)
        function = f.Function(
            head.name,
            head.params,
            head.decorators,
            head.returns,
            head.is_async,
            scope.yields,
            line,
            head.decorators[0][1] if head.decorators else line,
            end_line,
            " ".join(sorted(mentioned)),
            largest,
            tuple(sorted(scope.binds - scope.declared)),
            f.encode_body(statements),
        )
        return f.FunctionDef(line, function)

    def scoped(self, body: Callable[[], tuple[f.Stmt, ...]]) -> tuple[f.Stmt, ...]:
        """The statements of a class, whose names are bound in it alone."""
        outside, self.scope = self.scope, Scope()
        statements = body()
        self.scope = outside
        return statements

    def bind(self, name: str) -> None:
        """Record that the current scope binds ``name``."""
        self.scope.binds.add(name)

    def bind_target(self, target: f.Expr) -> None:
        """Bind the names of an assignment's target."""
        if isinstance(target, f.Name):
            if "." not in target.path:
                self.bind(target.path)
        elif isinstance(target, f.Seq):
            for item in target.items:
                self.bind_target(item)
        elif isinstance(target, f.Star):
            self.bind_target(target.value)

    def note(self, targets: tuple[f.Expr, ...], value: f.Expr) -> None:
        """Remember a global that is large, or that others may put things into."""
        if not self.in_function and self._is_notable(value):
            parts = [part for t in targets for part in (t.items if isinstance(t, f.Seq) else (t,))]
            self.notable.update(part.path for part in parts if isinstance(part, f.Name))

    def rebuilt(self, targets: tuple[f.Expr, ...], value: f.Expr) -> None:
        """Take note of a name that is rebuilt from itself."""
        if any(_rebuilds(target, value) for target in targets):
            self.mentioned.add("rebuilds")

    def _is_notable(self, value: f.Expr) -> bool:
        if self.largest >= NOTABLE:
            return True
        if isinstance(value, f.Call):
            func = value.func
            return isinstance(func, f.Name) and func.path.rpartition(".")[2] in _CONTAINERS
        return isinstance(value, (f.Seq, f.Mapping)) and not value.items

    def integer(self, value: int) -> f.Const:
        """A literal integer; one that no machine word holds is as good as its float."""
        if value > self.largest:
            self.largest = float(min(value, _LARGEST_INT))
        if value <= _LARGEST_INT:
            return f.Const(value)
        return f.Const(float(value) if value < 10**300 else float("inf"))

    def real(self, value: float) -> f.Const:
        """A literal float."""
        self.largest = max(self.largest, value)
        return f.Const(value)

    def raised(self, op: str, left: f.Expr, right: f.Expr) -> None:
        """A power or a shift may be a large number where nobody wrote one; the square of a name is none by itself."""
        if not (
            op == "**" and isinstance(right, f.Const) and not isinstance(left, f.Const) and _is_small(right)
        ):
            self.largest = float("inf")

    def called(self, func: f.Expr, before: float) -> None:
        """Forget the numbers in the arguments of a call that makes a date: years are no sizes."""
        if isinstance(func, f.Name) and func.path.rpartition(".")[2] in _DATES:
            self.largest = before

    def digits(self, text: str) -> None:
        """A string of digits may be a number: the default of an environment variable. A year or a date is none."""
        digits = text.replace("_", "")
        if digits.isdecimal() and len(digits) < 18 and not _DATE.fullmatch(digits):
            self.largest = max(self.largest, float(digits))

    def imported(self, line: int, names: list[tuple[str, str | None]]) -> f.Import:
        """``import a.b as c``: pairs of a module and its local name."""
        bindings = []
        for dotted, given in names:
            local = given or dotted.partition(".")[0]
            bindings.append((local, dotted if given else local))
            self.bind(local)
            self.mentioned.update(dotted.split("."))
        return f.Import(line, " ".join(dotted for dotted, _ in names), 0, False, tuple(bindings))

    def imported_from(
        self, line: int, module: str, level: int, names: list[tuple[str, str | None]]
    ) -> f.Import:
        """``from ..module import name as local``: pairs of a name and its local one."""
        self.mentioned.update(module.split("."))
        bindings = []
        for name, given in names:
            local = given or name
            bindings.append((local, name))
            if name != "*":
                self.bind(local)
                self.mentioned.update(
                    (name, f".{name}")
                )  # of another module, although the name is bound here
        return f.Import(line, module, level, True, tuple(bindings))

    def looped_for_ever(self, test: f.Expr) -> None:
        """Take note of a loop that nothing but its body may end."""
        if isinstance(test, f.Walrus) or (isinstance(test, f.Const) and test.value):
            self.mentioned.add("while-true")

    def declared(self, kind: str, names: tuple[str, ...], line: int) -> f.Declare:
        """``global`` or ``nonlocal``."""
        if kind == "global":
            self.mentioned.add("global")
        self.scope.declared.update(names)
        return f.Declare(line, kind, names)


def _is_small(power: f.Const) -> bool:
    return isinstance(power.value, (int, float)) and power.value <= _SMALL_POWER


def text_of(value: str | bytes) -> f.Text:
    """A literal of a string or of bytes. What no encoding has, a lone surrogate, is replaced."""
    if isinstance(value, bytes):
        return f.Text(value[:TEXT_KEPT].decode("latin-1"), len(value), True)
    kept = value[:TEXT_KEPT]
    return f.Text(kept if kept.isascii() else kept.encode("utf-8", "replace").decode(), len(value))


def negated(op: str, value: f.Expr) -> f.Expr:
    """A unary operation; a negative number is a number."""
    if op == "-" and isinstance(value, f.Const) and isinstance(value.value, (int, float)):
        return f.Const(-value.value)
    return f.Unary(op, value)


def _rebuilds(target: f.Expr, value: f.Expr) -> bool:
    """``x = join([x, y])``: a name rebuilt from itself by a call that joins pieces."""
    if isinstance(value, f.IfExp):
        return _rebuilds(target, value.body) or _rebuilds(target, value.orelse)
    if not isinstance(value, f.Call) or not isinstance(value.func, f.Name) or not isinstance(target, f.Name):
        return False
    if value.func.path.rpartition(".")[2] not in _JOINING:
        return False
    given = [arg.value for arg in value.args]
    return any(arg == target or (isinstance(arg, f.Seq) and target in arg.items) for arg in given)
