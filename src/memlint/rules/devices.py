"""What is made on an accelerator: its memory is not that of the job, which exit code 137 tells of."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import Body
from memlint.analysis.values import FunctionValue, Literal
from memlint.rules.context import Context

_KINDS = ("cuda", "xpu", "hpu", "npu", "gpu", "tpu")  # as in "cuda:0"; "mps" shares the machine's memory
_ASKING = frozenset({"current_device", "current_device_name", "get_accelerator"})
_HOPS = 2  # names that are followed to what they are bound to, and their names again
_MOVING = frozenset({"cuda", "xpu", "npu"})  # ``tensor.cuda()``


def is_on_accelerator(site: Site, ctx: Context) -> bool:
    """Whether every tensor that the expression makes is said to lie on an accelerator."""
    said = list(_said(site.node, site.frame, ctx))
    return bool(said) and all(said)


def speaks_of_accelerator(body: Body, ctx: Context) -> bool:
    """Whether a test, or a helper of the suite that it calls, asks for an accelerator, or names one."""
    frame = ctx.suite.evaluate(body)
    if any(any(_said(node, frame, ctx, _HOPS)) for node, _, _ in traverse.calls(f.body_of(body.function))):
        return True
    helpers = (
        site.callee.function
        for site in frame.sites
        if isinstance(site.callee, FunctionValue) and not site.callee.module.is_product
    )
    return any(not _ASKING.isdisjoint(traverse.words(function)) for function in (body.function, *helpers))


def _said(node: f.Expr, frame: Frame, ctx: Context, depth: int = 0) -> Iterator[bool]:
    """What each call in an expression, and in those that its names are bound to, says of where its result lies."""
    for inner in traverse.walk(node):
        if isinstance(inner, f.Name) and depth < _HOPS:
            first = f.Name(inner.path.partition(".")[0])
            bound = _bound_to(first, frame)
            yield from _said(bound, frame, ctx, depth + 1) if bound is not first else ()
        if not isinstance(inner, f.Call):
            continue
        for arg in inner.args:
            if arg.keyword == "device":
                yield _names_accelerator(arg.value, frame, ctx)
        if isinstance(inner.func, (f.Name, f.Attr)) and not inner.args and _last(inner.func) in _MOVING:
            yield True


def _names_accelerator(device: f.Expr, frame: Frame, ctx: Context) -> bool:
    value = ctx.suite.evaluator.quiet_eval(device, frame)
    if isinstance(value, Literal):
        return str(value.value).startswith(_KINDS)
    return any(_asks(node) for node in traverse.walk(_bound_to(device, frame)))


def _asks(node: f.Node) -> bool:
    return isinstance(node, (f.Name, f.Attr)) and _last(node) in _ASKING


def _bound_to(device: f.Expr, frame: Frame) -> f.Expr:
    """What a name is bound to in the same function, or at the top of the module."""
    if not isinstance(device, f.Name):
        return device
    block = frame.module.body if frame.function is None else f.body_of(frame.function)
    bound = (
        statement.value
        for statement, _ in traverse.statements(block)
        if isinstance(statement, f.Assign) and device in statement.targets
    )
    return next((value for value in bound if value is not None), device)


def _last(node: f.Name | f.Attr) -> str:
    return node.attr if isinstance(node, f.Attr) else node.path.rpartition(".")[2]
