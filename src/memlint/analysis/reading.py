"""Output of a child that is read to its end: by then the child has ended, though nobody has waited for it yet."""

from __future__ import annotations

from collections.abc import Iterator

from memlint import facts as f
from memlint.analysis.expectations import last_name, last_part
from memlint.analysis.obligations import Mask, Obligation

_OUTPUTS = frozenset({"stdout", "stderr"})
_WHOLLY = frozenset({"read", "readlines"})
_CONSUMING = frozenset({"list", "tuple", "set", "frozenset", "sorted", "dict", "sum", "join", "Counter"})
_PASSING_ON = frozenset({"enumerate", "map", "filter", "reversed", "zip", "iter"})
_WAITING = "wait"


def released_by_reading(obligation: Obligation, method: str, node: f.Call) -> Mask:
    """Groups that ``out = process.stdout.read()`` or ``child.expect(pexpect.EOF)`` discharges."""
    name, last = obligation.resource.name, method.rpartition(".")[2]
    if last in {"expect", "expect_exact"} and name.startswith("pexpect"):
        at_end = any(last_name(arg.value) == "EOF" for arg in node.args[:1])
        return obligation.full if at_end else 0  # its object reaps it
    pipe = method.rpartition(".")[0].rpartition(".")[2]
    return ended_by(obligation) if pipe in _OUTPUTS and last in _WHOLLY and not node.args else 0


def process_of(pipe: str) -> str:
    """``process`` of ``process.stdout``; "" of any other name."""
    holder, _, name = pipe.rpartition(".")
    return holder if name in _OUTPUTS else ""


def ended_by(obligation: Obligation) -> Mask:
    """Groups that no longer matter once a process has ended by itself: all but the waiting for it."""
    name, groups = obligation.resource.name, enumerate(obligation.resource.release)
    if name.startswith("asyncio.subprocess."):
        return obligation.full  # the loop reaps it
    if not name.startswith("subprocess."):
        return 0
    return sum(1 << number for number, group in groups if group[0] != _WAITING)


def pipes_read_in(node: f.Expr) -> Iterator[str]:
    """Names of what iterating over an expression reads: ``process.stdout``, ``iter(process.stdout.readline, b"")``."""
    if isinstance(node, f.Name):
        yield node.path
    elif isinstance(node, f.Call) and last_name(node.func) in _PASSING_ON:
        for arg in node.args:
            path = arg.value.path if isinstance(arg.value, f.Name) else ""
            yield from pipes_read_in(f.Name(path.removesuffix(".readline")) if path else arg.value)


def pipes_consumed_by(node: f.Call) -> Iterator[str]:
    """``list(process.stdout)``, ``"".join(process.stdout)``, ``Popen(command, stdin=process.stdout)``."""
    consumes = last_part(node.func) in _CONSUMING
    for arg in node.args:
        if consumes or arg.keyword == "stdin":
            yield from pipes_read_in(arg.value)
