"""What git ignores, by ``info/exclude`` and the ``.gitignore`` files from the checkout's root down."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from memlint.config import lenient


@dataclass(frozen=True, slots=True)
class Ignores:
    """The patterns of one folder, and those of the folders above it, which they override."""

    base: str  # POSIX path of the folder, with "/" at its end
    spec: GitIgnoreSpec
    above: Ignores | None = None


def is_ignored(ignores: Ignores | None, path: str) -> bool:
    """Whether the absolute POSIX ``path`` is ignored; that of a folder ends in ``/``."""
    while ignores is not None:
        verdict: bool | None = ignores.spec.check_file(path[len(ignores.base) :]).include
        if verdict is not None:
            return verdict
        ignores = ignores.above
    return False


def descend(ignores: Ignores | None, folder: str) -> Ignores | None:
    """Return ``ignores`` with the patterns of ``folder``'s own ``.gitignore`` on top, if it has one."""
    return _with_file(ignores, folder, Path(folder, ".gitignore"))


def ignores_above(folder: Path, root: Path) -> Ignores | None:
    """Return what the files above ``folder`` say, from the checkout it lies in down, else from ``root``."""
    top = next((above for above in (folder, *folder.parents) if (above / ".git").exists()), None)
    if top is None:
        top = root if root in folder.parents else folder
    ignores = None
    if exclude := _info_exclude(top):
        ignores = _with_file(None, str(top), exclude)
    for above in reversed((folder, *folder.parents)):
        if top in (above, *above.parents) and above != folder:
            ignores = descend(ignores, str(above))
    return ignores


def _with_file(ignores: Ignores | None, folder: str, path: Path) -> Ignores | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:  # there is none, or it is no file: git takes both as empty
        return ignores
    base = folder.replace(os.sep, "/").rstrip("/") + "/"
    return Ignores(base, lenient(lines), ignores)


def _info_exclude(top: Path) -> Path | None:
    """``info/exclude`` of the repository; a worktree's ``.git`` is a file that points to it."""
    git = top / ".git"
    if git.is_dir():
        return git / "info" / "exclude"
    try:
        text = git.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    git = top / text.removeprefix("gitdir:").strip()
    try:
        common = (git / "commondir").read_text(encoding="utf-8").strip()
    except OSError:
        common = "."
    return git / common / "info" / "exclude"
