"""What a file imports and what it starts, read from its text by one regular expression.

Ranking follows the imports of a whole product, thousands of files that no rule looks at: parsing them would cost
more than all else. So this reads lines, knows strings in triple quotes, indentation and nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

_NAMED = r"[ ]+(?P<name>\w+)(?:\((?P<bases>[^()]*)\)[ ]*:)?"
_IMPORT = r"""
        from[ ]+(?P<dots>\.*)[ ]*(?P<module>[\w.]*)[ ]+import[ ]+(?P<names>\([^)]*\)|[^\n;]*)
      | import[ ]+(?P<plain>[^\n;]*)
"""
# the lines that matter, in a text whose long strings are blanked: the first letter tells most others apart at once
_LINE = rf"""
    \n(?P<indent>[ \t]*)(?=[acdefitw]|(?<=\n)[^ \t])(?:
        (?:async[ ]+)?(?P<kind>def|class){_NAMED}
      | {_IMPORT}
      | if[ ]+(?:\w+\.)?(?P<typing>TYPE_CHECKING)\b
      | if[ ]+(?P<condition>[^\n]*)
      | (?P<trying>try[ ]*:|with[ ]+(?:contextlib\.)?suppress\()
      | (?P<otherwise>(?:else|finally)[ ]*:|(?:elif|except)\b)
      | (?<=\n)(?P<top>(?<![ \t])[^\s\#)\]}}'"])
    )
"""
_CALL = r"""
  | i(?<!\wi)(?:mport(?P<skips>orskip)|mport_module|mport_optional_dependency)\(\s*["'](?P<called>[\w.]+)["']
  | _(?<!\w_)(?:import(?P<hidden_skips>orskip)|_import__)\(\s*["'](?P<hidden>[\w.]+)["']
"""
_LINES = re.compile(_LINE, re.VERBOSE)
_LINES_AND_CALLS = re.compile(_LINE + _CALL, re.VERBOSE)
# a text that imports at its top level alone: no line but these matters
_TOP_LINES = re.compile(rf"\n(?: {_IMPORT} | [ \t]*class{_NAMED} )", re.VERBOSE)
_INDENTED = re.compile(r"\n[ \t]+(?:from|import)[ ]")
_CALLEES = ("importorskip(", "import_module(", "import_optional_dependency(", "__import__(")
_QUOTES = ('"""', "'''")
# a condition that asks whether something is there, or for the system: true where what it guards can be imported
_ON_PRESENCE = re.compile(
    r"(?i)has|have|avail|install|found|version|platform|implementation|os\.name|is not None"
)
# an assignment or nothing before it: what stands in a condition, a comment or a function does not match
_AT_TOP = re.compile(r"(?:[A-Za-z_]\w*[ ]*=[ ]*)?(?:\w+\.)*")
_NAME = re.compile(r"([\w.]+)(?:[ ]+as[ ]+(\w+))?")
# import lines in strings, where a string, a line or a statement begins: code for another interpreter
_QUOTED = re.compile(
    r"""
    (?:["']|^[ \t]*|;[ ]*|\\n)
    (?: from[ ]+(?P<module>[A-Za-z_][\w.]*)[ ]+import[ ]+(?P<names>[\w.,\ ]+)
      | import[ ]+(?P<plain>[\w.,\ ]+)
    )
    """,
    re.MULTILINE | re.VERBOSE,
)
_STRING = re.compile(r"""(\"{3}|'{3})[\s\S]*?\1|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")


class Imported(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One import statement. ``names`` are those of ``from``; ``bound`` is the local name of a plain import."""

    line: int
    level: int
    module: str
    names: tuple[str, ...] = ()
    bound: str = ""
    optional: bool = False  # the file gets along without it
    conditional: bool = False  # it waits for something that the source does not tell
    skips: bool = False  # where it is missing, the whole file is skipped


@dataclass(slots=True)
class Scope:
    """A function, with the class around it, if any, and the imports that wait until it runs."""

    name: str
    owner: str
    line: int
    start: int  # offset of ``def`` in the text
    end: int = 0
    imports: list[Imported] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scan:
    """The imports of a file: those that importing it runs, and its functions with theirs."""

    eager: tuple[Imported, ...]
    scopes: tuple[Scope, ...]
    bases: dict[str, tuple[str, ...]]  # of each class, as written, without their modules


@dataclass(slots=True)
class _Open:
    """A block that is open: a function, a class, a try, an if."""

    indent: int
    kind: str
    name: str = ""
    scope: Scope | None = None


class _Reader:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.open: list[_Open] = []
        self.eager: list[Imported] = []
        self.scopes: list[Scope] = []
        self.bases: dict[str, tuple[str, ...]] = {}
        self._line, self._offset = 1, 0

    def read(self) -> Scan:
        """Go through the tokens in order."""
        calls = any(name in self.text for name in _CALLEES)
        for match in (_LINES_AND_CALLS if calls else _LINES).finditer(f"\n{self.text}"):
            called = calls and (match["called"] or match["hidden"])
            if called:
                self.call(called, match.start() - 1, bool(match["skips"] or match["hidden_skips"]))
                continue
            start = match.start("indent") - 1
            self.line_of(start)
            indent = len(match["indent"].expandtabs())
            self.close(indent, start)
            if match["kind"]:
                self.enter(match, indent, start)
            elif match["typing"]:
                self.open.append(_Open(indent, "typing"))
            elif match["condition"]:
                self.open.append(_Open(indent, "try" if _ON_PRESENCE.search(match["condition"]) else "if"))
            elif match["trying"]:
                self.open.append(_Open(indent, "try"))
            elif match["module"] is not None or match["plain"] is not None:
                self.take(list(_imported(match, self._line)), None)
        self.close(0, len(self.text))
        return Scan(tuple(self.eager), tuple(self.scopes), self.bases)

    def call(self, module: str, offset: int, skips: bool) -> None:
        """Take a call that imports a module."""
        self.line_of(offset)
        skips = skips and self.is_at_top(offset)
        level = len(module) - len(module.lstrip("."))
        named = module.strip(
            "."
        )  # ``import_module(".plugins." + name, __package__)`` loads the package at least
        self.take([Imported(self._line, level, named, optional=True, skips=skips)], self.indent_at(offset))

    def line_of(self, offset: int) -> None:
        """Count lines up to an offset."""
        self._line += self.text.count("\n", self._offset, offset)
        self._offset = offset

    def indent_at(self, offset: int) -> int:
        """How far the line of an offset is indented."""
        start = self.text.rfind("\n", 0, offset) + 1
        line = self.text[start:offset]
        return len(line) - len(line.lstrip())

    def is_at_top(self, offset: int) -> bool:
        """Whether a call is a statement of the module itself, which every import of the file runs."""
        start = self.text.rfind("\n", 0, offset) + 1
        return _AT_TOP.fullmatch(self.text[start:offset]) is not None

    def close(self, indent: int, offset: int) -> None:
        """Leave the blocks that a line of this indentation ends."""
        while self.open and self.open[-1].indent >= indent:
            block = self.open.pop()
            if block.scope is not None:
                block.scope.end = offset

    def enter(self, match: re.Match[str], indent: int, start: int) -> None:
        """Open a function or a class."""
        name = match["name"]
        if match["kind"] == "class":
            self.bases[name] = _bases(match)
            self.open.append(_Open(indent, "class", name))
            return
        owner = next((block.name for block in reversed(self.open) if block.kind == "class"), "")
        scope = Scope(name, owner, self._line, start)
        self.scopes.append(scope)
        self.open.append(_Open(indent, "def", name, scope))

    def take(self, found: list[Imported], indent: int | None) -> None:
        """Give imports to the function around them, or to the module."""
        around = [block for block in self.open if indent is None or block.indent < indent]
        if any(block.kind == "typing" for block in around):
            return
        kinds = {block.kind for block in around}
        if kinds & {"try", "if"}:
            unsure = "if" in kinds
            found = [msgspec.structs.replace(item, optional=True, conditional=unsure) for item in found]
        scope = next((block.scope for block in reversed(around) if block.scope is not None), None)
        (self.eager if scope is None else scope.imports).extend(found)


def _bases(match: re.Match[str]) -> tuple[str, ...]:
    written = (base.strip().rpartition(".")[2] for base in (match["bases"] or "").split(","))
    return tuple(base for base in written if base.isidentifier())


def _imported(match: re.Match[str], line: int) -> Iterator[Imported]:
    if match["plain"] is not None:
        for part in match["plain"].partition("#")[0].split(","):
            named = _NAME.match(part.strip())
            if named:
                yield Imported(line, 0, named[1], (), named[2] or named[1].partition(".")[0])
        return
    written = re.sub(r"#[^\n]*|[()\\]", " ", match["names"])
    named_parts = (_NAME.match(part.strip()) for part in written.split(","))
    names = tuple(part[1] for part in named_parts if part)
    if match["module"] or match["dots"]:
        yield Imported(line, len(match["dots"]), match["module"], names)


def blanked(text: str) -> str:
    """A text whose strings in triple quotes are as many line ends: the examples in a docstring call nothing."""
    parts, at = [], 0
    found = [(text.find(quotes), quotes) for quotes in _QUOTES]
    while opened := [place for place in found if place[0] >= 0]:
        start, quotes = min(opened)
        end = text.find(quotes, start + 3)
        if end >= 0:
            parts += [text[at:start], "\n" * text.count("\n", start, end), "   "]
            at = end + 3
        after = at if end >= 0 else start + 3
        found = [(place if place >= after else text.find(mark, after), mark) for place, mark in opened]
    return "".join([*parts, text[at:]])


def scan(code: str) -> Scan:
    """Read the imports of a ``blanked`` Python text; what is no Python gives whatever lines look like imports."""
    return _Reader(code).read()


def scan_imports(code: str) -> Scan:
    """The same of a text whose functions nobody calls: those that import nothing may be left out.

    Where nothing but the top level imports, no block has to be followed.
    """
    if any(name in code for name in _CALLEES) or _INDENTED.search(code):
        return scan(code)
    eager: list[Imported] = []
    bases: dict[str, tuple[str, ...]] = {}
    line, counted = 1, 0
    for match in _TOP_LINES.finditer(f"\n{code}"):
        if match["name"]:
            bases[match["name"]] = _bases(match)
            continue
        line += code.count("\n", counted, match.start())
        counted = match.start()
        eager += _imported(match, line)
    return Scan(tuple(eager), (), bases)


def quoted_imports(text: str, code: str) -> tuple[Imported, ...]:
    """The imports in a file's strings, as scripts for child processes have them; each once, in order of place.

    ``code`` is the same text ``blanked``.
    """
    if text.count("import ") == code.count("import ") and all(map(_is_statement, _lines_with_imports(code))):
        return ()
    found: dict[tuple[str, tuple[str, ...]], Imported] = {}
    for string in _STRING.finditer(text):
        for match in _QUOTED.finditer(string[0]) if "import " in string[0] else ():
            for item in _script_imports(match):
                found.setdefault((item.module, item.names), item)
    return tuple(found.values())


def _lines_with_imports(code: str) -> Iterator[str]:
    """Each line that says ``import``, up to there."""
    at = code.find("import ")
    while at >= 0:
        yield code[code.rfind("\n", 0, at) + 1 : at]
        at = code.find("import ", at + 1)


def _is_statement(before: str) -> bool:
    """Whether what stands before ``import`` on its line makes it a statement, not words in a string."""
    words = before.split()
    return not words or (words[0] == "from" and len(words) == 2)


def _script_imports(match: re.Match[str]) -> Iterator[Imported]:
    if match["plain"] is not None:
        named = (_NAME.match(part.strip()) for part in match["plain"].split(","))
        yield from (Imported(0, 0, part[1]) for part in named if part)
        return
    parts = (_NAME.match(part.strip()) for part in match["names"].split(","))
    yield Imported(0, 0, match["module"], tuple(part[1] for part in parts if part))
