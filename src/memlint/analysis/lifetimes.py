"""Ownership: who must release what a body acquires, and whether that happens on every path.

Leak detection as an accumulation problem, after the Resource Leak Checker (Kellogg, Shadab, Sridharan and Ernst,
"Lightweight and modular resource leak verification", ESEC/FSE 2021): acquiring makes an obligation with the set of calls
that discharge it; a body is run over all its paths, and an obligation is discharged by those calls, by a context
manager that really closes, or by a new owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.obligations import KEPT, LATE, Obligation, State, Verdict, judge, merge
from memlint.analysis.project_resources import ProjectResources
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import SETUP, TEARDOWN, Body, Suite
from memlint.analysis.values import ClassValue, FunctionValue, LambdaValue, Obj, Ref, Value
from memlint.knowledge.apis import Resource

NOTHING: frozenset[Obligation] = frozenset()
_MAX_INLINED = 4
_ASSERTING = ("assert_", "assert")
_ENDING = {"pytest.fail", "pytest.skip", "pytest.xfail", "pytest.exit", "sys.exit", "os._exit", "?.skipTest", "?.fail"}
_HOLDERS = {"append", "add", "appendleft", "extend", "put", "insert", "setdefault", "push"}


@dataclass(eq=False, slots=True)
class Debt:
    """An obligation that a body leaves behind, and how."""

    obligation: Obligation
    body: Body
    verdict: Verdict
    how: str  # local, returned, yielded, stored
    place: str = ""  # where it is stored: "self.server"
    missing: tuple[tuple[str, ...], ...] = ()


@dataclass(slots=True)
class _Exits:
    """States in which control leaves a block otherwise than at its end."""

    returns: State | None = None
    raises: State | None = None
    breaks: State | None = None
    continues: State | None = None


@dataclass(slots=True)
class _Context:
    """The body being run: its sites by position, its role, what it returned and yielded."""

    sites: dict[f.Span, Site]
    frame: Frame
    function: f.Function
    depth: int
    is_fixture: bool
    is_manager: bool
    every_call_fails: bool = False
    returned: frozenset[Obligation] = NOTHING
    yielded: frozenset[Obligation] = NOTHING
    nested: dict[str, f.Function] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    running: tuple[int, ...] = ()


class Lifetimes:
    """Runs bodies over their paths and says what they leave unreleased."""

    def __init__(self, suite: Suite, resources: ProjectResources) -> None:
        self.suite = suite
        self.evaluator: Evaluator = suite.evaluator
        self.index = suite.evaluator.index
        self.resources = resources
        self._debts: dict[int, list[Debt]] = {}
        self._acquired: dict[tuple[int, f.Span, str], Obligation] = {}

    # --- asking -----------------------------------------------------------------------------------------------------

    def debts(self, body: Body) -> list[Debt]:
        """What the body leaves unreleased, in order of its source."""
        known = self._debts.get(id(body))
        if known is None:
            known = self._debts[id(body)] = self._analyse(body)
        return known

    def _analyse(self, body: Body) -> list[Debt]:
        frame = self.suite.evaluate(body)
        if not any(self.acquires(site) or self._calls_acquiring(site) for site in frame.sites):
            return []
        marks = {mark.name for mark in self.suite.marks(body)}
        context = _Context(
            {site.at: site for site in frame.sites},
            frame,
            body.function,
            0,
            body.role == "fixture",
            _is_context_manager(body.function),
            every_call_fails="xfail" in marks,
        )
        state, exits = State(), _Exits()
        end = self._block(f.body_of(body.function), state, exits, context)
        normal = merge(end, exits.returns)
        return list(self._judged(body, context, normal, exits.raises))

    def _judged(self, body: Body, context: _Context, normal: State | None, failing: State | None) -> Iterator[Debt]:
        found: dict[Obligation, None] = {}
        for state in (normal, failing):
            found.update(dict.fromkeys(state.masks if state is not None else ()))
        stored = _stored(normal, body)
        self._autouse_releases(body, normal, failing)
        for obligation in sorted(found, key=lambda o: o.at):
            verdict = judge(obligation, normal, failing)
            place = stored.get(obligation, "")
            how = "local"
            if obligation in context.returned:
                how = "returned"
            elif obligation in context.yielded:
                how = "yielded"
            elif place:
                how = "stored"
                verdict = self._after_teardown(body, obligation, place, normal, verdict)
            if verdict in {"released", "kept"} or (how == "returned" and body.role != "fixture"):
                continue
            missing = _missing(obligation, normal, failing)
            yield Debt(obligation, body, verdict, how, place, missing)

    # --- who else may release ---------------------------------------------------------------------------------------

    def _autouse_releases(self, body: Body, normal: State | None, failing: State | None) -> None:
        """Closing fixtures in reach (``plt.close("all")`` after their yield) release every resource of their kind."""
        used = [*self.suite.autouse(body.module, body.owner), *self.suite.requested(body)]
        closers = set()
        for fixture in used:
            if fixture.body is not body:
                closers |= self._closes_all(fixture.body)
        if body.owner is not None:
            for teardown in self._methods(body.owner, ("tearDown", "teardown_method", "tearDownClass", "teardown_class")):
                closers |= self._closes_all(teardown)
        for name in ("teardown_function", "teardown_module", "tearDownModule"):
            for other in self.suite.of(body.module).bodies:
                if other.function.name == name and other.owner is None:
                    closers |= self._closes_all(other)
        for state in (normal, failing):
            for obligation in list(state.masks) if state is not None and closers else ():
                if obligation.resource.name in closers:
                    assert state is not None
                    state.discharge(obligation, obligation.full)

    def _closes_all(self, body: Body) -> set[str]:
        """Resources of which the body releases all there are."""
        out: set[str] = set()
        for site in self.suite.evaluate(body).sites:
            for entry in site.entries:
                if entry.releases is not None and entry.releases.startswith("all:"):
                    out.add(entry.releases.removeprefix("all:"))
        return out

    def _after_teardown(
        self, body: Body, obligation: Obligation, place: str, normal: State | None, verdict: Verdict
    ) -> Verdict:
        """What remains of an attribute's obligation after the tear-down methods that will run."""
        if normal is None or body.owner is None and body.role not in {"setup", "test"}:
            return "kept"
        teardowns = self._teardowns(body)
        if body.owner is not None and not self.suite.is_test_class(body.owner) and not teardowns:
            return "kept"  # an owner of the project's own; its users are asked, not its code
        state: State | None = State({place: frozenset({obligation})}, {obligation: normal.masks[obligation]})
        for teardown in teardowns:
            frame = self.suite.evaluate(teardown)
            context = _Context({s.at: s for s in frame.sites}, frame, teardown.function, 1, False, False)
            exits = _Exits()
            assert state is not None
            renamed = _renamed(state, place, teardown)
            end = self._block(f.body_of(teardown.function), renamed, exits, context)
            state = merge(end, exits.returns) or state
        after = judge(obligation, state, None)
        if after == "released" and verdict == "unsure":
            return "unsure"
        return after

    def _teardowns(self, body: Body) -> list[Body]:
        names = TEARDOWN.get(body.function.name, ("tearDown", "teardown_method", "tearDownClass", "teardown_class"))
        if body.owner is None:
            return [x for x in self.suite.of(body.module).bodies if x.owner is None and x.function.name in names]
        found = self._methods(body.owner, names)
        return found + self._fixture_teardowns(body)

    def _fixture_teardowns(self, body: Body) -> list[Body]:
        """Autouse fixtures of the class run around each test, and see the same ``self``."""
        assert body.owner is not None
        return [x.body for x in self.suite.autouse(body.module, body.owner) if x.body.owner is not None and x.body is not body]

    def _methods(self, owner: ClassValue, names: tuple[str, ...]) -> list[Body]:
        """The methods of these names that a class really has: its own, or else inherited ones."""
        out: list[Body] = []
        for name in names:
            value = self.evaluator.class_member(owner, name, None)
            if isinstance(value, FunctionValue):
                bodies = self.suite.of(value.module).bodies
                out += [body for body in bodies if body.function is value.function]
        return out

    # --- acquiring --------------------------------------------------------------------------------------------------

    def acquires(self, site: Site) -> Resource | None:
        """The resource that a call acquires itself."""
        if site.mocked or site.raises:
            return None
        for entry in site.entries:
            if entry.acquire is not None:
                return self.index.resources.get(entry.acquire)
        if isinstance(site.callee, ClassValue):
            return self.resources.of_class(site.callee)
        return None

    def _calls_acquiring(self, site: Site) -> bool:
        if not isinstance(site.callee, (FunctionValue, ClassValue)) or site.mocked or site.raises:
            return False
        return any(self.acquires(inner) or self._calls_acquiring(inner) for inner in site.inner)

    def _new(self, site: Site, resource: Resource, state: State, context: _Context) -> frozenset[Obligation]:
        if not self._owes(site, resource):
            return NOTHING
        key = (id(context.frame), site.at, resource.name)
        obligation = self._acquired.get(key)
        if obligation is None:
            obligation = Obligation(resource, site, site.at, not resource.started_by)
            self._acquired[key] = obligation
        state.masks[obligation] = frozenset({0})
        return frozenset({obligation})

    def _owes(self, site: Site, resource: Resource) -> bool:
        """A thread whose target ends by itself needs no join."""
        if not resource.name.startswith("threading.Thread"):
            return True
        target = site.args.get("target")
        if isinstance(target, FunctionValue):
            frame = Frame(target.module, target.function.name, target.function, target.owner, target.frame)
            self.evaluator.exec_block(f.body_of(target.function), frame)
            return bool(frame.endless)
        return isinstance(target, (Ref,)) and target.name.endswith("serve_forever") or _endless_method(target)

    # --- expressions ------------------------------------------------------------------------------------------------

    def visit(self, node: f.Expr | None, state: State, context: _Context) -> frozenset[Obligation]:
        """Run an expression; which obligations its value stands for."""
        if node is None:
            return NOTHING
        handler = _EXPRESSIONS.get(type(node))
        return handler(self, node, state, context) if handler is not None else NOTHING

    def _name(self, node: f.Name, state: State, context: _Context) -> frozenset[Obligation]:
        return state.names.get(node.path, NOTHING)

    def _union(self, nodes: Any, state: State, context: _Context) -> frozenset[Obligation]:
        out = NOTHING
        for node in nodes:
            out |= self.visit(node, state, context)
        return out

    def _seq(self, node: f.Seq, state: State, context: _Context) -> frozenset[Obligation]:
        return self._union(node.items, state, context)

    def _mapping(self, node: f.Mapping, state: State, context: _Context) -> frozenset[Obligation]:
        return self._union([value for _, value in node.items], state, context)

    def _either(self, node: Any, state: State, context: _Context) -> frozenset[Obligation]:
        parts = (node.left, node.right) if isinstance(node, f.BoolOp) else (node.body, node.orelse)
        if isinstance(node, f.IfExp):
            self.visit(node.test, state, context)
        return self._union(parts, state, context)

    def _value_of(self, node: Any, state: State, context: _Context) -> frozenset[Obligation]:
        return self.visit(node.value, state, context)

    def _operands(self, node: Any, state: State, context: _Context) -> frozenset[Obligation]:
        if isinstance(node, f.Compare):
            self._union([node.left, *(right for _, right in node.rest)], state, context)
        else:
            self._union([node.left, node.right], state, context)
        return NOTHING

    def _attr(self, node: f.Attr, state: State, context: _Context) -> frozenset[Obligation]:
        self.visit(node.base, state, context)
        return NOTHING

    def _subscript(self, node: f.Subscript, state: State, context: _Context) -> frozenset[Obligation]:
        self._union(node.index, state, context)
        return self.visit(node.base, state, context)

    def _comp(self, node: f.Comp, state: State, context: _Context) -> frozenset[Obligation]:
        for clause in node.clauses:
            self._bind(clause.target, self.visit(clause.iter, state, context), state, context)
        found = self.visit(node.element, state, context)
        return found | self.visit(node.value, state, context)

    def _walrus(self, node: f.Walrus, state: State, context: _Context) -> frozenset[Obligation]:
        held = self.visit(node.value, state, context)
        self._bind(node.target, held, state, context)
        return held

    def _yield(self, node: f.Yield, state: State, context: _Context) -> frozenset[Obligation]:
        held = self.visit(node.value, state, context)
        context.yielded |= held
        self._run_factories(node.value, state, context)
        if context.is_manager:
            self._fails(state, context)
        elif not context.is_fixture:
            state.keep(held)
        return NOTHING

    def _fstring(self, node: f.FString, state: State, context: _Context) -> frozenset[Obligation]:
        self._union(node.parts, state, context)
        return NOTHING

    # --- calls ------------------------------------------------------------------------------------------------------

    def _call(self, node: f.Call, state: State, context: _Context) -> frozenset[Obligation]:
        base = self._receiver(node, state, context)
        site = context.sites.get(node.at)
        held = [self.visit(arg.value, state, context) for arg in node.args]
        self._method_release(node, base, state)
        if site is not None:
            self._function_release(node, site, held, state)
        if self._takes_over(node, site, held, state, context):
            return frozenset().union(*held) if held else NOTHING
        if site is not None:
            resource = self.acquires(site)
            if resource is not None:
                if isinstance(site.callee, ClassValue):
                    state.keep(frozenset().union(*held))
                return self._new(site, resource, state, context)
            if isinstance(site.callee, FunctionValue):
                return self._project_call(node, site, held, base, state, context)
        self._pass_on(node, site, held, base, state, context)
        if _may_fail(node, site, context):
            self._fails(state, context)
        return self._derived(node, base)

    def _receiver(self, node: f.Call, state: State, context: _Context) -> frozenset[Obligation]:
        """What the called method belongs to."""
        func = node.func
        if isinstance(func, f.Attr):
            return self.visit(func.base, state, context)
        if isinstance(func, f.Name):
            path = func.path
            while "." in path:
                path = path.rpartition(".")[0]
                if path in state.names:
                    return state.names[path]
            return NOTHING
        return self.visit(func, state, context)

    def _method_release(self, node: f.Call, base: frozenset[Obligation], state: State) -> None:
        """``proc.wait()``, ``proc.stdout.close()``."""
        if not base:
            return
        method = node.func.attr if isinstance(node.func, f.Attr) else node.func.path if isinstance(node.func, f.Name) else ""
        for obligation in base:
            self._release_by(obligation, method, state)

    def _release_by(self, obligation: Obligation, method: str, state: State) -> None:
        resource = obligation.resource
        last = method.rpartition(".")[2]
        if last in resource.started_by:
            obligation.started = True
        groups = 0
        for number, group in enumerate(resource.release):
            if any(method == name or method.endswith(f".{name}") for name in group):
                groups |= 1 << number
        if groups:
            state.discharge(obligation, groups)

    def _function_release(self, node: f.Call, site: Site, held: list[frozenset[Obligation]], state: State) -> None:
        """``plt.close(fig)``, ``os.killpg(os.getpgid(proc.pid), 9)``, ``plt.close("all")``."""
        for entry in site.entries:
            if entry.releases is not None and entry.releases.startswith("all:"):
                kind = entry.releases.removeprefix("all:")
                state.settle(frozenset(o for o in state.masks if o.resource.name == kind))
            elif entry.releases is not None:
                state.settle(frozenset().union(*held) if held else NOTHING)
        resources = self.index.releasers.get(site.name, ())
        mentioned = _mentioned(node, state)
        for obligation in mentioned:
            if any(obligation.resource is resource for resource in resources):
                state.discharge(obligation, obligation.full)
            for number, group in enumerate(obligation.resource.release):
                if site.name in group:
                    state.discharge(obligation, 1 << number)
        if resources and not node.args:
            state.settle(frozenset(o for o in state.masks if o.resource in resources))

    def _takes_over(
        self, node: f.Call, site: Site | None, held: list[frozenset[Obligation]], state: State, context: _Context
    ) -> bool:
        """``closing``, ``enter_context``, ``addCleanup``, ``addfinalizer``, ``atexit.register``."""
        owner = next((entry.owner for entry in site.entries if entry.owner), None) if site is not None else None
        method = node.func.path.rpartition(".")[2] if isinstance(node.func, f.Name) else ""
        if owner is None and method in {"addCleanup", "addClassCleanup", "addfinalizer", "addModuleCleanup", "addAsyncCleanup"}:
            owner = "finalizer"
        if owner is None and method in {"enterContext", "enter_context", "enter_async_context", "enterClassContext"}:
            owner = "enter_context"
        if owner is None and method in {"callback", "push_async_callback"}:
            owner = "callback"
        if owner is None:
            return False
        taken = frozenset().union(*held) if held else NOTHING
        if owner in {"closing", "enter_context"}:
            unusable = frozenset(o for o in taken if o.resource.with_ == "nothing" and owner == "enter_context")
            direct = frozenset(o for o in unusable if not _closing_inside(node))
            state.settle(taken - direct)
            return True
        self._deferred(node, taken, owner == "atexit", state, context)
        return True

    def _deferred(
        self, node: f.Call, taken: frozenset[Obligation], late: bool, state: State, context: _Context
    ) -> None:
        """A callable that will be called in the end is run now: nothing that happens between matters."""
        before = dict(state.masks)
        for arg in node.args:
            self._run_callable(arg.value, state, context)
        site = context.sites.get(node.at)
        del site
        state.settle(taken)
        if late:
            for obligation, masks in state.masks.items():
                if before.get(obligation) != masks:
                    state.discharge(obligation, LATE)

    def _run_callable(self, node: f.Expr, state: State, context: _Context) -> None:
        if isinstance(node, f.Lambda):
            self.visit(node.body, state, context)
        elif isinstance(node, f.Name):
            if node.path in context.nested:
                self._inline(context.nested[node.path], context.sites, {}, state, context)
                return
            base, _, method = node.path.rpartition(".")
            for obligation in state.names.get(base, NOTHING):
                self._release_by(obligation, method, state)
            value = self.evaluator.eval(node, context.frame)
            if isinstance(value, FunctionValue) and value.receiver is not None:
                self._run_bound(value, state, context)
        elif isinstance(node, f.Attr):
            for obligation in self.visit(node.base, state, context):
                self._release_by(obligation, node.attr, state)
        elif isinstance(node, f.Call):
            for arg in node.args:
                self._run_callable(arg.value, state, context)

    def _run_bound(self, value: FunctionValue, state: State, context: _Context) -> None:
        """A method of the test class itself, registered as a clean-up."""
        frame = Frame(value.module, value.function.name, value.function, value.owner, value.frame)
        self.evaluator.bind_params(value.function, value.receiver, (), {}, frame)
        self.evaluator.exec_block(f.body_of(value.function), frame)
        self._inline(value.function, {site.at: site for site in frame.sites}, {}, state, context)

    def _pass_on(
        self,
        node: f.Call,
        site: Site | None,
        held: list[frozenset[Obligation]],
        base: frozenset[Obligation],
        state: State,
        context: _Context,
    ) -> None:
        """Arguments given to something that may keep them."""
        given = frozenset().union(*held) if held else NOTHING
        given |= self._captured(node, state, context)
        if not given:
            return
        method = node.func.path.rpartition(".") if isinstance(node.func, f.Name) else ("", "", "")
        if method[2] in _HOLDERS and method[0]:
            holder = method[0]
            state.names[holder] = state.names.get(holder, NOTHING) | given
            if self._is_outer(holder, context):
                state.keep(given)
            return
        if self._harmless(node, site, context):
            return
        state.keep(given)

    def _captured(self, node: f.Call, state: State, context: _Context) -> frozenset[Obligation]:
        """What lambdas and nested functions among the arguments close over."""
        out = NOTHING
        for arg in node.args:
            if isinstance(arg.value, f.Lambda):
                out |= _mentioned(arg.value, state)
        return out

    def _is_outer(self, name: str, context: _Context) -> bool:
        """Whether a container belongs to somebody else than the body being run."""
        first = name.partition(".")[0]
        if first in {"self", "cls"}:
            return False
        return first not in context.function.binds or first in context.globals

    def _harmless(self, node: f.Call, site: Site | None, context: _Context) -> bool:
        """Whether the callee only looks at what it is given."""
        if site is not None and site.callee.__class__ is not ClassValue:
            return True
        value = self.evaluator.quiet_eval(node.func, context.frame)
        if isinstance(value, Ref):
            first = value.name.partition(".")[0]
            return first == "builtins" and not value.name.endswith(("setattr", "iter", "map", "filter", "zip", "enumerate", "list", "tuple")) or first in {"pytest", "time", "logging", "os"}
        name = node.func.path.rpartition(".")[2] if isinstance(node.func, f.Name) else ""
        return name.startswith(_ASSERTING)

    def _derived(self, node: f.Call, base: frozenset[Obligation]) -> frozenset[Obligation]:
        """``stack.pop()``, ``pool.__enter__()``, ``builder.start()``: the result still is the thing."""
        name = node.func.attr if isinstance(node.func, f.Attr) else node.func.path.rpartition(".")[2] if isinstance(node.func, f.Name) else ""
        if name in {"pop", "popleft", "__enter__", "__aenter__", "get", "values", "items", "copy", "start"}:
            return base
        if name in {"list", "tuple", "reversed", "sorted", "enumerate", "zip", "iter", "gather", "cast"}:
            return NOTHING
        return NOTHING

    # --- the project's functions ------------------------------------------------------------------------------------

    def _project_call(
        self,
        node: f.Call,
        site: Site,
        held: list[frozenset[Obligation]],
        base: frozenset[Obligation],
        state: State,
        context: _Context,
    ) -> frozenset[Obligation]:
        callee = site.callee
        assert isinstance(callee, FunctionValue)
        function = callee.function
        given: dict[str, frozenset[Obligation]] = {}
        params = [p for p in function.params if p.kind in {"positional", "keyword"}]
        if callee.receiver is not None and params:
            params = params[1:]
        positional = iter(params)
        for arg, obligations in zip(node.args, held, strict=True):
            param = arg.keyword if arg.keyword is not None else next((p.name for p in positional), None)
            if param is not None and obligations:
                given[param] = obligations
        if context.depth >= _MAX_INLINED or id(function) in context.running or not site.inner and not given:
            state.keep(frozenset().union(*held) if held else NOTHING)
            return NOTHING
        if _is_context_manager(function):
            state.keep(frozenset().union(*held) if held else NOTHING)
            return NOTHING
        sites = {inner.at: inner for inner in site.inner}
        return self._inline(function, sites, given, state, context, site)

    def _inline(
        self,
        function: f.Function,
        sites: dict[f.Span, Site],
        given: dict[str, frozenset[Obligation]],
        state: State,
        context: _Context,
        site: Site | None = None,
    ) -> frozenset[Obligation]:
        """Run a function of the project in place of its call; what it returns is owed by the caller."""
        if context.depth >= _MAX_INLINED:
            return NOTHING
        inner = _Context(sites, context.frame, function, context.depth + 1, False, False)
        inner.running = (*context.running, id(function))
        inner.nested = dict(context.nested)
        known = set(state.masks)
        local = {name: held for name, held in state.names.items() if site is None or name.startswith(("self.", "cls."))}
        local.update(given)
        exits = _Exits()
        end = self._block(f.body_of(function), State(local, dict(state.masks)), exits, inner)
        after = merge(end, exits.returns)
        if after is None:
            return NOTHING
        returned = inner.returned
        stored = frozenset().union(*(h for n, h in after.names.items() if n.startswith(("self.", "cls.")) or site is None)) if after.names else NOTHING
        for obligation, masks in after.masks.items():
            if obligation in known or obligation in returned or obligation in stored:
                state.masks[obligation] = frozenset(m & ~KEPT for m in masks) if obligation in returned and obligation not in known else masks
        for name, held in after.names.items():
            if name.startswith(("self.", "cls.")) or site is None and name in state.names:
                state.names[name] = held
        if site is None:
            return returned
        return frozenset(self._at_call(o, site, state, known, context) for o in returned)

    def _at_call(
        self, obligation: Obligation, site: Site, state: State, known: set[Obligation], context: _Context
    ) -> Obligation:
        """What a factory returns is owed where the factory was called."""
        if obligation in known:
            return obligation
        key = (id(context.frame), site.at, obligation.resource.name)
        moved = self._acquired.get(key)
        if moved is None:
            moved = Obligation(obligation.resource, site, site.at, obligation.started, via=obligation.via or obligation.site)
            self._acquired[key] = moved
        moved.started = obligation.started
        state.masks[moved] = state.masks.pop(obligation, frozenset({0}))
        return moved

    def _run_factories(self, value: f.Expr | None, state: State, context: _Context) -> None:
        """A fixture that gives a function away: what that function collects is the fixture's to release."""
        if not context.is_fixture or not isinstance(value, f.Name) or value.path not in context.nested:
            return
        function = context.nested[value.path]
        found = self.evaluator.eval(value, context.frame)
        sites: dict[f.Span, Site] = {}
        if isinstance(found, FunctionValue):
            frame = Frame(found.module, function.name, function, found.owner, found.frame)
            self.evaluator.bind_params(function, None, (), {}, frame)
            self.evaluator.exec_block(f.body_of(function), frame)
            sites = {site.at: site for site in frame.sites}
        containers = {name for name in context.function.binds if name not in function.binds}
        inner = _Context(sites, context.frame, function, context.depth + 1, False, False)
        exits = _Exits()
        end = self._block(f.body_of(function), State(dict(state.names), dict(state.masks)), exits, inner)
        after = merge(end, exits.returns)
        for name in containers if after is not None else ():
            assert after is not None
            held = after.names.get(name, NOTHING)
            if held:
                state.names[name] = state.names.get(name, NOTHING) | held
                for obligation in held:
                    state.masks[obligation] = frozenset(mask & ~KEPT for mask in after.masks[obligation])

    # --- statements -------------------------------------------------------------------------------------------------

    def _block(self, body: tuple[f.Stmt, ...], state: State, exits: _Exits, context: _Context) -> State | None:
        """Run statements; the state at the end, or None when control never gets there."""
        current: State | None = state
        context_exits, self._exits = getattr(self, "_exits", None), exits
        for statement in body:
            handler = _STATEMENTS.get(type(statement))
            if handler is not None:
                current = handler(self, statement, current, exits, context)
                self._exits = exits
            if current is None:
                break
        self._exits = context_exits
        return current

    _exits: _Exits | None

    def _fails(self, state: State, context: _Context) -> None:
        """Control may leave here by an exception."""
        if self._exits is not None:
            self._exits.raises = merge(self._exits.raises, state.copy())

    def _bind(self, target: f.Expr, held: frozenset[Obligation], state: State, context: _Context) -> None:
        if isinstance(target, f.Name):
            path = target.path
            state.names[path] = held
            first, _, rest = path.partition(".")
            if held and (path in context.globals or (rest and first not in {"self", "cls"})):
                state.keep(held)
        elif isinstance(target, f.Seq):
            for item in target.items:
                self._bind(item, held, state, context)
        elif isinstance(target, f.Star):
            self._bind(target.value, held, state, context)
        elif isinstance(target, f.Subscript) and held:
            if isinstance(target.base, f.Name) and not self._is_outer(target.base.path, context):
                path = target.base.path
                state.names[path] = state.names.get(path, NOTHING) | held
            else:
                state.keep(held)
        elif held:
            state.keep(held)

    def _assign(self, node: f.Assign, state: State, exits: _Exits, context: _Context) -> State | None:
        for target in node.targets:
            if isinstance(target, f.Seq) and isinstance(node.value, f.Seq) and len(target.items) == len(node.value.items):
                for inner, value in zip(target.items, node.value.items, strict=True):
                    self._bind(inner, self.visit(value, state, context), state, context)
                return state
        held = self.visit(node.value, state, context)
        for target in node.targets:
            if isinstance(target, f.Seq) and held and len(held) > 1:
                self._unpack(target, node.value, held, state, context)
            else:
                self._bind(target, held, state, context)
        return state

    def _unpack(
        self, target: f.Seq, value: f.Expr | None, held: frozenset[Obligation], state: State, context: _Context
    ) -> None:
        """``engine, session = make()``: each name gets what was returned at its place, as far as types tell."""
        values = self.evaluator.quiet_eval(value, context.frame) if value is not None else None
        items = getattr(values, "items", None)
        for position, inner in enumerate(target.items):
            mine = held
            if isinstance(items, tuple) and len(items) == len(target.items):
                item = items[position]
                kind = item.type if isinstance(item, Obj) else None
                mine = frozenset(o for o in held if _is_kind(o, kind))
            self._bind(inner, mine, state, context)

    def _augmented(self, node: f.AugAssign, state: State, exits: _Exits, context: _Context) -> State | None:
        held = self.visit(node.value, state, context)
        if isinstance(node.target, f.Name) and held:
            state.names[node.target.path] = state.names.get(node.target.path, NOTHING) | held
        return state

    def _expression(self, node: f.ExprStmt, state: State, exits: _Exits, context: _Context) -> State | None:
        self.visit(node.value, state, context)
        call = node.value.value if isinstance(node.value, f.Await) else node.value
        if isinstance(call, f.Call) and self._ends(call, context):
            exits.raises = merge(exits.raises, state)
            return None
        return state

    def _ends(self, call: f.Call, context: _Context) -> bool:
        name, _ = self.evaluator.call_site_names(call, context.frame)
        last = f"?.{name.rpartition('.')[2]}"
        return name in _ENDING or (name.startswith("self.") and last in _ENDING)

    def _return(self, node: f.Return, state: State, exits: _Exits, context: _Context) -> State | None:
        held = self.visit(node.value, state, context)
        context.returned |= held
        self._run_factories(node.value, state, context)
        if not context.is_fixture:
            for obligation in held:
                state.discharge(obligation, KEPT)
        exits.returns = merge(exits.returns, state)
        return None

    def _raise(self, node: f.Raise, state: State, exits: _Exits, context: _Context) -> State | None:
        self.visit(node.value, state, context)
        exits.raises = merge(exits.raises, state)
        return None

    def _assert(self, node: f.Assert, state: State, exits: _Exits, context: _Context) -> State | None:
        self.visit(node.test, state, context)
        self._fails(state, context)
        return state

    def _delete(self, node: f.Del, state: State, exits: _Exits, context: _Context) -> State | None:
        return state

    def _declare(self, node: f.Declare, state: State, exits: _Exits, context: _Context) -> State | None:
        if node.kind == "global":
            context.globals.update(node.names)
        return state

    def _jump(self, node: f.Jump, state: State, exits: _Exits, context: _Context) -> State | None:
        if node.kind == "break":
            exits.breaks = merge(exits.breaks, state)
            return None
        if node.kind == "continue":
            exits.continues = merge(exits.continues, state)
            return None
        return state

    def _define(self, node: f.FunctionDef, state: State, exits: _Exits, context: _Context) -> State | None:
        context.nested[node.function.name] = node.function
        return state

    def _if(self, node: f.If, state: State, exits: _Exits, context: _Context) -> State | None:
        self.visit(node.test, state, context)
        about = _mentioned(node.test, state) | _tested(node.test, state)
        taken = self._block(node.body, state.copy(), exits, context)
        other = self._block(node.orelse, state.copy(), exits, context)
        if about and taken is not None and other is not None:
            _prefer_released(about, taken, other)
        return merge(taken, other)

    def _loop(self, node: Any, state: State, exits: _Exits, context: _Context) -> State | None:
        endless = isinstance(node, f.While) and isinstance(node.test, f.Const) and bool(node.test.value)
        held = self.visit(node.iter if isinstance(node, f.For) else node.test, state, context)
        if isinstance(node, f.For):
            self._bind(node.target, held, state, context)
        inner = _Exits()
        skipped = None if held else state.copy()
        end = merge(self._block(node.body, state.copy(), inner, context), inner.continues)
        if end is not None:
            again = _Exits()
            end = merge(end, merge(self._block(node.body, end.copy(), again, context), again.continues))
            inner.breaks = merge(inner.breaks, again.breaks)
            inner.returns, inner.raises = merge(inner.returns, again.returns), merge(inner.raises, again.raises)
        exits.returns, exits.raises = merge(exits.returns, inner.returns), merge(exits.raises, inner.raises)
        finished = None if endless else self._looped(end, skipped)
        if finished is not None and node.orelse:
            finished = self._block(node.orelse, finished, exits, context)
        return merge(finished, inner.breaks)

    @staticmethod
    def _looped(end: State | None, skipped: State | None) -> State | None:
        """A loop is taken to run at least once: that is the useful reading of a release inside one."""
        if end is None or skipped is None:
            return end or skipped
        return State({**skipped.names, **end.names}, {**skipped.masks, **end.masks})

    def _try(self, node: f.Try, state: State, exits: _Exits, context: _Context) -> State | None:
        inner = _Exits()
        before = state.copy()
        end = self._block(node.body, state, inner, context)
        caught = inner.raises
        if node.handlers:
            caught = merge(caught, _anywhere(before, end, inner))
        after = end
        if end is not None and node.orelse:
            after = self._block(node.orelse, end, inner, context)
        if node.handlers:
            inner.raises = None if any(_catches_all(handler) for handler in node.handlers) else inner.raises
            for handler in node.handlers:
                if caught is not None:
                    after = merge(after, self._block(handler.body, caught.copy(), inner, context))
        if not node.final:
            _merge_exits(exits, inner)
            return after
        return self._finally(node, after, inner, exits, context)

    def _finally(
        self, node: f.Try, after: State | None, inner: _Exits, exits: _Exits, context: _Context
    ) -> State | None:
        for name in ("returns", "raises", "breaks", "continues"):
            leaving = getattr(inner, name)
            if leaving is not None:
                done = self._block(node.final, leaving, exits, context)
                setattr(exits, name, merge(getattr(exits, name), done))
        return self._block(node.final, after, exits, context) if after is not None else None

    def _with(self, node: f.With, state: State, exits: _Exits, context: _Context) -> State | None:
        closed = NOTHING
        for manager, target in node.items:
            held = self.visit(manager, state, context)
            closes = frozenset(o for o in held if o.resource.with_ == "releases" or _closing_inside(manager))
            for obligation in closes:
                obligation.started = obligation.started or "start" in obligation.resource.started_by
            closed |= closes
            if target is not None:
                self._bind(target, held, state, context)
        expects = any(_expects_exception(manager) for manager, _ in node.items)
        inner = _Exits()
        end = self._block(node.body, state, inner, context)
        if expects:
            end, inner.raises = merge(end, inner.raises), None
        for leaving in (end, inner.returns, inner.raises, inner.breaks, inner.continues):
            if leaving is not None:
                leaving.settle(closed)
        _merge_exits(exits, inner)
        return end

    def _match(self, node: f.Match, state: State, exits: _Exits, context: _Context) -> State | None:
        self.visit(node.subject, state, context)
        after: State | None = state.copy()
        for case in node.cases:
            after = merge(after, self._block(case, state.copy(), exits, context))
        return after


