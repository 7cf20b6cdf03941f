"""The project's own functions, run in place of their calls: what they acquire, return, release and store."""

from __future__ import annotations

from memlint import facts as f
from memlint.analysis.assumptions import Assumption
from memlint.analysis.branching import flags_in, texts_in
from memlint.analysis.flow import Exits, Run
from memlint.analysis.handover import Handover
from memlint.analysis.obligations import NOTHING, Obligation, State, merge
from memlint.analysis.sites import Frame, Site
from memlint.analysis.suite import Suite
from memlint.analysis.threads import ends_what_it_gives
from memlint.analysis.traverse import names, words
from memlint.analysis.values import NONE, FunctionValue, Literal

_MAX_DEPTH = 4
_ENDING = frozenset({"kill", "killpg", "terminate", "wait", "waitpid", "wait_procs"})
_REGISTERING = {
    "addCleanup",
    "addClassCleanup",
    "addfinalizer",
    "callback",
    "register",
    "push",
    "push_async_callback",
}


class Inlining(Handover):
    """Runs the project's functions."""

    suite: Suite

    def define(self, node: f.FunctionDef, state: State, run: Run) -> None:
        """Meet a nested function; ``@stack.callback`` and the like register it."""
        function = node.function
        run.nested[function.name] = function
        for decorator, _ in function.decorators:
            if isinstance(decorator, f.Name) and decorator.path.rpartition(".")[2] in _REGISTERING:
                register = f.Call(decorator, (f.Arg(f.Name(function.name)),), f.NOWHERE)
                self.call(register, state, run)

    def project_call(
        self,
        node: f.Call,
        callee: FunctionValue,
        site: Site | None,
        held: list[frozenset[Obligation]],
        state: State,
        run: Run,
    ) -> frozenset[Obligation]:
        """Run a function of the project; what it returns."""
        function = callee.function
        path = node.func.path if isinstance(node.func, f.Name) else ""
        own = path in run.nested and run.nested[path].line == function.line
        given = _given(node, callee, held)
        given |= _itself(path, callee, state)
        given |= _by_pid(node, callee, state)
        passed = NOTHING.union(*held)
        if (
            run.depth >= _MAX_DEPTH
            or (callee.module.path, function.line) in run.running
            or function.yields
            or is_context_manager(function)
        ):
            state.keep(passed)
            if is_context_manager(function):
                state.keep(NOTHING.union(*given.values()))  # ``with server.running():`` stops it in the end
            return NOTHING
        if (
            not own
            and not given
            and not (site is not None and site.inner)
            and not path.startswith(("self.", "cls."))
            and not any(name.startswith(f"{path.rpartition('.')[0]}.") for name in state.names)
        ):
            return NOTHING
        returned = self._inline(callee, given, path, own, site, state, run, node=node)
        if callee.module.is_product:  # what it releases on some paths it has taken over on all
            state.keep(frozenset(o for o in passed if any(m & o.full for m in state.masks.get(o, ()))))
        if not run.expected and (own or not self._is_fixtures(callee)):
            return returned
        for obligation in returned - passed:
            state.masks.pop(obligation, None)
        return NOTHING

    def _is_fixtures(self, callee: FunctionValue) -> bool:
        """Whether a fixture, or a generator that one runs, has given the function away: it releases what that makes."""
        outer = callee.frame.function if callee.frame is not None else None
        if outer is None or outer.yields:
            return outer is not None
        fixtures = self.suite.of(callee.module).fixtures.values()
        return any(fixture.body.function.line == outer.line for fixture in fixtures)

    def run_function(
        self, callee: FunctionValue, given: list[frozenset[Obligation]], state: State, run: Run
    ) -> None:
        """Run a function for its effect on what it is given and closes over."""
        params = [p.name for p in callee.function.params if p.kind == "positional"]
        params = params[1:] if callee.receiver is not None else params
        known = run.nested.get(callee.function.name)
        own = known is not None and known.line == callee.function.line
        path = "self." if callee.receiver is not None else ""
        frame = Frame(callee.module, callee.function.name, callee.function, callee.owner, callee.frame)
        self.evaluator.bind_params(callee.function, callee.receiver, (), {}, frame)
        self.evaluator.exec_block(f.body_of(callee.function), frame)
        self._inline(callee, dict(zip(params, given, strict=False)), path, own, None, state, run, frame)

    def _inline(
        self,
        callee: FunctionValue,
        given: dict[str, frozenset[Obligation]],
        path: str,
        own: bool,
        site: Site | None,
        state: State,
        run: Run,
        frame: Frame | None = None,
        node: f.Call | None = None,
    ) -> frozenset[Obligation]:
        """Run a function's body over the caller's state. ``own``: it is nested in the caller and sees its names."""
        function = callee.function
        if run.depth >= _MAX_DEPTH or (callee.module.path, function.line) in run.running:
            return NOTHING
        inner = self._inner_run(callee, site, run, frame)
        if node is not None:
            inner.flags, inner.texts = flags_in(node, function, run), texts_in(node, function, run)
            inner.nones = self._nones(node, callee, run)
        if own:
            given_to = {param.name for param in run.function.params}
            inner.enclosing = run.enclosing | (set(run.function.binds) - given_to - run.globals)
        receiver = path.rpartition(".")[0]
        mine = receiver in {"self", "cls", "super()"}
        prefix = "" if own else f"{receiver}." if receiver else None
        local = dict(state.names) if own else _seen_by(state, receiver, mine)
        known = set(state.masks)
        end = self.block(
            f.body_of(function), State({**local, **given}, dict(state.masks)), inner.exits, inner
        )
        run.deferred += inner.deferred
        after = merge(end, inner.exits.returns)
        guarded = run.function.name.lower().startswith(
            ("setup", "asyncsetup")
        )  # its helpers' guards seldom fire
        guarded = guarded or callee.module.is_product  # as likely to fail as any call
        if inner.exits.raises is not None and run.depth == 0 and not guarded:
            failing = {o: m for o, m in inner.exits.raises.masks.items() if o in known}
            self.fails(State(dict(state.names), failing), run)
        if after is None:
            if "NotImplementedError" in function.mentions.split():
                state.keep(NOTHING.union(*given.values()))  # the subclass's own method decides
            return NOTHING
        if callee.module.is_product and not mine:
            _note_keepers(given, after)
            after.keep(_closed_in(given, inner, after))
        if callee.receiver is not None and not mine and not own:
            _note_makers(inner.returned - known, after)
        stored = _stored(after, own, mine, set(state.names))
        for obligation, masks in after.masks.items():
            if obligation in known or obligation in inner.returned or obligation in stored:
                state.masks[obligation] = masks
        for name in function.binds if own else ():
            if name not in inner.globals and name in state.names:
                after.names[name] = state.names[name]  # a name of its own hides the caller's
        _take_names(state, after, receiver, own, mine, prefix, known)
        if site is None:
            return inner.returned
        if callee.module is not run.frame.module:  # a base's method in another file: owed where it is called
            fresh = stored - known - inner.returned
            if callee.module.is_product:
                state.keep(fresh)  # the library's own class decides when to let it go
            else:
                self._moved(fresh, site, state, run)
        if callee.module.is_product:
            left = (o for o in after.masks if o.resource.registry and o not in known | inner.returned)
            for obligation in [o for o in left if not after.done(o)]:
                state.masks[obligation] = after.masks[obligation]
                self._moved(frozenset({obligation}), site, state, run)
        return self._moved(inner.returned - known, site, state, run) | (inner.returned & known)

    def _inner_run(self, callee: FunctionValue, site: Site | None, run: Run, frame: Frame | None) -> Run:
        sites = site.inner if site is not None else tuple(frame.sites) if frame is not None else ()
        if frame is None:
            frame = (
                sites[0].frame
                if sites
                else Frame(callee.module, callee.function.name, callee.function, callee.owner, callee.frame)
            )
        inner = Run({s.at: s for s in sites}, frame, callee.function, run.depth + 1)
        inner.running = (*run.running, (callee.module.path, callee.function.line))
        inner.nested = dict(run.nested)
        inner.used = run.used
        inner.expected = run.expected
        inner.exits = Exits()
        return inner

    def _nones(self, node: f.Call, callee: FunctionValue, run: Run) -> dict[str, bool]:
        """Which parameters are None in this call, and which are not: ``if ax is None:`` then goes one way only."""
        if any(arg.star for arg in node.args) or not any(
            p.default == f.Const(None) for p in callee.function.params
        ):
            return {}
        params = [param for param in callee.function.params if param.kind in {"positional", "keyword"}]
        positional = iter(params[1:] if callee.receiver is not None else params)
        nones = {param.name: True for param in params if param.default == f.Const(None)}
        for arg in node.args:
            name = arg.keyword
            if name is None:
                param = next(positional, None)
                name = param.name if param is not None else ""
            nones[name] = self._is_none(arg.value, run)
        return nones

    def _is_none(self, node: f.Expr, run: Run) -> bool:
        if not isinstance(node, f.Name):
            return node == f.Const(None)
        if node.path in run.nones:
            return run.nones[node.path]
        return self.evaluator.quiet_eval(node, run.frame) in (NONE, Literal(None))

    def _moved(
        self, fresh: frozenset[Obligation], site: Site, state: State, run: Run
    ) -> frozenset[Obligation]:
        """What a factory returns is owed where the factory was called."""
        moved = {obligation: self.obligation_at(site, obligation) for obligation in fresh}
        for obligation, new in moved.items():
            new.started, new.endless, new.misdirected = (
                obligation.started,
                obligation.endless,
                obligation.misdirected,
            )
            new.owner = moved.get(obligation.owner, obligation.owner) if obligation.owner else None
            new.parent = moved.get(obligation.parent, obligation.parent) if obligation.parent else None
            new.assumed |= obligation.assumed
            if _is_told_beside(new, run):
                new.assumed.add(Assumption.GOES_ON)
            state.masks[new] = state.masks.pop(obligation, frozenset({0}))
        for name, held in state.names.items():
            if not held.isdisjoint(moved):  # the factory has noted it down, too
                state.names[name] = frozenset(moved.get(obligation, obligation) for obligation in held)
        return frozenset(moved.values())

    def obligation_at(self, site: Site, made: Obligation) -> Obligation:
        """The same acquisition, as the caller of the factory sees it."""
        key = (id(site), id(made))
        found = self.acquired.get(key)
        if found is None:
            found = Obligation(made.resource, site, site.at, made.started, via=made.via or made.site)
            found.evidence, found.inferred = made.evidence, made.inferred
            self.acquired[key] = found
            self.kept.append(made)
        return found

    acquired: dict[tuple[int, int | str], Obligation]
    kept: list[Obligation]  # keeps alive what is known by its id

    # --- factories --------------------------------------------------------------------------------------------------

    def give_away(self, value: f.Expr | None, state: State, run: Run) -> None:
        """A fixture that gives a function away: what that function collects or forgets is the fixture's to release."""
        if not run.is_fixture or not isinstance(value, f.Name) or value.path not in run.nested:
            return
        found = self.evaluator.quiet_eval(value, run.frame)
        if not isinstance(found, FunctionValue) or found.function.yields:
            return
        function = found.function
        frame = Frame(found.module, function.name, function, found.owner, found.frame)
        self.evaluator.bind_params(function, None, (), {}, frame)
        self.evaluator.exec_block(f.body_of(function), frame)
        inner = self._inner_run(found, None, run, frame)
        known = set(state.masks)
        end = self.block(f.body_of(function), State(dict(state.names), dict(state.masks)), inner.exits, inner)
        run.deferred += inner.deferred
        after = merge(end, inner.exits.returns)
        if after is None:
            return
        for obligation in after.masks.keys() - known:
            holders = [name for name in after.holders(obligation) if _first(name) not in function.binds]
            if holders or obligation in inner.returned:
                state.masks[obligation] = frozenset(
                    mask & obligation.full for mask in after.masks[obligation]
                )
                run.factories[obligation] = function.name
            for name in holders:
                state.hold(name, frozenset({obligation}))


