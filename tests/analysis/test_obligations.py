"""Obligations on paths: merging, discharging what is owned, and the verdict at the end of a body."""

from __future__ import annotations

import msgspec
import pytest

from memlint.analysis.obligations import KEPT, LATE, Ends, Obligation, State, Verdict, judge, merge
from memlint.analysis.project import Module
from memlint.analysis.sites import Frame, Site
from memlint.analysis.values import UNKNOWN
from memlint.facts import FileFacts, Name, encode
from memlint.knowledge.apis import Resource

PROCESS = Resource(name="a.Process", title="process", rule="MEM401", release=[["kill"], ["wait"]])


def owed(resource: Resource = PROCESS, started: bool = True) -> Obligation:
    frame = Frame(Module(FileFacts("test_a.py", "", 0, 0, msgspec.Raw(encode(()))), "test_a"), "test")
    site = Site(Name("p"), (1, 1, 1, 2), "p", (), {}, UNKNOWN, UNKNOWN, frame, "body", None, None)
    return Obligation(resource, site, site.at, started)


@pytest.mark.parametrize(
    ("normal", "failing", "strict", "verdict"),
    [
        ({0}, None, None, "never"),
        ({3}, None, None, "released"),
        ({1}, None, None, "partial"),
        ({0, 3}, None, None, "unsure"),
        ({3}, {0}, None, "unsure"),
        ({0}, {3}, None, "unsure"),
        ({3}, {3}, {0}, "exposed"),
        ({KEPT}, {0}, None, "kept"),
        ({3 | LATE}, None, None, "late"),
        (None, {0}, None, "never"),
    ],
)
def test_verdicts(
    normal: set[int] | None, failing: set[int] | None, strict: set[int] | None, verdict: Verdict
) -> None:
    obligation = owed()
    states = [
        State({}, {obligation: frozenset(m)}) if m is not None else None for m in (normal, failing, strict)
    ]
    assert judge(obligation, Ends(*states)) == verdict


def test_what_was_never_started_owes_nothing() -> None:
    obligation = owed(started=False)
    assert judge(obligation, Ends(State({}, {obligation: frozenset({0})}), None, None)) == "released"


def test_releasing_the_owner_releases_what_it_owns_once_all_is_done() -> None:
    owner, owned = owed(), owed()
    owned.owner = owner
    state = State({}, {owner: frozenset({0}), owned: frozenset({0})})
    state.discharge(owner, 1)
    assert not state.done(owned)
    state.discharge(owner, 2)
    assert state.done(owned)


def test_a_branch_that_does_not_return_leaves_the_other_as_it_is() -> None:
    obligation = owed()
    state = State({"p": frozenset({obligation})}, {obligation: frozenset({3})})
    assert merge(None, state) is state
    both = merge(state, State({}, {obligation: frozenset({0})}))
    assert both is not None and both.masks[obligation] == {0, 3}
