"""A TOML file with the lines on which its keys stand, which the standard parser does not tell."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlint.config.settings import ConfigError, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KeyPath = tuple[str, ...]

_KEY_PART = re.compile(r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([\w-]+))[ \t]*""")
_VALUE_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'{3}.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[\[\]{}]|\n|[^"'#\[\]{}\n]+''',
    re.DOTALL,
)
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


@dataclass(frozen=True, slots=True)
class TomlSource:
    """One parsed file."""

    path: Path
    text: str
    data: dict[str, Any]

    def table(self, *keys: str) -> dict[str, Any] | None:
        """Return the table at ``keys``, or None when there is none."""
        found: Any = self.data
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None

    def line(self, keys: KeyPath, item: object = None) -> int:
        """Return the line of the key (else of its nearest parent), or of the string ``item`` in its value."""
        lines = dict(_key_lines(self.text))
        while keys and keys not in lines:
            keys = keys[:-1]
        first = lines.get(keys, 1)
        if isinstance(item, str):
            for number, line in enumerate(self.text.splitlines()[first - 1 :], first):
                if f'"{item}"' in line or f"'{item}'" in line:
                    return number
        return first


def read_source(path: Path, text: str | None = None) -> TomlSource:
    """Parse ``path``.

    Raises ConfigError, with the line, when it cannot be read or is not TOML.
    """
    text = read_text(path) if text is None else text
    try:
        return TomlSource(path, text, tomllib.loads(text))
    except ValueError as error:  # TOMLDecodeError, or a number of too many digits
        place = _AT_LINE.search(str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        reason = _AT_LINE.sub("", str(error)).strip()
        raise ConfigError(f"{shown(path)}:{line}: not valid TOML: {reason}") from error


def read_text(path: Path) -> str:
    """Return the text of ``path``.

    Raises ConfigError when it cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown(path)}: is not UTF-8: {error.reason} at byte {error.start}") from error


def _key_lines(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Yield every key and table header outside inline tables, with its line; ``text`` is valid TOML."""
    table: KeyPath = ()
    position = 0
    while position < len(text):
        position = _skip_blank(text, position)
        if position >= len(text):
            return
        line = text.count("\n", 0, position) + 1
        is_header = text[position] == "["
        while is_header and text[position] == "[":
            position += 1
        keys, position = _dotted_key(text, position)
        if is_header:
            table = keys
        yield (keys if is_header else table + keys), line
        position = _end_of_statement(text, position)


def _skip_blank(text: str, position: int) -> int:
    blank = re.compile(r"(?:\s+|#[^\n]*)*").match(text, position)
    return blank.end() if blank else position


def _dotted_key(text: str, position: int) -> tuple[KeyPath, int]:
    keys: list[str] = []
    while part := _KEY_PART.match(text, position):
        keys.append(next(group for group in part.groups() if group is not None))
        position = part.end()
        if text[position : position + 1] != ".":
            break
        position += 1
    return tuple(keys), position


def _end_of_statement(text: str, position: int) -> int:
    depth = 0
    while token := _VALUE_TOKEN.match(text, position):
        position = token.end()
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            return position
    return len(text)
