"""Process groups: a signal to a group reaches a child only where the child leads one."""

from __future__ import annotations

from memlint import facts as f
from memlint.analysis.obligations import Obligation
from memlint.analysis.traverse import statements

_OWN_GROUP = ("start_new_session", "process_group", "preexec_fn")


def leads_a_group(obligation: Obligation) -> bool:
    """Whether a child was given a group of its own, or is none that would have to be."""
    if not obligation.resource.name.startswith("subprocess."):
        return True
    making, called = obligation.via or obligation.site, obligation.site.node
    # ``start(command, start_new_session=True)`` of a helper that hands its options on
    written = called.args if isinstance(called, f.Call) else ()
    given = {*making.args, *(arg.keyword for arg in written)}
    return not given.isdisjoint(_OWN_GROUP) or _asks_for_group(making.frame.function)


def _asks_for_group(function: f.Function | None) -> bool:
    """``options["start_new_session"] = True``, of what is then passed by its name."""
    targets = (
        target
        for statement, _ in (statements(f.body_of(function)) if function is not None else ())
        for target in (statement.targets if isinstance(statement, f.Assign) else ())
    )
    keys = (key for target in targets if isinstance(target, f.Subscript) for key in target.index)
    return any(isinstance(key, f.Text) and key.value in _OWN_GROUP for key in keys)
