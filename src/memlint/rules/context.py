"""What a rule may ask, and how it drafts a finding."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from memlint import facts as f
from memlint.analysis.lifetimes import Lifetimes
from memlint.analysis.objects import bytes_of
from memlint.analysis.project import Module, Project
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import Body, Fixture, Suite
from memlint.analysis.values import Data, Num, Value
from memlint.knowledge.index import ApiIndex
from memlint.model import Budget, Confidence, Estimate, Related

_RUNNING = frozenset({"main", "run", "start", "exit", "serve_forever", "run_forever"})
MAX_BYTES = 2**62  # no machine grants more


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


@dataclass(eq=False, slots=True)
class Context:
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
        """Whether the module is run by itself: it is no test module, and its import would start or end a program."""
        file = posixpath.basename(self.module.path)
        if file == "conftest.py" or file.startswith("test") or file.endswith("_test.py"):
            return False
        for statement in self.module.body:
            call = statement.value if isinstance(statement, f.ExprStmt) else None
            if isinstance(call, f.Call) and isinstance(call.func, f.Name):
                last = call.func.path.rpartition(".")[2]
                if last in _RUNNING or call.func.path in {"asyncio.run", "sys.exit"}:
                    return True
            if isinstance(statement, f.If) and f.Name("__name__") in (getattr(statement.test, "left", None),):
                return True
        return False

    def at_collection(self, site: Site) -> bool:
        """Whether the site runs when pytest imports the module."""
        return site.where in {"module", "class", "default", "decorator"} and site.frame.function is None


def estimate_of(value: Value, times: Num | None = None) -> Estimate | None:
    """The bytes of a value as an estimate; None when they are not known or not finite."""
    size = bytes_of(value)
    if size is not None and times is not None:
        size = size * times
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
