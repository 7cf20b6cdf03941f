"""Which files beside the linted ones are worth reading: test support always, product code as far as it may matter.

A glance at the text decides, and is kept between runs, since a large product has thousands of files.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import msgspec

from memlint.analysis.verbs import CLOSING, counterparts
from memlint.cache import FileCache
from memlint.config import Settings
from memlint.discovery import Role, role_of
from memlint.facts import digest_of, encode
from memlint.knowledge.index import ApiIndex

_SUPPORT_NAMES = re.compile(r"(^|_)(testing|test_?utils?|conftest)(_|$)")
# products have these as well
_MAYBE_SUPPORT = re.compile(r"(^|_)(helpers?|fixtures?|factories|factory)(_|$)")
_TESTING_IMPORT = re.compile(
    rb"^\s*(?:import|from)\s+(?:pytest|(unittest)(?!\.mock|\s+import\s+mock))\b", re.MULTILINE
)
# products raise SkipTest and call unittest.main() as well
_OF_TEST_CASES = re.compile(rb"\b(?:\w*TestCase|skipIf|skipUnless|expectedFailure|TestSuite|TestLoader)\b")
_ALLOCATES = re.compile(rb"\b(?:zeros|ones|empty|full|bytearray|toarray|todense)\(")
_DRAWING = r"\b(?:plt|pyplot)\.(?:figure|subplots?)\("
_CLOSES = re.compile(rf"^\s+def (?:{'|'.join(CLOSING)})\(self".encode(), re.MULTILINE)
_DEFINITION = re.compile(rb"^\s*(?:async\s+)?def\s+([A-Za-z_]\w*)", re.MULTILINE)
_LOOKED_AT = 1_000_000  # bytes of a file
_SMALL_PACKAGE = 20_000  # bytes
# product code that may be parsed beside the suite, so that a large product does not decide what linting costs
_PRODUCT_BYTES = 300_000
_ACQUIRING_SHARE = 0.2  # of the suite's bytes, for code that acquires or loads
_ALLOCATING_SHARE = 0.05  # for code that only allocates


class Glance(msgspec.Struct, array_like=True, frozen=True):
    """What the text of a file tells without a parse."""

    size: int = 0  # bytes
    for_tests: bool = False  # it imports a testing library
    acquires: bool = False  # it names calls that acquire or load
    allocates: bool = False  # it names calls that allocate, or defines what can be closed or undone


class ProductCode:
    """Decides about files that the suite imports. ``budget`` counts the product code read so far."""

    def __init__(self, root: Path, settings: Settings, index: ApiIndex, cache: FileCache[Glance]) -> None:
        self.root = root
        self.settings = settings
        self.cache = cache
        self.acquires = _acquiring(index)
        self.linted_bytes = 0
        self.spent = 0  # bytes

    def is_support(self, path: str) -> bool:
        """Whether a file is part of the suite although nobody asked for it."""
        if role_of(path, self.settings) is not Role.PRODUCT:
            return True
        stem = posixpath.basename(path).removesuffix(".py")
        if _SUPPORT_NAMES.search(stem) or (_MAYBE_SUPPORT.search(stem) and self._beside_tests(path)):
            return True
        return not path.startswith("src/") and self.glance(path).for_tests

    def _beside_tests(self, path: str) -> bool:
        """Whether a test module or a conftest lies in the same folder."""
        folder = (self.root / path).parent
        return (folder / "conftest.py").exists() or any(True for _ in folder.glob("test*.py"))

    def may_matter(self, path: str) -> bool:
        """Whether product code is worth its parse: it acquires, loads or allocates, and the allowance is not spent."""
        seen = self.glance(path)
        if path.endswith("__init__.py") and seen.size < _SMALL_PACKAGE:
            return True  # it may pass on what matters
        share = _ACQUIRING_SHARE if seen.acquires else _ALLOCATING_SHARE if seen.allocates else 0
        if self.spent + seen.size > share * self.linted_bytes + _PRODUCT_BYTES * bool(share):
            return False
        self.spent += seen.size
        return True

    def glance(self, path: str) -> Glance:
        """Look at a file; one that cannot be read is as good as empty."""
        file = self.root / path
        key = str(file)
        try:
            stat = file.stat()
            known = self.cache.fresh(key, stat)
            if known is not None:
                return known
            content = file.read_bytes()
        except (OSError, ValueError):
            self.cache.missing(key)
            return Glance()
        seen = self._look(content[:_LOOKED_AT])
        self.cache.put(key, stat, digest_of(content), encode(seen))
        return seen

    def _look(self, content: bytes) -> Glance:
        return Glance(
            len(content),
            _is_about_testing(content),
            bool(self.acquires.search(content)),
            bool(_ALLOCATES.search(content) or _CLOSES.search(content)) or _defines_pair(content),
        )


def _is_about_testing(content: bytes) -> bool:
    """Whether a module imports pytest, or unittest for more than to raise or to run something of it."""
    libraries = {found[1] for found in _TESTING_IMPORT.finditer(content)}
    return None in libraries or bool(libraries and _OF_TEST_CASES.search(content))


def _defines_pair(content: bytes) -> bool:
    """Whether a module defines a function and another one that undoes it: ``start_broker``, ``stop_broker``."""
    names = {name.decode() for name in _DEFINITION.findall(content)}
    return any(not names.isdisjoint(counterparts(name)[0]) for name in names)


def _acquiring(index: ApiIndex) -> re.Pattern[bytes]:
    """Imports of libraries whose calls acquire something, and calls that read a file whole."""
    modules: set[str] = set()
    readers: set[str] = {"open"}
    for name, entries in index.calls.items():
        if any(entry.acquire for entry in entries):
            modules.add(name.split(".")[0])
        if any(entry.load for entry in entries) and name.count(".") == 1:
            readers.add(name.rpartition(".")[2])
    modules -= {"builtins", "os", "io", "pathlib", "numpy", "pandas", "matplotlib"}
    imports = rf"^\s*(?:import|from)\s+(?:{'|'.join(sorted(modules))})\b"
    calls = rf"\b(?:{'|'.join(sorted(readers))})\(|{_DRAWING}"
    return re.compile(f"{imports}|{calls}".encode(), re.MULTILINE)
