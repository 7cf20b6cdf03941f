"""Settings from files, from the suite's pytest configuration and from options."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from memlint.config import ConfigError, Overrides, Settings, load_settings
from memlint.knowledge.rulebook import load_rulebook
from memlint.model import Level, Severity


def write(root: Path, **files: str) -> None:
    """Write files; ``__`` in a name is a slash, ``_toml`` at its end the suffix."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_toml", ".toml").replace("_ini", ".ini").replace(
            "_cfg", ".cfg"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(**arguments: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(**arguments)
    return str(caught.value)


class TestDefaults:
    def test_everything_has_a_value_without_any_file(self, here):
        settings = load_settings()
        assert settings.codes == frozenset(load_rulebook().codes())
        assert settings.root == settings.working_dir == here
        assert settings.markers == ("memory_intensive", "slow")
        assert settings.python_files == ("test_*.py", "*_test.py")
        assert (settings.level, settings.fail_on) == (Level.CI, Severity.NOTE)
        assert settings.cache_dir == here / ".memlint_cache"
        assert (settings.baseline, settings.cores, settings.testpaths, settings.exclude) == (
            None,
            None,
            (),
            (),
        )
        assert settings.options["MEM201"]["min-bytes"] == 100 * 1024**2
        assert settings.origins["level"] == settings.origins["codes"] == "default"

    def test_settings_can_be_sent_to_another_process(self, here):
        import pickle

        settings = load_settings()
        assert pickle.loads(pickle.dumps(settings)) == settings


class TestFiles:
    def test_pyproject(self, here):
        write(
            here,
            pyproject_toml="""\
                [project]
                name = "x"

                [tool.memlint]
                select = ["load", "MEM401"]
                ignore = ["eager-array-load"]
                level = "hook"
                fail-on = "warning"
                markers = ["big"]
                python-files = ["check_*.py"]
                testpaths = ["checks"]
                exclude = ["checks/old"]
                baseline = "known.json"
                cache-dir = ".cache/memlint"
                cores = 8

                [tool.memlint.rules.MEM201]
                min-bytes = "1 GiB"

                [tool.memlint.rules.bulk-comprehension]
                min-objects = "1e6 objects"

                [tool.memlint.per-file-ignores]
                "checks/data/*" = ["MEM1"]
                """,
        )
        settings = load_settings()
        assert settings.codes == {"MEM101", "MEM103", "MEM104", "MEM105", "MEM401"}
        assert (settings.level, settings.fail_on, settings.cores) == (Level.HOOK, Severity.WARNING, 8)
        assert (settings.markers, settings.python_files) == (("big",), ("check_*.py",))
        assert (settings.testpaths, settings.exclude) == (("checks",), ("checks/old",))
        assert (settings.baseline, settings.cache_dir) == (here / "known.json", here / ".cache/memlint")
        assert settings.options["MEM201"]["min-bytes"] == 1024**3
        assert settings.options["MEM202"]["min-objects"] == 1_000_000
        assert settings.origins["level"] == "pyproject.toml:7"
        assert settings.origins["rules.MEM201.min-bytes"] == "pyproject.toml:18"
        assert settings.origins["per_file_ignores.checks/data/*"] == "pyproject.toml:24"
        assert settings.origins["codes"] == "select: pyproject.toml:5, ignore: pyproject.toml:6"
        assert settings.origins["python_files"] == "pyproject.toml:10"

    def test_the_closest_file_that_speaks_of_memlint_wins(self, here):
        write(
            here,
            pyproject_toml="[tool.memlint]\ncores = 1",
            pkg__pyproject_toml="[project]\nname = 'x'",
            pkg__sub__memlint_toml="cores = 3",
        )
        assert load_settings(here / "pkg").cores == 1
        assert load_settings(here / "pkg" / "sub" / "..").cores == 1
        settings = load_settings(here / "pkg" / "sub")
        assert (settings.cores, settings.root) == (3, here / "pkg" / "sub")
        assert settings.origins["cores"] == "pkg/sub/memlint.toml:1"

    def test_memlint_toml_is_stronger_than_pyproject_beside_it(self, here):
        write(here, pyproject_toml="[tool.memlint]\ncores = 1", memlint_toml="cores = 2")
        assert load_settings().cores == 2

    def test_isolated_reads_none_but_obeys_pytest_configuration(self, here):
        write(
            here,
            pyproject_toml="[tool.memlint]\ncores = 1\n[tool.pytest.ini_options]\ntestpaths = ['t']",
        )
        settings = load_settings(isolated=True)
        assert (settings.cores, settings.testpaths) == (None, ("t",))

    def test_a_named_file_is_read_instead(self, here):
        write(here, memlint_toml="cores = 1", ci__strict_toml="cores = 2\nbaseline = 'b.json'")
        settings = load_settings(config=here / "ci" / "strict.toml")
        assert settings.cores == 2
        assert settings.root == here  # the file lies beside the suite, not above it
        assert settings.baseline == here / "ci" / "b.json"

    def test_extend(self, here):
        write(
            here,
            base_toml="""\
                select = ["load"]
                cores = 2
                markers = ["a"]
                [rules.MEM201]
                min-bytes = 5000000
                [rules.MEM602]
                min-bytes = "2 MiB"
                """,
            proj__memlint_toml="""\
                extend = "../base.toml"
                cores = 4
                [rules.MEM201]
                min-bytes = "6 MB"
                """,
        )
        settings = load_settings(here / "proj")
        assert (settings.cores, settings.markers) == (4, ("a",))
        assert settings.options["MEM201"]["min-bytes"] == 6_000_000
        assert settings.options["MEM602"]["min-bytes"] == 2 * 1024**2
        assert settings.origins["markers"] == "base.toml:3"
        assert {code[:4] for code in settings.codes} == {"MEM1"}

    def test_extra_rule_folders_bring_rules_with_options(self, here):
        write(here, memlint_toml='extra-rules = ["house"]\nselect = ["MEM150"]\n[rules.MEM150]\nlimit = 7')
        (here / "house" / "load").mkdir(parents=True)
        (here / "house" / "load" / "MEM150-own.toml").write_text(
            'code = "MEM150"\nname = "own"\nfamily = "load"\nseverity = "note"\nconfidence = "low"\n'
            'summary = "s"\nwhy = "w"\nfix = "f"\n'
            '[[option]]\nname = "limit"\ntype = "count"\ndefault = 3\ndoc = "d"\n'
        )
        settings = load_settings()
        assert settings.codes == {"MEM150"}
        assert settings.options["MEM150"] == {"limit": 7}
        assert settings.extra_rules == (here / "house",)


class TestOverrides:
    def test_options_beat_files(self, here):
        write(here, memlint_toml="level = 'hook'\nfail-on = 'error'\ncores = 2\nbaseline = 'a.json'")
        settings = load_settings(
            overrides=Overrides(level=Level.AUDIT, fail_on=Severity.WARNING, cores=3, baseline=Path("b.json"))
        )
        assert (settings.level, settings.fail_on, settings.cores) == (Level.AUDIT, Severity.WARNING, 3)
        assert settings.baseline == Path("b.json")
        assert settings.origins["level"] == "--level"
        assert settings.origins["fail_on"] == "--fail-on"

    def test_select_replaces_what_the_files_choose(self, here):
        write(here, memlint_toml='select = ["load"]\nignore = ["MEM401"]')
        settings = load_settings(overrides=Overrides(select=("MEM401", "MEM402")))
        assert settings.codes == {"MEM401", "MEM402"}
        assert settings.origins["codes"].startswith("select: --select")

    def test_ignore_is_added_to_that_of_the_files(self, here):
        write(here, memlint_toml='select = ["process"]\nignore = ["MEM401"]')
        settings = load_settings(overrides=Overrides(ignore=("MEM402", "MEM403")))
        assert settings.codes == {"MEM404", "MEM405"}

    def test_unknown_words_are_refused_with_their_option(self, here):
        assert refused(overrides=Overrides(select=("MEM40l",))) == (
            "--select: 'MEM40l' names no rule, code or family; did you mean 'MEM401'?"
        )
        assert refused(overrides=Overrides(ignore=("lod",))).startswith("--ignore: 'lod'")

    def test_nothing_left_to_check_is_refused(self, here):
        assert "no rule is left to check" in refused(overrides=Overrides(ignore=("ALL",)))


class TestPerFileIgnores:
    def test_patterns_count_from_the_root_and_paths_from_the_working_directory(self, here, monkeypatch):
        write(
            here,
            memlint_toml="""\
                select = ["MEM101", "MEM401"]
                [per-file-ignores]
                "pkg/tests/*" = ["load"]
                "test_b.py" = ["MEM401"]
                """,
            pkg__tests__x="",
        )
        assert load_settings().active_codes("pkg/tests/test_a.py") == {"MEM401"}
        assert load_settings().active_codes("pkg/tests/test_b.py") == set()
        assert load_settings().active_codes("other/test_a.py") == {"MEM101", "MEM401"}
        monkeypatch.chdir(here / "pkg")
        assert load_settings().active_codes("tests/test_a.py") == {"MEM401"}
        assert load_settings().active_codes("../other/test_a.py") == {"MEM101", "MEM401"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select = ['load']\nselct = []", "memlint.toml:2: unknown key 'selct'; did you mean 'select'?"),
        ("fail_on = 'note'", "memlint.toml:1: unknown key 'fail_on'; did you mean 'fail-on'?"),
        ("zzz = 1", "memlint.toml:1: unknown key 'zzz'"),
        ("select = 'load'", 'memlint.toml:1: select takes a list of strings, not "load"'),
        ("select = ['load', 3]", "memlint.toml:1: select takes a list of strings; 3 is none"),
        ("cores = true", "memlint.toml:1: cores takes a whole number from 1, not true"),
        ("cores = 0", "memlint.toml:1: cores takes a whole number from 1, not 0"),
        (
            "level = 'hok'",
            "memlint.toml:1: level takes one of hook, ci, audit, not \"hok\"; did you mean 'hook'?",
        ),
        ("baseline = ''", 'memlint.toml:1: baseline takes a string, not ""'),
        ("rules = 3", "memlint.toml:1: rules takes a table, not 3"),
        (
            "ignore = [\n  'load',\n  'MEM4O1',\n]",
            "memlint.toml:3: 'MEM4O1' names no rule, code or family; did you mean 'MEM401'?",
        ),
        (
            "\n[rules.MEM999]\na = 1",
            "memlint.toml:2: 'MEM999' names no rule, code or family; did you mean 'MEM900'?",
        ),
        ("[rules]\nMEM201 = 4", "memlint.toml:2: MEM201 takes a table, not 4"),
        (
            "[rules.MEM201]\n# size\nmin_bytes = 4",
            "memlint.toml:3: MEM201 has no option 'min_bytes'; did you mean 'min-bytes'?",
        ),
        ("[rules.MEM401]\nzzz = 4", "memlint.toml:2: MEM401 has no option 'zzz'; it has none"),
        (
            "[rules.MEM201]\nmin-bytes = '4 foo'",
            "memlint.toml:2: MEM201: '4 foo' is not a size: write a number and a unit, such as '100 MiB'",
        ),
        (
            "[rules.MEM201]\nmin-bytes = 10000000\n[rules.large-allocation]\nmin-bytes = 20000000",
            "memlint.toml:4: min-bytes of MEM201 is set at memlint.toml:2 already",
        ),
        (
            "[per-file-ignores]\n'a/*' = ['MEM101']\n'b/*' = ['MEM1O1']",
            "memlint.toml:3: 'MEM1O1' names no rule, code or family; did you mean 'MEM101'?",
        ),
        (
            "[per-file-ignores]\n'a/*' = 'MEM101'",
            'memlint.toml:2: "a/*" takes a list of strings, not "MEM101"',
        ),
        ("extra-rules = ['nowhere']", "memlint.toml:1: nowhere is not a folder"),
        ("extend = 'gone.toml'", "memlint.toml:1: gone.toml is not a file"),
        ("extend = 'memlint.toml'", "memlint.toml:1: memlint.toml extends itself"),
        ("select = [", "memlint.toml:1: not valid TOML"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_with_file_and_line(here, text, message):
    write(here, memlint_toml=text)
    assert refused().startswith(message)


def test_more_refusals(here):
    assert refused(config=Path("gone.toml")) == "gone.toml: no such configuration file"
    write(here, pyproject_toml="[project]\nname = 'x'")
    assert refused(config=Path("pyproject.toml")) == "pyproject.toml: has no [tool.memlint] table"
    (here / "memlint.toml").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in refused()


def test_a_bad_extra_rule_is_a_configuration_error(here):
    write(here, memlint_toml='extra-rules = ["house"]', house__load__bad_toml="code = 3")
    assert "bad.toml" in refused()


def test_the_root_is_that_of_the_checkout_whatever_is_named(tmp_path, monkeypatch):
    write(tmp_path, tests__pytest_ini="", tests__unit__x="")
    monkeypatch.chdir(tmp_path)
    assert load_settings(tmp_path / "tests" / "unit").root == tmp_path / "tests"
    (tmp_path / ".git").mkdir()
    assert load_settings(tmp_path / "tests" / "unit").root == load_settings().root == tmp_path


class TestPytestConfiguration:
    @pytest.mark.parametrize(
        ("name", "text", "line"),
        [
            ("pytest.ini", "[pytest]\naddopts = -ra\ntestpaths = a 'b c'\npython_files = check_*.py\n", 3),
            (
                "tox.ini",
                "[tox]\nx = 1\n[pytest]\ntestpaths =\n    a\n    # y\n 'b c'\npython_files: check_*.py\n",
                4,
            ),
            ("setup.cfg", "[tool:pytest]\ntestpaths = a 'b c'\npython_files = check_*.py\n", 2),
            (
                "pyproject.toml",
                "[tool.pytest.ini_options]\ntestpaths = ['a', 'b c']\npython_files = 'check_*.py'\n",
                2,
            ),
            ("pyproject.toml", "[tool.pytest]\ntestpaths = ['a', 'b c']\npython_files = ['check_*.py']\n", 2),
            ("pytest.toml", "[pytest]\ntestpaths = ['a', 'b c']\npython_files = ['check_*.py']\n", 2),
        ],
    )
    def test_testpaths_and_python_files(self, here, name, text, line):
        (here / name).write_text(text)
        settings = load_settings()
        assert settings.testpaths == ("a", "b c")
        assert settings.python_files == ("check_*.py",)
        assert settings.origins["testpaths"] == f"{name}:{line}"
        assert settings.origins["root"] == ".git"

    def test_memlints_own_settings_are_stronger(self, here):
        write(
            here,
            pytest_ini="[pytest]\ntestpaths = a\npython_files = a_*.py",
            memlint_toml="testpaths = ['b']",
        )
        settings = load_settings()
        assert (settings.testpaths, settings.python_files) == (("b",), ("a_*.py",))

    def test_files_without_a_pytest_section_do_not_count(self, here):
        write(
            here,
            tox_ini="[tox]\ntestpaths = a",
            setup_cfg="[metadata]\nname = x",
            pyproject_toml="[tool.x]\ny = 1",
        )
        assert load_settings().testpaths == ()

    def test_a_name_that_no_file_can_have_is_not_there(self, here):
        write(here, pytest_ini=f"[pytest]\ntestpaths = {'x' * 5000} t")
        (here / "t").mkdir()
        assert load_settings().testpaths == ("t",)

    def test_an_empty_pytest_ini_ends_the_search(self, here):
        write(here, pytest_ini="", sub__pytest_ini="", tox_ini="[pytest]\ntestpaths = a")
        settings = load_settings(here / "sub")
        assert (settings.testpaths, settings.testpaths_root) == ((), here / "sub")

    def test_testpaths_count_from_the_folder_of_the_pytest_configuration(self, here):
        write(here, pytest_ini="[pytest]\ntestpaths = t", sub__memlint_toml="cores = 1")
        settings = load_settings(here / "sub")
        assert settings.root == here / "sub"
        assert (settings.testpaths, settings.testpaths_root) == (("t",), here)
        write(here, sub__memlint_toml="testpaths = ['u']")
        settings = load_settings(here / "sub")
        assert (settings.testpaths, settings.testpaths_root) == (("u",), here / "sub")

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("pyproject.toml", "[tool.pytest.ini_options\n", "pyproject.toml:1: not valid TOML"),
            ("tox.ini", "[pytest]\n  testpaths\n = ?\n[", "tox.ini:2: not a valid ini file"),
            ("pytest.ini", "[pytest]\ntestpaths = 'a\n", "pytest.ini: cannot split"),
        ],
    )
    def test_a_broken_file_is_refused(self, here, name, text, message):
        (here / name).write_text(text)
        assert message in refused()


def test_settings_name_paths_from_the_root(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "memlint.toml").write_text("cores = 1")
    settings: Settings = load_settings(working_dir=tmp_path / "a")
    assert settings.from_root("b/x.py") == "a/b/x.py"
    assert settings.from_root("../x.py") == "x.py"
    assert settings.from_root(str(tmp_path / "y.py")) == "y.py"
