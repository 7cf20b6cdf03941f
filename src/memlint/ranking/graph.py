"""The import graph of a project: what importing a file brings in.

First-party files are followed through their text (``syntax.imports``); of libraries the measured footprints know
what they bring, and one that they do not know is followed through its text, too, where it is installed. Sets of modules
are bits of an int, so that the closures of a large product stay small.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from memlint.disk import RealDisk
from memlint.knowledge.footprints import Footprint, Footprints
from memlint.ranking.extensions import loaded_bytes
from memlint.ranking.installed import library_folders
from memlint.ranking.outline import EntryOutline, Outline
from memlint.ranking.outlines import Outlines
from memlint.syntax.imports import Imported

_SESSION = frozenset({"_pytest", "pluggy", "iniconfig"})  # loaded by pytest itself
REWRITTEN = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")
_COMPILED = (".so", ".pyd")  # endings of extension modules
_MOST_FOLLOWED = 300  # files of one unmeasured library
_MOST_LOADED = 1_000  # sets of measured modules whose parts are kept
_MOST_RESOLVED = 50_000  # imports whose meaning is kept


@dataclass(slots=True)
class Node:
    """A file of the project, or of an unmeasured library, and what its imports lead to."""

    path: str
    outline: Outline
    first: frozenset[int] = frozenset()
    third: int = 0
    compiled: int = 0  # bytes of the file that are loaded, for an extension module
    top: str = ""  # the top-level module that it is or lies in
    library: str = ""  # that module, where it is an unmeasured library's
    optional: int = 0  # measured modules that it gets along without
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that a session begins with: its place among the imports, and what it says itself."""

    node: Node
    outline: EntryOutline


@dataclass(frozen=True, slots=True)
class Own:
    """What a set of files is made of. Bytes."""

    source: int
    rewritten: int  # of that, test modules and conftests, whose asserts pytest rewrites
    compiled: int  # files of extension modules
    tops: frozenset[str]  # the project's top-level modules that they are or lie in
    libraries: frozenset[str]  # unmeasured libraries that they are files of


