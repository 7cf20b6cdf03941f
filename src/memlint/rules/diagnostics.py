"""MEM605: the garbage collector switched off, or memory diagnostics on, and not undone."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.sites import Site
from memlint.analysis.suite import Body
from memlint.analysis.values import FunctionValue
from memlint.model import Confidence
from memlint.rules.context import Context, Draft
from memlint.rules.registry import rule

# who runs functions elsewhere, so that a switch may be thrown in a process that ends
_OTHER_PROCESS = frozenset(
    {"Process", "fork", "ProcessPoolExecutor", "run_in_subprocess", "assert_python_ok"}
)


@rule("MEM605")
def diagnostics_left_on(site: Site, ctx: Context) -> Iterator[Draft]:
    """A switch of the process that a test throws and nobody turns back."""
    undo = tuple(name for entry in site.entries if entry.retains == "diagnostics" for name in entry.undo)
    body = ctx.body
    if not undo or site.mocked or site.raises or (body is not None and body.role == "teardown"):
        return  # a tear-down puts back what it found
    if body is None and ctx.is_script:
        return  # its process ends with it
    words = {name.rpartition(".")[2] for name in undo}
    if body is None:
        undone = not words.isdisjoint(traverse.words(ctx.module.facts)) and site.name not in undo
    else:
        undone = _undone(site, body, words, ctx) or _as_context(site, body)
    if undone:
        return
    yield Draft(
        "MEM605",
        site.at,
        f"{site.name}() holds for the whole process, and no {' or '.join(sorted(words))}() undoes it",
        f"Call {undo[0]}() in a finally, or after the yield of a fixture.",
        _confidence(site, body, ctx),
    )


def _confidence(site: Site, body: Body | None, ctx: Context) -> Confidence | None:
    if body is None:
        return Confidence.LOW if _is_looked_at(site, ctx) else Confidence.MEDIUM
    if body.role in {"helper", "method"}:
        elsewhere = not _OTHER_PROCESS.isdisjoint(traverse.words(ctx.module.facts))
        return Confidence.LOW if elsewhere or _is_handed_over(body, ctx) else Confidence.MEDIUM
    return None


def _is_handed_over(body: Body, ctx: Context) -> bool:
    """Whether nobody calls a function, and it is given to what calls it, perhaps in a process of its own:
    ``Workers(early_setup=switch_off)``.
    """
    name = f.Name(body.function.name)
    made = [node for user in _callers(body, ctx) for node, _, _ in traverse.calls(f.body_of(user.function))]
    called = any(node.func == name for node in made)
    return not called and any(arg.value == name for node in made for arg in node.args)


def _is_looked_at(site: Site, ctx: Context) -> bool:
    """Whether the suite switches it on for all of its tests, and looks at what it finds: ``gc.garbage``."""
    return site.name == "gc.set_debug" and any(module.linted for module in ctx.project.mentioning("garbage"))


def _undone(site: Site, body: Body, words: set[str], ctx: Context) -> bool:
    """Whether the body, what runs around it, or who calls it, mentions what undoes the switch."""
    same = site.name.rpartition(".")[2] in words  # gc.set_debug is undone by itself
    if _mentions(body, words, 2 if same else 1) or _is_within_an_undoing(site, words, ctx):
        return True
    return any(other is not body and _mentions(other, words, 1) for other in _around(body, ctx))


def _mentions(body: Body, words: set[str], least: int) -> bool:
    if words.isdisjoint(traverse.words(body.function)):
        return False
    if least == 1:
        return True
    named = [name for name in traverse.names(f.body_of(body.function)) if name.rpartition(".")[2] in words]
    return len(named) >= least


def _around(body: Body, ctx: Context) -> Iterator[Body]:
    suite = ctx.suite
    if body.within is not None:  # nested: the functions that it lies in
        yield from (other for other in suite.of(body.module).bodies if other.function.name in body.outer)
    if body.role in {"test", "fixture"}:
        yield from (fixture.body for fixture in suite.autouse(body.module, body.owner))
        yield from (fixture.body for fixture in suite.requested(body))
    if body.owner is not None:
        owners = [cls.cls for cls in suite.evaluator.mro(body.owner)]
        paired = {"method", "helper"} if body.role in {"method", "helper"} else {"teardown", "setup"}
        for cls in suite.evaluator.mro(body.owner):
            for other in suite.of(cls.module).bodies:
                if other.owner is not None and other.owner.cls in owners and other.role in paired:
                    yield other
    if body.role in {"setup", "hook"}:
        yield from (
            b for b in suite.of(body.module).bodies if b.role in {"teardown", "hook"} and b.owner is None
        )
    elif body.role == "helper":
        yield from _callers(body, ctx)
        yield from (other for other in suite.of(body.module).bodies if other.owner is None)


def _callers(body: Body, ctx: Context) -> Iterator[Body]:
    name = body.function.name
    for module in ctx.project.mentioning(name):
        for other in ctx.suite.of(module).bodies:
            if traverse.says(other.function, name):
                yield other


def _is_within_an_undoing(site: Site, words: set[str], ctx: Context) -> bool:
    """``with restore_gc_state(): gc.disable()``: a context manager of the project that says what undoes it."""
    frame = site.frame
    for manager in traverse.managers_around(f.body_of(frame.function), site.node) if frame.function else ():
        made = ctx.suite.evaluator.quiet_eval(manager.func, frame) if isinstance(manager, f.Call) else None
        if isinstance(made, FunctionValue) and not words.isdisjoint(traverse.words(made.function)):
            return True
    return False


def _as_context(site: Site, body: Body) -> bool:
    """Whether the call stands in a with statement, whose end undoes it."""
    for statement, _ in traverse.statements(f.body_of(body.function)):
        contexts = [context for context, _ in statement.items] if isinstance(statement, f.With) else []
        if any(isinstance(context, f.Call) and context.at == site.at for context in contexts):
            return True
    return False