# --- small questions --------------------------------------------------------------------------------------------------


def _is_kind(obligation: Obligation, kind: Value | str | None) -> bool:
    if kind is None:
        return False
    name = obligation.resource.name.partition(":")[0]
    return kind == name if isinstance(kind, str) else isinstance(kind, ClassValue) and name.endswith(kind.cls.name)


def _is_context_manager(function: f.Function) -> bool:
    return any(isinstance(d, f.Name) and d.path.endswith("contextmanager") for d, _ in function.decorators)


def _endless_method(target: Value | None) -> bool:
    return getattr(target, "attr", "") in {"serve_forever", "run_forever", "run"}


def _stored(normal: State | None, body: Body) -> dict[Obligation, str]:
    """Obligations that attributes of ``self`` or ``cls``, or globals, hold at the end."""
    out: dict[Obligation, str] = {}
    for name, held in (normal.names if normal is not None else {}).items():
        if name.startswith(("self.", "cls.")):
            for obligation in held:
                out[obligation] = name
    return out


def _renamed(state: State, place: str, teardown: Body) -> State:
    """The state as the tear-down method sees it: under its own first parameter, or that of the class."""
    attr = place.partition(".")[2]
    held = state.names[place]
    return State({f"{first}.{attr}": held for first in ("self", "cls")} | {place: held}, dict(state.masks))


