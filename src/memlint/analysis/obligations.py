"""Obligations: what has been acquired, and which of its releases have happened on which paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from memlint import facts as f
from memlint.analysis.assumptions import Assumption
from memlint.analysis.sites import Site
from memlint.knowledge.apis import Resource

KEPT = 1 << 20  # it has an owner that nobody here can see: the product, a registry, the caller
LATE = 1 << 21  # released at the very end of the process (atexit)
_IN_TIME = 24  # above it the groups that are discharged in time, of what is also released late
Mask = int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A place of the project that shows why something must be released."""

    path: str
    line: int
    text: str


@dataclass(eq=False, slots=True)
class Obligation:
    """One acquisition. ``full`` is the mask in which every group of releases is discharged."""

    resource: Resource
    site: Site
    at: f.Span
    started: bool  # whether the release is owed from the start
    via: Site | None = None  # the project's factory that acquired it, when the call here is of that factory
    owner: Obligation | None = None  # releasing that one releases this one too (an exit stack, a server)
    parent: Obligation | None = None  # what it was got from, with a release of its own (the session's engine)
    endless: bool = False  # a thread that no join can end
    assumed: set[Assumption] = field(default_factory=set)  # what its being owed rests on, unread
    inferred: bool = (
        False  # that it is a resource is read from the project's own class, or from names that go together
    )
    connected: bool = False  # a method of an object that stays has opened it: ``client.connect()``
    awaited: bool = False  # the coroutine, or the task over it, that acquires it
    told_to_end: bool = False  # a process that somebody has terminated or killed
    read_out: bool = False  # a process of which the output was read to its end
    evidence: tuple[Evidence, ...] = ()  # of what only the project itself tells to be a resource
    skippable: bool = False  # an assertion about something else, or a raise, may come before the release
    closed_pipes: frozenset[str] = frozenset()  # pipes of a process that were closed one by one
    misdirected: bool = False  # a signal went to a process group that it does not lead
    # how a thing without a name is used: "attribute" (``File(x).name``), "call" (``open(x).read()``), "argument", or
    # "dropped" at once
    passing: str = ""

    @property
    def paired(self) -> bool:
        """Whether it is known by the name of its release alone."""
        return self.resource.name.endswith(":pair")

    @property
    def full(self) -> Mask:
        """All groups."""
        return (1 << len(self.resource.release)) - 1


NOTHING: frozenset[Obligation] = frozenset()


@dataclass(slots=True)
class State:
    """What is known at one point of a body: which names may hold what, and what may have been released."""

    names: dict[str, frozenset[Obligation]] = field(default_factory=dict)
    masks: dict[Obligation, frozenset[Mask]] = field(default_factory=dict)

    def copy(self) -> State:
        """An independent copy."""
        return State(dict(self.names), dict(self.masks))

    def without(self, gone: frozenset[Obligation]) -> State:
        """The same where some of what is held cannot be there."""
        return State(dict(self.names), {o: masks for o, masks in self.masks.items() if o not in gone})

    def discharge(self, obligation: Obligation, groups: Mask) -> None:
        """On every path that reaches this point these groups are discharged; with all of them also what it owns."""
        masks = self.masks.get(obligation)
        if masks is None:
            return
        self.masks[obligation] = frozenset(_discharged(mask, groups, obligation.full) for mask in masks)
        if self.done(obligation):
            for other in list(self.masks):
                if other.owner is obligation and not self.done(other):
                    self.discharge(other, other.full)

    def done(self, obligation: Obligation) -> bool:
        """Whether nothing is owed on any path that reaches this point."""
        full = obligation.full
        return all(mask & KEPT or mask & full == full for mask in self.masks.get(obligation, ()))

    def settle(self, obligations: frozenset[Obligation]) -> None:
        """Discharge each of them wholly."""
        for obligation in obligations:
            self.discharge(obligation, obligation.full)

    def keep(self, obligations: frozenset[Obligation]) -> None:
        """Each of them has got an owner that is not analysed here."""
        for obligation in obligations:
            self.discharge(obligation, KEPT)

    def hold(self, name: str, held: frozenset[Obligation]) -> None:
        """A container takes more in."""
        self.names[name] = self.names.get(name, NOTHING) | held

    def holders(self, obligation: Obligation) -> list[str]:
        """The names under which it can be reached."""
        return [name for name, held in self.names.items() if obligation in held]


def merge(a: State | None, b: State | None) -> State | None:
    """What is known when either path may have been taken; None is a path that never arrives."""
    if a is None or b is None:
        return b if a is None else a
    names = dict(a.names)
    for name, held in b.names.items():
        names[name] = names.get(name, NOTHING) | held
    masks = dict(a.masks)
    for obligation, possible in b.masks.items():
        masks[obligation] = masks.get(obligation, frozenset()) | possible
    return State(names, masks)


Verdict = OneOf["released", "kept", "never", "partial", "unsure", "exposed", "late", "unreached"]


@dataclass(frozen=True, slots=True)
class Ends:
    """How a body can end: at its end, by an assertion or raise that is written there, by any call that fails."""

    normal: State | None
    failing: State | None
    strict: State | None

    def masks(self, obligation: Obligation) -> frozenset[Mask]:
        """What may have been discharged when the body ends well."""
        return self.normal.masks.get(obligation, frozenset()) if self.normal is not None else frozenset()

    def states(self) -> list[State]:
        """Those that can be reached."""
        return [state for state in (self.normal, self.failing, self.strict) if state is not None]


def judge(obligation: Obligation, ends: Ends) -> Verdict:
    """What becomes of an obligation, by the states in which the body can end and those in which it can fail."""
    if not obligation.started:
        return "released"
    full, masks = obligation.full, ends.masks(obligation)
    failed = ends.failing.masks.get(obligation, frozenset()) if ends.failing is not None else frozenset()
    done = [mask for mask in masks if _done(mask, full)]
    if not masks and ends.normal is not None:
        return "released"  # where the body ends well, it was never acquired
    if obligation.misdirected and not any(mask & KEPT for mask in masks):
        return "partial"
    if masks and len(done) == len(masks):
        return _well(obligation, ends, masks, failed)
    undone = [mask & full for mask in masks if mask not in done] or [
        mask & full for mask in failed if not _done(mask, full)
    ]
    if not undone:
        return "released"
    if done or any(_done(mask, full) for mask in failed):
        return "unsure"
    return "partial" if any(undone) and full > 1 else "never" if not any(undone) else "unsure"


def _discharged(mask: Mask, groups: Mask, full: Mask) -> Mask:
    """A mask with further groups; what is also released in time is no longer late."""
    if not mask & LATE or groups & LATE:
        return mask | groups
    mask |= groups | groups << _IN_TIME
    return mask & ~LATE if mask >> _IN_TIME & full == full else mask


def _done(mask: Mask, full: Mask) -> bool:
    return bool(mask & KEPT) or mask & full == full


def _well(obligation: Obligation, ends: Ends, masks: frozenset[Mask], failed: frozenset[Mask]) -> Verdict:
    """A body that ends well releases it; what of the other ways out?"""
    if all(mask & LATE for mask in masks):
        return "late"
    if all(mask & KEPT for mask in masks):
        return "kept"
    if any(not _done(mask, obligation.full) for mask in failed):
        return "unsure"
    strict = ends.strict.masks.get(obligation, frozenset()) if ends.strict is not None else frozenset()
    return "exposed" if any(not _done(mask, obligation.full) for mask in strict) else "released"
