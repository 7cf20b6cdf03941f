"""The project's own resources: classes that open something, keep it, and offer a method to let it go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from msgspec.structs import replace

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.expectations import last_name
from memlint.analysis.sites import Frame, Site
from memlint.analysis.traverse import calls, names, own_expressions, says, statements, walk
from memlint.analysis.values import NONE, ClassValue, FunctionValue, Literal, Value
from memlint.knowledge.apis import ANY_USE, Resource

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
_CONSTRUCTING = ("__init__", "__post_init__")
_NO_STARTERS = frozenset(
    {"__enter__", "__aenter__", "__exit__", "__aexit__", "__del__", "__repr__", "__str__"}
)
# bases that bring nothing to close with them
PLAIN_BASES = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"})
_WRAPPERS = frozenset({"tempfile._TemporaryFileWrapper"})
_AGAIN = re.compile(r"(?i)re_?(?:start|connect|set|open|load|init)")  # which close what was before
_MOST_METHODS = 80  # of a class; one with more is not looked through


@dataclass(frozen=True, slots=True)
class Opening:
    """Where a class opens what it keeps: ``self.<attribute> = <call>`` of a method."""

    resource: Resource
    callee: str  # qualified name of what is called
    attribute: str
    method: FunctionValue
    line: int
    on_condition: bool = False  # only if an argument or a setting asks for it
    stand_ins: frozenset[str] = frozenset()  # what it opens only where these are None: ``if client is None:``


@dataclass(frozen=True, slots=True)
class OwnResource:
    """A class of the project as a resource, and the evidence for it; a library's class has none."""

    resource: Resource
    opening: Opening | None = None


_HOLDERS = ("contextlib.ExitStack", "contextlib.AsyncExitStack")  # which own only what is put into them


