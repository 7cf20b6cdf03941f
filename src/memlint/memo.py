"""Results kept between runs, each with a witness: everything that was looked at to make it.

A result is given again only where every file, size, folder and glob match that the run has seen is what it was, and
nothing else that decides it has changed: memlint and its rules (``fingerprint``), the settings, the files found.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from memlint.cache import Stamp, write_whole
from memlint.discovery import Discovered
from memlint.disk import RealDisk
from memlint.fingerprint import fingerprint
from memlint.probe.place import is_probed
from memlint.request import Request

_KEPT = 16  # results of so many different requests
T = TypeVar("T")


class Witness(msgspec.Struct, array_like=True, frozen=True):
    """What a run has read and asked. None stands for a file that could not be read."""

    files: dict[str, Stamp | None]  # by absolute path
    sizes: dict[str, int | None]
    folders: dict[str, bool]
    globbed: dict[str, list[str]]
    listed: dict[str, int]
    written_ns: int

    def holds(self, root: Path) -> bool:
        """Whether a run today would read and be told the same."""
        disk = RealDisk(root)
        return (
            all(disk.size(path) == size for path, size in self.sizes.items())
            and all(disk.is_dir(path) == there for path, there in self.folders.items())
            and all(disk.changed(folder) == time for folder, time in self.listed.items())
            and all(_unchanged(path, stamp, self.written_ns) for path, stamp in self.files.items())
            and all(disk.matches(pattern) == found for pattern, found in self.globbed.items())
        )


def _unchanged(path: str, stamp: Stamp | None, written_ns: int) -> bool:
    try:
        status = Path(path).stat()
        if stamp is None:
            return False  # it can be read now
        return stamp.is_of(status, written_ns) or stamp.is_of_content(Path(path).read_bytes())
    except (OSError, ValueError):
        return stamp is None


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    key: str
    witness: Witness
    result: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Memo(Generic[T]):
    """The place where the result of one request is kept. ``folder`` None keeps nothing."""

    folder: Path | None
    root: Path
    key: str
    kind: type[T]

    @classmethod
    def of(cls, request: Request, found: Discovered, kind: type[T]) -> Memo[T]:
        """The memo of a request that has found these files and asks for a result of this kind."""
        folder = request.cache_folder if request.stdin is None else None
        try:
            key = _key(request, found, kind) if folder is not None else ""
        except UnicodeEncodeError:  # a name that is not UTF-8 cannot be written down
            folder, key = None, ""
        return cls(folder, request.folder, key, kind)

    @property
    def name(self) -> str:
        """Its file in the cache."""
        return f"result-{self.key}.msgpack"

    def recall(self) -> T | None:
        """The result, if it is known and nothing has changed."""
        if self.folder is None:
            return None
        try:
            kept = msgspec.msgpack.decode((self.folder / self.name).read_bytes(), type=_Kept)
            if kept.key == self.key and kept.witness.holds(self.root):
                return msgspec.msgpack.decode(kept.result, type=self.kind)
        except (OSError, msgspec.MsgspecError):
            pass  # absent or damaged: as good as absent
        return None

    def keep(self, result: T, witness: Witness) -> None:
        """Keep a result; of many different requests the latest are kept."""
        if self.folder is None:
            return
        try:
            raw = msgspec.Raw(msgspec.msgpack.encode(result))
            kept = msgspec.msgpack.encode(_Kept(self.key, witness, raw))
        except UnicodeEncodeError:  # likewise
            return
        write_whole(self.folder, self.name, [kept])
        _forget_oldest(self.folder)


def _forget_oldest(folder: Path) -> None:
    try:
        kept = sorted(folder.glob("result-*.msgpack"), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[:-_KEPT]:
            path.unlink(missing_ok=True)
    except OSError:
        return  # another run is at it


def _key(request: Request, found: Discovered, kind: type[object]) -> str:
    """What decides a result beside what the run will read: a file of settings that says the same is the same."""
    settings = request.settings
    decisive = [
        fingerprint(settings.extra_rules),
        kind.__name__,
        request.level,
        request.target_cores,
        request.folder,
        {
            name: getattr(settings, name)
            for name in settings.__slots__
            if name not in {"origins", "cache_dir"}
        },
        [(file.path, file.role) for file in found.files],
        sorted(request.measured.items()),
        found.errors,
        _probe_state(request),
    ]
    encoded = msgspec.msgpack.encode(decisive, enc_hook=_plain, order="deterministic")
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


def _probe_state(request: Request) -> str:
    if not request.probe or not is_probed(request.settings):
        return ""
    from memlint.probe.known import probe_state

    return probe_state(request.settings)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} in the settings is not known to the memo")
