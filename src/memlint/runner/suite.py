"""The suite's own environment: which Python and pytest run it, and how a unit's command line reads."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlint.runner.executor import ExecutorError, Job, Mode
from memlint.runner.journal import Context
from memlint.runner.units import slug

_PLUGIN = Path(__file__).parents[1] / "pytest_plugin.py"
_HOLDERS = _PLUGIN.with_name("pytest_holders.py")
_STANDALONE = "memlint_pytest_plugin"  # the plugin's module name where memlint is not installed
_PROBE_SECONDS = 60
_PROBE = """
import importlib.metadata, importlib.util, json, platform, sys

def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

try:
    spec = importlib.util.find_spec("memlint.pytest_plugin")
except ImportError:
    spec = None
found = [platform.python_version(), sys.platform, platform.machine(), version("pytest"), spec and spec.origin]
print("memlint-probe:" + json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """How to run the suite's pytest."""

    python: str
    root: Path  # working directory of the units; paths of files are relative to it
    pytest_args: tuple[str, ...]
    environment: dict[str, str]  # added to ours
    python_version: str
    platform: str
    pytest_version: str
    plugin: str  # module name of the plugin over there
    profiles: Path | None = None  # folder for what memray writes, when units run under it

    def command(self, job: Job) -> list[str]:
        """The command line of a job's pytest. Entry point and ``-p`` must not register the plugin twice."""
        extra = ["--collect-only", "-q"] if job.mode is Mode.COLLECT else []
        files = [f"./{name}" if name.startswith("-") else name for name in job.unit.files]
        loading = ["-p", "no:memlint", "-p", self.plugin]
        if job.rounds > 1 and job.mode is Mode.RUN:
            files = [*files * job.rounds, "--keep-duplicates"]
        if self.profiles is not None and job.mode is Mode.RUN:
            target = str((self.profiles / f"{slug(job.unit.name)}.bin").absolute())
            memray = ["-m", "memray", "run", "--force", "--quiet", "--output", target]
            return [self.python, *memray, "-m", "pytest", *loading, *self.pytest_args, *extra, *files]
        return [self.python, "-m", "pytest", *loading, *self.pytest_args, *extra, *files]

    def install_plugin(self, spool: Path) -> Path | None:
        """Put the plugin's two files, alone, into a folder for the units' path; None where memlint is installed."""
        if self.plugin != _STANDALONE:
            return None
        folder = spool / "plugin"
        folder.mkdir(exist_ok=True)
        for file in (_PLUGIN, _HOLDERS):
            (folder / f"memlint_{file.name}").write_bytes(file.read_bytes())
        return folder

    def context(self, meter: str, memory_bytes: int, rounds: int = 1) -> Context:
        """Where units run; what changes a unit's memory or outcome goes into the hash."""
        facts: list[Any] = [self.python_version, self.platform, self.pytest_version, meter, self.pytest_args]
        if rounds > 1:
            facts.append(rounds)
        total = hashlib.sha256(json.dumps([*facts, sorted(self.environment.items())]).encode())
        return Context(
            hash=total.hexdigest()[:16],
            python=self.python_version,
            platform=self.platform,
            meter=meter,
            memory_bytes=memory_bytes,
            pytest=self.pytest_version,
        )


def find(python: str, root: Path, pytest_args: tuple[str, ...], environment: dict[str, str]) -> Suite:
    """Ask the interpreter what it has. Raises ExecutorError when it does not run or has no pytest."""
    version, system, machine, pytest_version, origin = _probe(python, root, environment)
    if pytest_version is None:
        raise ExecutorError(
            f"{python} has no pytest: install it there, or name the suite's own interpreter by --python"
        )
    same = origin is not None and Path(origin).read_bytes() == _PLUGIN.read_bytes()
    return Suite(
        python=python,
        root=root,
        pytest_args=pytest_args,
        environment=environment,
        python_version=version,
        platform=f"{system}-{machine}",
        pytest_version=pytest_version,
        plugin="memlint.pytest_plugin" if same else _STANDALONE,
    )


def _probe(python: str, root: Path, environment: dict[str, str]) -> list[Any]:
    try:
        answer = subprocess.run(
            [python, "-c", _PROBE],
            cwd=root,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExecutorError(f"cannot run {python}: {error}") from error
    for line in answer.stdout.decode(errors="replace").splitlines():
        if line.startswith("memlint-probe:"):
            found: list[Any] = json.loads(line.partition(":")[2])
            return found
    raise ExecutorError(f"{python} does not answer: {answer.stderr.decode(errors='replace').strip()[-300:]}")
