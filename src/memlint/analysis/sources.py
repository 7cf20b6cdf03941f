"""What a load reads: how large the file is, as far as the source and the disk tell."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Literal as OneOf

from memlint.analysis import arithmetic
from memlint.analysis.project import Disk, Module, Project
from memlint.analysis.sites import Site
from memlint.analysis.values import (
    UNKNOWN,
    Data,
    Literal,
    Mocked,
    Obj,
    PathValue,
    Sequence,
    Value,
)
from memlint.knowledge.apis import Load

Known = OneOf["sized", "small", "unknown", "opaque", "other"]


@dataclass(frozen=True, slots=True)
class Source:
    """What is read.

    ``known`` is "sized" (weighed on disk), "small" (made small by the test), "unknown" (a path that nobody can weigh),
    "opaque" (a value of which nothing is known) or "other" (no file at all).
    """

    known: Known
    text: str
    bytes: int | None = None
    path: str | None = None


def source_of(site: Site, load: Load, project: Project) -> Source:
    """The source of a load."""
    if load.source is None:
        return Source("opaque", "its source")
    value = site.receiver if load.source == "self" else site.args.get(load.source, UNKNOWN)
    return weigh(value, site.frame.module, project.disk)


def weigh(value: Value, module: Module, disk: Disk) -> Source:
    """How large the thing is that a value names."""
    if isinstance(value, Obj):
        return _weigh_object(value, module, disk)
    if isinstance(value, (Data, Mocked, Sequence)):
        return Source("other", "a buffer")
    path = arithmetic.as_path(value)
    if path is None:
        return Source("opaque", "its source")
    return _weigh_path(path, module, disk)


def _weigh_object(value: Obj, module: Module, disk: Disk) -> Source:
    if value.type == "builtins.file" and value.origin is not None:
        opened = value.origin.args.get("file", value.origin.receiver)
        mode = value.origin.args.get("mode")
        if isinstance(mode, Literal) and isinstance(mode.value, str) and mode.value[:1] in {"w", "x"}:
            return Source("small", "a file that the test writes")
        return weigh(opened, module, disk)
    if isinstance(value.type, str) and value.type.startswith(("io.", "tempfile.")):
        return Source("small", "a buffer")
    return Source("opaque", "its source")


def _weigh_path(path: PathValue, module: Module, disk: Disk) -> Source:
    if path.base == "tmp":
        return Source("small", "a temporary file")
    if path.base == "url":
        return Source("unknown", f"'{path.text}'" if path.text else "a URL", path=path.text)
    if path.base == "env":
        return Source("unknown", "a path from the environment")
    if path.text is None:
        return Source("unknown" if path.base == "absolute" else "opaque", "a path that is not known")
    if path.base == "":
        return Source("opaque", "a path that is not known")
    for candidate in _candidates(path, module):
        size = disk.size(candidate)
        if size is not None:
            return Source("sized", f"'{posixpath.basename(candidate)}'", size, candidate)
    return Source("unknown", f"'{path.text}'", path=path.text)


def _candidates(path: PathValue, module: Module) -> list[str]:
    assert path.text is not None
    if path.base == "absolute":
        return [path.text]
    beside = posixpath.normpath(posixpath.join(module.folder, path.text))
    if path.base == "module":
        return [beside]
    return [posixpath.normpath(path.text), beside]
