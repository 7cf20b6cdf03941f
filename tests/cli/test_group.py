"""Which command is called, how it ends, and what is imported for it."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys
from importlib import import_module

import click
import pytest

from memlint import __version__, cli, pipeline
from memlint.cli import COMMANDS


def run_python(code: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, **options
    )


class TestChoice:
    def test_lint_is_the_default_also_when_options_come_first(self, memlint, fake):
        for arguments in (
            ["tests"],
            ["--level", "audit", "tests"],
            ["lint", "tests"],
            ["-q", "tests", "-j", "1"],
        ):
            memlint(*arguments)
            assert fake.request.paths == ("tests",)
        assert len(fake.requests) == 4

    def test_without_arguments_the_suites_own_tests_are_linted(self, memlint, fake):
        assert memlint().code == 0
        assert fake.request.paths == ()

    def test_a_folder_called_like_a_command(self, memlint, fake, suite):
        (suite / "rank").mkdir()
        (suite / "rank" / "test_r.py").touch()
        memlint("lint", "rank")
        assert fake.request.paths == ("rank",)
        memlint("./rank")
        assert fake.request.paths == ("./rank",)

    def test_a_misspelt_command_is_a_missing_path_and_a_hint(self, memlint):
        ended = memlint("rnak", "tests")
        assert ended.code == 2
        assert "rnak" in ended.out
        assert "did you mean the command 'rank'?" in ended.err

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_exists_and_has_help_with_examples(self, memlint, name):
        assert isinstance(import_module(f"memlint.cli.{name}").command, click.Command)
        ended = memlint(name, "--help")
        assert ended.code == 0
        assert "Examples:" in ended.out
        assert f"memlint {name}" in ended.out

    def test_help_lists_every_command(self, memlint):
        ended = memlint("--help")
        assert ended.code == 0
        for name, summary in COMMANDS.items():
            assert f"  {name} " in ended.out
            assert summary.split()[0] in ended.out

    def test_version(self, memlint):
        first, *rest = memlint("--version").out.splitlines()
        assert first == f"memlint {__version__}"
        assert f" {platform.python_version()} on " in rest[0]
        assert {line.split()[0] for line in rest[1:]} == {"libcst", "pytest", "click", "rich"}
        assert not [line for line in rest if "missing" in line]

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--nope"],
            ["lint", "--nope"],
            ["--format", "xml"],
            ["--level", "hok"],
            ["--jobs", "0"],
            ["rank", "--top", "0"],
        ],
    )
    def test_a_bad_option_ends_with_2_and_says_so(self, memlint, arguments):
        ended = memlint(*arguments)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err


class TestEnds:
    def test_bad_configuration(self, memlint, suite):
        (suite / "memlint.toml").write_text("selct = []\n")
        for arguments in ([], ["rank"], ["rules"], ["explain", "MEM101"], ["config"]):
            ended = memlint(*arguments)
            assert (ended.code, ended.out) == (2, "")
            assert ended.err == "memlint: memlint.toml:1: unknown key 'selct'; did you mean 'select'?\n"

    def test_ctrl_c_is_quiet(self, memlint, monkeypatch):
        def interrupted(request: pipeline.Request) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(pipeline, "lint", interrupted)
        ended = memlint("tests")
        assert (ended.code, ended.out, ended.err.strip()) == (130, "", "")

    def test_a_fault_of_memlint_is_2_and_never_mistaken_for_findings(self, memlint, monkeypatch):
        def broken(request: pipeline.Request) -> None:
            raise ZeroDivisionError("broken")

        monkeypatch.setattr(pipeline, "lint", broken)
        ended = memlint("tests")
        assert ended.code == 2
        assert "ZeroDivisionError: broken" in ended.err
        assert "a fault in memlint itself" in ended.err

    def test_a_full_disk_is_named(self, memlint, monkeypatch):
        def full(request: pipeline.Request) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(pipeline, "lint", full)
        ended = memlint("tests")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("memlint: the disk is full")
        assert "TMPDIR" in ended.err

    @pytest.mark.skipif(sys.platform == "win32", reason="closed pipes are told otherwise there")
    def test_a_closed_pipe_ends_quietly(self, suite):
        command = f'"{sys.executable}" -m memlint rules --format json | head -c 1; echo ${{PIPESTATUS[0]}}'
        ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
        assert (ended.stdout, ended.stderr) == ("{0\n", "")

    def test_output_that_the_terminal_cannot_encode(self, suite):
        environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
        write = (
            "from memlint import cli; from memlint.cli.output import write_output;"
            "cli.run = lambda args: write_output(['test_\\xfc\\udcff'], None) or 0; cli.main()"
        )
        ended = run_python(write, env=environ)
        assert (ended.returncode, ended.stdout) == (0, "test_\\xfc\\udcff"), ended.stderr


class TestImports:
    @pytest.mark.parametrize(
        ("arguments", "unwanted"),
        [
            (["--help"], ["libcst", "rich", "msgspec", "pathspec", "memlint.runner", "memlint.pipeline"]),
            (["--version"], ["libcst", "rich", "msgspec", "pathspec", "memlint.runner", "memlint.pipeline"]),
            (["lint", "--help"], ["libcst", "rich", "memlint.runner", "memlint.pipeline"]),
            (["rules"], ["libcst", "rich", "memlint.runner", "memlint.pipeline"]),
            (["explain", "MEM101", "--format", "json"], ["libcst", "rich", "memlint.runner"]),
            (["config"], ["libcst", "rich", "memlint.runner"]),
        ],
    )
    def test_what_a_command_does_not_need_is_not_imported(self, suite, arguments, unwanted):
        code = (
            "import sys; from memlint.cli import run; code = run(sys.argv[2:]);"
            "print([m for m in sys.argv[1].split() if m in sys.modules], file=sys.stderr); sys.exit(code)"
        )
        ended = run_python(code, " ".join(unwanted), *arguments)
        assert (ended.returncode, ended.stderr) == (0, "[]\n")


def test_the_module_can_be_run(suite):
    ended = subprocess.run(
        [sys.executable, "-m", "memlint", "--version"], capture_output=True, text=True, timeout=120
    )
    assert ended.stdout.startswith(f"memlint {__version__}\n")


def test_main_exits_with_the_code_of_the_run(monkeypatch):
    monkeypatch.setattr(cli, "run", lambda args: 7)
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 7


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(memlint, shell):
    ended = memlint("completion", shell)
    assert ended.code == 0
    assert "_MEMLINT_COMPLETE" in ended.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("memlint ra", {"rank"}),
        ("memlint rank --w", {"--why"}),
        ("memlint lint --format gi", {"github", "gitlab"}),
    ],
)
def test_completion_offers_what_fits(words, offered):
    environment = {
        **os.environ,
        "_MEMLINT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from memlint.cli import main; sys.argv[0] = 'memlint'; main()"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == offered, done.stderr
