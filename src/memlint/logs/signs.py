"""The table of signs: ``rules/log-signs.toml``, and what projects add to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from memlint.knowledge.locate import rules_dir
from memlint.knowledge.toml import BadToml, read_toml

FILE_NAME = "log-signs.toml"
_LONGEST_CODE = 11  # digits and a sign: Windows' statuses have 32 bits
Trust = Literal["certain", "strong", "weak"]


class Cause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a job can have ended by."""

    name: str
    title: str
    advice: str
    next: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()  # causes whose signs beside it make it surer


class Exit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What exit statuses mean."""

    codes: tuple[int, ...]
    cause: str
    trust: Trust
    says: str


class Sign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A form of line and what it says."""

    trust: Trust
    says: str
    words: tuple[str, ...]
    pattern: str
    source: str
    cause: str = ""  # "" looks the exit status up
    lasts: Literal["line", "session", "always"] = "line"
    report: bool = False
    rank: int | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cause: tuple[Cause, ...] = ()
    exit: tuple[Exit, ...] = ()
    sign: tuple[Sign, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A sign found on a line."""

    line: int
    text: str
    cause: str
    trust: Trust
    says: str
    rank: int  # small explains more
    lasts: str
    test: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class SignBook:
    """All causes and signs. ``found`` looks at one line."""

    causes: dict[str, Cause]
    exits: dict[int, Exit]
    signs: tuple[Sign, ...]

    @cached_property
    def _ranks(self) -> dict[str, int]:
        return {name: 10 * (place + 1) for place, name in enumerate(self.causes)}

    @cached_property
    def _by_word(self) -> dict[str, list[tuple[Sign, re.Pattern[str]]]]:
        found: dict[str, list[tuple[Sign, re.Pattern[str]]]] = {}
        for sign in self.signs:
            for word in sign.words:
                found.setdefault(word, []).append((sign, re.compile(sign.pattern)))
        return found

    @cached_property
    def _any_word(self) -> re.Pattern[str]:
        words = sorted(self._by_word, key=len, reverse=True)
        return re.compile("|".join(re.escape(word) for word in words))

    def found(self, number: int, line: str, in_report: bool) -> Iterator[Hit]:
        """Yield what the line says; ``in_report`` inside pytest's report of failures."""
        lowered = line.lower()
        if self._any_word.search(lowered) is None:
            return
        tried: set[int] = set()
        for word, entries in self._by_word.items():
            if word not in lowered:
                continue
            for sign, pattern in entries:
                if id(sign) not in tried and (sign.report or not in_report):
                    tried.add(id(sign))
                    match = pattern.search(line)
                    if match is not None and (hit := self._hit(number, line, sign, match.groupdict())):
                        yield hit

    def _hit(self, number: int, line: str, sign: Sign, groups: dict[str, str | None]) -> Hit | None:
        meaning: Sign | Exit = sign
        if not sign.cause:
            code = next((value for name, value in groups.items() if name.startswith("code") and value), "0")
            known = self.exits.get(int(code)) if len(code) <= _LONGEST_CODE else None
            if known is None:
                return None
            meaning = known
        return Hit(
            line=number,
            text=line,
            cause=meaning.cause,
            trust="weak" if sign.trust == "weak" else meaning.trust,
            says=meaning.says,
            rank=sign.rank if sign.rank is not None else self._ranks[meaning.cause],
            lasts=sign.lasts,
            test=groups.get("test"),
            file=groups.get("file"),
        )

    def rank(self, cause: str) -> int:
        """The place of a cause: small explains more."""
        return self._ranks[cause]


def load_signs(extra: Sequence[Path] = ()) -> SignBook:
    """Return the shipped signs and those of the folders ``extra``, whose causes of the same name win.

    Raises BadToml when a file does not fit the format, names an unknown cause or holds a bad pattern.
    """
    paths = [rules_dir() / FILE_NAME, *(p for folder in extra if (p := folder / FILE_NAME).is_file())]
    files = [(path, read_toml(path, _File)) for path in paths]
    causes = {cause.name: cause for _, file in files for cause in file.cause}
    exits = {code: entry for _, file in files for entry in file.exit for code in entry.codes}
    for path, file in files:
        _check(path, file, causes)
    return SignBook(causes, exits, tuple(sign for _, file in files for sign in file.sign))


def _check(path: Path, file: _File, causes: Iterable[str]) -> None:
    named = [*(entry.cause for entry in file.exit), *(sign.cause for sign in file.sign)]
    for cause in named:
        if cause and cause not in causes:
            raise BadToml(f"{path}: there is no cause {cause!r}; it has {', '.join(causes)}")
    for sign in file.sign:
        try:
            groups = re.compile(sign.pattern).groupindex
        except re.error as error:
            raise BadToml(
                f"{path}: the pattern of {sign.says!r} is no regular expression: {error}"
            ) from error
        if not sign.cause and not any(name.startswith("code") for name in groups):
            raise BadToml(f"{path}: {sign.says!r} has neither a cause nor a group 'code'")
        if not sign.words or any(word != word.lower() or not word for word in sign.words):
            raise BadToml(f"{path}: {sign.says!r} needs words in lower case")
