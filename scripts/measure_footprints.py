"""Measures what importing libraries costs and writes rules/footprints.toml; --check tests the additive model.

    python scripts/measure_footprints.py --environments DIR [--only NAME] [--check | --uses]

Every environment of footprint_environments.toml is a virtual environment below DIR, made and filled with pip
when it is not there. Each module is imported alone in fresh processes with OMP_NUM_THREADS=1; its peak is VmHWM
after the import less VmHWM before it. Runs are kept in DIR/NAME.jsonl: what was interrupted goes on there.
Uses are run in fresh processes, too: what a first use costs is VmHWM after it less VmHWM after all that it imports.

--uses measures the uses alone and leaves the modules of the table as they are.

--check measures random combinations of modules and compares them with what the written table predicts.
Exit codes: 0 done, or the model holds; 1 it does not; 2 an environment could not be made. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from memlint.knowledge.footprints import (
    SESSION,
    FirstUse,
    Footprints,
    FootprintTable,
    Measured,
    additive,
    read_footprints,
    table_as_toml,
)
from memlint.knowledge.toml import read_toml
from memlint.units import format_bytes

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent / "rules" / "footprints.toml"
ENVIRONMENTS = HERE / "footprint_environments.toml"
LEAST_STANDARD = 300_000  # bytes: cheaper modules of the standard library are left out
LEAST_SUBMODULE = 500_000  # bytes beyond the package: cheaper submodules are left out
TIMEOUT = 180  # seconds an import may take
LEAST_USE = 1_000_000  # bytes: cheaper first uses are left out
COMBINATIONS = 30
MEDIAN_ERROR, WORST_ERROR = 0.04, 0.15  # shares of the measured bytes that --check allows

# Runs in the environment's interpreter: prints peaks before and after, and what was loaded in between.
PROBE = """
import sys
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
peak()  # opening a file for the first time costs memory too
before, idle = set(sys.modules), peak()
if sys.argv[1:] == ["pytest:session"]:
    import pytest, tempfile
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/test_empty.py", "w") as file:
            file.write("def test_nothing():\\n    assert 1 + 1 == 2\\n")
        if pytest.main(["-q", "-p", "no:cacheprovider", folder]):
            sys.exit("the empty session failed")
else:
    for name in sys.argv[1:]:
        __import__(name)
after, loaded = peak(), sorted(set(sys.modules) - before)
import json
sys.__stdout__.write("\\n" + json.dumps([idle, after, loaded]))
"""

# Runs a use, given as its imports, what follows them and modules to have loaded by then: prints peaks before and after
# what follows, and what that loaded.
USE = """
import importlib, json, sys
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
peak()
imports, rest = (compile(code, "use", "exec") for code in sys.argv[1:3])
exec(imports)
for name in sys.argv[3:]:
    try:
        importlib.import_module(name)
    except Exception:
        pass
before, idle = set(sys.modules), peak()
exec(rest)
after = peak()
sys.__stdout__.write("\\n" + json.dumps([idle, after, sorted(set(sys.modules) - before)]))
"""

VERSIONS = """
import importlib.metadata, json
print(json.dumps({top: importlib.metadata.version(owners[0])
                  for top, owners in importlib.metadata.packages_distributions().items()}))
"""


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A virtual environment and what is measured in it."""

    name: str
    requirements: list[str]
    modules: list[str]
    uses: dict[str, str] = {}  # a small use of a library, by the module that the library is imported as


class Environments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of footprint_environments.toml."""

    environment: list[Environment]


class Run(msgspec.Struct, frozen=True):
    """One lone import. ``loaded`` is every module found loaded after it."""

    name: str
    idle: int
    bytes: int
    loaded: list[str]
    version: str | None = None
    error: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Measure and write, or check, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--environments", type=Path, required=True, metavar="DIR", help="where they are or go"
    )
    parser.add_argument("--only", metavar="NAME", help="measure this environment alone, write nothing")
    parser.add_argument("--check", action="store_true", help="measure combinations against the table")
    parser.add_argument("--uses", action="store_true", help="measure first uses alone")
    options = parser.parse_args(arguments)
    environments = read_toml(ENVIRONMENTS, Environments).environment
    chosen = [env for env in environments if options.only in (None, env.name)]
    try:
        for env in chosen:
            make_environment(env, options.environments / env.name)
    except subprocess.CalledProcessError as error:
        print(f"cannot make an environment: {error}", file=sys.stderr)
        return 2
    if options.check:
        return check(chosen, options.environments, read_footprints(TABLE))
    if options.uses:
        modules = read_footprints(TABLE).table
    else:
        modules = build(run for env in chosen for run in measure(env, options.environments))
    uses = {name: use for env in chosen for name, use in measure_uses(env, options.environments)}
    if options.only is None:
        table = msgspec.structs.replace(modules, first_use=dict(sorted(uses.items())))
        TABLE.write_text(table_as_toml(table), encoding="utf-8")
    return 0


def make_environment(env: Environment, folder: Path) -> None:
    """Create and fill the virtual environment unless it exists.

    Raises subprocess.CalledProcessError when venv or pip fails.
    """
    if not folder.is_dir():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([interpreter(folder), "-m", "pip", "install", "-q", *env.requirements], check=True)


def interpreter(folder: Path) -> Path:
    """The environment's Python."""
    return folder / "bin" / "python"


