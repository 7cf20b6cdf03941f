"""Functions of the project that belong together by name, ``start_broker`` and ``stop_broker``, and the evidence.

Names alone prove little. A pair counts when some function, or some class, of the suite calls both, and it counts for
much when most of those that call the first also call the second: where nearly all agree, the one that does not is
likely wrong (Engler, Chen, Hallem, Chou and Chelf, "Bugs as deviant behavior", SOSP 2001).
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass

from memlint import facts as f
from memlint.analysis.obligations import Evidence
from memlint.analysis.project import Module
from memlint.analysis.suite import Body, Suite
from memlint.analysis.traverse import calls, says, statements
from memlint.analysis.values import ClassValue, FunctionValue, Obj
from memlint.analysis.verbs import CLOSING, ENOUGH, counterparts
from memlint.knowledge.apis import Resource

_ENOUGH = 2  # places where both are called
_ENDING = re.compile(
    r"(?:a|async_)?(?:close|stop|shutdown|shut_down|terminate|quit|dispose|kill|disconnect|teardown|destroy|exit)"
    r"(?:_\w+)?\Z"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An acquiring function, what undoes it, and where the two were seen together."""

    resource: Resource
    release: str
    evidence: tuple[Evidence, ...]


class Pairs:
    """Mines the pairs of a suite, each when it is first asked for."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self._known: dict[tuple[int, int], Pair | None] = {}
        self._kept: list[object] = []  # keeps alive what is known by its id

    def of(self, callee: FunctionValue) -> Pair | None:
        """The pair that a function of the project is the first of."""
        owner = callee.receiver.type if isinstance(callee.receiver, Obj) else callee.owner
        key = (id(callee.function), id(owner.cls) if isinstance(owner, ClassValue) else 0)
        if key not in self._known:
            self._kept.append((callee.function, owner))
            self._known[key] = self._mine(callee, owner if isinstance(owner, ClassValue) else None)
        return self._known[key]

    def of_class(self, cls: ClassValue) -> Pair | None:
        """A class of the project whose instances nearly all of its users close."""
        key = (id(cls.cls), 0)
        if key not in self._known:
            self._kept.append((cls.cls, None))
            self._known[key] = None
            self._known[key] = self._mine_class(cls)
        return self._known[key]

    def _mine_class(self, cls: ClassValue) -> Pair | None:
        name = cls.cls.name
        release = next((verb for verb in CLOSING if self._defined(verb, None, cls)), None)
        if release is None or self.suite.is_test_class(cls):
            return None
        together, alone = self._uses(name, release)
        if len(together) < ENOUGH or len(together) < ENOUGH * alone:
            return None
        return _pair(
            f"{cls.module.name}.{name}:pair", f"{name}", "MEM502", [release, "__exit__"], "medium", together
        )

    def of_result(self, callee: FunctionValue, cls: ClassValue) -> Pair | None:
        """``arena.create_block()`` of which the result has a ``free()`` that most of its users call."""
        name, code = callee.function.name, counterparts(callee.function.name)[2]
        key = (id(callee.function), id(cls.cls))
        if key not in self._known and code:
            self._kept.append((callee.function, cls))
            release = next((verb for verb in CLOSING if self._defined(verb, None, cls)), None)
            together, alone = self._uses(name, release) if release is not None else ([], 0)
            agreed = len(together) >= max(_ENOUGH, alone)
            full = f"{cls.module.name}.{cls.cls.name}:pair"
            self._known[key] = (
                _pair(full, cls.cls.name, code, [release, "__exit__"], "medium", together)
                if release is not None and agreed
                else None
            )
        return self._known.get(key)

    def _mine(self, callee: FunctionValue, owner: ClassValue | None) -> Pair | None:
        function = callee.function
        surely, perhaps, code = counterparts(function.name)
        if not code or function.yields or function.decorators:
            return None
        found = next((name for name in (*surely, *perhaps) if self._defined(name, callee, owner)), None)
        if found is None:
            return None
        together, alone = self._uses(function.name, found, owner)
        place = f"{callee.module.name}." + (f"{owner.cls.name}." if owner is not None else "")
        others = self._other_forms(found, owner) if owner is not None else []
        if not together or len(together) < alone:
            confidence = "low"
        else:
            confidence = "medium" if found in surely and len(together) >= _ENOUGH else "low"
        if owner is not None and function.name.lstrip("_") == "acquire":
            confidence = "low"  # a lock or a token: the object holds no more for it
        releases = [found, *others] if owner is not None else [f"{place}{found}"]
        title = f"resource of {function.name}()"
        return _pair(f"{place}{function.name}:pair", title, code, releases, confidence, together)

    def _other_forms(self, release: str, owner: ClassValue) -> list[str]:
        """Methods of the class that end things too: ``stop_async`` beside ``close_spider``."""
        own = {name for cls in self.suite.evaluator.mro(owner) for name in self._functions(cls)}
        return sorted(name for name in own if name != release and _ENDING.match(name))

    def _functions(self, cls: ClassValue) -> Iterator[str]:
        env = self.suite.evaluator.class_frame(cls).env
        return (name for name, value in env.items() if isinstance(value, FunctionValue))

    def _defined(self, name: str, callee: FunctionValue | None, owner: ClassValue | None) -> bool:
        if owner is not None or callee is None:
            value = self.suite.evaluator.class_member(owner, name, None) if owner is not None else None
        else:
            value = self.suite.evaluator.module_env(callee.module).get(name)
        return isinstance(value, FunctionValue) and not _is_empty(value.function)

    def _uses(
        self, acquire: str, release: str, owner: ClassValue | None = None
    ) -> tuple[list[Evidence], int]:
        """Functions and classes of the suite that call both, and how many call the first alone.

        Of a method that goes by the name of a builtin (``open``) those count that lie where its class is named.
        """
        common = owner is not None and hasattr(builtins, acquire)
        together: list[Evidence] = []
        alone = 0
        modules = sorted(self.suite.project.modules.values(), key=lambda module: module.path)
        for module in modules:
            if module.is_product or not says(module.facts, acquire):
                continue
            if owner is not None and common and not says(module.facts, owner.cls.name):
                continue
            for words, line in self._holders(module, acquire, common):
                if release in words:
                    text = f"{acquire}() and {release}() are called together here"
                    together.append(Evidence(module.path, line, text))
                else:
                    alone += 1
        return together, alone

    def _holders(self, module: Module, acquire: str, common: bool) -> Iterator[tuple[set[str], int]]:
        """The names called by each function that calls ``acquire``; set-up and tear-down of a class count as one.

        Of a ``common`` name calls of a builtin are left aside.
        """
        for body in self.suite.of(module).bodies:
            if not says(body.function, acquire) or _enters(body, acquire):
                continue
            line = _line_of(body, acquire, common)
            if line is not None:
                yield set(_called(body)).union(*map(_called, self._beside(body))), line

    def _beside(self, body: Body) -> list[Body]:
        if body.owner is None or body.role not in {"setup", "fixture"}:
            return []
        own = self.suite.of(body.module).bodies
        return [other for other in own if other.owner is not None and other.owner.cls is body.owner.cls]


def _pair(
    name: str, title: str, code: str, releases: list[str], confidence: str, together: list[Evidence]
) -> Pair:
    resource = Resource(
        name=name,
        title=title,
        rule=code,
        release=[releases],
        with_="releases" if "__exit__" in releases else "unusable",
        confidence=confidence,  # type: ignore[arg-type]
        advice=f"Call {releases[0]}() in a finally block or after the fixture's yield, as the other places do.",
    )
    return Pair(resource, releases[0].rpartition(".")[2], tuple(together[:_ENOUGH]))


def _is_empty(function: f.Function) -> bool:
    body = f.body_of(function)
    return all(
        isinstance(s, (f.Jump, f.ExprStmt)) and not isinstance(getattr(s, "value", None), f.Call)
        for s in body
    )


def _called(body: Body) -> Iterator[str]:
    """The last names of what a body calls or hands over to be called."""
    for node, _, _ in calls(f.body_of(body.function)):
        for part in (node.func, *(arg.value for arg in node.args)):
            if isinstance(part, f.Name):
                yield part.path.rpartition(".")[2]
            elif isinstance(part, f.Attr):
                yield part.attr


def _enters(body: Body, name: str) -> bool:
    """``with Client() as client:``, which says nothing about those who do without."""
    for statement, _ in statements(f.body_of(body.function)):
        for manager, _ in statement.items if isinstance(statement, f.With) else ():
            func = manager.func if isinstance(manager, f.Call) else None
            if isinstance(func, f.Name) and func.path.rpartition(".")[2] == name:
                return True
    return False


def _line_of(body: Body, name: str, common: bool) -> int | None:
    for node, _, _ in calls(f.body_of(body.function)):
        if common and node.func == f.Name(name):
            continue
        last = (
            node.func.path.rpartition(".")[2]
            if isinstance(node.func, f.Name)
            else getattr(node.func, "attr", "")
        )
        if last == name:
            return node.at[0]
    return None
