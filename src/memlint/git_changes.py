"""What has changed since a commit, by git: lines, files and names; and the tree as it was, for a second look.

Compared are the working tree, staged or not, with untracked files, and the commit where the branch left REF (the merge
base): what others have done to REF meanwhile is not ours.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_SECTION = b"diff --git "
_GONE, _ADDED, _RENAMED = "D", "A", "R"
_UNMERGED = frozenset("UX")
_EVERY_LINE = 1 << 30


class GitError(Exception):
    """git cannot tell what has changed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A changed file. Paths are POSIX and relative to the checkout's root."""

    path: str  # today; of a deleted file, as it was
    before: str | None  # its name at the commit; None for a new one
    blob: str | None  # its content at the commit, by git's name
    gone: bool = False
    unmerged: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs between the commit ``base`` and the files as they are."""

    top: Path  # root of the checkout
    base: str
    entries: tuple[Entry, ...]
    lines: Mapping[str, tuple[tuple[int, int], ...]]  # path → first and last of changed lines, from 1

    def touches(self, path: str, first: int, last: int) -> bool:
        """Whether any of these lines of a file (relative to the root) has changed or is new."""
        return any(start <= last and first <= end for start, end in self.lines.get(path, ()))


def changes_since(ref: str, folder: Path) -> Changes:
    """Return what has changed since the branch left ``ref``, in the checkout that ``folder`` lies in.

    Raises GitError outside of a checkout, for a ref that git does not know, and where history is cut off.
    """
    top = Path(
        _text(folder, "rev-parse", "--show-toplevel", failing="no git checkout: --diff-from needs one")
    )
    base = _base(ref, top)
    raw = _git(top, "diff", "--raw", "-z", "--no-abbrev", *_OPTIONS, base, "--")
    entries = list(_entries(raw))
    patch = _git(top, "diff", "--patch", "--unified=0", *_OPTIONS, base, "--")
    shown = [entry for entry in entries if not entry.unmerged]  # of the others the patch says nothing
    lines = {entry.path: hunks for entry, hunks in zip(shown, _hunks(patch), strict=True)}
    others = _git(top, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0")
    new = [Entry(os.fsdecode(name), None, None) for name in others if name]
    for entry in (*new, *(entry for entry in entries if entry.unmerged)):
        lines[entry.path] = ((1, _EVERY_LINE),)
    return Changes(top, base, (*entries, *new), lines)


# the user's own configuration of git must not change what is read
_OPTIONS = (
    "--find-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--ignore-submodules",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--diff-algorithm=default",
    "--no-relative",
    "--inter-hunk-context=0",
)


def _base(ref: str, top: Path) -> str:
    unknown = f"git knows no commit {ref!r}: fetch it, or name another, such as origin/main"
    commit = _text(
        top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", failing=unknown
    )
    apart = f"{ref!r} and HEAD have no commit in common"
    if (
        _text(top, "rev-parse", "--is-shallow-repository", failing="git is too old: 2.15 or later is needed")
        == "true"
    ):
        apart = (
            f"the clone is shallow and does not reach the commit where {ref!r} and HEAD part: fetch more of it "
            "(git fetch --unshallow; actions/checkout: fetch-depth: 0)"
        )
    return _text(top, "merge-base", commit, "HEAD", failing=apart)


def _entries(raw: bytes) -> Iterator[Entry]:
    """``:mode mode blob blob STATUS`` NUL path NUL, with two paths for a rename."""
    fields = iter(raw.split(b"\0"))
    for head in fields:
        if not head:
            continue
        _, _, blob, _, status = head.decode("ascii").split(" ")
        before = os.fsdecode(next(fields))
        if status[0] == _RENAMED or status[0] == "C":
            yield Entry(os.fsdecode(next(fields)), before, blob)
        elif status[0] == _ADDED or status[0] in _UNMERGED:
            yield Entry(before, None, None, unmerged=status[0] in _UNMERGED)
        else:
            yield Entry(before, before, blob, gone=status[0] == _GONE)


def _hunks(patch: bytes) -> Iterator[tuple[tuple[int, int], ...]]:
    """The changed lines of each file, in git's order; ``diff --git`` starts a line nowhere but at a file's head."""
    found: list[tuple[int, int]] | None = None
    for line in patch.split(b"\n"):
        if line.startswith(_SECTION):
            if found is not None:
                yield tuple(found)
            found = []
        elif found is not None and line.startswith(b"@@ ") and (hunk := _HUNK.match(line)):
            count = 1 if hunk[2] is None else int(hunk[2])
            if count:
                found.append((int(hunk[1]), int(hunk[1]) + count - 1))
    if found is not None:
        yield tuple(found)


# --- the tree as it was -----------------------------------------------------------------------------------


def rebuild(changes: Changes, place: Path) -> None:
    """Make the checkout as it was at the commit in the empty folder ``place``, by links to what has not changed.

    A renamed file stands at both of its names, so that what it said can be known again at the new one. Of files that
    are not Python only the size is what it was.

    Raises GitError when git cannot give a content, OSError when the folder cannot be written.
    """
    was = _Was()
    for entry in changes.entries:
        was.put(entry.path, None if entry.gone else entry.blob)
        if entry.before is not None:
            was.put(entry.before, entry.blob)
    _mirror(changes.top, place, was)
    _write_blobs(changes.top, place, was)


@dataclass(slots=True)
class _Was:
    """Paths that differ, with the blob that stood there, and the folders above them."""

    blobs: dict[str, str | None] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})

    def put(self, path: str, blob: str | None) -> None:
        self.blobs[path] = blob
        while "/" in path:
            path = path.rpartition("/")[0]
            self.folders.add(path)


def _mirror(top: Path, place: Path, was: _Was) -> None:
    """Folders without a change are one link; in the others each file that has not changed is."""
    for folder in sorted(was.folders, key=lambda folder: folder.count("/")):
        here = place / folder
        here.mkdir(parents=True, exist_ok=True)
        try:
            names = [path.name for path in (top / folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            continue  # all of it is gone today
        for name in names:
            path = f"{folder}/{name}" if folder else name
            if path not in was.blobs and path not in was.folders:
                (here / name).symlink_to(top / path)


def _write_blobs(top: Path, place: Path, was: _Was) -> None:
    wanted = [(path, blob) for path, blob in was.blobs.items() if blob is not None and blob.strip("0")]
    sources = [(path, blob) for path, blob in wanted if path.endswith(".py")]
    others = [(path, blob) for path, blob in wanted if not path.endswith(".py")]
    for path, content in _contents(top, sources):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    for path, size in _sizes(top, others):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        with (place / path).open("wb") as file:
            file.truncate(size)


def _contents(top: Path, wanted: list[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """``<blob> blob <size>`` newline content newline, for each."""
    answer = _git(top, "cat-file", "--batch", given=_names(wanted)) if wanted else b""
    at = 0
    for path, blob in wanted:
        end = answer.index(b"\n", at)
        words = answer[at:end].split(b" ")
        if len(words) != 3:
            raise GitError(
                f"git has no content of {path} at the commit ({blob}): is the clone a partial one?"
            )
        size = int(words[2])
        yield path, answer[end + 1 : end + 1 + size]
        at = end + size + 2


def _sizes(top: Path, wanted: list[tuple[str, str]]) -> Iterator[tuple[str, int]]:
    answer = _git(top, "cat-file", "--batch-check", given=_names(wanted)) if wanted else b""
    for (path, _), line in zip(wanted, answer.splitlines(), strict=True):
        words = line.split(b" ")
        yield path, int(words[2]) if len(words) == 3 and words[1] == b"blob" else 0


def _names(wanted: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{blob}\n" for _, blob in wanted).encode()


# --- git --------------------------------------------------------------------------------------------------


def _text(folder: Path, *arguments: str, failing: str) -> str:
    """One line of git's answer. Raises GitError with ``failing`` when git refuses."""
    done = _call(folder, arguments, b"")
    if done.returncode:
        raise GitError(failing)
    return os.fsdecode(done.stdout).rstrip("\n")


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = _call(folder, arguments, given)
    if done.returncode:
        raise GitError(f"git {arguments[0]} failed: {os.fsdecode(done.stderr).strip()[-300:]}")
    return done.stdout


def _call(folder: Path, arguments: Iterable[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            input=given,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror or error}") from error
