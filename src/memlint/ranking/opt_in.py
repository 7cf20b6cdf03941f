"""Tests that a session runs only when it is asked to: markers that conftests skip without an option, or that the
suite's own options deselect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_HOOK = re.compile(
    r"^def (?:pytest_collection_modifyitems|pytest_runtest_setup)\b[^\n]*\n(?P<body>(?:[ \t)][^\n]*\n|\n)*)",
    re.MULTILINE,
)
# an option that is not given, or that ends the hook when it is
_ASKS = re.compile(
    r"\bnot\b[^\n]*(?:getoption|getini|environ|option\.)|(?:getoption|getini|environ|option\.)[^\n]*:\s*(?:\#[^\n]*\s*)*return\b"
)
# what is skipped when somebody asks for that runs as long as nobody does
_ASKED_OUT = re.compile(
    r"(?i)(?:getoption|getini)\(\s*[\"']-*(?:skip|no[-_]|not[-_]|without|disable|exclude|fast|quick|only)"
)
_MARKER = re.compile(
    r"""["'](\w+)["'][ ]+(?:not[ ]+)?in[ ]+(?:\w+\.keywords|\w*mark\w*)"""
    r"""|get_closest_marker\(\s*["'](\w+)["']|mark(?:er)?\.name[ ]*==[ ]*["'](\w+)["']"""
)
# a table of what runs unasked, and what is put right in it later
_SWITCH = re.compile(r"""^[ \t]*["'](\w+)["'][ ]*:[ ]*False\b""", re.MULTILINE)
_SWITCHED_ON = re.compile(r"""\[["'](\w+)["']\][ ]*=[ ]*(?!False\b)""")
_DESELECTED = re.compile(r"\bnot[ ]+(\w+)")


def skipped_markers(conftest: str) -> frozenset[str]:
    """The markers whose tests the hooks of conftests, given as one text, skip unless an option asks for them."""
    if "skip" not in conftest or "addoption" not in conftest:
        return frozenset()
    return frozenset(_skipped(conftest))


def _skipped(conftest: str) -> Iterator[str]:
    for hook in _HOOK.finditer(f"{conftest}\n"):
        body = hook["body"]
        if "skip" in body and _ASKS.search(body) and not _ASKED_OUT.search(body):
            for match in _MARKER.finditer(body):
                yield next(filter(None, match.groups()))
        if "mark" in body:
            yield from set(_SWITCH.findall(conftest)) - set(_SWITCHED_ON.findall(conftest))


def deselected_markers(addopts: Sequence[str]) -> frozenset[str]:
    """The markers that ``-m "not slow and not network"`` among a suite's own options leaves out."""
    return frozenset(_left_out(addopts))


def _left_out(addopts: Iterable[str]) -> Iterator[str]:
    before = ""
    for word in addopts:
        given = word if before == "-m" else word[2:] if word.startswith("-m") else ""
        if " or " not in given:
            yield from _DESELECTED.findall(given.strip("=\"'"))
        before = word