def _missing(obligation: Obligation, normal: State | None, failing: State | None) -> tuple[tuple[str, ...], ...]:
    """The groups of releases that some path lacks."""
    masks = normal.masks.get(obligation, frozenset()) if normal is not None else frozenset()
    return tuple(
        tuple(group)
        for number, group in enumerate(obligation.resource.release)
        if not all(mask >> number & 1 for mask in masks)
    )


def _mentioned(node: Any, state: State) -> frozenset[Obligation]:
    """Obligations whose names occur anywhere within an expression."""
    out = NOTHING
    stack: list[Any] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, f.Name):
            path = part.path
            while path:
                if path in state.names:
                    out |= state.names[path]
                    break
                path = path.rpartition(".")[0]
        elif isinstance(part, f.Node):
            stack.extend(getattr(part, name) for name in part.__struct_fields__)
        elif isinstance(part, tuple):
            stack.extend(part)
    return out


def _tested(test: f.Expr, state: State) -> frozenset[Obligation]:
    return NOTHING


def _prefer_released(about: frozenset[Obligation], taken: State, other: State) -> None:
    """``if proc.poll() is None: proc.kill()``: the other branch is the one in which there is nothing to release."""
    for obligation in about:
        a, b = taken.masks.get(obligation, frozenset()), other.masks.get(obligation, frozenset())
        if a == b:
            continue
        better = a if sum(a) * len(b) > sum(b) * len(a) else b
        taken.masks[obligation] = other.masks[obligation] = better


