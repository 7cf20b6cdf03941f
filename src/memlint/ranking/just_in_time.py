"""Functions that are compiled when they are first called: what marks them in a text.

The compiler's own memory comes with the first of them, and what each leaves stays until the process ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

COMPILER = "numba"  # the library: where it is not loaded, such marks do nothing
_NAMES = re.compile(r"(?:^|[._])(?:n?jit|generated_jit|cfunc|stencil|jitclass)$")
# how all of them end, and those that are another library's as well
_ENDING = re.compile(r"(?:jit|cfunc|stencil|jitclass|vectorize)(?![\w.])")
_BETWEEN = 9  # characters before a name in which the sign of a decorator is looked for
_OF_COMPILER = frozenset({"vectorize", "guvectorize"})
_ELSEWHERE = "cuda"  # compiled by the driver, and run on another device
_WORDS = ("jit", "cfunc", "stencil", "vectorize")


def may_compile(text: str) -> bool:
    """Whether anything in a text can mark a function for compilation: cheap, and never wrong in saying no."""
    return any(word in text for word in _WORDS)


def compiled_in(text: str, roots: Mapping[str, str]) -> Iterator[int]:
    """The lines, from 1, on which functions are marked; ``roots`` says where the text's names come from."""
    for match in _ENDING.finditer(text):
        start = _begin(text, match.start())
        decorates = text[max(0, start - _BETWEEN) : start].rstrip(" ").endswith("@")
        if not decorates and not text.startswith("(", match.end()):
            continue  # neither a decorator nor a call that is given a function
        name = text[start : match.end()].lstrip(".")
        first, last = name.partition(".")[0], name.rpartition(".")[2]
        own = last in _OF_COMPILER and roots.get(first) == COMPILER
        if own or (_NAMES.search(name) and _ELSEWHERE not in name):
            yield text.count("\n", 0, start) + 1


def _begin(text: str, end: int) -> int:
    """Where the dotted name begins whose last letters begin at ``end``."""
    while end and (text[end - 1].isalnum() or text[end - 1] in "_."):
        end -= 1
    return end
