"""Lints the tests of public projects and compares what is found with scripts/ecosystem.json.

    python scripts/ecosystem.py [--update] [--cache DIR] [--suite NAME==VERSION]... [--cpython PYTHON]... [--own]

The pinned wheels are fetched with pip into the cache folder, unless they are there, and unpacked there.
--cpython adds the `test` package of an interpreter, --own that of the running one. Every suite is linted at level ci
with default settings; facts are kept in the cache folder, so that a second run reads only what has changed.
The difference to the committed summary is printed as a table; --update writes the new summary.

Exit codes: 0 as committed, or updated; 1 different; 2 a suite could not be fetched or linted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).resolve().parent
SUMMARY = HERE / "ecosystem.json"
CACHE = HERE.parent / ".memlint_cache" / "ecosystem"
SCHEMA = "memlint.ecosystem/1"
SUITES = (
    "networkx==3.6.1",
    "numpy==2.4.6",
    "pandas==3.1.1",
    "scikit-learn==1.9.1",
    "scipy==1.17.1",
    "sympy==1.14.0",
)
IMPORTED_AS = {"scikit-learn": "sklearn"}
# one platform for everyone, so that all machines lint the same files
PLATFORM = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "none")
TAGS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_24_x86_64",
    "manylinux2014_x86_64",
    "any",
)


class EcosystemError(Exception):
    """A suite that cannot be fetched or linted; the message says which and why."""


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What linting a suite came to."""

    files: int
    findings: dict[str, int]  # by code
    errors: list[str]  # error records, "path: message"


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The committed file."""

    schema: str
    suites: dict[str, Outcome]


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests to lint: ``target`` is a folder below ``root``, to which paths in results are relative."""

    title: str
    root: Path
    target: str


def main(arguments: list[str] | None = None) -> int:
    """Lint, compare, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true", help="write the summary")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="wheels and unpacked suites")
    parser.add_argument("--summary", type=Path, default=SUMMARY, metavar="FILE", help="the committed summary")
    parser.add_argument(
        "--suite", action="append", metavar="NAME==VERSION", help="these wheels in place of the pinned ones"
    )
    parser.add_argument(
        "--cpython", action="append", default=[], metavar="PYTHON", help="an interpreter with its tests"
    )
    parser.add_argument("--own", action="store_true", help="the running interpreter's tests as well")
    options = parser.parse_args(arguments)
    old = read_summary(options.summary)
    try:
        wheels = SUITES if options.suite is None else options.suite
        suites = [wheel_suite(pin, options.cache) for pin in wheels]
        interpreters = [*options.cpython, *([sys.executable] if options.own else [])]
        suites += [cpython_suite(python) for python in interpreters]
        new = {suite.title: lint(suite, options.cache) for suite in suites}
    except EcosystemError as error:
        print(error, file=sys.stderr)
        return 2
    rows = differences(old, new)
    print_table(rows, sum(sum(outcome.findings.values()) for outcome in new.values()), len(new))
    if options.update:
        write_summary(options.summary, {**old, **new})
        return 0
    return int(bool(rows))


def read_summary(path: Path) -> dict[str, Outcome]:
    """Return the committed outcomes by suite; none when there is no file yet."""
    if not path.exists():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=Summary).suites


def write_summary(path: Path, outcomes: dict[str, Outcome]) -> None:
    """Write the outcomes in order of suites and codes, so that diffs are small."""
    plain = msgspec.to_builtins(Summary(SCHEMA, outcomes))
    path.write_text(json.dumps(plain, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def wheel_suite(pin: str, cache: Path) -> Suite:
    """Return the unpacked wheel, fetched if need be.

    Raises EcosystemError when pip fails.
    """
    name, _, version = pin.partition("==")
    folder = cache / f"{name}-{version}"
    if not folder.is_dir():
        wheel = find_wheel(name, version, cache) or fetch_wheel(pin, cache)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return Suite(f"{name} {version}", folder, IMPORTED_AS.get(name, name))


def find_wheel(name: str, version: str, cache: Path) -> Path | None:
    """Return the wheel in the cache, if it is there."""
    return next(iter(sorted(cache.glob(f"{name.replace('-', '_')}-{version}-*.whl"))), None)


def fetch_wheel(pin: str, cache: Path) -> Path:
    """Download one wheel without what it depends on.

    Raises EcosystemError when pip fails.
    """
    tags = [word for tag in TAGS for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*command, *PLATFORM, *tags, "-d", str(cache), pin], capture_output=True, text=True)
    name, _, version = pin.partition("==")
    wheel = find_wheel(name, version, cache)
    if done.returncode or wheel is None:
        raise EcosystemError(f"{pin}: pip download failed:\n{done.stderr.strip()}")
    return wheel


def cpython_suite(python: str) -> Suite:
    """Return the `test` package that an interpreter ships.

    Raises EcosystemError when it ships none.
    """
    code = "import platform, test; print(platform.python_version(), test.__path__[0])"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise EcosystemError(f"{python} has no package 'test':\n{done.stderr.strip()}")
    version, _, folder = done.stdout.strip().partition(" ")
    return Suite(f"cpython {version}", Path(folder).parent, "test")


def lint(suite: Suite, cache: Path) -> Outcome:
    """Return what memlint finds in the suite, with its facts kept below ``cache``.

    Raises EcosystemError when memlint ends without a result.
    """
    folder = (cache / "facts" / suite.title.replace(" ", "-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "memlint.toml"
    kept = folder / "memlint"  # a folder of its own: memlint writes into none that holds what is not its
    config.write_text(f"cache-dir = {json.dumps(str(kept))}\n", encoding="utf-8")
    # -I keeps the suite's own folder, which may be another Python's library, from the path of this one
    command = [sys.executable, "-I", "-m", "memlint", "lint", "--config", str(config)]
    command += ["--level", "ci", "--format", "json"]
    done = subprocess.run([*command, suite.target], cwd=suite.root, capture_output=True, text=True)
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise EcosystemError(
            f"{suite.title}: memlint failed ({done.returncode}):\n{done.stderr[-2000:]}"
        ) from None
    codes = Counter(finding["code"] for finding in result["findings"])
    errors = sorted(f"{error['path']}: {error['message']}" for error in result["errors"])
    return Outcome(result["summary"]["files"], dict(sorted(codes.items())), errors)


def differences(old: dict[str, Outcome], new: dict[str, Outcome]) -> list[tuple[str, str, int, int]]:
    """Return (suite, what, committed, now) where they differ; what is a code, files, or an error record."""
    nothing = Outcome(0, {}, [])
    rows = []
    for suite in sorted(new):
        before, now = _counts(old.get(suite, nothing)), _counts(new[suite])
        rows += [
            (suite, what, before[what], now[what])
            for what in sorted(before | now)
            if before[what] != now[what]
        ]
    return rows


def _counts(outcome: Outcome) -> Counter[str]:
    return Counter(
        {"files": outcome.files, **outcome.findings, **Counter(f"error: {e}" for e in outcome.errors)}
    )


def print_table(rows: list[tuple[str, str, int, int]], findings: int, suites: int) -> None:
    """Print what differs, and the sum."""
    for suite, what, before, now in rows:
        print(f"{suite:<24} {before:>6} {now:>6} {now - before:>+6}  {what}")
    print(f"{suites} suites, {findings} findings, {len(rows)} differences")


if __name__ == "__main__":
    sys.exit(main())
