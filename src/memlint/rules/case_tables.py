"""Files of test cases: what parametrize is given has to be there when pytest collects."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.sites import Site
from memlint.rules.context import Context


def feeds_parametrize(site: Site, ctx: Context) -> bool:
    """Whether what a statement of the module makes reaches ``parametrize``, by names and what is made of them."""
    bindings = list(_bindings(ctx))
    reached, pending = set[str](), _given(ctx)
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending |= {read for bound, made, _ in bindings if bound == name for read in _read(made)}
    return any(line == site.statement and name in reached for name, _, line in bindings)


def _bindings(ctx: Context) -> Iterator[tuple[str, f.Expr, int]]:
    """Every name that the module binds at its top, what to, and the line of the statement; some are bound twice."""
    for statement, _ in traverse.statements(ctx.module.body):
        if isinstance(statement, f.Assign) and statement.value is not None:
            for target in statement.targets:
                yield from ((name, statement.value, statement.line) for name in _read(target))
        elif isinstance(statement, f.For):
            yield from ((name, statement.iter, statement.line) for name in _read(statement.target))
        elif isinstance(statement, f.ExprStmt) and isinstance(statement.value, f.Call):
            yield from _put_in(statement.value, statement.line)


def _put_in(call: f.Call, line: int) -> Iterator[tuple[str, f.Expr, int]]:
    """``CASES.append(case)`` adds to what the name stands for."""
    holder, _, method = call.func.path.rpartition(".") if isinstance(call.func, f.Name) else ("", "", "")
    if method in {"append", "extend", "update", "add"}:
        yield from ((holder, arg.value, line) for arg in call.args)


def _given(ctx: Context) -> set[str]:
    """The names in what the module's parametrize marks are given."""
    suite = ctx.suite.of(ctx.module)
    decorated = [
        *(body.function.decorators for body in suite.bodies),
        *(cls.cls.decorators for cls in suite.classes),
    ]
    marks = (decorator for decorators in decorated for decorator, _ in decorators)
    return {
        name
        for mark in marks
        if isinstance(mark, f.Call)
        and isinstance(mark.func, f.Name)
        and mark.func.path.rpartition(".")[2] == "parametrize"
        for arg in mark.args[1:]
        for name in _read(arg.value)
    }


def _read(node: f.Expr) -> set[str]:
    """The names that an expression mentions, each by its first part."""
    return {inner.path.partition(".")[0] for inner in traverse.walk(node) if isinstance(inner, f.Name)}
