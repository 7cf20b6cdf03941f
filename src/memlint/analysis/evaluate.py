"""The abstract evaluator: what an expression's value is, as far as the source tells.

Every expression is evaluated at most once for a body; what matters for memory is left behind as sites.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from memlint import facts as f
from memlint.analysis import arithmetic, texts
from memlint.analysis.calls import CallEvaluation
from memlint.analysis.iterators import iterate
from memlint.analysis.loops import expressions, place_of
from memlint.analysis.narrowing import (
    are_settled,
    asks_for_python,
    compare_numbers,
    compare_python,
    compare_texts,
)
from memlint.analysis.objects import dtype_bytes
from memlint.analysis.sites import Frame
from memlint.analysis.types import type_name
from memlint.analysis.values import (
    MOCKED,
    NONE,
    ONE,
    UNKNOWN,
    ClassValue,
    Data,
    Iterator,
    LambdaValue,
    Literal,
    Method,
    Mocked,
    ModuleValue,
    Num,
    Obj,
    PathValue,
    Ref,
    Sequence,
    Value,
    join,
    truth,
)
from memlint.analysis.views import dict_of, merge_dicts, subscript

_ELEMENTWISE = frozenset({"==", "!=", "<", "<=", ">", ">="})  # comparisons that make a mask


class Evaluator(CallEvaluation):
    """Evaluates expressions of the project's modules; knows libraries by their API tables."""

    # --- names ----------------------------------------------------------------------------------------------------

    def lookup(self, name: str, frame: Frame) -> Value:
        """The value of a bare name, by Python's scoping rules."""
        scope: Frame | None = frame
        while scope is not None:
            value = scope.env.get(name)
            if value is not None:
                return self.imported(value)
            if _is_unbound(name, scope):
                return UNKNOWN
            scope = scope.parent
        env = self.module_env(frame.module)
        value = env.get(name)
        if value is not None:
            return self.imported(value)
        for star in frame.module.stars:
            value = self.module_env(star).get(name)
            if value is not None:
                return self.imported(value)
        return Ref(f"builtins.{name}")

    def attribute(self, base: Value, attr: str, frame: Frame) -> Value:
        """The value of ``base.attr``."""
        if isinstance(base, Ref):
            return self.external(f"{base.name}.{attr}", frame)
        if isinstance(base, ModuleValue):
            return self.member(base.module, attr)
        if isinstance(base, Obj):
            return self._object_attribute(base, attr)
        if isinstance(base, ClassValue):
            return self.class_member(base, attr, None) or UNKNOWN
        if isinstance(base, Data):
            return _data_attribute(base, attr)
        if isinstance(base, PathValue):
            return _path_attribute(base, attr)
        if isinstance(base, Mocked):
            return MOCKED
        return Method(base, attr)

    def _object_attribute(self, base: Obj, attr: str) -> Value:
        if attr in base.attrs:
            return base.attrs[attr]
        if isinstance(base.type, ClassValue):
            found = self.class_member(base.type, attr, base)
            if found is not None:
                return found
            external = self.external_base(base.type)
            return Method(Obj(external), attr) if external else Method(base, attr)
        returned = self.index.calls.get(f"{base.type}.{attr}")
        if returned is None and base.type in {"pytest.Config", "unittest.mock.Mock"}:
            return UNKNOWN
        return Method(base, attr)

    # --- expressions ----------------------------------------------------------------------------------------------

    def eval(self, node: f.Expr | None, frame: Frame) -> Value:
        """The value of an expression."""
        if node is None:
            return NONE
        handler = _HANDLERS.get(type(node))
        return handler(self, node, frame) if handler is not None else UNKNOWN

    def _const(self, node: f.Const, frame: Frame) -> Value:
        value = node.value
        if value is None or isinstance(value, bool):
            return Literal(value)
        return Num(value, value)

    def _text(self, node: f.Text, frame: Frame) -> Value:
        return Literal(node.value, node.length, node.is_bytes)

    def _name(self, node: f.Name, frame: Frame) -> Value:
        path = node.path
        if "." not in path:
            if path == "__file__":
                return PathValue("module", frame.module.path, True)
            if path == "__name__":
                return Literal(frame.module.name, len(frame.module.name))
            return self.lookup(path, frame)
        bound = frame.env.get(path)
        if bound is not None:
            return bound  # an attribute that this body itself has assigned
        first, *rest = path.split(".")
        value = self.lookup(first, frame)
        for attr in rest:
            if isinstance(value, Obj):
                self._property(value, attr, node, None, frame)
            value = self.attribute(value, attr, frame)
        return value

    def _attr(self, node: f.Attr, frame: Frame) -> Value:
        base = self.eval(node.base, frame)
        if node.attr == "itemsize" and isinstance(node.base, f.Call):
            return self._itemsize(node.base, base, frame)
        at = node.base.at if isinstance(node.base, (f.Call, f.Subscript)) else None
        self._property(base, node.attr, node, at, frame)
        return self.attribute(base, node.attr, frame)

    def _itemsize(self, made: f.Call, value: Value, frame: Frame) -> Value:
        """``np.dtype("f4").itemsize``, ``np.int64().itemsize``."""
        func = self.quiet_eval(made.func, frame)
        if isinstance(value, Data) and value.item:
            return Num(value.item, value.item)
        if not isinstance(func, Ref) or not func.name.startswith("numpy."):
            return UNKNOWN
        named = (
            self.quiet_eval(made.args[0].value, frame) if func.name == "numpy.dtype" and made.args else func
        )
        item = dtype_bytes(named)
        return Num(item, item) if item is not None else UNKNOWN

    def _property(self, base: Value, attr: str, node: f.Expr, at: f.Span | None, frame: Frame) -> None:
        """An attribute that a table knows as a load: ``response.content``."""
        if not isinstance(base, Obj) or not isinstance(base.type, str):
            return
        name = f"{base.type}.{attr}"
        entries = tuple(entry for entry in self.index.calls.get(name, ()) if entry.attribute)
        if entries:
            place = at or (frame.statement, 1, frame.statement, 1)
            self.apply_entries(node, place, name, entries, base, [], {}, frame, None)

    def _call(self, node: f.Call, frame: Frame) -> Value:
        return self.call(node, frame)

    def _binary(self, node: f.Binary, frame: Frame) -> Value:
        left, right = self.eval(node.left, frame), self.eval(node.right, frame)
        result = arithmetic.binary(node.op, left, right)
        if isinstance(result, (Data, Sequence)) and node.op in {
            "*",
            "@",
            "+",
            "-",
            "/",
            "**",
            "//",
            "&",
            "|",
            "%",
            "<<",
            ">>",
            "^",
        }:
            frame.note(
                node=node,
                at=node.at,
                name=f"operator {node.op}",
                entries=(),
                args={"left": left, "right": right},
                result=result,
                receiver=UNKNOWN,
            )
        return result

    def _unary(self, node: f.Unary, frame: Frame) -> Value:
        value = self.eval(node.value, frame)
        return arithmetic.unary(node.op, value)

    def _compare(self, node: f.Compare, frame: Frame) -> Value:
        left = self.eval(node.left, frame)
        for op, right in node.rest:
            value = self.eval(right, frame)
            if op in _ELEMENTWISE and (isinstance(left, Data) or isinstance(value, Data)):
                return self._compared(node, op, left, value, frame)
            if len(node.rest) == 1:
                if asks_for_python(node):
                    return compare_python(op, left, value)
                said = compare_texts(op, left, value)
                if said is UNKNOWN and frame.depth:
                    said = compare_numbers(node, left, value, frame.function)
                known = said is not UNKNOWN and are_settled(
                    (node.left, right), frame.function, called=frame.depth > 0
                )
                return said if known else UNKNOWN
            left = value
        return UNKNOWN

    @staticmethod
    def _compared(node: f.Compare, op: str, left: Value, right: Value, frame: Frame) -> Value:
        """A mask of arrays; where it lies is told by the operands, since a comparison keeps no place of its own."""
        result = arithmetic.binary(op, left, right)
        at = place_of(node) or (frame.statement, 1, frame.statement, 1)
        if isinstance(result, Data) and result.bytes is not None:
            args = {"left": left, "right": right}
            name = f"operator {op}"
            frame.note(node=node, at=at, name=name, entries=(), args=args, result=result, receiver=UNKNOWN)
        return result

    def _bool(self, node: f.BoolOp, frame: Frame) -> Value:
        left, right = self.eval(node.left, frame), self.eval(node.right, frame)
        if node.op == "or":
            return join([left, right])
        return left if left == Literal(False) else UNKNOWN if right == Literal(True) != left else right

    def _ifexp(self, node: f.IfExp, frame: Frame) -> Value:
        known = truth(self.eval(node.test, frame))
        if known is not None:
            return self.eval(node.body if known else node.orelse, frame)
        frame.branches += 1
        either = join([self.eval(node.body, frame), self.eval(node.orelse, frame)])
        frame.branches -= 1
        return either

    def _seq(self, node: f.Seq, frame: Frame) -> Value:
        items: list[Value] = []
        length: Num | None = Num(0, 0)
        starred = False
        for item in node.items:
            if not isinstance(item, f.Star):
                items.append(self.eval(item, frame))
                length = length + ONE if length is not None else None
                continue
            inner = self.eval(item.value, frame)
            if isinstance(inner, Sequence) and inner.items is not None:
                items.extend(inner.items)
                length = length + Num(len(inner.items), len(inner.items)) if length is not None else None
            else:
                starred = True
                more = arithmetic.length_of(inner)
                length = length + more if length is not None and more is not None else None
        element = join(items[:20])
        return Sequence(node.kind, None if starred else tuple(items), length, element)

    def _mapping(self, node: f.Mapping, frame: Frame) -> Value:
        parts: list[Value] = [dict_of((), ())]
        for key, item in node.items:
            value = self.eval(item, frame)
            parts.append(value if key is None else dict_of((self.eval(key, frame),), (value,)))
        if any(key is None for key, _ in node.items):
            return merge_dicts(parts)
        pairs = [part for part in parts[1:] if isinstance(part, Sequence)]
        return dict_of([part.keys[0] for part in pairs if part.keys], [part.element for part in pairs])

    def _comp(self, node: f.Comp, frame: Frame) -> Value:
        inner = Frame(
            frame.module,
            frame.symbol,
            frame.function,
            frame.owner,
            frame,
            caller=frame.caller,
            depth=frame.depth,
            where=frame.where,
        )
        inner.loops, inner.loop_lengths, inner.raises = (
            list(frame.loops),
            list(frame.loop_lengths),
            frame.raises,
        )
        inner.sites, inner.statement, inner.mocked = frame.sites, frame.statement, frame.mocked
        inner.growths, inner.endless = frame.growths, frame.endless
        length: Num | None = ONE
        endless = unbounded = filtered = False
        sources: list[Iterator] = []
        for clause in node.clauses:
            source = iterate(self, self.eval(clause.iter, inner))
            sources.append(source)
            filtered = filtered or bool(clause.ifs)
            step = Num(0, source.length.high) if clause.ifs and source.length is not None else source.length
            length = length * step if length is not None and step is not None else None
            endless = endless or source.endless
            unbounded = unbounded or source.unbounded
            inner.loops.append(source)
            inner.loop_lengths.append(source.length)
            self.assign(clause.target, source.element, inner)
            for test in clause.ifs:
                self.eval(test, inner)
        element = self.eval(node.element, inner)
        keys: tuple[Value, ...] | None = None
        value = element
        if node.value is not None:
            one = (
                isinstance(node.element, f.Name) and node.value == node.element
            )  # a key that is its own value
            value, keys = self.eval(node.value, inner), () if one else (element,)
            element = Sequence("tuple", (element, value), Num(2, 2), join([element, value]))
        value = _without_outer(value, frame)
        if node.kind == "generator":
            return Iterator(
                length,
                element,
                endless,
                unbounded,
                "filtered" if filtered else _why(sources),
                _origin(sources),
            )
        holder = node.element
        if isinstance(holder, f.Subscript) and isinstance(self.quiet_eval(holder.base, inner), Sequence):
            holder = holder.base
        shared = keys is None and _is_shared(holder, node.clauses, sources)
        result = Sequence(node.kind, None, length, value, keys, shared)
        frame.note(
            node=node,
            at=node.at,
            name=f"{node.kind} comprehension",
            entries=(),
            args={
                "element": element,
                "source": Iterator(length, element, endless, unbounded, _why(sources), _origin(sources)),
                "filtered": Literal(filtered),
            },
            result=result,
            receiver=sources[0] if sources else UNKNOWN,
        )
        return result

    def _subscript(self, node: f.Subscript, frame: Frame) -> Value:
        base = self.eval(node.base, frame)
        index = [self.eval(item, frame) for item in node.index]
        result = subscript(base, index, node.index)
        name = type_name(base)
        if (
            isinstance(base, Data)
            and isinstance(result, Data)
            and isinstance(index[0], (Data, Sequence))
            and not _is_slice(index[0])
        ):
            args = {"self": base, "index": index[0]}
            frame.note(
                node=node, at=node.at, name="fancy index", entries=(), args=args, result=result, receiver=base
            )
        entries = tuple(self.index.calls.get(f"{name}.__getitem__", ())) if name else ()
        if entries:
            given: list[Value] = [Literal("...", 3)] if _is_whole(node.index) else index
            modelled = result if result is not UNKNOWN else None
            result = self.apply_entries(
                node, node.at, f"{name}.__getitem__", entries, base, given, {}, frame, modelled
            )
        return result

    def _slice(self, node: f.Slice, frame: Frame) -> Value:
        parts = tuple(self.eval(part, frame) for part in (node.lower, node.upper, node.step))
        return Sequence("slice", parts, Num(3, 3))

    def _lambda(self, node: f.Lambda, frame: Frame) -> Value:
        return LambdaValue(node, frame)

    def _await(self, node: f.Await, frame: Frame) -> Value:
        return self.eval(node.value, frame)

    def _yield(self, node: f.Yield, frame: Frame) -> Value:
        value = self.eval(node.value, frame)
        if node.is_from:
            value = arithmetic.iterate(value).element
        frame.yields.append(value)
        return UNKNOWN

    def _star(self, node: f.Star, frame: Frame) -> Value:
        return self.eval(node.value, frame)

    def _walrus(self, node: f.Walrus, frame: Frame) -> Value:
        value = self.eval(node.value, frame)
        self.assign(node.target, value, frame)
        return value

    def _fstring(self, node: f.FString, frame: Frame) -> Value:
        parts = [self.eval(part, frame) for part in node.parts]
        return texts.concatenate(parts)


