"""Calls: which function is called, what its table entry says, and what the project's own functions return."""

from __future__ import annotations

import re
from collections.abc import Sequence as Items

from msgspec.structs import replace

from memlint import facts as f
from memlint.analysis import arithmetic, sizes
from memlint.analysis.binding import bind, met
from memlint.analysis.call_key import call_key
from memlint.analysis.execute import Execution
from memlint.analysis.loops import is_endless
from memlint.analysis.models import MODELS
from memlint.analysis.patching import leaves_fakes
from memlint.analysis.sites import Frame, Site
from memlint.analysis.types import type_name
from memlint.analysis.values import (
    MOCKED,
    NONE,
    UNKNOWN,
    ClassValue,
    Data,
    FunctionValue,
    Iterator,
    LambdaValue,
    Literal,
    Method,
    Mocked,
    Num,
    Obj,
    Partial,
    PathValue,
    Ref,
    Sequence,
    Value,
    join,
)
from memlint.knowledge.apis import CallEntry

_PATCHING = re.compile(r"(?:(?:\A|\.)patch(?:\.object|\.dict)?|\.setattr|\.setitem)\Z")
_MAX_DEPTH = 5  # calls of the project's functions that are followed into each other
_MAX_CALLS = 80  # calls followed from one body
_PRODUCT_COST = 10  # a call of product code counts as so many of the suite's own
_LARGE_ARGUMENT = 2_000  # a number that may be the side of a large square
_LARGE_INSIDE = 1_000_000  # bytes that product code may make before its callers are told
_CONTEXT_MANAGERS = {
    "contextmanager",
    "contextlib.contextmanager",
    "asynccontextmanager",
    "contextlib.asynccontextmanager",
}

# parameters that take what a connection goes over
_CARRIES = re.compile(r"pool|transport|conn|sock|client|stream|reader|writer|adapter|channel")


