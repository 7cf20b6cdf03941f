"""Which files are found, which are not, and what is said of those that cannot be read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from memlint.config import Settings, load_settings
from memlint.discovery import Discovered, Role, discover, is_excluded, may_be_collected, role_of

needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
needs_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def found(*paths: str, **arguments: object) -> list[str]:
    result = run(*paths, **arguments)
    assert result.errors == ()
    return [file.path for file in result.files]


def run(*paths: str, settings: Settings | None = None) -> Discovered:
    return discover(paths, settings or load_settings())


def messages(result: Discovered) -> dict[str, str]:
    return {error.path: error.message for error in result.errors}


class TestRoles:
    def test_test_code_is_found_and_product_code_is_not(self, suite):
        touch(
            suite,
            "pkg/__init__.py",
            "pkg/core.py",
            "pkg/test_core.py",
            "pkg/core_test.py",
            "pkg/conftest.py",
            "pkg/testing/fakes.py",
            "tests/helpers.py",
            "tests/data/big.csv",
            "tests/test_x.pyc",
            "attestation/core.py",
            "unit_tests/support.py",
            "latest/core.py",
        )
        roles = {file.path: file.role for file in run(".").files}
        assert roles == {
            "pkg/test_core.py": Role.TEST,
            "pkg/core_test.py": Role.TEST,
            "pkg/conftest.py": Role.CONFTEST,
            "pkg/testing/fakes.py": Role.SUPPORT,
            "tests/helpers.py": Role.SUPPORT,
            "unit_tests/support.py": Role.SUPPORT,
        }

    def test_a_named_file_is_taken_whatever_its_name(self, suite):
        touch(suite, "pkg/core.py", "script")
        assert [(f.path, f.role) for f in run("pkg/core.py", "script").files] == [
            ("pkg/core.py", Role.PRODUCT),
            ("script", Role.PRODUCT),
        ]

    def test_python_files_of_the_suite(self, suite):
        (suite / "pytest.ini").write_text("[pytest]\npython_files = check_*.py deep/spec_*.py\n")
        touch(suite, "check_a.py", "test_b.py", "spec_c.py", "deep/spec_d.py")
        assert found(".") == ["check_a.py", "deep/spec_d.py"]

    def test_the_folder_above_the_checkout_says_nothing(self, tmp_path, monkeypatch):
        checkout = tmp_path / "tests" / "project"
        touch(checkout, "core.py", ".git/HEAD")
        monkeypatch.chdir(checkout)
        assert found(".") == []

    def test_a_suite_without_its_project_is_known_by_its_folder(self, tmp_path, monkeypatch):
        touch(tmp_path, "tests/helpers.py")
        monkeypatch.chdir(tmp_path / "tests")
        assert found(".") == ["helpers.py"]


class TestPaths:
    def test_order_and_duplicates_do_not_matter(self, suite):
        touch(suite, "tests/test_b.py", "tests/test_a.py", "test_c.py")
        expected = ["test_c.py", "tests/test_a.py", "tests/test_b.py"]
        assert found(".") == expected
        assert found("tests/test_b.py", "./tests", "test_c.py", str(suite / "tests/test_a.py")) == expected

    def test_node_ids_name_their_file(self, suite):
        touch(suite, "tests/test_a.py", "tests/test_b.py")
        assert found("tests/test_b.py::TestX::test_y[1::2]") == ["tests/test_b.py"]

    def test_paths_are_relative_to_the_working_directory(self, suite, monkeypatch):
        touch(suite, "tests/test_a.py", "pkg/test_b.py")
        monkeypatch.chdir(suite / "pkg")
        assert found("..") == ["../tests/test_a.py", "test_b.py"]

    def test_testpaths_when_nothing_is_named(self, suite, monkeypatch):
        (suite / "pytest.ini").write_text("[pytest]\ntestpaths = checks pkg*/inner\n")
        touch(suite, "checks/test_a.py", "pkg1/inner/test_b.py", "pkg2/inner/test_c.py", "pkg1/test_d.py")
        assert found() == ["checks/test_a.py", "pkg1/inner/test_b.py", "pkg2/inner/test_c.py"]
        monkeypatch.chdir(suite / "pkg1")  # as pytest does, they count only from the root
        assert found() == ["inner/test_b.py", "test_d.py"]

    def test_testpaths_of_a_suite_below_the_checkout(self, suite, monkeypatch):
        touch(suite, "sub/checks/test_a.py", "sub/other/test_b.py")
        (suite / "sub" / "pytest.ini").write_text("[pytest]\ntestpaths = checks\n")
        assert found() == ["sub/checks/test_a.py", "sub/other/test_b.py"]
        monkeypatch.chdir(suite / "sub")
        assert found() == ["checks/test_a.py"]

    def test_a_testpath_that_is_missing_is_told(self, suite):
        (suite / "pytest.ini").write_text("[pytest]\ntestpaths = gone\n")
        assert messages(run()) == {"gone": "no such file or folder"}

    def test_a_testpath_that_is_missing_beside_others_is_passed_over_as_pytest_does(self, suite):
        touch(suite, "checks/test_a.py")
        (suite / "pytest.ini").write_text("[pytest]\ntestpaths = gone checks ol*d\n")
        assert (found(), messages(run())) == (["checks/test_a.py"], {})
        (suite / "memlint.toml").write_text('testpaths = ["gone", "checks"]\n')
        assert messages(run()) == {"gone": "no such file or folder"}

    def test_testpaths_may_name_packages(self, suite):
        touch(suite, "src/shop/cart/test_a.py", "src/other/test_b.py", "tests/test_c.py")
        ini = "[pytest]\naddopts = {}\ntestpaths = shop.cart tests\n"
        (suite / "pytest.ini").write_text(ini.format("--pyargs"))
        assert found() == ["src/shop/cart/test_a.py", "tests/test_c.py"]
        (suite / "pytest.ini").write_text(ini.format("-ra"))
        assert found() == ["tests/test_c.py"]

    def test_a_bracketed_folder_is_no_glob(self, suite):
        touch(suite, "a[1]/test_a.py")
        assert found("a[1]") == ["a[1]/test_a.py"]


class TestExcludes:
    def test_default_ones(self, suite):
        touch(
            suite,
            ".venv/lib/test_a.py",
            "node_modules/x/test_a.py",
            "build/lib/test_a.py",
            "env/pyvenv.cfg",
            "env/lib/test_a.py",
            "pkg/__pycache__/test_a.py",
            "pkg/builder/test_a.py",
        )
        assert found(".") == ["pkg/builder/test_a.py"]

    def test_a_folder_that_is_named_is_walked_even_if_it_is_one_of_them(self, suite):
        touch(suite, ".venv/site-packages/pkg/tests/test_a.py", ".venv/site-packages/pkg/build/test_b.py")
        assert found(".venv/site-packages/pkg") == [".venv/site-packages/pkg/tests/test_a.py"]

    def test_own_ones_hold_for_named_files_and_folders_too(self, suite):
        (suite / "memlint.toml").write_text('exclude = ["tests/vendored", "*_gen.py"]\n')
        touch(suite, "tests/vendored/test_a.py", "tests/test_b_gen.py", "tests/test_c.py")
        assert found(".") == ["tests/test_c.py"]
        assert found("tests/vendored", "tests/vendored/test_a.py", "tests/test_b_gen.py") == []

    def test_default_ones_hold_for_named_files(self, suite):
        touch(suite, "node_modules/x/test_a.py")
        assert found("node_modules/x/test_a.py") == []
        assert is_excluded("node_modules/x/test_a.py", load_settings())
        assert not is_excluded("tests/test_a.py", load_settings())

    def test_folders_above_the_root_do_not_count(self, tmp_path, monkeypatch):
        root = tmp_path / "build" / "project"
        touch(root, ".git/HEAD", "tests/test_a.py")
        monkeypatch.chdir(root)
        assert found("tests/test_a.py") == ["tests/test_a.py"]
        assert found(str(root / "tests")) == ["tests/test_a.py"]

    def test_patterns_count_from_the_root_wherever_memlint_runs(self, suite, monkeypatch):
        (suite / "memlint.toml").write_text('exclude = ["/pkg/tests/old"]\n')
        touch(suite, "pkg/tests/old/test_a.py", "pkg/tests/new/test_b.py")
        monkeypatch.chdir(suite / "pkg")
        assert found("tests") == ["tests/new/test_b.py"]


class TestGitignore:
    def test_nested_files_negation_and_anchors(self, suite):
        (suite / ".gitignore").write_text("*_gen.py\n/out/\nscratch/\n")
        (suite / "tests").mkdir()
        (suite / "tests" / ".gitignore").write_text("!test_kept_gen.py\n/local_test.py\n")
        touch(
            suite,
            "out/test_a.py",
            "pkg/out/test_b.py",
            "scratch/test_c.py",
            "pkg/scratch/test_d.py",
            "tests/test_x_gen.py",
            "tests/test_kept_gen.py",
            "tests/local_test.py",
            "tests/deep/local_test.py",
        )
        assert found(".") == ["pkg/out/test_b.py", "tests/deep/local_test.py", "tests/test_kept_gen.py"]

    def test_files_above_the_named_folder_count(self, suite):
        (suite / ".gitignore").write_text("pkg/tests/local/\n")
        touch(suite, "pkg/tests/local/test_a.py", "pkg/tests/test_b.py")
        assert found("pkg/tests") == ["pkg/tests/test_b.py"]

    def test_naming_an_ignored_path_is_stronger(self, suite):
        (suite / ".gitignore").write_text("local/\n")
        touch(suite, "local/test_a.py", "local/deep/test_b.py")
        assert found("local") == ["local/deep/test_b.py", "local/test_a.py"]
        assert found("local/test_a.py") == ["local/test_a.py"]

    def test_info_exclude(self, suite):
        touch(suite, "tests/test_a.py", "tests/test_mine.py")
        (suite / ".git" / "info").mkdir()
        (suite / ".git" / "info" / "exclude").write_text("test_mine.py\n")
        assert found(".") == ["tests/test_a.py"]

    def test_agrees_with_git(self, suite):
        """Also for info/exclude of a worktree, where .git is a file."""
        git("init", "-q", ".")
        git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "x")
        git("worktree", "add", "-q", "tree")
        tree = suite / "tree"
        (suite / ".git" / "info" / "exclude").write_text("test_mine*.py\n")
        (tree / ".gitignore").write_text(
            "# c\na/**/test_1.py\ntest_[23].py\n!/test_3.py\n\\#test_4.py\ndeep/*/x\n"
        )
        names = [f"{folder}test_{n}.py" for folder in ("", "a/", "a/b/", "deep/k/x/") for n in "1235"]
        touch(tree, *names, "test_mine1.py", "#test_4.py")
        git("add", "-A", cwd=tree)
        tracked = git("ls-files", cwd=tree).split()
        expected = sorted(f"tree/{name}" for name in tracked if name.endswith(".py") and "#" not in name)
        assert len(expected) == 5
        assert found("tree") == expected

    def test_an_unreadable_gitignore_counts_as_none(self, suite):
        (suite / ".gitignore").mkdir()
        touch(suite, "tests/test_a.py")
        assert found(".") == ["tests/test_a.py"]


def git(*arguments: str, cwd: Path | None = None) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True, timeout=60
    ).stdout


class TestErrors:
    def test_a_missing_path_is_told_and_the_rest_goes_on(self, suite):
        touch(suite, "tests/test_a.py")
        result = run("tests", "gone", "gone/test_b.py")
        assert [file.path for file in result.files] == ["tests/test_a.py"]
        assert messages(result) == {
            "gone": "no such file or folder",
            "gone/test_b.py": "no such file or folder",
        }

    def test_broken_links(self, suite):
        touch(suite, "tests/test_a.py")
        for name in ("test_b.py", "fixtures", "data.csv"):
            (suite / "tests" / name).symlink_to("nowhere")
        (suite / "tests" / "test_round.py").symlink_to("test_round.py")
        result = run("tests")
        assert [file.path for file in result.files] == ["tests/test_a.py"]
        assert set(messages(result)) == {"tests/test_b.py", "tests/fixtures", "tests/test_round.py"}
        assert messages(result)["tests/test_b.py"] == "a broken symbolic link: nowhere does not exist"
        assert "leads nowhere" in messages(result)["tests/test_round.py"]
        assert messages(run("tests/test_b.py")) == {"tests/test_b.py": messages(result)["tests/test_b.py"]}

    def test_a_link_loop_is_told_where_it_leads_to_more_than_was_asked_for(self, suite):
        touch(suite, "tests/deep/test_a.py", "checks/test_b.py")
        (suite / "tests" / "deep" / "up").symlink_to("../..", target_is_directory=True)
        result = run("tests")
        assert [file.path for file in result.files] == ["tests/deep/test_a.py"]
        assert messages(result) == {"tests/deep/up": "a symbolic link to a folder that holds it: ."}
        result = run(".")
        assert [file.path for file in result.files] == ["checks/test_b.py", "tests/deep/test_a.py"]
        assert messages(result) == {}

    def test_linked_folders_and_files_are_followed_once(self, suite, tmp_path_factory):
        outside = tmp_path_factory.mktemp("outside")
        touch(outside, "test_o.py", "back/test_p.py")
        touch(suite, "tests/test_a.py")
        (outside / "home").symlink_to(suite / "tests", target_is_directory=True)
        for name in ("link1", "link2"):
            (suite / "tests" / name).symlink_to(outside, target_is_directory=True)
        (suite / "tests" / "inner").symlink_to(suite / "tests", target_is_directory=True)
        (suite / "tests" / "test_l.py").symlink_to("test_a.py")
        result = run("tests")
        assert [file.path for file in result.files] == [
            "tests/link1/back/test_p.py",
            "tests/link1/test_o.py",
            "tests/test_a.py",
            "tests/test_l.py",
        ]
        assert messages(result) == {}

    def test_a_folder_named_like_a_module_is_told_and_walked(self, suite):
        touch(suite, "tests/test_x.py/test_a.py")
        expected = {"tests/test_x.py": "a folder, not a Python file"}
        for path in ("tests", "tests/test_x.py"):
            result = run(path)
            assert messages(result) == expected
            assert [file.path for file in result.files] == ["tests/test_x.py/test_a.py"]

    @needs_fifo
    def test_a_pipe_is_not_read(self, suite):
        touch(suite, "tests/test_a.py")
        os.mkfifo(suite / "tests" / "test_pipe.py")
        for paths in (("tests",), ("tests/test_a.py", "tests/test_pipe.py")):
            result = run(*paths)
            assert messages(result) == {"tests/test_pipe.py": "not a regular file"}
            assert len(result.files) == 1

    @needs_permissions
    def test_an_unreadable_folder(self, suite):
        touch(suite, "tests/test_a.py", "tests/closed/test_b.py")
        (suite / "tests" / "closed").chmod(0)
        try:
            result = run("tests")
        finally:
            (suite / "tests" / "closed").chmod(0o700)
        assert messages(result) == {"tests/closed": "the folder cannot be read: Permission denied"}
        assert len(result.files) == 1

    def test_a_folder_that_fails_while_it_is_read(self, suite, monkeypatch):
        """The same without the help of permissions, which do not bind root."""
        touch(suite, "tests/test_a.py", "tests/closed/test_b.py")
        scandir = os.scandir

        def refuse(path):
            if str(path).endswith("closed"):
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        result = run("tests")
        assert messages(result) == {"tests/closed": "the folder cannot be read: Permission denied"}
        assert len(result.files) == 1

    def test_ignored_and_excluded_trouble_is_none(self, suite):
        (suite / ".gitignore").write_text("fixtures\ntest_b.py\n")
        touch(suite, "tests/test_a.py", "build/test_x.py/y")
        (suite / "tests" / "test_b.py").symlink_to("nowhere")
        (suite / "tests" / "fixtures").symlink_to("nowhere")
        assert found(".") == ["tests/test_a.py"]


def test_files_outside_of_a_lone_suite_are_no_part_of_it(tmp_path: Path) -> None:
    suite = tmp_path / "site" / "shop" / "tests"
    suite.mkdir(parents=True)
    settings = load_settings(suite, isolated=True, working_dir=tmp_path / "site")
    assert settings.root == suite
    assert role_of("shop/tests/data.py", settings) is Role.SUPPORT
    assert role_of("shop/core.py", settings) is Role.PRODUCT


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("tests/test_plots.py", True),
        ("tests/plots_test.py", True),
        ("tests/my_test_plots.py", True),
        ("tests/plot_tests.py", True),
        ("tests/TestPlots.py", True),
        ("tests/conftest.py", True),
        ("tests/skiptest_plots.py", False),
        ("tests/latest_plots.py", False),
        ("tests/helpers.py", False),
    ],
)
def test_what_a_runner_may_take_for_tests(tmp_path: Path, path: str, may: bool) -> None:
    assert may_be_collected(path, load_settings(tmp_path, isolated=True, working_dir=tmp_path)) is may


def test_every_file_may_be_tests_where_the_suite_says_so(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = *.py\n")
    settings = load_settings(tmp_path, working_dir=tmp_path)
    assert may_be_collected("tests/skiptest_plots.py", settings)
