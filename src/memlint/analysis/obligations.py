"""Obligations: what has been acquired, and which of its releases have happened on which paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from memlint import facts as f
from memlint.analysis.sites import Site
from memlint.knowledge.apis import Resource

KEPT = 1 << 20  # it has an owner that nobody here can see: the product, a registry, the caller
LATE = 1 << 21  # released at the very end of the process (atexit)
Mask = int


@dataclass(eq=False, slots=True)
class Obligation:
    """One acquisition. ``full`` is the mask in which every group of releases is discharged."""

    resource: Resource
    site: Site
    at: f.Span
    started: bool  # whether the release is owed from the start
    via: Site | None = None  # the project's factory that acquired it, when the call here is of that factory
    registered: bool = False

    @property
    def full(self) -> Mask:
        """All groups."""
        return (1 << len(self.resource.release)) - 1


@dataclass(slots=True)
class State:
    """What is known at one point of a body: which names may hold what, and what may have been released."""

    names: dict[str, frozenset[Obligation]] = field(default_factory=dict)
    masks: dict[Obligation, frozenset[Mask]] = field(default_factory=dict)

    def copy(self) -> State:
        """An independent copy."""
        return State(dict(self.names), dict(self.masks))

    def discharge(self, obligation: Obligation, groups: Mask) -> None:
        """On every path that reaches this point these groups are discharged."""
        masks = self.masks.get(obligation)
        if masks is not None:
            self.masks[obligation] = frozenset(mask | groups for mask in masks)

    def settle(self, obligations: frozenset[Obligation]) -> None:
        """Discharge each of them wholly."""
        for obligation in obligations:
            self.discharge(obligation, obligation.full)

    def keep(self, obligations: frozenset[Obligation]) -> None:
        """Each of them has got an owner that is not analysed here."""
        for obligation in obligations:
            self.discharge(obligation, KEPT)


def merge(a: State | None, b: State | None) -> State | None:
    """What is known when either path may have been taken; None is a path that never arrives."""
    if a is None or b is None:
        return b if a is None else a
    names = dict(a.names)
    for name, held in b.names.items():
        names[name] = names.get(name, frozenset()) | held
    masks = dict(a.masks)
    for obligation, possible in b.masks.items():
        masks[obligation] = masks.get(obligation, frozenset()) | possible
    return State(names, masks)


Verdict = OneOf["released", "kept", "never", "partial", "unsure", "late"]


def judge(obligation: Obligation, normal: State | None, failing: State | None) -> Verdict:
    """What becomes of an obligation, by the states in which the body can end and those in which it can fail."""
    full = obligation.full
    masks = normal.masks.get(obligation, frozenset()) if normal is not None else frozenset()
    failed = failing.masks.get(obligation, frozenset()) if failing is not None else frozenset()
    if not obligation.started:
        return "released"
    done = [mask for mask in masks if mask & KEPT or mask & full == full]
    if masks and len(done) == len(masks):
        if all(mask & LATE for mask in masks):
            return "late"
        if any(not mask & KEPT and mask & full != full for mask in failed) and not all(mask & KEPT for mask in masks):
            return "unsure"
        return "kept" if all(mask & KEPT for mask in masks) else "released"
    undone = [mask & full for mask in masks if mask not in done] or [mask & full for mask in failed]
    if not undone:
        return "released"
    if done:
        return "unsure"
    return "partial" if any(undone) and full > 1 else "never" if not any(undone) else "unsure"
