"""Binding names abstractly: assignments, containers that grow, and names that a loop rebuilds."""

from __future__ import annotations

from memlint import facts as f
from memlint.analysis import arithmetic
from memlint.analysis.loops import immutable, joining, leaves, passes_over
from memlint.analysis.names import NameResolution
from memlint.analysis.sites import Accumulation, Frame, Growth, Rebinding
from memlint.analysis.values import (
    ONE,
    UNKNOWN,
    ClassValue,
    Data,
    FunctionValue,
    Mocked,
    ModuleValue,
    Num,
    Obj,
    Ref,
    Sequence,
    Value,
    join,
    text_of,
)
from memlint.analysis.views import dict_of, is_exact, merge_dicts

_HEAVY = 10_000_000  # bytes from which on it is worth knowing that a loop rebinds a name
MODULES = Ref("sys.modules")


class Assignment(NameResolution):
    """Binds names."""

    # --- assignments ------------------------------------------------------------------------------------------------

    def assign(self, target: f.Expr, value: Value, frame: Frame) -> None:
        """Bind the names of a target."""
        if isinstance(target, f.Name):
            self._assign_name(target.path, value, frame)
        elif isinstance(target, f.Seq):
            self._unpack(target, value, frame)
        elif isinstance(target, f.Star):
            self.assign(target.value, Sequence("list", None, None), frame)
        elif isinstance(target, f.Subscript):
            self._assign_item(target, value, frame)

    def _assign_name(self, path: str, value: Value, frame: Frame) -> None:
        frame.env[path] = value
        frame.created[path] = len(frame.loop_lengths)
        base, _, attr = path.rpartition(".")
        if not base:
            if path in frame.globals:
                self.module_env(frame.module)[path] = value
                self.effects += 1
            return
        holder = self.eval(f.Name(base), frame)
        if isinstance(holder, Obj):
            holder.attrs[attr] = value
            self.effects += 1
        elif isinstance(holder, Ref) and isinstance(value, (FunctionValue, ClassValue, Mocked)):
            frame.mocked.add(f"{holder.name}.{attr}")  # ``psycopg2._connect = connect_stub``
        elif isinstance(holder, Ref):
            frame.mocked.discard(f"{holder.name}.{attr}")

    def _unpack(self, target: f.Seq, value: Value, frame: Frame) -> None:
        items = value.items if isinstance(value, Sequence) and value.kind != "dict" else None
        if items is not None and len(items) == len(target.items):
            for inner, item in zip(target.items, items, strict=True):
                self.assign(inner, item, frame)
            return
        element = arithmetic.iterate(value).element
        for inner in target.items:
            self.assign(inner, element, frame)

    def _assign_item(self, target: f.Subscript, value: Value, frame: Frame) -> None:
        base = self.eval(target.base, frame)
        keys = [self.eval(index, frame) for index in target.index]
        library = text_of(keys[0]) if base == MODULES else None
        if library and isinstance(value, (ModuleValue, ClassValue, Mocked)):
            frame.mocked.add(library)  # ``sys.modules["docker"] = mock.Mock()``
        if isinstance(target.base, f.Name) and is_exact(keys[0]) and _is_spelt(base):
            frame.env[target.base.path] = merge_dicts([base, dict_of(keys[:1], [value])])
            return
        grows = isinstance(base, Sequence) and base.kind == "dict"
        if isinstance(target.base, f.Name) and grows:
            self.grow(target.base.path, base, value, "[]=", target.at, frame)

    def grow(self, name: str, base: Value, element: Value, how: str, at: f.Span, frame: Frame) -> None:
        """A container takes an element in, as often as the loops inside which it was not made run."""
        depth = frame.created.get(name, 0)
        if len(frame.loop_lengths) <= depth:
            count: Num | None = ONE
        else:
            count = times(frame.loop_lengths[depth:])
            loops = tuple(frame.loop_nodes[-(len(frame.loop_lengths) - depth) :])
            certain = not frame.branches and not any(
                leaves(loop.body) or passes_over(loop.body, at[0]) for loop in loops
            )
            frame.growths.append(
                Growth(
                    at,
                    name,
                    how,
                    count,
                    element,
                    frame,
                    frame.where,
                    frame.statement,
                    frame.loops[-1],
                    loops,
                    certain,
                )
            )
        if isinstance(base, Sequence):
            self._lengthen(name, base, element, count, frame)

    def _lengthen(self, name: str, base: Sequence, element: Value, count: Num | None, frame: Frame) -> None:
        length = base.length + count if base.length is not None and count is not None else None
        items = (
            (*base.items, element)
            if base.items is not None and count == ONE and base.kind != "dict"
            else None
        )
        grown = Sequence(
            base.kind,
            items,
            length,
            _met(base, element),
        )
        created = frame.created.get(name, 0)
        if name in frame.env or "." in name:
            frame.env[name] = grown
            frame.created[name] = created

    def _assign_statement(self, node: f.Assign, frame: Frame) -> bool:
        if node.value is None:
            return False
        value = self.eval(node.value, frame)
        for target in node.targets:
            accumulates = (
                bool(frame.loop_nodes)
                and isinstance(target, f.Name)
                and self._accumulated(target.path, node.value, frame)
            )
            depth = frame.created.get(target.path, 0) if accumulates and isinstance(target, f.Name) else 0
            self.assign(target, value, frame)
            if isinstance(target, f.Name) and frame.loop_nodes:
                if accumulates:
                    frame.created[target.path] = depth
                self._rebound(target.path, node.value, value, frame)
        return False

    def _accumulated(self, name: str, node: f.Expr, frame: Frame) -> bool:
        """Whether the value is the name's old one, joined with a further piece; if so this is kept."""
        if len(frame.loop_lengths) <= frame.created.get(name, 0):
            return False
        joined = joining(name, node, frame)
        if joined is None:
            return False
        depth = frame.created.get(name, 0)
        at, how = joined
        frame.accumulations.append(
            Accumulation(
                at,
                name,
                how,
                times(frame.loop_lengths[depth:]),
                frame,
                frame.where,
                tuple(frame.loop_nodes[depth - len(frame.loop_lengths) :]),
            )
        )
        return True

    def _rebound(self, name: str, node: f.Expr, value: Value, frame: Frame) -> None:
        if isinstance(value, Data) and value.bytes is not None and value.bytes.high >= _HEAVY:
            frame.rebindings.append(Rebinding(name, node, value, frame.repeats, frame))

    def _augmented(self, node: f.AugAssign, frame: Frame) -> bool:
        current = self.eval(node.target, frame)
        value = self.eval(node.value, frame)
        if not isinstance(node.target, f.Name):
            return False
        name = node.target.path
        in_loop = len(frame.loop_lengths) > frame.created.get(name, 0)
        if isinstance(current, Sequence) and node.op == "+":
            iterated = arithmetic.iterate(value)
            if in_loop and immutable(current) is None:
                self.grow(name, current, iterated.element, "+=", (node.line, 1, node.line, 1), frame)
                return False
        if in_loop and node.op == "+" and (how := immutable(current)) is not None:
            depth = frame.created.get(name, 0)
            count, loops = (
                times(frame.loop_lengths[depth:]),
                tuple(frame.loop_nodes[depth - len(frame.loop_lengths) :]),
            )
            at = (node.line, 1, node.line, 1)
            frame.accumulations.append(Accumulation(at, name, how, count, frame, frame.where, loops))
            self.grow(name, current, value, "+=", at, frame)
        result = (
            UNKNOWN
            if in_loop and not isinstance(current, Data)
            else arithmetic.binary(node.op, current, value)
        )
        depth = frame.created.get(name, 0)
        self.assign(node.target, result, frame)
        frame.created[name] = depth
        return False


def times(lengths: list[Num | None]) -> Num | None:
    """How often the innermost of several loops runs; None when that is not known."""
    total: Num | None = ONE
    for length in lengths:
        total = total * length if total is not None and length is not None else None
    return total


def _met(base: Sequence, element: Value) -> Value:
    """What the elements of a container are once it has taken one more in."""
    if base.element is not UNKNOWN:
        return join([base.element, element])
    holds_others = base.length is not None and base.length.low > 0
    return UNKNOWN if holds_others else element


def _is_spelt(base: Value) -> bool:
    """Whether all keys and values of a dict are known one by one."""
    return isinstance(base, Sequence) and base.kind == "dict" and base.items is not None and bool(base.keys)
