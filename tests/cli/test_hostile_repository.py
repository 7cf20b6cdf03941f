"""A repository that means harm: nothing in it runs, steers a terminal or a report, or makes memlint write elsewhere."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from memlint.cli import run
from memlint.report import FORMATS

LEAK = """\
import subprocess

def test_{name}():
    p = subprocess.Popen(['x'])  # {comment}
"""
RUNS = "import pathlib\npathlib.Path({proof!r}).touch()\nraise SystemExit(3)\n"
NAMES = (
    "test_\x1b]0;owned\x07.py",
    "test_a\n::error::owned\n.py",
    "test_<img src=x onerror=alert(1)>.py",
    "test_`|` **bold** [link](javascript:x).py",
    "test_\u202egnp.py",
    "test_\udcff.py",  # no UTF-8
    "test_]]> &amp; %0A.py",
)
CHECKED = len(NAMES) - 1
COMMENTS = (
    "\x1b[2J",
    "</script><script>alert(1)</script>",
    "| a | b |",
    "::error file=x::y",
    "\u202e",
    "]]>",
    "``` ~~~",
)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "repository"
    (root / "tests").mkdir(parents=True)
    (root / ".git").mkdir()
    for number, (name, comment) in enumerate(zip(NAMES, COMMENTS, strict=True)):
        content = LEAK.format(name=number, comment=comment)
        (root / "tests" / name).write_text(content, encoding="utf-8")
    proof = RUNS.format(proof=str(tmp_path / "ran"))
    for name in (
        "conftest.py",
        "setup.py",
        "sitecustomize.py",
        "pytest.py",
        "libcst.py",
        "tests/conftest.py",
    ):
        (root / name).write_text(proof)
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize("format_", FORMATS)
def test_names_and_source_are_text_in_every_format(
    repository: Path, capfd: pytest.CaptureFixture[str], format_: str
) -> None:
    assert (
        run(["lint", "--select", "MEM401", "--level", "audit", "--format", format_]) == 2
    )  # one name is no UTF-8
    out, _ = capfd.readouterr()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", out)
    if format_ == "github":
        commands = [line for line in out.splitlines() if line.startswith("::")]
        assert len(commands) == len(NAMES)
        assert all(line.startswith("::error ") for line in commands)
    elif format_ in {"json", "sarif", "gitlab"}:
        assert json.loads(out)
    elif format_ == "jsonl":
        assert all(json.loads(line) for line in out.splitlines())
    elif format_ == "junit":
        assert len(list(ElementTree.fromstring(out).iter("failure"))) == CHECKED
    elif format_ == "markdown":
        outside_code = re.sub(r"(`+).*?\1", "", out)
        assert "<img" not in outside_code
        assert "<script" not in outside_code


def test_nothing_of_it_is_run(repository: Path, tmp_path: Path) -> None:
    for command in (["lint"], ["rank"], ["config"], ["init", "--yes", "--no-baseline"]):
        assert run([*command]) in {0, 1, 2}
    assert not (tmp_path / "ran").exists()


def test_a_cache_folder_that_is_a_link_to_somebody_elses_is_left_alone(
    repository: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    (repository / ".memlint_cache").symlink_to(other)
    assert run(["lint", "--select", "MEM401"]) == 2
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    "config",
    [
        'cache-dir = "../other"\n',
        'exclude = ["' + "*a" * 40 + 'b"]\n',
        'python-files = ["' + "*a" * 40 + 'b"]\n',
        "cores = 1000000000000\n",
        '[rules.MEM201]\nmin-bytes = "1e300 GiB"\n',
        f"markers = {json.dumps(['m' * 1000] * 1000)}\n",
        'extend = "memlint.toml"\n',
        'extra-rules = ["/"]\n',
    ],
)
def test_absurd_settings_end_quickly_and_harm_nothing(
    repository: Path, tmp_path: Path, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    (repository / "tests" / ("test_" + "a" * 200 + ".py")).write_text("x = 1\n")
    (repository / "memlint.toml").write_text(config)
    assert run(["lint", "--select", "MEM401"]) in {1, 2}
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    assert "Traceback" not in capfd.readouterr().err


def test_links_out_of_the_tree_bring_nothing_in(repository: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "test_secret.py").write_text("SECRET = 1\n" + LEAK.format(name="secret", comment=""))
    (repository / "tests" / "deep").symlink_to(outside)
    (repository / "tests" / "zero.py").symlink_to("/dev/zero")
    os.mkfifo(repository / "tests" / "test_pipe.py")
    assert run(["lint", "--select", "MEM401", "--format", "json", "-o", "out.json"]) in {1, 2}
    report = json.loads((repository / "out.json").read_text())
    assert len([f for f in report["findings"] if "secret" not in f["path"]]) == CHECKED
