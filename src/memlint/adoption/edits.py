"""Edits of other tools' files that touch no line they need not touch.

Every function takes a file's text and returns the new one. It parses both and makes sure that the data differ by the
intended entry and nothing else; where that cannot be had it raises EditError, and the user adds the lines by hand.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable
from typing import Any

import iniconfig
import tomlkit
import tomlkit.exceptions
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KEY_AT_MARGIN = re.compile(r"[^\s#-].*?:(?:\s|$)")
_SEQUENCE_ITEM = re.compile(r"( *)- ")


class EditError(Exception):
    """The edit is not safe; the message says what keeps it from being so."""


def append_toml_table(text: str, table: str) -> str:
    """Return ``text`` with the TOML of ``table`` (a header and its keys) at its end."""
    after = _joined(text, table)
    _expect(tomllib.loads, text, after, lambda data: _merge(data, tomllib.loads(table)))
    return after


def add_toml_marker(text: str, keys: tuple[str, ...], marker: str) -> str:
    """Return ``text`` with ``marker`` in the list ``markers`` of the table ``keys``, which exists."""

    def added(data: Any) -> None:
        found = data
        for key in keys:
            found = found[key]
        found["markers"] = [*found.get("markers", []), marker]

    try:
        document = tomlkit.parse(text)
        table: Any = document
        for key in keys:
            table = table[key]
        if "markers" in table:
            markers = table["markers"]
            markers.append(marker)
        else:
            table["markers"] = [marker]
    except (tomlkit.exceptions.TOMLKitError, TypeError, AttributeError, KeyError) as error:
        raise EditError(f"its markers cannot be read as a list ({error})") from error
    after = tomlkit.dumps(document)
    _expect(tomllib.loads, text, after, added)
    return after


def add_ini_marker(text: str, section: str, marker: str) -> str:
    """Return ``text`` with ``marker`` in the option ``markers`` of the INI ``section``, which exists."""
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() == f"[{section}]"), None)
    if start is None:
        raise EditError(f"the section [{section}] was not found")
    end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith("[")), len(lines))
    key = next((i for i in range(start + 1, end) if re.match(r"markers\s*[=:]", lines[i])), None)
    if key is None:
        new, at = ["markers =", f"    {marker}"], start + 1
    else:
        last = _last_of_value(lines, key, end)
        indent = re.match(r"\s*", lines[last])
        new, at = [f"{(indent[0] if indent and last > key else '') or '    '}{marker}"], last + 1
    after = "\n".join([*lines[:at], *new, *lines[at:]])

    def added(data: dict[str, dict[str, list[str]]]) -> None:
        data[section]["markers"] = [*data[section].get("markers", []), *marker.split()]

    _expect(_ini, text, after, added)
    return after


def add_pre_commit_repo(text: str, entry: str) -> str:
    """Return ``text`` with the YAML list item ``entry`` (not indented) at the end of the list ``repos``."""

    def added(data: Any) -> None:
        data["repos"] = [*data["repos"], *yaml.safe_load(entry)]

    return _add_to_list(text, "repos", entry, added)


def add_gitlab_include(text: str, path: str) -> str:
    """Return the text of a .gitlab-ci.yml with an ``include`` of the local file ``path``."""
    entry = f"- local: {path}\n"
    data = _yaml(text)
    if "include" not in data:
        after = _joined(text, f"include:\n  {entry}") if text.strip() else f"include:\n  {entry}"
        _expect(_yaml, text, after, lambda found: found.update(include=yaml.safe_load(entry)))
        return after

    def added(found: Any) -> None:
        found["include"] = [*found["include"], *yaml.safe_load(entry)]

    return _add_to_list(text, "include", entry, added)


def _joined(text: str, more: str) -> str:
    if not text.strip():
        return more
    return text.rstrip("\n") + "\n\n" + more


def _add_to_list(text: str, key: str, entry: str, added: Callable[[Any], None]) -> str:
    """Add ``entry`` to the block list under the top-level ``key``, indented as its items are."""
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if re.match(rf"{key}\s*:\s*(?:#.*)?$", line)), None)
    if start is None:
        raise EditError(f"{key} is not a list there with one item a line")
    end = next((i for i in range(start + 1, len(lines)) if _KEY_AT_MARGIN.match(lines[i])), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1  # what stands between the list and the next key
    item = next((match for line in lines[start + 1 : end] if (match := _SEQUENCE_ITEM.match(line))), None)
    if item is None:
        raise EditError(f"{key} is not a list there with one item a line")
    indented = [f"{item[1]}{line}" if line else line for line in entry.rstrip("\n").split("\n")]
    rest = lines[end:] if any(line.strip() for line in lines[end:]) else [""]
    after = "\n".join([*lines[:end], *indented, *rest])
    _expect(_yaml, text, after, added)
    return after


def _last_of_value(lines: list[str], key: int, end: int) -> int:
    last = key
    for i in range(key + 1, end):
        if lines[i].strip() and not lines[i][0].isspace() and not lines[i].startswith(("#", ";")):
            break
        if lines[i][:1].isspace() and lines[i].strip():
            last = i
    return last


def _expect(parse: Callable[[str], Any], before: str, after: str, change: Callable[[Any], Any]) -> None:
    """Raise EditError unless ``after`` holds the data of ``before`` with ``change`` applied."""
    try:
        wanted, found = copy.deepcopy(parse(before)), parse(after)
        change(wanted)
    except (
        tomllib.TOMLDecodeError,
        yaml.YAMLError,
        iniconfig.ParseError,
        TypeError,
        KeyError,
        ValueError,
    ) as error:
        raise EditError(f"the result would not parse ({str(error).splitlines()[0]})") from error
    if wanted != found:
        raise EditError("the result would say something else than is meant")


def _merge(data: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(data.get(key), dict):
            _merge(data[key], value)
        elif key in data:
            raise ValueError(f"{key} is there already")
        else:
            data[key] = value


def _ini(text: str) -> dict[str, dict[str, list[str]]]:
    """Values as lists of their words."""
    sections = iniconfig.IniConfig("", data=text)
    return {section.name: {key: value.split() for key, value in section.items()} for section in sections}


def _yaml(text: str) -> dict[str, Any]:
    data = yaml.load(text, Loader=_Loader) or {}
    if not isinstance(data, dict):
        raise EditError("it is not a mapping at its top")
    return data


class _Loader(yaml.SafeLoader):
    """Keeps tags such as GitLab's ``!reference`` as plain values."""


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [suffix, *loader.construct_sequence(node, deep=True)]
    if isinstance(node, yaml.MappingNode):
        return {suffix: loader.construct_mapping(node, deep=True)}
    return f"{suffix} {node.value}"


_Loader.add_multi_constructor("!", _tagged)
