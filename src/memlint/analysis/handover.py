"""Calls, as ownership sees them: which ones acquire, release, take over, defer, keep or merely use."""

from __future__ import annotations

import re
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator

from memlint import facts as f
from memlint.analysis.assumptions import Assumption
from memlint.analysis.branching import passed_in
from memlint.analysis.expectations import ANY_PART, PIPES, says_gone, seen_closed, used_in, without_tested
from memlint.analysis.first_use import is_part_of, is_used_by, opens_when_used, use_through_parts, uses
from memlint.analysis.flow import Flow, Run, closing_inside, names_returned
from memlint.analysis.groups import leads_a_group
from memlint.analysis.holdings import mentioned, named, numbers_in, passed_by
from memlint.analysis.obligations import LATE, NOTHING, Obligation, State
from memlint.analysis.project_resources import RELEASING
from memlint.analysis.reading import ended_by, pipes_consumed_by, released_by_reading
from memlint.analysis.sites import Site
from memlint.analysis.traverse import calls, own_expressions, statements, walk, words
from memlint.analysis.types import type_name
from memlint.analysis.users import ends_its_own
from memlint.analysis.values import ClassValue, FunctionValue, Method, Obj, Ref, Value
from memlint.knowledge.apis import ANY_USE, Resource
from memlint.knowledge.index import ApiIndex

_ADDING = {
    "append",
    "add",
    "appendleft",
    "extend",
    "put",
    "insert",
    "setdefault",
    "push",
    "put_nowait",
    "update",
}
_SAME = {
    "pop",
    "popleft",
    "__enter__",
    "__aenter__",
    "get",
    "values",
    "items",
    "copy",
    "start",
    "popitem",
    "children",
    "get_bind",
    "result",
}
# functions of the standard library that read or write a file and keep no hold of it
_READING_ONCE = frozenset({"load", "dump", "copyfileobj"})
_FLUENT_NAMES = frozenset(
    {"xarray.Dataset.load", "xarray.DataTree.load"}
)  # give back what they are called on
_THROUGH_NAMES = frozenset({"asyncio.run", "asyncio.runners.run", "asyncio.Runner.run"})
_ADOPTING = frozenset({"connect_read_pipe", "connect_write_pipe", "connect_accepted_socket"})
_ENDING_CHILD = ("wait", "kill", "terminate", "reap", "cleanup", "clean_up", "stop")
_NOTING = ("put", "record", "register", "save", "set_", "store", "track", "update", "write")
_THROUGH = {
    "list",
    "tuple",
    "set",
    "reversed",
    "sorted",
    "enumerate",
    "zip",
    "iter",
    "next",
    "filter",
    "dict",
    "cast",
    "gather",
    "wait_for",
    "shield",
    "run_until_complete",
    "run_coroutine_threadsafe",
    "create_task",
    "ensure_future",
}
_BUNDLES = {"types.SimpleNamespace", "argparse.Namespace", "collections.deque", "collections.OrderedDict"}
_FINALIZERS = {
    "add_done_callback",
    "addCleanup",
    "addClassCleanup",
    "addfinalizer",
    "addModuleCleanup",
    "addAsyncCleanup",
}
_ENTERING = {"enterContext", "enter_context", "enter_async_context", "enterClassContext", "enterAsyncContext"}
_STACK_CALLBACKS = {"callback", "push_async_callback"}
_USING = frozenset({"create_all", "drop_all"})  # of anybody's metadata: the engine is used, not kept
_KEEPING_BUILTINS = ("setattr", "map")
_CLOSE_ALL = re.compile(
    r"(close|stop|shutdown|shut_down|terminate|kill|reap|clean|cleanup|join)_(all|\w+s)\Z"
)
_PLAIN_BASES = frozenset(
    {"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol", "builtins.Exception", "builtins.dict"}
)
_KEEPING_FORMS = (f.Name, f.Mapping, f.Seq, f.BoolOp, f.IfExp)
_COLLECTIONS = tuple(f.Name(name) for name in ("dict", "list", "tuple", "set", "frozenset"))
_TAKING_OVER = (
    "exit",
    "atexit",
    "finalize",
    "register",
    "cleanup",
    "callback",
    "close",
    "dispose",
    "release",
)
_WAITING = re.compile(
    r"(?i)assert|wait|until|eventually|retry|poll"
)  # ``wait_for(lambda: not child.is_alive())``
_LOOKING = frozenset({"str", "repr", "isinstance", "type", "id", "hash", "hasattr", "getattr", "callable"})
_PATCHING = frozenset({"patch", "monkeypatch", "setattr"})  # which put it where somebody may find it
_KEYED = frozenset(
    {"get", "values", "items", "copy", "pop", "children"}
)  # of a container, not of what it holds
_IDENTITIES = frozenset({"id", "short_id", "name", "pid", "uuid", "ident"})
_RUNNERS = ("threading.", "multiprocessing.", "_thread.")
_ENDING = frozenset({"terminate", "kill", "send_signal"})
_GROUP_SIGNALS = frozenset({"os.killpg"})
_RELEASING_WORDS = (*RELEASING, "release", "reap", "wait", "finalize", "register", "defer", "clean", "own")


