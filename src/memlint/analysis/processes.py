"""Which functions a process of their own runs, whose end gives back all that they leave."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis.expectations import last_name
from memlint.analysis.sites import Frame
from memlint.analysis.suite import Body, Suite
from memlint.analysis.traverse import calls, nested_functions, says, walk
from memlint.analysis.types import type_name
from memlint.analysis.values import ClassValue, FunctionValue

_STARTING = re.compile(r"(?i)spawn|process|fork|distributed|launch|multi_?proc|mpi_?run")
_RANKS = frozenset({"rank", "local_rank", "world_size"})  # what a launcher numbers its processes by
_HANDING_OUT = frozenset(
    {"submit", "map", "apply", "apply_async", "map_async", "imap", "imap_unordered", "starmap"}
)
_SENDING = frozenset({"run_in_pyodide", "run_in_subprocess", "isolated_process"})  # decorators
_SENDING_MARKS = frozenset({"subprocess", "run_in_subprocess", "isolated_process", "in_subprocess", "forked"})
# test cases of torch, each of whose tests runs in processes of its own
_IN_PROCESSES = ("MultiProcessTestCase", "DistributedTestBase", "MultiProcContinuousTest")
_MOST_STEPS = 3  # from a helper up to the function that the process starts with


def runs_elsewhere(body: Body, suite: Suite, steps: int = _MOST_STEPS) -> bool:
    """``Process(target=work)``, ``spawn(work)``, ``def work(rank, world_size)``, and what only these call."""
    if body.role == "test" and any(mark.name in _SENDING_MARKS for mark in suite.marks(body)):
        return True  # pytest-forked, and projects' own
    decorators = [decorator for decorator, _ in body.function.decorators]
    if any(_sends_away(one) or _gives_its_name_away(one, body, suite) for one in decorators):
        return True
    if body.owner is not None and _tests_in_processes(body.owner, suite):
        return True
    if body.role not in {"helper", "method"} and not (body.role == "test" and body.owner is None):
        return False
    function = body.function
    if body.role == "helper" and any(param.name in _RANKS for param in function.params):
        return True
    names = _called_by(body)
    callers: list[Body] = []
    for other in _mentioning(body, suite):
        for node, _, _ in calls(f.body_of(other.function)):
            if _starts_with(node, names) or _is_task_of_processes(node, names, other, suite):
                return True
            if node.func in names:
                callers.append(other)
    return bool(callers) and steps > 1 and all(runs_elsewhere(other, suite, steps - 1) for other in callers)


def _called_by(body: Body) -> tuple[f.Name, ...]:
    """How its own module, or a method of its class, spells a function."""
    name = body.function.name
    holders = ("self", "cls", body.owner.cls.name) if body.owner is not None else ()
    return tuple(f.Name(f"{holder}.{name}") for holder in holders) or (f.Name(name),)


def _sends_away(decorator: f.Expr) -> bool:
    """``@run_in_pyodide``, of a browser; ``@isolated.decorate``, of PyInstaller's child processes."""
    called = decorator.func if isinstance(decorator, f.Call) else decorator
    return last_name(called) in _SENDING or called == f.Name("isolated.decorate")


def _gives_its_name_away(decorator: f.Expr, body: Body, suite: Suite) -> bool:
    """``@run_with_workers(2)``, a decorator of the project that does not call what it decorates, and tells a launcher
    where to find it: ``launch(config, start)(func.__module__, func.__name__)``.
    """
    called = decorator.func if isinstance(decorator, f.Call) else decorator
    evaluator = suite.evaluator
    if not isinstance(called, f.Name) or called.path.startswith("pytest."):
        return False
    with evaluator.project.following_product():
        value = evaluator.quiet_eval(called, Frame(body.module, "", where="decorator"))
    if not isinstance(value, FunctionValue) or not says(value.function, "__module__"):
        return False
    made = [node for node, _, _ in calls(f.body_of(value.function))]
    taken = {
        param.name
        for one in (value.function, *nested_functions(f.body_of(value.function)))
        for param in one.params
    }
    return any(
        {f"{name}.__module__", f"{name}.__name__"} <= set(_names_given(made))
        and not any(node.func == f.Name(name) for node in made)
        for name in taken
    )


def _names_given(made: list[f.Call]) -> Iterator[str]:
    return (arg.value.path for node in made for arg in node.args if isinstance(arg.value, f.Name))


def _tests_in_processes(owner: ClassValue, suite: Suite) -> bool:
    """Whether a test case is one of torch's that run each test in new processes, or a project's copy of them."""
    evaluator = suite.evaluator
    with evaluator.project.following_product():
        names = [*evaluator.external_bases(owner), *(cls.cls.name for cls in evaluator.mro(owner))]
    return any(name.endswith(_IN_PROCESSES) for name in names)


def _is_task_of_processes(node: f.Call, names: tuple[f.Name, ...], body: Body, suite: Suite) -> bool:
    """``pool.submit(work, queue)``, of a pool of processes."""
    path = node.func.path if isinstance(node.func, f.Name) else f".{getattr(node.func, 'attr', '')}"
    holder, _, method = path.rpartition(".")
    given = [arg.value.path if isinstance(arg.value, f.Name) else "" for arg in node.args[:2]]
    if method == "run_in_executor" and len(given) > 1:
        holder, given = given[0], given[1:]
    elif method not in _HANDING_OUT:
        return False
    if not any(name.path in given[:1] for name in names):
        return False
    pool = type_name(suite.evaluator.quiet_eval(f.Name(holder), suite.evaluate(body))) or ""
    return "ProcessPool" in pool or pool == "multiprocessing.pool.Pool" or holder in _process_pools(body)


def _process_pools(body: Body) -> set[str]:
    """Names that a body, or a function nested in it, gives to pools of processes."""
    out: set[str] = set()
    for node, statement, _ in calls(f.body_of(body.function)):
        if last_name(node.func) == "ProcessPoolExecutor":
            bound = statement.items if isinstance(statement, f.With) else ()
            targets = (
                statement.targets if isinstance(statement, f.Assign) else [target for _, target in bound]
            )
            out.update(target.path for target in targets if isinstance(target, f.Name))
    return out


def _mentioning(body: Body, suite: Suite) -> list[Body]:
    name = body.function.name
    return [
        other
        for module in suite.project.mentioning(name)
        for other in suite.of(module).bodies
        if other is not body and says(other.function, name)
    ]


def _starts_with(node: f.Call, names: tuple[f.Name, ...]) -> bool:
    """Whether a call that starts processes is given the function, bare or in ``partial(work, queue)``."""
    path = node.func.path if isinstance(node.func, f.Name) else getattr(node.func, "attr", "")
    if not _STARTING.search(path.rpartition(".")[2]):
        return False
    return any(part in names for arg in node.args for part in walk(arg.value))
