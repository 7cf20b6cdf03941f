"""Running statements abstractly: names are bound, branches joined, loops taken once with their length remembered."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from memlint import facts as f
from memlint.analysis import arithmetic
from memlint.analysis.assign import MODULES, Assignment
from memlint.analysis.expectations import is_for_type_checkers
from memlint.analysis.iterators import iterate
from memlint.analysis.loops import rounds
from memlint.analysis.narrowing import asks_for_python, contradicted
from memlint.analysis.pages import mark_untouched
from memlint.analysis.patching import modules_replaced
from memlint.analysis.sites import Frame, LoopSite
from memlint.analysis.traverse import calls, statements, walk
from memlint.analysis.types import type_name
from memlint.analysis.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    Imported,
    Iterator,
    Literal,
    ModuleValue,
    Num,
    Obj,
    PathValue,
    Ref,
    Sequence,
    Value,
    join,
    text_of,
    truth,
)

_CONNECTING = re.compile(r"(?i)connect|open|send|socket|transport|request|execute_command")
_GROWING = {
    "append": 1,
    "add": 1,
    "extend": 0,
    "insert": 1,
    "appendleft": 1,
    "update": 0,
    "put": 1,
    "write": 1,
}
_CONTAINERS = {"list", "set", "dict", "deque"}
_TAKING_OUT = frozenset({"remove", "discard", "clear", "difference_update", "intersection_update"})
_GUARDS = {
    "raises",
    "assertRaises",
    "assertRaisesRegex",
    "suppress",
    "timeout",
    "fail_after",
    "move_on_after",
    "time_limit",
}


_ANSWERING = frozenset({"thenReturn", "thenAnswer", "thenRaise"})


class Execution(Assignment):
    """Runs statements."""

    @abstractmethod
    def call_site_names(self, node: f.Expr, frame: Frame) -> tuple[str, str]:
        """Qualified name of a call's function and of its first argument, without recording anything."""

    def exec_block(self, body: tuple[f.Stmt, ...], frame: Frame) -> bool:
        """Run statements; whether control never comes out at the end."""
        for statement in body:
            frame.statement = statement.line
            handler = _HANDLERS.get(type(statement))
            if handler is not None and handler(self, statement, frame):
                return True
        return False

    def run_body(self, function: f.Function, frame: Frame) -> None:
        """Run a function whose parameters are bound."""
        self.exec_block(f.body_of(function), frame)
        mark_untouched(frame, self)

    # --- simple statements ------------------------------------------------------------------------------------------

    def _expression(self, node: f.ExprStmt, frame: Frame) -> bool:
        value = self.eval(node.value, frame)
        call = node.value.value if isinstance(node.value, f.Await) else node.value
        if isinstance(call, f.Call) and isinstance(call.func, f.Name):
            self._mutation(call, frame)
        elif isinstance(call, f.Call):
            self._stubbed(call, frame)
        return isinstance(value, Ref) and value.name == "typing.NoReturn"

    def _mutation(self, call: f.Call, frame: Frame) -> None:
        assert isinstance(call.func, f.Name)
        name, _, attr = call.func.path.rpartition(".")
        if name and attr in _GROWING and call.args:
            base = self.eval(f.Name(name), frame)
            if isinstance(base, Sequence) and base.kind in _CONTAINERS:
                element = self.quiet_eval(call.args[-1].value, frame)
                if not _GROWING[attr]:
                    element = arithmetic.iterate(element).element
                self.grow(name, base, element, attr, call.at, frame)
            elif isinstance(base, Sequence) and attr in {"clear", "pop", "popitem", "popleft", "remove"}:
                frame.env[name] = base
        if attr in {"clear", "pop", "popleft", "popitem"} and name in frame.env:
            frame.created[name] = len(frame.loop_lengths)

    def quiet_eval(self, node: f.Expr, frame: Frame) -> Value:
        """Evaluate once more without recording sites twice."""
        kept = len(frame.sites)
        value = self.eval(node, frame)
        del frame.sites[kept:]
        return value

    def _patched(self, call: f.Call, frame: Frame) -> None:
        """``monkeypatch.setattr(subprocess, "Popen", fake)`` and ``mocker.patch("subprocess.Popen")``."""
        first = self.quiet_eval(call.args[0].value, frame) if call.args else UNKNOWN
        second = self.quiet_eval(call.args[1].value, frame) if len(call.args) > 1 else UNKNOWN
        attr = second.value if isinstance(second, Literal) and isinstance(second.value, str) else None
        if first == MODULES or text_of(first) == MODULES.name:  # ``patch.dict("sys.modules", docker=fake)``
            frame.mocked |= modules_replaced(call, second)
        elif isinstance(call.func, f.Name) and call.func.path.endswith((".dict", ".setitem")):
            return  # ``patch.dict("os.environ", HOME="/tmp")``: items of what stays as it is
        elif isinstance(first, Literal) and isinstance(first.value, str):
            frame.mocked.add(first.value)
        elif isinstance(first, Ref) and attr is not None:
            frame.mocked.add(f"{first.name}.{attr}")
        elif isinstance(first, ModuleValue) and attr is not None:
            frame.mocked.add(f"{first.module.name}.{attr}")
        elif isinstance(first, ClassValue) and attr is not None:
            frame.mocked.add(f"{first.module.name}.{first.cls.name}.{attr}")
        elif attr is not None and _CONNECTING.search(attr):
            made = type_name(
                first
            )  # ``patch.object(client, "connection")``: what it would open with is a fake
            frame.mocked |= {f"{made}.{attr}"} if made else set()

    def _stubbed(self, call: f.Call, frame: Frame) -> None:
        """mockito's ``when(webdriver).Remote(…).thenReturn(driver)``."""
        stub = call.func.base if isinstance(call.func, f.Attr) and call.func.attr in _ANSWERING else None
        asked = stub.func if isinstance(stub, f.Call) else None
        if not isinstance(asked, f.Attr) or not isinstance(asked.base, f.Call) or len(asked.base.args) != 1:
            return
        if asked.base.func == f.Name("when") or asked.base.func == f.Name("mockito.when"):
            of = self.quiet_eval(asked.base.args[0].value, frame)
            if isinstance(of, Ref):
                frame.mocked.add(f"{of.name}.{asked.attr}")

    def _return(self, node: f.Return, frame: Frame) -> bool:
        frame.returns.append(self.eval(node.value, frame))
        return True

    def _raise(self, node: f.Raise, frame: Frame) -> bool:
        self.eval(node.value, frame)
        return True

    def _assert(self, node: f.Assert, frame: Frame) -> bool:
        self.eval(node.test, frame)
        self._length_asserted(node.test, frame)
        return False

    def _length_asserted(self, test: f.Expr, frame: Frame) -> None:
        """``assert len(x) == 5_000_000`` tells how long ``x`` is when nothing else does."""
        if not (isinstance(test, f.Compare) and len(test.rest) == 1 and test.rest[0][0] == "=="):
            return
        left, right = test.left, test.rest[0][1]
        for call, number in ((left, right), (right, left)):
            if (
                isinstance(call, f.Call)
                and isinstance(call.func, f.Name)
                and call.func.path == "len"
                and call.args
            ):
                name = call.args[0].value
                length = self.quiet_eval(number, frame)
                if isinstance(name, f.Name) and isinstance(length, Num) and length.exact:
                    self._learn_length(name.path, length, frame)

    def _learn_length(self, name: str, length: Num, frame: Frame) -> None:
        value = frame.env.get(name)
        if isinstance(value, Sequence) and value.length is None:
            learnt = Sequence(value.kind, None, length, value.element)
            frame.env[name] = learnt
            for site in frame.sites:
                if site.result is value:
                    site.result = learnt

    def _delete(self, node: f.Del, frame: Frame) -> bool:
        for target in node.targets:
            if isinstance(target, f.Name):
                frame.env[target.path] = UNKNOWN
                for rebinding in frame.rebindings:
                    rebinding.freed |= rebinding.name == target.path
        return False

    def _declare(self, node: f.Declare, frame: Frame) -> bool:
        if node.kind == "global":
            frame.globals.update(node.names)
        return False

    def _jump(self, node: f.Jump, frame: Frame) -> bool:
        return node.kind != "pass"

    def _import(self, node: f.Import, frame: Frame) -> bool:
        module = frame.module
        for local, name in node.bindings:
            if name == "*":
                self._star_import(node, frame)
            elif node.is_from:
                frame.env[local] = Imported(module, node.module, node.level, name)
            else:
                frame.env[local] = Imported(module, name, 0, None)
        return False

    def _star_import(self, node: f.Import, frame: Frame) -> None:
        found = (
            self.project.find_relative(node.module, node.level, frame.module)
            if node.level
            else self.project.first_party(node.module, frame.module)
        )
        if found is not None and found is not frame.module:
            frame.module.stars.append(found)

    # --- definitions ------------------------------------------------------------------------------------------------

    def _function_def(self, node: f.FunctionDef, frame: Frame) -> bool:
        function = node.function
        outer = frame.where
        if frame.function is not None or self.relevance.matters(function, frame.module):
            frame.where = "decorator" if outer in {"module", "class"} else outer
            for decorator, line in function.decorators:
                frame.statement = line
                self.eval(decorator, frame)
            frame.where = "default" if outer in {"module", "class"} else outer
            for param in function.params:
                if param.default is not None:
                    self.eval(param.default, frame)
            frame.where = outer
        closure = frame if frame.function is not None else None
        value = FunctionValue(function, frame.module, frame.owner if closure is None else None, None, closure)
        frame.env[function.name] = value
        if closure is not None:
            frame.nested.append(value)
        return False

    def _class_def(self, node: f.ClassDef, frame: Frame) -> bool:
        value = ClassValue(node.cls, frame.module)
        for decorator, _ in node.cls.decorators:
            self.eval(decorator, frame)
        frame.env[node.cls.name] = value
        inner = self.class_frame(value, nested=frame.function is not None)
        frame.sites.extend(inner.sites)
        return False

    # --- compound statements ----------------------------------------------------------------------------------------

    def _if(self, node: f.If, frame: Frame) -> bool:
        if _is_main_guard(node.test):
            return False  # not run when pytest imports the module
        known = truth(self.eval(node.test, frame))
        if frame.function is not None and is_for_type_checkers(node.test):
            known = False
        if known is None and self._is_flag_down(node.test, frame):
            known = True
        if known is not None and (
            not node.orelse or frame.depth or asks_for_python(node.test)
        ):  # what a call's arguments decide is decided
            return self.exec_block(node.body if known else node.orelse, frame)
        before = frame.env
        frame.env = dict(before)
        for name in tuple(contradicted(node.test, lambda part: self.quiet_eval(part, frame))):
            frame.env[name] = UNKNOWN
        frame.branches += 1
        ends = self.exec_block(node.body, frame)
        taken = frame.env
        frame.env = dict(before)
        ends_else = self.exec_block(node.orelse, frame)
        frame.branches -= 1
        if ends and ends_else:
            return bool(node.orelse)
        if ends:
            return False
        frame.env = taken if ends_else else _merge(taken, frame.env)
        return False

    def _is_flag_down(self, test: f.Expr, frame: Frame) -> bool:
        """``not EXHAUSTIVE``, of a constant that says False."""
        if not isinstance(test, f.Unary) or test.op != "not" or not isinstance(test.value, f.Name):
            return False
        constant = test.value.path.rpartition(".")[2].isupper()
        return constant and self.quiet_eval(test.value, frame) == Literal(False)

    def _for(self, node: f.For, frame: Frame) -> bool:
        value = self.eval(node.iter, frame)
        source = iterate(self, value)
        if source.endless:
            frame.endless.append(LoopSite("endless", node, frame, frame.where, node.line, frame.guards > 0))
        self._loop(node, source, source.length, frame, node.target)
        self.exec_block(node.orelse, frame)
        return False

    def _while(self, node: f.While, frame: Frame) -> bool:
        always = truth(self.eval(node.test, frame)) is True and not _changes(node)
        if always:
            frame.endless.append(
                LoopSite("while-true", node, frame, frame.where, node.line, frame.guards > 0)
            )
        length = rounds(node, lambda expr: self.quiet_eval(expr, frame))
        self._loop(node, Iterator(length, UNKNOWN), length, frame, None)
        self.exec_block(node.orelse, frame)
        return False

    def _loop(
        self, node: f.For | f.While, source: Iterator, length: Num | None, frame: Frame, target: f.Expr | None
    ) -> None:
        body = node.body
        branches = frame.branches
        if not frame.loop_nodes:
            frame.branches = 0
        frame.loop_nodes.append(node)
        for name in _rebound_numbers(body):
            if isinstance(frame.env.get(name), Num):
                frame.env[name] = UNKNOWN
        frame.loops.append(source)
        frame.loop_lengths.append(length)
        if target is not None:
            self.assign(target, source.element, frame)
        before = dict(frame.env)
        if self.exec_block(body, frame):
            frame.env = _merge(before, frame.env)
        frame.loops.pop()
        frame.loop_lengths.pop()
        frame.loop_nodes.pop()
        if not frame.loop_nodes:
            frame.branches = branches

    def _try(self, node: f.Try, frame: Frame) -> bool:
        before = dict(frame.env)
        frame.guards += bool(node.handlers)
        ends = self.exec_block(node.body, frame)
        frame.guards -= bool(node.handlers)
        if not ends:
            self.exec_block(node.orelse, frame)
        after = frame.env
        for handler in node.handlers:
            frame.env = {**before, **after}
            if not self.exec_block(handler.body, frame):
                after = _merge(after, frame.env)
                ends = False
        frame.env = after
        return self.exec_block(node.final, frame) or ends

    def _with(self, node: f.With, frame: Frame) -> bool:
        raises = len(frame.raises)
        guards = frame.guards
        for context, target in node.items:
            name, first = self.call_site_names(context, frame)
            value = self.eval(context, frame)
            if frame.sites and isinstance(context, f.Call) and frame.sites[-1].at == context.at:
                frame.sites[-1].consumer = "with"
            if name.rpartition(".")[2] in {"raises", "assertRaises", "assertRaisesRegex", "RaisesGroup"}:
                frame.raises.append(first)
            frame.guards += name.rpartition(".")[2] in _GUARDS
            if name.startswith(("unittest.mock.patch", "mock.patch")) and isinstance(context, f.Call):
                self._patched(context, frame)
            if target is not None:
                self.assign(target, self.entered(value, frame), frame)
        expected = frame.raises[raises:]
        last = _last_deed(node.body) if expected else 0
        del frame.raises[
            raises:
        ]  # what is expected to raise is the last statement: those before it do their work
        ends = self.exec_block(node.body[:last], frame)
        frame.raises += expected
        ends = ends or self.exec_block(node.body[last:], frame)
        del frame.raises[raises:]
        frame.guards = guards
        return ends and not expected

    def entered(self, value: Value, frame: Frame) -> Value:
        """What ``with value as`` binds."""
        if isinstance(value, Obj):
            if "__enter__" in value.attrs:
                return value.attrs["__enter__"]
            if value.type == "tempfile.TemporaryDirectory":
                return PathValue("tmp", "", True)
            if isinstance(value.type, ClassValue):
                enter = self.class_member(value.type, "__enter__", value)
                if isinstance(enter, FunctionValue):
                    return self.call_value(enter, [], {}, frame)
        return value

    def _match(self, node: f.Match, frame: Frame) -> bool:
        self.eval(node.subject, frame)
        before = frame.env
        after = dict(before)
        for case in node.cases:
            frame.env = dict(before)
            if not self.exec_block(case, frame):
                after = _merge(after, frame.env)
        frame.env = after
        return False


