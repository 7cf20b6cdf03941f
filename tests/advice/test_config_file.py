"""The configuration that is written."""

from __future__ import annotations

import pytest

from memlint.advice import carried_over, load_options, render
from memlint.advice.trial import Advice, Comparison, Workers

MIB = 1 << 20
OPTIONS = {option.name: option for option in load_options()}


def advice(*chosen: str) -> Advice:
    compared = tuple(
        Comparison(option, (90 * MIB, 91 * MIB), 12 * MIB, MIB, "") for option in OPTIONS.values()
    )
    options = tuple(OPTIONS[name] for name in chosen)
    together = Comparison(OPTIONS["-s"], (70 * MIB, 72 * MIB), 30 * MIB, 2 * MIB, "") if chosen else None
    workers = Workers(8 << 30, 72 * MIB, 30 * MIB, 101, "the whole suite in one process")
    return Advice((100 * MIB, 103 * MIB), 4.2, compared, options, together, workers)


def written(made: Advice, own: dict[str, str], origin: str = "") -> str:
    return "\n".join(render(made, own, origin, "memlint advise")) + "\n"


def test_every_chosen_option_has_its_saving_noise_and_price():
    text = written(
        advice("--assert=plain", "-s"), {"addopts": "-q --strict-markers", "testpaths": "tests"}, "tox.ini"
    )
    flat = " ".join(line.lstrip("# ") for line in text.splitlines())
    assert "--assert=plain: saves 12 MiB (noise 1 MiB). Its price: a failing assert shows its line" in flat
    assert "70 MiB to 72 MiB, 30 MiB less (2 further runs, noise 2 MiB)" in flat
    assert "101 fit into 8 GiB" in flat
    assert "addopts = -q --strict-markers --assert=plain -s\n" in text
    assert "no:cacheprovider" not in text


def test_nothing_that_pays_leaves_the_suites_own():
    text = written(advice(), {"addopts": "-q"})
    assert "No option saves more than the noise" in text
    assert "addopts = -q\n" in text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\naddopts = "-q"\nxfail_strict = true\nmarkers = ["a: x", "b: y"]\ntimeout = 5\n',
        ),
        (
            "setup.cfg",
            "[tool:pytest]\naddopts = -q\nxfail_strict = true\nmarkers =\n    a: x\n    b: y\ntimeout = 5\n",
        ),
        (
            "pytest.ini",
            "[pytest]\naddopts = -q\nxfail_strict = true\nmarkers =\n    a: x\n    b: y\ntimeout = 5\n",
        ),
    ],
)
def test_the_suites_settings_come_along_and_read_back_alike(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    own = carried_over(tmp_path / name)
    assert own == {"addopts": "-q", "xfail_strict": "true", "markers": "a: x\nb: y", "timeout": "5"}
    (tmp_path / "out.ini").write_text(written(advice("-s"), own))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pytest.ini").write_text((tmp_path / "out.ini").read_text())
    again = carried_over(tmp_path / "out" / "pytest.ini")
    assert again == {**own, "addopts": "-q -s"}


def test_without_a_file_there_is_nothing_to_carry():
    assert carried_over(None) == {}