def measure(env: Environment, root: Path) -> list[Run]:
    """Return one run for every module of the environment, taking those that its journal holds already."""
    journal = root / f"{env.name}.jsonl"
    versions = distribution_versions(interpreter(root / env.name))
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
    runs = {run.name: run for run in (msgspec.json.decode(line, type=Run) for line in lines)}
    names = sorted({*env.modules, *([SESSION] if "pytest" in env.modules else [])})
    with journal.open("a", encoding="utf-8") as file:
        for name in names:
            if name not in runs and not _comes_with_package(name, runs):
                run = import_alone(interpreter(root / env.name), name)
                run = msgspec.structs.replace(
                    run, version=versions.get(name.partition(".")[0].partition(":")[0])
                )
                runs[name] = run
                file.write(msgspec.json.encode(run).decode() + "\n")
                file.flush()
                print(f"{env.name}: {name}: {run.error or format_bytes(run.bytes)}", flush=True)
    return [run for name, run in runs.items() if name in names and not run.error]


def distribution_versions(python: Path) -> dict[str, str]:
    """Return the version of the distribution of every top-level package."""
    done = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True)
    return msgspec.json.decode(done.stdout, type=dict[str, str])


def _comes_with_package(name: str, runs: dict[str, Run]) -> bool:
    package = name.rpartition(".")[0]
    while package and package not in runs:
        package = package.rpartition(".")[0]
    return bool(package) and name in runs[package].loaded


def import_alone(python: Path, name: str) -> Run:
    """Return the smaller of two lone imports: the first also pays for compiling and for cold caches."""
    first, second = lone_import(python, [name]), lone_import(python, [name])
    return msgspec.structs.replace(second, bytes=min(first.bytes, second.bytes)) if not first.error else first


def lone_import(python: Path, names: list[str]) -> Run:
    """Import the modules in one fresh process; return what it cost, or the last line of what went wrong."""
    return alone(python, names[0], PROBE, names)


def measure_uses(env: Environment, root: Path) -> Iterator[tuple[str, FirstUse]]:
    """Yield what the first use of each library costs; those that cost next to nothing are left out."""
    python = interpreter(root / env.name)
    versions = distribution_versions(python)
    for name, code in env.uses.items():
        imports, rest = divided(code)
        parts = [f"import {name}\n{imports}", rest]
        later = alone(python, name, USE, parts).loaded
        runs = [alone(python, name, USE, [*parts, *later]) for _ in range(2)]
        failed = next((run.error for run in runs if run.error), "")
        least = min(run.bytes for run in runs)
        print(f"{env.name}: first use of {name}: {failed or format_bytes(least)}", flush=True)
        if not failed and least >= LEAST_USE:
            yield name, FirstUse(least, versions.get(name.partition(".")[0]))


def divided(code: str) -> tuple[str, str]:
    """Return the imports that a use begins with, and the rest of it."""
    lines = code.strip().splitlines(keepends=True)
    end = next((at for at, line in enumerate(lines) if not line.startswith(("import ", "from "))), len(lines))
    return "".join(lines[:end]), "".join(lines[end:])


def alone(python: Path, name: str, code: str, arguments: list[str]) -> Run:
    """Run code that prints its peaks, before and after, and what it loaded, in a fresh process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONHASHSEED": "0"}
    try:
        done = subprocess.run(
            [python, "-s", "-P", "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        done.check_returncode()
        idle, after, loaded = json.loads(done.stdout.rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        return Run(name, 0, 0, [], error=f"no end after {TIMEOUT} s")
    except (subprocess.CalledProcessError, ValueError):
        return Run(name, 0, 0, [], error=(done.stderr.strip().splitlines() or ["no answer"])[-1])
    return Run(name, idle, after - idle, loaded)


def build(runs: Iterable[Run]) -> FootprintTable:
    """Return the table: of modules measured twice the first, without those too cheap to tell apart."""
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.name, run)
    kept = {name: run for name, run in first.items() if _is_worth_a_line(run, first)}
    return FootprintTable(
        python=platform.python_version(),
        platform=f"{sys.platform}-{platform.machine()}",
        interpreter=round(statistics.median(run.idle for run in first.values())),
        module=additive(
            Measured(run.name, run.bytes, frozenset(run.loaded), run.version) for run in kept.values()
        ),
    )


def _is_worth_a_line(run: Run, runs: dict[str, Run]) -> bool:
    package = run.name.rpartition(".")[0]
    while package and package not in runs:
        package = package.rpartition(".")[0]
    if package:
        return run.bytes - runs[package].bytes >= LEAST_SUBMODULE
    return run.version is not None or run.bytes >= LEAST_STANDARD


def check(environments: list[Environment], root: Path, footprints: Footprints) -> int:
    """Print predicted and measured bytes of combinations; 1 when they differ by more than is allowed."""
    errors = []
    for folder, names in combinations(environments, root, footprints):
        run = lone_import(interpreter(folder), names)
        if run.error:
            print(f"{'':>30}  {' '.join(names)}: {run.error}")
            continue
        predicted = footprints.footprint(names).bytes
        errors.append(predicted / run.bytes - 1)
        print(
            f"{format_bytes(predicted):>9} {format_bytes(run.bytes):>9} {errors[-1]:+8.1%}  {' '.join(names)}"
        )
    median, worst = statistics.median(map(abs, errors)), max(map(abs, errors))
    print(f"{len(errors)} combinations: median error {median:.1%}, worst {worst:.1%}")
    return int(median > MEDIAN_ERROR or worst > WORST_ERROR)


def combinations(
    environments: list[Environment], root: Path, footprints: Footprints
) -> Iterator[tuple[Path, list[str]]]:
    """Yield environments and two to six of their measured modules; the same ones every time."""
    choose = random.Random(30)
    known = [
        (root / env.name, [m for m in env.modules if m in footprints.table.module]) for env in environments
    ]
    weights = [len(modules) for _, modules in known]
    for _ in range(COMBINATIONS):
        folder, modules = choose.choices(known, weights)[0]
        yield folder, choose.sample(modules, min(len(modules), choose.randint(2, 6)))


if __name__ == "__main__":
    sys.exit(main())
