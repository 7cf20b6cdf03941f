"""What linting costs: user CPU and peak memory of whole processes, as ratios to a bare libcst parse of the same files.

    python bench/lint_cost.py SUITE [--every N] [--repeat R]

SUITE is a folder of tests, such as site-packages/pandas/tests. Cold is a run without a cache (also with one job),
warm a second run over unchanged files. The machine may be noisy: every figure is the least of R runs.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

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


def user_seconds(command: list[str], text: str | None = None) -> float:
    """User CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def lint(suite: Path, *options: str) -> tuple[float, int]:
    """User CPU seconds and the peak bytes of the largest process of a lint run."""
    command = [sys.executable, "-m", "memlint", "lint", "--exit-zero", "-q", *options, str(suite)]
    done = subprocess.run([sys.executable, "-c", _PEAK, *command], capture_output=True, text=True, check=True)
    code, seconds, peak = done.stdout.split()
    if int(code) not in {0, 2}:
        raise SystemExit(f"memlint ended with exit code {code}: {' '.join(command)}")
    return float(seconds), int(peak)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", type=Path)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    files = sorted(options.suite.rglob("*.py"))
    names = "".join(f"{path}\n" for path in files)
    size = sum(path.stat().st_size for path in files)
    rounds = range(options.repeat)
    bare = min(user_seconds([sys.executable, "-c", _BARE], names) for _ in rounds)
    quick = min(user_seconds([sys.executable, "-c", _AST], names) for _ in rounds)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "memlint.toml"
        config.write_text(f'cache-dir = "{folder}/cache"\n', encoding="utf-8")
        cached = ("--config", str(config))
        rows = {
            "cold, one job": min(lint(options.suite, "--no-cache", "-j", "1") for _ in rounds),
            "cold": min(lint(options.suite, "--no-cache") for _ in rounds),
            "cold, filling the cache": lint(options.suite, *cached),
            "warm": min(lint(options.suite, *cached) for _ in rounds),
        }
    print(f"{len(files)} files, {size / 1e6:.1f} MB")
    print(f"bare libcst parse {bare:.1f} s user CPU, ast parse {quick / bare:.2f} of it")
    for name, (seconds, peak) in rows.items():
        print(f"{name:26} {seconds:7.1f} s  {seconds / bare:5.2f} × bare parse  peak {peak / 2**20:6.0f} MiB")


if __name__ == "__main__":
    main()
