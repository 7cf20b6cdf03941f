"""``memlint config``: every setting with its origin."""

from __future__ import annotations

import json
from dataclasses import fields

from memlint.config import Settings


def test_every_setting_is_shown_with_its_origin(memlint, suite):
    (suite / "memlint.toml").write_text(
        'level = "hook"\n[rules.MEM201]\nmin-bytes = "1 MiB"\n[per-file-ignores]\n"a/*" = ["MEM1"]\n'
    )
    shown = json.loads(memlint("config", "--format", "json").out)
    assert shown["schema"] == "memlint.config/1"
    settings = shown["settings"]
    plain = {field.name.replace("_", "-") for field in fields(Settings)}
    assert plain - {"per-file-ignores", "options", "origins", "budgets", "calibrated"} <= set(settings)
    assert settings["level"] == {"value": "hook", "origin": "memlint.toml:1"}
    assert settings["root"] == {"value": suite.as_posix(), "origin": "memlint.toml"}
    assert settings["rules.MEM201.min-bytes"] == {"value": 1024**2, "origin": "memlint.toml:3"}
    assert settings["rules.MEM602.min-bytes"]["origin"] == "default"
    ignores = settings["per-file-ignores.a/*"]
    assert (ignores["value"][0], ignores["origin"]) == ("MEM101", "memlint.toml:5")
    assert settings["markers"] == {"value": ["memory_intensive", "slow"], "origin": "default"}


def test_text_says_the_same(memlint, suite):
    (suite / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    text = memlint("config").out.splitlines()
    shown = json.loads(memlint("config", "--format", "json").out)["settings"]
    assert len(text) == len(shown)
    assert 'level = "ci"  # default' in text
    assert 'testpaths = ["tests"]  # pytest.ini:2' in text
    assert "baseline = null  # default" in text


def test_the_settings_of_a_folder(memlint, suite):
    (suite / "tests" / "memlint.toml").write_text("cores = 5\n")
    assert "cores = null  # default" in memlint("config").out
    assert "cores = 5  # tests/memlint.toml:1" in memlint("config", "tests/test_a.py").out
