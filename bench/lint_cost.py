"""What linting and ranking cost: user CPU and peak memory of whole processes, as ratios to a bare libcst parse.

    python bench/lint_cost.py SUITE [--repeat R]

SUITE is a folder of tests, such as site-packages/pandas/tests; memlint runs from the folder above its topmost package.
Cold is a run without a cache; with cached facts, only what a file says is known and all else is worked out again;
warm is a further run over unchanged files. Phase 2 (linking, evaluation, rules) and ranking are timed within one
process over cached facts, ranking with nothing cached as well. The machine may be noisy: every figure is the least of
R runs, and ratios within one run of this script are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

_BARE = """
import sys
from pathlib import Path
import libcst
for line in sys.stdin:
    libcst.parse_module(Path(line.rstrip("\\n")).read_bytes())
"""
_AST = _BARE.replace("import libcst", "import ast").replace("libcst.parse_module", "ast.parse")
_PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, usage.ru_utime, usage.ru_maxrss * 1024)
"""
_PHASES = """
import json, sys, time
from pathlib import Path
from memlint.config import load_settings
from memlint.discovery import discover
from memlint.request import Request
from memlint.run import Run
settings = load_settings(config=Path(sys.argv[1]))
began = time.process_time()
request = Request((sys.argv[2],), settings, jobs=1, cache=sys.argv[4] == "cached")
run = Run(request, discover(request.paths, settings, request.folder))
suspects, spent = run.ranker.suspects, [0.0]
def timed(*args):
    asked = time.process_time()
    found = list(suspects(*args))
    spent[0] += time.process_time() - asked
    return found
run.ranker.suspects = timed
if sys.argv[4] == "cached":
    began = time.process_time()
run.judge(tests=sys.argv[3] == "rank")
print(json.dumps([time.process_time() - began - spent[0], spent[0]]))
"""


class Cost(NamedTuple):
    """User CPU seconds of a process and its children, and the peak bytes of the largest of them."""

    seconds: float
    peak: int


def environment() -> dict[str, str]:
    """That of a user: compiled modules are kept, and the working directory hides no installed library."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONSAFEPATH": "1"}


def user_seconds(command: list[str], text: str | None = None) -> float:
    """User CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


class Bench:
    """Runs memlint on one suite."""

    def __init__(self, suite: Path, cache: Path) -> None:
        self.suite = suite.resolve()
        self.folder = self.suite
        while (self.folder / "__init__.py").exists():
            self.folder = self.folder.parent
        self.cache = cache
        self.config = cache / "memlint.toml"
        self.config.write_text(f'cache-dir = "{cache}/kept"\n', encoding="utf-8")

    def run(self, command: str, *options: str) -> Cost:
        """One whole process."""
        call = [sys.executable, "-m", "memlint", command, "--config", str(self.config), *options]
        call += ["--format", "json", str(self.suite.relative_to(self.folder))]
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, *call],
            capture_output=True,
            text=True,
            check=True,
            cwd=self.folder,
            env=environment(),
        )
        code, seconds, peak = done.stdout.split()
        if int(code) not in {0, 1, 2}:
            raise SystemExit(f"memlint ended with exit code {code}: {' '.join(call)}")
        return Cost(float(seconds), int(peak))

    def forget_results(self) -> None:
        """Leave the facts alone in the cache."""
        for path in (self.cache / "kept").glob("result-*"):
            path.unlink()

    def from_facts(self, command: str) -> Cost:
        """A whole process that has the facts and nothing else."""
        self.forget_results()
        return self.run(command)

    def phases(self, command: str, facts: str = "cached") -> tuple[float, float]:
        """CPU seconds of all but the ranking, and of the ranking: of phase 2 over cached facts, of all with none."""
        call = [
            sys.executable,
            "-c",
            _PHASES,
            str(self.config),
            str(self.suite.relative_to(self.folder)),
            command,
            facts,
        ]
        done = subprocess.run(
            call, capture_output=True, text=True, check=True, cwd=self.folder, env=environment()
        )
        judging, ranking = json.loads(done.stdout)
        return judging, ranking


def least(measure: Callable[[], Cost], rounds: Iterable[int]) -> Cost:
    """The least of several runs."""
    return min((measure() for _ in rounds), key=lambda cost: cost.seconds)


def main() -> None:
    """Measure and print the table, each line as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", type=Path)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    files = sorted(options.suite.rglob("*.py"))
    names = "".join(f"{path}\n" for path in files)
    rounds = range(options.repeat)
    bare = min(user_seconds([sys.executable, "-c", _BARE], names) for _ in rounds)
    quick = min(user_seconds([sys.executable, "-c", _AST], names) for _ in rounds)
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB")
    print(f"bare libcst parse {bare:.1f} s user CPU, ast parse {quick / bare:.2f} of it", flush=True)

    def show(name: str, cost: Cost) -> None:
        peak = f"  peak {cost.peak / 2**20:6.0f} MiB" if cost.peak else ""
        print(f"{name:28} {cost.seconds:7.2f} s  {cost.seconds / bare:5.2f} × bare parse{peak}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.suite, Path(folder))
        cold = least(lambda: bench.run("lint", "--no-cache", "-j", "1"), rounds)
        show("lint cold, one job", cold)
        ranked = least(lambda: bench.run("rank", "--no-cache", "-j", "1"), rounds)
        show("rank cold, one job", ranked)
        show("lint cold, filling the cache", bench.run("lint"))
        show("lint warm", least(lambda: bench.run("lint"), rounds))
        show("lint from cached facts", least(lambda: bench.from_facts("lint"), rounds))
        show("rank from cached facts", least(lambda: bench.from_facts("rank"), rounds))
        show("rank warm", least(lambda: bench.run("rank"), rounds))
        judging, suspects = min(bench.phases("lint") for _ in rounds)
        show("phase 2 alone", Cost(judging, 0))
        show("suspects of lint", Cost(suspects, 0))
        _, ranking = min(bench.phases("rank") for _ in rounds)
        show("ranking, outlines cached", Cost(ranking, 0))
        fresh, known = ranked.seconds - cold.seconds, ranking - suspects
        rest, few = min(bench.phases("lint", "fresh") for _ in rounds)
        every = min(bench.phases("rank", "fresh")[1] for _ in rounds)
        print(f"ranking every test adds {fresh / cold.seconds:.1%} to a cold lint as whole processes differ,")
        print(f"{(every - few) / (rest + few):.1%} as the ranking itself takes, with nothing cached,")
        print(f"{known / cold.seconds:.1%} with the outlines of the product's files known")


if __name__ == "__main__":
    main()
