"""Lowering: one walk over a libcst tree that keeps what the analyses need and drops the rest."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from memlint import facts as f
from memlint.syntax.positions import Positions
from memlint.syntax.walk import TEXT_KEPT, Header, Lowered, Walk, negated, text_of

_OPERATORS: dict[Any, str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
    cst.BitAnd: "&",
    cst.BitOr: "|",
    cst.BitXor: "^",
    cst.MatrixMultiply: "@",
    cst.AddAssign: "+",
    cst.SubtractAssign: "-",
    cst.MultiplyAssign: "*",
    cst.DivideAssign: "/",
    cst.FloorDivideAssign: "//",
    cst.ModuloAssign: "%",
    cst.PowerAssign: "**",
    cst.LeftShiftAssign: "<<",
    cst.RightShiftAssign: ">>",
    cst.BitAndAssign: "&",
    cst.BitOrAssign: "|",
    cst.BitXorAssign: "^",
    cst.MatrixMultiplyAssign: "@",
    cst.Minus: "-",
    cst.Plus: "+",
    cst.BitInvert: "~",
    cst.Not: "not",
    cst.And: "and",
    cst.Or: "or",
    cst.Equal: "==",
    cst.NotEqual: "!=",
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.Is: "is",
    cst.IsNot: "is not",
}
_CONSTANTS: dict[str, f.Const] = {"None": f.Const(None), "True": f.Const(True), "False": f.Const(False)}


def lower_module(module: cst.Module, positions: Positions) -> Lowered:
    """Lower a whole module."""
    lowering = Lowering(positions)
    return lowering.lowered(lowering.statements(module.body))


class Lowering(Walk):
    """The walk over a libcst tree, which takes positions as it goes."""

    def __init__(self, positions: Positions) -> None:
        super().__init__()
        self.positions = positions
        self.take = positions.take

    # --- statements ---------------------------------------------------------------------------------------------

    def statements(self, nodes: Sequence[Any]) -> tuple[f.Stmt, ...]:
        """Lower a block's statements."""
        out: list[f.Stmt] = []
        for node in nodes:
            if type(node) is cst.SimpleStatementLine:
                out.extend(self.statement(small) for small in node.body)
            else:
                out.append(self.statement(node))
        return tuple(out)

    def block(self, node: Any) -> tuple[f.Stmt, ...]:
        """Lower the body of a compound statement; empty for None."""
        if node is None:
            return ()
        if type(node) is cst.SimpleStatementSuite:
            return tuple(self.statement(small) for small in node.body)
        return self.statements(node.body)

    def statement(self, node: Any) -> f.Stmt:
        """Lower one statement."""
        at = self.take("stmt", node)
        self.statement_at = at
        handler = _STATEMENTS.get(type(node))
        return handler(self, node, at[0]) if handler else f.Jump(at[0], "pass")

    def _expression_statement(self, node: cst.Expr, line: int) -> f.Stmt:
        return f.ExprStmt(line, self.expr(node.value))

    def _assign(self, node: cst.Assign, line: int) -> f.Stmt:
        before, self.largest = self.largest, 0.0
        targets = tuple(self.target(target.target) for target in node.targets)
        value = self.expr(node.value)
        self.note(targets, value)
        self.rebuilt(targets, value)
        self.largest = max(before, self.largest)
        return f.Assign(line, targets, value)

    def _annotated(self, node: cst.AnnAssign, line: int) -> f.Stmt:
        before, self.largest = self.largest, 0.0
        target = self.target(node.target)
        annotation = self.expr(node.annotation.annotation)
        value = self.optional(node.value)
        if value is not None:
            self.note((target,), value)
        self.largest = max(before, self.largest)
        return f.Assign(line, (target,), value, annotation)

    def _augmented(self, node: cst.AugAssign, line: int) -> f.Stmt:
        return f.AugAssign(
            line, self.target(node.target), _OPERATORS[type(node.operator)], self.expr(node.value)
        )

    def _return(self, node: cst.Return, line: int) -> f.Stmt:
        return f.Return(line, self.optional(node.value))

    def _raise(self, node: cst.Raise, line: int) -> f.Stmt:
        value = self.optional(node.exc)
        if node.cause is not None:
            self.expr(node.cause.item)
        return f.Raise(line, value)

    def _assert(self, node: cst.Assert, line: int) -> f.Stmt:
        test = self.expr(node.test)
        self.optional(node.msg)
        return f.Assert(line, test)

    def _delete(self, node: cst.Del, line: int) -> f.Stmt:
        target = self.expr(node.target)
        return f.Del(line, target.items if isinstance(target, f.Seq) else (target,))

    def _declare(self, node: cst.Global | cst.Nonlocal, line: int) -> f.Stmt:
        return self.declared(type(node).__name__.lower(), tuple(item.name.value for item in node.names), line)

    def _jump(self, node: cst.Pass | cst.Break | cst.Continue, line: int) -> f.Stmt:
        return f.Jump(line, type(node).__name__.lower())

    def _import(self, node: cst.Import, line: int) -> f.Stmt:
        return self.imported(line, [_alias(alias) for alias in node.names])

    def _import_from(self, node: cst.ImportFrom, line: int) -> f.Stmt:
        module = (_dotted(node.module) or "") if node.module is not None else ""
        names: list[tuple[str, str | None]] = [("*", None)]
        if not isinstance(node.names, cst.ImportStar):
            names = [_alias(alias) for alias in node.names]
        return self.imported_from(line, module, len(node.relative), names)

    def _if(self, node: cst.If, line: int) -> f.Stmt:
        test = self.expr(node.test)
        return f.If(line, test, self.block(node.body), self._orelse(node.orelse))

    def _orelse(self, node: Any) -> tuple[f.Stmt, ...]:
        if node is None:
            return ()
        return (self.statement(node),) if type(node) is cst.If else self.block(node.body)

    def _for(self, node: cst.For, line: int) -> f.Stmt:
        target = self.target(node.target)
        iterated = self.expr(node.iter)
        return f.For(line, target, iterated, self.block(node.body), self._orelse(node.orelse))

    def _while(self, node: cst.While, line: int) -> f.Stmt:
        test = self.expr(node.test)
        self.looped_for_ever(test)
        return f.While(line, test, self.block(node.body), self._orelse(node.orelse))

    def _try(self, node: Any, line: int) -> f.Stmt:
        body = self.block(node.body)
        handlers = []
        for handler in node.handlers:
            caught = self.optional(handler.type)
            name = handler.name.name.value if handler.name is not None else None
            if name is not None:
                self.bind(name)
            handlers.append(f.Handler(self.statement_at[0], caught, name, self.block(handler.body)))
        orelse = self._orelse(node.orelse)
        final = self.block(node.finalbody.body) if node.finalbody is not None else ()
        return f.Try(line, body, tuple(handlers), orelse, final)

    def _with(self, node: cst.With, line: int) -> f.Stmt:
        items = []
        for item in node.items:
            context = self.expr(item.item)
            items.append((context, self.target(item.asname.name) if item.asname is not None else None))
        return f.With(line, tuple(items), self.block(node.body))

    def _match(self, node: cst.Match, line: int) -> f.Stmt:
        subject = self.expr(node.subject)
        cases = []
        for case in node.cases:
            self.bind_pattern(case.pattern)
            self.optional(case.guard)
            cases.append(self.block(case.body))
        return f.Match(line, subject, tuple(cases))

    def _function(self, node: cst.FunctionDef, line: int) -> f.Stmt:
        return self.function(line, lambda: self._header(node), lambda: self.block(node.body))

    def _header(self, node: cst.FunctionDef) -> Header:
        name = node.name.value
        decorators = tuple(self._decorator(decorator) for decorator in node.decorators)
        self.bind(name)
        params = self.params(node.params)
        returns = self.expr(node.returns.annotation) if node.returns is not None else None
        return Header(name, params, decorators, returns, node.asynchronous is not None)

    def _decorator(self, node: cst.Decorator) -> tuple[f.Expr, int]:
        line = self.take("decorator", node.decorator)[0]
        return self.expr(node.decorator), line

    def _class(self, node: cst.ClassDef, line: int) -> f.Stmt:
        at = self.statement_at
        decorators = tuple(self._decorator(decorator) for decorator in node.decorators)
        self.bind(node.name.value)
        bases = tuple(self.expr(base.value) for base in node.bases)
        given = [(keyword.keyword, self.expr(keyword.value)) for keyword in node.keywords]
        keywords = {name.value: value for name, value in given if name is not None}
        body = self.scoped(lambda: self.block(node.body))
        first = decorators[0][1] if decorators else line
        metaclass = keywords.get("metaclass")
        return f.ClassDef(
            line, f.Class(node.name.value, bases, decorators, line, first, at[2], body, metaclass)
        )

    def params(self, node: cst.Parameters) -> tuple[f.Param, ...]:
        """Lower parameters in the order of the source."""
        out = [self._param(param, "positional") for param in node.posonly_params]
        out += [self._param(param, "positional") for param in node.params]
        if isinstance(node.star_arg, cst.Param):
            out.append(self._param(node.star_arg, "*"))
        out += [self._param(param, "keyword") for param in node.kwonly_params]
        if node.star_kwarg is not None:
            out.append(self._param(node.star_kwarg, "**"))
        return tuple(out)

    def _param(self, node: cst.Param, kind: str) -> f.Param:
        annotation = self.expr(node.annotation.annotation) if node.annotation is not None else None
        return f.Param(node.name.value, kind, self.optional(node.default), annotation)

    # --- names --------------------------------------------------------------------------------------------------

    def target(self, node: Any) -> f.Expr:
        """Lower the target of an assignment and bind its names."""
        target = self.expr(node)
        self.bind_target(target)
        return target

    def bind_pattern(self, node: Any) -> None:
        """Bind the names that a match pattern captures."""
        for name in ("name", "rest"):
            captured = getattr(node, name, None)
            if isinstance(captured, cst.Name):
                self.bind(captured.value)
        for name in ("pattern", "value"):
            inner = getattr(node, name, None)
            if isinstance(inner, cst.MatchPattern):
                self.bind_pattern(inner)
        for name in ("patterns", "elements", "kwds", "left", "right"):
            inner = getattr(node, name, None)
            for item in inner if isinstance(inner, Sequence) else ():
                self.bind_pattern(item)

    # --- expressions --------------------------------------------------------------------------------------------

    def optional(self, node: Any) -> f.Expr | None:
        """Lower an expression that may be missing."""
        return None if node is None else self.expr(node)

    def expr(self, node: Any) -> f.Expr:
        """Lower one expression."""
        handler = _EXPRESSIONS.get(type(node))
        return handler(self, node) if handler else f.Other(type(node).__name__)

    def site(self, kind: str, node: Any) -> f.Span:
        """The span of the node being lowered; inside an f-string that of its statement."""
        return self.statement_at if self.opaque else self.take(kind, node)

    def _name(self, node: cst.Name) -> f.Expr:
        value = node.value
        constant = _CONSTANTS.get(value)
        if constant is not None:
            return constant
        self.mentioned.add(value)
        return f.Name(value)

    def _attribute(self, node: cst.Attribute) -> f.Expr:
        attr = node.attr.value
        self.mentioned.update((attr, f".{attr}"))
        base = self.expr(node.value)
        if type(base) is f.Name:
            return f.Name(f"{base.path}.{attr}")
        return f.Attr(base, attr)

    def _call(self, node: cst.Call) -> f.Expr:
        at = self.site("call", node)
        func = self.expr(node.func)
        before = self.largest
        args = tuple(self._arg(arg) for arg in node.args)
        self.called(func, before)
        return f.Call(func, args, at)

    def _arg(self, node: cst.Arg) -> f.Arg:
        keyword = node.keyword.value if node.keyword is not None else None
        if keyword is not None:
            self.mentioned.add(keyword)
        return f.Arg(self.expr(node.value), keyword, node.star)

    def _binary(self, node: cst.BinaryOperation) -> f.Expr:
        at = self.site("binary", node)
        left = self.expr(node.left)
        op = _OPERATORS[type(node.operator)]
        right = self.expr(node.right)
        if op in {"**", "<<"}:
            self.raised(op, left, right)
        return f.Binary(op, left, right, at)

    def _unary(self, node: cst.UnaryOperation) -> f.Expr:
        return negated(_OPERATORS[type(node.operator)], self.expr(node.expression))

    def _compare(self, node: cst.Comparison) -> f.Expr:
        left = self.expr(node.left)
        rest = tuple((_OPERATORS[type(c.operator)], self.expr(c.comparator)) for c in node.comparisons)
        return f.Compare(left, rest)

    def _bool(self, node: cst.BooleanOperation) -> f.Expr:
        left = self.expr(node.left)
        return f.BoolOp(_OPERATORS[type(node.operator)], left, self.expr(node.right))

    def _ifexp(self, node: cst.IfExp) -> f.Expr:
        body = self.expr(node.body)
        test = self.expr(node.test)
        return f.IfExp(test, body, self.expr(node.orelse))

    def _seq(self, node: cst.List | cst.Tuple | cst.Set) -> f.Expr:
        items: list[f.Expr] = []
        for element in node.elements:
            value = self.expr(element.value)
            items.append(f.Star(value) if type(element) is cst.StarredElement else value)
        return f.Seq(type(node).__name__.lower(), tuple(items))

    def _starred(self, node: cst.StarredElement) -> f.Expr:
        return f.Star(self.expr(node.value))

    def _dict(self, node: cst.Dict) -> f.Expr:
        items: list[tuple[f.Expr | None, f.Expr]] = []
        for element in node.elements:
            key = self.expr(element.key) if isinstance(element, cst.DictElement) else None
            items.append((key, self.expr(element.value)))
        return f.Mapping(tuple(items))

    def _comp(self, node: Any) -> f.Expr:
        at = self.site("comp", node)
        kind = _COMPREHENSIONS[type(node)]
        element = self.expr(node.key if kind == "dict" else node.elt)
        value = self.expr(node.value) if kind == "dict" else None
        clauses = []
        clause = node.for_in
        while clause is not None:
            target = self.expr(clause.target)
            iterated = self.expr(clause.iter)
            clauses.append(f.Clause(target, iterated, tuple(self.expr(test.test) for test in clause.ifs)))
            clause = clause.inner_for_in
        return f.Comp(kind, element, value, tuple(clauses), at)

    def _subscript(self, node: cst.Subscript) -> f.Expr:
        at = self.site("subscript", node)
        base = self.expr(node.value)
        return f.Subscript(base, tuple(self._index(element.slice) for element in node.slice), at)

    def _index(self, node: Any) -> f.Expr:
        if type(node) is cst.Slice:
            return f.Slice(self.optional(node.lower), self.optional(node.upper), self.optional(node.step))
        return self.expr(node.value)

    def _lambda(self, node: cst.Lambda) -> f.Expr:
        params = self.params(node.params)
        return f.Lambda(tuple(param.name for param in params), self.expr(node.body))

    def _await(self, node: cst.Await) -> f.Expr:
        return f.Await(self.expr(node.expression))

    def _yield(self, node: cst.Yield) -> f.Expr:
        self.scope.yields = True
        if isinstance(node.value, cst.From):
            return f.Yield(self.expr(node.value.item), True)
        return f.Yield(self.optional(node.value))

    def _walrus(self, node: cst.NamedExpr) -> f.Expr:
        target = self.target(node.target)
        return f.Walrus(target, self.expr(node.value))

    def _integer(self, node: cst.Integer) -> f.Expr:
        text = node.value
        try:
            value = int(text) if text.isdecimal() else int(text.replace("_", ""), 0)
        except ValueError:  # more digits than Python converts, which it refuses in source too
            return f.Other("Integer")
        return self.integer(value)

    def _float(self, node: cst.Float) -> f.Expr:
        return self.real(float(node.value))

    def _string(self, node: cst.SimpleString) -> f.Expr:
        self.digits(node.value[1:-1])
        return _text(node.value)

    def _concatenated(self, node: cst.ConcatenatedString) -> f.Expr:
        left, right = self.expr(node.left), self.expr(node.right)
        if isinstance(left, f.Text) and isinstance(right, f.Text):
            joined = (left.value + right.value)[:TEXT_KEPT]
            return f.Text(joined, left.length + right.length, left.is_bytes)
        return f.FString((left, right))

    def _formatted(self, node: Any) -> f.Expr:
        self.opaque += 1
        parts: list[f.Expr] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                parts.append(f.Text(part.value[:TEXT_KEPT], len(part.value)))
            elif hasattr(part, "expression"):
                parts.append(self.expr(part.expression))
        self.opaque -= 1
        return f.FString(tuple(parts))


