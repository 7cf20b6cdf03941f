"""Lists of tests in a file, as ``--test-file`` takes them: plain ones, and those that other tools write."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from memlint.disk import is_file

_COMMENT = re.compile(r"(?:^|\s)#.*")
_NODE = re.compile(r"^\S.*?\.py::\S")
_COUNTED = re.compile(r"^(?P<file>\S.*\.py): \d+$")  # pytest --collect-only -qq
_COLLECTED = re.compile(r"^(?:=+ )?(?:no tests|\d+(?:/\d+)? tests?) (?:collected|ran)\b.*$")
_TREE = re.compile(r"^\s*<(?:Module|Package|Dir|Class|Function|TestCaseFunction|Coroutine) ")
_PLACE = re.compile(r"^\S+(?:/\S*|\.py)$|^.*\.py(?:::.*)?$")


class ListError(Exception):
    """A file that is no list of tests; the message says what it seems to be, and what is taken."""


_TAKEN = (
    "a list holds paths or node ids, one a line; also taken are .test_durations of pytest-split, the output of "
    "'pytest --collect-only -q', JUnit XML, and the files that pytest reads by @file"
)


def read_test_list(content: bytes, root: Path = Path()) -> tuple[str, ...]:
    """Return the paths and node ids in the content of a list, whichever tool wrote it, in order, without doubles.

    ``root`` is the folder that they are relative to. Raises ListError for anything that is no list of tests.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListError(f"is not UTF-8: {error.reason}; {_TAKEN}") from error
    if "\0" in text:
        raise ListError(f"is a binary file; {_TAKEN}")
    return tuple(dict.fromkeys(_reader(text)(text, root)))


def _reader(text: str) -> Callable[[str, Path], Iterable[str]]:
    start = text.lstrip()
    if start.startswith("<") and not _TREE.match(start):
        return _junit
    if start.startswith(("{", "[")):
        return _durations
    lines = text.splitlines()
    if any(_TREE.match(line) for line in lines):
        raise ListError("is a tree of 'pytest --collect-only': add -q, so that pytest prints node ids")
    if any(_COLLECTED.match(line) or _COUNTED.match(line) for line in lines):
        return _collected
    return _plain


def _plain(text: str, root: Path) -> list[str]:
    """One a line; ``#`` after nothing or a space is a comment, but not inside a parameter's brackets."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip() if line.rstrip().endswith("]") else _COMMENT.sub("", line).strip()
        if entry.startswith("#") or not entry:
            continue
        if entry.startswith("-"):
            raise ListError(f"line {number}: {entry!r} is an option; a list takes paths and node ids")
        found.append(entry)
    if found and not any(_is_place(entry, root) for entry in found):
        raise ListError(f"is no list of tests: {found[0][:60]!r} is no path; {_TAKEN}")
    return found


def _is_place(entry: str, root: Path) -> bool:
    return bool(_PLACE.match(entry)) or os.path.lexists(root / entry.partition("::")[0])


def _collected(text: str, root: Path) -> Iterator[str]:
    """What ``pytest --collect-only -q`` prints: node ids, or with ``-qq`` files and counts, then a summary."""
    for line in text.splitlines():
        counted = _COUNTED.match(line)
        if counted is not None:
            yield counted["file"]
        elif _NODE.match(line) and not line.startswith(("ERROR ", "FAILED ", "<")):
            yield line.rstrip()


def _durations(text: str, root: Path) -> list[str]:
    """pytest-split's ``.test_durations``: node id → seconds; older releases wrote pairs."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ListError(f"starts like JSON and is none: {error}; {_TAKEN}") from error
    pairs = list(found.items()) if isinstance(found, dict) else found
    if not all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and isinstance(pair[0], str)
        and _is_number(pair[1])
        for pair in pairs
    ):
        raise ListError(f"is JSON, but not the node ids and seconds of .test_durations; {_TAKEN}")
    return [name for name, _ in pairs]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# --- JUnit ------------------------------------------------------------------------------------------------


def _junit(text: str, root: Path) -> list[str]:
    """The test cases of a JUnit file. pytest's own names classes by dots: the file is looked for below ``root``."""
    import xml.etree.ElementTree as ET

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ListError("declares XML entities, which no JUnit file needs: it is not read")
    try:
        tree = ET.fromstring(text)
    except ET.ParseError as error:
        raise ListError(f"starts like XML and is none: {error}; {_TAKEN}") from error
    cases = [case for case in tree.iter("testcase") if case.get("name")]
    if not cases and tree.tag not in ("testsuites", "testsuite"):
        raise ListError(f"is XML, but no JUnit file: its root is <{tree.tag}>; {_TAKEN}")
    found: list[str] = []
    lost: list[str] = []
    for case in cases:
        classname, name = case.get("classname", ""), case.get("name", "")
        node = _node_id(case.get("file"), classname, name, root)
        if node is None:
            lost.append(classname or name)
        else:
            found.append(node)
    if lost:
        raise ListError(
            f"names {len(lost)} tests whose file is not here, {lost[0]!r} among them: run memlint in the folder that "
            "pytest ran in"
        )
    return found


def _node_id(file: str | None, classname: str, name: str, root: Path) -> str | None:
    """``tests.unit.test_a.TestX`` and ``test_y[1]`` make ``tests/unit/test_a.py::TestX::test_y[1]``."""
    parts = (
        classname.split(".") if classname else name.split(".")
    )  # a file that failed to import: no class name
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length]) + ".py"
        if path == file or is_file(root / path):
            return "::".join([path, *parts[length:], name]) if classname else path
    if file and is_file(root / file):
        return f"{file}::{name}"
    return None