class CallEvaluation(Execution):
    """Evaluates calls."""

    def call(self, node: f.Call, frame: Frame) -> Value:
        """The result of a call; leaves a site where a table or the project knows the function."""
        func = self.eval(node.func, frame)
        if isinstance(node.func, f.Name) and _PATCHING.search(node.func.path):
            self._patched(node, frame)
        args: list[Value] = []
        keywords: dict[str, Value] = {}
        for arg in node.args:
            value = self.eval(arg.value, frame)
            if arg.keyword is not None:
                keywords[arg.keyword] = value
            elif arg.star == "*":
                args.extend(
                    value.items if isinstance(value, Sequence) and value.items is not None else (UNKNOWN,)
                )
            elif not arg.star:
                args.append(value)
        if isinstance(func, Mocked):
            return self._call_mock(node, frame)
        result = self.apply(func, args, keywords, frame, node)
        if isinstance(result, Iterator) and result.why == "range" and len(node.args) == 2:
            return self._spanned(result, node.args[0].value, node.args[1].value, frame)
        return result

    def _spanned(self, made: Iterator, start: f.Expr, stop: f.Expr, frame: Frame) -> Iterator:
        """``range(i, i + n)`` has n items, wherever between its bounds ``i`` lies."""
        if not isinstance(stop, f.Binary) or stop.op != "+" or start not in (stop.left, stop.right):
            return made
        count = self.quiet_eval(stop.right if stop.left == start else stop.left, frame)
        return replace(made, length=count) if isinstance(count, Num) and count.low >= 0 else made

    def _call_mock(self, node: f.Call, frame: Frame) -> Value:
        """What the test has told a mock to return."""
        if not isinstance(node.func, f.Name) or f"{node.func.path}.side_effect" in frame.env:
            return MOCKED
        return frame.env.get(f"{node.func.path}.return_value", MOCKED)

    def call_value(self, func: Value, args: list[Value], keywords: dict[str, Value], frame: Frame) -> Value:
        """The result of calling a value that no expression calls."""
        return self.apply(func, args, keywords, frame, None)

    def apply(
        self, func: Value, args: list[Value], keywords: dict[str, Value], frame: Frame, node: f.Call | None
    ) -> Value:
        """Call ``func``; ``node`` is the call's expression, if there is one to record."""
        if isinstance(func, Ref):
            return self.call_library(func.name, UNKNOWN, args, keywords, frame, node)
        if isinstance(func, Method):
            return self._call_method(func, args, keywords, frame, node)
        if isinstance(func, FunctionValue):
            return self._call_function(func, args, keywords, frame, node)
        if isinstance(func, ClassValue):
            return self._instantiate(func, args, keywords, frame, node)
        if isinstance(func, LambdaValue):
            return self._call_lambda(func, args, frame)
        if isinstance(func, Partial):
            return self.apply(func.func, [*func.args, *args], {**func.keywords, **keywords}, frame, node)
        if isinstance(func, Obj) and "__call__" in func.attrs:
            return self.apply(func.attrs["__call__"], args, keywords, frame, node)
        if isinstance(func, Obj) and isinstance(func.type, ClassValue):
            called = self.class_member(func.type, "__call__", func)
            return self.apply(called, args, keywords, frame, node) if called is not None else UNKNOWN
        if isinstance(func, Obj) and isinstance(func.type, str):
            return self.call_library(f"{func.type}.__call__", func, args, keywords, frame, node)
        return MOCKED if isinstance(func, Mocked) else UNKNOWN

    # --- libraries --------------------------------------------------------------------------------------------------

    def _call_method(
        self, func: Method, args: list[Value], keywords: dict[str, Value], frame: Frame, node: f.Call | None
    ) -> Value:
        name = type_name(func.receiver)
        if name is None and isinstance(func.receiver, Obj) and isinstance(func.receiver.type, ClassValue):
            name = self.external_base(func.receiver.type)
        return self.call_library(f"{name or '?'}.{func.attr}", func.receiver, args, keywords, frame, node)

    def call_library(
        self,
        name: str,
        receiver: Value,
        args: list[Value],
        keywords: dict[str, Value],
        frame: Frame,
        node: f.Call | None,
    ) -> Value:
        """The result of a library's function or method."""
        model = MODELS.get(name) or MODELS.get("*." + name.rpartition(".")[2] if name.startswith("?") else "")
        modelled = model(self, receiver, args, keywords) if model is not None else None
        entries = self.index.calls.get(name, ())
        if not entries:
            if node is not None and name in self.index.releasers:
                self._note(
                    node, name, (), {"*": Sequence("tuple", tuple(args), None)}, UNKNOWN, receiver, frame
                )
            return modelled if modelled is not None else _instance(name)
        at = node.at if node is not None else f.NOWHERE
        return self.apply_entries(node, at, name, tuple(entries), receiver, args, keywords, frame, modelled)

    def apply_entries(
        self,
        node: f.Expr | None,
        at: f.Span,
        name: str,
        entries: tuple[CallEntry, ...],
        receiver: Value,
        args: list[Value],
        keywords: dict[str, Value],
        frame: Frame,
        modelled: Value | None,
    ) -> Value:
        """Apply those entries of a table whose conditions hold, and record the site."""
        bound: dict[str, Value] = {}
        holding: list[CallEntry] = []
        for entry in entries:
            own = bind(entry, receiver, args, keywords)
            if self.holds(entry, own):
                holding.append(entry)
                bound = {**own, **bound}
        mocked = is_mocked(name, frame) or self._is_over_fake(holding, bound)
        result = MOCKED if mocked else self._result(name, tuple(holding), bound, receiver, modelled)
        if node is not None:
            site = self._note(node, name, tuple(holding), bound, result, receiver, frame, at)
            site.mocked = mocked
            if isinstance(result, Obj) and result.origin is None:
                result = Obj(result.type, result.attrs, site)
                site.result = result
        return result

    def _is_over_fake(self, entries: list[CallEntry], bound: dict[str, Value]) -> bool:
        """``Redis(connection_pool=AsyncMock())``: a connection over a fake of what would carry it."""
        fakes = [name for name, value in bound.items() if isinstance(value, Mocked) and _CARRIES.search(name)]
        made = {name for entry in entries for name in (entry.acquire, entry.returns) if name} if fakes else ()
        return any(
            name in self.index.resources and self.index.resources[name].rule == "MEM502" for name in made
        )

    def _note(
        self,
        node: f.Expr,
        name: str,
        entries: tuple[CallEntry, ...],
        bound: dict[str, Value],
        result: Value,
        receiver: Value,
        frame: Frame,
        at: f.Span | None = None,
    ) -> Site:
        where = at if at is not None else node.at  # type: ignore[union-attr]
        return frame.note(
            node=node, at=where, name=name, entries=entries, args=bound, result=result, receiver=receiver
        )

    def _result(
        self,
        name: str,
        entries: tuple[CallEntry, ...],
        bound: dict[str, Value],
        receiver: Value,
        modelled: Value | None,
    ) -> Value:
        made: Value | None = None
        returned: Value | None = None
        for entry in entries:
            if entry.makes is not None and made is None:
                type_ = entry.returns if entry.returns and entry.returns != "self" else ""
                made = sizes.make(entry.makes, bound, type_) or Data(entry.makes.kind, type_)
                if entry.confidence == "low" or sizes.is_like_a_guess(entry.makes, bound):
                    made = replace(made, guessed=True)
                if entry.lazy and entry.makes.like is None and isinstance(made, Data):
                    made = replace(made, virtual=True)
            if entry.endless:
                made = Iterator(Num(float("inf"), float("inf")), UNKNOWN, endless=True, why=name)
            elif entry.unbounded and (entry.returns is None or entry.returns == "csv.reader"):
                made = Iterator(None, UNKNOWN, unbounded=True, why=name, origin=_origin(receiver, bound))
            if entry.load is not None and made is None:
                made = self.loaded(entry, bound)
            if entry.returns is not None and returned is None:
                returned = self._returned(entry.returns, receiver)
        if isinstance(made, Data) and made.bytes is None and modelled is not None:
            made = None
        if made is not None and modelled is None:
            return made
        if modelled is not None:
            return modelled
        return returned if returned is not None else _instance(name)

    def _returned(self, name: str, receiver: Value) -> Value:
        if name == "self":
            return receiver
        if name == "item of self":
            return arithmetic.iterate(receiver).element
        plain: dict[str, Value] = {
            "builtins.list": Sequence("list", None, None),
            "builtins.dict": Sequence("dict", None, None),
            "builtins.set": Sequence("set", None, None),
            "builtins.str": UNKNOWN,
            "builtins.bytes": UNKNOWN,
            "builtins.int": UNKNOWN,
            "pathlib.Path": PathValue("", None),
        }
        found = plain.get(name)
        return found if found is not None else Obj(name)

    def loaded(self, entry: CallEntry, bound: dict[str, Value]) -> Value | None:
        """What a load gives: data of a size that the file decides, where it can be weighed."""
        load = entry.load
        if load is None or load.what not in {"table", "array"}:
            return None
        kind = "frame" if load.what == "table" else "array"
        return Data(kind, entry.returns or "")

    def holds(self, entry: CallEntry, bound: dict[str, Value]) -> bool:
        """Whether an entry's conditions are met by the call's arguments."""
        if not entry.when and not entry.unless:
            return True
        return all(met(condition, bound) for condition in entry.when) and not any(
            met(condition, bound) for condition in entry.unless
        )

    # --- the project ------------------------------------------------------------------------------------------------

    def _call_function(
        self,
        func: FunctionValue,
        args: list[Value],
        keywords: dict[str, Value],
        frame: Frame,
        node: f.Call | None,
    ) -> Value:
        if is_mocked(f"{func.module.name}.{func.function.name}", frame):
            return MOCKED
        known = self._known_method(func)
        if known:
            return self.call_library(known, func.receiver or UNKNOWN, args, keywords, frame, node)
        if func.module.is_product:
            result, sites = self._call_product(func, args, keywords, frame)
        else:
            result, sites = self._call_own(func, args, keywords, frame)
        if node is not None:
            bound = {"*": Sequence("tuple", tuple(args), None), **keywords}
            site = self._note(
                node,
                f"{func.module.name}.{func.function.name}",
                (),
                bound,
                result,
                func.receiver or UNKNOWN,
                frame,
            )
            site.callee = func
            site.inner = sites
        return result

    def _known_method(self, func: FunctionValue) -> str:
        """The name of a product's method that a table says to acquire nothing; "" for any other.

        What such a method gives stays the object's own, however much its code looks like a factory.
        """
        if func.owner is None or not func.module.is_product:
            return ""
        name = f"{func.module.name}.{func.owner.cls.name}.{func.function.name}"
        entries = self.index.calls.get(name, ())
        return name if entries and not any(entry.acquire for entry in entries) else ""

    def _run_function(
        self, func: FunctionValue, args: list[Value], keywords: dict[str, Value], frame: Frame
    ) -> tuple[Value, tuple[Site, ...]]:
        """The result of a body, and the sites met in it."""
        key = id(func.function)
        inner = self._inner_frame(func, frame) if key not in self._active else None
        if inner is None:
            return UNKNOWN, ()
        self._active.add(key)
        self.bind_params(func.function, func.receiver, args, keywords, inner)
        self.run_body(func.function, inner)
        self._active.discard(key)
        fakes = inner.mocked - frame.mocked
        if fakes and not func.module.is_product and leaves_fakes(func.function):
            frame.mocked |= fakes
            self.effects += 1
        return self.outcome(func.function, inner), tuple(inner.sites)

    def _call_own(
        self, func: FunctionValue, args: list[Value], keywords: dict[str, Value], frame: Frame
    ) -> tuple[Value, tuple[Site, ...]]:
        """The same for a function of the suite: one that only looks at its arguments is run once for the same ones."""
        key = call_key(func, args, keywords, frame)
        known = self._quiet_calls.get(key) if key is not None else None
        if known is not None:
            return known  # type: ignore[no-any-return]
        before = self.effects, self._cut_short
        result, sites = self._run_function(func, args, keywords, frame)
        quiet = (self.effects, self._cut_short) == before and _is_plain(result) and all(map(_is_quiet, sites))
        if key is not None and quiet:
            self._quiet_calls[key] = result, sites
            self._kept.append((func, args, keywords))
        return result, sites

    def _call_product(
        self, func: FunctionValue, args: list[Value], keywords: dict[str, Value], frame: Frame
    ) -> tuple[Value, tuple[Site, ...]]:
        """The same for product code: only what can matter is run, once for the same arguments, two calls deep."""
        if frame.module.is_product and frame.caller is not None and frame.caller.module.is_product:
            return UNKNOWN, ()
        if not _is_large_request(args, keywords) and not self.relevance.matters(func.function, func.module):
            return UNKNOWN, ()
        key = call_key(func, args, keywords, frame)
        known = self._product_calls.get(key) if key is not None else None
        if known is None:
            result, sites = self._run_function(func, args, keywords, frame)
            known = result, tuple(site for site in sites if _may_concern_caller(site))
            if key is not None:
                self._product_calls[key] = known
                self._kept.append((func, args, keywords))
        return known

    def _inner_frame(self, func: FunctionValue, frame: Frame) -> Frame | None:
        if frame.depth >= _MAX_DEPTH:
            return None
        outer: Frame | None = frame
        while outer is not None:
            if outer.function is func.function:
                self._cut_short += 1
                return None  # recursion
            outermost, outer = outer, outer.caller
        budget = outermost.env.get("\0calls", Num(0, 0))
        assert isinstance(budget, Num)
        if budget.low >= _MAX_CALLS:
            self._cut_short += 1
            return None
        spent = budget.low + (_PRODUCT_COST if func.module.is_product else 1)
        outermost.env["\0calls"] = Num(spent, spent)
        inner = Frame(func.module, func.function.name, func.function, func.owner, func.frame, caller=frame)
        inner.depth = frame.depth + 1
        inner.mocked = set(frame.mocked)
        return inner

    def outcome(self, function: f.Function, inner: Frame) -> Value:
        """What a call of ``function`` gives, once its body was run in ``inner``."""
        if function.yields:
            element = join(inner.yields)
            if any(isinstance(d, f.Name) and d.path in _CONTEXT_MANAGERS for d, _ in function.decorators):
                return Obj("contextlib.contextmanager", {"__enter__": element})
            endless = any(is_endless(site) for site in inner.endless)
            length = None if endless or inner.endless else _yield_count(function)
            return Iterator(length, element, endless=endless, why=f"{function.name}()")
        return join(inner.returns) if inner.returns else NONE

    def bind_params(
        self,
        function: f.Function,
        receiver: Value | None,
        args: Items[Value],
        keywords: dict[str, Value],
        inner: Frame,
    ) -> None:
        """Bind the parameters of ``function`` in its frame."""
        positional = list(args)
        if receiver is not None:
            positional.insert(0, receiver)
        for param in function.params:
            if param.kind == "*":
                inner.env[param.name] = Sequence(
                    "tuple", tuple(positional), Num(len(positional), len(positional))
                )
                positional = []
            elif param.kind == "**":
                inner.env[param.name] = Sequence("dict", None, None)
            elif param.kind == "positional" and positional:
                inner.env[param.name] = positional.pop(0)
            elif param.name in keywords:
                inner.env[param.name] = keywords[param.name]
            elif param.default is not None:
                scratch = Frame(inner.module, "", parent=inner.parent, where="default")
                inner.env[param.name] = self.eval(param.default, scratch)
            else:
                inner.env[param.name] = self.annotated(param.annotation, inner)

    def annotated(self, annotation: f.Expr | None, frame: Frame) -> Value:
        """What an annotation tells of a parameter: an instance of a type that a table knows as a resource."""
        if not isinstance(annotation, f.Name):
            return UNKNOWN
        value = self.eval(annotation, Frame(frame.module, "", where="module"))
        if isinstance(value, Ref) and value.name in self.index.resources:
            return Obj(value.name)
        return UNKNOWN

    def _instantiate(
        self,
        cls: ClassValue,
        args: list[Value],
        keywords: dict[str, Value],
        frame: Frame,
        node: f.Call | None,
    ) -> Value:
        made = Obj(cls)
        init = self.class_member(cls, "__init__", made)
        inner: Frame | None = None
        if isinstance(init, FunctionValue):
            inner = self._inner_frame(init, frame)
            if inner is not None:
                self.bind_params(init.function, made, args, keywords, inner)
                self.exec_block(f.body_of(init.function), inner)
        else:
            self._fill_fields(cls, made, args, keywords)
        if node is not None:
            bound = {"*": Sequence("tuple", tuple(args), None), **keywords}
            site = self._note(node, f"{cls.module.name}.{cls.cls.name}", (), bound, made, UNKNOWN, frame)
            site.callee = cls
            site.inner = tuple(inner.sites) if inner is not None else ()
        return made

    def _fill_fields(self, cls: ClassValue, made: Obj, args: list[Value], keywords: dict[str, Value]) -> None:
        """A dataclass, named tuple or attrs class: annotated fields in order."""
        fields = [
            target.path
            for owner in self.mro(cls)
            for statement in owner.cls.body
            if isinstance(statement, f.Assign) and statement.annotation is not None
            for target in statement.targets
            if isinstance(target, f.Name)
        ]
        for name, value in zip(fields, args, strict=False):
            made.attrs[name] = value
        made.attrs.update(keywords)

    def _call_lambda(self, func: LambdaValue, args: list[Value], frame: Frame) -> Value:
        outer = func.frame
        if frame.depth >= _MAX_DEPTH:
            return UNKNOWN
        inner = Frame(
            outer.module,
            outer.symbol,
            outer.function,
            outer.owner,
            outer,
            caller=frame,
            depth=frame.depth + 1,
        )
        inner.where = outer.where
        inner.env.update(zip(func.node.params, args, strict=False))
        return self.eval(func.node.body, inner)

    # --- names without evaluation -----------------------------------------------------------------------------------

    def call_site_names(self, node: f.Expr, frame: Frame) -> tuple[str, str]:
        """Qualified name of a call's function and of its first argument, without recording anything."""
        if not isinstance(node, f.Call):
            return "", ""
        func = self.quiet_eval(node.func, frame)
        name = func.name if isinstance(func, Ref) else node.func.path if isinstance(node.func, f.Name) else ""
        first = node.args[0].value if node.args else None
        if isinstance(first, f.Seq) and first.items:
            first = first.items[0]
        return name, first.path.rpartition(".")[2] if isinstance(first, f.Name) else ""


