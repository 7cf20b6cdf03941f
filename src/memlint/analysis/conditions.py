"""Conditions of skips that are known beforehand: a machine's word, a library's release, what a run has to ask for."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.expectations import last_name, skips
from memlint.analysis.narrowing import asks_for_python
from memlint.analysis.sites import Frame
from memlint.analysis.traverse import calls, names, statements
from memlint.analysis.values import FunctionValue, Literal, Num, Ref
from memlint.analysis.versions import released

_LARGEST_INDEX = 2**63 - 1  # sys.maxsize where memory is worth a word: 64-bit builds
_SKIPPING_WHERE = {"skipif": True, "skipIf": True, "skipUnless": False}
_COMPARING: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


# test.support's, and transformers.testing_utils'
_ALWAYS_SKIPPING = frozenset({"bigaddrspacetest", "tooslow"})


def skips_everywhere(decorators: Iterable[f.Expr], evaluator: Evaluator, frame: Frame) -> bool:
    """``skipUnless(sys.maxsize == 2**31 - 1, …)``, ``@bigmemtest(size, memuse, dry_run=False)``.

    And ``@bigaddrspacetest``, of test.support too, which fills the addresses of a 32-bit build.
    """
    return any(
        _skips(d, evaluator, frame) or _gives_a_skip(d, evaluator, frame)
        if isinstance(d, f.Call)
        else last_name(d) in _ALWAYS_SKIPPING
        for d in decorators
    )


def _gives_a_skip(call: f.Call, evaluator: Evaluator, frame: Frame) -> bool:
    """``@not_here()``, of a function that says no more than ``return pytest.mark.skipif(True)``."""
    made = evaluator.quiet_eval(call.func, frame)
    if not isinstance(made, FunctionValue):
        return False
    body = f.body_of(made.function)
    last = body[-1] if body else None
    given = last.value if len(body) <= len("xy") and isinstance(last, f.Return) else None
    home = Frame(made.module, "", where="decorator")
    return isinstance(given, f.Call) and (last_name(given.func) == "skip" or _skips(given, evaluator, home))


def is_unused(function: f.Function, outer: f.Function | None) -> bool:
    """Whether a nested function is defined, and nothing in the function around it names it."""
    if outer is None or function.decorators or function.name.startswith("__"):
        return False
    block = f.body_of(outer)
    in_class = any(isinstance(statement, f.ClassDef) for statement, _ in statements(block))
    said = {path.partition(".")[0] for path in names(block)}
    return not in_class and function.name not in said and not {"locals", "globals", "exec", "eval"} & said


def is_off(name: str, function: f.Function, evaluator: Evaluator, frame: Frame) -> bool:
    """Whether every call of a function stands under ``if SHOW:``, where the module says ``SHOW = False``."""
    block = f.body_of(function)
    off = {
        id(node)
        for statement, _ in statements(block)
        if isinstance(statement, f.If)
        and isinstance(statement.test, f.Name)
        and evaluator.quiet_eval(statement.test, frame) == Literal(False)
        for node, _, _ in calls(statement.body)
    }
    called = [id(node) for node, _, _ in calls(block) if last_name(node.func) == name]
    return bool(called) and off.issuperset(called)


def skips_itself(function: f.Function, evaluator: Evaluator, frame: Frame) -> bool:
    """``if Version(tf.__version__) >= Version("2.5"): pytest.skip()`` at the top of a test."""
    return any(
        skips(statement.body) and holds(statement.test, evaluator, frame) is True
        for statement in f.body_of(function)
        if isinstance(statement, f.If)
    )


def _skips(call: f.Call, evaluator: Evaluator, frame: Frame) -> bool:
    name = call.func.path.rpartition(".")[2] if isinstance(call.func, f.Name) else ""
    if name == "bigmemtest":
        # test.support: without a dry run it is skipped unless the run promises it the memory (regrtest -M)
        return f.Arg(f.Const(False), "dry_run") in call.args
    when = _SKIPPING_WHERE.get(name)
    if when is None or not call.args:
        return False
    return holds(call.args[0].value, evaluator, frame) is when


def holds(test: f.Expr, evaluator: Evaluator, frame: Frame) -> bool | None:
    """Whether a condition is true on a 64-bit machine with current libraries; None where it depends on more."""
    if isinstance(test, f.Unary) and test.op == "not":
        inner = holds(test.value, evaluator, frame)
        return None if inner is None else not inner
    if isinstance(test, f.BoolOp):
        decided = test.op == "or"  # one side that is true decides
        sides = {holds(test.left, evaluator, frame), holds(test.right, evaluator, frame)}
        if decided in sides:
            return decided
        return None if None in sides else not decided
    if isinstance(test, f.Const) and isinstance(test.value, bool):
        return test.value
    if not isinstance(test, f.Compare) or len(test.rest) != 1:
        return None
    if asks_for_python(test):
        said = evaluator.quiet_eval(test, frame)
        return bool(said.value) if isinstance(said, Literal) else None
    by_release = released(test, evaluator, frame)
    if by_release is not None:
        return by_release
    (op, right), left = test.rest[0], test.left
    first, second = (_number(side, evaluator, frame) for side in (left, right))
    speaks_of_it = any(_is_word(side, evaluator, frame) for side in (left, right))
    compare = _COMPARING.get(op)
    if compare is None or not speaks_of_it or first is None or second is None:
        return None
    return compare(first, second)


def _is_word(node: f.Expr, evaluator: Evaluator, frame: Frame) -> bool:
    return isinstance(node, f.Name) and evaluator.quiet_eval(node, frame) == Ref("sys.maxsize")


def _number(node: f.Expr, evaluator: Evaluator, frame: Frame) -> float | None:
    if _is_word(node, evaluator, frame):
        return _LARGEST_INDEX
    value = evaluator.quiet_eval(node, frame)
    return value.low if isinstance(value, Num) and value.exact else None
