"""What is replaced by a fake while a body runs: by its decorators, its fixtures and the set-up of its class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from memlint import facts as f
from memlint.analysis.sites import Frame
from memlint.analysis.traverse import says, statements
from memlint.analysis.values import UNKNOWN, ModuleValue, Sequence, Value, text_of

if TYPE_CHECKING:
    from memlint.analysis.suite import Body, Suite

_OPTIONS = frozenset({"clear", "values", "in_dict", "raising"})
_STARTING = ("start", "enterContext", "enter_context", "enterClassContext", "setattr")


def leaves_fakes(function: f.Function) -> bool:
    """Whether what a helper puts in place is there after it: ``self.patch("paramiko.SSHClient")``, in no ``with``."""
    around = any(isinstance(statement, f.With) for statement, _ in statements(f.body_of(function)))
    return not function.yields and not around and not function.decorators


def modules_replaced(call: f.Call, given: Value) -> set[str]:
    """The modules that ``patch.dict("sys.modules", {"docker": fake})`` or ``setitem(sys.modules, "docker", fake)``
    puts fakes in place of; ``given`` is what its second argument is.
    """
    keys = given.keys or () if isinstance(given, Sequence) else (given,)
    named = {text_of(key) for key in keys} | {arg.keyword for arg in call.args}
    return {name for name in named if name and name not in _OPTIONS}


def names_replaced(body: Body, suite: Suite) -> set[str]:
    """The names that are fakes wherever the body runs."""
    decorators = [decorator for decorator, _ in body.function.decorators]
    if body.owner is not None:
        decorators += [decorator for decorator, _ in body.owner.cls.decorators]
    out: set[str] = set()
    for decorator in decorators:
        out |= _named_by(decorator, body, suite)
    for other in _patching_before(body, suite):
        out |= suite.evaluate(other).mocked
    return {_at_home(fake, body, suite) for fake in out}


def _at_home(fake: str, body: Body, suite: Suite) -> str:
    """``tests.test_plots.plots.plt`` as ``shop.plots.plt``, where the test module imports ``plots`` from there."""
    own = f"{body.module.name}."
    inside = f".{fake}".partition(f".{own}")[2]
    first, _, rest = inside.partition(".")
    found = suite.evaluator.quiet_eval(f.Name(first), Frame(body.module, "")) if rest else None
    return f"{found.module.name}.{rest}" if isinstance(found, ModuleValue) else fake


def _named_by(decorator: f.Expr, body: Body, suite: Suite) -> set[str]:
    """``@mock.patch("socket.socket")``, ``@patch.object(subprocess, "Popen")``, ``@patch(TARGET)``."""
    if not (isinstance(decorator, f.Call) and isinstance(decorator.func, f.Name)):
        return set()
    if "patch" not in decorator.func.path or not decorator.args:
        return set()
    first, second = (*(arg.value for arg in decorator.args[:2]), None)[:2]
    if first in (f.Text("sys.modules", len("sys.modules")), f.Name("sys.modules")):
        around = body.within or Frame(body.module, "", where="decorator")
        return modules_replaced(
            decorator, suite.evaluator.quiet_eval(second, around) if second is not None else UNKNOWN
        )
    if isinstance(first, f.Text):
        return {first.value}
    if isinstance(first, f.Name) and isinstance(second, f.Text):
        return {f"{first.path}.{second.value}"}
    if not isinstance(first, (f.Name, f.Binary, f.FString, f.Call)):
        return set()
    around = body.within or Frame(body.module, "", where="decorator")
    text = text_of(suite.evaluator.quiet_eval(first, around))  # ``"%s.open" % __name__``, a constant
    return {text} if text else set()


def _patching_before(body: Body, suite: Suite) -> Iterator[Body]:
    """The fixtures, and set-up methods of its class, that run before the body and put fakes in place."""
    if body.role in {"test", "fixture"}:
        for fixture in (*suite.requested(body), *suite.autouse(body.module, body.owner)):
            if fixture.body is not body and "patch" in fixture.body.function.mentions:
                yield fixture.body
    if body.role not in {"test", "method"} or body.owner is None:
        return
    for cls in suite.evaluator.mro(body.owner):
        for other in suite.of(cls.module).bodies:
            own = other.owner is not None and other.owner.cls is cls.cls
            if own and other.role == "setup" and _starts_patches(other.function):
                yield other


def _starts_patches(function: f.Function) -> bool:
    if "patch" in function.mentions and any(says(function, name) for name in _STARTING):
        return True
    targets = (
        target.path.partition(".")
        for statement, _ in statements(f.body_of(function))
        if isinstance(statement, f.Assign)
        for target in statement.targets
        if isinstance(target, f.Name)
    )
    return any(dot and root not in {"self", "cls"} for root, dot, _ in targets)  # ``smtplib.SMTP = FakeSMTP``
