"""What to do about a resource is told by where it is acquired: a fixture's yield, a tear-down, a finally block."""

from __future__ import annotations

from pathlib import Path

from memlint.config import load_settings
from memlint.model import Level
from memlint.pipeline import Request, lint

CODE = """
import unittest

import pytest
from sqlalchemy import create_engine


@pytest.fixture
def shop():
    engine = create_engine("sqlite://")
    engine.connect()
    yield engine


class TestShop(unittest.TestCase):
    def setUp(self):
        self.engine = create_engine("sqlite://")
        self.engine.connect()

    def test_shop(self):
        assert self.engine


def test_orders():
    engine = create_engine("sqlite://")
    assert engine.connect()
"""


def test_advice_names_the_place_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(CODE)
    settings = load_settings(tmp_path, working_dir=tmp_path)
    result = lint(Request((), settings, Level.CI, jobs=1, cache=False, root=tmp_path))
    rest = "; closing the session leaves the database in the pool."
    assert {finding.symbol: finding.suggestion for finding in result.active} == {
        "shop": f"Yield the engine and call engine.dispose() after the yield{rest}",
        "TestShop.setUp": f"Call engine.dispose() in the tear-down{rest}",
        "test_orders": f"Call engine.dispose() in a finally block{rest}",
    }