class Handover(Flow):
    """Runs calls."""

    index: ApiIndex

    @abstractmethod
    def acquires(self, site: Site) -> Resource | None:
        """The resource that a call acquires itself."""

    @abstractmethod
    def new(
        self, site: Site, resource: Resource, state: State, given: frozenset[Obligation], run: Run
    ) -> frozenset[Obligation]:
        """The obligation that a call makes, related to those it was given."""

    @abstractmethod
    def project_call(
        self,
        node: f.Call,
        callee: FunctionValue,
        site: Site | None,
        held: list[frozenset[Obligation]],
        state: State,
        run: Run,
    ) -> frozenset[Obligation]:
        """Run a function of the project in place of its call."""

    @abstractmethod
    def mined(
        self, node: f.Call, callee: FunctionValue, site: Site, state: State, run: Run
    ) -> frozenset[Obligation]:
        """What a function of the project acquires by the evidence of its name and its other callers alone."""

    @abstractmethod
    def mined_class(self, cls: ClassValue, site: Site, state: State, run: Run) -> frozenset[Obligation]:
        """An instance of a class of the project that nearly everybody else closes."""

    @abstractmethod
    def run_function(
        self, callee: FunctionValue, given: list[frozenset[Obligation]], state: State, run: Run
    ) -> None:
        """Run a function of the project for its effect on what it is given and closes over."""

    # --- calls ------------------------------------------------------------------------------------------------------

    def call(self, node: f.Call, state: State, run: Run) -> frozenset[Obligation]:
        """Run a call; what its result stands for."""
        node = _by_its_name(_by_its_text(node, run), run)
        base = self._receiver(node, state, run)
        site = run.sites.get(node.at)
        held = [self.visit(arg.value, state, run) for arg in node.args]
        given = NOTHING.union(*held)
        path = _path(node)
        for obligation in base:
            self.release_by(obligation, path, state, node, run.expected)
        first, _, method = path.partition(".")
        for part in run.either.get(first, ()):
            for obligation in named(part, state):
                self.release_by(obligation, f"{part}.{method}", state, node, run.expected)
        bare = isinstance(node.func, f.Name) and "." not in path and path not in run.nested
        if base and bare and not isinstance(self.evaluator.quiet_eval(node.func, run.frame), Obj):
            state.settle(base)  # ``close, port = take_port()``, then ``close()``
        about = mentioned(node, state)
        callee = self._callee(node, site, run) if about or site is None else site.callee
        name = _qualified(callee, site)
        for body in _called_inside(node, callee):
            self.visit(body, state, run)
        self._put_to_use(given, callee, name, path, run)
        if not run.expected and path not in _LOOKING:
            use_through_parts(base, given, path.rpartition(".")[2])
        for obligation in given if path not in _LOOKING else ():
            if obligation.resource.ended_by_use:
                state.settle(frozenset({obligation}))
        self._function_release(node, name, site, given, about, state)
        self._by_any_name(node, state)
        self.exhaust(pipes_consumed_by(node), state, run)
        if self._takes_over(node, site, base, given, state, run):
            return given
        last = path.rpartition(".")[2]
        asserts = last.startswith("assert")
        for arg in node.args if _WAITING.search(last) else ():
            asked = _asked(arg.value, run)
            if asked is not None and says_gone(asked):
                state.settle(self.polled(asked, state, ("is_alive", "poll")))
        if last == "assertFalse" and node.args:
            state.settle(self.polled(node.args[0].value, state, ("is_alive",)))
        if last in {"assertIsNone", "assertTrue"} and node.args:
            test = node.args[0].value
            shown = f.Compare(test, (("is", f.Const(None)),)) if last == "assertIsNone" else test
            state.settle(state.names.get(seen_closed(shown), NOTHING))
        if asserts or (run.every_call_fails and not any(_starts_or_ends(o, path) for o in base)):
            tested = tuple(arg.value for arg in node.args)
            left = without_tested(tested, state)
            if last == "assertTrue" and tested:
                left = left.without(self.polled(tested[0], state, ("is_alive",)))
            if isinstance(callee, FunctionValue):  # a helper of the suite: what is in it says when it fails
                left = left.copy()
                left.keep(given)
            self.fails(left, run, used_in(tested, state) if asserts else NOTHING)
        self.may_fail(state, run)
        self._gives_release(node, path, state)
        self._note_down(node, path, state, run)
        return self._result(node, site, callee, name, base, held, state, run)

    def _result(
        self,
        node: f.Call,
        site: Site | None,
        callee: Value,
        name: str,
        base: frozenset[Obligation],
        held: list[frozenset[Obligation]],
        state: State,
        run: Run,
    ) -> frozenset[Obligation]:
        given = NOTHING.union(*held)
        resource = self.acquires(site) if site is not None else None
        if site is not None and resource is not None:
            if isinstance(callee, ClassValue) or resource.name.startswith(_RUNNERS):
                state.keep(given.union(*(self._closed_over(arg.value, state, run) for arg in node.args)))
            state.keep(_adopted(node, "", state))
            self._pass_unnamed(node, name, given, state)
            if resource.name.startswith("asyncio."):
                state.keep(given)
            if run.expected:
                return NOTHING  # what is expected to fail acquires nothing
            return self.new(site, resource, state, given | base, run)
        if isinstance(callee, FunctionValue):
            known = set(state.masks)
            returned = self.project_call(node, callee, site, held, state, run)
            if isinstance(node.func, f.Attr) and "self" in names_returned(callee.function):
                returned |= base  # ``server = Server().start()``
            if site is not None and state.masks.keys() <= known:
                returned |= self.mined(node, callee, site, state, run)
            return returned
        if isinstance(callee, ClassValue) and site is not None and not given:
            made = self.mined_class(callee, site, state, run)
            if made:
                return made
        if self._is_bundle(callee, name) or self._only_uses(node, callee, held):
            return given
        self._pass_on(node, callee, name, given, state, run)
        return self._derived(node, name, base, given, state, run)

    def _put_to_use(
        self, given: frozenset[Obligation], callee: Value, name: str, path: str, run: Run
    ) -> None:
        """What opens on its first use is handed on: a library is known to use it, anybody else may."""
        last = path.rpartition(".")[2]
        if last in _LOOKING or not _PATCHING.isdisjoint(path.split(".")):
            return
        for obligation in given:
            if not opens_when_used(obligation) or is_part_of(name, obligation, self.index):
                continue
            obligation.started = True
            if isinstance(callee, ClassValue):
                used = is_used_by(callee, obligation, run.function, self.evaluator)
            else:
                used = self._is_known(name) and not isinstance(callee, FunctionValue)
            if not used and last not in _USING:
                obligation.assumed.add(Assumption.OPENED_IN_USE)

    def _gives_release(self, node: f.Call, path: str, state: State) -> None:
        """``loop.call_soon(server.close)``, ``assertRaises(OSError, process.__exit__)``: the callee calls it."""
        expected = ""
        if path.rpartition(".")[2].startswith("assert") and node.args:
            expected = _path(f.Call(node.args[0].value, (), f.NOWHERE))
        for arg in node.args:
            if not isinstance(arg.value, f.Name):
                continue
            holder, _, method = arg.value.path.rpartition(".")
            for obligation in state.names.get(holder, NOTHING):
                self.release_by(obligation, arg.value.path, state, expected=expected)
                if expected and ends_its_own(obligation, method, self.evaluator):
                    state.discharge(obligation, obligation.full)
            if method == "pid":
                self._given_by_number(state.names.get(holder, NOTHING), path, state)

    @staticmethod
    def _given_by_number(processes: frozenset[Obligation], path: str, state: State) -> None:
        """``kill_tree(process.pid)``, ``wait_for(process.pid)``, ``experiments.update("one", process.pid)``."""
        last = path.rpartition(".")[2]
        ends = any(word in last for word in _ENDING_CHILD) and not path.startswith("os.")
        if ends or "wait" in path:
            state.settle(processes)
        elif last.startswith(_NOTING):
            state.keep(processes)

    def _note_down(self, node: f.Call, path: str, state: State, run: Run) -> None:
        """``self.containers.append(container.id)``: a list by which what runs afterwards finds what to remove."""
        holder, _, method = path.rpartition(".")
        if method not in _ADDING or not state.masks:
            return
        for obligation in state.masks:
            acquiring = obligation.site.node
            given = acquiring.args if isinstance(acquiring, f.Call) else ()
            if any(
                _names_it(arg.value, obligation, state, run) or any(arg.value == one.value for one in given)
                for arg in node.args
            ) and self.is_read_afterwards(holder):
                state.keep(frozenset({obligation}))

    @abstractmethod
    def is_read_afterwards(self, holder: str) -> bool:
        """Whether something that runs around the body reads this container."""

    def _receiver(self, node: f.Call, state: State, run: Run) -> frozenset[Obligation]:
        """What the called method belongs to."""
        func = node.func
        if isinstance(func, f.Name):
            if func.path in run.nested:
                run.used.add(func.path)
            prefix = func.path.rpartition(".")[0]
            return named(prefix, state) if prefix else state.names.get(func.path, NOTHING)
        held = self.visit(func.base if isinstance(func, f.Attr) else func, state, run)
        if isinstance(func, f.Attr) and func.attr not in _SAME:
            passed_by(func.base, held, "call")
        return held

    def _callee(self, node: f.Call, site: Site | None, run: Run) -> Value:
        if site is not None and isinstance(site.callee, (FunctionValue, ClassValue)):
            return site.callee
        return self.evaluator.quiet_eval(node.func, run.frame)

    # --- releasing --------------------------------------------------------------------------------------------------

    def release_by(
        self,
        obligation: Obligation,
        method: str,
        state: State,
        node: f.Call | None = None,
        expected: str = "",
    ) -> None:
        """``proc.wait()``, ``proc.stdout.close()``; ``session.bind.dispose()`` reaches what the session came from."""
        resource = obligation.resource
        last = method.rpartition(".")[2]
        groups = _groups(resource, method)
        used = resource.started_by == [ANY_USE] and not groups and _is_own(obligation, method, state)
        used = used and uses(obligation, last)
        starts = not set(method.split(".")).isdisjoint(resource.started_by)
        if (starts or used) and not expected:
            obligation.started = True
            obligation.assumed.discard(Assumption.OPENED_IN_USE)
        if last in _ENDING:
            obligation.told_to_end = True
        if last == "cancel" and resource.name.startswith("asyncio.") and not obligation.awaited:
            state.discharge(obligation, obligation.full)  # the task that would have made it
        pipe = method.rpartition(".")[0].rpartition(".")[2]
        if last == "communicate" or (last == "close" and pipe in {*PIPES, "*"}):
            obligation.closed_pipes |= {pipe} if last == "close" and pipe != "*" else PIPES
        if "Timeout" in expected or (
            obligation.endless and node is not None and node.args and last == "join"
        ):
            return
        read = released_by_reading(obligation, method, node) if node is not None else 0
        if read and read == ended_by(obligation):
            obligation.read_out = True
        if groups | read:
            state.discharge(obligation, groups | read)
        elif obligation.parent is not None:
            self.release_by(obligation.parent, method, state, node, expected)

    def _function_release(
        self,
        node: f.Call,
        name: str,
        site: Site | None,
        given: frozenset[Obligation],
        about: frozenset[Obligation],
        state: State,
    ) -> None:
        """``plt.close(fig)``, ``os.killpg(os.getpgid(proc.pid), 9)``, ``plt.close("all")``."""
        registered = () if site is not None or not _asks_for_all(node) else self.index.calls.get(name, ())
        for entry in site.entries if site is not None else registered:
            if entry.releases is not None and entry.releases.startswith("all:"):
                kind = entry.releases.removeprefix("all:")
                state.settle(frozenset(o for o in state.masks if o.resource.name.partition(":")[0] == kind))
            elif entry.releases is not None and site is not None:
                state.settle(given)
        self._settle_pairs(name, about, state)
        resources = self.index.releasers.get(name, ())
        for obligation in about | given:
            if any(obligation.resource is resource for resource in resources):
                state.discharge(obligation, obligation.full)
            for number, group in enumerate(obligation.resource.release):
                if name in group:
                    self._signal(obligation, name, 1 << number, state)
        if resources and not node.args:
            state.settle(frozenset(o for o in state.masks if o.resource in resources))
        anyone = name in {"os.wait", "os.wait3"} or _path(node).rpartition(".")[2] == "reap_children"
        for obligation in list(state.masks) if anyone else ():
            if any("os.wait" in group for group in obligation.resource.release):
                state.discharge(obligation, obligation.full)

    def _by_any_name(self, node: f.Call, state: State) -> None:
        """``getattr(self, name).close()`` in a loop over names: all that the object holds."""
        func = node.func
        if not isinstance(func, f.Attr) or not isinstance(func.base, f.Call):
            return
        args = func.base.args
        if func.base.func != f.Name("getattr") or len(args) < 2 or isinstance(args[1].value, f.Text):
            return
        holder = args[0].value
        if isinstance(holder, f.Name):
            for name, held in state.names.items():
                if name.startswith(f"{holder.path}."):
                    for obligation in held:
                        self.release_by(obligation, func.attr, state)

    @staticmethod
    def _settle_pairs(name: str, about: frozenset[Obligation], state: State) -> None:
        """``stop_broker()`` stops what ``start_broker()`` started; given one of several, it stops that one."""
        paired = frozenset(o for o in state.masks if o.paired and name in o.resource.release[0])
        state.settle(paired & about or paired)

    @staticmethod
    def _signal(obligation: Obligation, name: str, groups: int, state: State) -> None:
        """A signal to a group reaches a child only when it leads one."""
        if name in _GROUP_SIGNALS and not leads_a_group(obligation):
            obligation.misdirected = True
            return
        obligation.told_to_end |= name.startswith("os.kill")
        state.discharge(obligation, groups)

    # --- taking over ------------------------------------------------------------------------------------------------

    def _takes_over(
        self,
        node: f.Call,
        site: Site | None,
        base: frozenset[Obligation],
        given: frozenset[Obligation],
        state: State,
        run: Run,
    ) -> bool:
        """``closing``, ``enter_context``, ``addCleanup``, ``addfinalizer``, ``atexit.register``."""
        owner: str | None = (
            next((e.owner for e in site.entries if e.owner), None) if site is not None else None
        )
        owner = owner or _owner_by_name(_path(node).rpartition(".")[2])
        if owner is None:
            return False
        stack = next(
            (o for o in base if o.resource.name.startswith("contextlib.ExitStack") and not state.done(o)),
            None,
        )
        if owner in {"closing", "enter_context"}:
            useless = frozenset(
                o for o in given if o.resource.with_ == "nothing" and owner == "enter_context"
            )
            self._own(given - (useless if not closing_inside(node) else NOTHING), stack, state)
            return True
        before = dict(state.masks)
        self.run_callable(node.args, state, run)
        run.deferred.append((node.args, frozenset(state.masks), run))
        for obligation in [o for o, masks in state.masks.items() if before.get(o, masks) != masks]:
            if owner == "atexit":
                state.discharge(obligation, LATE)
            elif stack is not None and obligation is not stack:
                state.masks[obligation], obligation.owner = before[obligation], stack
        return True

    @staticmethod
    def _own(taken: frozenset[Obligation], stack: Obligation | None, state: State) -> None:
        if stack is None:
            state.settle(taken)
        for obligation in taken if stack is not None else ():
            obligation.owner = stack

    def run_callable(self, args: tuple[f.Arg, ...], state: State, run: Run) -> None:
        """A callable that will be called in the end, with its arguments: nothing that happens between matters."""
        if not args:
            return
        node, rest = args[0].value, args[1:]
        if isinstance(node, f.Name):
            node = _original(node, run)
        if isinstance(node, f.Lambda):
            self.visit(node.body, state, run)
            return
        if isinstance(node, f.Call):
            if _path(node).rpartition(".")[2] in {"partial", "partialmethod"}:
                self.run_callable(node.args, state, run)
            else:
                state.settle(mentioned(node, state))
            return
        held = [self.visit(arg.value, state, run) for arg in rest]
        path = node.path if isinstance(node, f.Name) else node.attr if isinstance(node, f.Attr) else ""
        base = (
            named(path.rpartition(".")[0], state)
            if isinstance(node, f.Name)
            else self.visit(getattr(node, "base", None), state, run)
        )
        for obligation in base:
            self.release_by(obligation, path, state)
        if isinstance(node, f.Name) and "." not in path:
            state.settle(state.names.get(path, NOTHING))  # ``addCleanup(close)``
        self._run_named(node, path, f.Call(node, rest, f.NOWHERE), held, state, run)

    def _run_named(
        self, node: f.Expr, path: str, call: f.Call, held: list[frozenset[Obligation]], state: State, run: Run
    ) -> None:
        if path in run.nested:
            run.used.add(path)
        value = self.evaluator.quiet_eval(node, run.frame)
        if isinstance(value, FunctionValue):
            self._settle_pairs(f"{value.module.name}.{value.function.name}", NOTHING.union(*held), state)
            self.run_function(value, held, state, run)
        elif isinstance(value, Ref):
            given = NOTHING.union(*held)
            self._function_release(call, value.name, None, given, mentioned(call.args, state), state)
            if not self._uses_only(value, value.name, path):
                state.settle(given)
        else:
            state.settle(NOTHING.union(*held))

    def deferred_at_end(self, states: Iterable[State], run: Run) -> None:
        """What was registered before an acquisition releases that too."""
        for args, known, where in run.deferred:
            for state in states:
                later = state.copy()
                self.run_callable(args, later, where)
                for obligation in later.masks.keys() & state.masks.keys() - known:
                    state.masks[obligation] = later.masks[obligation]

    # --- passing on -------------------------------------------------------------------------------------------------

    def _is_bundle(self, callee: Value, name: str) -> bool:
        """Something that only holds what it is given: a namespace, a dataclass without a method that releases."""
        if isinstance(callee, ClassValue):
            methods = ("__init__", "__exit__", *RELEASING)
            return not any(self.evaluator.class_member(callee, method, None) for method in methods)
        return name in _BUNDLES or (isinstance(callee, Obj) and callee.type == "collections.namedtuple")

    def _only_uses(self, node: f.Call, callee: Value, held: list[frozenset[Obligation]]) -> bool:
        """Whether a class of the project is given something that none of its methods can release."""
        given = NOTHING.union(*held)
        if not isinstance(callee, ClassValue) or not given:
            return False
        releases = {
            name.rpartition(".")[2]
            for obligation in given
            for group in obligation.resource.release
            for name in (*group, *obligation.resource.released_by)
        }
        with self.evaluator.project.following_product():
            if any(base not in _PLAIN_BASES for base in self.evaluator.external_bases(callee)):
                return False
            methods = [
                value.function
                for cls in self.evaluator.mro(callee)
                for value in self.evaluator.class_frame(cls).env.values()
                if isinstance(value, FunctionValue)
            ]
            kept = _kept_as(node, held, methods)
            return not any(
                _may_release(function, releases)
                for function in methods
                if kept is None or not kept.isdisjoint(words(function))
            )

    def _pass_on(
        self, node: f.Call, callee: Value, name: str, given: frozenset[Obligation], state: State, run: Run
    ) -> None:
        """Arguments given to something that may keep them."""
        given = given.union(*(self._closed_over(arg.value, state, run) for arg in node.args))
        holder, _, method = _path(node).rpartition(".")
        if not node.args and _CLOSE_ALL.match(method) and not named(holder, state):
            given = given | state.masks.keys()
        if not given:
            return
        state.keep(_adopted(node, method, state))
        if run.expected or method.startswith("assertRaises"):
            state.keep(given)
            return
        for arg in node.args if method in _ADDING else ():
            if isinstance(arg.value, f.Name) and arg.value.path in run.nested:
                self.run_callable((arg,), state, run)  # a list of what is to be called in the end
        if method in _ADDING and holder and not isinstance(callee, FunctionValue):
            state.hold(holder, given)
            if self.is_outer(holder, run):
                state.keep(given)
        elif not self._uses_only(callee, name, method):
            state.keep(given)
        else:
            if method not in _USING and not method.startswith("assert"):
                self._may_be_taken(name, given)
            self._pass_unnamed(node, name, given, state)

    def _may_be_taken(self, name: str, given: frozenset[Obligation]) -> None:
        """A library's function that no table describes may close the connection or file, or leave it."""
        root = name.partition(".")[0]
        if name in self.index.calls or root in sys.stdlib_module_names:
            return
        for obligation in given:
            resource = obligation.resource
            if resource.rule.startswith("MEM5") and resource.name.partition(".")[0] != root:
                obligation.assumed.add(Assumption.NOT_KEPT)

    @staticmethod
    def _pass_unnamed(node: f.Call, name: str, given: frozenset[Obligation], state: State) -> None:
        """``read(open(path))``, ``rasterio.open(rasterio.MemoryFile(data))``: only the library has hold of it."""
        root, last = name.partition(".")[0], name.rpartition(".")[2]
        standard = root in sys.stdlib_module_names or root == "builtins"
        if standard and last not in _READING_ONCE:
            return
        for arg in node.args:
            passed_by(arg.value, given, "call" if standard else "argument")
        if standard:
            return
        own = (o for o in given if o.passing == "argument" and o.resource.name.partition(".")[0] == root)
        state.keep(frozenset(own))

    @staticmethod
    def _closed_over(node: f.Expr, state: State, run: Run) -> frozenset[Obligation]:
        """What a lambda or a nested function among the arguments closes over."""
        if isinstance(node, f.Lambda):
            return mentioned(node, state)
        if not isinstance(node, f.Name) or node.path not in run.nested:
            return NOTHING
        words = run.nested[node.path].mentions.split()
        return NOTHING.union(*(state.names.get(word, NOTHING) for word in words))

    def _uses_only(self, callee: Value, name: str, method: str) -> bool:
        """Whether the callee only looks at what it is given: a library's function that releases nothing."""
        if method == "__init__":
            return False  # of a base class, which keeps it: ``Dispatcher.__init__(self, listener)``
        first, _, _ = name.partition(".")
        borrows = any(entry.borrows for entry in self.index.calls.get(name, ()))
        if borrows or method.startswith("assert") or method in _USING:
            return True
        if method == "setattr" and name.startswith("pytest."):
            return False  # ``monkeypatch.setattr(product, "start", lambda: process)``
        if first == "builtins":
            return not name.endswith(_KEEPING_BUILTINS)
        if isinstance(callee, ClassValue) or not first or first == "?":
            return False
        last = name.rpartition(".")[2]
        return (
            self._is_known(name)
            and not last.lstrip("_")[:1].isupper()
            and not last.startswith("set_")
            and not any(word in last for word in _RELEASING_WORDS)
        )

    def _is_known(self, name: str) -> bool:
        """Whether the callee is of the standard library, or of a library that has a table."""
        first = name.partition(".")[0]
        return first in sys.stdlib_module_names or first in self._libraries() or name in self.index.calls

    def _libraries(self) -> frozenset[str]:
        known: frozenset[str] | None = getattr(self, "_known_libraries", None)
        if known is None:
            known = frozenset(name.partition(".")[0] for name in self.index.calls)
            self._known_libraries = known
        return known

    def _is_itself(self, node: f.Call, base: frozenset[Obligation], run: Run) -> bool:
        """Whether the method is one of the resource, not of a container that holds it: ``client.get(key)``."""
        value = self.evaluator.quiet_eval(f.Name(_path(node).rpartition(".")[0]), run.frame)
        return any(type_name(value) == obligation.resource.name.partition(":")[0] for obligation in base)

    def _derived(
        self,
        node: f.Call,
        name: str,
        base: frozenset[Obligation],
        given: frozenset[Obligation],
        state: State,
        run: Run,
    ) -> frozenset[Obligation]:
        """``stack.pop()``, ``list(processes)``, ``sessionmaker(engine)``: the result stands for the same things."""
        last = _path(node).rpartition(".")[2]
        if last == "wrap_socket":
            return given  # which the socket that it gives takes over
        if last == "cursor" and base:
            run.origins[node.at] = base
        if last in _SAME or (isinstance(node.func, f.Attr) and node.func.attr in _SAME):
            return NOTHING if last in _KEYED and self._is_itself(node, base, run) else base
        if last in _THROUGH or name in _THROUGH_NAMES:
            return given
        if name == "builtins.str":
            return numbers_in(given)
        if name in _FLUENT_NAMES or any(entry.returns == "self" for entry in self.index.calls.get(name, ())):
            return base
        if last == "getattr" and len(node.args) > 1:
            first, second = node.args[0].value, node.args[1].value
            if isinstance(first, f.Name) and isinstance(second, f.Text):
                return state.names.get(f"{first.path}.{second.value}", NOTHING)
        if name == "asyncio.get_event_loop":
            return frozenset(o for o in state.masks if o.resource.name == "asyncio.AbstractEventLoop")
        if name == "psutil.Process":
            return mentioned(node, state)
        if "." in _path(node) and _path(node).rpartition(".")[0] not in state.names:
            base = NOTHING  # ``engine.url.render_as_string()``: of a part that is no resource
        return frozenset(
            o
            for o in given | base
            if (o.resource.children or o.resource.ended_through) and not _groups(o.resource, last)
        )