class ProjectResources:
    """Finds out which of the project's classes must be released, and by what."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._known: dict[int, OwnResource | None] = {}
        self._kept: list[ClassValue] = []  # keeps alive what is known by its id

    def of_class(self, cls: ClassValue) -> Resource | None:
        """The resource that an instance of the class is; None when it owes nothing."""
        found = self._of(cls)
        return found.resource if found is not None else None

    def evidence(self, cls: ClassValue) -> Opening | None:
        """What the class opens and keeps."""
        found = self._of(cls)
        return found.opening if found is not None else None

    def is_given(self, site: Site) -> bool:
        """Whether this instance is given what the class would open otherwise, or a fake opens it."""
        assert isinstance(site.callee, ClassValue)
        opening = self.evidence(site.callee)
        if opening is None:
            return False
        for name in {opening.attribute, opening.attribute.lstrip("_"), *opening.stand_ins}:
            value: Value | None = site.args.get(name)
            if value is not None and value not in (NONE, Literal(None)):
                return True
        if self._is_told_not_to(site, opening):
            return True
        last = opening.callee.rpartition(".")[2]
        return any(
            fake.rpartition(".")[2] == last or opening.callee.startswith(f"{fake}.")
            for fake in site.frame.mocked
        )

    def _is_told_not_to(self, site: Site, opening: Opening) -> bool:
        """``Process("worker", spawn=False)`` of a constructor that says ``if spawn: self.spawn()``."""
        told = {name: value.value for name, value in site.args.items() if _is_flag(value)}
        assert isinstance(site.callee, ClassValue)
        init = self._methods(site.callee).get("__init__") if told else None
        if init is None:
            return False
        starts = {opening.method.function.name, opening.attribute}
        return any(
            isinstance(s, f.If)
            and _is_off(s.test, told)
            and any(name.removeprefix("self.") in starts for name in names(s.body))
            for s, _ in statements(f.body_of(init.function))
        )

    def _of(self, cls: ClassValue) -> OwnResource | None:
        key = id(cls.cls)
        if key not in self._known:
            self._known[key] = None
            self._kept.append(cls)
            with self.evaluator.project.following_product():
                self._known[key] = self._derive(cls)
        return self._known[key]

    def _derive(self, cls: ClassValue) -> OwnResource | None:
        base = self.evaluator.external_base(cls)
        inherited = self.evaluator.index.resources.get(base) if base is not None else None
        if inherited is not None:
            if self._answers_itself(cls, inherited) or self._opens_nothing(cls, inherited):
                return None
            return OwnResource(self._with_own(cls, inherited))
        own = self._methods(cls)
        releases = [name for name in RELEASING if name in own and _asks_for_nothing(own[name].function)]
        named = [name for name in own if _begins_with_release(name)]
        if not (releases or named) or len(own) > _MOST_METHODS:
            return None
        openings = list(self._openings(own, [*releases, *named]))
        opening = min(openings, key=_is_unsure, default=None)
        if opening is None:
            return None
        releases += [
            name for name in named if says(own[name].function, opening.attribute) and name not in releases
        ]
        called = {name: frozenset(_own_calls(method.function)) for name, method in own.items()}
        own_only = all(name in PLAIN_BASES for name in self.evaluator.external_bases(cls))
        if own_only:
            holding = self._mentioning(cls, opening.attribute)
            releases = [name for name in releases if holding & _reached(name, called)]
        releases = [name for name in releases if not _does_nothing(own[name].function)]
        if not releases:
            return None
        releases += [name for name in _ending(opening, own, called) if name not in releases]
        on_request = all(_asks_first(own[name].function, opening.attribute) for name in releases)
        openers = _reaching(opening.method.function.name, called)
        closes = {"__exit__", "__aexit__"} & own.keys()
        ends_itself = _ends_itself(opening, releases, own, called)
        idle = ends_itself or _is_idle_pool(opening, own, {*releases, *_CONSTRUCTING})
        inherits = any(name not in PLAIN_BASES for name in self.evaluator.external_bases(cls))
        return OwnResource(
            Resource(
                name=f"{cls.module.name}.{cls.cls.name}",
                title=f"{cls.cls.name} (holds {_article(opening.resource.title)} {opening.resource.title})",
                rule=opening.resource.rule,
                release=[[*releases, *sorted(closes), *_entering_itself(own)]],
                started_by=_starters(opening, own, called, releases)
                if openers & {*_CONSTRUCTING}
                else sorted(openers - _NO_STARTERS),
                with_="releases" if closes or inherits else "unusable",
                confidence="low"
                if "__del__" in own or idle or on_request or _is_unsure(opening)
                else "medium",
                forgotten=opening.resource.forgotten,
                advice=f"Call {releases[0]}() in a finally block or after the fixture's yield.",
            ),
            opening,
        )

    def _with_own(self, cls: ClassValue, inherited: Resource) -> Resource:
        """The resource of a library's class, released also by methods of the project that call its releases.

        A process that has a ``close()`` of its own is told to end by it, however that is done.
        """
        own = self._methods(cls)
        told = inherited.name.startswith("multiprocessing.Process")
        groups = [
            [
                *group,
                *(
                    name
                    for name in dict.fromkeys((*RELEASING, *(end.rpartition(".")[2] for end in group)))
                    if name in own
                    and name not in group
                    and (_mentions(own[name], group) or (told and not _does_nothing(own[name].function)))
                ),
            ]
            for group in inherited.release
        ]
        return inherited if groups == inherited.release else replace(inherited, release=groups)

    def _answers_itself(self, cls: ClassValue, inherited: Resource) -> bool:
        """Whether test code overrides methods of a client that opens nothing before its first use: a fake."""
        if ANY_USE not in inherited.started_by or cls.module.is_product:
            return False
        return any(not name.startswith("_") for name in self._methods(cls))

    def _opens_nothing(self, cls: ClassValue, inherited: Resource) -> bool:
        """Whether a class of a library's resource is made around what it is given, or opens nothing."""
        return inherited.name in _WRAPPERS or self.passes_over_base(cls)

    def passes_over_base(self, cls: ClassValue) -> bool:
        """Whether a constructor leaves out that of its bases, which would open: it calls another's, or none."""
        init = self._methods(cls).get("__init__")
        if init is None or says(init.function, "super"):
            return False
        passed_on = {
            name.removesuffix(".__init__").rpartition(".")[2]
            for name in names(f.body_of(init.function))
            if name.endswith(".__init__")
        }
        opening = {last_name(base) for owner in self.evaluator.mro(cls) for base in owner.cls.bases}
        return passed_on.isdisjoint(opening)

    def _methods(self, cls: ClassValue) -> dict[str, FunctionValue]:
        """The methods of the class and its bases in the project, overridden ones left out."""
        out: dict[str, FunctionValue] = {}
        for owner in self.evaluator.mro(cls):
            for name, value in self.evaluator.class_frame(owner).env.items():
                if isinstance(value, FunctionValue):
                    out.setdefault(name, value)
        return out

    def _mentioning(self, cls: ClassValue, attribute: str) -> set[str]:
        """Names of methods that say an attribute, in the class or, where they may call on, in one of its bases."""
        return {
            name
            for owner in self.evaluator.mro(cls)
            for name, value in self.evaluator.class_frame(owner).env.items()
            if isinstance(value, FunctionValue)
            and (says(value.function, attribute) or says(value.function, "__dict__"))
        }

    def _openings(self, own: dict[str, FunctionValue], releases: list[str]) -> Iterator[Opening]:
        """What methods open and keep on ``self``, the constructor's first."""
        order = [name for name in _CONSTRUCTING if name in own]
        order += [name for name in own if name not in order and name not in {*releases, *_NO_STARTERS}]
        for name in order:
            method = own[name]
            for statement, enclosing in statements(f.body_of(method.function)):
                if not isinstance(statement, f.Assign):
                    continue
                kept = [
                    t.path for t in statement.targets if isinstance(t, f.Name) and t.path.startswith("self.")
                ]
                call = _made(statement.value) if kept else None
                found = self._opened(call, method) if call is not None else None
                if found is not None and found[0].confidence != "low" and found[0].name not in _HOLDERS:
                    asked = any(
                        isinstance(outer, f.If) and not _is_absence(outer.test) for outer in enclosing
                    )
                    given = frozenset().union(*(_absent(s.test) for s in enclosing if isinstance(s, f.If)))
                    attribute = kept[0].removeprefix("self.")
                    yield Opening(*found, attribute, method, statement.line, asked, given)

    def _opened(self, call: f.Call, method: FunctionValue) -> tuple[Resource, str] | None:
        """The resource that a call in a method acquires, with the called name."""
        frame = Frame(method.module, method.function.name, method.function, method.owner)
        self.evaluator.bind_params(method.function, None, (), {}, frame)
        self.evaluator.eval(call, frame)
        site = next((site for site in frame.sites if site.at == call.at), None)
        if site is None:
            return None
        if isinstance(site.callee, ClassValue):
            inner = self.of_class(site.callee)
            return (inner, site.name) if inner is not None and not inner.started_by else None
        acquired = [entry.acquire for entry in site.entries if entry.acquire is not None]
        resource = self.evaluator.index.resources.get(acquired[0]) if acquired else None
        return (resource, site.name) if resource is not None else None


