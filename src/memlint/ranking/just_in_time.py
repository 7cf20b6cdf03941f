"""Functions that are compiled when they are first called: what marks them in a text.

The compiler's own memory comes with the first of them, and what each leaves stays until the process ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

COMPILER = "numba"  # the library: where it is not loaded, such marks do nothing
# a decorator, or a call that is given a function; a name such as ``vectorize`` is another library's as well
_MARK = re.compile(r"@[ ]*(?P<decorator>[\w.]+)|\b(?P<call>(?:\w+\.)*\w+)(?=\()")
_NAMES = re.compile(r"(?:^|[._])(?:n?jit|generated_jit|cfunc|stencil|jitclass)$")
_OF_COMPILER = frozenset({"vectorize", "guvectorize"})
_ELSEWHERE = "cuda"  # compiled by the driver, and run on another device
_WORDS = ("jit", "cfunc", "stencil", "vectorize")


def may_compile(text: str) -> bool:
    """Whether anything in a text can mark a function for compilation: cheap, and never wrong in saying no."""
    return any(word in text for word in _WORDS)


def compiled_in(text: str, roots: Mapping[str, str]) -> Iterator[int]:
    """The lines, from 1, on which functions are marked; ``roots`` says where the text's names come from."""
    for match in _MARK.finditer(text):
        name = match["decorator"] or match["call"]
        first, last = name.partition(".")[0], name.rpartition(".")[2]
        own = last in _OF_COMPILER and roots.get(first) == COMPILER
        if own or (_NAMES.search(name) and _ELSEWHERE not in name):
            yield text.count("\n", 0, match.start()) + 1
