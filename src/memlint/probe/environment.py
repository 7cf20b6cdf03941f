"""The suite's environment: which interpreter it is, what is installed there, and whether that has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from memlint.probe.isolated import script, start, stop

_SURVEY_SECONDS = 60.0
_METADATA = (".dist-info", ".egg-info", ".egg-link", ".pth")


class ProbeError(Exception):
    """The environment cannot be measured; the message says why and what to do."""


class Environment(msgspec.Struct, frozen=True):
    """An interpreter and what is installed for it. ``key`` changes when either does."""

    python: str  # absolute path
    version: str
    platform: str
    folders: tuple[str, ...]  # of installed distributions
    key: str

    def is_unchanged(self) -> bool:
        """Whether interpreter and packages are the ones that were measured; nothing is started to find out."""
        return self.key == key_of(self.python, self.folders)


class Survey(msgspec.Struct, frozen=True):
    """What an interpreter says of itself and of some names, having imported none of them."""

    python: str
    version: str
    platform: str
    folders: tuple[str, ...]
    modules: tuple[str, ...]  # those of the names that are modules
    versions: dict[str, str]  # of distributions, by top-level module

    def environment(self) -> Environment:
        """The environment, with its key."""
        key = key_of(self.python, self.folders)
        return Environment(self.python, self.version, self.platform, self.folders, key)


def key_of(python: str, folders: Iterable[str]) -> str:
    """A digest of the interpreter's file and of the names of installed distributions, which hold their versions."""
    parts = []
    try:
        status = Path(python).stat()
        parts.append(f"{python}\0{status.st_size}\0{status.st_mtime_ns}")
    except OSError:
        return ""
    for folder in folders:
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(_METADATA))  # noqa: PTH208
        except OSError:
            names = []
        parts += [folder, *names]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def survey(python: str | None, names: Iterable[str]) -> Survey:
    """Ask an interpreter, memlint's own if None is named, what it is and which names are modules.

    Raises ProbeError when it cannot be started or does not answer.
    """
    found = sys.executable if python is None else shutil.which(python)
    if not found:
        raise ProbeError(f"--python {python}: no such program; name the interpreter that runs the suite")
    folder = Path(tempfile.mkdtemp(prefix="memlint-probe-"))
    try:
        answer, wanted = folder / "answer.json", folder / "names.json"
        wanted.write_bytes(msgspec.json.encode(list(names)))
        process = start(os.path.abspath(found), script("survey_child.py"), [str(answer), str(wanted)], folder)  # noqa: PTH100
        try:
            process.wait(_SURVEY_SECONDS)
        finally:
            stop(process)
        return msgspec.json.decode(answer.read_bytes(), type=Survey)
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"{found} did not answer within {_SURVEY_SECONDS:g} s") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise ProbeError(
            f"{found} does not answer like a Python from 3.8 on; name another with --python"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
