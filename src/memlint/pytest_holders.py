"""What still holds memory when the last test of a unit has ended: weighed once, within a bounded time.

Loaded by ``pytest_plugin`` from beside it, in a unit alone and only when much was retained. Standard library
and pytest only. Objects are weighed by ``sys.getsizeof`` of all that can be reached from a holder, each object
once, so what two holders share counts for the first; modules, classes and functions are passed by.
"""

from __future__ import annotations

import functools
import gc
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

LEAST = 1 << 20  # bytes: lighter holders are not worth a line
MOST = 10
SECONDS = 0.5  # for all of them together
_PASSED_BY = (
    types.ModuleType,
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.CodeType,
    types.FrameType,
    pytest.Item,
    pytest.Collector,
    pytest.Config,
)
_CACHE = type(functools.lru_cache(lambda: None))


def holders(items: Iterable[pytest.Item], name: Callable[[Path], str]) -> list[tuple[str, str, int]]:
    """Kind, name and bytes of the heaviest holders: globals and classes of the test files, caches, instances.

    ``name`` says what a file is called.
    """
    scales = _Scales(time.monotonic() + SECONDS)
    items = list(items)
    found = [
        (kind, label, size)
        for kind, label, objects in _candidates(items, name)
        if (size := scales.weigh(objects)) >= LEAST
    ]
    return sorted(found, key=lambda holder: -holder[2])[:MOST]


class _Scales:
    """Weighs objects, each once, until the time is up."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.seen: set[int] = set()

    def weigh(self, roots: Iterable[object]) -> int:
        total, stack = 0, list(roots)
        while stack:
            thing = stack.pop()
            if id(thing) in self.seen or isinstance(thing, _PASSED_BY):
                continue
            self.seen.add(id(thing))
            if len(self.seen) % 1024 == 0 and time.monotonic() > self.deadline:
                break
            try:
                total += sys.getsizeof(thing)
            except Exception:  # any class may break it
                continue
            stack.extend(gc.get_referents(thing))
        return total


Candidate = tuple[str, str, Iterable[object]]


def _candidates(items: list[pytest.Item], name: Callable[[Path], str]) -> Iterator[Candidate]:
    """Caches first, so that they are not charged to the global that names a decorated function."""
    yield from _caches()
    for item in items:
        if item.user_properties:
            yield "property", item.nodeid, [item.user_properties]
    for item in items:
        instance = getattr(getattr(item, "obj", None), "__self__", None)
        if instance is not None and not isinstance(instance, types.ModuleType):
            yield "instance", item.nodeid, [getattr(instance, "__dict__", None)]
    modules = {item.path: module for item in items if (module := getattr(item, "module", None)) is not None}
    for path, module in modules.items():
        for key, value in list(vars(module).items()):
            if isinstance(value, type) and value.__module__ == module.__name__:
                for attribute, held in list(vars(value).items()):
                    yield "class attribute", f"{name(path)}: {key}.{attribute}", [held]
            elif not key.startswith("__"):
                yield "global", f"{name(path)}: {key}", [value]


def _caches() -> Iterator[Candidate]:
    for thing in gc.get_objects():
        if type(thing) is _CACHE and thing.cache_info().currsize:
            label = f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', '?')}"
            yield "cache", label, _contents(thing)


def _contents(cache: Any) -> list[object]:
    function = getattr(cache, "__wrapped__", None)
    return [held for held in gc.get_referents(cache) if held is not function and held is not cache.__dict__]
