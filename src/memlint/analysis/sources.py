"""What a load reads: how large the file is, as far as the source and the disk tell."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Literal as OneOf

from memlint.analysis import texts
from memlint.analysis.project import Disk, Module
from memlint.analysis.sites import Site
from memlint.analysis.values import (
    UNKNOWN,
    Choice,
    Data,
    Iterator,
    Literal,
    Mocked,
    Obj,
    PathValue,
    Ref,
    Sequence,
    Value,
    text_of,
)
from memlint.knowledge.apis import Load

Known = OneOf["sized", "small", "unknown", "opaque", "other"]
_LOCAL = re.compile(
    r"[\w+.-]+://(?:[^/@]*@)?(?:\[?localhost|127\.|0\.0\.0\.0|\[::1\]|testserver|test\b|[\w.-]*\.(?:test|local|invalid)\b)"
)
_IN_MEMORY = ("memory://", "mock://", "reference://")  # of fsspec, which the test has filled or described
# no file of the system, which is small, and no name that says that there is nothing
_ELSEWHERE = re.compile(
    r"(?i)(?:~|[a-z]:)?[\\/](?!(?:etc|dev(?!/shm)|usr|bin|lib|opt|run|foo|fake|path|nope|invalid|missing|(?:non|not?)_?-?exist\w*|does\w*)\b)"
)
_MUCH = re.compile(
    r"(?i)(?<![a-z])(?:big|large|huge|giant|massive|full|entire|complete|dump|corpus|corpora|datasets?|downloads?|"
    r"gigabytes?|millions?|\d+(?:gi?b|m))(?![a-z])"
)
_UNNAMED = frozenset({"a URL", "a path from the environment"})  # all that is known of them
_SUFFIX = re.compile(r"\.\w{1,8}$|[*/]")
_DOCUMENT = re.compile(r"\s*(?:[{<%]|\[[\s{\[\"\d])")
_LEAST_MOUNTED = 3  # parts of a path, so that it is no other file of the same name
_HOPS = 8  # calls between opening a thing and reading it


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

    @property
    def outside(self) -> bool:
        """Whether what nobody can weigh lies beyond the suite: on the network, elsewhere on the machine, or wherever
        the environment says, or says of itself that it is much. Any other relative path that is not there is most
        often of a file that the test, or what it runs, makes.
        """
        if self.known != "unknown":
            return False
        if self.path is None:
            return self.text in _UNNAMED
        if "://" in self.path or "=" in self.path:
            return True
        return bool(_ELSEWHERE.match(self.path) or _MUCH.search(self.path))


OPAQUE = Source("opaque", "its source")
_ORDER = {"sized": 0, "unknown": 1, "opaque": 2, "other": 3, "small": 4}


def source_of(site: Site, load: Load, disk: Disk) -> Source:
    """The source of a load."""
    if load.source is None:
        return OPAQUE
    value = site.receiver if load.source == "self" else site.args.get(load.source, UNKNOWN)
    return weigh(value, site.frame.module, disk)


def members_read(site: Site, load: Load) -> list[Site]:
    """The reads of data sets of the same file in the same body, itself among them: none is the whole file."""
    holder = _holder(site) if load.source == "self" else None
    if holder is None:
        return [site]
    return [other for other in site.frame.sites if other.name == site.name and _holder(other) is holder]


def _holder(site: Site) -> Value | None:
    """The file of which a site reads a member: ``file["frames"][...]``."""
    member = site.receiver
    if not isinstance(member, Obj) or member.origin is None:
        return None
    opened: Site = member.origin
    return opened.receiver if opened.name.endswith(".__getitem__") else None


def weigh(value: Value, module: Module, disk: Disk, hops: int = _HOPS) -> Source:
    """How large the thing is that a value names; of several the largest."""
    if isinstance(value, Choice):
        return _heaviest([weigh(option, module, disk) for option in _without_elsewhere(value.options)])
    if isinstance(value, Obj):
        return _weigh_object(value, module, disk, hops)
    if isinstance(value, (Data, Mocked)):
        return Source("other", "a buffer")
    if isinstance(value, (Sequence, Iterator)):
        return _weigh_several(value, module, disk, hops)
    path = texts.as_path(value)
    return _weigh_path(path, module, disk) if path is not None else OPAQUE


def _without_elsewhere(options: tuple[Value, ...]) -> tuple[Value, ...]:
    """Paths of the repository alone, where the environment may name a folder to take in their place."""
    own = [option for option in options if isinstance(option, PathValue) and option.base == "module"]
    return tuple(own) if own else options


def _weigh_several(value: Sequence | Iterator, module: Module, disk: Disk, hops: int) -> Source:
    """A list of paths; a list of texts is data itself, as ``loadtxt`` takes it."""
    if not hops or value.element is UNKNOWN:
        return OPAQUE
    several = value.element.options if isinstance(value.element, Choice) else (value.element,)
    if any(isinstance(item, Literal) and not _SUFFIX.search(str(item.value)) for item in several):
        return Source("other", "a text")
    return weigh(value.element, module, disk, hops - 1)


def _heaviest(sources: list[Source]) -> Source:
    sized = [source for source in sources if source.bytes is not None]
    if sized:
        return max(sized, key=lambda source: source.bytes or 0)
    return min(sources, key=lambda source: _ORDER[source.known])


def _weigh_object(value: Obj, module: Module, disk: Disk, hops: int) -> Source:
    """A file, response, scan …: what it was opened from."""
    site: Site | None = value.origin
    if isinstance(value.type, str) and value.type in {"io.BytesIO", "io.StringIO"}:
        return Source("small", "a buffer")
    if site is None or not hops:
        return OPAQUE
    if site.mocked:
        return Source("other", "a mock")
    mode = site.args.get("mode")
    if isinstance(mode, Literal) and isinstance(mode.value, str) and mode.value[:1] in {"w", "x"}:
        return Source("small", "a file that the test writes")
    if site.name.startswith("tempfile."):
        return Source("small", "a temporary file")
    for given in _arguments(site):
        if isinstance(given, (PathValue, Choice)) or (
            isinstance(given, Literal) and isinstance(given.value, str)
        ):
            return weigh(given, module, disk, hops - 1)
        if isinstance(given, Obj) and given.origin is not None:
            return weigh(given, module, disk, hops - 1)
    return weigh(site.receiver, module, disk, hops - 1) if site.receiver is not UNKNOWN else OPAQUE


def _arguments(site: Site) -> list[Value]:
    """What the thing may have been opened from: a parameter that tables name, a method's receiver, the arguments."""
    named = [
        site.args[e.load.source] for e in site.entries if e.load is not None and e.load.source in site.args
    ]
    if isinstance(site.receiver, (PathValue, Choice)):
        return [site.receiver]
    if isinstance(site.receiver, Obj) and site.receiver.origin is not None:
        return [site.receiver]
    starred = site.args.get("*")
    positional = list(starred.items or ()) if isinstance(starred, Sequence) else []
    return [*named, *positional[:1]] or [site.args.get("url", UNKNOWN)]


