"""Ownership: who must release what a body acquires, and whether that happens on every path.

Leak detection as an accumulation problem, after the Resource Leak Checker (Kellogg, Shadab, Sridharan and Ernst,
"Lightweight and modular resource leak verification", ESEC/FSE 2021): acquiring makes an obligation with the set of
calls that discharge it; a body is run over all its paths, and an obligation is discharged by those calls, by a context
manager that really closes, or by a new owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from memlint import facts as f
from memlint.analysis.assumptions import Assumption
from memlint.analysis.branching import early_exits
from memlint.analysis.commands import is_ended_by_command
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.expectations import expects_exception, first_name
from memlint.analysis.first_use import may_be_used, opens_when_used
from memlint.analysis.flow import Exits, Run, sign_of
from memlint.analysis.holdings import named
from memlint.analysis.inlining import Inlining, is_context_manager
from memlint.analysis.obligations import (
    KEPT,
    NOTHING,
    Ends,
    Evidence,
    Obligation,
    State,
    Verdict,
    judge,
    merge,
)
from memlint.analysis.openings import makes_open, opens_something, returns_something
from memlint.analysis.pairs import Pair, Pairs
from memlint.analysis.project_resources import PLAIN_BASES, ProjectResources
from memlint.analysis.sites import Frame, Site
from memlint.analysis.stand_ins import (
    connects_by_own_class,
    is_fake_by_name,
    is_given_fakes,
    is_hollow,
    is_hollow_library,
    opens_through_fakes,
)
from memlint.analysis.suite import SETUP, Body, Suite
from memlint.analysis.teardowns import Teardowns
from memlint.analysis.threads import ends_what_it_serves, is_brief, is_told, kind_of_target
from memlint.analysis.traverse import after_yield, calls, names, says, statements, walk, words
from memlint.analysis.types import type_name
from memlint.analysis.users import (
    are_all_named,
    are_named,
    are_released_by_tests,
    are_released_by_users,
    comes_from_fixture,
    is_ended_in_class,
    is_linted,
)
from memlint.analysis.values import ClassValue, FunctionValue, Obj, Ref, Value
from memlint.analysis.verbs import counterparts, is_connecting
from memlint.knowledge.apis import ANY_USE, Resource

_CURRENT = frozenset({"matplotlib.pyplot.gca", "matplotlib.pyplot.gcf"})
_DRAWING = frozenset({"medium", "low"})  # of entries that make a figure only when there is none
_CHILDREN = ("subprocess.", "multiprocessing.Process", "multiprocessing.context.", "os.fork")
_REAPING = frozenset({"reap_children", "waitpid", "active_children"})
_OPENING_HOOKS = frozenset({"pytest_configure", "pytest_sessionstart"})
_OPEN: tuple[Verdict, ...] = ("never", "partial")
_ENDED: tuple[Verdict, ...] = ("released", "exposed", "unsure")


@dataclass(eq=False, slots=True)
class Debt:
    """An obligation that a body leaves behind, and how."""

    obligation: Obligation
    body: Body
    verdict: Verdict
    how: str  # local, returned, yielded, stored, factory
    place: str = ""  # where it is stored: "self.server"; of a factory the function's name
    missing: tuple[tuple[str, ...], ...] = ()
    given_only: bool = False  # no path releases it: where it is not left it is given to somebody
    fails_only: bool = False  # released wherever the body ends well; only a failing assertion skips it
    fails_always: bool = False  # a mark says that the test fails
    relative: Obligation | None = None  # the part that is released, or the whole of which this is a part
    teardown: f.Function | None = None  # what would release it and is never run
    blame: Body | ClassValue | f.Function | None = (
        None  # what keeps it from running: an override, the order of bases
    )


class Lifetimes(Inlining):
    """Runs bodies over their paths and says what they leave unreleased."""

    def __init__(self, suite: Suite, resources: ProjectResources) -> None:
        self.suite = suite
        self.evaluator: Evaluator = suite.evaluator
        self.index = suite.evaluator.index
        self.resources = resources
        self.teardowns = Teardowns(suite)
        self.acquired = {}
        self.kept = []
        self.pairs = Pairs(suite)
        self._current: Body | None = None
        self._debts: dict[int, list[Debt]] = {}
        self._bodies: list[Body] = []  # keeps alive what is known by its id
        self._stored_in: dict[int, list[tuple[Debt, State]]] = {}

    # --- asking -----------------------------------------------------------------------------------------------------

    def debts(self, body: Body) -> list[Debt]:
        """What the body leaves unreleased, in order of its source."""
        known = self._debts.get(id(body))
        if known is None:
            known = self._debts[id(body)] = self._analyse(body)
            self._bodies.append(body)
            self._stored_in.setdefault(id(body), [])
        return known

    def _analyse(self, body: Body) -> list[Debt]:
        frame = self.suite.evaluate(body)
        gives_away = body.role == "fixture" and bool(frame.nested)
        self._current = body
        made = (name for site in frame.sites for name in self._made_in(site))
        first = next(made, "")
        if not first and not gives_away:
            return []
        closed = self.teardowns.closed_around(body)
        if not gives_away and first in closed and all(name in closed for name in made):
            return []
        run = self._run_of(body, frame)
        run.is_fixture = body.role == "fixture"
        run.is_manager = is_context_manager(body.function)
        run.expected = self._expected_around(body)
        run.every_call_fails = any(mark.name == "xfail" for mark in self.suite.marks(body))
        exits = run.exits
        end = self.block(f.body_of(body.function), State(), exits, run)
        ends = Ends(merge(end, exits.returns), exits.raises, exits.strict)
        self.deferred_at_end(ends.states(), run)
        for state in ends.states():
            state.settle(frozenset(o for o in state.masks if o.resource.name.partition(":")[0] in closed))
        return list(self._judged(body, run, ends))

    def _expected_around(self, body: Body) -> str:
        """The exception that is expected wherever the enclosing function calls this nested one; "" for none."""
        outer = body.within.function if body.within is not None else None
        if outer is None:
            return ""
        found = ""
        for statement, enclosing in statements(f.body_of(outer)):
            if not any(body.function.name in names((part,)) for part in _shallow(statement)):
                continue
            managers = [m for s in enclosing if isinstance(s, f.With) for m, _ in s.items]
            expected = next((m for m in managers if expects_exception(m)), None)
            if expected is None:
                return ""
            found = first_name(expected) or "Exception"
        return found

    def _run_of(self, body: Body, frame: Frame, depth: int = 0) -> Run:
        run = Run({site.at: site for site in frame.sites}, frame, body.function, depth)
        run.exits = Exits()
        run.flags = self.suite.flags(body)
        return run

    def _judged(self, body: Body, run: Run, ends: Ends) -> Iterator[Debt]:
        found: dict[Obligation, None] = {}
        for state in ends.states():
            found.update(dict.fromkeys(state.masks))
        stored = _stored(ends.normal, run)
        debts: list[Debt] = []
        verdicts: dict[Obligation, Verdict] = {}
        for obligation in found:
            if opens_when_used(obligation):
                given_away = run.yielded | run.returned
                away = {*stored, *given_away, *run.factories}
                obligation.started = may_be_used(obligation, away, ends.states(), run.nested)
                if obligation in given_away and not self._put_to_use_by_users(obligation, body):
                    obligation.assumed.add(Assumption.OPENED_IN_USE)
            elif body.role == "fixture" and not obligation.started:
                obligation.started = self._started_by_users(obligation, body, run, ends)
            verdict = judge(obligation, ends)
            forgotten = _forgotten_pipes(obligation) if verdict in _ENDED else ()
            debt = Debt(obligation, body, verdict, "local", missing=_lacking(obligation, verdict, ends))
            if forgotten:
                debt.verdict, debt.missing = "partial", tuple((f"{pipe}.close",) for pipe in forgotten)
            debt.given_only = not any(
                mask & obligation.full for state in ends.states() for mask in state.masks.get(obligation, ())
            )
            debt.fails_always = run.every_call_fails
            debt.fails_only = ends.normal is not None and ends.normal.done(obligation)
            if obligation in run.factories:
                debt.how, debt.place = "factory", run.factories[obligation]
            elif obligation in run.returned:
                debt.how = "returned"
            elif obligation in run.yielded:
                debt.how = "yielded"
            if obligation in stored and debt.how != "factory":
                debt.how, debt.place = "stored", stored[obligation]
                if ends.normal is not None and verdict not in {"released", "kept", "late"}:
                    self._stored_in.setdefault(id(body), []).append((debt, ends.normal.copy()))
                self._after_teardown(debt, ends)
            if debt.verdict == "unsure" and debt.how == "local" and self._torn_down(debt, ends, run):
                debt.verdict = "released"
            if debt.verdict == "unsure" and debt.fails_only and self._reaped_around(debt):
                debt.verdict = "released"
            if debt.verdict in _OPEN and self._hunted_around(debt):
                debt.verdict = "released"
            if debt.verdict in _OPEN and are_released_by_users(debt, self.suite):
                debt.verdict = "kept"
            if debt.verdict in _OPEN and ends.normal is not None:
                self._by_nested(debt, ends.normal, run)
            verdicts[obligation] = debt.verdict
            debts.append(debt)
        yield from _presentable(debts, verdicts, body)

    def _started_by_users(self, obligation: Obligation, body: Body, run: Run, ends: Ends) -> bool:
        """Whether a test starts what a fixture gives away unstarted: so says its clean-up, or a test that does."""
        if obligation not in run.yielded | run.returned:
            return False
        if any(mask & obligation.full for mask in ends.masks(obligation)):
            return True
        fixture = next((x for x in self.suite.of(body.module).fixtures.values() if x.body is body), None)
        if fixture is None:
            return False
        resource = obligation.resource
        starts = {f"{fixture.name}.{name}" for name in resource.started_by}
        ends_by = {name.rpartition(".")[2] for group in resource.release for name in group}
        for module in filter(is_linted, self.suite.project.mentioning(fixture.name)):
            for user in self.suite.of(module).bodies:
                asked = any(param.name == fixture.name for param in user.function.params)
                if asked and any(says(user.function, name) for name in ends_by):
                    continue  # it ends what it starts
                if asked and not starts.isdisjoint(names(f.body_of(user.function))):
                    return self.suite.fixture(fixture.name, module, user.owner) is fixture
        return False

    def _put_to_use_by_users(self, obligation: Obligation, body: Body) -> bool:
        """Whether who asks for a fixture's idle engine calls what opens it, or hands it to what may."""
        fixture = next((x for x in self.suite.of(body.module).fixtures.values() if x.body is body), None)
        starts = set(obligation.resource.started_by) - {ANY_USE}
        if fixture is None or not starts:
            return True
        users = [
            user
            for module in filter(is_linted, self.suite.project.mentioning(fixture.name))
            for user in self.suite.of(module).bodies
            if any(param.name == fixture.name for param in user.function.params)
        ]
        return not users or any(
            not starts.isdisjoint(words(user.function)) or self._hands_on(fixture.name, user)
            for user in users
        )

    def _hands_on(self, name: str, user: Body) -> bool:
        """Whether a body gives it to a function, or to a library that the tables know: ``Session(engine)``."""
        for site in self.suite.evaluate(user).sites:
            args = site.node.args if isinstance(site.node, f.Call) else ()
            if not any(arg.value == f.Name(name) for arg in args):
                continue
            own = isinstance(site.callee, ClassValue)
            made = own or site.name.rpartition(".")[2][:1].isupper()
            if not made or (not own and self._is_known(site.name)):
                return True
        return False

    # --- what runs afterwards ---------------------------------------------------------------------------------------

    def _after_teardown(self, debt: Debt, ends: Ends) -> None:
        """What remains of an attribute's or a global's obligation after what runs later."""
        body, place = debt.body, debt.place
        before = debt.verdict
        if ends.normal is None or before in {"released", "kept"}:
            return
        if before == "late":
            if body.owner is not None and place.startswith(("self.", "cls.")):
                open_still = ends.normal.copy()
                open_still.masks[debt.obligation] = frozenset({0})
                rest = self._rest(debt, self.teardowns.after(body, body.owner), open_still)
                debt.verdict = "released" if rest == "released" else before
            return
        if "." not in place:
            self._after_global(debt, ends.normal)
            return
        if place.startswith("request."):
            debt.verdict = "kept" if self._released_elsewhere(debt) else before
            return
        if body.owner is None:
            debt.verdict = "kept"
            return
        if body.role == "method" or (
            not self.suite.is_test_class(body.owner) and body.role not in {"setup", "fixture"}
        ):
            self._after_owner(debt, ends.normal)
            return
        self._after_methods(debt, ends)

    def _torn_down(self, debt: Debt, ends: Ends, run: Run) -> bool:
        """Whether what an attribute holds where the body fails is released by the tear-down of its class."""
        body = debt.body
        place = _stored(ends.failing, run).get(debt.obligation, "")
        if ends.failing is None or body.owner is None or not place.startswith(("self.", "cls.")):
            return False
        held = Debt(debt.obligation, body, debt.verdict, "stored", place)
        return any(
            self._rest(held, self.teardowns.after(body, cls), ends.failing) in {"released", "kept"}
            for cls in (body.owner, *self.teardowns.subclasses(body.owner)[:40])
        )

    def _reaped_around(self, debt: Debt) -> bool:
        """Whether what runs after the body waits for every child that is left."""
        if debt.how != "local" or not debt.obligation.resource.name.startswith(_CHILDREN):
            return False
        return any(
            not _REAPING.isdisjoint(words(other.function)) for other in self.teardowns.around(debt.body)
        )

    def _hunted_around(self, debt: Debt) -> bool:
        """Whether what runs after the body looks among all processes for what is left, and ends it, or another command
        ends it.
        """
        if not debt.obligation.resource.name.startswith(_CHILDREN):
            return False
        around = self.teardowns.around(debt.body)
        if any(map(_hunts, self._led_to_by(around))):
            return True
        site, functions = debt.obligation.site, [other.function for other in around]
        return is_ended_by_command(site, debt.body.function, functions)

    def _led_to_by(self, bodies: Iterable[Body]) -> Iterator[f.Function]:
        """These functions, and the methods of their classes that they name."""
        for body in bodies:
            yield body.function
            for method in self.teardowns.methods(body.owner) if body.owner is not None else ():
                if says(body.function, method.function.name):
                    yield method.function

    def _after_methods(self, debt: Debt, ends: Ends) -> None:
        body = debt.body
        assert body.owner is not None and ends.normal is not None
        fails_first = body.role == "setup" and debt.verdict != "released" and ends.failing is not None
        handed = self._handed_over(body)
        own = self._rest(debt, self.teardowns.after(body, body.owner) + handed, ends.normal)
        below = self.teardowns.subclasses(body.owner) if own != "released" else []
        for cls in below[:40]:
            if self._rest(debt, self.teardowns.after(body, cls), ends.normal) in {"released", "kept"}:
                debt.verdict = "kept"
                return
        if not self.suite.is_test_class(body.owner) and not below and own in _OPEN:
            debt.verdict = "kept"  # a mixin that no test class of the suite uses
            return
        debt.verdict = own
        if own in _OPEN and are_released_by_tests(debt, self.teardowns.methods(body.owner)):
            debt.verdict = own = "kept"
        if own == "released" and fails_first:
            assert ends.failing is not None
            masks = ends.failing.masks.get(debt.obligation, frozenset())
            full = debt.obligation.full
            debt.verdict = "unsure" if any(mask & full != full for mask in masks) else own
            debt.missing = _missing(debt.obligation, ends.failing)
        if own in _OPEN:
            self._unreachable(debt, ends.normal)

    def _handed_over(self, body: Body) -> list[Body]:
        """Methods that a body gives to somebody who runs them: ``Thread(target=self.serve)``."""
        assert body.owner is not None
        given = {
            arg.value.path.removeprefix("self.")
            for node, _, _ in calls(f.body_of(body.function))
            for arg in node.args
            if isinstance(arg.value, f.Name) and arg.value.path.startswith("self.")
        }
        return [x for x in self.teardowns.methods(body.owner) if x.function.name in given] if given else []

    def _rest(self, debt: Debt, after: list[Body], normal: State) -> Verdict:
        """The verdict once these bodies have run."""
        guards = early_exits(debt.body.function, debt.obligation.at[0])
        state = State({debt.place: frozenset({debt.obligation})}, dict(normal.masks))
        state.names.update(
            {name: held for name, held in normal.names.items() if name.startswith(("self.", "cls."))}
        )
        for body in after:
            state = self._ran(body, state, guards, debt)
        debt.missing = _missing(debt.obligation, state)
        for obligation, masks in state.masks.items():
            if obligation.parent is debt.obligation or debt.obligation.parent is obligation:
                normal.masks[obligation] = masks
        return judge(debt.obligation, Ends(state, None, None))

    def _ran(self, body: Body, state: State, guards: list[f.Expr], debt: Debt) -> State:
        """The state after a further body, which sees the same attributes under its own first parameter."""
        frame = self.suite.evaluate(body)
        run = self._run_of(body, frame, 1)
        run.ruled_out = guards
        run.signs = {sign: frozenset({debt.obligation}) for sign in _conditions_around(debt)}
        names = dict(state.names)
        for name, held in state.names.items():
            first, _, attr = name.partition(".")
            if first in {"self", "cls"} and attr:
                names[f"self.{attr}"] = names[f"cls.{attr}"] = held
        whole = f.body_of(body.function)
        left = after_yield(whole) if body.role == "fixture" else whole
        end = self.block(left, State(names, dict(state.masks)), run.exits, run)
        after = merge(end, run.exits.returns)
        if after is None:
            return state
        returned = State(dict(state.names), after.masks)
        returned.keep(run.returned)
        return returned

    def _unreachable(self, debt: Debt, normal: State) -> None:
        """A tear-down that would release it, were it ever run."""
        body = debt.body
        assert body.owner is not None
        candidates: list[tuple[Body, Body | ClassValue]] = [
            (body, body) for body in self.teardowns.lookalikes(body.module, body.owner)
        ]
        for cls in (body.owner, *self.teardowns.subclasses(body.owner)):
            candidates += self.teardowns.unreached(cls)
        self._blame(debt, candidates, normal)

    def _blame(self, debt: Debt, candidates: list[tuple[Body, Body | ClassValue]], normal: State) -> None:
        missing = debt.missing
        for candidate, blame in candidates:
            if self._rest(debt, [candidate], normal) == "released":
                debt.verdict, debt.teardown, debt.blame = "unreached", candidate.function, blame
                return
        debt.missing = missing

    def hidden(self, cls: ClassValue) -> Iterator[Debt]:
        """Debts of inherited set-up methods whose tear-down an override of this class keeps from running."""
        candidates = self.teardowns.unreached(cls)
        for name in SETUP if candidates else ():
            for body in self.teardowns.chain(cls, name).reached:
                if body.owner is None or body.owner.cls is cls.cls:
                    continue
                self.debts(body)
                for debt, normal in self._stored_in[id(body)]:
                    again = Debt(debt.obligation, body, debt.verdict, "stored", debt.place)
                    if self._rest(again, self.teardowns.after(body, cls), normal) in _OPEN:
                        self._blame(again, candidates, normal)
                        if again.verdict == "unreached":
                            yield again

    def _after_global(self, debt: Debt, normal: State) -> None:
        body = debt.body
        opens = body.role == "hook" and body.function.name in _OPENING_HOOKS
        if body.role not in {"setup", "fixture"} and not opens:
            debt.verdict = "kept"
            return
        names = {debt.place}
        others = [
            x for x in self.suite.of(body.module).bodies if x is not body and x.role not in {"test", "method"}
        ]
        after = [x for x in others if names & set(x.function.mentions.split())]
        lookalikes = list(self.teardowns.lookalikes(body.module, None))
        after = [x for x in after if x not in lookalikes]
        debt.verdict = self._rest(debt, after, normal)
        if debt.verdict in _OPEN:
            self._blame(debt, [(x, x) for x in lookalikes], normal)
        if debt.verdict == "never" and body.role == "fixture" and self._released_elsewhere(debt):
            debt.verdict = "kept"

    def _after_owner(self, debt: Debt, normal: State) -> None:
        """An object of the suite's own holds it: do the object's methods, or its users, release it?"""
        body, attr = debt.body, debt.place.partition(".")[2].partition("[")[0]
        assert body.owner is not None
        best: Verdict = "never"
        missing = debt.missing
        for method in self.teardowns.methods(body.owner):
            if (
                method.function is body.function
                or attr.partition(".")[0] not in method.function.mentions.split()
            ):
                continue
            verdict = self._rest(debt, [method], normal)
            if verdict in {"released", "kept", "unsure", "late"}:
                debt.verdict = "released" if verdict == "released" else "kept"
                return
            if verdict == "partial" and method.function.name not in {"__repr__", "__str__"}:
                best, missing = "partial", debt.missing
        if best == "partial":
            together = [m for m in self.teardowns.methods(body.owner) if m.function is not body.function]
            if self._rest(debt, together, normal) in {"released", "kept", "unsure"} or are_all_named(
                debt.obligation, attr, together
            ):
                debt.verdict = "kept"  # one method does what another one leaves
                return
        known = self.evaluator.external_bases(body.owner)
        foreign = any(name not in PLAIN_BASES for name in known)
        if best == "never" and (
            foreign or self._released_elsewhere(debt) or self.teardowns.subclasses(body.owner)
        ):
            best = "kept"
        debt.verdict, debt.missing = best, missing

    def _released_elsewhere(self, debt: Debt) -> bool:
        """Whether a function anywhere in the suite names the attribute and a release of it."""
        attr = debt.place.rpartition(".")[2]
        releases = {
            part for group in debt.obligation.resource.release for name in group for part in name.split(".")
        }
        for module in [
            m for m in self.suite.project.modules.values() if m.linted and attr in m.facts.mentions
        ]:
            for body in self.suite.of(module).bodies:
                words = set(body.function.mentions.split())
                if body is not debt.body and attr in words and words & releases:
                    return True
        return False

    def _by_nested(self, debt: Debt, normal: State, run: Run) -> None:
        """A nested function that would release it: one that is handed on may do so, one that nothing names cannot."""
        ended = are_named(normal.holders(debt.obligation), debt.obligation)
        if is_ended_in_class(run.function, ended):
            debt.verdict = "kept"
            return
        for name, function in run.nested.items():
            value = run.frame.env.get(name)
            used = name in run.used
            if function.decorators and not ended.isdisjoint(names(f.body_of(function))):
                debt.verdict = "kept"  # ``@app.route("/shutdown")`` runs it
                return
            if not isinstance(value, FunctionValue) or function.decorators or (function.params and not used):
                continue
            state = normal.copy()
            trial = Run(run.sites, run.frame, run.function, nested=run.nested)
            self.run_function(value, [], state, trial)
            if judge(debt.obligation, Ends(state, None, None)) in {"released", "unsure"}:
                if used:
                    debt.verdict = "kept"
                    return
                debt.verdict, debt.teardown, debt.blame = "unreached", function, function

    # --- acquiring --------------------------------------------------------------------------------------------------

    def acquires(self, site: Site) -> Resource | None:
        """The resource that a call acquires itself."""
        if site.mocked or site.raises or _wraps_a_servers(site):
            return None
        if opens_through_fakes(site) or is_hollow(site) or is_hollow_library(site) or self._is_gutted(site):
            return None
        if any(
            isinstance(value, ClassValue) and self.resources.passes_over_base(value)
            for value in site.args.values()
        ):
            return None  # ``make_server(host, port, app, SilentServer)``
        for entry in site.entries:
            if entry.acquire is not None:
                return self.index.resources.get(entry.acquire)
        if isinstance(site.callee, ClassValue):
            resource = self.resources.of_class(site.callee)
            return resource if resource is not None and not self.resources.is_given(site) else None
        return None

    def _is_gutted(self, site: Site) -> bool:
        """Whether the constructor of the project's class, or the method that opens, is a fake."""
        cls = site.callee
        if not site.frame.mocked or not isinstance(cls, ClassValue):
            return False
        opening = self.resources.evidence(cls)
        methods = {"__init__", opening.method.function.name} if opening is not None else {"__init__"}
        owners = [owner.cls.name for owner in self.suite.evaluator.mro(cls)]
        owners += [base.rpartition(".")[2] for base in self.suite.evaluator.external_bases(cls)]
        gutted = {f".{owner}.{method}" for owner in owners for method in methods}
        return any(f".{fake}".endswith(tuple(gutted)) for fake in site.frame.mocked)

    def _made_in(self, site: Site) -> Iterator[str]:
        """The kinds of resource that a call may acquire, itself or by what the project's function calls in turn."""
        resource = self.acquires(site)
        if resource is not None:
            yield resource.name.partition(":")[0]
        if not isinstance(site.callee, (FunctionValue, ClassValue)) or site.mocked or site.raises:
            return
        pair = self._pair_of(site.callee, site)
        if pair is not None:
            yield pair.resource.name
        for inner in site.inner:
            yield from self._made_in(inner)

    def _pair_of(self, callee: FunctionValue | ClassValue, site: Site) -> Pair | None:
        """What names that go together tell of a call: of a class, of a function, or of what the function makes."""
        if isinstance(callee, ClassValue):
            return self.pairs.of_class(callee)
        if not counterparts(callee.function.name)[2]:
            return None
        pair = self.pairs.of(callee)
        result = site.result.type if isinstance(site.result, Obj) else None
        return (
            self.pairs.of_result(callee, result) if pair is None and isinstance(result, ClassValue) else pair
        )

    def _said_beside(self, run: Run) -> set[str]:
        """What the other methods say of the object that a method is called on: ``self.server.shutdown``."""
        owner = run.frame.owner
        methods = self.teardowns.methods(owner) if isinstance(owner, ClassValue) else ()
        return {
            name
            for method in methods
            for name in names(f.body_of(method.function))
            if name.startswith(("self.", "cls."))
        }

    def _said_around(self, run: Run) -> set[str]:
        """What the fixtures of a body say: ``state.done.set`` after the yield of what the test is given."""
        body = self._current if run.depth == 0 else None
        fixtures = self.teardowns.fixtures_around(body) if body is not None else ()
        return {name for fixture in fixtures for name in names(f.body_of(fixture.function))}

    def new(
        self, site: Site, resource: Resource, state: State, given: frozenset[Obligation], run: Run
    ) -> frozenset[Obligation]:
        """The obligation that a call makes, related to those it was given."""
        endless = told = False
        if resource.name.startswith("threading.Thread"):
            kind = kind_of_target(site, self.evaluator)
            if kind is None or _serves_known(site.node, state) or _serves_given(site.node, run.function):
                return NOTHING  # a thread whose target ends by itself, or with the server that it serves
            endless = kind == "endless"
            said = set(names(f.body_of(run.function)))
            if ends_what_it_serves(site.node, said | self._said_beside(run)):
                return NOTHING
            told = is_told(site, said | self._said_around(run), self.evaluator)
        if resource.name == "threading.Timer" and is_brief(site):
            return NOTHING  # it runs out by itself before anybody would notice
        if resource.owned_by and (
            self._owner_goes_with_its_fixture(site, resource) or self._goes_with_its_class(resource)
        ):
            return NOTHING
        if resource.registry and any(entry.confidence in _DRAWING for entry in site.entries):
            current = frozenset(o for o in state.masks if o.resource is resource and not state.done(o))
            if current:
                return current  # it draws on the figure that is there
            if self._drawn_on_anothers(site):
                return NOTHING
        if resource.forgotten == "closed" and _is_over(site.node, run.entered):
            return NOTHING  # the file is another's, and closed
        key = (id(site), resource.name)
        obligation = self.acquired.get(key)
        if obligation is None:
            obligation = self.acquired[key] = Obligation(
                resource, site, site.at, not resource.started_by, endless=endless
            )
            obligation.assumed = _assumed_of(site, told and not run.is_fixture, resource)
        former = state.masks.get(obligation)
        if former is not None and run.loops and not state.done(obligation):
            run.again[obligation] = former
        if isinstance(site.callee, ClassValue):
            opening = self.resources.evidence(site.callee)
            if opening is not None:
                path = opening.method.module.path
                obligation.inferred = True
                obligation.evidence = (
                    Evidence(path, opening.line, f"opened here, kept in self.{opening.attribute}"),
                )
                if is_given_fakes(site):
                    obligation.assumed.add(Assumption.NO_STAND_IN)
        state.masks[obligation] = frozenset({0})
        for other in given:
            _relate(obligation, other)
        return frozenset({obligation})

    def _drawn_on_anothers(self, site: Site) -> bool:
        """Whether the current figure is a caller's, or what runs around the body makes it and closes or empties it."""
        if self._current is None:
            return False
        if site.name in _CURRENT and self._current.role == "helper":
            return True  # that of whoever calls it
        if any("clf" in words(body.function) for body in self.teardowns.around(self._current)):
            return True  # there is but one, which every test finds empty
        said = [words(body.function) for body in self.teardowns.fixtures_around(self._current)]
        return any("close" in one and not one.isdisjoint({"figure", "subplots"}) for one in said)

    def _owner_goes_with_its_fixture(self, site: Site, resource: Resource) -> bool:
        """``client.pubsub()`` of a client that the class, or a fixture of the test's own scope, has and ends."""
        body, node = self._current, site.node
        if body is None or type_name(site.receiver) not in resource.owned_by or not isinstance(node, f.Call):
            return False
        if comes_from_fixture(site.receiver, body, self.suite):
            return True  # ``open_socket(context)``, which calls ``context.socket()``
        first = node.func.path.partition(".")[0] if isinstance(node.func, f.Name) else ""
        if first in {"self", "cls"} and body.owner is not None and self.suite.is_test_class(body.owner):
            return True
        giver = next((fixture for fixture in self.suite.requested(body) if fixture.name == first), None)
        return giver is not None and not giver.wide

    def _goes_with_its_class(self, resource: Resource) -> bool:
        """Whether the test's own base class ends what it belongs to: AsyncTestCase its loop."""
        owner = self._current.owner if self._current is not None else None
        return owner is not None and not set(resource.owned_by).isdisjoint(
            self.evaluator.external_bases(owner)
        )

    def mined(
        self, node: f.Call, callee: FunctionValue, site: Site, state: State, run: Run
    ) -> frozenset[Obligation]:
        """What a function of the project acquires by the evidence of its name and its other callers alone."""
        if site.mocked or site.raises or run.expected or run.frame.module.is_product:
            return NOTHING
        receiver = node.func.path.rpartition(".")[0] if isinstance(node.func, f.Name) else ""
        pair = self._pair_of(callee, site)
        by_name = pair is not None and pair is self.pairs.of(callee)
        bound = by_name and callee.receiver is not None
        if pair is None or self._undone_around(pair.release, run) or _was_ended(pair.release, node, run):
            return NOTHING
        if any(says(nested, pair.release) for nested in run.nested.values()):
            return NOTHING  # a callback undoes it: ``client.on_connect = leave``
        theirs = receiver in {"self", "cls", "super()", ""} or self.is_outer(receiver.partition(".")[0], run)
        if bound and (theirs or named(receiver, state)):
            return NOTHING  # of an object that somebody else has made
        made = self.new(site, pair.resource, state, NOTHING, run)
        # that others close what such a method makes was right in three of eight
        opens = by_name and opens_something(callee, self.evaluator)
        connects = is_connecting(callee.function.name)
        opens_itself = bound and (connects or not returns_something(callee.function))
        _note_inference(made, pair, opens and not opens_itself)
        if bound:
            state.hold(receiver, made)
        for obligation in made:
            obligation.connected = bound and connects
        return made

    def closed_on_leaving(self, manager: f.Expr, run: Run) -> frozenset[str]:
        """Resources of which a context manager of the project closes what is made while it is entered."""
        if not isinstance(manager, (f.Call, f.Name)):
            return frozenset()
        value = self.evaluator.quiet_eval(manager, run.frame)
        if not isinstance(value, Obj) or not isinstance(value.type, ClassValue):
            return frozenset()
        leave = self.evaluator.class_member(value.type, "__exit__", value)
        return self.teardowns.closed_by(leave) if isinstance(leave, FunctionValue) else frozenset()

    def is_read_afterwards(self, holder: str) -> bool:
        """Whether a fixture or tear-down around the body reads this container."""
        body, name = self._current, holder.rpartition(".")[2]
        return body is not None and any(says(other.function, name) for other in self.teardowns.around(body))

    def mined_class(self, cls: ClassValue, site: Site, state: State, run: Run) -> frozenset[Obligation]:
        """An instance of a class of the project that nearly everybody else closes."""
        if site.mocked or site.raises or run.expected or run.frame.module.is_product or run.frame.mocked:
            return NOTHING
        pair = self.pairs.of_class(cls)
        if pair is None or self._undone_around(pair.release, run):
            return NOTHING
        made = self.new(site, pair.resource, state, NOTHING, run)
        _note_inference(made, pair, makes_open(cls, self.evaluator))
        return made

    def _undone_around(self, release: str, run: Run) -> bool:
        """Whether something else that runs around the body names the release."""
        body = self._current
        if body is None or (says(run.function, release) and run.depth):
            return True
        around = self.teardowns.around(body)
        return any(says(other.function, release) for other in around) or any(
            isinstance(site.callee, FunctionValue) and says(site.callee.function, release)
            for other in around
            for site in self.suite.evaluate(other).sites
        )

    def lost(self, obligation: Obligation) -> Obligation:
        """What the name held before, when a loop acquires once more under the same name."""
        key = (id(obligation), "lost")
        found = self.acquired.get(key)
        if found is None:
            found = Obligation(
                obligation.resource, obligation.site, obligation.at, obligation.started, obligation.via
            )
            self.acquired[key] = found
        found.started, found.inferred = obligation.started, obligation.inferred
        found.assumed |= obligation.assumed
        return found

    def owns_globals(self, run: Run) -> bool:
        """Whether what the body stores in a global is its own to release."""
        name = run.function.name
        return run.is_fixture or (
            run.depth == 0 and (name.lower().startswith("setup") or name in _OPENING_HOOKS)
        )


