"""``memlint measure``, ``merge`` and ``doctor`` as they are called."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from memlint.runner import journal

_LAUNCH = """
import sys, click
from importlib import import_module
command = import_module("memlint.cli." + sys.argv.pop(1)).command
try:
    sys.exit(command(standalone_mode=False))
except click.ClickException as error:
    error.show()
    sys.exit(error.exit_code)
"""


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def command(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, "-c", _LAUNCH, name, *arguments]

    def call(self, name: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(name, *arguments),
            cwd=self.path,
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            check=False,
        )

    def units(self, name: str = ".memlint/journal.jsonl") -> list[str]:
        return [unit.unit for unit in journal.load(self.path / name).units]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write("pytest.ini", "[pytest]\n")
    made.write("tests/test_light.py", "def test_a(): pass\ndef test_b(): pass\n")
    made.write("tests/test_heavy.py", "def test_a():\n    bytearray(60 << 20)\n")
    made.write("tests/helper.py", "")
    return made


def test_folder(folder: Folder) -> None:
    done = folder.call("measure", "tests", "--order", "given")
    assert done.returncode == 0, done.stderr
    assert folder.units() == ["tests/test_heavy.py", "tests/test_light.py"]
    assert "[1/2] PASSED" in done.stdout
    assert "Heaviest units" in done.stdout
    assert done.stdout.index("tests/test_heavy.py  (") < done.stdout.index("tests/test_light.py  (")


def test_list_of_files_and_node_ids_in_the_order_given(folder: Folder) -> None:
    names = "# first\ntests/test_light.py::test_b\ntests/test_heavy.py  # last\n"
    done = folder.call("measure", "--test-file", "-", "--order", "given", stdin=names)
    assert done.returncode == 0, done.stderr
    assert folder.units() == ["tests/test_light.py::test_b", "tests/test_heavy.py"]


def test_failure_is_1(folder: Folder) -> None:
    folder.write("tests/test_bad.py", "def test_a(): assert 0\n")
    done = folder.call("measure", "tests", "--order", "given", "-q")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("[1/3] FAILED")
    assert len(done.stdout.splitlines()) == 1, "quiet: only what is not fine"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nowhere"], "no such file"),
        (["tests", "--python", "/nowhere/python"], "cannot run /nowhere/python"),
        (["tests", "--limit", "much"], "is not a size"),
        (["tests", "--limit", "0"], "more than nothing"),
        (["tests", "--timeout", "soon"], "is no duration"),
        (["tests", "--shard", "3/2"], "is no shard"),
        (["tests", "--env", "X"], "is not NAME=VALUE"),
        (["tests", "--pytest-args", "'"], "No closing quotation"),
        (["tests", "--unit", "test", "--batch-size", "2"], "exclude each other"),
        (["tests", "--meter", "scales"], "--meter"),
        (["tests", "--journal", "pytest.ini/j"], "cannot write the journal"),
        (["tests/helper"], "no such file"),
    ],
)
def test_what_cannot_be_done_is_2(folder: Folder, arguments: list[str], text: str) -> None:
    done = folder.call("measure", "--order", "given", *arguments)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_ranking_that_fails_is_said_and_changes_nothing_else(folder: Folder) -> None:
    folder.write("broken/pipeline.py", "")
    folder.write(
        "sitecustomize.py",
        "import sys, types\nfake = types.ModuleType('memlint.pipeline')\nsys.modules['memlint.pipeline'] = fake\n",
    )
    environment = {**os.environ, "PYTHONPATH": str(folder.path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        folder.command("measure", "tests"),
        cwd=folder.path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "no static ranking" in done.stderr
    assert len(folder.units()) == 2


def test_suspects_first(folder: Folder) -> None:
    """The order comes from the ranking, here one that knows this suite."""
    folder.write(
        "sitecustomize.py",
        """
import sys, types
from memlint.model import Estimate, RankResult, Suspect
fake = types.ModuleType("memlint.pipeline")
class Request:
    def __init__(self, **given): self.given = given
def rank(request):
    sizes = {"tests/test_light.py": 9, "tests/test_heavy.py": 5}
    return RankResult(tuple(Suspect(p, 1, Estimate.exact(sizes[p]), (), 0) for p in request.given["paths"]), ())
fake.Request, fake.rank = Request, rank
sys.modules["memlint.pipeline"] = fake
""",
    )
    environment = {**os.environ, "PYTHONPATH": str(folder.path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(
        folder.command("measure", "tests"), cwd=folder.path, env=environment, capture_output=True, check=True
    )
    assert folder.units() == ["tests/test_light.py", "tests/test_heavy.py"]


def test_random_order_can_be_repeated(folder: Folder) -> None:
    done = folder.call("measure", "tests", "--order", "random")
    seed = done.stderr.partition("--seed ")[2].split()[0]
    first = folder.units()
    folder.call("measure", "tests", "--order", "random", "--seed", seed)
    assert folder.units() == first


def test_shards_and_merge(folder: Folder) -> None:
    for index in ("1", "2"):
        folder.call("measure", "tests", "--order", "given", "--shard", f"{index}/2", "--journal", f"s{index}")
    done = folder.call("merge", "s1", "s2", "-o", "all")
    assert done.returncode == 0, done.stderr
    assert sorted(folder.units("all")) == ["tests/test_heavy.py", "tests/test_light.py"]
    incomplete = folder.call("merge", "s2", "-o", "all")
    assert incomplete.returncode == 1
    assert "shard 1/2 is missing" in incomplete.stderr
    assert folder.call("merge", "pytest.ini", "-o", "all").returncode == 2


def test_live_view_on_a_terminal(folder: Folder) -> None:
    leader, follower = pty.openpty()
    # memlint: ignore[MEM305] a failure in between ends the test run, which reaps it
    process = subprocess.Popen(
        folder.command("measure", "tests", "--order", "given"),
        cwd=folder.path,
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait() == 0
    assert b"of 2 units" in shown
    assert b"Heaviest units" in shown


def test_doctor(folder: Folder) -> None:
    text = folder.call("doctor")
    assert text.returncode == 0
    assert text.stdout.startswith("meter ")
    found = json.loads(folder.call("doctor", "--format", "json").stdout)
    assert found["schema"] == "memlint.doctor/1"
    assert found["meter"] in {meter["name"] for meter in found["meters"] if meter["works"]}
    assert 0 < found["free_bytes"] <= found["memory_bytes"]
    assert [meter["name"] for meter in found["meters"]] == [
        "cgroup2",
        "cgroup1",
        "sampling",
        "psutil",
        "rusage",
    ]


def test_supervisor_never_imports_the_analysis(folder: Folder) -> None:
    code = _LAUNCH.replace(
        "try:\n", "import atexit\natexit.register(lambda: print(sorted(sys.modules)))\ntry:\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "measure", "tests", "--order", "given"],
        cwd=folder.path,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1].replace("'", '"')))
    assert "memlint.runner.supervisor" in loaded
    assert not loaded & {"libcst", "memlint.pipeline", "memlint.analysis", "memlint.config", "pytest", "rich"}
