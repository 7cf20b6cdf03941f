"""How often a body is walked for the obligations in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memlint.analysis.evaluate import Evaluator
from memlint.analysis.flow import Flow
from memlint.analysis.lifetimes import Lifetimes
from memlint.analysis.project import Project
from memlint.analysis.project_resources import ProjectResources
from memlint.analysis.relevance import Relevance
from memlint.analysis.suite import Suite
from memlint.disk import RealDisk
from memlint.knowledge.index import api_index
from memlint.syntax.source import lower_file


def nested(depth: int) -> bytes:
    """A test of so many nested loops, the innermost of which opens a file."""
    loops = "".join(f"{'    ' * n}for n{n} in range(2):\n" for n in range(1, depth + 1))
    return f"def test_a():\n{loops}{'    ' * (depth + 1)}stream = open('a.txt')\n".encode()


@pytest.fixture
def blocks_walked(tmp_path, monkeypatch) -> Callable[[int], tuple[int, int]]:
    """Blocks that are walked, and debts found, for a test of so many nested loops."""

    def run(depth: int) -> tuple[int, int]:
        walked = 0
        walk = Flow.block

        def counting(self, *args):
            nonlocal walked
            walked += 1
            return walk(self, *args)

        project = Project([lower_file("test_a.py", nested(depth))], RealDisk(tmp_path))
        index = api_index(())
        evaluator = Evaluator(project, index, 2, Relevance(project, index))
        suite = Suite(evaluator)
        lifetimes = Lifetimes(suite, ProjectResources(evaluator))
        with monkeypatch.context() as patch:
            patch.setattr(Flow, "block", counting)
            body = next(iter(suite.of(next(iter(project.modules.values()))).bodies))
            found = len(list(lifetimes.debts(body)))
        return walked, found

    return run


def test_nested_loops_are_not_walked_twice_each(blocks_walked):
    walked, debts = blocks_walked(12)
    assert debts == 1
    assert 12 < walked < 12**2  # each walked twice whatever it changes would be 2**12
