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
_SETTING = frozenset({"set_default_device", "set_default_tensor_type"})
_HOPS = 2  # names that are followed to what they are bound to, and their names again
_MOVING = frozenset({"cuda", "xpu", "npu"})  # ``tensor.cuda()``


def is_on_accelerator(site: Site, ctx: Context) -> bool:
    """Whether every tensor that the expression makes is said to lie on an accelerator."""
    said = list(_said(site.node, site.frame, ctx))
    return all(said) if said else site.name.startswith("torch.") and _is_default_around(site, ctx)


def speaks_of_accelerator(body: Body, ctx: Context) -> bool:
    """Whether a test, or a helper of the suite that it calls, asks for an accelerator, or names one."""
    frame = ctx.suite.evaluate(body)
    if any(any(_said(node, frame, ctx, _HOPS)) for node, _, _ in traverse.calls(f.body_of(body.function))):
        return True
    helpers = [
        site.callee
        for site in frame.sites
        if isinstance(site.callee, FunctionValue) and not site.callee.module.is_product
    ]
    if any(
        any(_said(node, Frame(helper.module, ""), ctx))
        for helper in helpers
        for node, _, _ in traverse.calls(f.body_of(helper.function))
    ):
        return True
    functions = (body.function, *(helper.function for helper in helpers))
    return any(not _ASKING.isdisjoint(traverse.words(function)) for function in functions)


def _is_default_around(site: Site, ctx: Context) -> bool:
    """``with torch.device("cuda"):`` around it, or ``torch.set_default_device("cuda")`` before it."""
    if site.frame.function is None:
        return False
    for statement, enclosing in traverse.statements(f.body_of(site.frame.function)):
        if statement.line > site.statement:
            return False
        if isinstance(statement, f.ExprStmt) and isinstance(statement.value, f.Call):
            call = statement.value
            sets = (
                isinstance(call.func, (f.Name, f.Attr)) and _last(call.func) in _SETTING and bool(call.args)
            )
            if sets and _names_accelerator(call.args[0].value, site.frame, ctx):
                return True
        if statement.line == site.statement and any(
            isinstance(outer, f.With) and any(_is_device(item, site.frame, ctx) for item, _ in outer.items)
            for outer in enclosing
        ):
            return True
    return False


def _is_device(node: f.Node, frame: Frame, ctx: Context) -> bool:
    """``torch.device("cuda:0")``."""
    if not isinstance(node, f.Call) or not isinstance(node.func, (f.Name, f.Attr)) or not node.args:
        return False
    return _last(node.func) == "device" and _names_accelerator(node.args[0].value, frame, ctx)


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
        return str(value.value).removeprefix("torch.").startswith(_KINDS)
    nodes = list(traverse.walk(_bound_to(device, frame)))
    if any(isinstance(node, f.IfExp) for node in nodes):
        return False  # "cuda" where there is one
    return any(_asks(node) or _is_device(node, frame, ctx) for node in nodes)


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