def _merge(a: dict[str, Value], b: dict[str, Value]) -> dict[str, Value]:
    """The names after two branches have met."""
    out = dict(a)
    for name, value in b.items():
        other = a.get(name)
        out[name] = value if other is None or other is value else join([other, value])
    return out


def _is_main_guard(test: f.Expr) -> bool:
    return isinstance(test, f.Compare) and isinstance(test.left, f.Name) and test.left.path == "__name__"


def _rebound_numbers(body: tuple[f.Stmt, ...]) -> set[str]:
    """Names that a loop's body computes from their former value."""
    out: set[str] = set()
    for statement in body:
        if isinstance(statement, f.AugAssign) and isinstance(statement.target, f.Name):
            out.add(statement.target.path)
        elif isinstance(statement, f.Assign) and isinstance(statement.value, f.Binary):
            out.update(target.path for target in statement.targets if isinstance(target, f.Name))
        for name in ("body", "orelse"):
            inner = getattr(statement, name, None)
            if isinstance(inner, tuple):
                out |= _rebound_numbers(inner)
    return out


_HANDLERS: dict[type, Callable[[Execution, Any, Frame], bool]] = {
    f.Assign: Execution._assign_statement,
    f.AugAssign: Execution._augmented,
    f.ExprStmt: Execution._expression,
    f.Return: Execution._return,
    f.Raise: Execution._raise,
    f.Assert: Execution._assert,
    f.Del: Execution._delete,
    f.Declare: Execution._declare,
    f.Jump: Execution._jump,
    f.Import: Execution._import,
    f.If: Execution._if,
    f.For: Execution._for,
    f.While: Execution._while,
    f.Try: Execution._try,
    f.With: Execution._with,
    f.Match: Execution._match,
    f.FunctionDef: Execution._function_def,
    f.ClassDef: Execution._class_def,
}


def _last_deed(body: tuple[f.Stmt, ...]) -> int:
    """The place of the last statement that does anything but assert."""
    places = (place for place in reversed(range(len(body))) if not isinstance(body[place], f.Assert))
    return next(places, 0)


def _changes(node: f.While) -> bool:
    """Whether the body of a loop gives a name of its test another value, takes something out of it, or hands it to a
    call, which may empty it.
    """
    asked = {part.path for part in walk(node.test) if isinstance(part, f.Name)}
    given = (
        target.path
        for statement, _ in statements(node.body)
        for target in (statement.targets if isinstance(statement, f.Assign) else ())
        if isinstance(target, f.Name)
    )
    handed = (
        arg.value.path
        for call, _, _ in calls(node.body)
        for arg in call.args
        if isinstance(node.test, f.Name) and isinstance(arg.value, f.Name)
    )
    called = (call.func.path for call, _, _ in calls(node.body) if isinstance(call.func, f.Name))
    emptied = (path.rpartition(".")[0] for path in called if path.rpartition(".")[2] in _TAKING_OUT)
    return any(name in asked for name in (*given, *handed, *emptied))
