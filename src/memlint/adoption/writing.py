"""Changes written, and undone: every file is put back as it was, unless it was edited since."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from memlint import work_folder
from memlint.adoption.changes import Change
from memlint.config import ConfigError

UNDO_FILE = f"{work_folder.WORK_FOLDER}/init-undo.json"
SCHEMA = "memlint.init/1"


class _Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    before: str | None  # None: the file was not there
    after_sha256: str


class _Undo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    steps: list[_Step]


def write(root: Path, changes: Sequence[Change]) -> None:
    """Write all changes, and beside them what is needed to undo them.

    Nothing is written when one of them cannot be: a path that leads out of ``root`` through a link, or a file
    that has changed since it was read. Raises ConfigError.
    """
    texts = {change.path: _as_on_disk(root / change.path, change) for change in changes}
    for change in changes:
        _check(root, change.path)
    steps = [_Step(c.path, _raw(root / c.path), _hash(texts[c.path])) for c in changes]
    undo_file = root / UNDO_FILE
    _check(root, UNDO_FILE)
    work_folder.prepare(root)
    _put(
        undo_file,
        msgspec.json.format(msgspec.json.encode(_Undo(SCHEMA, [*_earlier(undo_file), *steps])), indent=1),
    )
    for path, text in texts.items():
        _put(root / path, text.encode("utf-8"))


def undo(root: Path) -> tuple[list[str], list[str]]:
    """Put every file back as it was before ``write``; return the paths put back and those left alone.

    A file that was edited since is left alone. Raises ConfigError when there is nothing to undo.
    """
    steps = _earlier(root / UNDO_FILE)
    if not steps:
        raise ConfigError(f"{root / UNDO_FILE}: there is nothing to undo")
    done: list[str] = []
    left: list[_Step] = []
    for step in reversed(steps):
        _check(root, step.path)
        path = root / step.path
        current = _raw(path)
        if current is None or _hash(current) != step.after_sha256:
            left.append(step)
        elif step.before is None:
            path.unlink()
            _remove_empty_folders(root, path.parent)
            done.append(step.path)
        else:
            _put(path, step.before.encode("utf-8"))
            done.append(step.path)
    (root / UNDO_FILE).unlink()
    return done, [step.path for step in left]


def _earlier(undo_file: Path) -> list[_Step]:
    """What an earlier write left to undo."""
    if not undo_file.is_file():
        return []
    try:
        found = msgspec.json.decode(undo_file.read_bytes(), type=_Undo)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{undo_file}: cannot be used ({error}); remove it to go on without undo"
        ) from error
    return found.steps if found.schema == SCHEMA else []


def _check(root: Path, path: str) -> None:
    """Raise ConfigError when writing ``path`` would write elsewhere than it seems."""
    place = root / path
    real = place.parent.resolve()
    if place.is_symlink() or not (real == root.resolve() or root.resolve() in real.parents):
        raise ConfigError(
            f"{path}: is or lies behind a symbolic link, and is left alone: nothing was written"
        )


def _as_on_disk(path: Path, change: Change) -> str:
    """The new text with the line ends and the byte order mark of the old one."""
    before = _raw(path)
    if before is None:
        if change.before is not None:
            raise ConfigError(f"{change.path}: has gone since it was read: run memlint init again")
        return change.after
    plain = before.removeprefix("\ufeff").replace("\r\n", "\n")
    if change.before is None or plain != change.before:
        raise ConfigError(f"{change.path}: has changed since it was read: run memlint init again")
    after = change.after.replace("\n", "\r\n") if "\r\n" in before else change.after
    return ("\ufeff" if before.startswith("\ufeff") else "") + after


def _raw(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _put(path: Path, content: bytes) -> None:
    """Write whole or not at all, with the permissions of the file that is replaced."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        partial.write_bytes(content)
        if path.exists():
            partial.chmod(path.stat().st_mode & 0o7777)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _remove_empty_folders(root: Path, folder: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
