"""MEM604: models, graphs and device memory that stay in the global state of a deep-learning framework."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.project import Module
from memlint.analysis.running import said_at_import
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import Body
from memlint.analysis.values import ClassValue, FunctionValue, Literal, Ref, Value
from memlint.model import Confidence
from memlint.rules.context import Context, Draft, estimate_of
from memlint.rules.registry import rule

_SAME_MODULE = frozenset(
    {"eval", "train", "to", "cuda", "cpu", "float", "half", "double", "requires_grad_", "apply"}
)
_WITHOUT_GRAPH = frozenset({"no_grad", "inference_mode", "set_grad_enabled", "requires_grad_"})
_NEEDS_GRAPH = frozenset({"backward", "grad", "autograd", "gradcheck", "gradgradcheck", "functional_call"})
# which code that runs in eager mode, TensorFlow 2's own, has no use for
_OF_GRAPHS = (
    "get_default_graph",
    "reset_default_graph",
    "global_variables_initializer",
    "get_session",
    "set_session",
)
# ``self.evaluate(global_variables_initializer())`` does nothing in eager mode
_IN_EITHER = frozenset({"global_variables_initializer"})
_IN_SESSIONS = frozenset({"Session", "InteractiveSession", "get_session", "set_session", "run"})
_OF_THE_PROCESS = (
    "disable_eager_execution",
    "disable_v2_behavior",
)  # whoever calls it, for all tests that follow
_WORTH_GIVING_BACK = 4_000_000  # bytes on the device: a matrix of a thousand rows
_DEEPEST = 2  # helpers of helpers
_LEAST_PASSES = 3  # kept at once


@rule("MEM604")
def model_left_in_framework(body: Body, ctx: Context) -> Iterator[Draft]:
    """The first thing of a body that stays in a framework's global state, when nothing in reach clears it."""
    if body.role not in {"test", "fixture", "setup"} or not _speaks_of(ctx, ("keras", "torch", "tensorflow")):
        return
    drafts = []
    for site, made in _made_here(ctx.suite.evaluate(body).sites):
        undo = {name.rpartition(".")[2] for name in _undo(made)}
        if not undo or made.mocked or made.raises:
            continue
        if not _cleared(body, undo, ctx) and undo.isdisjoint(_said_by_helpers(site)):
            drafts.append(_draft(site, made, undo, _goes_with_its_last_name(made, ctx)))
    yield from sorted(drafts, key=lambda draft: draft.confidence is Confidence.LOW)[:1]


def _made_here(sites: Iterable[Site]) -> Iterator[tuple[Site, Site]]:
    """The calls of a body, and those that the suite's own helpers make in them, each with the body's call."""
    for site in sites:
        yield site, site
        yield from ((site, inner) for inner in _within(site))


def _within(site: Site, depth: int = 0) -> Iterator[Site]:
    callee = site.callee
    if depth < _DEEPEST and isinstance(callee, FunctionValue) and not callee.module.is_product:
        for inner in site.inner:
            yield inner
            yield from _within(inner, depth + 1)


def _said_by_helpers(site: Site) -> Set[str]:
    """What the helper that a call runs mentions."""
    return traverse.words(site.callee.function) if isinstance(site.callee, FunctionValue) else set()


def _undo(site: Site) -> tuple[str, ...]:
    for entry in site.entries:
        if entry.retains == "process" and "cache_clear" not in entry.undo:
            return tuple(entry.undo)
    size = estimate_of(site.result)
    if size is not None and size.high < _WORTH_GIVING_BACK:
        return ()
    return ("torch.cuda.empty_cache",) if _on_device(site) else ()


def _on_device(site: Site) -> bool:
    if not site.name.startswith("torch."):
        return False
    if site.name == "torch.Tensor.cuda":
        return True
    device = site.args.get("device", Value())
    text = device.value if isinstance(device, Literal) else None
    makes = any(entry.makes is not None for entry in site.entries)
    return makes and isinstance(text, str) and text.startswith("cuda")


