"""A result is kept between runs, and given again only while nothing that it was made from has changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memlint import memo, pipeline
from memlint.config import load_settings
from memlint.discovery import Discovered
from memlint.fingerprint import fingerprint
from memlint.knowledge.apis import shipped_tables
from memlint.knowledge.index import api_index
from memlint.knowledge.rulebook import load_rulebook
from memlint.model import LintResult, RankResult
from memlint.request import Request
from memlint.run import Run

SUITE = {
    "pyproject.toml": '[tool.memlint]\nextra-rules = ["rules"]\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
    "rules/apis/own.toml": (
        'library = "own"\n[[call]]\nnames = ["own.big"]\nmakes = { kind = "bytes", fixed = "1 GB" }\n'
    ),
    "product/__init__.py": "from product.core import grid\n",
    "product/core.py": "import numpy as np\n\ndef grid(n):\n    return np.zeros((n, n))\n",
    "tests/conftest.py": (
        "import pytest\n\n@pytest.fixture(scope='session')\ndef table():\n    return list(range(10))\n"
    ),
    "tests/helpers.py": "SIDE = 20_000\n",
    "tests/test_a.py": (
        "import numpy as np\nimport pandas as pd\nimport own\nfrom product import grid\nfrom helpers import SIDE\n\n"
        "def test_square(table):\n    assert np.ones((SIDE, SIDE)).sum()\n\n"
        "def test_table():\n    assert len(pd.read_csv('tests/data.csv'))\n\n"
        "def test_product():\n    assert grid(30_000).any()\n\n"
        "def test_own():\n    assert own.big()\n"
    ),
    "tests/test_b.py": "def test_small():\n    assert 1\n",
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name, text in SUITE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sparse(tmp_path / "tests/data.csv", 300_000_000)
    return tmp_path


def sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def request(root: Path, cache: bool = True) -> Request:
    settings = load_settings(root, working_dir=root)
    return Request((), settings, jobs=1, cache=cache, root=root)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one for every run that no memo has spared."""
    made: list[str] = []

    def run(request: Request, found: Discovered) -> Run:
        made.append("run")
        return Run(request, found)

    monkeypatch.setattr(pipeline, "_run", run)
    return made


@pytest.mark.parametrize("ask", [pipeline.lint, pipeline.rank])
def test_what_has_not_changed_is_not_judged_again(
    suite: Path, runs: list[str], ask: Callable[[Request], LintResult | RankResult]
) -> None:
    first = ask(request(suite))
    assert ask(request(suite)) == first == ask(request(suite, cache=False))
    assert len(runs) == 2  # the first, and the one without a cache


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return change


def write(name: str, text: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    return change


def another_rule(root: Path) -> None:
    replace("rules/apis/own.toml", "1 GB", "2 GB")(root)
    for known in (fingerprint, api_index, shipped_tables, load_rulebook):
        known.cache_clear()  # a process reads its rule book once


CHANGES: dict[str, Callable[[Path], None]] = {
    "a test": replace("tests/test_a.py", "grid(30_000)", "grid(30_001)"),
    "a test that has nothing to report": write("tests/test_b.py", "def test_small():\n    assert 2\n"),
    "a helper": replace("tests/helpers.py", "20_000", "30_000"),
    "a conftest": replace("tests/conftest.py", "range(10)", "range(100_000_000)"),
    "product code": replace("product/core.py", "(n, n)", "(n, n, 2)"),
    "a package that only passes names on": replace("product/__init__.py", "product.core", "product.other"),
    "the size of a data file": lambda root: sparse(root / "tests/data.csv", 900_000_000),
    "a data file that is gone": lambda root: (root / "tests/data.csv").unlink(),
    "a setting": replace(
        "pyproject.toml", "[tool.memlint]\n", '[tool.memlint]\nignore = ["MEM101", "MEM102"]\n'
    ),
    "pytest's configuration": replace("pyproject.toml", "testpaths", 'python_files = ["*_a.py"]\ntestpaths'),
    "a rule folder": another_rule,
    "a further test file": write("tests/test_c.py", "import numpy as np\nBIG = np.ones(10**9)\n"),
    "a test file that is gone": lambda root: (root / "tests/test_b.py").unlink(),
    "a further conftest": write("conftest.py", "import numpy as np\nBIG = np.ones(10**9)\n"),
    "what git ignores": write(".gitignore", "test_b.py\n"),
    "a package that hides a helper": write("tests/helpers/__init__.py", "SIDE = 3\n"),
    "a module that hides a library": write("tests/own.py", "def big():\n    return 1\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_any_change_is_seen(suite: Path, runs: list[str], change: Callable[[Path], None]) -> None:
    pipeline.lint(request(suite))
    pipeline.rank(request(suite))
    change(suite)
    runs.clear()
    linted, ranked = pipeline.lint(request(suite)), pipeline.rank(request(suite))
    assert runs == ["run", "run"]
    assert linted == pipeline.lint(request(suite, cache=False))
    assert ranked == pipeline.rank(request(suite, cache=False))


def test_another_memlint_judges_anew(suite: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.lint(request(suite))
    monkeypatch.setattr(memo, "fingerprint", lambda extra: "of another release")
    pipeline.lint(request(suite))
    assert len(runs) == 2


def test_a_damaged_memo_is_as_good_as_none(suite: Path, runs: list[str]) -> None:
    first = pipeline.lint(request(suite))
    (kept,) = (suite / ".memlint_cache").glob("result-*.msgpack")
    kept.write_bytes(kept.read_bytes()[:-100])
    assert pipeline.lint(request(suite)) == first
    assert len(runs) == 2


def test_a_run_in_which_a_rule_crashed_is_not_kept(
    suite: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEMLINT_DEBUG", raising=False)

    def crash(*_: object) -> None:
        raise ValueError("for the test")

    with monkeypatch.context() as broken:
        broken.setattr("memlint.rules.engine.Engine.check", crash)
        assert pipeline.lint(request(suite)).errors
    assert not pipeline.lint(request(suite)).errors
    assert len(runs) == 2


def test_only_so_many_results_are_kept(suite: Path) -> None:
    for number in range(memo._KEPT + 3):
        settings = load_settings(suite, working_dir=suite)
        pipeline.lint(Request((), settings, jobs=1, cores=number + 1, root=suite))
    assert len(list((suite / ".memlint_cache").glob("result-*.msgpack"))) == memo._KEPT


def test_a_run_over_unchanged_files_loads_no_machinery(suite: Path) -> None:
    script = (
        "import sys\nfrom memlint.cli import main\n"
        "try:\n    main(['lint', '--exit-zero', '-q'])\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = ('libcst', 'memlint.run', 'memlint.syntax', 'memlint.analysis')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    command = [sys.executable, "-c", script]
    for expected in (b"'libcst'", b"\n[]\n"):
        done = subprocess.run(command, cwd=suite, capture_output=True, check=True)
        assert expected in b"\n" + done.stdout
