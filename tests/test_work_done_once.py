"""What many tests share is worked out once, however many they are and however the modules are split."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path

import pytest

from memlint import facts as f
from memlint import run as run_module
from memlint.analysis import footprint
from memlint.analysis.project import Module
from memlint.analysis.sites import Frame
from memlint.analysis.suite import ModuleSuite, Suite
from memlint.config import load_settings
from memlint.discovery import discover
from memlint.model import Suspect
from memlint.request import Request
from memlint.run import Judged, Run

TESTS = 12
FILES = {
    "conftest.py": (
        "import numpy as np\nimport pytest\n\n"
        "@pytest.fixture(scope='session')\ndef grid():\n    return np.zeros((4000, 4000))\n"
    ),
    "support.py": (
        "import numpy as np\n\n"
        "class Checks:\n"
        "    def test_sum(self, grid):\n        assert (grid + np.ones((3000, 3000))).sum()\n\n"
        "    def test_size(self):\n        assert np.ones((2000, 2000)).size\n"
    ),
    "test_shared.py": "import numpy as np\n\n"
    + "\n".join(
        f"def test_{number}(grid):\n    assert (grid * np.ones(({number + 1000}, 1000))).any()\n"
        for number in range(TESTS)
    ),
    "test_the_heir.py": "from support import Checks as Base\n\nclass TestHeir(Base):\n    pass\n",
    **{
        f"test_other_{n}.py": f"import numpy as np\n\ndef test_{n}():\n    assert np.ones(9_000_000).any()\n"
        for n in range(5)
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    for name, text in FILES.items():
        (tmp_path / "tests" / name).write_text(text)
    return tmp_path


def judged(folder: Path) -> Judged:
    settings = load_settings(folder, working_dir=folder)
    request = Request(("tests",), settings, jobs=1, cache=False, root=folder)
    return Run(request, discover(request.paths, request.settings, folder)).judge(tests=True)


def test_a_shared_fixture_and_each_test_are_walked_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: Counter[str] = Counter()
    of_frame = footprint.of_frame
    monkeypatch.setattr(
        footprint,
        "of_frame",
        lambda frame, function, disk: (
            walked.update([f"{frame.module.path}:{function.line}"]) or of_frame(frame, function, disk)
        ),
    )
    assert len([s for s in judged(folder).tests if s.path == "tests/test_shared.py"]) == TESTS
    assert walked["tests/conftest.py:5"] == 1
    assert set(walked.values()) == {1}


def test_modules_are_evaluated_for_themselves_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged one by one, modules that nothing of another derives from or imports are not evaluated for it."""
    collected: Counter[str] = Counter()
    of = Suite.of

    def counting(self: Suite, module: Module) -> ModuleSuite:
        collected.update([module.path] if module.path not in self._suites else [])
        return of(self, module)

    monkeypatch.setattr(Suite, "of", counting)
    monkeypatch.setattr(run_module, "_MODULES_AT_ONCE", 1)
    judged(folder)
    assert [collected[f"tests/test_other_{n}.py"] for n in range(5)] == [1] * 5


def test_the_size_of_a_part_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def order(suspect: Suspect) -> tuple[str, str]:
        return suspect.path, suspect.nodeid or ""

    whole = judged(folder)
    monkeypatch.setattr(run_module, "_MODULES_AT_ONCE", 1)
    parts = judged(folder)
    assert parts.findings == whole.findings
    assert sorted(parts.tests, key=order) == sorted(whole.tests, key=order)


def test_large_modules_are_judged_in_smaller_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What evaluation holds at once follows the source that is evaluated, not the number of its files."""
    parts: list[list[int]] = []
    judge_some = Run._judge_some

    def recording(self: Run, modules: list[Module], tests: bool, out: Judged) -> None:
        parts.append([module.facts.size for module in modules])
        judge_some(self, modules, tests, out)

    monkeypatch.setattr(Run, "_judge_some", recording)
    judged(folder)
    (whole,) = parts
    most = sum(whole) // 3
    parts.clear()
    monkeypatch.setattr(run_module, "_SOURCE_AT_ONCE", most)
    judged(folder)
    assert len(parts) >= 3
    assert all(len(part) == 1 or sum(part) <= most for part in parts)
    assert sorted(size for part in parts for size in part) == sorted(whole)


def test_what_is_let_go_is_gone(folder: Path) -> None:
    """Frames and sites name each other: they are taken apart when their part of the modules is done."""
    gc.collect()
    before = sum(type(made) is Frame and bool(made.sites) for made in gc.get_objects())
    judged(folder)
    after = sum(type(made) is Frame and bool(made.sites) for made in gc.get_objects())
    assert after <= before


def test_the_statements_of_other_parts_are_not_held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What every module may do to a container is asked of all of them, one after the other."""
    for number in range(20):
        text = f"SEEN = []\n\ndef test_{number}():\n    SEEN.append([{number}] * 3_000_000)\n"
        (folder / "tests" / f"test_keeps_{number}.py").write_text(text)
    monkeypatch.setattr(run_module, "_MODULES_AT_ONCE", 1)
    held: list[int] = []
    judge_some = Run._judge_some

    def recording(self: Run, modules: list[Module], tests: bool, out: Judged) -> None:
        judge_some(self, modules, tests, out)
        held.append(sum(module._body is not None for module in self.project.modules.values()))
        assert not any(f.statements_of(module.facts) for module in self.project.modules.values())

    monkeypatch.setattr(Run, "_judge_some", recording)
    found = judged(folder).findings
    assert sum(finding.code == "MEM603" for finding in found) == 20
    assert len(held) == len(FILES) + 20
    assert max(held) <= 3  # the module itself, conftest.py and a helper
