"""The modules of a suite, and what their imports mean."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from memlint import facts as f
from memlint.analysis.traverse import says
from memlint.analysis.values import Value


class Disk(Protocol):
    """What analyses may ask of the file system. Paths are POSIX, relative to the working directory."""

    def size(self, path: str) -> int | None:
        """Bytes of a file; None when it is not there."""

    def matches(self, pattern: str) -> list[str]:
        """The files that a glob pattern names."""

    def is_dir(self, path: str) -> bool:
        """Whether there is such a folder."""


@dataclass(eq=False, slots=True)
class Module:
    """A file of the project with its place in the package tree."""

    facts: f.FileFacts  # without its statements, where ``whole`` has them
    name: str  # dotted, from the topmost package
    linted: bool = True
    support: bool = False  # part of the suite although it was not asked for: conftest.py, helpers
    env: dict[str, Value] | None = None  # its globals, once evaluated
    evaluating: bool = False
    stars: list[Module] = field(default_factory=list)
    whole: Callable[[str], f.FileFacts] | None = None  # the facts with statements, by path
    kept: dict[str, Any] = field(default_factory=dict)  # what its statements alone have told an analysis
    path: str = field(init=False)  # POSIX, relative to the working directory
    folder: str = field(init=False)  # that it lies in
    is_package: bool = field(init=False)  # whether it is an ``__init__.py``
    package: str = field(init=False)  # that relative imports start from
    _body: tuple[f.Stmt, ...] | None = None

    def __post_init__(self) -> None:
        self.path = self.facts.path
        self.folder, file = posixpath.split(self.path)
        self.is_package = file == "__init__.py"
        self.package = self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def is_product(self) -> bool:
        """Whether it was read for what it offers to the suite, and is no part of the suite."""
        return not self.linted and not self.support

    @property
    def body(self) -> tuple[f.Stmt, ...]:
        """Its statements, decoded when they are first asked for."""
        if self._body is None:
            self._body = self.statements()
        return self._body

    def statements(self) -> tuple[f.Stmt, ...]:
        """Its statements for one look, after which nobody holds them, unless they are asked for anyway."""
        if self._body is not None:
            return self._body
        return f.statements_of(self.facts if self.whole is None else self.whole(self.path))

    def forget(self) -> None:
        """Let go of what was decoded and evaluated; it can be had again."""
        self._body = self.env = None
        self.stars = []


class Project:
    """All modules read so far, and a way to get more."""

    def __init__(
        self,
        files: Iterable[f.FileFacts],
        disk: Disk,
        loader: Callable[[str], f.FileFacts | None] | None = None,
        is_support: Callable[[str], bool] = lambda path: False,
        whole: Callable[[str], f.FileFacts] | None = None,
    ) -> None:
        """``loader`` returns the facts of a further file of the project, or None when it is not worth reading.

        ``is_support`` tells whether such a file is part of the suite. ``whole`` returns the facts of a file with its
        statements, where those that came have none, so that nobody holds the statements of all files.
        """
        self.disk = disk
        self.loader = loader
        self.is_support = is_support
        self.whole = whole
        self.modules: dict[str, Module] = {}
        self._mentioning: dict[str, tuple[int, tuple[Module, ...]]] = {}  # among how many modules
        self._packages: dict[str, bool] = {}
        self._found: dict[tuple[str, str], Module | None] = {}
        self._roots: dict[tuple[str, str], bool] = {}
        self._installed: dict[str, bool] = {}
        self._held: dict[tuple[str, str], bool] = {}
        self.follows_product = False  # whether imports of product code are followed into product code
        for facts in files:
            self.add(facts)

    def add(self, facts: f.FileFacts, linted: bool = True) -> Module:
        """Take a file in."""
        module = Module(
            facts,
            self.module_name(facts.path),
            linted,
            not linted and self.is_support(facts.path),
            whole=self.whole,
        )
        self.modules[facts.path] = module
        return module

    def mentioning(self, word: str) -> tuple[Module, ...]:
        """The modules that mention a name or an attribute, in the order in which they were read."""
        looked_at, found = self._mentioning.get(word, (0, ()))
        if looked_at < len(self.modules):
            found += tuple(
                module
                for module in islice(self.modules.values(), looked_at, None)
                if says(module.facts, word)
            )
            self._mentioning[word] = len(self.modules), found
        return found

    def module_name(self, path: str) -> str:
        """The dotted name of a file, counted from the topmost folder that is a package."""
        folder, file = posixpath.split(path)
        parts = [] if file == "__init__.py" else [file.removesuffix(".py")]
        while folder and self._is_package(folder):
            folder, name = posixpath.split(folder)
            parts.append(name)
        return ".".join(reversed(parts)) or file.removesuffix(".py")

    def _is_package(self, folder: str) -> bool:
        known = self._packages.get(folder)
        if known is None:
            known = self.disk.size(posixpath.join(folder, "__init__.py")) is not None
            self._packages[folder] = known
        return known

    def find(self, name: str, importer: Module) -> Module | None:
        """The project's module ``name`` as seen from ``importer``; None for a library's."""
        if not self._may_follow(importer):
            return None  # product code is read as far as the suite names it, and no further
        key = (importer.folder, name)
        if key not in self._found:
            self._found[key] = self._search(name, importer)
        return self._found[key]

    def _may_follow(self, importer: Module) -> bool:
        return self.follows_product or not importer.is_product or importer.is_package

    @contextmanager
    def following_product(self) -> Iterator[None]:
        """While it lasts, what product code imports of other product code is read too, where a question asks for it."""
        before, self.follows_product = self.follows_product, True
        try:
            yield
        finally:
            self.follows_product = before

    @contextmanager
    def not_following_product(self) -> Iterator[None]:
        """While it lasts, product code is read no further than the suite names it."""
        before, self.follows_product = self.follows_product, False
        try:
            yield
        finally:
            self.follows_product = before

    def first_party(self, name: str, importer: Module) -> Module | None:
        """Like ``find``, without searching the disk for names that cannot be the project's."""
        first = name.partition(".")[0]
        key = (importer.folder, first)
        if key not in self._roots:
            self._roots[key] = self.has_root(first, importer)
        return self.find(name, importer) if self._roots[key] else None

    def has_root(self, name: str, importer: Module) -> bool:
        """Whether a top-level name may belong to the project: a file or folder of that name lies above the importer."""
        folder = importer.folder
        while True:
            if self._is_site_packages(folder) and importer.name.partition(".")[0] != name:
                return False  # what lies beside an installed package is another library
            for base in (folder, posixpath.join(folder, "src")):
                if self._holds(base, name):
                    return True
            if not folder or folder == "/":
                return False
            folder = posixpath.dirname(folder)

    def _holds(self, folder: str, name: str) -> bool:
        """Whether a folder holds a module or a folder of this name."""
        known = self._held.get((folder, name))
        if known is None:
            stem = posixpath.join(folder, name)
            known = self.disk.is_dir(stem) or self.disk.size(f"{stem}.py") is not None
            self._held[folder, name] = known
        return known

    def _is_site_packages(self, folder: str) -> bool:
        known = self._installed.get(folder)
        if known is None:
            known = bool(self.disk.matches(posixpath.join(folder, "*.dist-info")))
            self._installed[folder] = known
        return known

    def find_relative(self, module: str, level: int, importer: Module) -> Module | None:
        """The module of ``from ..module import``."""
        if not self._may_follow(importer):
            return None
        folder = importer.folder
        for _ in range(level - 1):
            folder = posixpath.dirname(folder)
        return self._at(posixpath.join(folder, *module.split(".")) if module else folder)

    def _search(self, name: str, importer: Module) -> Module | None:
        first = name.partition(".")[0]
        if first in sys.stdlib_module_names and "." not in name and first not in {"test"}:
            return None
        relative = name.replace(".", "/")
        folder = importer.folder
        while True:
            for base in (folder, posixpath.join(folder, "src")):
                if not self._holds(base, first):
                    continue
                if base == importer.folder and self._is_package(folder):
                    continue  # inside a package, siblings are not importable by their bare names
                found = self._at(posixpath.join(base, relative))
                if found is not None:
                    return found
            if not folder or folder == "/":
                return None
            folder = posixpath.dirname(folder)

    def _at(self, stem: str) -> Module | None:
        for path in (f"{stem}.py", posixpath.join(stem, "__init__.py")):
            module = self.modules.get(path)
            if module is not None:
                return module
            if self.loader is not None and self.disk.size(path) is not None:
                facts = self.loader(path)
                if facts is not None:
                    return self.add(facts, linted=False)
        return None
