"""Whether a thread ends by itself, when it is told to, or never."""

from __future__ import annotations

from typing import Literal

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.sites import Site
from memlint.analysis.traverse import calls, statements, walk
from memlint.analysis.values import ClassValue, FunctionValue, Method, Num

Kind = Literal["endless", "told"]
_SERVING = frozenset({"serve_forever", "run_forever", "run"})
_BRIEF = 10  # seconds
_ASKING = frozenset({"is_set", "wait", "isSet"})


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


def told_by(site: Site, evaluator: Evaluator) -> frozenset[str]:
    """What makes a thread end at once when its starter calls it: ``stop.set`` for ``while not stop.is_set()``."""
    target = site.args.get("target")
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
