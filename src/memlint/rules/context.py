"""What a rule may ask, and how it drafts a finding."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from memlint import facts as f
from memlint.analysis.expectations import last_part
from memlint.analysis.lifetimes import Lifetimes
from memlint.analysis.objects import bytes_of
from memlint.analysis.project import Module, Project
from memlint.analysis.running import COLLECTED, has_tests, lies_between_tests
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import Body, Fixture, Suite
from memlint.analysis.traverse import says, statements
from memlint.analysis.values import Data, Num, Value
from memlint.knowledge.index import ApiIndex
from memlint.model import Budget, Confidence, Estimate, Related

_RUNNING = frozenset({"main", "run", "start", "exit", "serve_forever", "run_forever"})
MAX_BYTES = 2**62  # no machine grants more
BEYOND_BELIEF = (
    2**40
)  # bytes: no suite has a test that needs as much and passes, so the figure is likely wrong
_EXAMPLES = re.compile(
    r"(?i)(?:\w+[-_])?(?:examples?|demos?|samples?|snippets|docs?|docusaurus|typing|type_?checks?|typecheck\w*|mypy\w*|pyright\w*)"
)

_INPUT = re.compile(r"(?i)(?:\w+[-_])?(?:data|recipes|resources|assets|jobs|snapshots)(?:[-_]\w+)?")
_BENCH = re.compile(r"(?i)(?:bench|benchmarks?|plot|profile|profiling)(?:_\w+)?\.py\Z")

_BENCHES = frozenset({"bench", "benches", "benchmark", "benchmarks"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding before it is dressed: what, where, and how sure."""

    code: str
    at: f.Span
    message: str
    suggestion: str = ""
    confidence: Confidence | None = None  # None for the rule's own
    estimate: Estimate | None = None
    related: tuple[Related, ...] = ()
    module: Module | None = None  # where it lies, when not in the module being checked
    symbol: str | None = None
    nodeid: str | None = None


def _imports(module: Module, path: str, suite: Suite, at_once: bool = False) -> bool:
    """Whether a module imports the one at a path, at its top or, unless ``at_once``, in a function."""
    folders = path.removesuffix(".py").split("/")
    stem = folders[-1]
    blocks = [module.body]
    if not at_once:
        blocks += [f.body_of(body.function) for body in suite.of(module).bodies if says(body.function, stem)]
    return any(
        stem in parts and _is_it(parts[: parts.index(stem)], statement, module, folders[:-1])
        for block in blocks
        for statement, _ in statements(block)
        if isinstance(statement, f.Import)
        for parts in _named_by(statement)
    )


def _is_it(parents: list[str], node: f.Import, module: Module, folders: list[str]) -> bool:
    """Whether what an import of a module names under these parents may lie in these folders."""
    if not node.level:
        return _ends_alike(parents, folders)
    around = module.folder.split("/") if module.folder else []
    return [*around[: len(around) - node.level + 1], *parents] == folders


def _is_imported_at_once(module: Module, suite: Suite, seen: set[str]) -> bool:
    """Whether the import of what pytest collects, or loads before, brings a module in: through others, too."""
    stem = posixpath.basename(module.path).removesuffix(".py")
    for other in suite.project.mentioning(stem):
        if other.path not in seen and _imports(other, module.path, suite, at_once=True):
            seen.add(other.path)
            file = posixpath.basename(other.path)
            collected = file in {"conftest.py", "__init__.py"} or COLLECTED.match(file) is not None
            if collected or _is_imported_at_once(other, suite, seen):
                return True
    return False


def _named_by(node: f.Import) -> list[list[str]]:
    """The dotted names that an import may bring in, in parts: ``from shop.web import handler`` also the module."""
    if not node.is_from:
        return [name.split(".") for name in node.module.split()]
    base = node.module.split(".") if node.module else []
    return [base, *([*base, name] for _, name in node.bindings)]


def _ends_alike(parents: list[str], folders: list[str]) -> bool:
    """Whether a module of these parents may lie in these folders: one of ``rolo.gateway`` does not lie in ``src``."""
    shared = min(len(parents), len(folders))
    return shared == 0 or parents[-shared:] == folders[-shared:]