def _note_inference(made: frozenset[Obligation], pair: Pair, opens: bool) -> None:
    """Names that go together tell of a resource; that something is opened has to be seen besides.

    Where an object opens itself nothing is certain: what ``client.start()`` leaves is often the client's own to end.
    """
    for obligation in made:
        obligation.evidence, obligation.inferred = pair.evidence, True
        if not opens:
            obligation.assumed.add(Assumption.UNDERSTOOD)


def _forgotten_pipes(obligation: Obligation) -> tuple[str, ...]:
    """Of a process whose output pipes are closed one by one those that are left out."""
    closed = obligation.closed_pipes
    if not closed & {"stdout", "stderr"} or not obligation.resource.name.startswith("subprocess.Popen"):
        return ()
    site, piped = obligation.via or obligation.site, Ref("subprocess.PIPE")
    unsaid = Value() if site.name.endswith(".Popen") else piped  # ``pytester.popen()`` pipes both by default
    opened = {pipe for pipe in ("stdout", "stderr") if site.args.get(pipe, unsaid) == piped}
    return tuple(sorted(opened - closed))


def _assumed_of(site: Site, told: bool, resource: Resource) -> set[Assumption]:
    """What an acquisition rests on from the start. ``told``: its thread is told to end, if not waited for."""
    noted = {
        Assumption.GOES_ON: told,
        Assumption.KIND: _is_guessed(site),
        Assumption.NO_STAND_IN: (resource.rule.startswith("MEM5") or resource.name.endswith(":pair"))
        and (
            is_given_fakes(site)
            or (resource.rule == "MEM502" and (is_fake_by_name(site) or connects_by_own_class(site)))
        ),
    }
    return {assumption for assumption, holds in noted.items() if holds}