def _does_nothing(function: f.Function) -> bool:
    """``def close(self): pass``, which heirs override."""
    return all(
        isinstance(s, f.Jump) or (isinstance(s, f.ExprStmt) and isinstance(s.value, (f.Text, f.Const)))
        for s in f.body_of(function)
    )


def _asks_first(function: f.Function, attribute: str) -> bool:
    """``if self._cleanup: self._cache.close()``: all that is done to the attribute stands under another one."""
    held = f"self.{attribute}"
    done = [
        enclosing
        for statement, enclosing in statements(f.body_of(function))
        if not isinstance(statement, f.If)
        and any(
            isinstance(node, f.Name) and (node.path == held or node.path.startswith(f"{held}."))
            for own in own_expressions(statement)
            for node in walk(own)
        )
    ]
    return bool(done) and all(
        any(isinstance(outer, f.If) and _is_flag_of_self(outer.test, attribute) for outer in enclosing)
        for enclosing in done
    )


def _is_flag_of_self(test: f.Expr, attribute: str) -> bool:
    own = isinstance(test, f.Name) and test.path.startswith("self.") and test.path.count(".") == 1
    return own and isinstance(test, f.Name) and test.path != f"self.{attribute}"


def _starters(
    opening: Opening, own: dict[str, FunctionValue], called: dict[str, frozenset[str]], releases: list[str]
) -> list[str]:
    """From which methods on it is owed, where what the constructor makes opens later: ``self.client.connect(host)``.

    Empty where it is owed from the constructor on.
    """
    later = opening.resource.started_by
    holder = f"self.{opening.attribute}"
    if opening.resource.rule == "MEM403" and later == [ANY_USE]:
        direct = [name for name, method in own.items() if _gives_tasks(method.function, holder)]
        reaching = frozenset().union(*(_reaching(name, called) for name in direct))
        return [] if reaching & {*_CONSTRUCTING} else sorted(reaching - _NO_STARTERS - {*releases})
    if not later or ANY_USE in later:
        return []
    said = {f"{holder}.{name}" for name in later}
    direct = [name for name, method in own.items() if not said.isdisjoint(names(f.body_of(method.function)))]
    reaching = frozenset().union(*(_reaching(name, called) for name in direct))
    return [] if reaching & {*_CONSTRUCTING} else sorted({*reaching, *later} - _NO_STARTERS)