def _anywhere(before: State, end: State | None, inner: _Exits) -> State:
    """The state in which a handler starts: an exception may come from anywhere in the body of the try."""
    acquired = {o: frozenset({0}) for o in (end.masks if end is not None else {}) if o not in before.masks}
    names = dict(end.names) if end is not None else dict(before.names)
    return State({**names, **before.names} if end is None else names, {**before.masks, **acquired})


def _catches_all(handler: f.Handler) -> bool:
    return handler.type is None or (isinstance(handler.type, f.Name) and handler.type.path in {"Exception", "BaseException"})


def _merge_exits(outer: _Exits, inner: _Exits) -> None:
    for name in ("returns", "raises", "breaks", "continues"):
        setattr(outer, name, merge(getattr(outer, name), getattr(inner, name)))


def _closing_inside(node: f.Expr) -> bool:
    """Whether an expression wraps what it holds in ``closing``."""
    if not isinstance(node, f.Call):
        return False
    if isinstance(node.func, f.Name) and node.func.path.rpartition(".")[2] in {"closing", "aclosing"}:
        return True
    return any(_closing_inside(arg.value) for arg in node.args)


def _expects_exception(node: f.Expr) -> bool:
    return isinstance(node, f.Call) and isinstance(node.func, f.Name) and node.func.path.rpartition(".")[2] in {
        "raises",
        "assertRaises",
        "assertRaisesRegex",
        "suppress",
    }


