"""A hash of memlint itself: its code and its rule book, and the rule folders of the user.

What memlint keeps between runs holds as long as this stays the same. Contents count, not times: a CI job that
restores the cache has installed memlint anew.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from memlint.knowledge.locate import rules_dir

_CODE = ("**/*.py",)
_RULES = (
    "*.toml",
    "*/*.toml",
)  # as deep as rule folders are read: one may be "/", and name the whole machine


@lru_cache(maxsize=4)
def fingerprint(extra_rules: tuple[Path, ...] = ()) -> str:
    """The hash of all that makes results out of files: code, rules, the Python that runs them."""
    total = hashlib.blake2b(f"{sys.platform} {sys.version}".encode(), digest_size=16)
    rules = [(folder, _RULES) for folder in (rules_dir(), *extra_rules)]
    for folder, patterns in ((Path(__file__).parent, _CODE), *rules):
        for path in _sources(folder, patterns):
            total.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def _sources(folder: Path, patterns: Iterable[str]) -> Iterable[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
