"""Tests whose files are those of a file system in memory: pyfakefs."""

from __future__ import annotations

from memlint.analysis.expectations import last_name
from memlint.analysis.suite import Body
from memlint.analysis.traverse import says
from memlint.rules.context import Context

_SETTING_UP = "setUpPyfakefs"
_DECORATOR = "patchfs"
# of its plugin, unless the suite has one of that name
_FIXTURES = ("fs", "fs_class", "fs_module", "fs_session")


def has_fake_files(body: Body | None, ctx: Context) -> bool:
    """Whether pyfakefs stands in for the file system while a body runs, at least for a part of it."""
    if body is None:
        return False
    function = body.function
    if says(function, _SETTING_UP) or any(last_name(d) == _DECORATOR for d, _ in function.decorators):
        return True
    params = {param.name for param in function.params if param.default is None}
    for name in _FIXTURES:
        if name in params and ctx.suite.fixture(name, body.module, body.owner) is None:
            return True
    if body.owner is None:
        return False
    return any(says(method.function, _SETTING_UP) for method in ctx.lifetimes.teardowns.methods(body.owner))