def _is_slice(value: Value) -> bool:
    return isinstance(value, Sequence) and value.kind == "slice"


def _is_whole(index: tuple[f.Expr, ...]) -> bool:
    """``[...]``, ``[()]``, ``[:]``."""
    return all(
        (isinstance(node, f.Other) and node.what == "Ellipsis")
        or (isinstance(node, f.Seq) and not node.items)
        or (isinstance(node, f.Slice) and node.lower is None and node.upper is None and node.step is None)
        for node in index
    )


def _is_unbound(name: str, scope: Frame) -> bool:
    """Whether the name is local to the scope, and nothing has been bound to it yet."""
    inside = scope.parent is not None and scope.parent.function is scope.function  # a comprehension or lambda
    return (
        scope.function is not None
        and not inside
        and name in scope.function.binds
        and name not in scope.globals
    )


def _is_shared(node: f.Expr, clauses: tuple[f.Clause, ...], sources: list[Iterator]) -> bool:
    """Whether a comprehension's element exists already: a constant, a name from outside, an item of a container."""
    if isinstance(node, (f.Const, f.Text)):
        return True
    if not isinstance(node, f.Name):
        return False
    for clause, source in zip(clauses, sources, strict=True):
        if any(part == node for part in expressions(clause.target)):
            return source.why in {"", "items"} and isinstance(clause.iter, f.Name)
    return "." not in node.path