def _is_input(module: Module) -> bool:
    """Whether a module that pytest leaves alone lies in a folder of what tests give to the product: ``tests/data``."""
    file = posixpath.basename(module.path)
    if file in {"conftest.py", "__init__.py"} or COLLECTED.match(file):
        return False
    return any(map(_INPUT.fullmatch, module.folder.split("/")))


def _runs_a_program(statement: f.Stmt) -> bool:
    """``main()``, ``asyncio.run(...)``, ``if __name__ == "__main__":`` or ``options = parser.parse_args()`` at module
    level: what reads the command line there would read that of pytest, and end it.
    """
    if isinstance(statement, f.Assign) and isinstance(statement.value, f.Call) and not statement.value.args:
        return last_part(statement.value.func) == "parse_args"
    call = statement.value if isinstance(statement, f.ExprStmt) else None
    if isinstance(call, f.Call) and isinstance(call.func, f.Name):
        path = call.func.path
        return path.rpartition(".")[2] in _RUNNING or path in {"asyncio.run", "sys.exit"}
    return isinstance(statement, f.If) and f.Name("__name__") in (getattr(statement.test, "left", None),)


class Context(Struct, eq=False):
    """The analyses and settings, and the body at hand."""

    suite: Suite
    lifetimes: Lifetimes
    options: Mapping[str, Mapping[str, Any]]
    markers: tuple[str, ...]
    budget: Callable[[str, frozenset[str]], Budget | None]  # of a test: by its file and its markers
    measured: Mapping[str, int]  # node id → bytes that a test was seen to add
    module: Module
    body: Body | None = None

    @property
    def project(self) -> Project:
        """The project."""
        return self.suite.project

    @property
    def index(self) -> ApiIndex:
        """The API tables."""
        return self.suite.evaluator.index

    def option(self, code: str, name: str) -> Any:
        """A setting of a rule, parsed: bytes, a count, a bool or strings."""
        return self.options[code][name]

    def within(self, body: Body | None) -> Context:
        """The same, for another body."""
        return replace(self, body=body)

    @property
    def fixture(self) -> Fixture | None:
        """The fixture that the body is."""
        if self.body is None or self.body.role != "fixture":
            return None
        own = self.suite.of(self.body.module).fixtures.values()
        return next((fixture for fixture in own if fixture.body is self.body), None)

    @property
    def is_script(self) -> bool:
        """Whether the module is run by itself: its import would start or end a program, and it holds no test."""
        module, file = self.module, posixpath.basename(self.module.path)
        if file == "setup.py":
            return True  # builds a package, in a process of its own
        if file == "conftest.py" or not any(map(_runs_a_program, module.body)):
            return False
        if file.startswith("test") or file.endswith("_test.py"):
            return not any(body.role in {"test", "fixture", "setup"} for body in self.suite.of(module).bodies)
        return True

    @property
    def is_lone_script(self) -> bool:
        """Whether the module is a script or an example, and no other module imports it: no test session runs it."""
        file = posixpath.basename(self.module.path)
        if not file.removesuffix(".py").isidentifier() and not COLLECTED.match(file):
            return True  # no import statement can name it: ``child-scripts.py``
        if not (self.is_script or self._is_example or self._is_bench or self._is_drawing):
            return False
        return not any(self.is_script or self._is_imported_by(other) for other in self._others)

    @property
    def _is_drawing(self) -> bool:
        """Whether a file is named like tests, defines none, and shows what it draws: a script to look at."""
        suite = self.suite.of(self.module)
        shows = any(
            isinstance(statement, f.ExprStmt)
            and isinstance(statement.value, f.Call)
            and isinstance(statement.value.func, f.Name)
            and statement.value.func.path.rpartition(".")[2] in {"show", "savefig"}
            for statement in self.module.body
        )
        return shows and not any(body.role in {"test", "fixture", "setup", "hook"} for body in suite.bodies)

    @property
    def is_unimported(self) -> bool:
        """Whether pytest does not collect the module and no other one imports it: its import never happens."""
        file = posixpath.basename(self.module.path)
        if file in {"conftest.py", "__init__.py"} or (COLLECTED.match(file) and not self._is_named_for_tests):
            return False
        return not any(map(self._is_imported_by, self._others))

    @property
    def is_imported_late(self) -> bool:
        """Whether pytest does not collect the module and others import it in functions alone: once tests run."""
        file = posixpath.basename(self.module.path)
        if file in {"conftest.py", "__init__.py"} or COLLECTED.match(file):
            return False
        return any(map(self._is_imported_by, self._others)) and not _is_imported_at_once(
            self.module, self.suite, {self.module.path}
        )

    @property
    def _is_named_for_tests(self) -> bool:
        """Whether a file holds no test and is called ``server_for_tests.py``, which pytest's own pattern leaves out."""
        file = posixpath.basename(self.module.path)
        if not file.endswith("_tests.py") or file.startswith("test"):
            return False
        return all(body.role in {"helper", "method"} for body in self.suite.of(self.module).bodies)

    @property
    def is_left_behind(self) -> bool:
        """Whether the module lies between the tests of a whole suite, none of which imports it, and holds none itself:
        a program that somebody runs by hand, input of a build, a helper that nobody needs any more.
        """
        roles = {body.role for body in self.suite.of(self.module).bodies}
        if _is_input(self.module) and roles.isdisjoint({"test", "fixture", "hook"}) and has_tests(self.suite):
            return not any(map(self._is_imported_by, (x for x in self._others if not _is_input(x))))
        if not roles <= {"helper", "method"}:
            return False
        return self.is_unimported and lies_between_tests(self.suite, self.module)

    @property
    def _others(self) -> list[Module]:
        """The other modules that mention the name of this one."""
        stem = posixpath.basename(self.module.path).removesuffix(".py")
        return [other for other in self.project.mentioning(stem) if other is not self.module]

    def _is_imported_by(self, other: Module) -> bool:
        return _imports(other, self.module.path, self.suite)

    @property
    def _is_example(self) -> bool:
        """Whether the module lies among examples, or among what a type checker reads, and holds nothing to collect."""
        folder, _, file = self.module.path.rpartition("/")
        if file == "conftest.py" or not any(_EXAMPLES.fullmatch(part) for part in folder.split("/")):
            return False
        if not file.startswith("test") and not file.endswith("_test.py"):
            return True
        collected = {"test", "fixture", "setup", "teardown", "hook"}
        return not any(body.role in collected for body in self.suite.of(self.module).bodies)

    @property
    def _is_bench(self) -> bool:
        """Whether module or folder is named as benchmarks or plots of a test folder, which pytest does not collect."""
        folder, _, file = self.module.path.rpartition("/")
        if file == "conftest.py" or COLLECTED.match(file):
            return False
        return _BENCH.match(file) is not None or not _BENCHES.isdisjoint(folder.split("/"))

    def at_collection(self, site: Site) -> bool:
        """Whether the site runs when pytest imports the module."""
        return site.where in {"module", "class", "default", "decorator"} and site.frame.function is None


def estimate_of(value: Value, times: Num | None = None) -> Estimate | None:
    """The bytes of a value as an estimate; None when they are not known or not finite."""
    size = bytes_of(value)
    if size is not None and times is not None:
        size = size * times
    return as_estimate(size)


def as_estimate(size: Num | None) -> Estimate | None:
    """A number of bytes as an estimate; None when it is not known or not finite."""
    if size is None or size.high == float("inf") or math.isnan(size.high) or math.isnan(size.low):
        return None
    high = int(min(size.high, 2**70))
    return Estimate(int(min(max(size.low, 0), high)), high, high)


def peak_of(value: Value) -> Estimate | None:
    """The bytes alive while a value is made: itself and its temporaries."""
    estimate = estimate_of(value)
    if estimate is None or not isinstance(value, Data) or not value.temporaries:
        return estimate
    factor = 1 + value.temporaries
    return Estimate(int(estimate.low * factor), int(estimate.likely * factor), int(estimate.high * factor))


def enclosing_symbol(frame: Frame) -> str:
    """The symbol of the body that a frame belongs to."""
    return frame.symbol