def _ending(
    opening: Opening, own: dict[str, FunctionValue], called: dict[str, frozenset[str]]
) -> Iterator[str]:
    """Methods of any other name that end it whatever happens: ``def result(self): return self.process.wait()``; and
    ``wait()``, where what it calls asks a process until it has ended.
    """
    holder = f"self.{opening.attribute}"
    ends = {f.Name(f"{holder}.{name}") for group in opening.resource.release for name in group}
    for name, method in own.items():
        if name.startswith("_") or name == opening.method.function.name or _AGAIN.match(name):
            continue
        if any(
            node.func in ends and all(isinstance(outer, f.With) for outer in around)
            for node, _, around in calls(f.body_of(method.function))
        ):
            yield name
        elif name == "wait" and opening.resource.polled:
            said = {
                path for other in _reached(name, called) if other in own for path in _names_in(own[other])
            }
            if any(f"{holder}.{poll}" in said for poll in opening.resource.polled):
                yield name


def _asks_for_nothing(function: f.Function) -> bool:
    """Whether it can be called as it is: ``join(self, others)`` of a data set ends nothing."""
    needed = [p for p in function.params if p.kind in {"positional", "keyword"} and p.default is None]
    return len([p for p in needed if p.name not in {"self", "cls"}]) == 0


def _gives_tasks(function: f.Function, holder: str) -> bool:
    """Whether a method calls something of a pool, or hands the pool on: its threads start with the first task."""
    for statement, _ in statements(f.body_of(function)):
        targets = statement.targets if isinstance(statement, f.Assign) else ()
        for expression in own_expressions(statement):
            if any(expression is target for target in targets):
                continue
            if any(
                isinstance(node, f.Name) and (node.path == holder or node.path.startswith(f"{holder}."))
                for node in walk(expression)
            ):
                return True
    return False


def _is_unsure(opening: Opening) -> bool:
    """Opened on a condition only, known by the reading of one more class, or perhaps ended by whoever opens it."""
    ends = {name.rpartition(".")[2] for group in opening.resource.release for name in group}
    ended = {f"self.{opening.attribute}.{name}" for name in ends}
    return (
        opening.on_condition
        or "(holds " in opening.resource.title
        or not ended.isdisjoint(names(f.body_of(opening.method.function)))
    )


def _is_idle_pool(opening: Opening, own: dict[str, FunctionValue], aside: set[str]) -> bool:
    """A pool of threads, which starts them with its first task, in a class none of whose methods gives it one."""
    if opening.resource.rule != "MEM403" or opening.resource.started_by != [ANY_USE]:
        return False
    return not any(
        says(method.function, opening.attribute) for name, method in own.items() if name not in aside
    )


def _names_in(method: FunctionValue) -> Iterator[str]:
    """The dotted names of a method and of the functions that it holds."""
    block = f.body_of(method.function)
    yield from names(block)
    for statement, _ in statements(block):
        if isinstance(statement, f.FunctionDef):
            yield from names(f.body_of(statement.function))


def _ends_itself(
    opening: Opening, releases: list[str], own: dict[str, FunctionValue], called: dict[str, frozenset[str]]
) -> bool:
    """Whether a method that is no release calls one where nothing has failed.

    One that also has it opened, ``run()``, of which the class is about; or one of the class's own, ``_serve_one()``,
    of which nobody outside can tell when it runs.
    """
    opens = _reaching(opening.method.function.name, called)
    inner = {name for name in own if name.startswith(("_", "run_")) and not name.startswith("__")}
    ending = (opens | inner) - {*releases, *_CONSTRUCTING, *_NO_STARTERS, opening.method.function.name}
    return any(
        not (_AGAIN.search(name) or _begins_with_release(name))
        and any(called in releases for called in _calls_in_order(own[name].function))
        for name in ending
    )


def _calls_in_order(function: f.Function) -> Iterator[str]:
    """The names of methods that a method calls on ``self`` where nothing has failed."""
    for statement, enclosing in statements(f.body_of(function)):
        if any(isinstance(outer, f.Try) and _handles(outer, statement) for outer in enclosing):
            continue
        for expression in own_expressions(statement):
            for node in walk(expression):
                path = node.func.path if isinstance(node, f.Call) and isinstance(node.func, f.Name) else ""
                if path.startswith("self.") and path.count(".") == 1:
                    yield path.removeprefix("self.")