def _without_outer(value: Value, frame: Frame) -> Value:
    """An element such as ``{"data": array}``: the array lives outside, and every element refers to the same."""
    if isinstance(value, Sequence) and value.items is not None and not value.shared:
        return replace(value, items=tuple(_refers(item, frame) for item in value.items))
    return value


def _refers(value: Value, frame: Frame) -> Value:
    if isinstance(value, Data) and any(value is known for known in frame.env.values()):
        return replace(value, virtual=True)
    return _without_outer(value, frame)


def _why(sources: list[Iterator]) -> str:
    """What the source of a comprehension is: that of the first which is endless, or of the only one."""
    endless = next((source.why for source in sources if source.endless), "")
    return endless or (sources[0].why if len(sources) == 1 and sources[0].why != "range" else "generator")


def _origin(sources: list[Iterator]) -> Value:
    return next((source.origin for source in sources if source.unbounded), UNKNOWN)


def _data_attribute(base: Data, attr: str) -> Value:
    if attr == "T":
        return replace(base, shape=base.shape[::-1] if base.shape is not None else None)
    if attr in {"values", "data", "array"}:
        return base
    if attr == "itemsize" and base.item:
        return Num(base.item, base.item)
    if attr in {"size", "nbytes"}:
        found = base.count if attr == "size" else base.bytes
        return found or UNKNOWN
    if attr == "shape" and base.shape is not None:
        return Sequence("tuple", base.shape, Num(len(base.shape), len(base.shape)), join(base.shape))
    if attr in {"index", "columns"} and base.shape is not None and len(base.shape) == 2:
        rows = base.shape[0 if attr == "index" else 1]
        return Data("array", "pandas.Index", rows.scaled(8), (rows,))
    return Method(base, attr)


def _path_attribute(base: PathValue, attr: str) -> Value:
    if attr == "parent" and base.text is not None:
        return PathValue(base.base, posixpath.dirname(base.text))
    if attr in {"name", "stem", "suffix"}:
        return UNKNOWN
    return Method(base, attr)


_HANDLERS: dict[type, Callable[[Evaluator, Any, Frame], Value]] = {
    f.Const: Evaluator._const,
    f.Text: Evaluator._text,
    f.Name: Evaluator._name,
    f.Attr: Evaluator._attr,
    f.Call: Evaluator._call,
    f.Binary: Evaluator._binary,
    f.Unary: Evaluator._unary,
    f.Compare: Evaluator._compare,
    f.BoolOp: Evaluator._bool,
    f.IfExp: Evaluator._ifexp,
    f.Seq: Evaluator._seq,
    f.Mapping: Evaluator._mapping,
    f.Comp: Evaluator._comp,
    f.Subscript: Evaluator._subscript,
    f.Slice: Evaluator._slice,
    f.Lambda: Evaluator._lambda,
    f.Await: Evaluator._await,
    f.Yield: Evaluator._yield,
    f.Star: Evaluator._star,
    f.Walrus: Evaluator._walrus,
    f.FString: Evaluator._fstring,
}