def _wraps_a_servers(site: Site) -> bool:
    """``server.socket = context.wrap_socket(server.socket)``: the server closes it (``socketserver.server_close``)."""
    given = site.node.args[:1] if isinstance(site.node, f.Call) else ()
    return site.name.endswith(".wrap_socket") and any(
        isinstance(arg.value, f.Name) and arg.value.path.endswith(".socket") for arg in given
    )


def _is_over(node: f.Expr, entered: set[str]) -> bool:
    """``gzip.open(file)`` inside of ``with path.open("rb") as file``."""
    args = node.args if isinstance(node, f.Call) else ()
    return any(isinstance(arg.value, f.Name) and arg.value.path in entered for arg in args[:1])


def _is_guessed(site: Site) -> bool:
    """Whether the call acquires only if its arguments are what nobody here can see: an archive of unknown kind."""
    entry = next((entry for entry in site.entries if entry.acquire is not None), None)
    return entry is not None and entry.guess


def _shallow(statement: f.Stmt) -> tuple[f.Stmt, ...]:
    """A statement that holds no others."""
    return (
        ()
        if isinstance(statement, (f.With, f.If, f.For, f.While, f.Try, f.FunctionDef, f.ClassDef))
        else (statement,)
    )


def _serves_known(node: f.Expr, state: State) -> bool:
    """``Thread(target=server.serve_forever)``: the server is what has to be stopped."""
    targets = [arg.value for arg in node.args if arg.keyword == "target"] if isinstance(node, f.Call) else []
    return any(
        bool(named(target.path.rpartition(".")[0], state)) for target in targets if isinstance(target, f.Name)
    )