def _asks_for_all(node: f.Call) -> bool:
    """``addCleanup(plt.close, "all")``, ``addCleanup(ray.shutdown)``."""
    return all(isinstance(arg.value, f.Text) and arg.value.value == "all" for arg in node.args)


def _kept_as(node: f.Call, held: list[frozenset[Obligation]], methods: list[f.Function]) -> set[str] | None:
    """The attributes in which a class keeps what its constructor is given; None when that cannot be told."""
    init = next((function for function in methods if function.name == "__init__"), None)
    if init is None:
        return None
    positional = iter([param.name for param in init.params if param.kind == "positional"][1:])
    passed = [(arg.keyword or next(positional, ""), mine) for arg, mine in zip(node.args, held, strict=True)]
    params = {name for name, mine in passed if mine}
    kept: set[str] = set()
    for statement, _ in statements(f.body_of(init)):
        said = {n.path for e in own_expressions(statement) for n in walk(e) if isinstance(n, f.Name)}
        if params.isdisjoint(said) or isinstance(statement, (f.If, f.Raise, f.Assert)):
            continue
        value = statement.value if isinstance(statement, f.Assign) else None
        collects = isinstance(value, f.Call) and value.func in _COLLECTIONS
        if not isinstance(statement, f.Assign) or not (collects or isinstance(value, _KEEPING_FORMS)):
            return None  # made into something else, or handed on
        kept |= {t.path.rpartition(".")[2] for t in statement.targets if isinstance(t, f.Name)}
    return kept


