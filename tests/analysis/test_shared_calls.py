"""A helper that only looks at its arguments is run once for the same ones; any other for every call."""

from __future__ import annotations

from collections import Counter

import pytest

from memlint import facts as f
from memlint.analysis.calls import CallEvaluation
from memlint.analysis.evaluate import Evaluator
from memlint.analysis.project import Project
from memlint.analysis.suite import Suite
from memlint.knowledge.index import api_index
from memlint.syntax.source import lower_file

ONCE = {
    "looks at a number": "def helper(n):\n    assert n + 1\nhelper(500)\nhelper(500)",
    "makes a small array": "def helper(n):\n    assert np.ones(n).sum()\nhelper(500)\nhelper(500)",
    "calls another one": "def inner(n):\n    assert n\ndef helper(n):\n    inner(n)\nhelper(500)\nhelper(500)",
    "is given objects alike": "class Box: pass\ndef helper(b):\n    assert b\nhelper(Box())\nhelper(Box())",
    "is given an object": "class Box: pass\nbox = Box()\ndef helper(b):\n    assert b\nhelper(box)\nhelper(box)",
}
EACH_TIME = {
    "other arguments": "def helper(n):\n    assert n\nhelper(500)\nhelper(501)",
    "an object of another class": (
        "class Box: pass\nclass Bag: pass\ndef helper(b):\n    assert b\nhelper(Box())\nhelper(Bag())"
    ),
    "an object that holds something else": (
        "class Box:\n    def __init__(self, n):\n        self.n = n\n"
        "def helper(b):\n    assert b.n\nhelper(Box(500))\nhelper(Box(501))"
    ),
    "another function": (
        "def one(): return 1\ndef two(): return 2\ndef helper(g):\n    assert g()\nhelper(one)\nhelper(two)"
    ),
    "a lambda": "def helper(g):\n    assert g()\nhelper(lambda: 1)\nhelper(lambda: 2)",
    "changes an object": "class Box: pass\nbox = Box()\ndef helper(b):\n    b.size = 500\nhelper(box)\nhelper(box)",
    "changes a global": "def helper(n):\n    global SIZE\n    SIZE = n\nhelper(500)\nhelper(500)",
    "acquires": "def helper():\n    subprocess.Popen(['sleep', '500'])\nhelper()\nhelper()",
    "gives an object": "class Box: pass\ndef helper():\n    return Box()\na = helper()\nb = helper()",
    "closes over names": (
        "def outer(n):\n    def helper():\n        assert n\n    helper()\n    helper()\nouter(500)\nouter(501)"
    ),
}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each function was run."""
    counted: Counter[str] = Counter()
    run = CallEvaluation._run_function

    def count(self: CallEvaluation, func, *rest):
        counted[func.function.name] += 1
        return run(self, func, *rest)

    monkeypatch.setattr(CallEvaluation, "_run_function", count)
    return counted


def evaluate(code: str) -> None:
    facts = lower_file("test_x.py", f"import subprocess\nimport numpy as np\n{code}\n".encode())
    evaluator = Evaluator(Project([facts], NoDisk()), api_index())
    (module,) = evaluator.project.modules.values()
    Suite(evaluator).of(module)


class NoDisk:
    """A disk without files."""

    def size(self, path: str) -> int | None:
        return None

    def matches(self, pattern: str) -> list[str]:
        return []

    def is_dir(self, path: str) -> bool:
        return False


@pytest.mark.parametrize("code", ONCE.values(), ids=ONCE)
def test_a_quiet_helper_is_run_once(runs: Counter[str], code: str) -> None:
    evaluate(code)
    assert runs["helper"] == 1


@pytest.mark.parametrize("code", EACH_TIME.values(), ids=EACH_TIME)
def test_a_helper_with_effects_is_run_for_each_call(runs: Counter[str], code: str) -> None:
    evaluate(code)
    assert runs["helper"] >= 2


def test_what_is_shared_is_what_a_run_of_its_own_gives() -> None:
    code = "def helper(n):\n    return n * 2\na = helper(500)\nb = helper(500)\nc = helper(501)"
    facts = lower_file("test_x.py", code.encode())
    evaluator = Evaluator(Project([facts], NoDisk()), api_index())
    (module,) = evaluator.project.modules.values()
    env = evaluator.module_frame(module).env
    assert env["a"] == env["b"] == evaluator.eval(f.Const(1000), evaluator.module_frame(module))
    assert env["c"] != env["a"]
