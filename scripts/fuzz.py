"""Feeds memlint with mutated files and reports what it does not take well.

    python scripts/fuzz.py KIND [--count N] [--seed S] [--keep DIR]

KIND is python, config, rule, api, journal, baseline or all. Python files are linted, ranked and reported in every
format; the others are read as their commands read them. Bad input must end in a finding, an error record or the error
that the reader documents. What counts as a fault: any other exception, an error record that speaks of a fault in
memlint, more than 10 s for one input, more than 500 MiB of growth, or a control character in output for people.
The input of every fault is kept in DIR (default: fuzz-faults) with the traceback beside it.

Runs are repeatable: input I of seed S is always the same. Exit code 1 when there was a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 10
GROWTH = 500 * 2**20  # bytes
NASTY = (
    "\0",
    "\ufeff",
    "\x1b[31m",
    "\u202e",
    "\ud800",
    "\r",
    "\x0c",
    "\t",
    "'''",
    '"',
    "\\",
    "(" * 300,
    "[" * 120,
    "-" * 2000 + "1",
    "not " * 500,
    "9" * 5000,
    "1e999",
    "0x" + "f" * 400,
    "10**10**10",
    "'x' * 10**18",
    "(1 << 10**6)",
    "range(10**30)",
    "[[]] * 10**9",
    "lambda: (yield)",
    "*",
    "**",
    ":=",
    "async ",
    "await ",
    "\u200b",
    "é",
    "𝔁",
    "# memlint: ignore[",
    "# memlint: ignore[MEM101] x",
    "# memlint: file-ignore[]",
    "# -*- coding: latin-1 -*-\n",
    "# coding: rot13\n",
    "null",
    "{}",
    "[]",
    "true",
    "-1",
    '"a"',
    "NaN",
)
TOKEN = re.compile(rb"\w+|\s+|[^\w\s]")


class TimeUpError(BaseException):
    """One input took too long. No ``except Exception`` may swallow it."""


def mutated(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    """Return ``text`` after one to eight small accidents."""
    for _ in range(random_.choice((1, 1, 2, 3, 5, 8))):
        text = random_.choice(MUTATIONS)(text, others, random_)
    return text[:200_000]


def _spot(text: bytes, random_: random.Random) -> int:
    return random_.randrange(len(text) + 1)


def _insert(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    at = _spot(text, random_)
    return text[:at] + random_.choice(NASTY).encode("utf-8", "surrogatepass") + text[at:]


def _flip(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    at = _spot(text, random_)
    return text[:at] + bytes([random_.randrange(256)]) + text[at + 1 :]


def _cut(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    start, end = sorted((_spot(text, random_), _spot(text, random_)))
    return text[:start] + text[end:]


def _truncate(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    return text[: _spot(text, random_)]


def _lines(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    """Swap, repeat, drop or indent a line."""
    lines = text.split(b"\n")
    i, j = random_.randrange(len(lines)), random_.randrange(len(lines))
    kind = random_.randrange(4)
    if kind == 0:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 1:
        lines[i:i] = [lines[j]] * random_.choice((1, 2, 50))
    elif kind == 2:
        del lines[i]
    else:
        lines[i] = random_.choice((b"    ", b"\t", b" ")) + lines[i]
    return b"\n".join(lines)


def _token(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    """Put one word of the file, or a nasty one, in the place of another."""
    tokens = TOKEN.findall(text)
    if not tokens:
        return text
    other = random_.choice(tokens)
    if random_.random() < 0.4:
        other = random_.choice(NASTY).encode("utf-8", "surrogatepass")
    tokens[random_.randrange(len(tokens))] = other
    return b"".join(tokens)


def _splice(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    other = random_.choice(others)
    return text[: _spot(text, random_)] + other[_spot(other, random_) :]


def _wrap(text: bytes, others: list[bytes], random_: random.Random) -> bytes:
    """Nest the whole file deeper."""
    head = random_.choice(
        (b"if x:\n", b"def f():\n", b"class A:\n", b"try:\n", b"with a as b:\n", b"while True:\n")
    )
    times = random_.choice((1, 3, 30))
    for _ in range(times):
        text = head + b"\n".join(b" " + line for line in text.split(b"\n"))
        if len(text) > 100_000:
            break
    return text


MUTATIONS = (_insert, _flip, _cut, _truncate, _lines, _lines, _token, _token, _token, _splice, _wrap)


# ---------------------------------------------------------------------------------------------- the kinds of input


def _rule_texts() -> list[bytes]:
    return [path.read_bytes() for path in sorted(ROOT.glob("rules/*/MEM*.toml"))]


def python_seeds() -> list[bytes]:
    """Sources: those of all rule cases, memlint's own tests and the examples."""
    from memlint.knowledge.rulebook import load_rulebook

    cases = [case for rule in load_rulebook().rules.values() for case in rule.case]
    texts = [code for case in cases for code in (case.code, *(file.code for file in case.file)) if code]
    files = [*ROOT.glob("examples/**/*.py"), *ROOT.glob("tests/**/test_*.py")]
    return [*(text.encode() for text in texts), *(path.read_bytes() for path in sorted(files))]