def _is_large_request(args: list[Value], keywords: dict[str, Value]) -> bool:
    """Whether a number that a function is given may make something in it large."""
    given = (*args, *keywords.values())
    return any(isinstance(value, Num) and _LARGE_ARGUMENT <= value.high < float("inf") for value in given)


def _is_plain(value: Value) -> bool:
    """Whether nobody can change the value: calls may share it."""
    return isinstance(value, (Literal, Num, Ref)) or value is UNKNOWN


def _is_quiet(site: Site) -> bool:
    """Whether what was met leaves nothing behind that belongs to one call alone."""
    owing = any(e.load or e.acquire or e.releases or e.workers or e.owner for e in site.entries)
    return not owing and not isinstance(site.result, Obj) and all(map(_is_quiet, site.inner))


def _may_concern_caller(site: Site) -> bool:
    """Whether a site inside product code is more than its small change."""
    if site.inner or any(e.load or e.acquire or e.releases or e.workers or e.owner for e in site.entries):
        return True
    size = site.result.bytes if isinstance(site.result, Data) else None
    return size is not None and size.high >= _LARGE_INSIDE


def is_mocked(name: str, frame: Frame) -> bool:
    """Whether the body has replaced this callable, or something it belongs to, by a fake."""
    if not frame.mocked:
        return False
    if name.startswith("builtins.") and _is_replaced_here(name.removeprefix("builtins."), frame):
        return True
    return any(
        name == fake or name.startswith(f"{fake}.") or fake.endswith(f".{name}") for fake in frame.mocked
    )