def _goes_with_its_last_name(made: Site, ctx: Context) -> bool:
    """Whether a Keras model is gone with the last reference to it, because nothing here runs a graph of TensorFlow 1.

    Its own module says so, or what runs around the tests of a suite; eager execution is off for the whole process.

    Measured, resident memory that each dropped model of 8.4 MB left: Keras 2.15 in eager mode nothing after it was
    built or asked (``fit`` left 29 MB, with ``clear_session`` as without); with eager execution off 18 MB after
    ``predict`` and 55 MB after ``fit``, and less than 2 MB with ``clear_session``. Keras 3.15 left a kilobyte of names.
    """
    if "keras" not in made.name:
        return False
    if any(
        _is_said_around(word, module, ctx) for word in _OF_GRAPHS for module in ctx.project.mentioning(word)
    ):
        return False
    return not any(
        module.linted and (_is_said_around(word, module, ctx) or word in said_at_import(ctx.suite, module))
        for word in _OF_THE_PROCESS
        for module in ctx.project.mentioning(word)
    )


def _is_said_around(word: str, module: Module, ctx: Context) -> bool:
    """Whether the test says a word, or what runs around the tests of its module."""
    if module is not ctx.module and module not in ctx.suite.conftests(ctx.module):
        return False
    bodies = (
        body
        for body in ctx.suite.of(module).bodies
        if body is ctx.body or body.role not in {"test", "method"}
    )
    return any(
        traverse.says(body.function, word)
        and not (word in _IN_EITHER and _IN_SESSIONS.isdisjoint(traverse.words(body.function)))
        for body in bodies
    )


def _draft(site: Site, made: Site, undo: set[str], goes: bool) -> Draft:
    if "empty_cache" in undo:
        message = (
            "device memory stays with torch's caching allocator: no torch.cuda.empty_cache() gives it back"
        )
        advice = "Call torch.cuda.empty_cache() in an autouse fixture, after the yield."
    else:
        call = sorted(undo)[0]
        message = f"{made.name} stays in the framework's global state, and no {call}() clears it"
        advice = f"Call {call}() in an autouse fixture, after the yield."
    size = estimate_of(made.result)
    # the next test is served from what the allocator keeps
    sure = "empty_cache" not in undo and not goes
    return Draft("MEM604", site.at, message, advice, None if sure else Confidence.LOW, size)


def _cleared(body: Body, words: set[str], ctx: Context) -> bool:
    """Whether the body, a fixture in reach, a tear-down or a hook mentions what clears the state."""
    return any(not words.isdisjoint(traverse.words(other.function)) for other in _in_reach(body, ctx))


def _in_reach(body: Body, ctx: Context) -> Iterator[Body]:
    suite = ctx.suite
    yield body
    yield from (fixture.body for fixture in suite.autouse(body.module, body.owner))
    yield from (fixture.body for fixture in suite.requested(body))
    if body.owner is not None:
        for cls in suite.evaluator.mro(body.owner):
            own = (b for b in suite.of(cls.module).bodies if b.owner is not None and b.owner.cls is cls.cls)
            yield from (b for b in own if b.role in {"setup", "teardown"})
    for module in [body.module, *suite.conftests(body.module)]:
        own_bodies = suite.of(module).bodies
        yield from (b for b in own_bodies if b.owner is None and b.role in {"setup", "teardown", "hook"})


def _speaks_of(ctx: Context, modules: tuple[str, ...]) -> bool:
    mentions = ctx.module.facts.mentions
    return any(name in mentions for name in modules)


@rule("MEM604")
def models_made_in_loop(body: Body, ctx: Context) -> Iterator[Draft]:
    """A Keras model in every round of a loop: the framework's global state keeps them all until it is cleared."""
    if body.role not in {"test", "helper", "method", "fixture", "setup"}:
        return
    if not traverse.says(ctx.module.facts, "get_weights") or _cleared(body, {"clear_session"}, ctx):
        return
    for loop, _ in traverse.statements(f.body_of(body.function)):
        if not isinstance(loop, f.For):
            continue
        models = _asked_for_weights(loop.body, body, ctx)
        for statement, _ in traverse.statements(loop.body):
            if not isinstance(statement, f.Assign) or not isinstance(statement.value, f.Call):
                continue
            given = [arg.value for arg in statement.value.args]  # ``model = prune(model)`` makes no other one
            targets = [x.path for x in statement.targets if isinstance(x, f.Name) and x not in given]
            if not models.isdisjoint(targets):
                message = "every round makes another Keras model, and no clear_session() drops it from the global state"
                advice = "Call tf.keras.backend.clear_session() after each round, or in an autouse fixture."
                yield Draft("MEM604", statement.value.at, message, advice)
                return


