"""What the commands that a suite runs say of each other: one starts a program, another one ends it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memlint import facts as f
from memlint.analysis.expectations import last_part
from memlint.analysis.sites import Site
from memlint.analysis.traverse import calls, statements, walk
from memlint.analysis.values import Sequence, Value, text_of

_RUNNING = re.compile(r"(?i)run|exec|call|check_output|system|popen|sh\Z|cmd|command")
_ENDING = frozenset({"stop", "rm", "kill", "down", "shutdown", "quit", "--stop", "--kill", "--shutdown"})
_RUNNING_OTHERS = frozenset(
    {"", "python", "python3", "bash", "sh", "sudo", "env", "exec", "nohup", "timeout", "mpirun"}
)
_BY_NAME = frozenset({"pkill", "killall"})


def is_ended_by_command(site: Site, body: f.Function, around: Iterable[f.Function]) -> bool:
    """``docker rm -f server`` of one that was started with ``docker run --name server``; ``pkill server``."""
    program = _program(site.args.get("args")) or _written(site.node, body)
    return program not in _RUNNING_OTHERS and any(
        (words[0] == program and not _ENDING.isdisjoint(words[1:]))
        or (words[0] in _BY_NAME and program in words[1:])
        for function in (body, *around)
        for words in _commands(function)
    )


def _program(started: Value | None) -> str:
    """The first word of a command; "" where nobody knows it."""
    first = started.items[0] if isinstance(started, Sequence) and started.items else started
    words = (text_of(first) or "").split() if first is not None else []
    return words[0] if words else ""


def _written(node: f.Expr, body: f.Function) -> str:
    """The first word of ``"docker run server".split()``, also where a name of the body holds the text."""
    given = node.args[0].value if isinstance(node, f.Call) and node.args else None
    if not isinstance(given, f.Call) or given.args or not isinstance(given.func, (f.Name, f.Attr)):
        return ""
    text = given.func.base if isinstance(given.func, f.Attr) else f.Name(given.func.path.rpartition(".")[0])
    for statement, _ in statements(f.body_of(body)):
        if isinstance(statement, f.Assign) and text in statement.targets and statement.value is not None:
            text = statement.value
            break
    words = _words(text)
    return words[0] if words else ""


def _commands(function: f.Function) -> Iterator[list[str]]:
    """The words of each command that a function hands to a call which runs it."""
    for call, _, _ in calls(f.body_of(function)):
        if _RUNNING.search(last_part(call.func)):
            for arg in call.args:
                for node in walk(arg.value):
                    words = _words(node)
                    if len(words) > 1:
                        yield words


def _words(node: f.Node) -> list[str]:
    if isinstance(node, f.Seq):
        first = node.items[:1]
        return [part.value for part in node.items if isinstance(part, f.Text)] if _is_text(first) else []
    if isinstance(node, f.FString):
        return " ".join(part.value for part in node.parts if isinstance(part, f.Text)).split()
    return node.value.split() if isinstance(node, f.Text) else []


def _is_text(first: tuple[f.Expr, ...]) -> bool:
    return bool(first) and isinstance(first[0], f.Text)