def _is_replaced_here(name: str, frame: Frame) -> bool:
    """``patch(f"{__name__}.open")``: a name of the builtins that this module alone sees replaced."""
    own = f".{frame.module.name}.{name}"
    return any(own.endswith(f".{fake}") or f".{fake}".endswith(own) for fake in frame.mocked if "." in fake)


def _instance(name: str) -> Value:
    """The result of an unknown library callable: an instance, when its name looks like a class."""
    last = name.rpartition(".")[2]
    if last[:1].isupper() and not last.isupper() and not name.startswith("?"):
        return Obj(name)
    if name.endswith(("MagicMock", "Mock", "create_autospec")):
        return MOCKED
    return UNKNOWN


def _origin(receiver: Value, bound: dict[str, Value]) -> Value:
    """What an unbounded iterator reads: the receiver, or the first thing given that was opened."""
    starred = bound.get("*")
    given = starred.items or () if isinstance(starred, Sequence) else ()
    for value in (receiver, *given):
        if isinstance(value, Iterator) and value.origin is not UNKNOWN:
            return value.origin
        if isinstance(value, (Obj, PathValue)) or (
            isinstance(value, Literal) and isinstance(value.value, str)
        ):
            return value
    return UNKNOWN


def _yield_count(function: f.Function) -> Num | None:
    """Yields of a generator without loops; None with them."""
    body = f.body_of(function)
    if any(isinstance(statement, (f.For, f.While, f.If, f.Try, f.With)) for statement in body):
        return None
    found = sum(
        isinstance(s, f.ExprStmt) and isinstance(s.value, f.Yield) and not s.value.is_from for s in body
    )
    return Num(found, found)
