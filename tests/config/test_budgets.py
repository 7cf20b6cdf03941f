"""``[tool.memlint.budgets]``: what it takes, and which budget holds for a test."""

from __future__ import annotations

import pytest

from memlint.config import ConfigError, load_settings

MIB = 1 << 20


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unit").mkdir()

    def with_text(*lines: str):
        text = "\n".join(["[tool.pytest.ini_options]", 'markers = ["slow", "wide: large tables"]', *lines])
        (tmp_path / "pyproject.toml").write_text(text + "\n")
        return load_settings(tmp_path)

    return with_text


def budget(settings, path: str, *marks: str) -> int | None:
    found = settings.budget(path, frozenset(marks))
    return found.bytes // MIB if found else None


def test_paths_and_markers(load):
    settings = load(
        "[tool.memlint.budgets]",
        '"unit/" = "100 MiB"',
        '"unit/big/*" = "2GiB"',
        'wide = "700MiB"',
        "slow = 943718400",
    )
    assert budget(settings, "unit/test_a.py") == 100
    assert budget(settings, "unit/big/test_a.py") == 2048
    assert budget(settings, "other/test_a.py") is None
    assert budget(settings, "unit/test_a.py", "wide") == 700
    assert budget(settings, "unit/test_a.py", "wide", "slow") == 900
    assert budget(settings, "unit/test_a.py", "memory_intensive") is None, "announced"
    assert budget(settings, "unit/test_a.py", "parametrize") == 100


def test_a_later_pattern_wins(load):
    settings = load("[tool.memlint.budgets]", '"unit/big/*" = "2GiB"', '"unit/" = "100 MiB"')
    assert budget(settings, "unit/big/test_a.py") == 100


def test_extended_files_are_merged(load, tmp_path):
    (tmp_path / "base.toml").write_text('[budgets]\n"unit/" = "1 MiB"\n"deep/" = "3 MiB"\n')
    settings = load("[tool.memlint]", 'extend = "base.toml"', "[tool.memlint.budgets]", '"unit/" = "2 MiB"')
    assert (budget(settings, "unit/test_a.py"), budget(settings, "deep/test_a.py")) == (2, 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"unit/" = "100 MBs"', "'100 MBs' is not a size"),
        ('"unit/" = "100 mbi"', "did you mean"),
        ('"unit/" = "lots"', "is not a size"),
        ('"unit/" = true', 'takes a size, such as "500 MiB", not true'),
        ('"unit/" = ["1 MiB"]', "takes a size"),
        ('"unit/" = 0', "above nothing"),
        ('slwo = "1 GiB"', "no marker 'slwo'; did you mean 'slow'?"),
        ('unit = "1 GiB"', 'names a marker; for the folder write "unit/"'),
        ('"a*b*c*d*e" = "1 GiB"', "wildcards"),
    ],
)
def test_what_cannot_be_obeyed_has_file_and_line(load, line, message):
    with pytest.raises(ConfigError) as error:
        load("[tool.memlint.budgets]", '"fine/" = "1 GiB"', line)
    assert message in str(error.value)
    assert str(error.value).startswith("pyproject.toml:5: ")


def test_a_marker_that_a_conftest_may_register_is_taken(load):
    assert (
        budget(load("[tool.memlint.budgets]", 'nightly_only = "1 GiB"'), "test_a.py", "nightly_only") == 1024
    )


def test_budgets_is_a_table(load):
    with pytest.raises(ConfigError, match="budgets takes a table"):
        load("[tool.memlint]", 'budgets = "1 GiB"')