@dataclass(frozen=True, slots=True)
class Closure:
    """What an import of some files loads: bits of first-party files and of measured modules."""

    files: int
    modules: int
    optional: int
    unknown: frozenset[str]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What one import names: first-party files, measured modules, and libraries of which nothing is known."""

    files: frozenset[int]
    modules: int
    unknown: frozenset[str]


class ImportGraph:
    """Follows imports through the files below a folder; everything is read once."""

    def __init__(self, disk: RealDisk, footprints: Footprints, outlines: Outlines) -> None:
        self.disk = disk
        self.footprints = footprints
        self.outlines = outlines
        self._libraries = library_folders(disk)
        self._followed = Counter[str]()  # files read, by unmeasured library
        self.nodes: list[Node] = []
        self._index: dict[str, int | None] = {}
        self._unread: list[int] = []
        self._reading = False
        self._bits: dict[str, int] = {}
        self._names: list[str] = []
        self._closures: dict[int, Closure] = {}
        self._weighed: dict[int, Own] = {}
        self._folders: dict[int, frozenset[str]] = {}
        self._resolved: dict[tuple[str, str, int, str, tuple[str, ...]], Resolved] = {}
        self._loaded: dict[int, Footprint] = {}
        self._extensions: dict[str, dict[str, str]] = {}  # their files, by folder and name
        self.unmeasured = set[str]()  # libraries met that no table knows
        self.missing = set[str]()  # and those that must be there and are not

    # --- files ------------------------------------------------------------------------------------------------------

    def read(self, path: str, library: str = "") -> Node | None:
        """Read one module, of an unmeasured library or first-party; None when it is not there or is no text."""
        outline = self.outlines.of(self.disk.root / path)
        if outline is None:
            return None
        node = Node(path, outline, library=library)
        self._link(node)
        return node

    def entry(self, path: str) -> Entry:
        """A file that a session begins with; one that cannot be read says nothing."""
        return self._entry(path, self.outlines.entry(self.disk.root / path) or EntryOutline())

    def _entry(self, path: str, outline: EntryOutline) -> Entry:
        node = Node(path, Outline(outline.size, outline.eager))
        self._link(node)
        return Entry(node, outline)

    def skip(self, entry: Entry) -> Imported | None:
        """The ``importorskip`` by which all of a file is skipped; None where it runs, or nobody knows."""
        for item in entry.outline.eager:
            if item.skips and self.footprints.is_missing(item.module):
                return item if self._first_party(entry.node.path, item) is None else None
        return None

    def until(self, entry: Entry, line: int) -> Entry:
        """A file of which nothing after a line is run."""
        eager = tuple(item for item in entry.outline.eager if item.line < line)
        return self._entry(entry.node.path, EntryOutline(entry.outline.size, eager))

    def node(self, path: str, library: str = "") -> int | None:
        """The number of a file of the product, or of an unmeasured library, which is kept."""
        if path not in self._index:
            compiled = 0 if self._is_file(path) else self._compiled(path)
            if (compiled is None and not self._is_file(_cython(path))) or not self._may_follow(library):
                self._index[path] = None
                return None
            self._index[path] = len(self.nodes)
            self._unread.append(len(self.nodes))
            self.nodes.append(
                Node(path, Outline(), compiled=compiled or 0, top=self._top(path), library=library)
            )
            self._read_all()
        return self._index[path]

    def _read_all(self) -> None:
        """Read the files that have a number and are not read yet, and those that they lead to, one after the other.

        A chain of imports may be longer than calls can be deep.
        """
        if self._reading:
            return
        self._reading = True
        while self._unread:
            number = self._unread.pop()
            kept = self.nodes[number]
            node = self._source_of(kept)
            if node is not None:
                node.top = kept.top
                self.nodes[number] = node
        self._reading = False

    def _source_of(self, kept: Node) -> Node | None:
        """A file as its source tells, or an extension module as the Cython beside it does; None where there is none."""
        if not kept.compiled and self._is_file(kept.path):
            return self.read(kept.path, kept.library)
        node = self.read(_cython(kept.path), kept.library)
        if node is not None:
            node.path, node.compiled = kept.path, kept.compiled
            node.outline = msgspec.structs.replace(node.outline, size=0)  # it is not what is loaded
        return node

    def _may_follow(self, library: str) -> bool:
        """Whether one more file may be read: a project's own always, a library's while it is not too large."""
        if library:
            self._followed[library] += 1
        return self._followed[library] <= _MOST_FOLLOWED

    def _top(self, path: str) -> str:
        *folders, name = path.split("/")
        inside = len(folders)
        while inside and self._is_file("/".join([*folders[:inside], "__init__.py"])):
            inside -= 1
        return folders[inside] if inside < len(folders) else name.removesuffix(".py")

    def _is_file(self, path: str) -> bool:
        return self.disk.size(path) is not None

    def _compiled(self, path: str) -> int | None:
        """Bytes of the extension module that lies where a module's source would; None where there is none."""
        folder, _, name = path.rpartition("/")
        inside = f"{folder}/" if folder else ""
        if inside not in self._libraries and not self._is_file(f"{inside}__init__.py"):
            return None
        if folder not in self._extensions:
            files = [file for end in _COMPILED for file in self.disk.matches(f"{folder}/*{end}".lstrip("/"))]
            self._extensions[folder] = {file.rpartition("/")[2].partition(".")[0]: file for file in files}
        file = self._extensions[folder].get(name.removesuffix(".py"))
        return loaded_bytes(self.disk, file) if file is not None else None

    # --- links ------------------------------------------------------------------------------------------------------

    def _link(self, node: Node) -> None:
        # where it is known what is there, what waits for anything else, such as a variable of the shell, is taken to
        # wait in vain
        known = self.footprints.knows_environment
        eager = node.outline.eager
        wanted = [item for item in eager if not item.optional or (known and not item.conditional)]
        tried = [item for item in eager if item.optional and not known]
        files, node.third, unknown = self.resolved(node.path, wanted, node.library)
        more, node.optional, _ = self.resolved(node.path, tried, node.library)
        node.first = frozenset(files | more)
        if node.library or node.path.endswith(".pyx"):
            return  # it works as it was installed, or built
        node.unknown = unknown
        self.unmeasured |= unknown
        self.missing.update(self._absent(node.path, [item for item in wanted if not item.optional]))

    def _absent(self, path: str, imports: Iterable[Imported]) -> Iterator[str]:
        """Libraries among these imports that are not installed."""
        for item in imports:
            top = item.module.partition(".")[0]
            if self._first_party(path, item) is None and self.footprints.is_missing(top):
                yield top

    def resolved(
        self, path: str, imports: Iterable[Imported], library: str = ""
    ) -> tuple[set[int], int, frozenset[str]]:
        """Files and measured modules that some imports of a file name, and the libraries of which nothing is known."""
        files: set[int] = set()
        modules, unknown = 0, set[str]()
        folder = path.rpartition("/")[0]
        for item in imports:
            key = (folder, library, item.level, item.module, item.names)
            known = self._resolved.get(key)
            if known is None:
                if len(self._resolved) >= _MOST_RESOLVED:
                    self._resolved.clear()
                known = self._resolved[key] = self._resolve(path, item, library)
            files.update(known.files)
            modules |= known.modules
            unknown |= known.unknown
        return files, modules, frozenset(unknown)

    def _resolve(self, path: str, item: Imported, library: str) -> Resolved:
        found = self._first_party(path, item)
        if found is not None:
            return Resolved(frozenset(self._numbers(found, library)), 0, frozenset())
        top = item.module.partition(".")[0]
        bits = {name: self._third_party(name) for name in _dotted(item)}
        modules = 0
        for each in bits.values():
            modules |= each
        if all(bits[name] or self._is_known(name, top) for name in bits):
            return Resolved(frozenset(), modules, frozenset())
        installed = frozenset(self._installed_files(item, top))
        return Resolved(installed, modules, frozenset() if installed else frozenset({top}))

    def _numbers(self, paths: Iterable[str], library: str) -> set[int]:
        numbers = (self.node(path, library) for path in paths)
        return {number for number in numbers if number is not None}

    def _installed_files(self, item: Imported, library: str) -> set[int]:
        """The files of a library, beside the suite, that an import loads."""
        for folder in self._libraries:
            base = folder.rstrip("/").split("/") if folder else []
            files = self._numbers(_candidates(base, item.module.split("."), item.names), library)
            if files:
                return files
        return set()

    def _is_known(self, name: str, top: str) -> bool:
        return top in sys.stdlib_module_names or top in _SESSION or self.footprints.is_missing(name)

    def _third_party(self, name: str) -> int:
        measured = self.footprints.resolve(name)
        return 0 if measured is None else self._bit(measured)

    def _bit(self, name: str) -> int:
        if name not in self._bits:
            self._bits[name] = 1 << len(self._names)
            self._names.append(name)
        return self._bits[name]

    def _first_party(self, path: str, item: Imported) -> list[str] | None:
        """The files that an import may load, or None for a library's."""
        folders = path.split("/")[:-1]
        parts = item.module.split(".") if item.module else []
        if item.level:
            base = folders[: len(folders) - item.level + 1]
            return _candidates(base, parts, item.names)
        for base in self._bases(folders):
            if self._is_installed("/".join(base)) and folders[len(base) : len(base) + 1] != parts[:1]:
                continue  # what lies beside an installed package is another library
            stem = "/".join([*base, parts[0]])
            if self._is_file(f"{stem}/__init__.py") or self._is_file(f"{stem}.py"):
                return _candidates(base, parts, item.names)
        return None

    def _is_installed(self, base: str) -> bool:
        return bool(self.disk.matches(f"{base}/*.dist-info" if base else "*.dist-info"))

    def _bases(self, folders: list[str]) -> Iterator[list[str]]:
        """Folders that imports of a file may be found in, as far as pytest and installers put them on the path."""
        top = len(folders)
        while top > 0 and self._is_file("/".join([*folders[:top], "__init__.py"])):
            top -= 1
        yield folders[:top]
        if top < len(folders):
            yield [*folders[:top], "src"]
            return  # an installed or rooted package: what lies beside it is reached from its base alone
        for end in range(top - 1, -1, -1):
            yield [*folders[:end], "src"]
            yield folders[:end]

    # --- closures ---------------------------------------------------------------------------------------------------

    def closure(self, numbers: Iterable[int], start: Closure) -> Closure:
        """Everything that importing these product files loads, beside what ``start`` holds."""
        parts = [start, *map(self._reach, sorted(numbers))]
        files = modules = optional = 0
        for part in parts:
            files |= part.files
            modules |= part.modules
            optional |= part.optional
        return Closure(files, modules, optional, frozenset().union(*(part.unknown for part in parts)))

    def _reach(self, start: int) -> Closure:
        known = self._closures.get(start)
        if known is None:
            seen, waiting = {start}, [start]
            modules, optional, unknown = 0, 0, set[str]()
            while waiting:
                node = self.nodes[waiting.pop()]
                modules |= node.third
                optional |= node.optional
                unknown |= node.unknown
                new = node.first - seen
                seen |= new
                waiting += new
            known = Closure(sum(1 << number for number in seen), modules, optional, frozenset(unknown))
            self._closures[start] = known
        return known

    def loaded(self, modules: int) -> Footprint:
        """What importing a set of measured modules costs above a bare interpreter; many files import the same ones."""
        if modules not in self._loaded:
            if len(self._loaded) >= _MOST_LOADED:
                self._loaded.clear()
            self._loaded[modules] = self.footprints.footprint(self.module_names(modules))
        return self._loaded[modules]

    def bits(self, names: Iterable[str]) -> int:
        """The set of these measured modules."""
        out = 0
        for name in names:
            out |= self._bit(name)
        return out

    def module_names(self, modules: int) -> list[str]:
        """The measured modules of a set."""
        return [self._names[number] for number in members(modules)]

    def of_libraries(self, modules: int, tops: Collection[str]) -> int:
        """Those modules of a set that lie in libraries of these names, or in the standard library."""
        out = modules
        for number in members(modules):
            top = self._names[number].partition(".")[0]
            if top not in tops and top not in sys.stdlib_module_names:
                out ^= 1 << number
        return out

    def folders(self, files: int) -> frozenset[str]:
        """The top-level packages that a set of first-party files lies in."""
        if files not in self._folders:
            self._folders[files] = frozenset(self._find_folders(files))
        return self._folders[files]

    def _find_folders(self, files: int) -> Iterator[str]:
        for number in members(files):
            node = self.nodes[number]
            inside, mark, _ = f"/{node.path}".partition(f"/{node.top}/")
            if mark and not node.library:
                yield f"{inside}/{node.top}".lstrip("/")

    def weigh(self, files: int) -> Own:
        """What a set of first-party files is made of."""
        if files not in self._weighed:
            nodes = [self.nodes[number] for number in members(files)]
            self._weighed[files] = Own(
                sum(node.outline.size for node in nodes),
                sum(node.outline.size for node in nodes if REWRITTEN.search(node.path)),
                sum(node.compiled for node in nodes),
                frozenset(node.top for node in nodes if not node.library),
                frozenset(node.library for node in nodes if node.library),
            )
        return self._weighed[files]


def _dotted(item: Imported) -> list[str]:
    """The names that an import may load, each with the module it is of."""
    return [f"{item.module}.{name}" for name in item.names] or [item.module]


def _cython(path: str) -> str:
    """Where the source of a module lies that Cython compiles."""
    return f"{path.removesuffix('.py')}.pyx"


def members(bits: int) -> list[int]:
    """The numbers of a set of bits, in order."""
    return [number for number, bit in enumerate(reversed(f"{bits:b}")) if bit == "1"]


def _candidates(base: list[str], parts: list[str], names: tuple[str, ...]) -> list[str]:
    out = []
    for end in range(1, len(parts) + 1):
        stem = "/".join([*base, *parts[:end]])
        out += [f"{stem}/__init__.py", f"{stem}.py"]
    stem = "/".join([*base, *parts])
    if not parts:
        out.append(f"{stem}/__init__.py")
    for name in names:
        out += [f"{stem}/{name}.py", f"{stem}/{name}/__init__.py"]
    return out
