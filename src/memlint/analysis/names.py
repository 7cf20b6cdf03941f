"""What names mean: imports, modules, classes and their members."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from memlint import facts as f
from memlint.analysis.project import Module, Project
from memlint.analysis.relevance import Relevance
from memlint.analysis.sites import Frame
from memlint.analysis.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    Imported,
    ModuleValue,
    Obj,
    Ref,
    Value,
)
from memlint.knowledge.index import ApiIndex

_MAX_CHAIN = 12  # re-exports followed


class NameResolution(ABC):
    """Finds out what a name stands for, in the project or in a library."""

    def __init__(
        self, project: Project, index: ApiIndex, cores: int = 2, relevance: Relevance | None = None
    ) -> None:
        self.project = project
        self.index = index
        self.relevance = relevance or Relevance(project, index)
        self.cores = cores  # of the machine that the suite will run on
        self.module_frames: dict[str, Frame] = {}
        self._class_frames: dict[int, Frame] = {}
        self._bases: dict[tuple[int, bool], tuple[Value, ...]] = {}
        self._resolved: dict[tuple[Imported, bool], Value] = {}
        self._product_calls: dict[Any, Any] = {}
        self._quiet_calls: dict[Any, Any] = {}
        self.effects = 0  # how often something was changed that outlives the call which changes it
        self._cut_short = 0  # how many calls were not followed for want of allowance, or since they recur
        self._active: set[int] = set()  # functions that are being run, by id
        self._kept: list[object] = []  # keeps alive what dictionaries above know by its id

    # --- what the evaluator's other halves provide ------------------------------------------------------------------

    @abstractmethod
    def eval(self, node: f.Expr | None, frame: Frame) -> Value:
        """The value of an expression."""

    @abstractmethod
    def exec_block(self, body: tuple[f.Stmt, ...], frame: Frame) -> bool:
        """Run statements; whether control never comes out at the end."""

    @abstractmethod
    def call_value(self, func: Value, args: list[Value], keywords: dict[str, Value], frame: Frame) -> Value:
        """The result of calling a value."""

    def let_go(self) -> None:
        """Take the frames of modules and classes apart, and forget the results of calls."""
        for frame in [*self.module_frames.values(), *self._class_frames.values()]:
            frame.let_go()
        for known in (self.module_frames, self._class_frames, self._bases, self._resolved):
            known.clear()
        self._product_calls.clear()
        self._quiet_calls.clear()
        self._kept.clear()

    # --- modules ----------------------------------------------------------------------------------------------------

    def module_frame(self, module: Module) -> Frame:
        """The evaluated body of a module."""
        frame = self.module_frames.get(module.path)
        if frame is None:
            frame = Frame(module, "", where="module")
            self.module_frames[module.path] = frame
            module.env = frame.env
            with self.project.not_following_product():
                self.exec_block(module.body, frame)
        return frame

    def module_env(self, module: Module) -> dict[str, Value]:
        """The globals of a module; as far as they are known while it is being evaluated."""
        return self.module_frame(module).env

    def member(self, module: Module, name: str, hops: int = 0) -> Value:
        """``module.name``, followed through re-exports."""
        value = self.module_env(module).get(name)
        if value is not None:
            return self.imported(value, hops + 1)
        if module.is_package:
            inner = self.project.find_relative(name, 1, module)
            if inner is not None:
                return ModuleValue(inner)
        for star in module.stars:
            if hops < _MAX_CHAIN and star is not module:
                found = self.member(star, name, hops + 1)
                if found is not UNKNOWN:
                    return found
        return UNKNOWN

    def imported(self, value: Value, hops: int = 0) -> Value:
        """What an imported name stands for; any other value is itself."""
        if not isinstance(value, Imported):
            return value
        key = (value, self.project.follows_product)
        known = self._resolved.get(key)
        if known is None:
            self._resolved[key] = UNKNOWN  # an import cycle
            known = self._resolve(value, hops) if hops < _MAX_CHAIN else UNKNOWN
            self._resolved[key] = known
        return known

    def _resolve(self, value: Imported, hops: int) -> Value:
        if value.level:
            return self._resolve_relative(value, hops)
        if value.attr is None:
            module = self.project.first_party(value.module, value.importer)
            return ModuleValue(module) if module is not None else Ref(value.module)
        qualified = f"{value.module}.{value.attr}"
        if self.index.knows(qualified):
            return Ref(qualified)
        module = self.project.first_party(value.module, value.importer)
        if module is not None:
            found = self.member(module, value.attr, hops)
            if found is not UNKNOWN:
                return found
        inner = self.project.first_party(qualified, value.importer)
        return ModuleValue(inner) if inner is not None else Ref(qualified)

    def _resolve_relative(self, value: Imported, hops: int) -> Value:
        assert value.attr is not None
        package = value.importer.package.split(".")
        absolute = [*package[: len(package) - value.level + 1], *filter(None, [value.module])]
        qualified = ".".join([*absolute, value.attr])
        if self.index.knows(qualified):
            return Ref(qualified)
        module = self.project.find_relative(value.module, value.level, value.importer)
        if module is not None:
            found = self.member(module, value.attr, hops)
            if found is not UNKNOWN:
                return found
        stem = f"{value.module}.{value.attr}" if value.module else value.attr
        inner = self.project.find_relative(stem, value.level, value.importer)
        return ModuleValue(inner) if inner is not None else Ref(qualified)

    def external(self, name: str, frame: Frame) -> Value:
        """An attribute chain that began with a library, or with a namespace package of the project."""
        if self.index.knows(name):
            return Ref(name)
        module = self.project.first_party(name, frame.module)
        return ModuleValue(module) if module is not None else Ref(name)

    def scratch(self, module: Module, depth: int = 2) -> Frame:
        """A frame whose sites nobody reads, to call something that no expression calls."""
        return Frame(module, "", depth=depth)

    # --- classes ----------------------------------------------------------------------------------------------------

    def class_frame(self, value: ClassValue, nested: bool = False) -> Frame:
        """The evaluated body of a class. ``nested``: a function defines it, so that no import runs it."""
        frame = self._class_frames.get(id(value.cls))
        if frame is None:
            frame = Frame(value.module, value.cls.name, owner=value, where="body" if nested else "class")
            self._class_frames[id(value.cls)] = frame
            self._kept.append(value.cls)
            self.exec_block(value.cls.body, frame)
        return frame

    def bases(self, value: ClassValue) -> tuple[Value, ...]:
        """The direct bases of a class."""
        key = (id(value.cls), self.project.follows_product)
        found = self._bases.get(key)
        if found is None:
            self._bases[key] = ()
            scratch = Frame(value.module, "", where="module")
            found = tuple(self.eval(_bare(base), scratch) for base in value.cls.bases)
            self._bases[key] = found
            self._kept.append(value.cls)
        return found

    def mro(self, value: ClassValue) -> Iterator[ClassValue]:
        """The class and its bases in the project, leftmost first."""
        seen: set[int] = set()
        stack: list[Value] = [value]
        while stack:
            cls = stack.pop(0)
            if isinstance(cls, ClassValue) and id(cls.cls) not in seen:
                seen.add(id(cls.cls))
                yield cls
                stack = [*self.bases(cls), *stack]

    def external_bases(self, value: ClassValue) -> tuple[str, ...]:
        """Qualified names of the library classes that it derives from."""
        return tuple(
            base.name for cls in self.mro(value) for base in self.bases(cls) if isinstance(base, Ref)
        )

    def external_base(self, value: ClassValue) -> str | None:
        """The first of its library bases that a table knows as a resource."""
        return next((name for name in self.external_bases(value) if name in self.index.resources), None)

    def class_member(self, value: ClassValue, name: str, receiver: Obj | None) -> Value | None:
        """``cls.name`` or ``receiver.name``; None when the project does not define it."""
        for cls in self.mro(value):
            found = self.class_frame(cls).env.get(name)
            if found is None:
                continue
            found = self.imported(found)
            if isinstance(found, FunctionValue) and _is_classmethod(found.function):
                return FunctionValue(found.function, found.module, found.owner, value, found.frame)
            if isinstance(found, FunctionValue) and receiver is not None:
                return self._bind(found, receiver)
            return found
        return None

    def _bind(self, found: FunctionValue, receiver: Obj) -> Value:
        decorators = {d.path for d, _ in found.function.decorators if isinstance(d, f.Name)}
        if "staticmethod" in decorators:
            return found
        bound = FunctionValue(found.function, found.module, found.owner, receiver, found.frame)
        if decorators & {"property", "cached_property", "functools.cached_property"}:
            scratch = Frame(found.module, "", where="body", depth=3)
            return self.call_value(bound, [], {}, scratch)
        return bound


def _bare(base: f.Expr) -> f.Expr:
    """``Base`` of ``Base[int]``."""
    return base.base if isinstance(base, f.Subscript) else base


def _is_classmethod(function: f.Function) -> bool:
    return any(isinstance(d, f.Name) and d.path == "classmethod" for d, _ in function.decorators)
