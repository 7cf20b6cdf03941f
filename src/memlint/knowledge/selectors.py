"""Names of rules as people write them: a code, the start of one, a name, a family, or ``ALL``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import takewhile

from memlint.knowledge.rulebook import FAMILIES, RuleBook

ALL = "ALL"
_CODE_START = re.compile(r"MEM\d{0,3}")


class UnknownSelectorError(ValueError):
    """A word that names no rule; the message says which was likely meant."""

    def __init__(self, word: str, choices: Iterable[str]) -> None:
        super().__init__(f"{word!r} names no rule, code or family{did_you_mean(word, choices)}")
        self.word = word


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the choice most like ``word``, or ``""``."""
    plain = {choice.lower(): choice for choice in choices}
    word = word.lower().replace("_", "-")
    close = get_close_matches(word, plain, n=20)
    # codes are all alike: the first of those that begin like the word is the likeliest
    best = max(sorted(close), key=lambda choice: _shared_start(word, choice), default=None)
    return f"; did you mean {plain[best]!r}?" if best else ""


def _shared_start(one: str, other: str) -> int:
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def choices(book: RuleBook) -> list[str]:
    """Every whole word that ``codes_of`` understands."""
    rules = book.rules.values()
    return [ALL, *FAMILIES, *(rule.code for rule in rules), *(rule.name for rule in rules)]


def codes_of(word: str, book: RuleBook) -> frozenset[str]:
    """Return the codes that ``word`` names.

    Raises UnknownSelectorError when there is none.
    """
    if word == ALL:
        return frozenset(book.rules)
    if word in book.rules:
        return frozenset({word})
    if word in FAMILIES:
        return frozenset(code for code, rule in book.rules.items() if rule.family == word)
    if _CODE_START.fullmatch(word):
        found = frozenset(code for code in book.rules if code.startswith(word))
    else:
        found = frozenset(code for code, rule in book.rules.items() if rule.name == word)
    if not found:
        raise UnknownSelectorError(word, choices(book))
    return found


def code_of(word: str, book: RuleBook) -> str:
    """Return the one code that ``word``, a code or a name, stands for.

    Raises UnknownSelectorError when there is none.
    """
    for code, rule in book.rules.items():
        if word in (code, rule.name):
            return code
    raise UnknownSelectorError(word, (*book.rules, *(rule.name for rule in book.rules.values())))


def choose(select: Iterable[str], ignore: Iterable[str], book: RuleBook) -> frozenset[str]:
    """Return the codes that ``select`` names and ``ignore`` does not; a narrower word beats a wider one.

    Raises UnknownSelectorError for a word that names nothing.
    """
    steps = [(_breadth(word), 0, codes_of(word, book)) for word in select]
    steps += [(_breadth(word), 1, codes_of(word, book)) for word in ignore]
    chosen: frozenset[str] = frozenset()
    for _, removes, codes in sorted(steps, key=lambda step: step[:2]):
        chosen = chosen - codes if removes else chosen | codes
    return chosen


def _breadth(word: str) -> int:
    """0 for everything, 1 for a family, 2 for a tenth of one, 3 for one rule."""
    if word == ALL:
        return 0
    if word in FAMILIES:
        return 1
    return len(word) - len("MEM") if _CODE_START.fullmatch(word) else 3
