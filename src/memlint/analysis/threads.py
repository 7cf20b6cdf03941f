"""Whether a thread ends by itself, when it is told to, or never."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Literal

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.sites import Site
from memlint.analysis.traverse import calls, statements, walk
from memlint.analysis.values import ClassValue, FunctionValue, Method, Num, Value

Kind = Literal["endless", "told"]
_SERVING = frozenset({"serve_forever", "run_forever", "run"})
_BRIEF = 60  # seconds
_ASKING = frozenset({"is_set", "wait", "isSet"})
_ENDING = re.compile(r"(?:a?close|stop|shut_?down|join|terminate|quit|exit|cancel|kill)(?:_\w+)?\Z")


def kind_of_target(site: Site, evaluator: Evaluator) -> Kind | None:
    """How the target of a thread ends; None when it ends by itself, or nobody can tell."""
    target = site.args.get("target")
    if isinstance(site.callee, ClassValue):
        target = evaluator.class_member(site.callee, "run", None) or target
    if isinstance(target, Method):
        return "told" if target.attr in _SERVING else None
    if not isinstance(target, FunctionValue):
        return None
    for statement, _ in statements(f.body_of(target.function)):
        if isinstance(statement, f.While) and not _leaves(statement):
            if isinstance(statement.test, f.Const) and statement.test.value:
                return "endless"
            if _asks(statement.test):
                return "told"
    return None


def is_told(site: Site, said: Collection[str], evaluator: Evaluator) -> bool:
    """Whether its starter says what ends a thread: ``stop.set()`` for ``while not stop.is_set()``."""
    if _ends_what_it_runs(site.node, said):
        return True
    if isinstance(site.callee, ClassValue):
        return _is_object_told(site, site.callee, said, evaluator)
    told_by = _told_by(site.args.get("target"))
    return not told_by.isdisjoint(said) or not _as_given(told_by, site).isdisjoint(said)


def _as_given(told_by: frozenset[str], site: Site) -> frozenset[str]:
    """``state.done.set`` for ``done.set``, where the thread is started with ``kwargs={"done": state.done}``."""
    target = site.args.get("target")
    if not isinstance(target, FunctionValue) or not isinstance(site.node, f.Call):
        return frozenset()
    given: dict[str, f.Expr] = {}
    for arg in site.node.args:
        if arg.keyword == "kwargs" and isinstance(arg.value, f.Mapping):
            keys = (key.value if isinstance(key, f.Text) else "" for key, _ in arg.value.items)
            given.update(zip(keys, (value for _, value in arg.value.items), strict=True))
        elif arg.keyword == "args" and isinstance(arg.value, f.Seq):
            names = (param.name for param in target.function.params)
            given.update(zip(names, arg.value.items, strict=False))
    parts = (event.rpartition(".") for event in told_by)
    held = ((given.get(name), method) for name, _, method in parts)
    return frozenset(f"{value.path}.{method}" for value, method in held if isinstance(value, f.Name))


def _is_object_told(site: Site, cls: ClassValue, said: Collection[str], evaluator: Evaluator) -> bool:
    """``Reader(channel, done)`` and ``done.set()``, of a class whose ``run`` asks ``self.done.is_set()``."""
    events = {name for name in _told_by(evaluator.class_member(cls, "run", None)) if name.startswith("self.")}
    given = site.node.args if isinstance(site.node, f.Call) else ()
    ends = {f"{arg.value.path}.set" for arg in given if isinstance(arg.value, f.Name)}
    own = tuple(name.removeprefix("self") for name in events)
    return bool(events) and any(name in ends or name.endswith(own) for name in said)


def _told_by(target: Value | None) -> frozenset[str]:
    """What makes a function end at once."""
    if not isinstance(target, FunctionValue):
        return frozenset()
    loops = [s for s, _ in statements(f.body_of(target.function)) if isinstance(s, f.While)]
    if any(_naps(node) for loop in loops for node, _, _ in calls(loop.body)):
        return frozenset()
    asked = (
        node.func.path.rpartition(".")
        for loop in loops
        for node in walk(loop.test)
        if isinstance(node, f.Call) and isinstance(node.func, f.Name)
    )
    return frozenset(f"{event}.set" for event, _, method in asked if method in _ASKING)


def _naps(node: f.Call) -> bool:
    """``time.sleep(5)``: for so long nothing reaches it."""
    if not isinstance(node.func, f.Name) or node.func.path.rpartition(".")[2] != "sleep" or not node.args:
        return False
    seconds = node.args[0].value
    brief = isinstance(seconds, f.Const) and isinstance(seconds.value, (int, float)) and seconds.value < 1
    return not brief


def is_brief(site: Site) -> bool:
    """Whether a timer runs out within seconds."""
    interval = site.args.get("interval")
    return isinstance(interval, Num) and interval.high <= _BRIEF


def _leaves(loop: f.While) -> bool:
    """Whether the loop's body can end the loop."""
    return any(
        isinstance(inner, (f.Return, f.Raise)) or (isinstance(inner, f.Jump) and inner.kind == "break")
        for inner, _ in statements(loop.body)
    )


def _asks(test: f.Expr) -> bool:
    """``not stop.is_set()``, ``not stop.wait(1)``, ``self.running``: somebody else must say so."""
    if isinstance(test, f.Unary):
        test = test.value
    if isinstance(test, f.Name):
        return "." in test.path
    return any(
        isinstance(node, f.Call)
        and isinstance(node.func, f.Name)
        and node.func.path.rpartition(".")[2] in _ASKING
        for node in walk(test)
    )


def _ends_what_it_runs(node: f.Expr, said: Iterable[str]) -> bool:
    """``Thread(target=supervisor.run)`` where the body also says ``supervisor.join_all()``."""
    targets = [arg.value for arg in node.args if arg.keyword == "target"] if isinstance(node, f.Call) else []
    return _are_ended(
        {target.path.rpartition(".")[0] for target in targets if isinstance(target, f.Name)}, said
    )


def ends_what_it_gives(node: f.Expr, said: Iterable[str]) -> bool:
    """``start_thread(conductor.run)`` of a helper that makes the thread, where the body calls ``conductor.stop()``."""
    args = node.args if isinstance(node, f.Call) else ()
    given = [arg.value.path.rpartition(".") for arg in args if isinstance(arg.value, f.Name)]
    return _are_ended({holder for holder, _, method in given if method in _SERVING}, said)


def _are_ended(holders: set[str], said: Iterable[str]) -> bool:
    """Whether a method that ends is called of one of the holders."""
    ending = (name.rpartition(".") for name in said)
    return any(holder in holders - {"", "self"} and _ENDING.match(method) for holder, _, method in ending)


def ends_what_it_serves(node: f.Expr, said: Iterable[str]) -> bool:
    """``Thread(target=server.serve_forever)`` and ``server.shutdown()``, which waits until the serving has ended."""
    targets = [arg.value for arg in node.args if arg.keyword == "target"] if isinstance(node, f.Call) else []
    serving = [target.path.rpartition(".") for target in targets if isinstance(target, f.Name)]
    return any(method == "serve_forever" and f"{server}.shutdown" in said for server, _, method in serving)
