"""Lowering from Python's own ``ast``, a tenth of the price of libcst: the same facts, wherever ``ast`` tells enough.

It does not where the spelling counts: f-strings with escapes, strings that are put together of several, a tuple as an
index. Such a part is *doubtful*: libcst must see it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

from memlint import facts as f
from memlint.syntax.positions import Columns
from memlint.syntax.walk import Header, Walk, negated, text_of

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.MatMult: "@",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
    ast.Not: "not",
    ast.And: "and",
    ast.Or: "or",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_QUOTED_DIGITS = re.compile(r"(['\"])[\d_]+\1")
# one f-string without escapes, doubled braces, quotes within or its own names shown (``{x=}``)
_PLAIN_FSTRING = re.compile(r"""[fF](["'])(?:(?!\1)[^\\{}]|\{[^\\{}'"=]*\})*\1""")


class QuickLowering(Walk):
    """The walk over an ``ast`` tree."""

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        self.columns = columns
        self.span = columns.span
        self.doubtful = False  # whether something was met whose facts libcst may tell otherwise

    # --- statements ---------------------------------------------------------------------------------------------

    def block(self, nodes: Sequence[ast.stmt]) -> tuple[f.Stmt, ...]:
        """Lower a block's statements."""
        return tuple([self.statement(node) for node in nodes])

    def statement(self, node: ast.stmt) -> f.Stmt:
        """Lower one statement."""
        at = self.span(node)
        self.statement_at = at
        handler = _STATEMENTS.get(type(node))
        return handler(self, node, at[0]) if handler else f.Jump(at[0], "pass")

    def _expression_statement(self, node: ast.Expr, line: int) -> f.Stmt:
        return f.ExprStmt(line, self.expr(node.value))

    def _assign(self, node: ast.Assign, line: int) -> f.Stmt:
        before, self.largest = self.largest, 0.0
        targets = tuple([self.target(target) for target in node.targets])
        value = self.expr(node.value)
        self.note(targets, value)
        self.rebuilt(targets, value)
        self.largest = max(before, self.largest)
        return f.Assign(line, targets, value)

    def _annotated(self, node: ast.AnnAssign, line: int) -> f.Stmt:
        before, self.largest = self.largest, 0.0
        target = self.target(node.target)
        annotation = self.expr(node.annotation)
        value = self.optional(node.value)
        if value is not None:
            self.note((target,), value)
        self.largest = max(before, self.largest)
        return f.Assign(line, (target,), value, annotation)

    def _augmented(self, node: ast.AugAssign, line: int) -> f.Stmt:
        return f.AugAssign(line, self.target(node.target), _OPERATORS[type(node.op)], self.expr(node.value))

    def _return(self, node: ast.Return, line: int) -> f.Stmt:
        return f.Return(line, self.optional(node.value))

    def _raise(self, node: ast.Raise, line: int) -> f.Stmt:
        value = self.optional(node.exc)
        self.optional(node.cause)
        return f.Raise(line, value)

    def _assert(self, node: ast.Assert, line: int) -> f.Stmt:
        test = self.expr(node.test)
        self.optional(node.msg)
        return f.Assert(line, test)

    def _delete(self, node: ast.Delete, line: int) -> f.Stmt:
        targets = tuple(map(self.expr, node.targets))
        if len(targets) == 1 and isinstance(targets[0], f.Seq):
            targets = targets[0].items
        return f.Del(line, targets)

    def _declare(self, node: ast.Global | ast.Nonlocal, line: int) -> f.Stmt:
        return self.declared(type(node).__name__.lower(), tuple(node.names), line)

    def _jump(self, node: ast.stmt, line: int) -> f.Stmt:
        return f.Jump(line, type(node).__name__.lower())

    def _import(self, node: ast.Import, line: int) -> f.Stmt:
        return self.imported(line, [(alias.name, alias.asname) for alias in node.names])

    def _import_from(self, node: ast.ImportFrom, line: int) -> f.Stmt:
        names = [(alias.name, alias.asname) for alias in node.names]
        return self.imported_from(line, node.module or "", node.level, names)

    def _if(self, node: ast.If, line: int) -> f.Stmt:
        test = self.expr(node.test)
        return f.If(line, test, self.block(node.body), self.block(node.orelse))

    def _for(self, node: ast.For | ast.AsyncFor, line: int) -> f.Stmt:
        target = self.target(node.target)
        iterated = self.expr(node.iter)
        return f.For(line, target, iterated, self.block(node.body), self.block(node.orelse))

    def _while(self, node: ast.While, line: int) -> f.Stmt:
        test = self.expr(node.test)
        self.looped_for_ever(test)
        return f.While(line, test, self.block(node.body), self.block(node.orelse))

    def _try(self, node: Any, line: int) -> f.Stmt:
        body = self.block(node.body)
        handlers = []
        for handler in node.handlers:
            caught = self.optional(handler.type)
            if handler.name is not None:
                self.bind(handler.name)
            before = self.statement_at[0]
            handlers.append(f.Handler(before, caught, handler.name, self.block(handler.body)))
        return f.Try(line, body, tuple(handlers), self.block(node.orelse), self.block(node.finalbody))

    def _with(self, node: ast.With | ast.AsyncWith, line: int) -> f.Stmt:
        items = []
        for item in node.items:
            context = self.expr(item.context_expr)
            named = item.optional_vars
            items.append((context, self.target(named) if named is not None else None))
        return f.With(line, tuple(items), self.block(node.body))

    def _match(self, node: Any, line: int) -> f.Stmt:
        subject = self.expr(node.subject)
        cases = []
        for case in node.cases:
            for part in ast.walk(case.pattern):
                captured = getattr(part, "rest" if isinstance(part, ast.MatchMapping) else "name", None)
                if isinstance(part, (ast.MatchAs, ast.MatchStar, ast.MatchMapping)) and captured is not None:
                    self.bind(captured)
            self.optional(case.guard)
            cases.append(self.block(case.body))
        return f.Match(line, subject, tuple(cases))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, line: int) -> f.Stmt:
        return self.function(line, lambda: self._header(node), lambda: self.block(node.body))

    def _header(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Header:
        decorators = self._decorators(node)
        self.bind(node.name)
        params = self.params(node.args)
        returns = self.optional(node.returns)
        return Header(node.name, params, decorators, returns, isinstance(node, ast.AsyncFunctionDef))

    def _decorators(self, node: Any) -> tuple[tuple[f.Expr, int], ...]:
        return tuple([(self.expr(decorator), decorator.lineno) for decorator in node.decorator_list])

    def _class(self, node: ast.ClassDef, line: int) -> f.Stmt:
        at = self.statement_at
        decorators = self._decorators(node)
        self.bind(node.name)
        bases = tuple([self.expr(base) for base in map(_unstarred, node.bases)])
        keywords = {keyword.arg: self.expr(keyword.value) for keyword in node.keywords}
        body = self.scoped(lambda: self.members(node.body))
        first = decorators[0][1] if decorators else line
        metaclass = keywords.get("metaclass")
        return f.ClassDef(line, f.Class(node.name, bases, decorators, line, first, at[2], body, metaclass))

    def members(self, nodes: Sequence[ast.stmt]) -> tuple[f.Stmt, ...]:
        """Lower the body of a class."""
        return self.block(nodes)

    def params(self, node: ast.arguments) -> tuple[f.Param, ...]:
        """Lower parameters in the order of the source."""
        positional = [*node.posonlyargs, *node.args]
        missing: list[ast.expr | None] = [None] * (len(positional) - len(node.defaults))
        pairs = zip(positional, [*missing, *node.defaults], strict=True)
        out = [self._param(param, "positional", default) for param, default in pairs]
        if node.vararg is not None:
            out.append(self._param(node.vararg, "*"))
        keywords = zip(node.kwonlyargs, node.kw_defaults, strict=True)
        out += [self._param(param, "keyword", default) for param, default in keywords]
        if node.kwarg is not None:
            out.append(self._param(node.kwarg, "**"))
        return tuple(out)

    def _param(self, node: ast.arg, kind: str, default: ast.expr | None = None) -> f.Param:
        return f.Param(node.arg, kind, self.optional(default), self.optional(node.annotation))

    # --- expressions --------------------------------------------------------------------------------------------

    def target(self, node: ast.expr) -> f.Expr:
        """Lower the target of an assignment and bind its names."""
        target = self.expr(node)
        self.bind_target(target)
        return target

    def optional(self, node: ast.expr | None) -> f.Expr | None:
        """Lower an expression that may be missing."""
        return None if node is None else self.expr(node)

    def expr(self, node: ast.expr) -> f.Expr:
        """Lower one expression."""
        handler = _EXPRESSIONS.get(type(node))
        if handler is None:
            self.doubtful = True
            return f.Other(type(node).__name__)
        return handler(self, node)

    def site(self, node: ast.expr) -> f.Span:
        """The span of the node being lowered; inside an f-string that of its statement."""
        return self.statement_at if self.opaque else self.span(node)

    def _name(self, node: ast.Name) -> f.Expr:
        self.mentioned.add(node.id)
        return f.Name(node.id)

    def _attribute(self, node: ast.Attribute) -> f.Expr:
        attr = node.attr
        self.mentioned.add(attr)
        self.mentioned.add(f".{attr}")
        base = self.expr(node.value)
        if type(base) is f.Name:
            return f.Name(f"{base.path}.{attr}")
        return f.Attr(base, attr)

    def _call(self, node: ast.Call) -> f.Expr:
        func = self.expr(node.func)
        before = self.largest
        args = [self._arg(arg) for arg in node.args]
        if node.keywords:
            args += [self._keyword(keyword) for keyword in node.keywords]
            if any(isinstance(arg, ast.Starred) for arg in node.args):  # the two kinds may be mixed
                parts: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
                places = [(part.lineno, part.col_offset) for part in parts]
                args = [arg for _, arg in sorted(zip(places, args, strict=True), key=lambda pair: pair[0])]
        self.called(func, before)
        return f.Call(func, tuple(args), self.site(node))

    def _arg(self, node: ast.expr) -> f.Arg:
        if isinstance(node, ast.Starred):
            return f.Arg(self.expr(node.value), None, "*")
        return f.Arg(self.expr(node))

    def _keyword(self, node: ast.keyword) -> f.Arg:
        if node.arg is None:
            return f.Arg(self.expr(node.value), None, "**")
        self.mentioned.add(node.arg)
        return f.Arg(self.expr(node.value), node.arg)

    def _binary(self, node: ast.BinOp) -> f.Expr:
        op = _OPERATORS[type(node.op)]
        left, right = self.expr(node.left), self.expr(node.right)
        if op in {"**", "<<"}:
            self.raised(op, left, right)
        return f.Binary(op, left, right, self.site(node))

    def _unary(self, node: ast.UnaryOp) -> f.Expr:
        return negated(_OPERATORS[type(node.op)], self.expr(node.operand))

    def _compare(self, node: ast.Compare) -> f.Expr:
        pairs = zip(node.ops, node.comparators, strict=True)
        left = self.expr(node.left)
        return f.Compare(left, tuple([(_OPERATORS[type(op)], self.expr(right)) for op, right in pairs]))

    def _bool(self, node: ast.BoolOp) -> f.Expr:
        op = _OPERATORS[type(node.op)]
        left = self.expr(node.values[0])
        for value in node.values[1:]:
            left = f.BoolOp(op, left, self.expr(value))
        return left

    def _ifexp(self, node: ast.IfExp) -> f.Expr:
        return f.IfExp(self.expr(node.test), self.expr(node.body), self.expr(node.orelse))

    def _seq(self, node: ast.List | ast.Tuple | ast.Set) -> f.Expr:
        return f.Seq(type(node).__name__.lower(), tuple([self.expr(item) for item in node.elts]))

    def _starred(self, node: ast.Starred) -> f.Expr:
        return f.Star(self.expr(node.value))

    def _dict(self, node: ast.Dict) -> f.Expr:
        pairs = zip(node.keys, node.values, strict=True)
        return f.Mapping(tuple([(self.optional(key), self.expr(value)) for key, value in pairs]))

    def _comp(self, node: Any) -> f.Expr:
        kind = _COMPREHENSIONS[type(node)]
        element = self.expr(node.key if kind == "dict" else node.elt)
        value = self.expr(node.value) if kind == "dict" else None
        clauses = [
            f.Clause(self.expr(clause.target), self.expr(clause.iter), tuple(map(self.expr, clause.ifs)))
            for clause in node.generators
        ]
        return f.Comp(kind, element, value, tuple(clauses), self.site(node))

    def _subscript(self, node: ast.Subscript) -> f.Expr:
        base = self.expr(node.value)
        return f.Subscript(
            base, tuple([self.expr(item) for item in self._indices(node.slice)]), self.site(node)
        )

    def _indices(self, node: ast.expr) -> list[ast.expr]:
        """The indices of a subscript; ``x[1, 2]`` has two, ``x[(1, 2)]`` has one."""
        if not isinstance(node, ast.Tuple):
            return [node]
        if not node.elts:
            return [node]
        first = node.elts[0]
        if (node.lineno, node.col_offset) != (first.lineno, first.col_offset):
            self.doubtful = True  # either the tuple stands in parentheses or its first element does
            return [node]
        return [_unstarred(item) for item in node.elts]

    def _slice(self, node: ast.Slice) -> f.Expr:
        return f.Slice(self.optional(node.lower), self.optional(node.upper), self.optional(node.step))

    def _lambda(self, node: ast.Lambda) -> f.Expr:
        params = self.params(node.args)
        return f.Lambda(tuple([param.name for param in params]), self.expr(node.body))

    def _await(self, node: ast.Await) -> f.Expr:
        return f.Await(self.expr(node.value))

    def _yield(self, node: ast.Yield) -> f.Expr:
        self.scope.yields = True
        return f.Yield(self.optional(node.value))

    def _yield_from(self, node: ast.YieldFrom) -> f.Expr:
        self.scope.yields = True
        return f.Yield(self.expr(node.value), True)

    def _walrus(self, node: ast.NamedExpr) -> f.Expr:
        target = self.target(node.target)
        return f.Walrus(target, self.expr(node.value))

    def _constant(self, node: ast.Constant) -> f.Expr:
        value = node.value
        if isinstance(value, str):
            return self._string(value, node)
        if value is None or isinstance(value, bool):
            return f.Const(value)
        if isinstance(value, int):
            return self.integer(value)
        if isinstance(value, float):
            return self.real(value)
        if isinstance(value, bytes):
            self._look_for_digits(node)
            return text_of(value)
        return f.Other("Imaginary" if isinstance(value, complex) else "Ellipsis")

    def _string(self, value: str, node: ast.Constant) -> f.Expr:
        plain = node.end_lineno == node.lineno and value.isascii()
        if plain and node.end_col_offset - node.col_offset == len(value) + 2:  # type: ignore[operator]
            self.digits(value)
        else:
            self._look_for_digits(node)
        return text_of(value)

    def _look_for_digits(self, node: ast.expr) -> None:
        """A string may be put together of several, one of which is a number by itself."""
        if _QUOTED_DIGITS.search(self.columns.text(node)):
            self.doubtful = True

    def _formatted(self, node: ast.JoinedStr) -> f.Expr:
        if not _PLAIN_FSTRING.fullmatch(self.columns.text(node)):
            self.doubtful = True
        self.opaque += 1
        parts: list[f.Expr] = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(text_of(str(part.value)))
            elif isinstance(part, ast.FormattedValue):
                parts.append(self.expr(part.value))
        self.opaque -= 1
        return f.FString(tuple(parts))


def _unstarred(node: Any) -> Any:
    return node.value if isinstance(node, ast.Starred) else node


_COMPREHENSIONS: dict[type, str] = {
    ast.ListComp: "list",
    ast.SetComp: "set",
    ast.DictComp: "dict",
    ast.GeneratorExp: "generator",
}
_STATEMENTS: dict[type, Callable[[Any, Any, int], f.Stmt]] = {
    ast.Expr: QuickLowering._expression_statement,
    ast.Assign: QuickLowering._assign,
    ast.AnnAssign: QuickLowering._annotated,
    ast.AugAssign: QuickLowering._augmented,
    ast.Return: QuickLowering._return,
    ast.Raise: QuickLowering._raise,
    ast.Assert: QuickLowering._assert,
    ast.Delete: QuickLowering._delete,
    ast.Global: QuickLowering._declare,
    ast.Nonlocal: QuickLowering._declare,
    ast.Pass: QuickLowering._jump,
    ast.Break: QuickLowering._jump,
    ast.Continue: QuickLowering._jump,
    ast.Import: QuickLowering._import,
    ast.ImportFrom: QuickLowering._import_from,
    ast.If: QuickLowering._if,
    ast.For: QuickLowering._for,
    ast.AsyncFor: QuickLowering._for,
    ast.While: QuickLowering._while,
    ast.Try: QuickLowering._try,
    ast.With: QuickLowering._with,
    ast.AsyncWith: QuickLowering._with,
    ast.Match: QuickLowering._match,
    ast.FunctionDef: QuickLowering._function,
    ast.AsyncFunctionDef: QuickLowering._function,
    ast.ClassDef: QuickLowering._class,
}
if hasattr(ast, "TryStar"):
    _STATEMENTS[ast.TryStar] = QuickLowering._try
_EXPRESSIONS: dict[type, Callable[[Any, Any], f.Expr]] = {
    ast.Name: QuickLowering._name,
    ast.Attribute: QuickLowering._attribute,
    ast.Call: QuickLowering._call,
    ast.BinOp: QuickLowering._binary,
    ast.UnaryOp: QuickLowering._unary,
    ast.Compare: QuickLowering._compare,
    ast.BoolOp: QuickLowering._bool,
    ast.IfExp: QuickLowering._ifexp,
    ast.List: QuickLowering._seq,
    ast.Tuple: QuickLowering._seq,
    ast.Set: QuickLowering._seq,
    ast.Starred: QuickLowering._starred,
    ast.Dict: QuickLowering._dict,
    ast.ListComp: QuickLowering._comp,
    ast.SetComp: QuickLowering._comp,
    ast.DictComp: QuickLowering._comp,
    ast.GeneratorExp: QuickLowering._comp,
    ast.Subscript: QuickLowering._subscript,
    ast.Slice: QuickLowering._slice,
    ast.Lambda: QuickLowering._lambda,
    ast.Await: QuickLowering._await,
    ast.Yield: QuickLowering._yield,
    ast.YieldFrom: QuickLowering._yield_from,
    ast.NamedExpr: QuickLowering._walrus,
    ast.Constant: QuickLowering._constant,
    ast.JoinedStr: QuickLowering._formatted,
}