def _serves_given(node: f.Expr, function: f.Function) -> bool:
    """The same of a server that the function returns: whoever has it ends the thread with it."""
    targets = [arg.value for arg in node.args if arg.keyword == "target"] if isinstance(node, f.Call) else []
    servers = {
        f.Name(target.path.removesuffix(".serve_forever"))
        for target in targets
        if isinstance(target, f.Name) and target.path.endswith(".serve_forever")
    }
    returned = (
        s.value for s, _ in statements(f.body_of(function)) if isinstance(s, f.Return) and s.value is not None
    )
    return any(part in servers for value in returned for part in walk(value))


def _hunts(function: f.Function) -> bool:
    """``for process in psutil.process_iter(): process.kill()``."""
    return says(function, "process_iter") and (says(function, "kill") or says(function, "terminate"))


def _relate(new: Obligation, other: Obligation) -> None:
    """Who owns whom, of two resources of which one was made with the other; over a fake lies another fake."""
    new.assumed |= other.assumed & {Assumption.NO_STAND_IN}
    name, others = new.resource.name.partition(":")[0], other.resource.name.partition(":")[0]
    if name in other.resource.owned_by:
        other.owner = new
    elif others in new.resource.owned_by:
        new.owner = other
    elif name in other.resource.children:
        new.parent = other