def _first(name: str) -> str:
    return name.partition(".")[0].partition("[")[0]


def is_context_manager(function: f.Function) -> bool:
    """Whether contextlib makes a context manager of the function."""
    return any(isinstance(d, f.Name) and d.path.endswith("contextmanager") for d, _ in function.decorators)


def _itself(path: str, callee: FunctionValue, state: State) -> dict[str, frozenset[Obligation]]:
    """What ``self`` is in a method of something that must be released: ``def stop(self): …; self.join()``."""
    receiver = path.rpartition(".")[0]
    held = state.names.get(receiver, NOTHING) if receiver not in {"", "self", "cls", "super()"} else NOTHING
    first = next(iter(callee.function.params), None)
    if callee.receiver is None or first is None:
        return {}
    said = words(callee.function) if held else set()
    held = frozenset(o for o in held if any(not said.isdisjoint(group) for group in o.resource.release))
    return {first.name: held} if held else {}


def _by_pid(node: f.Call, callee: FunctionValue, state: State) -> dict[str, frozenset[Obligation]]:
    """``kill(worker.pid)``: to a function that ends processes its number stands for the process."""
    if _ENDING.isdisjoint(words(callee.function)):
        return {}
    numbers = [arg.value.path if isinstance(arg.value, f.Name) else "" for arg in node.args]
    held = [
        state.names.get(path.removesuffix(".pid"), NOTHING) if path.endswith(".pid") else NOTHING
        for path in numbers
    ]
    return _given(node, callee, held) if any(held) else {}