def _asked_for_weights(block: tuple[f.Stmt, ...], body: Body, ctx: Context) -> set[str]:
    """Names whose weights are asked for, here or by a function of the module that they are given to."""
    found = {
        name.removesuffix(".get_weights") for name in traverse.names(block) if name.endswith(".get_weights")
    }
    own = {
        b.function.name for b in ctx.suite.of(body.module).bodies if traverse.says(b.function, "get_weights")
    }
    for node, _, _ in traverse.calls(block):
        if isinstance(node.func, f.Name) and node.func.path in own:
            found |= {arg.value.path for arg in node.args if isinstance(arg.value, f.Name)}
    return found


# --- graphs -----------------------------------------------------------------------------------------------


@rule("MEM604")
def forward_passes_kept(body: Body, ctx: Context) -> Iterator[Draft]:
    """Outputs of several forward passes kept at once, each with the graph that its gradient needs."""
    if body.role not in {"test", "helper", "fixture", "setup"} or not _speaks_of(ctx, ("torch",)):
        return
    words = traverse.words(body.function)
    if not words.isdisjoint(_NEEDS_GRAPH) or not words.isdisjoint(_WITHOUT_GRAPH) or _decorated(body):
        return
    if _cleared(body, set(_WITHOUT_GRAPH), ctx) or "set_grad_enabled" in traverse.words(ctx.module.facts):
        return
    frame = ctx.suite.evaluate(body)
    block = f.body_of(body.function)
    models = _models(block, frame, ctx)
    for at in _kept(block, models, frame, ctx):
        yield Draft(
            "MEM604",
            at,
            "the outputs of several forward passes are kept, each with all its activations for a gradient",
            "Run them under torch.inference_mode(), or keep what is needed: .detach(), .item().",
        )
        return


def _decorated(body: Body) -> bool:
    owners = body.owner.cls.decorators if body.owner is not None else ()
    named = (
        node.path
        for d, _ in [*body.function.decorators, *owners]
        for node in traverse.walk(d)
        if isinstance(node, f.Name)
    )
    return any(name.rpartition(".")[2] in _WITHOUT_GRAPH for name in named)


def _models(block: tuple[f.Stmt, ...], frame: Frame, ctx: Context) -> set[str]:
    """Names that hold a torch module."""
    found: set[str] = set()
    for statement, _ in traverse.statements(block):
        if (
            isinstance(statement, f.Assign)
            and statement.value is not None
            and _is_module(statement.value, frame, ctx)
        ):
            found.update(target.path for target in statement.targets if isinstance(target, f.Name))
    return found


def _is_module(node: f.Expr, frame: Frame, ctx: Context) -> bool:
    """Whether an expression makes a torch module: ``nn.Linear(…)``, ``Net().eval()``."""
    if not isinstance(node, f.Call):
        return False
    if isinstance(node.func, f.Attr):
        return node.func.attr in _SAME_MODULE and _is_module(node.func.base, frame, ctx)
    value = ctx.suite.evaluator.quiet_eval(node.func, frame)
    if isinstance(value, Ref):
        last = value.name.rpartition(".")[2]
        return value.name.startswith("torch.nn.") and last[:1].isupper() and not last.endswith("Loss")
    if isinstance(value, ClassValue):
        return any(base.startswith("torch.nn.") for base in ctx.suite.evaluator.external_bases(value))
    return False


def _kept(block: tuple[f.Stmt, ...], models: set[str], frame: Frame, ctx: Context) -> Iterator[f.Span]:
    counts = {growth.at: growth.count for growth in frame.growths}
    for statement, enclosing in traverse.statements(block):
        in_loop = any(isinstance(outer, (f.For, f.While)) for outer in enclosing)
        for expression in traverse.own_expressions(statement):
            for node in traverse.walk(expression):
                if isinstance(node, f.Comp) and node.kind == "list" and _forward(node.element, models):
                    result = next((site.receiver for site in frame.sites if site.at == node.at), None)
                    length = getattr(result, "length", None)
                    if length is None or length.high >= _LEAST_PASSES:
                        yield node.at
                elif isinstance(node, f.Call) and in_loop and _appends(node, models):
                    count = counts.get(node.at)
                    if count is None or count.high >= _LEAST_PASSES:
                        yield node.at


def _forward(node: f.Expr, models: set[str]) -> bool:
    return isinstance(node, f.Call) and isinstance(node.func, f.Name) and node.func.path in models


def _appends(node: f.Call, models: set[str]) -> bool:
    if not isinstance(node.func, f.Name) or not node.func.path.endswith(".append"):
        return False
    return bool(node.args) and _forward(node.args[0].value, models)