def _may_release(function: f.Function, releases: set[str]) -> bool:
    """Whether a method could release something of its object, or give it to somebody who does."""
    words = {word.lstrip(".") for word in function.mentions.split()}
    return not words.isdisjoint(releases) or any(
        part in word.lower() for word in words for part in _TAKING_OVER
    )


def _adopted(node: f.Call, method: str, state: State) -> frozenset[Obligation]:
    """``create_server(sock=listener)``, ``connect_read_pipe(factory, pipe)``: the transport closes what it is given."""
    return NOTHING.union(
        *(
            state.names.get(arg.value.path, NOTHING)
            for arg in node.args
            if isinstance(arg.value, f.Name) and (arg.keyword == "sock" or method in _ADOPTING)
        )
    )


def _original(node: f.Name, run: Run) -> f.Name:
    """The name of the part for which a name stands."""
    first, dot, rest = node.path.partition(".")
    known = run.aliases.get(first)
    return f.Name(f"{known}{dot}{rest}") if known is not None else node


def _by_its_text(node: f.Call, run: Run) -> f.Call:
    """``getattr(session, "close")()`` as ``session.close()``, also where the text is what a helper was given."""
    found = node.func
    if not isinstance(found, f.Call) or found.func != f.Name("getattr") or len(found.args) < len("ab"):
        return node
    holder, name = (arg.value for arg in found.args[:2])
    text = run.texts.get(name.path) if isinstance(name, f.Name) else name
    if not isinstance(holder, f.Name) or not isinstance(text, f.Text):
        return node
    plain = tuple(arg for arg in node.args if not arg.star)
    return f.Call(f.Name(f"{holder.path}.{text.value}"), plain, node.at)