def _alias(node: cst.ImportAlias) -> tuple[str, str | None]:
    """What is imported, and its local name if it is given one."""
    return _dotted(node.name) or "", node.asname.name.value if node.asname is not None else None  # type: ignore[union-attr]


def _dotted(node: Any) -> str | None:
    """``a.b.c`` of a pure name chain."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return None
    parts.append(node.value)
    return ".".join(reversed(parts))


def _text(source: str) -> f.Text:
    """The literal that ``source`` spells; ``ast.literal_eval`` only where escapes or prefixes need it."""
    quote = source[0]
    if quote in "\"'" and "\\" not in source:
        value = source[3:-3] if source[1:3] == quote * 2 and len(source) >= 6 else source[1:-1]
        return f.Text(value[:TEXT_KEPT], len(value))
    try:
        literal = ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return f.Text(source[:TEXT_KEPT], len(source))
    return text_of(literal)


_COMPREHENSIONS: dict[Any, str] = {
    cst.ListComp: "list",
    cst.SetComp: "set",
    cst.DictComp: "dict",
    cst.GeneratorExp: "generator",
}
_STATEMENTS: dict[type, Callable[[Lowering, Any, int], f.Stmt]] = {
    cst.Expr: Lowering._expression_statement,
    cst.Assign: Lowering._assign,
    cst.AnnAssign: Lowering._annotated,
    cst.AugAssign: Lowering._augmented,
    cst.Return: Lowering._return,
    cst.Raise: Lowering._raise,
    cst.Assert: Lowering._assert,
    cst.Del: Lowering._delete,
    cst.Global: Lowering._declare,
    cst.Nonlocal: Lowering._declare,
    cst.Pass: Lowering._jump,
    cst.Break: Lowering._jump,
    cst.Continue: Lowering._jump,
    cst.Import: Lowering._import,
    cst.ImportFrom: Lowering._import_from,
    cst.If: Lowering._if,
    cst.For: Lowering._for,
    cst.While: Lowering._while,
    cst.Try: Lowering._try,
    cst.TryStar: Lowering._try,
    cst.With: Lowering._with,
    cst.Match: Lowering._match,
    cst.FunctionDef: Lowering._function,
    cst.ClassDef: Lowering._class,
}
_EXPRESSIONS: dict[type, Callable[[Lowering, Any], f.Expr]] = {
    cst.Name: Lowering._name,
    cst.Attribute: Lowering._attribute,
    cst.Call: Lowering._call,
    cst.BinaryOperation: Lowering._binary,
    cst.UnaryOperation: Lowering._unary,
    cst.Comparison: Lowering._compare,
    cst.BooleanOperation: Lowering._bool,
    cst.IfExp: Lowering._ifexp,
    cst.List: Lowering._seq,
    cst.Tuple: Lowering._seq,
    cst.Set: Lowering._seq,
    cst.StarredElement: Lowering._starred,
    cst.Dict: Lowering._dict,
    cst.ListComp: Lowering._comp,
    cst.SetComp: Lowering._comp,
    cst.DictComp: Lowering._comp,
    cst.GeneratorExp: Lowering._comp,
    cst.Subscript: Lowering._subscript,
    cst.Lambda: Lowering._lambda,
    cst.Await: Lowering._await,
    cst.Yield: Lowering._yield,
    cst.NamedExpr: Lowering._walrus,
    cst.Integer: Lowering._integer,
    cst.Float: Lowering._float,
    cst.SimpleString: Lowering._string,
    cst.ConcatenatedString: Lowering._concatenated,
    cst.FormattedString: Lowering._formatted,
}
if hasattr(cst, "TemplatedString"):
    _EXPRESSIONS[cst.TemplatedString] = Lowering._formatted