def feed_python(content: bytes, folder: Path) -> None:
    """Lint, rank and report one file, as a file on disk and as an editor's buffer."""
    from memlint import pipeline
    from memlint.config import load_settings
    from memlint.model import Level
    from memlint.report import FORMATS, RANK_FORMATS, RenderContext, get_rank_reporter, get_reporter

    path = folder / "test_fuzzed.py"
    path.write_bytes(content)
    settings = load_settings(folder, isolated=True, working_dir=folder)
    request = pipeline.Request(("test_fuzzed.py",), settings, Level.AUDIT, jobs=1, cache=False, root=folder)
    result = pipeline.lint(request)
    ranked = pipeline.rank(request)
    for error in (*result.errors, *ranked.errors):
        if "memlint failed" in error.message:
            raise AssertionError(error.message)
    context = RenderContext(
        color=False,
        hyperlinks=False,
        width=100,
        level=Level.AUDIT,
        statistics=True,
        verbose=2,
        quiet=False,
        source_line=lambda path, line: (
            content.decode("utf-8", "replace").split("\n")[line - 1 : line][0]
            if 0 < line <= content.count(b"\n") + 1
            else None
        ),
        root=folder,
        show_suppressed=True,
        top=None,
    )
    for name in FORMATS:
        _check_text(name, "".join(get_reporter(name).render(result, context)))
    for name in RANK_FORMATS:
        if name != "html":  # needs an extra
            _check_text(name, "".join(get_rank_reporter(name).render(ranked, context)))


def _check_text(name: str, text: str) -> None:
    text.encode("utf-8")
    bad = [char for char in text if (char < " " and char != "\n") or char in "\x7f\u202e\u200b"]
    if bad and name in {"text", "concise", "github", "junit"}:
        raise AssertionError(f"format {name} passes on {bad[:5]!r}")


def config_seeds() -> list[bytes]:
    """Settings of every key, and pytest's own configurations."""
    return [
        b'select = ["ALL"]\nignore = ["captured-output"]\nexclude = ["tests/data/"]\nmarkers = ["slow"]\n'
        b'fail-on = "warning"\nbaseline = "b.json"\nlevel = "ci"\ncores = 4\ncache-dir = "c"\nextend = "other.toml"\n'
        b'testpaths = ["tests"]\npython-files = ["test_*.py"]\nextra-rules = ["r"]\n\n[per-file-ignores]\n'
        b'"tests/stress/*" = ["grow", "MEM701"]\n\n[rules.MEM201]\nmin-bytes = "250 MiB"\n',
        b'[tool.memlint]\nlevel = "hook"\n[tool.pytest.ini_options]\naddopts = "-n 4 -ra"\ntestpaths = ["a b"]\n'
        b'markers = ["slow: x"]\n[tool.memlint.rules.bulk-comprehension]\nmin-count = "1e5"\n',
        b"[pytest]\naddopts = -ra -n auto\ntestpaths =\n    tests\n    more\nmarkers =\n    slow: a\n",
    ]


def feed_config(content: bytes, folder: Path) -> None:
    """Load settings from one file, under a name that fits."""
    from memlint.config import ConfigError, load_settings

    for name in ("memlint.toml", "pyproject.toml", "pytest.ini"):
        path = folder / name
        path.write_bytes(content)
        with contextlib.suppress(ConfigError):
            load_settings(folder, working_dir=folder)
        path.unlink()


def feed_rule(content: bytes, folder: Path) -> None:
    """Load a rule of the user's own."""
    _feed_rules(content, folder / "rules" / "grow" / "MEM201-large-allocation.toml", folder / "rules")


def api_seeds() -> list[bytes]:
    """The API tables."""
    return [path.read_bytes() for path in sorted(ROOT.glob("rules/apis/*.toml"))]


def feed_api(content: bytes, folder: Path) -> None:
    """Load an API table of the user's own."""
    _feed_rules(content, folder / "rules" / "apis" / "fuzzed.toml", folder / "rules")


def _feed_rules(content: bytes, path: Path, rules: Path) -> None:
    from memlint.knowledge.index import api_index
    from memlint.knowledge.rulebook import load_rulebook
    from memlint.knowledge.toml import BadToml

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with contextlib.suppress(BadToml):
        load_rulebook((rules,))
        api_index((rules,))
    path.unlink()
    for cached in (load_rulebook, api_index):
        getattr(cached, "cache_clear", lambda: None)()