def _may_fail(node: f.Call, site: Site | None, context: _Context) -> bool:
    """Whether a call is an assertion; in a test marked xfail every call is expected to fail."""
    name = node.func.path.rpartition(".")[2] if isinstance(node.func, f.Name) else ""
    if name.startswith(_ASSERTING):
        return True
    return context.every_call_fails


_EXPRESSIONS: dict[type, Callable[[Lifetimes, Any, State, _Context], frozenset[Obligation]]] = {
    f.Name: Lifetimes._name,
    f.Attr: Lifetimes._attr,
    f.Call: Lifetimes._call,
    f.Binary: Lifetimes._operands,
    f.Compare: Lifetimes._operands,
    f.Unary: Lifetimes._value_of,
    f.BoolOp: Lifetimes._either,
    f.IfExp: Lifetimes._either,
    f.Seq: Lifetimes._seq,
    f.Mapping: Lifetimes._mapping,
    f.Comp: Lifetimes._comp,
    f.Subscript: Lifetimes._subscript,
    f.Await: Lifetimes._value_of,
    f.Star: Lifetimes._value_of,
    f.Yield: Lifetimes._yield,
    f.Walrus: Lifetimes._walrus,
    f.FString: Lifetimes._fstring,
}
_STATEMENTS: dict[type, Callable[[Lifetimes, Any, Any, _Exits, _Context], State | None]] = {
    f.Assign: Lifetimes._assign,
    f.AugAssign: Lifetimes._augmented,
    f.ExprStmt: Lifetimes._expression,
    f.Return: Lifetimes._return,
    f.Raise: Lifetimes._raise,
    f.Assert: Lifetimes._assert,
    f.Del: Lifetimes._delete,
    f.Declare: Lifetimes._declare,
    f.Jump: Lifetimes._jump,
    f.FunctionDef: Lifetimes._define,
    f.If: Lifetimes._if,
    f.For: Lifetimes._loop,
    f.While: Lifetimes._loop,
    f.Try: Lifetimes._try,
    f.With: Lifetimes._with,
    f.Match: Lifetimes._match,
}
__all__ = ["SETUP", "Debt", "LambdaValue", "Lifetimes"]
