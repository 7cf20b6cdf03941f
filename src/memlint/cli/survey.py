"""What there is to run, found by a short process of its own.

The supervisor stays small, so what needs the configuration, the file walk and the analysis happens in a process that
prints files and predictions, and ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlint.cli.options import say
from memlint.cli.trouble import TroubleError
from memlint.disk import is_file

_SURVEY = "from memlint.cli.survey import answer; answer()"


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What there is to run, and what the static ranking expects of it."""

    named: tuple[str, ...]
    predictions: dict[str, int]  # file → likely peak in bytes


def survey(options: dict[str, Any], *, ranked: bool) -> Surveyed:
    """Ask a short process for the files and their predictions.

    ``options`` are a command's: paths, lists, config, isolated. Raises TroubleError when a path does not exist or the
    configuration cannot be obeyed.
    """
    question = {
        "paths": list(options["paths"]),
        "lists": [
            (file.name, file.read().decode("latin-1")) for file in options["lists"]
        ],  # bytes, as JSON takes them
        "config": str(options["config"]) if options["config"] else None,
        "isolated": options["isolated"],
        "rank": ranked,
    }
    done = subprocess.run(
        [sys.executable, "-c", _SURVEY],
        input=json.dumps(question).encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise TroubleError("the files could not be surveyed (see above)")
    found = json.loads(done.stdout)
    if found["errors"]:
        raise TroubleError("; ".join(found["errors"]))
    if found["unranked"]:
        say(f"no static ranking ({found['unranked']}): files run in the order given")
    return Surveyed(tuple(found["named"]), found["predictions"])


def answer() -> None:
    """The survey's own process: a question on standard input, an answer on standard output, both JSON."""
    question = json.load(sys.stdin)
    json.dump(_answer(question), sys.stdout)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    from memlint.cli.options import settings_for
    from memlint.config import ConfigError, Overrides
    from memlint.discovery import ListError, read_test_list

    paths = list(question["paths"])
    for name, text in question["lists"]:
        try:
            paths += read_test_list(text.encode("latin-1"))
        except ListError as error:
            return {"errors": [f"--test-file: {name}: {error}"]}
    if question["lists"] and not paths:
        return {"errors": ["the list names no test"]}
    try:
        config = Path(question["config"]) if question["config"] else None
        settings = settings_for(paths, config, question["isolated"], Overrides())
    except ConfigError as error:
        return {"errors": [str(error)]}
    named, errors = _files(paths, settings)
    predictions: dict[str, int] = {}
    unranked = ""
    if question["rank"] and named and not errors:
        try:
            predictions = _predictions(named, settings)
        except Exception as error:  # the ranking is a convenience: measuring must not depend on it
            unranked = f"{type(error).__name__}: {error}"
    return {"named": named, "errors": errors, "predictions": predictions, "unranked": unranked}


def _files(paths: list[str], settings: Any) -> tuple[list[str], list[str]]:
    """Test files in the order given, folders walked; node ids stay as they are."""
    from memlint.discovery import Role, discover

    named: dict[str, None] = {}
    errors: list[str] = []
    everything: list[str | None] = [None]  # the suite's own testpaths
    for path in paths or everything:
        found = discover([path] if path else [], settings)
        errors += [f"{error.path}: {error.message}" for error in found.errors]
        if path and "::" in path and not os.path.lexists(path):
            file = found.files[0].path if found.files else path.partition("::")[0]
            named["::".join([file, path.partition("::")[2]])] = None
            continue
        is_named = path is not None and is_file(Path(path))
        named.update((file.path, None) for file in found.files if is_named or file.role is Role.TEST)
        if is_named and not found.files:
            named[Path(os.path.relpath(path or "")).as_posix()] = None  # named by hand: excludes do not count
    return list(named), errors


def _predictions(named: list[str], settings: Any) -> dict[str, int]:
    from memlint import pipeline
    from memlint.runner.units import file_of

    files = tuple(dict.fromkeys(file_of(name) for name in named))
    result = pipeline.rank(pipeline.Request(paths=files, settings=settings, root=settings.working_dir))
    return {suspect.path: suspect.peak.likely for suspect in result.files}