def _was_ended(release: str, node: f.Call, run: Run) -> bool:
    """``stop_server(host)`` and then ``start_server(host)``: what was there before is put back."""
    earlier = (call for call, _, _ in calls(f.body_of(run.function)) if call.at < node.at)
    return any(isinstance(c.func, f.Name) and c.func.path.rpartition(".")[2] == release for c in earlier)


def _conditions_around(debt: Debt) -> Iterator[str | f.Expr]:
    """The conditions under which the body acquires it, as a later body may ask them again."""
    line = debt.obligation.at[0]
    chain: tuple[f.Stmt, ...] = ()
    for statement, enclosing in statements(f.body_of(debt.body.function)):
        if statement.line <= line:
            chain = (*enclosing, statement)
    for outer, inner in pairwise(chain):
        if isinstance(outer, f.If) and any(inner is part for part in outer.body):
            sign = sign_of(outer.test)
            if sign is not None:
                yield sign


def _stored(normal: State | None, run: Run) -> dict[Obligation, str]:
    """Obligations that attributes of ``self``, ``cls`` or the requesting class, or globals, hold at the end."""
    out: dict[Obligation, str] = {}
    for name, held in (normal.names if normal is not None else {}).items():
        if name.startswith(("self.", "cls.", "request.cls.", "request.instance.")) or name in run.globals:
            for obligation in held:
                out[obligation] = name
    return out