def journal_seeds() -> list[bytes]:
    """A journal with a record of every kind."""
    from memlint.runner import journal as j

    context = j.Context("c1", "3.11.7", "linux", "cgroup1", 2**34, "9.2.0")
    end = j.UnitEnd("a", ("a",), "oom", None, "SIGKILL", ("x",), 80, 30, 5, 0, "cgroup1", 1.5, "a::1")
    records: list[Any] = [
        j.Run("memlint.journal/1", "r1", context, ("memlint", "measure"), limit_bytes=2**31),
        j.Baseline(("conftest.py",), 30_000_000),
        j.UnitStart("a", ("a",), "hash", limit_bytes=7, pid=4),
        j.TestStart("a", "a::1[x]"),
        j.TestEnd("a", "a::1[x]", "passed", 10, 20, 12, 0.1, tree_bytes=30),
        end,
    ]
    return [b"".join(map(j.encode, records)) * repeats for repeats in (1, 3)]


def feed_journal(content: bytes, folder: Path) -> None:
    """Read a journal as every command that takes one does."""
    from memlint.runner.journal import JournalError, load, read
    from memlint.runner.measurement import failed_members, load_measurement
    from memlint.runner.summary import summarise

    path = folder / "journal.jsonl"
    path.write_bytes(content)
    with contextlib.suppress(JournalError):
        load(path)
    with contextlib.suppress(JournalError):
        summarise(read(path))
    with contextlib.suppress(JournalError):
        failed_members(load_measurement(path))


def baseline_seeds() -> list[bytes]:
    """A baseline of two findings."""
    entry = (
        b'{"fingerprint": "a1", "code": "MEM201", "path": "tests/a.py", "symbol": "t", "message": "m",'
        b' "estimated_bytes": 5, "reason": ""}'
    )
    return [b'{\n "schema": "memlint.baseline/1",\n "findings": [' + entry + b", " + entry + b"]}\n"]


def feed_baseline(content: bytes, folder: Path) -> None:
    """Read a baseline and apply it."""
    from memlint import baseline
    from memlint.config import ConfigError, load_settings
    from memlint.model import LintResult, Summary

    path = folder / "baseline.json"
    path.write_bytes(content)
    settings = load_settings(folder, isolated=True, working_dir=folder)
    with contextlib.suppress(ConfigError):
        baseline.apply(path, LintResult((), (), Summary(0, 0)), settings, ())


Feed = Callable[[bytes, Path], None]
KINDS: dict[str, tuple[Callable[[], list[bytes]], Feed]] = {
    "python": (python_seeds, feed_python),
    "config": (config_seeds, feed_config),
    "rule": (_rule_texts, feed_rule),
    "api": (api_seeds, feed_api),
    "journal": (journal_seeds, feed_journal),
    "baseline": (baseline_seeds, feed_baseline),
}


# ---------------------------------------------------------------------------------------------- the run


def inputs(kind: str, count: int, seed: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each input."""
    seeds = KINDS[kind][0]()
    for number in range(count):
        random_ = random.Random(f"{kind} {seed} {number}")
        yield number, mutated(random_.choice(seeds), seeds, random_)


def faults(kind: str, count: int, seed: int) -> Iterator[tuple[int, bytes, str]]:
    """Feed ``count`` inputs; yield the number, the bytes and the traceback of those that are not taken well."""
    feed = KINDS[kind][1]
    signal.signal(signal.SIGALRM, _time_is_up)
    with tempfile.TemporaryDirectory() as name:
        for number, content in inputs(kind, count, seed):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            signal.alarm(SECONDS)
            try:
                feed(content, Path(name))
            except (Exception, TimeUpError):
                signal.alarm(0)
                yield number, content, traceback.format_exc()
            finally:
                signal.alarm(0)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
            if grown > GROWTH:
                yield number, content, f"memory grew by {grown / 2**20:.0f} MiB"


def _time_is_up(*_: object) -> None:
    raise TimeUpError(f"took more than {SECONDS} s")


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=[*KINDS, "all"])
    parser.add_argument("--count", type=int, default=1000, help="inputs of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"))
    options = parser.parse_args()
    os.environ["MEMLINT_DEBUG"] = "1"  # a fault keeps its traceback
    found = 0
    for kind in KINDS if options.kind == "all" else (options.kind,):
        began = time.monotonic()
        for number, content, why in faults(kind, options.count, options.seed):
            found += 1
            options.keep.mkdir(parents=True, exist_ok=True)
            name = f"{kind}-{options.seed}-{number}"
            (options.keep / name).write_bytes(content)
            (options.keep / f"{name}.txt").write_text(why, encoding="utf-8", errors="backslashreplace")
            print(f"{name}: {why.strip().splitlines()[-1][:200]}", flush=True)
        print(f"{kind}: {options.count} inputs in {time.monotonic() - began:.0f} s", flush=True)
    print(f"{found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
