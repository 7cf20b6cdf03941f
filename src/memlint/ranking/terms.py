"""The terms of a predicted peak, as they are read from a file, before any weight."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from memlint.analysis.footprint import Parts
from memlint.analysis.project import Module
from memlint.discovery import ancestor_conftests
from memlint.knowledge.footprints import SESSION
from memlint.knowledge.ranking import Weights
from memlint.ranking.children import Started, starts_processes
from memlint.ranking.data_files import DataFile, DataFiles
from memlint.ranking.graph import Closure, Entry, ImportGraph, Node
from memlint.ranking.installed import plugins
from memlint.ranking.just_in_time import COMPILER
from memlint.ranking.reach import Reach, Reached
from memlint.units import parse_bytes

# sure: a table knows the callee; unsure: nothing is known of it;
# stored: it starts nothing itself, it hands the number on; called: a function that the file names starts them
Trust = Literal["sure", "unsure", "stored", "called"]
_MOST_WORKERS = 64  # more are never meant to run at once


@dataclass(frozen=True, slots=True)
class Loads:
    """What a process imports. Bytes."""

    modules: int  # measured modules, above a bare interpreter
    first_party: int  # source of the product's modules
    compiled: int  # files of its extension modules


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that a file's tests start at once. ``number`` counts them on the target machine."""

    kind: str  # pool, fork, child or compiler
    number: int
    trust: Trust
    bytes: int | None  # of one, when it is no Python of this suite
    path: str
    line: int
    text: str
    loads: Loads | None = None  # what the script that it runs, or that starts it, imports


@dataclass(frozen=True, slots=True)
class Late:
    """Modules that are imported when a function runs."""

    bytes: int  # beyond what is loaded by then
    depth: int
    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """A library that a test file imports itself, and so uses: what the first use adds to the import. Bytes."""

    bytes: int
    line: int
    module: str


@dataclass(frozen=True, slots=True)
class FileTerms:
    """What is known of a test file apart from its tests' own allocations. Bytes."""

    path: str
    source: int  # of the test file itself
    imports: int  # measured modules, above a bare interpreter
    optional: int  # what modules add that the files get along without
    parts: tuple[tuple[str, int], ...]  # the largest of them, without what pytest loads by itself
    first_party: int  # source of the product's modules that are loaded
    unknown: tuple[str, ...]
    late: tuple[Late, ...]
    workers: tuple[Workers, ...]
    rewritten: int = 0  # source of other test modules and conftests that come with it
    compiled: int = 0  # files of the product's extension modules that are loaded
    inherited: float = 0.0  # cases of tests that the file's classes have from their bases
    libraries: tuple[str, ...] = ()  # unmeasured: ``first_party`` and ``compiled`` count their files, too
    data: tuple[DataFile, ...] = ()  # large files that it, or what it leads to, names
    size_named: tuple[int, int] | None = (
        None  # the largest round number that it gives a name to, and its line
    )
    compiled_here: tuple[int, ...] = ()  # its lines that mark functions to be compiled when they are called
    compiled_elsewhere: int = 0  # such functions that it leads to
    skipped: str = ""  # the missing library without which the whole file is skipped
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class TestTerms:
    """What one test adds."""

    name: str
    cases: float | None  # None when they cannot be counted
    parts: Parts
    first_line: int
    last_line: int
    left: Parts = ()  # by each case, for the rest of the session
    opt_in: bool = False  # it runs only in a session that is asked for tests of its kind


class _Needs(NamedTuple):
    """What the imports of a function name: bits of files and of measured modules."""

    files: int
    modules: int


