"""From paths as people name them to the files that are to be checked."""

# Plain strings, since on 10,000 files Path objects cost more than the walk itself.
# ruff: noqa: PTH110, PTH112, PTH113, PTH114, PTH115, PTH116, PTH117, PTH118, PTH119, PTH120

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memlint.config import Settings, matcher
from memlint.discovery.gitignore import Ignores, descend, ignores_above, is_ignored
from memlint.discovery.roles import Role, role_of
from memlint.model import ErrorRecord


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to check."""

    path: str  # POSIX, relative to the working directory
    file: Path  # absolute
    role: Role


@dataclass(frozen=True, slots=True)
class Discovered:
    """Files and errors, each in order of path and without duplicates."""

    files: tuple[SourceFile, ...]
    errors: tuple[ErrorRecord, ...]


def discover(paths: Sequence[str], settings: Settings, root: Path | None = None) -> Discovered:
    """Return the test code in ``paths`` (files, folders, node ids), by default in the suite's ``testpaths``.

    ``root`` is the working directory that ``paths`` and the results are relative to. A file that is named is
    taken whatever its name; excludes hold for it all the same. What cannot be read becomes an error record.
    """
    walk = _Walk(settings, str(root or settings.working_dir))
    named = [os.path.normpath(os.path.join(walk.base, path)) for path in _named(paths, settings, walk)]
    walk.tops = [os.path.realpath(path) for path in named if os.path.isdir(path)]
    for path in named:
        walk.take_named(path)
    files = tuple(walk.files[path] for path in sorted(walk.files))
    return Discovered(files, tuple(sorted(set(walk.errors), key=lambda e: (e.path, e.message))))


def is_excluded(path: str, settings: Settings) -> bool:
    """Whether the file ``path`` (relative to the working directory) is not checked even when it is named."""
    patterns = (*settings.default_exclude, *settings.exclude)
    place = settings.from_root(path)
    if place.startswith("../") or os.path.isabs(place):
        place = os.path.basename(place)  # above the root no pattern means anything
    return matcher(patterns).match_file(place)


def _named(paths: Sequence[str], settings: Settings, walk: _Walk) -> Iterable[str]:
    """The paths, without the tests of node ids; as in pytest, ``testpaths`` count when run from the root."""
    if paths:
        return [
            path if os.path.lexists(os.path.join(walk.base, path)) else path.split("::")[0] for path in paths
        ]
    if not settings.testpaths or Path(walk.base) != settings.testpaths_root:
        return ["."]
    return [found for pattern in settings.testpaths for found in _expand(pattern, settings.testpaths_root)]


def _expand(pattern: str, root: Path) -> list[str]:
    """``testpaths`` may be globs; one that matches nothing stays, and is then reported as missing."""
    if os.path.isabs(pattern) or not any(c in pattern for c in "*?["):
        return [pattern]
    return sorted(str(path) for path in root.glob(pattern)) or [pattern]


@dataclass(slots=True)
class _Walk:
    """Files and errors found so far."""

    settings: Settings
    base: str  # working directory
    tops: list[str] = field(default_factory=list)  # real paths of the folders that are walked
    files: dict[str, SourceFile] = field(default_factory=dict)
    errors: list[ErrorRecord] = field(default_factory=list)
    linked: set[str] = field(default_factory=set)  # real paths of folders outside them that links led to

    def shown(self, path: str) -> str:
        """``path`` as results give it."""
        if path.startswith(self.base + os.sep):
            return path[len(self.base) + 1 :].replace(os.sep, "/")
        try:
            return os.path.relpath(path, self.base).replace(os.sep, "/")
        except ValueError:  # another drive
            return path.replace(os.sep, "/")

    def fail(self, path: str, message: str) -> None:
        self.errors.append(ErrorRecord(self.shown(path), 0, message))

    def take_named(self, path: str) -> None:
        if os.path.isdir(path):
            self.take_named_folder(path)
        elif not os.path.exists(path):
            self.fail(path, _why_missing(path))
        elif not os.path.isfile(path):
            self.fail(path, "not a regular file")
        elif not is_excluded(self.shown(path), self.settings):
            self.add(path, role_of(self.shown(path), self.settings))

    def take_named_folder(self, path: str) -> None:
        if path.endswith(".py"):
            self.fail(path, "a folder, not a Python file")
        if self.excludes(path, is_folder=True):
            return
        ignores = ignores_above(Path(path), self.settings.root)
        # naming an ignored folder is stronger than the pattern that ignores it
        self.walk(path, None if is_ignored(ignores, _posix(path) + "/") else ignores)

    def add(self, path: str, role: Role) -> None:
        shown = self.shown(path)
        if not _is_unicode(shown):
            self.fail(path, "its name is not UTF-8: give it another to have it checked")
            return
        self.files.setdefault(shown, SourceFile(shown, Path(path), role))

    def walk(self, folder: str, ignores: Ignores | None) -> None:
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.fail(folder, f"the folder cannot be read: {error.strerror}")
            return
        names = {entry.name for entry in found}
        if ".gitignore" in names:
            ignores = descend(ignores, folder)
        for entry in found:
            if entry.is_symlink():
                self.take_link(entry, ignores)
            elif entry.is_dir(follow_symlinks=False):
                self.take_folder(entry, ignores)
            elif entry.name.endswith(".py"):
                self.take_file(entry, ignores)

    def take_file(self, entry: os.DirEntry[str], ignores: Ignores | None) -> None:
        role = role_of(self.shown(entry.path), self.settings)
        if role is Role.PRODUCT or self.skips(entry.path, entry.name, ignores):
            return
        if entry.is_file():
            self.add(entry.path, role)
        else:
            self.fail(entry.path, "not a regular file")

    def take_folder(self, entry: os.DirEntry[str], ignores: Ignores | None) -> None:
        if self.skips(entry.path + "/", entry.name + "/", ignores) or _is_environment(entry.path):
            return
        if entry.name.endswith(".py"):
            self.fail(entry.path, "a folder, not a Python file")
        self.walk(entry.path, ignores)

    def take_link(self, entry: os.DirEntry[str], ignores: Ignores | None) -> None:
        if os.path.isdir(entry.path):  # entry.is_dir would raise for a link to itself
            self.take_linked_folder(entry, ignores)
        elif not os.path.exists(entry.path):
            # a link to data is not ours to judge, one that may have been code or a folder is
            maybe_code = entry.name.endswith(".py") or "." not in entry.name
            if maybe_code and not self.skips(entry.path, entry.name, ignores):
                self.fail(entry.path, _why_missing(entry.path))
        elif entry.name.endswith(".py"):
            self.take_file(entry, ignores)

    def take_linked_folder(self, entry: os.DirEntry[str], ignores: Ignores | None) -> None:
        target = os.path.realpath(entry.path)
        here = os.path.realpath(os.path.dirname(entry.path))
        if self.skips(entry.path + "/", entry.name + "/", ignores):
            return
        if _lies_in(here, target):
            if not any(
                _lies_in(target, top) for top in self.tops
            ):  # else all that it leads to is walked anyway
                self.fail(entry.path, f"a symbolic link to a folder that holds it: {self.shown(target)}")
        elif target not in self.linked and not any(_lies_in(target, top) for top in self.tops):
            self.linked.add(target)
            self.take_folder(entry, ignores)

    def skips(self, path: str, name: str, ignores: Ignores | None) -> bool:
        """Whether excludes or git keep the walk away from ``path``; that of a folder ends in ``/``."""
        is_folder = name.endswith("/")
        if is_folder and matcher(self.settings.default_exclude).match_file(name):
            return True
        return self.excludes(path, is_folder) or is_ignored(ignores, _posix(path))

    def excludes(self, path: str, is_folder: bool) -> bool:
        """Whether the settings' own ``exclude`` names ``path``."""
        if not self.settings.exclude:
            return False
        place = self.settings.from_root(path) + ("/" if is_folder else "")
        return matcher(self.settings.exclude).match_file(place)


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")


def _is_unicode(text: str) -> bool:
    """Names that are not in the file system's encoding hold lone surrogates, which nothing can write."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _is_environment(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def _why_missing(path: str) -> str:
    if not os.path.islink(path):
        return "no such file or folder"
    try:
        os.stat(path)
    except FileNotFoundError:
        return f"a broken symbolic link: {os.readlink(path)} does not exist"
    except OSError as error:
        return f"a symbolic link that leads nowhere: {error.strerror}"
    return "no such file or folder"
