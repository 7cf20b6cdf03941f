"""What an expression holds: the obligations that its value stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.expectations import PIPES
from memlint.analysis.obligations import NOTHING, Obligation, State
from memlint.analysis.reading import ended_by, pipes_read_in, process_of

if TYPE_CHECKING:
    from memlint.analysis.flow import Run


_DESCRIPTOR = "os.open"  # the resource that is but a number


class Holdings(ABC):
    """Runs expressions."""

    evaluator: Evaluator

    @abstractmethod
    def call(self, node: f.Call, state: State, run: Run) -> frozenset[Obligation]:
        """Run a call."""

    @abstractmethod
    def bind(self, target: f.Expr, held: frozenset[Obligation], state: State, run: Run) -> None:
        """Give what is held to a target."""

    @abstractmethod
    def give_away(self, value: f.Expr | None, state: State, run: Run) -> None:
        """A fixture gives a value to tests: a function among them acquires on the fixture's account."""

    @abstractmethod
    def fails(self, state: State, run: Run, judged: frozenset[Obligation] = NOTHING) -> None:
        """Control may leave here by an exception; of what was ``judged`` a use is what the exception is about."""

    @abstractmethod
    def lost(self, obligation: Obligation) -> Obligation:
        """What the name held before, when a loop acquires once more under the same name."""

    @abstractmethod
    def owns_globals(self, run: Run) -> bool:
        """Whether what the body stores in a global is its own to release."""

    def visit(self, node: f.Expr | None, state: State, run: Run) -> frozenset[Obligation]:
        """Run an expression; which obligations its value stands for."""
        handler = _EXPRESSIONS.get(type(node))
        return handler(self, node, state, run) if handler is not None else NOTHING

    def union(self, nodes: Iterable[f.Expr | None], state: State, run: Run) -> frozenset[Obligation]:
        """What several expressions hold together."""
        out = NOTHING
        for node in nodes:
            out |= self.visit(node, state, run)
        return out

    @staticmethod
    def is_outer(name: str, run: Run) -> bool:
        """Whether a container belongs to somebody else than the body being run."""
        first = name.partition(".")[0]
        if first in {"self", "cls"}:
            return False
        if first not in run.function.binds and first in run.enclosing:
            return False
        if first not in run.function.binds or first in run.globals:
            return True
        return any(param.name == first for param in run.function.params)

    @staticmethod
    def exhaust(pipes: Iterable[str], state: State, run: Run) -> None:
        """These pipes have been read to their end: whoever wrote to them has ended."""
        for pipe in pipes:
            for obligation in state.names.get(process_of(run.aliases.get(pipe, pipe)), NOTHING):
                obligation.read_out = True
                state.discharge(obligation, ended_by(obligation))

    def _call(self, node: f.Call, state: State, run: Run) -> frozenset[Obligation]:
        return self.call(node, state, run)

    def _name(self, node: f.Name, state: State, run: Run) -> frozenset[Obligation]:
        if node.path in run.nested:
            run.used.add(node.path)
        found = state.names.get(node.path)
        return found if found is not None else _bound_release(node.path, state)

    def _attr(self, node: f.Attr, state: State, run: Run) -> frozenset[Obligation]:
        held = self.visit(node.base, state, run)
        passed_by(node.base, held, "attribute")
        return held if node.attr in PIPES else NOTHING

    def _seq(self, node: f.Seq, state: State, run: Run) -> frozenset[Obligation]:
        return self.union(node.items, state, run)

    def _mapping(self, node: f.Mapping, state: State, run: Run) -> frozenset[Obligation]:
        return self.union([value for _, value in node.items], state, run)

    def _either(self, node: f.BoolOp, state: State, run: Run) -> frozenset[Obligation]:
        if node.op == "or" and isinstance(node.left, f.Name) and run.nones.get(node.left.path) is False:
            return self.visit(node.left, state, run)  # ``ax = ax or plt.gca()``, given one
        return self.union((node.left, node.right), state, run)

    def _choice(self, node: f.IfExp, state: State, run: Run) -> frozenset[Obligation]:
        self.visit(node.test, state, run)
        return self.union((node.body, node.orelse), state, run)

    def _value_of(self, node: Any, state: State, run: Run) -> frozenset[Obligation]:
        return self.visit(node.value, state, run)

    def _await(self, node: f.Await, state: State, run: Run) -> frozenset[Obligation]:
        held = self.visit(node.value, state, run)
        for obligation in held:
            obligation.started = obligation.started or "await" in obligation.resource.started_by
            obligation.awaited = True
        if run.expected and isinstance(node.value, f.Name):
            state.keep(held)  # what is expected to fail on its start has nothing to release
        return held

    def _compare(self, node: f.Compare, state: State, run: Run) -> frozenset[Obligation]:
        held = self.union([node.left, *(right for _, right in node.rest)], state, run)
        if any(op in {"==", "!="} for op, _ in node.rest):
            state.settle(frozenset(o for o in held if any("__eq__" in group for group in o.resource.release)))
        return NOTHING

    def _binary(self, node: f.Binary, state: State, run: Run) -> frozenset[Obligation]:
        held = self.union([node.left, node.right], state, run)
        return held if node.op in {"+", "*", "|"} else NOTHING  # lists and dicts of resources joined

    def _subscript(self, node: f.Subscript, state: State, run: Run) -> frozenset[Obligation]:
        self.union(node.index, state, run)
        if isinstance(node.base, f.Name) and len(node.index) == 1:
            key = node.index[0]
            text = (
                f'"{key.value}"'
                if isinstance(key, f.Text)
                else key.value
                if isinstance(key, f.Const)
                else None
            )
            part = state.names.get(f"{node.base.path}[{text}]")
            if part is not None:
                return part
        held = self.visit(node.base, state, run)
        passed_by(node.base, held, "item")
        return held

    def _comp(self, node: f.Comp, state: State, run: Run) -> frozenset[Obligation]:
        for clause in node.clauses:
            self.bind(clause.target, self.visit(clause.iter, state, run), state, run)
            self.exhaust(pipes_read_in(clause.iter), state, run)
        return self.visit(node.element, state, run) | self.visit(node.value, state, run)

    def _walrus(self, node: f.Walrus, state: State, run: Run) -> frozenset[Obligation]:
        held = self.visit(node.value, state, run)
        self.bind(node.target, held, state, run)
        return held

    def _yield(self, node: f.Yield, state: State, run: Run) -> frozenset[Obligation]:
        held = self.visit(node.value, state, run)
        run.yielded |= held
        self.give_away(node.value, state, run)
        if run.is_manager:
            self.fails(state, run)
        elif not run.is_fixture:
            state.keep(held)
        return NOTHING

    def _fstring(self, node: f.FString, state: State, run: Run) -> frozenset[Obligation]:
        return numbers_in(self.union(node.parts, state, run))