def _given(
    node: f.Call, callee: FunctionValue, held: list[frozenset[Obligation]]
) -> dict[str, frozenset[Obligation]]:
    """What each parameter is given."""
    params = [p for p in callee.function.params if p.kind == "positional"]
    positional = iter(params[1:] if callee.receiver is not None else params)
    gathering = {p.kind: p.name for p in callee.function.params if p.kind in {"*", "**"}}
    known = {p.name for p in callee.function.params}
    out: dict[str, frozenset[Obligation]] = {}
    for arg, obligations in zip(node.args, held, strict=True):
        if arg.keyword is None:
            param = next((p.name for p in positional), gathering.get("*"))
        else:
            param = arg.keyword if arg.keyword in known else gathering.get("**")
        if param is not None and obligations:
            out[param] = out.get(param, NOTHING) | obligations
    return out


def _seen_by(state: State, receiver: str, mine: bool) -> dict[str, frozenset[Obligation]]:
    """The caller's attributes as the callee names them."""
    if mine:
        return {name: held for name, held in state.names.items() if name.startswith(("self.", "cls."))}
    if not receiver:
        return {}
    prefix = f"{receiver}."
    return {
        f"self.{name.removeprefix(prefix)}": held
        for name, held in state.names.items()
        if name.startswith(prefix)
    }


