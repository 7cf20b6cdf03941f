"""The project's own resources: classes that acquire something and offer a method to release it."""

from __future__ import annotations

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.values import ClassValue, FunctionValue
from memlint.knowledge.apis import Resource

RELEASING = (
    "close",
    "stop",
    "shutdown",
    "terminate",
    "quit",
    "dispose",
    "kill",
    "disconnect",
    "teardown",
    "tear_down",
    "cleanup",
    "destroy",
    "aclose",
    "join",
)


class ProjectResources:
    """Finds out which of the project's classes must be released, and by what."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._known: dict[int, Resource | None] = {}

    def of_class(self, cls: ClassValue) -> Resource | None:
        """The resource that an instance of the class is; None when it owes nothing."""
        key = id(cls.cls)
        if key not in self._known:
            self._known[key] = None
            self._known[key] = self._derive(cls)
        return self._known[key]

    def _derive(self, cls: ClassValue) -> Resource | None:
        base = self.evaluator.external_base(cls)
        inherited = self.evaluator.index.resources.get(base) if base is not None else None
        if inherited is not None:
            return inherited
        methods = [
            name
            for name in RELEASING
            if isinstance(self.evaluator.class_member(cls, name, None), FunctionValue)
        ]
        if not methods:
            return None
        acquired = self._acquired(cls)
        if acquired is None:
            return None
        resource, starter = acquired
        return Resource(
            name=f"{cls.module.name}.{cls.cls.name}",
            title=f"{cls.cls.name} (holds a {resource.title})",
            rule=resource.rule,
            release=[[*methods, "__exit__", "__aexit__"]],
            started_by=[starter] if starter else [],
            confidence="medium",
            advice=f"Call {methods[0]}() in a finally block or after the fixture's yield.",
        )

    def _acquired(self, cls: ClassValue) -> tuple[Resource, str] | None:
        """What the class acquires and keeps on ``self``: in its constructor, or in a method that starts it."""
        for name in ("__init__", "__enter__", "start", "open", "connect", "setup", "run", "launch"):
            method = self.evaluator.class_member(cls, name, None)
            if not isinstance(method, FunctionValue) or name == "__enter__":
                continue
            found = self._acquired_by(method)
            if found is not None:
                return found, "" if name == "__init__" else name
        return None

    def _acquired_by(self, method: FunctionValue) -> Resource | None:
        for statement in _assignments(f.body_of(method.function)):
            stored = any(isinstance(t, f.Name) and t.path.startswith("self.") for t in statement.targets)
            if not stored or not isinstance(statement.value, f.Call):
                continue
            resource = self._resource_of(statement.value, method)
            if resource is not None and resource.confidence != "low":
                return resource
        return None

    def _resource_of(self, call: f.Call, method: FunctionValue) -> Resource | None:
        from memlint.analysis.sites import Frame

        frame = Frame(method.module, method.function.name, method.function, method.owner)
        self.evaluator.bind_params(method.function, None, (), {}, frame)
        self.evaluator.eval(call, frame)
        for site in frame.sites:
            if site.at == call.at:
                for entry in site.entries:
                    if entry.acquire is not None:
                        return self.evaluator.index.resources.get(entry.acquire)
        return None


def _assignments(body: tuple[f.Stmt, ...]) -> list[f.Assign]:
    out: list[f.Assign] = []
    for statement in body:
        if isinstance(statement, f.Assign):
            out.append(statement)
        for name in ("body", "orelse", "final"):
            inner = getattr(statement, name, None)
            if isinstance(inner, tuple) and not isinstance(statement, (f.FunctionDef, f.ClassDef)):
                out += _assignments(inner)
    return out