def _weigh_path(path: PathValue, module: Module, disk: Disk) -> Source:
    if path.text is not None and (":memory:" in path.text or path.text.endswith("sqlite://")):
        return Source("small", "an in-memory database")
    if path.base == "tmp":
        return Source("small", "a temporary file")
    if path.text is not None and _is_document(path.text):
        return Source("other", "a text")
    if path.text in {"", ".", "./"}:
        return OPAQUE
    if path.text is not None and _LOCAL.match(path.text):
        return Source("opaque", "a local server")
    if path.text is not None and path.text.startswith(_IN_MEMORY):
        return Source("small", "a file system in memory")
    if path.base == "url":
        return Source("unknown", f"'{path.text}'" if path.text else "a URL", path=path.text)
    if path.base == "env":
        return Source("unknown", "a path from the environment")
    if path.text is None:
        return Source("unknown" if path.base == "absolute" else "opaque", "a path that is not known")
    if path.base == "":
        return Source("opaque", "a path that is not known")
    if path.text.startswith(("/tmp/", "/dev/null", "/proc/", "/sys/")):
        return Source("small" if path.text == "/dev/null" else "opaque", f"'{path.text}'")
    if path.base == "module" and path.text.startswith("/"):
        return _weigh_path(
            PathValue("module", path.text.lstrip("/")), module, disk
        )  # below the repository's folder
    for candidate in _candidates(path, module):
        if "?" in candidate and disk.size(candidate.partition("?")[0]) is not None:
            candidate = candidate.partition("?")[0]  # ``data.txt?format=libsvm``
        if any(sign in candidate for sign in "*?["):
            found = [disk.size(name) or 0 for name in disk.matches(candidate)]
            if found:
                return Source("sized", f"'{posixpath.basename(candidate)}'", sum(found), candidate)
        size = disk.size(candidate)
        if size is not None:
            return Source("sized", f"'{posixpath.basename(candidate)}'", size, candidate)
        if disk.is_dir(candidate):
            return _weigh_folder(candidate, disk)
    if path.base == "module" and not disk.is_dir(posixpath.dirname(path.text) or "."):
        return Source(
            "opaque", f"'{path.text}'", path=path.text
        )  # its whole folder is not shipped with the suite
    return Source("unknown", f"'{path.text}'", path=path.text)


def _is_document(text: str) -> bool:
    """Whether a text is what is to be read itself: lines, markup, JSON, or a sentence that names an address."""
    named = "://" in text and not texts.is_address(text)
    return "\n" in text or named or _DOCUMENT.match(text) is not None


def _weigh_folder(folder: str, disk: Disk) -> Source:
    sizes = [disk.size(path) or 0 for path in disk.matches(f"{folder}/**/*")]
    return Source("sized", f"'{posixpath.basename(folder)}/'", sum(sizes), folder)


def _candidates(path: PathValue, module: Module) -> list[str]:
    assert path.text is not None
    if path.base == "absolute":
        return [path.text, *_from_mounted(path.text)]
    if path.base == "module":
        return [path.text]
    folders = ["", module.folder]  # a suite is started in its root, or in a folder of its tests
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
    return [posixpath.normpath(posixpath.join(folder, path.text)) for folder in folders]


def _from_mounted(path: str) -> list[str]:
    """``/code/tests/data/a.csv``, where a container has the repository in ``/code``: the path below the repository."""
    parts = path.strip("/").split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts) - _LEAST_MOUNTED + 1)]


def is_null_device(value: Value) -> bool:
    """``os.devnull``, which holds nothing."""
    return text_of(value) == "/dev/null" or (isinstance(value, Ref) and value.name == "os.devnull")