def _by_its_name(node: f.Call, run: Run) -> f.Call:
    """``out.close()`` as ``process.stdout.close()``, and ``waitpid(pid, 0)`` as ``waitpid(process.pid, 0)``."""
    if not run.aliases:
        return node
    func = _original(node.func, run) if isinstance(node.func, f.Name) else node.func
    args = tuple(
        f.Arg(_original(arg.value, run), arg.keyword, arg.star) if isinstance(arg.value, f.Name) else arg
        for arg in node.args
    )
    return f.Call(func, args, node.at)


def _names_it(node: f.Expr, obligation: Obligation, state: State, run: Run) -> bool:
    """``container.id``, ``process.pid``, or a name that was given one of these."""
    if not isinstance(node, f.Name):
        return False
    if run.numbers.get(node.path) is obligation:
        return True
    holder, _, attr = node.path.rpartition(".")
    return attr in _IDENTITIES and obligation in state.names.get(holder, NOTHING)


def _is_own(obligation: Obligation, method: str, state: State) -> bool:
    """Whether it is a method of the thing itself: ``client.get``, not ``client.connection_pool.reset``."""
    holder = method.rpartition(".")[0]
    return not holder or obligation in state.names.get(holder, NOTHING)


def _groups(resource: Resource, method: str) -> int:
    if resource.with_ == "releases" and method.rpartition(".")[2] in {"__exit__", "__aexit__"}:
        return (1 << len(resource.release)) - 1
    called = f".{method}"
    holder, _, of_any = called.rpartition(ANY_PART)
    ended = (
        any(called.endswith(f".{name}") or (holder and name.endswith(f".{of_any}")) for name in group)
        for group in resource.release
    )
    return sum(1 << number for number, done in enumerate(ended) if done)


