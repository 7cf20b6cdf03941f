"""What opens something on its first use: an engine that a session, or an object of the project, may never use."""

from __future__ import annotations

from collections.abc import Iterable

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.obligations import Obligation, State
from memlint.analysis.traverse import words
from memlint.analysis.values import ClassValue, FunctionValue
from memlint.knowledge.apis import ANY_USE
from memlint.knowledge.index import ApiIndex


def opens_when_used(obligation: Obligation) -> bool:
    """Whether it has not been used so far, and opens something once it is."""
    return not obligation.started and ANY_USE in obligation.resource.started_by


def is_part_of(name: str, obligation: Obligation, index: ApiIndex) -> bool:
    """``Session(engine)``, ``sessionmaker(engine)``: a part made over the whole, which opens nothing yet."""
    made = {entry.returns for entry in index.calls.get(name, ()) if entry.returns is not None}
    made |= {
        entry.returns for one in made for entry in index.calls.get(f"{one}.__call__", ()) if entry.returns
    }
    return not made.isdisjoint(obligation.resource.children)


def uses(part: Obligation, method: str) -> bool:
    """Whether a method asks for something: not ``session.get_bind()``, ``client.pubsub()`` or a release."""
    resource = part.resource
    return method not in resource.idle and not any(method in group for group in resource.release)


def use_through_parts(parts: Iterable[Obligation], given: Iterable[Obligation], method: str) -> None:
    """``session.execute(query)``, ``load(session)``: what a session is used for opens its engine."""
    for part in [*(part for part in parts if uses(part, method)), *given]:
        whole = part.parent or part.owner
        if whole is not None and opens_when_used(whole):
            whole.started = True


def may_be_used(
    obligation: Obligation,
    away: Iterable[Obligation],
    states: Iterable[State],
    nested: dict[str, f.Function],
) -> bool:
    """Whether a body gives away what opens on its first use, or a part of it, or a nested function says its name."""
    if any(obligation in {one, one.parent, one.owner} for one in away):
        return True
    held = {
        name.partition(".")[0]
        for state in states
        for name, held in state.names.items()
        if any(obligation in {other, other.parent} for other in held)
    }
    return any(not held.isdisjoint(words(function)) for function in nested.values())


def is_used_by(cls: ClassValue, obligation: Obligation, function: f.Function, evaluator: Evaluator) -> bool:
    """Whether a method that a body calls, or one that this calls, opens something with it."""
    methods = {
        value.function.name: words(value.function)
        for one in reversed(tuple(evaluator.mro(cls)))
        for value in evaluator.class_frame(one).env.values()
        if isinstance(value, FunctionValue)
    }
    reached: set[str] = set()
    found = methods.keys() & (words(function) | {"__init__"})
    while found:
        reached |= found
        found = methods.keys() & set().union(*(methods[name] for name in found)) - reached
    starts = obligation.resource.started_by
    return any(not methods[name].isdisjoint(starts) for name in reached)
