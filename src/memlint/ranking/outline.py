"""What ranking reads of one source file.

Of a module that is imported, its imports, and what its functions import, start and read when something calls them. Of a
file that a session begins with, what it says itself: nobody else calls its tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_letters, digits

import msgspec

from memlint.ranking.children import Started, is_called, may_start, started_in, starters_called
from memlint.ranking.data_files import constants_in, files_in
from memlint.ranking.just_in_time import compiled_in, may_compile
from memlint.ranking.named_sizes import largest_size
from memlint.syntax.imports import Imported, Scan, Scope, blanked, quoted_imports, scan, scan_imports

_WORD = re.compile(r"\w+\(?")  # with the parenthesis of a call
_FUNCTION = re.compile(r"^[ \t]*(?:async[ ]+)?def[ ]+\w", re.MULTILINE)
_MOST_DECORATORS = 2_000  # characters of a function's decorators
_LETTERS = frozenset(f"_{ascii_letters}")
_APART = bytes(code if code > 127 or chr(code) in f"_{ascii_letters}{digits}" else 32 for code in range(256))
_STARTING = frozenset({"Parallel", "Pool", "ProcessPoolExecutor", "Process", "get_reusable_executor"})
_THREADS = re.compile(r"""["'](?:threads|threading|sharedmem)["']|\bThreadPool""")
_THREAD_WORDS = frozenset({"threads", "threading", "sharedmem"})


class Function(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A function of a first-party file that may import or start something when it runs."""

    name: str
    owner: str
    line: int
    calls: frozenset[str]
    imports: tuple[Imported, ...]
    started: tuple[Started, ...]
    files: tuple[str, ...] = ()  # data files that it names
    compiled: bool = False  # when it is first called, or it has others compiled

    @property
    def costs(self) -> bool:
        """Whether running it costs anything that can be seen, beside what it calls."""
        return bool(self.imports or self.started or self.files or self.compiled)


class Outline(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A module, as far as its own text tells."""

    size: int = 0  # characters of source
    eager: tuple[Imported, ...] = ()
    functions: tuple[Function, ...] = ()
    bases: dict[str, tuple[str, ...]] = {}  # of its classes
    starts: bool = False  # whether it names something that starts processes
    threads: bool = False  # whether it asks for threads
    constants: dict[str, tuple[str, ...]] = {}  # data files that its own names stand for


class EntryOutline(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A file that a session begins with, as far as its own text tells."""

    size: int = 0  # characters of source
    eager: tuple[Imported, ...] = ()
    functions: tuple[Function, ...] = ()  # those that import something when they run
    classes: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    started: tuple[Started, ...] = ()
    scripts: tuple[Imported, ...] = ()  # of a test file: what code in its strings imports
    files: tuple[str, ...] = ()  # data files that it names
    size_named: tuple[int, int] | None = None  # the largest round number a test file names; its line
    compiled: tuple[int, ...] = ()  # lines of a test file that mark functions to be compiled when called

    @property
    def imports(self) -> Iterator[Imported]:
        """All imports of the file, anywhere in it."""
        yield from self.eager
        for function in self.functions:
            yield from function.imports


def outline(text: str) -> Outline:
    """Read the text of a module."""
    code = blanked(text)
    found = scan(code)
    words = _words(text)
    starting = may_start(text, starters_called(text, words))
    said = code if found.scopes else text
    files = files_in(said)
    reader = _Functions(
        code, _roots(_imports(found)), starting, may_compile(said), files, constants_in(text, files)
    )
    return Outline(
        len(text),
        found.eager,
        tuple(map(reader.function, found.scopes)),
        found.bases,
        any(is_called(name, text) for name in _STARTING & words),
        not (_THREAD_WORDS.isdisjoint(words) and "ThreadPool" not in text) and bool(_THREADS.search(text)),
        reader.constants,
    )


def entry_outline(text: str) -> EntryOutline:
    """Read the text of a file that a session begins with."""
    code = blanked(text)
    found = scan_imports(code)
    tests = "def test" in text
    scripts = quoted_imports(text, code) if tests else ()
    roots = {**_roots(scripts), **_roots(_imports(found))}
    words = _words(text)
    called = starters_called(text, words)
    defines = bool(_FUNCTION.search(code))
    said = code if defines else text
    return EntryOutline(
        len(text),
        found.eager,
        tuple(_waiting(code, scope) for scope in found.scopes if scope.imports),
        frozenset(found.bases),
        words,
        tuple(_started(text, code if defines else "", roots, called)) if may_start(text, called) else (),
        scripts,
        files_in(said),
        largest_size(said) if tests else None,
        tuple(compiled_in(said, roots)) if tests and may_compile(said) else (),
    )


def _waiting(code: str, scope: Scope) -> Function:
    """A function, as far as its imports go."""
    imports = (*scope.imports, *_attributes(code[scope.start : scope.end], scope.imports))
    return Function(scope.name, scope.owner, scope.line, frozenset(), imports, ())


def _started(text: str, code: str, roots: Mapping[str, str], called: frozenset[str]) -> Iterator[Started]:
    """What a text starts; what stands in a string that spans lines, and not in ``code``, is a script's."""
    own = {(item.line, item.callee) for item in started_in(code, roots, called)} if code else None
    for item in started_in(text, roots, called):
        scripted = own is not None and (item.line, item.callee) not in own
        yield msgspec.structs.replace(item, scripted=True) if scripted else item


def _words(text: str) -> frozenset[str]:
    """Every name in a text."""
    if not text.isascii():
        for other in set(text):
            if not (other.isascii() or other.isalnum()):
                text = text.replace(other, " ")
    found = text.encode().translate(_APART).decode().split()
    return frozenset(word for word in set(found) if word[0] in _LETTERS)


def _calls(code: str) -> frozenset[str]:
    """Every name that is called in a text."""
    return frozenset(
        word[:-1] for word in set(_WORD.findall(code)) if word[-1] == "(" and word[0] in _LETTERS
    )


def _imports(found: Scan) -> Iterator[Imported]:
    """All imports of a file, anywhere in it."""
    yield from found.eager
    for scope in found.scopes:
        yield from scope.imports


def _roots(imports: Iterable[Imported]) -> Mapping[str, str]:
    """The local names that imports bind, with the library each comes from."""
    out: dict[str, str] = {}
    for item in imports:
        library = item.module.partition(".")[0] if not item.level else "."
        out.update(dict.fromkeys(item.names or (item.bound,), library))
    return out


@dataclass(frozen=True, slots=True)
class _Functions:
    """Reads the functions of one text."""

    code: str  # docstrings blanked
    roots: Mapping[str, str]
    starting: bool  # whether anything in it starts workers
    compiling: bool  # whether anything in it is compiled when it is called
    files: tuple[str, ...]
    constants: dict[str, tuple[str, ...]]

    def function(self, scope: Scope) -> Function:
        """One function with its decorators, and attributes of lazily loaded submodules as imports of their own."""
        body = self.code[scope.start : scope.end]
        decorators = _decorators(self.code, scope.start)
        calls = _calls(decorators + body)
        started = (
            tuple(started_in(body, self.roots, calls)) if self.starting and may_start(body, calls) else ()
        )
        imports = (*scope.imports, *_attributes(body, scope.imports))
        compiled = self.compiling and any(compiled_in(f"{decorators}\n{body}", self.roots))
        return Function(
            scope.name, scope.owner, scope.line, calls, imports, started, self._files(body), compiled
        )

    def _files(self, body: str) -> tuple[str, ...]:
        """The data files that a body names, by itself or by constants of its module."""
        found = {name for name in self.files if name in body}
        for constant, names in self.constants.items():
            if constant in body:
                found.update(names)
        return tuple(sorted(found))


def _decorators(text: str, start: int) -> str:
    """The decorators of the function that begins here."""
    if text.endswith("\n\n", 0, start) or text.find("@", max(0, start - _MOST_DECORATORS), start) < 0:
        return ""
    lines = text[max(0, start - _MOST_DECORATORS) : start].split("\n")[:-1]
    first = len(lines)
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number].lstrip()
        if line.startswith("@"):
            first = number
        elif not line or line.startswith(("def ", "class ", "return", "import ")):
            break
    return "\n".join(lines[first:])


def _attributes(body: str, imports: list[Imported]) -> Iterator[Imported]:
    """``sp.stats`` after ``import scipy as sp``: some packages load a submodule when it is first asked for."""
    for item in imports:
        if item.bound and not item.level:
            for name in sorted(set(re.findall(rf"\b{re.escape(item.bound)}\.(\w+(?:\.\w+)?)", body))):
                module = item.module if item.bound != item.module.partition(".")[0] else item.bound
                yield Imported(item.line, 0, f"{module}.{name}")
