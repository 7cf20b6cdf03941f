"""Where results go: a file or standard output, in colour or not."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tokenize
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from memlint.cli.trouble import TroubleError
from memlint.model import Level
from memlint.report import RenderContext

if TYPE_CHECKING:
    from memlint.config import Settings

_PLAIN_WIDTH = 100  # columns where there is no terminal to ask
_LINE_END = re.compile(r"\r\n|\r|\n")  # as Python sees lines; str.splitlines knows more kinds
_LINKING_TERMINALS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio")


def write_output(chunks: Iterable[str], target: str | None) -> None:
    """Write ``chunks`` to the file ``target``, or to standard output when there is none.

    Raises TroubleError when the file cannot be written; a closed pipe ends quietly.
    """
    if target:
        try:
            with Path(target).open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                file.writelines(chunks)
        except OSError as error:
            raise TroubleError(f"{target}: cannot be written: {error.strerror}") from error
        return
    try:
        for chunk in chunks:
            sys.stdout.write(chunk)
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()


def drop_output() -> None:
    """Send what is still buffered for a closed pipe nowhere, so that the interpreter ends quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def wants_color(choice: str, stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether ANSI colours go to ``stream``: by --color, then NO_COLOR, FORCE_COLOR, then the terminal."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0", "false"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def wants_links(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether ``stream`` is a terminal that is known to understand OSC 8 links."""
    if not stream.isatty() or environ.get("TERM") == "dumb":
        return False
    vte = environ.get("VTE_VERSION", "")
    return (
        environ.get("TERM_PROGRAM") in _LINKING_TERMINALS
        or any(name in environ for name in ("WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION"))
        or (vte.isdigit() and int(vte) >= 5000)
    )


def terminal_width(stream: TextIO) -> int:
    """Columns of the terminal, or of COLUMNS; a fixed number elsewhere, so that output does not vary."""
    if stream.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns
    return _PLAIN_WIDTH


def render_context(
    settings: Settings, options: Mapping[str, Any], stdin: tuple[str, bytes] | None = None
) -> RenderContext:
    """Return what a reporter is told, by the options that commands with a report share."""
    to_file = bool(options["output"])
    choice = "never" if to_file and options["color"] == "auto" else options["color"]
    color = wants_color(choice, sys.stdout)
    return RenderContext(
        color=color,
        hyperlinks=color and not to_file and wants_links(sys.stdout),
        width=terminal_width(sys.stdout),
        level=settings.level,
        statistics=options.get("statistics", False),
        verbose=options["verbose"],
        quiet=options["quiet"],
        source_line=source_lines(settings.working_dir, stdin),
        root=settings.working_dir,
        show_suppressed=settings.level is Level.AUDIT,
        top=options.get("top"),
    )


def source_lines(root: Path, given: tuple[str, bytes] | None = None) -> Callable[[str, int], str | None]:
    """Return a function that gives line n (from 1) of the file at a path below ``root``, or None.

    ``given`` is the name and content of a buffer that stands for the file of that name.
    """

    @lru_cache(maxsize=4)  # findings come grouped by file
    def lines(path: str) -> list[str]:
        try:
            content = given[1] if given and given[0] == path else (root / path).read_bytes()
        except OSError:
            return []
        return _LINE_END.split(_decode(content))

    def line(path: str, number: int) -> str | None:
        found = lines(path)
        return found[number - 1] if 1 <= number <= len(found) else None

    return line


def _decode(content: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    except SyntaxError:
        encoding = "utf-8"
    return content.decode(encoding, errors="replace")