def _handles(outer: f.Try, inner: f.Stmt) -> bool:
    return any(inner is statement for handler in outer.handlers for statement, _ in statements(handler.body))


def _is_flag(value: Value) -> TypeGuard[Literal]:
    return isinstance(value, Literal) and isinstance(value.value, bool)


def _is_off(test: f.Expr, told: Mapping[str, object]) -> bool:
    """Whether ``if spawn:``, or ``if not quiet:``, is not entered with these flags."""
    if isinstance(test, f.Unary) and test.op == "not":
        return isinstance(test.value, f.Name) and told.get(test.value.path) is True
    return isinstance(test, f.Name) and told.get(test.path) is False


def _is_absence(test: f.Expr) -> bool:
    """``if client is None:``, ``if not self._pool:``: what is opened because nobody has given it, or not yet."""
    if isinstance(test, f.Unary):
        return test.op == "not"
    return isinstance(test, f.Compare) and test.rest[0] in {("is", f.Const(None)), ("==", f.Const(None))}


def _absent(test: f.Expr) -> set[str]:
    """The names that a condition asks to be absent."""
    if not _is_absence(test):
        return set()
    return {part.path for part in walk(test) if isinstance(part, f.Name) and "." not in part.path}


def _begins_with_release(name: str) -> bool:
    """``_dispose_engine``, ``stop_service``, ``close_all``."""
    return name.lstrip("_").startswith(tuple(f"{verb}_" for verb in RELEASING)) and not name.startswith("__")


def _made(value: f.Expr | None) -> f.Call | None:
    """The call that opens: ``connect()``, ``await connect()``, ``given or connect()``, ``a if a else connect()``."""
    if isinstance(value, f.Await):
        return _made(value.value)
    if isinstance(value, f.BoolOp):
        return _made(value.right)
    if isinstance(value, f.IfExp):
        return _made(value.orelse) or _made(value.body)
    return value if isinstance(value, f.Call) else None


def _mentions(method: FunctionValue, names: list[str]) -> bool:
    return any(says(method.function, name.rpartition(".")[2]) for name in names)


def _own_calls(function: f.Function) -> Iterator[str]:
    """The names of methods that a method calls on ``self`` or by ``super()``, unless asked to by an argument alone."""
    off = {param.name for param in function.params if param.default in (f.Const(False), f.Const(None))}
    for statement, enclosing in statements(f.body_of(function)):
        if off and any(isinstance(outer, f.If) and _asks_for(outer.test, off) for outer in enclosing):
            continue
        for expression in own_expressions(statement):
            for node in walk(expression):
                if isinstance(node, f.Call) and isinstance(node.func, f.Name):
                    first, _, rest = node.func.path.partition(".")
                    if first == "self" and rest and "." not in rest:
                        yield rest


def _asks_for(test: f.Expr, params: set[str]) -> bool:
    """``if ready and auto_start:``, of a parameter that is off unless it is given."""
    while isinstance(test, f.BoolOp) and test.op == "and":
        if isinstance(test.right, f.Name) and test.right.path in params:
            return True
        test = test.left
    return isinstance(test, f.Name) and test.path in params


def _entering_itself(own: dict[str, FunctionValue]) -> list[str]:
    """The methods that run ``with self:`` and so release what it holds."""
    return sorted(
        name
        for name, method in own.items()
        for statement, _ in statements(f.body_of(method.function))
        for manager, _ in (statement.items if isinstance(statement, f.With) else ())
        if f.Name("self") in (manager, getattr(manager, "body", None), getattr(manager, "orelse", None))
    )


def _reached(name: str, called: dict[str, frozenset[str]]) -> set[str]:
    """The methods that a call of ``name`` reaches, itself included."""
    found, more = {name}, {name}
    while more:
        more = set[str]().union(*(called.get(one, frozenset()) for one in more)) - found
        found |= more
    return found


def _reaching(name: str, called: dict[str, frozenset[str]]) -> set[str]:
    """The methods from which a call of ``name`` is reached, itself included."""
    found = {name}
    while True:
        more = {other for other, said in called.items() if said & found} - found
        if not more:
            return found
        found |= more


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeiou" else "a"
