"""Which files are to be checked: those named, or the suite's own, less what git and the settings exclude."""

from memlint.discovery.dependants import dependants_of
from memlint.discovery.listing import ListError, read_test_list
from memlint.discovery.roles import Role, ancestor_conftests, may_be_collected, role_of
from memlint.discovery.walk import Discovered, SourceFile, discover, is_excluded

__all__ = [
    "Discovered",
    "ListError",
    "Role",
    "SourceFile",
    "ancestor_conftests",
    "dependants_of",
    "discover",
    "is_excluded",
    "may_be_collected",
    "read_test_list",
    "role_of",
]