def _starts_or_ends(obligation: Obligation, method: str) -> bool:
    """Whether a call is what starts a thing or lets it go: where that fails, nothing is left by it."""
    starts = method.rpartition(".")[2] in obligation.resource.started_by
    return starts or bool(_groups(obligation.resource, method))


def _owner_by_name(method: str) -> str | None:
    if method in _FINALIZERS:
        return "finalizer"
    if method in _ENTERING:
        return "enter_context"
    return "callback" if method in _STACK_CALLBACKS else None


def _path(node: f.Call) -> str:
    """The called name as written; of ``f(x).close`` the last part."""
    func = node.func
    if isinstance(func, f.Attr) and isinstance(func.base, f.Attr) and func.base.attr in PIPES:
        return f"{func.base.attr}.{func.attr}"  # ``Popen(command, stdout=PIPE).stdout.read()``
    return func.path if isinstance(func, f.Name) else func.attr if isinstance(func, f.Attr) else ""


def _called_inside(node: f.Call, callee: Value) -> Iterator[f.Expr]:
    """What the lambdas do that a function of the project is given and calls: ``quietly(lambda: link.close())``."""
    if not isinstance(callee, FunctionValue) or not any(isinstance(arg.value, f.Lambda) for arg in node.args):
        return
    called = {made.func for made, _, _ in calls(f.body_of(callee.function)) if isinstance(made.func, f.Name)}
    for name, given in passed_in(node, callee.function).items():
        if isinstance(given, f.Lambda) and f.Name(name) in called:
            yield given.body


def _qualified(callee: Value, site: Site | None) -> str:
    """The qualified name of what is called, as far as a library's."""
    if site is not None:
        return site.name
    if isinstance(callee, Ref):
        return callee.name
    if isinstance(callee, Method):
        return f"{type_name(callee.receiver) or '?'}.{callee.attr}"
    return ""


def _asked(node: f.Expr, run: Run) -> f.Expr | None:
    """What a lambda gives back, or a nested function that holds nothing else: ``def is_dead(): return ...``."""
    if isinstance(node, f.Lambda):
        return node.body
    nested = run.nested.get(node.path) if isinstance(node, f.Name) else None
    match f.body_of(nested) if nested is not None else ():
        case (f.Return(value=value),):
            return value
    return None
