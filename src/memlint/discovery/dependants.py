"""Where the tests lie that a conftest.py or a helper module may change the meaning of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from memlint.config import Settings
from memlint.discovery.roles import TEST_FOLDER, Role, role_of


def dependants_of(paths: Iterable[str], settings: Settings) -> tuple[str, ...]:
    """Return the folders to check beside ``paths`` (files, relative to the working directory).

    A conftest.py holds for its folder; other test support for the outermost test folder around it.
    """
    folders = []
    for path in map(PurePosixPath, paths):
        role = role_of(str(path), settings)
        if role is Role.CONFTEST:
            folders.append(str(path.parent))
        elif role is Role.SUPPORT:
            around = [folder for folder in path.parents if TEST_FOLDER.fullmatch(folder.name)]
            folders.append(str(around[-1] if around else path.parent))
    return tuple(dict.fromkeys(folders))