class TermReader:
    """Reads the terms of files from the import graph."""

    def __init__(self, graph: ImportGraph, cores: int) -> None:
        self.graph = graph
        self.reach = Reach(graph)
        self.data = DataFiles(graph.disk)
        self.cores = cores
        self._needs: dict[tuple[str, int], _Needs] = {}  # by path and line of a function of the project
        footprints = graph.footprints
        # a probed session has loaded the plugins that are installed there
        further = () if footprints.probed is not None else plugins(graph.disk)
        loaded = {footprints.resolve(name): None for name in (SESSION, *further)}
        self.started = tuple(name for name in loaded if name in footprints.table.module)  # by every session
        self._session_bits = graph.bits(self.started)
        self.session = frozenset[str]().union(*map(footprints.closure, self.started))

    def of_file(self, module: Module) -> FileTerms:
        """The terms of one file; a file that cannot be read has those of an empty one."""
        entry = self.graph.entry(module.path)
        skip = self.graph.skip(entry)
        if skip is not None:
            entry = self.graph.until(entry, skip.line)
        outline = entry.outline
        closure = self._closure(entry.node)
        modules = self._session_bits | closure.modules
        loaded = self.graph.loaded(modules)
        own = self.graph.weigh(closure.files)
        # a library that is the project itself is read file by file: its figure would count it twice
        parts = tuple(part for part in loaded.parts if part[0].partition(".")[0] not in own.tops)
        reached = self.reach.functions(outline, closure.files)
        compiles = COMPILER in own.tops or self._loads(COMPILER, closure)
        return FileTerms(
            module.path,
            outline.size,
            sum(size for _, size in parts),
            self.graph.loaded(modules | closure.optional).bytes - loaded.bytes,
            tuple(part for part in parts if part[0] not in self.session)[:4],
            own.source,
            tuple(sorted(closure.unknown)),
            tuple(self._late(entry, closure, reached)),
            tuple(self._workers(entry, closure, reached)),
            rewritten=own.rewritten,
            compiled=own.compiled,
            libraries=tuple(sorted(own.libraries)),
            data=() if skip is not None else tuple(self._data(entry, closure, reached)),
            size_named=outline.size_named,
            compiled_here=outline.compiled if compiles else (),
            compiled_elsewhere=sum(item.function.compiled for item in reached) if compiles else 0,
            skipped=skip.module if skip is not None else "",
            uses=tuple(self._uses(entry, own.tops)) if skip is None else (),
        )

    def _uses(self, entry: Entry, own: Collection[str]) -> Iterator[Use]:
        """The libraries that the file imports itself, as far as their first use costs anything."""
        footprints = self.graph.footprints
        lines: dict[str, int] = {}
        for item in entry.outline.imports:
            if item.level or item.conditional or (item.optional and not footprints.knows_environment):
                continue
            for name in (item.module, *(f"{item.module}.{name}" for name in item.names)):
                library = footprints.resolve_use(name)
                if library is not None and library.partition(".")[0] not in own:
                    lines.setdefault(library, item.line)
        for library, line in lines.items():
            yield Use(footprints.table.first_use[library].bytes, line, library)

    def _loads(self, library: str, closure: Closure) -> bool:
        names = self.graph.module_names(closure.modules)
        return library in (name.partition(".")[0] for name in names)

    def imports_of(self, path: str) -> tuple[Closure, int]:
        """What collecting a file imports, and the modules that functions it leads to import when they run."""
        entry = self.graph.entry(path)
        outline = entry.outline
        closure = self._closure(entry.node)
        reached = self.reach.functions(outline, closure.files)
        modules = 0
        for place, function in [
            *((path, function) for function in outline.functions),
            *((item.path, item.function) for item in reached),
        ]:
            files, direct, _ = self.graph.resolved(place, function.imports)
            later = self.graph.closure(files, Closure(0, direct, 0, frozenset()))
            modules |= later.modules | later.optional
        return closure, modules

    def _closure(self, node: Node) -> Closure:
        """The file's eager imports, those of the conftests above it, and the packages that hold it."""
        numbers = set(node.first)
        folders = node.path.split("/")[:-1]
        around = ["/".join([*folders[:end], "__init__.py"]) for end in range(len(folders), 0, -1)]
        for path in [*ancestor_conftests(node.path), *around]:
            number = self.graph.node(path)
            if number is not None:
                numbers.add(number)
        return self.graph.closure(numbers, Closure(0, node.third, node.optional, node.unknown))

    def _data(self, entry: Entry, closure: Closure, reached: list[Reached]) -> Iterator[DataFile]:
        """Large files that the file names: in strings, by constants of its project, or by functions it leads to."""
        constants = self.reach.constants(entry.outline.words, closure.files)
        names = {*entry.outline.files, *(name for named in constants.values() for name in named)}
        names.update(name for item in reached for name in item.function.files)
        if not names:
            return
        for folder in sorted({*self.graph.folders(closure.files), entry.node.path.rpartition("/")[0]} - {""}):
            below = self.data.below(folder)
            yield from (below[name] for name in sorted(names & below.keys()))

    # --- late imports -----------------------------------------------------------------------------------------------

    def _late(self, entry: Entry, closure: Closure, reached: list[Reached]) -> Iterator[Late]:
        loaded = replace(closure, modules=closure.modules | closure.optional)
        known = self.graph.module_names(closure.modules | closure.optional)
        present = {name.partition(".")[0] for name in known} | entry.outline.words
        mine = [
            Reached(entry.node.path, function, 0) for function in entry.outline.functions if function.imports
        ]
        for item in [*mine, *reached]:
            needs = self._needs.get((item.path, item.function.line))
            if needs is not None and not needs.files & ~closure.files and not needs.modules & ~loaded.modules:
                continue
            imports = item.function.imports
            if item.depth and not item.path.endswith("conftest.py"):
                # product code imports for other users too: what the test file itself never speaks of is optional
                imports = tuple(i for i in imports if i.level or i.module.partition(".")[0] in present)
            if not imports:
                continue
            files, modules, unknown = self.graph.resolved(item.path, imports)
            if imports == item.function.imports and item.depth:
                self._needs[item.path, item.function.line] = _Needs(
                    sum(1 << number for number in files), modules
                )
            if not modules & ~loaded.modules and all(closure.files >> number & 1 for number in files):
                continue  # all of it has been loaded with the file
            start = Closure(loaded.files, loaded.modules | modules, loaded.optional, loaded.unknown | unknown)
            after = self.graph.closure(files, start)
            if item.depth and not item.path.endswith("conftest.py"):
                spoken_of = self.graph.of_libraries(after.modules & ~loaded.modules, present)
                after = replace(after, modules=spoken_of | loaded.modules)
            added = self.graph.loaded(after.modules).bytes - self.graph.loaded(loaded.modules).bytes
            new = self.graph.module_names(after.modules & ~loaded.modules)
            loaded = after
            if added > 0:
                text = f"{', '.join(sorted(new)[:3])} in {item.function.name}()"
                yield Late(added, item.depth, item.path, imports[0].line, text)

    # --- workers ----------------------------------------------------------------------------------------------------

    def _workers(self, entry: Entry, closure: Closure, reached: list[Reached]) -> Iterator[Workers]:
        own = entry.outline.started
        named = [item for item in reached if _is_direct(item)]
        called = [(item, started) for item in named for started in item.function.started]
        every = [*own, *(started for _, started in called)]
        any_child = any(started.kind == "child" or started.scripted for started in every)
        loads = self._scripts(entry) if any_child else None
        for started in own:
            trust = self._trust(started, closure)
            if trust is not None:
                yield self._one(started, trust, entry.node.path, 0, loads)
        for item, started in called:
            if started.kind != "threads" and not (started.count < 0 and started.kind == "pool"):
                yield self._one(started, "called", item.path, item.function.line, loads)

    def _scripts(self, entry: Entry) -> Loads | None:
        """What the code in a file's strings imports; None where it says nothing."""
        if not entry.outline.scripts:
            return None
        files, modules, _ = self.graph.resolved(entry.node.path, entry.outline.scripts)
        closure = self.graph.closure(files, Closure(0, modules, 0, frozenset()))
        own = self.graph.weigh(closure.files)
        return Loads(self.graph.loaded(closure.modules).bytes, own.source, own.compiled)

    def _trust(self, started: Started, closure: Closure) -> Trust | None:
        """How far a number of workers given to a callee means processes; None where it means threads."""
        if started.kind == "threads":
            return None
        if started.sure:
            return "sure"
        home = self.reach.module_of_class(started.callee, closure.files)
        if home is None or home.outline.starts:
            return None if home is not None and home.outline.threads else "unsure"
        inherited = [base for base in home.outline.bases.get(started.callee, ()) if starts_processes(base)]
        return "sure" if inherited else "stored"

    def _one(self, started: Started, trust: Trust, path: str, line: int, loads: Loads | None) -> Workers:
        number = started.count if started.count >= 0 else max(1, self.cores + 1 + started.count)
        size = parse_bytes(started.bytes) if started.bytes else None
        noun = "process" if number == 1 else "processes"
        text = f"{min(number, _MOST_WORKERS)} {noun} of {started.callee}()"
        return Workers(
            started.kind,
            min(number, _MOST_WORKERS),
            trust,
            size,
            path,
            line + started.line - 1 if line else started.line,
            text,
            loads if started.kind == "child" or started.scripted else None,
        )


def _is_direct(item: Reached) -> bool:
    """Whether the file itself names a function, or a fixture of a conftest is made by it."""
    return not item.function.owner and item.depth <= (2 if item.path.endswith("conftest.py") else 1)


def cases_of(tests: Iterable[TestTerms], weights: Weights) -> float:
    """How many cases the tests have together; those that cannot be counted by the weight for them."""
    return sum(test.cases if test.cases is not None else weights.unknown_cases for test in tests)