def _lacking(obligation: Obligation, verdict: Verdict, ends: Ends) -> tuple[tuple[str, ...], ...]:
    """The releases to name: those that the good end lacks, or some other end when only that one lacks them."""
    if verdict == "unsure":
        return _missing(obligation, *(state for state in (ends.normal, ends.failing) if state is not None))
    good = [ends.normal] if ends.normal is not None and verdict in _OPEN else ends.states()
    return _missing(obligation, *good)


def _missing(obligation: Obligation, *states: State) -> tuple[tuple[str, ...], ...]:
    """The groups of releases that some path lacks."""
    masks = frozenset[int]().union(*(state.masks.get(obligation, frozenset()) for state in states))
    return tuple(
        tuple(group)
        for number, group in enumerate(obligation.resource.release)
        if not all(mask & KEPT or mask >> number & 1 for mask in masks)
    )


def _order(debt: Debt) -> tuple[f.Span, bool, str, f.Span]:
    """By place; of several that a factory may have made in one call by where it makes them."""
    via = debt.obligation.via
    made = (via.frame.module.path, via.at) if via is not None else ("", f.NOWHERE)
    return debt.obligation.at, debt.verdict == "exposed", *made


def _presentable(debts: list[Debt], verdicts: dict[Obligation, Verdict], body: Body) -> Iterator[Debt]:
    """One fault, one finding: of a whole and its parts the one that has to be released."""
    seen: set[tuple[f.Span, str]] = set()
    told: set[tuple[f.Span, Verdict, str, int]] = (
        set()
    )  # a factory makes one thing in one branch, another in another
    owners = {
        debt.obligation.owner for debt in debts if debt.verdict in _OPEN and debt.obligation.owner is not None
    }
    owed = {debt.place for debt in debts if debt.verdict not in {"released", "kept"}} - {""}
    for debt in sorted(debts, key=_order):
        obligation = debt.obligation
        if debt.verdict in {"released", "kept"} or (debt.how == "returned" and body.role != "fixture"):
            continue
        if obligation.resource.name.startswith("contextlib.ExitStack") and obligation in owners:
            continue
        owner = obligation.owner
        if (
            owner is not None
            and not owner.resource.name.startswith("contextlib.ExitStack")
            and verdicts.get(owner) not in {None, "released", "kept"}
        ):
            continue
        if debt.verdict in _OPEN and not _partly(debt, debts, verdicts):
            continue
        if debt.place.rpartition(".")[0] in owed:
            continue  # ``self.server.socket``: whoever closes the server closes it
        key = (obligation.at, obligation.resource.name)
        made = obligation.via.frame.function if obligation.via is not None else None
        same = (obligation.at, debt.verdict, obligation.resource.rule, id(made))
        if key not in seen and (made is None or same not in told):
            seen.add(key)
            told.add(same)
            yield debt


def _partly(debt: Debt, debts: list[Debt], verdicts: dict[Obligation, Verdict]) -> bool:
    """Mark a debt of which a part is released, or whose whole is; False when its whole is reported instead."""
    obligation = debt.obligation
    parts = [other.obligation for other in debts if other.obligation.parent is obligation]
    released = [part for part in parts if verdicts.get(part) in _ENDED]
    if released and debt.verdict == "never":
        debt.verdict, debt.relative = "partial", released[0]
    parent = obligation.parent
    if parent is not None and parent in verdicts and debt.verdict == "never":
        if verdicts[parent] in _OPEN:
            return False
        if verdicts[parent] in _ENDED:
            debt.verdict, debt.relative = "partial", parent
    return True


__all__ = ["Debt", "Lifetimes"]