def numbers_in(held: frozenset[Obligation]) -> frozenset[Obligation]:
    """What a text of something stands for: ``["--fd", str(fd)]`` and ``f"/dev/fd/{fd}"`` give a descriptor away."""
    return frozenset(o for o in held if o.resource.name == _DESCRIPTOR)


def mentioned(node: Any, state: State) -> frozenset[Obligation]:
    """Obligations whose names occur anywhere within an expression."""
    out = NOTHING
    if not state.masks:
        return out
    stack: list[Any] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, f.Name):
            out |= named(part.path, state)
        elif isinstance(part, f.Node):
            stack.extend([getattr(part, name) for name in f.INNER[type(part)]])
        elif isinstance(part, tuple):
            stack.extend(part)
    return out


def passed_by(node: f.Expr, held: frozenset[Obligation], how: str) -> None:
    """Mark what an expression acquires only for a moment: ``File(x).name``, ``open(x).read()``, ``show(open(x))``."""
    if isinstance(node, f.Await):
        node = node.value
    if isinstance(node, f.Call):
        for obligation in held:
            if obligation.at == node.at:
                obligation.passing = how


def named(path: str, state: State) -> frozenset[Obligation]:
    """What the longest known beginning of a dotted name holds."""
    while path:
        held = state.names.get(path)
        if held is not None:
            return held
        path = path.rpartition(".")[0]
    return NOTHING


def _bound_release(path: str, state: State) -> frozenset[Obligation]:
    """``return sock.close``: who has the method can release what it belongs to."""
    holder, _, method = path.rpartition(".")
    held = state.names.get(holder, NOTHING) if holder else NOTHING
    return frozenset(o for o in held if any(method in group for group in o.resource.release))


_EXPRESSIONS: dict[type, Callable[[Holdings, Any, State, Run], frozenset[Obligation]]] = {
    f.Name: Holdings._name,
    f.Attr: Holdings._attr,
    f.Call: Holdings._call,
    f.Binary: Holdings._binary,
    f.Compare: Holdings._compare,
    f.Unary: Holdings._value_of,
    f.BoolOp: Holdings._either,
    f.IfExp: Holdings._choice,
    f.Seq: Holdings._seq,
    f.Mapping: Holdings._mapping,
    f.Comp: Holdings._comp,
    f.Subscript: Holdings._subscript,
    f.Await: Holdings._await,
    f.Star: Holdings._value_of,
    f.Yield: Holdings._yield,
    f.Walrus: Holdings._walrus,
    f.FString: Holdings._fstring,
}
