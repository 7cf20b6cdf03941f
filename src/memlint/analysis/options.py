"""Options of pytest's command line that the suite adds itself: a switch that nobody gives is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memlint import facts as f
from memlint.analysis import traverse
from memlint.analysis.project import Project
from memlint.analysis.values import UNKNOWN, Literal, Value, text_of

if TYPE_CHECKING:
    from memlint.analysis.evaluate import Evaluator


def option(evaluator: Evaluator, receiver: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
    """``config.getoption("--plots")``: False, where a conftest adds that as a switch that is off."""
    name = text_of(args[0]) if args else None
    return (
        Literal(False) if name is not None and name.lstrip("-") in _switches(evaluator.project) else UNKNOWN
    )


def _switches(project: Project) -> frozenset[str]:
    """The names of the switches that conftests and plugins of the suite add, as they are given and as they are stored.

    Of the product only what somebody asked for has been read, which must not decide.
    """
    found: set[str] = set()
    for module in project.mentioning("addoption"):
        if module.is_product:
            continue
        for function in traverse.nested_functions(module.body):
            for node, _, _ in traverse.calls(f.body_of(function)):
                last = node.func.path.rpartition(".")[2] if isinstance(node.func, f.Name) else ""
                found |= _names_of(node) if last == "addoption" and _is_off(node) else set()
    return frozenset(found)


def _is_off(node: f.Call) -> bool:
    given = {arg.keyword: arg.value for arg in node.args if arg.keyword}
    action = given.get("action")
    default = given.get("default", f.Const(False))
    return isinstance(action, f.Text) and action.value == "store_true" and default == f.Const(False)


def _names_of(node: f.Call) -> set[str]:
    texts = [arg.value for arg in node.args if arg.keyword in {None, "dest"}]
    names = {text.value.lstrip("-") for text in texts if isinstance(text, f.Text)}
    return names | {name.replace("-", "_") for name in names}
