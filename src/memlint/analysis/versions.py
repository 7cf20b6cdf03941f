"""Conditions on the version of a library, as the releases that the API tables know decide them."""

from __future__ import annotations

import re
from typing import NamedTuple

from memlint import facts as f
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.expectations import last_name
from memlint.analysis.narrowing import MIRRORED
from memlint.analysis.sites import Frame
from memlint.analysis.values import Ref

_READING = frozenset({"parse", "parse_version", "Version", "LooseVersion", "StrictVersion", "version"})
_DIGITS = re.compile(r"\d+(?:\.\d+)*")
_PARTS = 6


class _Side(NamedTuple):
    """One side of a comparison: a release that the tables know, or one that is written there."""

    release: tuple[int, ...]
    is_current: bool


def released(test: f.Compare, evaluator: Evaluator, frame: Frame) -> bool | None:
    """What ``Version(np.__version__) >= Version("2.0")`` says of every release from the known one on.

    None for what is no such condition, and where a later release may answer it otherwise.
    """
    if len(test.rest) != 1:
        return None
    op, right = test.rest[0]
    sides = _side(test.left, evaluator, frame), _side(right, evaluator, frame)
    left, other = sides
    if left is None or other is None or left.is_current == other.is_current:
        return None
    if not left.is_current:
        left, other, op = other, left, MIRRORED.get(op, op)
    if left.release < other.release or op not in {*MIRRORED, "==", "!="}:
        return None
    if left.release == other.release:
        return {">=": True, "<": False}.get(op)
    return op in {">", ">=", "!="}


def _side(node: f.Expr, evaluator: Evaluator, frame: Frame) -> _Side | None:
    if isinstance(node, f.Text):
        return _written(node.value)
    if isinstance(node, f.Call) and node.args and last_name(node.func) in _READING:
        given = node.args[0].value
        if isinstance(given, f.Text) and _DIGITS.match(given.value) is None:
            return _current(given.value, evaluator)  # importlib.metadata.version("numpy")
        return _side(given, evaluator, frame)
    if isinstance(node, f.Name) and node.path.endswith(".__version__"):
        module = evaluator.quiet_eval(f.Name(node.path.removesuffix(".__version__")), frame)
        return _current(module.name, evaluator) if isinstance(module, Ref) else None
    return None


def _written(text: str) -> _Side | None:
    found = _DIGITS.match(text)
    return _Side(_release(found[0]), False) if found is not None else None


def _current(library: str, evaluator: Evaluator) -> _Side | None:
    known = evaluator.index.versions.get(library)
    return _Side(_release(known), True) if known is not None else None


def _release(text: str) -> tuple[int, ...]:
    parts = [int(part) for part in text.split(".")[:_PARTS]]
    return tuple(parts + [0] * (_PARTS - len(parts)))
