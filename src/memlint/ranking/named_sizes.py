"""Large round numbers to which a test file gives a name: most often how much of something it makes or asks for."""

from __future__ import annotations

import ast
import math
import re

_LEAST, _MOST = 10_000, 300_000_000  # elements; more is a point in time, an address or a limit
_DIGITS = 3  # a number with more significant ones, and no power of two, is a seed, a port, a checksum
_TARGETS = re.compile(r"[ \t]*[A-Za-z_]\w*(?:[ ]*,[ ]*[A-Za-z_]\w*)*[ ]*(?::[^=\n]+)?")
_VALUE = re.compile(r"=[ ]*(?P<value>[\d(i][\d_.eint*<(), ]*)[ ]*(?:\#|$)", re.MULTILINE)
_PLAIN = re.compile(r"\d{5}|\d_\d{3}|\*|<<|e\d|,")  # nothing else can spell a large number


def largest_size(text: str) -> tuple[int, int] | None:
    """The largest such number, a tuple's product, and its line from 1; None where there is none."""
    found = [
        (size, text.count("\n", 0, match.start("value")) + 1)
        for match in _VALUE.finditer(text)
        if _PLAIN.search(match["value"])
        and _is_assignment(text, match.start())
        and (size := _size(match["value"]))
    ]
    return max(found, key=lambda item: (item[0], -item[1]), default=None)


def _is_assignment(text: str, at: int) -> bool:
    """Whether all that stands before a sign of equality on its line are names."""
    return _TARGETS.fullmatch(text, text.rfind("\n", 0, at) + 1, at) is not None


def _size(source: str) -> int:
    """The size that an expression spells; 0 for none."""
    try:
        node = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return 0
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    numbers = [_number(part) for part in parts]
    if not all(number.is_integer() and number >= 1 for number in numbers):
        return 0
    product = math.prod(numbers)
    if not _LEAST <= product <= _MOST or (len(parts) == 1 and not _is_round(int(product))):
        return 0
    return int(product)


def _is_round(number: int) -> bool:
    return number & (number - 1) == 0 or len(str(number).rstrip("0")) <= _DIGITS


def _number(node: ast.expr) -> float:
    """The value of an integer expression, and of ``int(1e6)``; 0 for anything else."""
    if isinstance(node, ast.Constant):
        return float(node.value) if type(node.value) is int else 0.0
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "int":
        given = node.args[0] if len(node.args) == 1 else None
        value = given.value if isinstance(given, ast.Constant) else None
        return float(value) if isinstance(value, (int, float)) else 0.0
    if isinstance(node, ast.BinOp):
        return _operated(node.op, _number(node.left), _number(node.right))
    return 0.0


def _operated(operator: ast.operator, left: float, right: float) -> float:
    if isinstance(operator, ast.Mult):
        return left * right
    if isinstance(operator, ast.Pow) and right < 64 and left <= 1024:
        return min(math.pow(left, right), 1e18)
    if isinstance(operator, ast.LShift) and right < 64:
        return left * math.pow(2, right)
    return 0.0
