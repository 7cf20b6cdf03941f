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

_SUFFIXES = (".py", ".toml")


@lru_cache(maxsize=4)
def fingerprint(extra_rules: tuple[Path, ...] = ()) -> str:
    """The hash of all that makes results out of files: code, rules, the Python that runs them."""
    total = hashlib.blake2b(f"{sys.platform} {sys.version}".encode(), digest_size=16)
    for folder in (Path(__file__).parent, rules_dir(), *extra_rules):
        for path in _sources(folder):
            total.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def _sources(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
