"""Whether a function of the project is seen to open something, by what it calls."""

from __future__ import annotations

import re

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.traverse import calls, statements
from memlint.analysis.values import ClassValue, FunctionValue, Value

_OPENING = re.compile(
    r"(?i)_*(?:\w+_)?(?:start|launch|spawn|boot|fork|popen|connect|open|listen|serve|bind|mount|attach|deploy|up|run"
    r"|check_call|check_output|urlopen|allocate|alloc|malloc)(?:_\w+)?\Z"
    # a thing that runs or is connected, and no signature, logger or configuration
    r"|_*(?:\w+_)?(?:create|init|initialize)(?:_\w*(?:all|broker|channel|client|cluster|connection|container|database|db"
    r"|engine|group|instance|loop|network|node|pool|process|queue|server|service|session|socket|stack|table|tables|thread"
    r"|topic|worker|workers))?\Z"
)
_FAKING = re.compile(r"(?i)patch|mock")
_MOST_STEPS = 3  # from a function to the one that opens


def opens_something(callee: FunctionValue, evaluator: Evaluator, steps: int = _MOST_STEPS) -> bool:
    """Whether it, or a function of the project that it calls, calls what opens, starts or connects something."""
    for node, _, _ in calls(f.body_of(callee.function)):
        path = node.func.path if isinstance(node.func, f.Name) else getattr(node.func, "attr", "")
        last = path.rpartition(".")[2]
        inner = _of_project(path, callee, evaluator)
        if isinstance(inner, FunctionValue):
            same = inner.function is callee.function
            if not same and steps > 1 and opens_something(inner, evaluator, steps - 1):
                return True
        elif isinstance(inner, ClassValue):
            if steps > 1 and makes_open(inner, evaluator, steps - 1):
                return True
        elif _OPENING.match(last) and not last.startswith("__") and not _FAKING.search(path):
            return True
    return False


def makes_open(cls: ClassValue, evaluator: Evaluator, steps: int = _MOST_STEPS) -> bool:
    """Whether the class opens something as soon as it is made; what a library's base does nobody sees."""
    inits = (evaluator.class_member(cls, name, None) for name in ("__init__", "__post_init__", "__new__"))
    return any(isinstance(init, FunctionValue) and opens_something(init, evaluator, steps) for init in inits)


def returns_something(function: f.Function) -> bool:
    """Whether it gives something to its caller, who may then own that."""
    return any(isinstance(s, f.Return) and s.value is not None for s, _ in statements(f.body_of(function)))


def _of_project(path: str, callee: FunctionValue, evaluator: Evaluator) -> Value | None:
    """The function or class of the project that a name within a function stands for."""
    first, _, rest = path.partition(".")
    if first in {"self", "cls"} and isinstance(callee.owner, ClassValue):
        return evaluator.class_member(callee.owner, rest, None) if rest and "." not in rest else None
    found = evaluator.module_env(callee.module).get(path) if not rest else None
    return evaluator.imported(found) if found is not None else None