def _note_keepers(given: dict[str, frozenset[Obligation]], after: State) -> None:
    """``app.add_database(database)``: an object of the product has hold of it now, and may close it with itself."""
    kept = NOTHING.union(*(held for name, held in after.names.items() if name.startswith("self.")))
    for obligation in kept & NOTHING.union(*given.values()):
        obligation.assumed.add(Assumption.NOT_KEPT)


def _closed_in(given: dict[str, frozenset[Obligation]], inner: Run, after: State) -> frozenset[Obligation]:
    """What a function that the product defines in another one, and may hand on, has hold of: of what that was given."""
    said = frozenset[str]().union(*(words(nested) for nested in inner.nested.values()))
    held = NOTHING.union(*(held for name, held in after.names.items() if name in said))
    return held & NOTHING.union(*given.values())


def _note_makers(made: frozenset[Obligation], after: State) -> None:
    """``database.connection()``, ``Loader.load()``: what an object or a class gives out and keeps is its to close."""
    kept = NOTHING.union(*(held for name, held in after.names.items() if name.startswith(("self.", "cls."))))
    for obligation in made & kept:
        obligation.assumed.add(Assumption.MAKER_LEAVES)


def _stored(after: State, own: bool, mine: bool, known: set[str]) -> frozenset[Obligation]:
    """What the callee has left in the caller's names."""
    if own:
        return NOTHING.union(*(held for name, held in after.names.items() if name in known or "." in name))
    if mine:
        return NOTHING.union(
            *(held for name, held in after.names.items() if name.startswith(("self.", "cls.")))
        )
    return NOTHING


def _take_names(
    state: State,
    after: State,
    receiver: str,
    own: bool,
    mine: bool,
    prefix: str | None,
    known: set[Obligation],
) -> None:
    for name, held in after.names.items():
        if (own and (name in state.names or "." in name)) or (mine and name.startswith(("self.", "cls."))):
            state.names[name] = held
        elif prefix and not mine and held & known and name.startswith("self."):
            state.names[f"{receiver}.{name.removeprefix('self.')}"] = held & known


def _is_told_beside(made: Obligation, run: Run) -> bool:
    """Whether a test that has a helper start a thread also ends what the thread runs. A fixture should wait for it."""
    if run.is_fixture or not made.resource.name.startswith("threading.Thread"):
        return False
    return ends_what_it_gives(made.site.node, names(f.body_of(run.function)))
