"""Which files are test code, by name and place."""

from __future__ import annotations

import enum
import fnmatch
import re
from functools import lru_cache
from pathlib import Path, PurePosixPath

from memlint.config import Settings
from memlint.config.schema import DEFAULT_PYTHON_FILES

_ANY = frozenset({"*", "*.py"})  # patterns that say nothing of a file outside the test folders
# names of modules of tests as nose took them, and as other runners are told to
_LIKE_TESTS = re.compile(r"(?:\A|[_.-])[Tt]ests?(?:[_.-]|\Z)|\ATest|Tests?\.py\Z")
TEST_FOLDER = re.compile(r"(?:.*[-_.])?(?:unit)?tests?|testing")


class Role(str, enum.Enum):
    """What part a file plays in the suite."""

    TEST = "test"  # matches python_files
    CONFTEST = "conftest"
    SUPPORT = "support"  # another module in a test folder
    PRODUCT = "product"  # anything else; checked only when it is named


def role_of(path: str, settings: Settings) -> Role:
    """Return the role of the file ``path``, POSIX and relative to the working directory."""
    folder, _, name = path.rpartition("/")
    if name == "conftest.py":
        return Role.CONFTEST
    names, paths = _patterns(settings.python_files)
    if names.fullmatch(name) or any(PurePosixPath(path).match(pattern) for pattern in paths):
        return Role.TEST
    return Role.SUPPORT if _in_test_folder(folder, settings.root, settings.working_dir) else Role.PRODUCT


def may_be_collected(path: str, settings: Settings) -> bool:
    """Whether pytest takes the file ``path`` for tests, or another runner may by its name: ``my_test_x.py``."""
    if not _ANY.isdisjoint(settings.python_files):
        return True
    name = path.rpartition("/")[2]
    return role_of(path, settings) is not Role.SUPPORT or _LIKE_TESTS.search(name) is not None


def ancestor_conftests(path: str) -> list[str]:
    """Return the paths at which a conftest.py would hold for the file ``path``, the outermost first."""
    parents = [str(parent) for parent in PurePosixPath(path).parents]
    return [str(PurePosixPath(parent, "conftest.py")) for parent in reversed(parents)]


@lru_cache(maxsize=8)
def _patterns(python_files: tuple[str, ...]) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """As in pytest, a pattern without a slash is for the name, one with a slash for the path."""
    telling = [pattern for pattern in python_files if pattern not in _ANY]
    names = [fnmatch.translate(pattern) for pattern in telling or DEFAULT_PYTHON_FILES if "/" not in pattern]
    return re.compile("|".join(names) or r"(?!)"), tuple(p for p in python_files if "/" in p)


@lru_cache(maxsize=4096)
def _in_test_folder(folder: str, root: Path, working_dir: Path) -> bool:
    parts = set(folder.split("/"))
    absolute = working_dir / folder
    if absolute.is_relative_to(root):
        parts.update(absolute.relative_to(root).parts)
        if not (root / ".git").exists():
            parts.add(root.name)  # a suite that lies alone, without its project
    return any(TEST_FOLDER.fullmatch(part) for part in parts)
