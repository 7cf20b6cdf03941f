"""The flow of control for ownership: statements run over all their paths, with what is held and released on each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from memlint import facts as f
from memlint.analysis.assumptions import Assumption
from memlint.analysis.branching import (
    as_asked,
    asked_by_library,
    asks_for_none,
    cannot_be,
    constant,
    flag_of,
    is_ruled_out,
    join_aliases,
    leaves,
    passed_in,
    settle_in_child,
)
from memlint.analysis.expectations import (
    ANY_PART,
    catches_all,
    expects_exception,
    expects_failure,
    expects_leak,
    first_name,
    last_name,
    last_part,
    says_gone,
    seen_closed,
    skips,
    tells_type,
    used_in,
    without_tested,
)
from memlint.analysis.holdings import Holdings, mentioned, named, passed_by
from memlint.analysis.narrowing import asks_for_python
from memlint.analysis.obligations import KEPT, NOTHING, Obligation, State, merge
from memlint.analysis.reading import pipes_read_in
from memlint.analysis.sites import Frame, Site
from memlint.analysis.stand_ins import is_fake, makes_fake
from memlint.analysis.traverse import says, statements, walk, words
from memlint.analysis.values import ClassValue, FunctionValue, Literal, Obj, Sequence
from memlint.knowledge.apis import ANY_USE

_WAYS = ("returns", "raises", "breaks", "continues", "strict")
_STOPPING = frozenset({"pytest.fail", "pytest.skip", "pytest.xfail", "pytest.exit", "sys.exit"})
_STOPPING_METHODS = frozenset({"skipTest", "fail"})
_RUNNING = ("threading.", "multiprocessing.", "subprocess.")
_COLLECTING = frozenset({"collect", "gc_collect", "force_gc", "run_gc"})
_VANISHING = ("os._exit", "os.exec")
_BUNDLES = frozenset({"types.SimpleNamespace", "argparse.Namespace", "builtins.dict"})


@dataclass(slots=True)
class Exits:
    """States in which control leaves a block otherwise than at its end; ``strict`` by any call that may fail."""

    returns: State | None = None
    raises: State | None = None
    breaks: State | None = None
    continues: State | None = None
    strict: State | None = None

    def take(self, other: Exits) -> None:
        """Add the exits of an inner block."""
        for way in _WAYS:
            setattr(self, way, merge(getattr(self, way), getattr(other, way)))


@dataclass(slots=True)
class Run:
    """One body being run: its sites by position, its role, what it returned and yielded."""

    sites: dict[f.Span, Site]
    frame: Frame
    function: f.Function
    depth: int = 0
    is_fixture: bool = False
    is_manager: bool = False
    every_call_fails: bool = False
    exits: Exits = field(default_factory=Exits)
    returned: frozenset[Obligation] = NOTHING
    yielded: frozenset[Obligation] = NOTHING
    nested: dict[str, f.Function] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)  # names that were read, as far as they are nested functions
    globals: set[str] = field(default_factory=set)
    enclosing: frozenset[str] = frozenset()  # locals of the functions in which this one is nested and called
    running: tuple[tuple[str, int], ...] = ()  # the project's functions it was called through: file and line
    expected: str = ""  # the exception that an enclosing pytest.raises expects
    loops: int = 0  # loops without a break around the statement
    flags: dict[str, bool] = field(
        default_factory=dict
    )  # parameters that this call leaves at, or sets to, a constant
    nones: dict[str, bool] = field(default_factory=dict)  # parameters that this call leaves None, or does not
    texts: dict[str, f.Text] = field(default_factory=dict)  # parameters that are a text in this call
    aliases: dict[str, str] = field(default_factory=dict)  # ``out = process.stdout``: another name of a part
    either: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # names that two branches give to different parts
    asked: dict[str, f.Call] = field(
        default_factory=dict
    )  # ``code = process.poll()``: the call behind a name
    entered: set[str] = field(default_factory=set)  # names of open files that a with statement closes
    origins: dict[f.Span, frozenset[Obligation]] = field(
        default_factory=dict
    )  # of ``connection.cursor()`` the connection
    numbers: dict[str, Obligation] = field(
        default_factory=dict
    )  # ``number = client.containers.run(...).id``: what a thing is known by elsewhere
    off: set[str] = field(default_factory=set)  # names that hold False
    ruled_out: list[f.Expr] = field(default_factory=list)  # with these the set-up would have ended early
    signs: dict[str | f.Expr, frozenset[Obligation]] = field(
        default_factory=dict
    )  # flags that are set once it is held
    deferred: list[tuple[tuple[f.Arg, ...], frozenset[Obligation], Run]] = field(default_factory=list)
    again: dict[Obligation, frozenset[int]] = field(default_factory=dict)  # acquired anew before a release
    factories: dict[Obligation, str] = field(
        default_factory=dict
    )  # what a function that the fixture gives away makes


class Flow(Holdings):
    """Runs statements."""

    @abstractmethod
    def define(self, node: f.FunctionDef, state: State, run: Run) -> None:
        """Meet a nested function: its decorators may register it."""

    @abstractmethod
    def closed_on_leaving(self, manager: f.Expr, run: Run) -> frozenset[str]:
        """Resources of which a context manager of the project closes what is made while it is entered."""

    def block(self, body: tuple[f.Stmt, ...], state: State, exits: Exits, run: Run) -> State | None:
        """Run statements; the state at the end, or None when control never gets there."""
        current: State | None = state
        outer, run.exits = run.exits, exits
        for statement in body:
            handler = _STATEMENTS.get(type(statement))
            if handler is not None:
                assert current is not None
                current = handler(self, statement, current, exits, run)
                run.exits = exits
            if current is None:
                break
        run.exits = outer
        return current

    def fails(self, state: State, run: Run, judged: frozenset[Obligation] = NOTHING) -> None:
        """Control may leave here by an exception that the suite itself raises."""
        for obligation in state.masks:
            obligation.skippable = obligation.skippable or not (
                obligation in judged or state.done(obligation)
            )
        left = state.copy()
        for obligation in state.masks:
            names = obligation.resource.started_by
            if not obligation.started and names and ANY_USE not in names:
                left.keep(frozenset({obligation}))  # nobody has started it yet
        run.exits.raises = merge(run.exits.raises, left)

    def may_fail(self, state: State, run: Run) -> None:
        """Control may leave here because a call fails: the strict reading."""
        if run.depth == 0 and state.masks and not all(state.done(obligation) for obligation in state.masks):
            run.exits.strict = merge(run.exits.strict, state.copy())

    # --- binding ----------------------------------------------------------------------------------------------------

    def bind(self, target: f.Expr, held: frozenset[Obligation], state: State, run: Run) -> None:
        """Give what is held to a target."""
        if isinstance(target, f.Name):
            self._bind_name(target.path, held, state, run)
        elif isinstance(target, f.Seq):
            for item in target.items:
                self.bind(item, held, state, run)
        elif isinstance(target, f.Star):
            self.bind(target.value, held, state, run)
        elif isinstance(target, f.Subscript) and isinstance(target.base, f.Name) and not held:
            for obligation in state.names.get(target.base.path, NOTHING):  # ``store["a"] = data``
                obligation.started = obligation.started or ANY_USE in obligation.resource.started_by
        elif isinstance(target, f.Subscript) and held and isinstance(target.base, f.Name):
            if self.is_outer(target.base.path, run):
                state.keep(held)
            else:
                state.hold(target.base.path, held)
        elif held:
            state.keep(held)

    def _bind_name(self, path: str, held: frozenset[Obligation], state: State, run: Run) -> None:
        for obligation in held & run.again.keys():
            former = run.again.pop(obligation)
            if not [name for name in state.holders(obligation) if name != path]:
                state.masks[self.lost(obligation)] = former
        state.names[path] = held
        run.aliases.pop(path, None)
        run.either.pop(path, None)
        run.flags.pop(path, None)
        run.nones.pop(path, None)
        run.texts.pop(path, None)
        for name in [name for name in state.names if name.startswith((f"{path}.", f"{path}["))]:
            del state.names[name]
        first, _, rest = path.partition(".")
        if not held:
            return
        if path in run.globals and not self.owns_globals(run):
            state.keep(held)
        elif rest and first not in {"self", "cls"} and not rest.startswith("cls."):
            self._hold_attribute(first, held, state, run)

    def _hold_attribute(self, first: str, held: frozenset[Obligation], state: State, run: Run) -> None:
        value = self.evaluator.quiet_eval(f.Name(first), run.frame)
        if isinstance(value, Obj) and value.type in _BUNDLES and not self.is_outer(first, run):
            state.hold(first, held)
        else:
            state.keep(held)

    def _assign(self, node: f.Assign, state: State, exits: Exits, run: Run) -> State | None:
        for target in node.targets:
            if (
                isinstance(target, f.Seq)
                and isinstance(node.value, f.Seq)
                and len(target.items) == len(node.value.items)
            ):
                for inner, value in zip(target.items, node.value.items, strict=True):
                    held = self.visit(value, state, run)
                    self.bind(inner, held, state, run)
                    self._alias(structs.replace(node, targets=(inner,), value=value), held, state, run)
                return state
        flag_set = flag_of(node.value, run) if isinstance(node.value, (f.Name, f.Unary)) else None
        held = self.visit(node.value, state, run)
        if isinstance(node.value, f.IfExp) and isinstance(node.value.test, f.Name):
            # ``file = open(path) if new else given``, and later ``if new: file.close()``
            flag = node.value.test.path
            run.signs[flag] = run.signs.get(flag, NOTHING) | self.at_span(node.value.body, held)
        for target in node.targets:
            if isinstance(target, f.Seq) and held:
                self._unpack(target, node.value, held, state, run)
            else:
                self.bind(target, held, state, run)
                if held and isinstance(target, f.Name):
                    self._bind_parts(target.path, node.value, held, state)
        self._replace_parts(node, state, run)
        self._alias(node, held, state, run)
        self._lead_back(node, state, run)
        if isinstance(node.value, f.Name) and not all(isinstance(t, f.Name) for t in node.targets):
            self._number_given_away(node, state, run)
        if isinstance(node.value, f.Attr) and isinstance(node.value.base, f.Call):
            made = [o for o in state.masks if o.at == node.value.base.at]
            run.numbers.update({t.path: o for t in node.targets if isinstance(t, f.Name) for o in made})
        for target in node.targets:
            if isinstance(target, f.Name):
                run.asked.pop(target.path, None)
                if flag_set is not None:
                    run.flags[target.path] = flag_set  # ``exits = not daemon``
                run.off.discard(target.path)
                if node.value == f.Const(False) and not run.loops and _bound_once(target.path, run.function):
                    run.off.add(target.path)
                if isinstance(node.value, f.Call):
                    run.asked[target.path] = node.value
        if isinstance(node.value, f.Const) and node.value.value is True:
            for target in node.targets:
                if isinstance(target, f.Name):  # ``started = True`` beside the acquisition
                    owed = frozenset(o for o in state.masks if not state.done(o))
                    run.signs[target.path] = run.signs.get(target.path, NOTHING) | owed
        return state

    def _number_given_away(self, node: f.Assign, state: State, run: Run) -> None:
        """``namespace["child"] = process.pid``: somebody else ends what goes by that number."""
        holder, _, attr = node.value.path.rpartition(".") if isinstance(node.value, f.Name) else ("", "", "")
        for target in node.targets if attr == "pid" else ():
            base = target.base if isinstance(target, f.Subscript) else None
            if isinstance(base, f.Name) and not isinstance(
                self.evaluator.quiet_eval(base, run.frame), Sequence
            ):
                state.keep(state.names.get(holder, NOTHING))

    def _replace_parts(self, node: f.Assign, state: State, run: Run) -> None:
        """``client.connect = mock.Mock()``, ``client.sock = sock``: what the fake stands for is not opened."""
        for target in node.targets:
            holder = target.path.rpartition(".")[0] if isinstance(target, f.Name) else ""
            if holder not in state.names:
                continue
            if makes_fake(node.value) or (
                isinstance(node.value, f.Name) and is_fake(self.evaluator.quiet_eval(node.value, run.frame))
            ):
                for obligation in state.names[holder]:
                    obligation.assumed.add(Assumption.NO_STAND_IN)

    @staticmethod
    def _alias(node: f.Assign, held: frozenset[Obligation], state: State, run: Run) -> None:
        """``out = process.stdout``, ``pid = process.pid``: what is done to that name is done to the part.

        And ``pipe = getattr(process, name)`` to any of its parts.
        """
        asked = _asked_by_any_name(node.value)
        for target in node.targets:
            if not isinstance(target, f.Name):
                continue
            if isinstance(node.value, f.Name) and not held and named(node.value.path, state):
                run.aliases[target.path] = node.value.path
            elif isinstance(asked, f.Name) and asked.path in state.names:
                run.aliases[target.path] = f"{asked.path}{ANY_PART.rstrip('.')}"

    @staticmethod
    def _lead_back(node: f.Assign, state: State, run: Run) -> None:
        """``rows = connect(path).cursor()``: ``rows.connection`` is what has made it."""
        made = node.value.value if isinstance(node.value, f.Await) else node.value
        origin = run.origins.get(made.at, NOTHING) if isinstance(made, f.Call) else NOTHING
        for target in node.targets if origin else ():
            if isinstance(target, f.Name):
                state.names[f"{target.path}.connection"] = origin

    def _bind_parts(self, path: str, value: f.Expr | None, held: frozenset[Obligation], state: State) -> None:
        """``{"east": east}`` and ``SimpleNamespace(process=process)``: each part can be named later."""
        parts: list[tuple[str, f.Expr]] = []
        if isinstance(value, f.Mapping):
            parts = [(f'{path}["{key.value}"]', item) for key, item in value.items if isinstance(key, f.Text)]
        elif isinstance(value, f.Seq):
            parts = [(f"{path}[{number}]", item) for number, item in enumerate(value.items)]
        elif isinstance(value, f.Call):
            parts = [(f"{path}.{arg.keyword}", arg.value) for arg in value.args if arg.keyword]
        for name, item in parts:
            found = mentioned(item, state) if isinstance(item, f.Name) else self.at_span(item, held)
            if found:
                state.names[name] = found

    @staticmethod
    def at_span(item: f.Expr, held: frozenset[Obligation]) -> frozenset[Obligation]:
        """Of what is held the part that this call has acquired."""
        return frozenset(o for o in held if isinstance(item, f.Call) and o.at == item.at)

    def _unpack(
        self, target: f.Seq, value: f.Expr | None, held: frozenset[Obligation], state: State, run: Run
    ) -> None:
        """``engine, session = make()``: each name gets what was returned at its place, as far as types tell."""
        values = self.evaluator.quiet_eval(value, run.frame) if value is not None else None
        items = getattr(values, "items", ())
        known = isinstance(items, tuple) and len(items) == len(target.items)
        kinds = [item.type if isinstance(item, Obj) else None for item in items] if known else []
        placed = frozenset(o for o in held if any(_is_kind(o, kind) for kind in kinds))
        for position, inner in enumerate(target.items):
            mine = frozenset(o for o in placed if _is_kind(o, kinds[position]))
            self.bind(inner, mine | (held - placed), state, run)

    def _augmented(self, node: f.AugAssign, state: State, exits: Exits, run: Run) -> State | None:
        held = self.visit(node.value, state, run)
        if isinstance(node.target, f.Name) and held:
            state.hold(node.target.path, held)
        return state

    # --- simple statements ------------------------------------------------------------------------------------------

    def _expression(self, node: f.ExprStmt, state: State, exits: Exits, run: Run) -> State | None:
        held = self.visit(node.value, state, run)
        passed_by(node.value, held, "dropped")
        call = node.value.value if isinstance(node.value, f.Await) else node.value
        if not isinstance(call, f.Call) or not isinstance(call.func, f.Name):
            return state
        last = call.func.path.rpartition(".")[2]
        if last in _STOPPING_METHODS and call.func.path.startswith("self."):
            self.fails(state, run)
            return None
        if last in {name.rpartition(".")[2] for name in _STOPPING} or last.startswith(("_exit", "exec")):
            name, _ = self.evaluator.call_site_names(call, run.frame)
            if name in _STOPPING:
                self.fails(state, run)
            if name in _STOPPING or name.startswith(_VANISHING):
                return None
        return state

    def _return(self, node: f.Return, state: State, exits: Exits, run: Run) -> State | None:
        held = self.visit(node.value, state, run)
        run.returned |= held
        self.give_away(node.value, state, run)
        if not run.is_fixture and run.depth == 0:
            state.keep(held)
        exits.returns = merge(exits.returns, state)
        return None

    def _raise(self, node: f.Raise, state: State, exits: Exits, run: Run) -> State | None:
        self.visit(node.value, state, run)
        for obligation in state.masks:
            obligation.skippable = True
        exits.raises = merge(exits.raises, state)
        return None

    def _assert(self, node: f.Assert, state: State, exits: Exits, run: Run) -> State | None:
        self.visit(node.test, state, run)
        if says_gone(node.test):  # what fails there is the end itself, not something that skips it
            state.settle(self.polled(node.test, state, ("is_alive", "poll")))
        state.settle(state.names.get(seen_closed(node.test), NOTHING))
        if tells_type(node.test, run.aliases):
            return state
        left = without_tested((node.test,), state)
        if not says_gone(node.test):  # ``assert process.is_alive()``, which fails where asking has reaped it
            left = left.without(self.polled(node.test, state, ("is_alive",)))
        self.fails(left, run, used_in((node.test,), state))
        return state

    def _delete(self, node: f.Del, state: State, exits: Exits, run: Run) -> State | None:
        """``del pool`` where the body looks whether that collects it: that is the release. ``del file`` closes it."""
        for target in node.targets:
            held = state.names.pop(target.path, NOTHING) if isinstance(target, f.Name) else NOTHING
            state.settle(
                frozenset(o for o in held if o.resource.forgotten == "closed" and not state.holders(o))
            )
            if isinstance(target, f.Name) and held:
                state.names[target.path] = held
        if says(run.function, "ref") and not _COLLECTING.isdisjoint(words(run.function)):
            state.settle(
                frozenset(
                    obligation
                    for target in node.targets
                    if isinstance(target, f.Name)
                    for obligation in state.names.get(target.path, NOTHING)
                    if not obligation.resource.name.startswith(_RUNNING) and not obligation.resource.registry
                )
            )
        return state

    def _declare(self, node: f.Declare, state: State, exits: Exits, run: Run) -> State | None:
        run.globals.update(node.names)
        return state

    def _jump(self, node: f.Jump, state: State, exits: Exits, run: Run) -> State | None:
        if node.kind == "break":
            exits.breaks = merge(exits.breaks, state)
            return None
        if node.kind == "continue":
            exits.continues = merge(exits.continues, state)
            return None
        return state

    def _define(self, node: f.FunctionDef, state: State, exits: Exits, run: Run) -> State | None:
        self.define(node, state, run)
        return state

    # --- branches and loops -----------------------------------------------------------------------------------------

    def _if(self, node: f.If, state: State, exits: Exits, run: Run) -> State | None:
        self.visit(node.test, state, run)
        known = False if is_ruled_out(node, run) else constant(node.test, run, self.evaluator)
        if known is not None:
            return self.block(node.body if known else node.orelse, state, exits, run)
        if asks_for_python(node.test) and self.evaluator.quiet_eval(node.test, run.frame) == Literal(True):
            return self.block(node.body, state, exits, run)
        flag = flag_of(node.test, run)
        if flag is not None:
            return self.block(node.body if flag else node.orelse, state, exits, run)
        none = asks_for_none(node.test, run)
        if none is not None:
            return self.block(node.body if none else node.orelse, state, exits, run)
        about = mentioned(node.test, state) | _asked_for(node.test, state)
        about |= asked_by_library(node.test, state)
        if isinstance(node.test, f.Name) and node.test.path in run.aliases:  # ``if pipe: pipe.close()``
            about |= named(run.aliases[node.test.path], state)
        if about and cannot_be(node.test, about):
            return self.block(node.orelse, state, exits, run)
        sign = sign_of(node.test)
        if sign is not None:
            about |= run.signs.get(sign, NOTHING)
        taken_state, other_state = state.copy(), state.copy()
        if run.depth == 0 and leaves(node.body):  # ``if process.poll() is not None: return``, or the reverse
            gone = self.polled(as_asked(node.test, run), state)
            (taken_state if says_gone(node.test) else other_state).settle(gone)
        settle_in_child(node.test, about, taken_state, other_state)
        told = dict(run.flags), dict(run.nones), dict(run.aliases)
        taken = self.block(node.body, taken_state, exits, run)
        bound, aliases = (run.flags, run.nones), run.aliases
        run.flags, run.nones, run.aliases = (
            dict(told[0]),
            dict(told[1]),
            dict(told[2]),
        )  # what one branch binds the other has not
        other = self.block(node.orelse, other_state, exits, run)
        run.flags = {name: flag for name, flag in run.flags.items() if bound[0].get(name) == flag}
        run.nones = {name: none for name, none in run.nones.items() if bound[1].get(name) == none}
        join_aliases(aliases, run)
        if sign is not None and taken is not None:  # ``if new: file = open(path)``
            made = taken.masks.keys() - state.masks.keys()
            run.signs[sign] = run.signs.get(sign, NOTHING) | made
        if about and taken is not None and other is not None:
            _prefer_released(about, taken, other)
        return merge(taken, other)

    def _loop(self, node: Any, state: State, exits: Exits, run: Run) -> State | None:
        endless = isinstance(node, f.While) and isinstance(node.test, f.Const) and bool(node.test.value)
        held = self.visit(node.iter if isinstance(node, f.For) else node.test, state, run)
        if isinstance(node, f.For):
            self.bind(node.target, held, state, run)
        skipped = None if held else state.copy()
        leaves = any(isinstance(s, f.Jump) and s.kind == "break" for s, _ in statements(node.body))
        run.loops += not leaves
        inner = Exits()
        end = merge(self.block(node.body, state.copy(), inner, run), inner.continues)
        if end is not None and end != state:  # another round that begins alike ends alike
            again = Exits()
            end = merge(end, merge(self.block(node.body, end.copy(), again, run), again.continues))
            again.continues = None
            inner.take(again)
        run.loops -= not leaves
        breaks, inner.breaks, inner.continues = inner.breaks, None, None
        exits.take(inner)
        finished = None if endless else _looped(end, skipped)
        if finished is not None and isinstance(node, f.While):
            finished.settle(self.polled(node.test, finished))
        elif finished is not None and not leaves and not any(map(_returns, node.body)):
            self.exhaust(pipes_read_in(node.iter), finished, run)
        if finished is not None and node.orelse:
            finished = self.block(node.orelse, finished, exits, run)
        return merge(finished, breaks)

    @staticmethod
    def polled(test: f.Expr, state: State, asked: tuple[str, ...] = ()) -> frozenset[Obligation]:
        """``while process.poll() is None``, ``assert not process.is_alive()``: from there on the process is gone."""
        found = NOTHING
        for part in (test.left, test.right) if isinstance(test, f.BoolOp) else (test,):
            call = getattr(part, "left", getattr(part, "value", part))
            if isinstance(call, f.Call) and isinstance(call.func, f.Name):
                base, _, method = call.func.path.rpartition(".")
                found |= frozenset(
                    o for o in state.names.get(base, NOTHING) if method in (asked or o.resource.polled)
                )
        return found

    def _try(self, node: f.Try, state: State, exits: Exits, run: Run) -> State | None:
        inner = Exits()
        before = state.copy()
        end = self.block(node.body, state, inner, run)
        if expects_failure(node):
            for left in (end, inner.raises):
                for obligation in left.masks.keys() - before.masks.keys() if left is not None else ():
                    obligation.assumed.add(Assumption.ACQUIRES)
        caught = inner.raises
        if node.handlers:
            caught = merge(caught, _anywhere(node, before, end))
            inner.strict = None
        after = end
        if end is not None and node.orelse:
            after = self.block(node.orelse, end, inner, run)
        if node.handlers:
            inner.raises = None if any(catches_all(handler) for handler in node.handlers) else inner.raises
            for handler in node.handlers:
                if caught is not None:
                    start = before if _gives_up_waiting(handler) or skips(handler.body) else caught
                    after = merge(after, self.block(handler.body, start.copy(), inner, run))
        if not node.final:
            exits.take(inner)
            return after
        for way in _WAYS:
            leaving = getattr(inner, way)
            if leaving is not None:
                setattr(exits, way, merge(getattr(exits, way), self.block(node.final, leaving, exits, run)))
        return self.block(node.final, after, exits, run) if after is not None else None

    def _with(self, node: f.With, state: State, exits: Exits, run: Run) -> State | None:
        closed = NOTHING
        expected = run.expected
        expects = leaks = False
        known = frozenset(state.masks)
        emptied = frozenset().union(*(self.closed_on_leaving(manager, run) for manager, _ in node.items))
        for manager, target in node.items:
            entering = run.exits = Exits()
            held = self.visit(manager, state, run)
            held |= _given_back(manager, state, run)
            run.exits = exits
            for way in _WAYS:  # where this manager fails, those before it are left as at the end
                if (leaving := getattr(entering, way)) is not None:
                    leaving.settle(closed)
            exits.take(entering)
            closes = frozenset(
                o
                for o in held
                if o.resource.with_ == "releases" or closing_inside(manager) or _is_entered(manager, o)
            )
            closed |= closes | _held_through(manager, state)
            if target is not None:
                self.bind(target, held, state, run)
            if isinstance(target, f.Name) and (held or _opens(manager)):
                run.entered.add(target.path)
            if expects_leak(manager):
                leaks = True
                state.keep(frozenset(state.masks))
            if expects_exception(manager):
                expects = True
                run.expected = first_name(manager)
        inner = Exits()
        end = self.block(node.body, state, inner, run)
        run.expected = expected
        if expects:
            end, inner.raises = merge(end, inner.raises), None
        for leaving in (end, *(getattr(inner, way) for way in _WAYS)):
            if leaving is not None:
                leaving.settle(closed | (frozenset(leaving.masks) if leaks else NOTHING))
                leaving.settle(
                    frozenset(o for o in leaving.masks.keys() - known if o.resource.name in emptied)
                )
        exits.take(inner)
        return end

    def _match(self, node: f.Match, state: State, exits: Exits, run: Run) -> State | None:
        self.visit(node.subject, state, run)
        after: State | None = state.copy()
        for case in node.cases:
            after = merge(after, self.block(case, state.copy(), exits, run))
        return after


# --- small questions --------------------------------------------------------------------------------------------------


def _is_entered(manager: f.Expr, obligation: Obligation) -> bool:
    """What a table calls unusable in a with statement, entered itself: evidently it is of another version here."""
    inner = manager.value if isinstance(manager, f.Await) else manager
    itself = isinstance(inner, f.Name) or (isinstance(inner, f.Call) and inner.at == obligation.at)
    return itself and obligation.resource.with_ == "unusable"


def names_returned(function: f.Function) -> set[str]:
    """The names that a function gives back as they are: ``return self``."""
    return {
        statement.value.path
        for statement, _ in statements(f.body_of(function))
        if isinstance(statement, f.Return) and isinstance(statement.value, f.Name)
    }


def _given_back(manager: f.Expr, state: State, run: Run) -> frozenset[Obligation]:
    """``with connection.open():`` of a method of the project that gives back its object, and ``with opened(file):`` of
    a function that gives back what it is given, if that is open already.
    """
    call = manager.value if isinstance(manager, f.Await) else manager
    site = run.sites.get(call.at) if isinstance(call, f.Call) else None
    if not isinstance(call, f.Call) or site is None or not isinstance(site.callee, FunctionValue):
        return NOTHING
    function = site.callee.function
    given: dict[str, f.Expr | None] = dict(passed_in(call, function))
    if isinstance(call.func, f.Name):
        given["self"] = f.Name(call.func.path.rpartition(".")[0])
    holders = (given.get(name) for name in names_returned(function))
    return frozenset[Obligation]().union(
        *(named(holder.path, state) for holder in holders if isinstance(holder, f.Name))
    )


def _opens(manager: f.Expr) -> bool:
    """``path.open("rb")``, whatever the path is."""
    func = manager.func if isinstance(manager, f.Call) else None
    return last_part(func) == "open"


def _returns(statement: f.Stmt) -> bool:
    return any(isinstance(inner, f.Return) for inner, _ in statements((statement,)))


def closing_inside(node: f.Expr) -> bool:
    """Whether an expression wraps what it holds in ``closing``."""
    if not isinstance(node, f.Call):
        return False
    if isinstance(node.func, f.Name) and node.func.path.rpartition(".")[2] in {"closing", "aclosing"}:
        return True
    return any(closing_inside(arg.value) for arg in node.args)


def _is_kind(obligation: Obligation, kind: object) -> bool:
    name = obligation.resource.name.partition(":")[0]
    return (
        kind == name
        if isinstance(kind, str)
        else isinstance(kind, ClassValue) and name.endswith(kind.cls.name)
    )


def _bound_once(name: str, function: f.Function) -> bool:
    bound = [
        target
        for statement, _ in statements(f.body_of(function))
        if isinstance(statement, (f.Assign, f.AugAssign, f.Declare))
        for target in getattr(statement, "targets", (getattr(statement, "target", None),))
        if target == f.Name(name)
    ]
    return len(bound) == 1


def _looped(end: State | None, skipped: State | None) -> State | None:
    """A loop is taken to run at least once: that is the useful reading of a release inside one."""
    if end is None or skipped is None:
        return end or skipped
    return State({**skipped.names, **end.names}, {**skipped.masks, **end.masks})


def sign_of(test: f.Expr) -> str | f.Expr | None:
    """What is the same again when a later branch asks the same: ``new``, ``kind == "remote"``, ``not on_cloud()``."""
    if isinstance(test, f.Unary) and test.op == "not":
        sign = sign_of(test.value)
        return f.Unary("not", test.value if isinstance(sign, str) else sign) if sign is not None else None
    if isinstance(test, f.Name):
        return test.path
    if isinstance(test, f.Call):
        asks = isinstance(test.func, f.Name) and all(
            isinstance(a.value, (f.Const, f.Text)) for a in test.args
        )
        return f.Call(test.func, test.args, f.NOWHERE) if asks else None
    return (
        test if isinstance(test, f.Compare) and not any(isinstance(x, f.Call) for x in walk(test)) else None
    )


def _asked_for(test: f.Expr, state: State) -> frozenset[Obligation]:
    """``hasattr(self, "server")``."""
    if (
        isinstance(test, f.Call)
        and isinstance(test.func, f.Name)
        and test.func.path in {"hasattr", "getattr"}
    ):
        first, second = [*(arg.value for arg in test.args), None, None][:2]
        if isinstance(first, f.Name) and isinstance(second, f.Text):
            return state.names.get(f"{first.path}.{second.value}", NOTHING)
        if isinstance(first, f.Name):  # a name that varies: any of its attributes
            return NOTHING.union(*(h for name, h in state.names.items() if name.startswith(f"{first.path}.")))
    return NOTHING


def _prefer_released(about: frozenset[Obligation], taken: State, other: State) -> None:
    """``if proc.poll() is None: proc.kill()``: the other branch is the one in which there is nothing to release."""
    for obligation in about:
        a, b = taken.masks.get(obligation, frozenset()), other.masks.get(obligation, frozenset())
        if a and b and a != b:
            better = a if sum(a) * len(b) > sum(b) * len(a) else b
            taken.masks[obligation] = other.masks[obligation] = better


def _anywhere(node: f.Try, before: State, end: State | None) -> State:
    """The state in which a handler starts: an exception may come from anywhere in the body of the try."""
    alone = len(node.body) == 1 and isinstance(node.body[0], (f.Assign, f.ExprStmt))
    ended = end.masks if end is not None and not alone else {}  # what fails alone has acquired nothing
    acquired = {o: masks if end is not None and end.done(o) else frozenset({0}) for o, masks in ended.items()}
    names = dict(before.names)
    for name, held in (end.names if end is not None else {}).items():
        names[name] = names.get(name, NOTHING) | held
    masks = {**acquired, **before.masks}
    if end is not None and (_only_releases(node, before) or alone):
        masks.update({o: end.masks[o] for o in before.masks if o in end.masks})
    return State(names, masks)


def _gives_up_waiting(handler: f.Handler) -> bool:
    """``except TimeoutExpired: process.kill(); raise``: there the wait has not ended the process."""
    return (
        "Timeout" in last_name(handler.type) and bool(handler.body) and isinstance(handler.body[-1], f.Raise)
    )


def _only_releases(node: f.Try, before: State) -> bool:
    """``try: process.kill() except Exception: pass``: what fails there had nothing left to release."""
    if any("Timeout" in last_name(handler.type) for handler in node.handlers):
        return False
    return all(isinstance(s, f.ExprStmt) for s in node.body) and bool(mentioned(node.body[0].value, before))  # type: ignore[union-attr]


_STATEMENTS: dict[type, Callable[[Flow, Any, State, Exits, Run], State | None]] = {
    f.Assign: Flow._assign,
    f.AugAssign: Flow._augmented,
    f.ExprStmt: Flow._expression,
    f.Return: Flow._return,
    f.Raise: Flow._raise,
    f.Assert: Flow._assert,
    f.Declare: Flow._declare,
    f.Del: Flow._delete,
    f.Jump: Flow._jump,
    f.FunctionDef: Flow._define,
    f.If: Flow._if,
    f.For: Flow._loop,
    f.While: Flow._loop,
    f.Try: Flow._try,
    f.With: Flow._with,
    f.Match: Flow._match,
}
__all__ = ["KEPT", "Exits", "Flow", "Run", "closing_inside"]


def _held_through(manager: f.Expr, state: State) -> frozenset[Obligation]:
    """``async with context.session:`` of an object of the project that holds a session, and nothing else."""
    holder, _, attr = manager.path.rpartition(".") if isinstance(manager, f.Name) else ("", "", "")
    held = state.names.get(holder, NOTHING) if holder else NOTHING
    return frozenset(
        o for o in held if o.inferred and attr.strip("_") in o.resource.title.split(" (holds ")[-1]
    )


def _asked_by_any_name(node: f.Expr | None) -> f.Expr | None:
    """``process`` in ``getattr(process, name)``."""
    if not isinstance(node, f.Call) or node.func != f.Name("getattr") or len(node.args) < 2:
        return None
    return node.args[0].value if not isinstance(node.args[1].value, f.Text) else None
