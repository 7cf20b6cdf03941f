"""``memlint rank`` where something is amiss: it says so, and ranks the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from memlint import cli

HEAVY = "import pandas\n\ndef test_x():\n    pass\n"
LIGHT = "def test_x():\n    pass\n"


@pytest.fixture
def rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """``rank({"tests/test_a.py": "..."}, "tests")`` gives exit code, output and messages."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(files: dict[str, str | bytes], *arguments: str) -> tuple[int, str, str]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        code = cli.run(["rank", *arguments, "--no-cache"])
        return code, *capfd.readouterr()

    return run


Rank = Callable[..., tuple[int, str, str]]


SITE = ".venv/lib/python3.11/site-packages/"


def environment(*libraries: str) -> dict[str, str]:
    return {".venv/pyvenv.cfg": "", **{f"{SITE}{name}/__init__.py": "" for name in libraries}}


def peaks(out: str) -> dict[str, int]:
    return {file["path"]: file["predicted_peak_bytes"]["likely"] for file in json.loads(out)["files"]}


@pytest.mark.parametrize("files", [{}, {"tests/notes.txt": "x"}])
def test_an_empty_suite_is_said_to_be_empty(rank: Rank, files):
    code, out, err = rank(files, "tests")
    assert (code, out) == (0, "No test files to rank.\n")
    assert err == "memlint: no test code found in tests\n"


def test_files_that_do_not_parse_are_named_and_ranked_by_their_imports(rank: Rank):
    files = {
        "tests/test_a.py": "import pandas\ndef (((\n",
        "tests/test_b.py": LIGHT,
        "tests/test_c.py": b"\xff\0",
    }
    code, out, _ = rank(files, "tests")
    assert code == 2
    assert "tests/test_a.py:2 MEM900 not valid Python" in out
    assert "tests/test_c.py:1 MEM900 " in out
    assert "3 files with a predicted total" in out
    ranked = peaks(rank({}, "tests", "--format", "json")[1])
    assert next(iter(ranked)) == "tests/test_a.py"
    assert ranked["tests/test_a.py"] > ranked["tests/test_b.py"] + 50_000_000


def test_import_cycles_end_and_their_imports_count_once(rank: Rank):
    files = {
        "tests/test_a.py": "import one\n" + LIGHT,
        "tests/test_b.py": "import four\n" + LIGHT,
        "one.py": "import two\n",
        "two.py": "import three, pandas\n",
        "three.py": "import one, three\n",
        "four.py": "import pandas\n",
    }
    code, out, err = rank(files, "tests", "--format", "json")
    ranked = peaks(out)
    assert (code, err) == (0, "")
    assert abs(ranked["tests/test_a.py"] - ranked["tests/test_b.py"]) < 1_000_000


def test_libraries_that_no_table_knows_are_named(rank: Rank):
    files = {"tests/test_a.py": "import quux_one, quux_two.sub\n" + LIGHT, "tests/test_b.py": LIGHT}
    code, out, _ = rank(files, "tests")
    assert code == 0
    assert "Imported, but never measured: quux_one, quux_two. Each counts as a small library.\n" in out
    ranked = peaks(rank({}, "tests", "--format", "json")[1])
    assert ranked["tests/test_a.py"] > ranked["tests/test_b.py"]


def test_libraries_that_are_not_installed_are_named(rank: Rank):
    files = {
        **environment("pytest", "numpy"),
        "tests/test_a.py": HEAVY,
        "tests/test_b.py": "import numpy\n" + LIGHT,
    }
    code, out, _ = rank(files, "tests")
    assert code == 0
    assert "What is installed was seen in .venv/lib/python3.11/site-packages/.\n" in out
    assert "Imported, but not installed: pandas. Such imports cost nothing here.\n" in out
    assert list(peaks(rank({}, "tests", "--format", "json")[1])) == ["tests/test_b.py", "tests/test_a.py"]


def test_where_no_environment_is_seen_that_is_said(rank: Rank):
    code, out, _ = rank(
        {"tests/test_a.py": "try:\n    import pandas\nexcept ImportError:\n    pass\n"}, "tests"
    )
    assert code == 0
    assert "No environment was seen: imports that a suite gets along without count in part.\n" in out
    assert "1 file with a predicted total" in out


def test_json_names_what_the_figures_lack(rank: Rank):
    files = {
        **environment(),
        SITE + "__editable__.quux-1.pth": "",
        "tests/test_a.py": "import pandas, quux\n",
    }
    assert json.loads(rank(files, "tests", "--format", "json")[1])["imports_from"] == {
        "source": "shipped",
        "python": None,
        "environment": ".venv/lib/python3.11/site-packages/",
        "missing": ["pandas"],
        "unmeasured": ["quux"],
    }


SKIPPING = "import pytest\n{}\nimport scipy.stats\nimport numpy as np\n\ndef test_x():\n    x = np.ones(100_000_000)\n"


@pytest.mark.parametrize(
    ("call", "skipped"),
    [
        ("pytest.importorskip('pandas')", True),
        ("pd = pytest.importorskip('pandas.core', minversion='2')", True),
        ("pytest.importorskip('numpy')", False),
        ("pytest.importorskip('own')", False),
        ("# pytest.importorskip('pandas')", False),
        ("if pytest.__version__ < '3': pytest.importorskip('pandas')", False),
        ("def helper():\n    pytest.importorskip('pandas')", False),
    ],
)
def test_a_file_skipped_for_a_missing_library_holds_its_base_alone(rank: Rank, call, skipped):
    files = {
        **environment("pytest", "numpy", "scipy"),
        "own.py": "",
        "tests/test_a.py": SKIPPING.format(call),
        "tests/test_b.py": LIGHT,
    }
    ranked = peaks(rank(files, "tests", "--format", "json")[1])
    heavier = ranked["tests/test_a.py"] - ranked["tests/test_b.py"]
    assert heavier < 1_000_000 if skipped else heavier > 500_000_000
    explained = rank({}, "--why", "tests/test_a.py")[1]
    assert ("skipped, as pandas" in explained) == skipped


def test_nobody_knows_what_is_skipped_without_an_environment(rank: Rank):
    files = {"tests/test_a.py": SKIPPING.format("pytest.importorskip('pandas')"), "tests/test_b.py": LIGHT}
    ranked = peaks(rank(files, "tests", "--format", "json")[1])
    assert ranked["tests/test_a.py"] - ranked["tests/test_b.py"] > 500_000_000


@pytest.mark.parametrize("place", ["tests", "pkg/tests", "service/tests"])
def test_the_product_is_found_in_src_and_in_folders_above(rank: Rank, place):
    inside = {"tests": "src", "pkg/tests": "pkg", "service/tests": "service/src"}[place]
    files = {
        f"{place}/test_a.py": "import product\n" + LIGHT,
        f"{place}/sub/__init__.py": "",
        f"{place}/test_b.py": LIGHT,
        f"{inside}/product/__init__.py": "import pandas\n",
    }
    ranked = peaks(rank(files, place, "--format", "json")[1])
    assert ranked[f"{place}/test_a.py"] - ranked[f"{place}/test_b.py"] > 50_000_000


def test_a_tests_package_finds_the_product_in_src(rank: Rank):
    files = {
        "tests/__init__.py": "",
        "tests/test_a.py": "from product import thing\n" + LIGHT,
        "tests/test_b.py": LIGHT,
        "src/product/__init__.py": "import pandas\n",
    }
    ranked = peaks(rank(files, "tests", "--format", "json")[1])
    assert ranked["tests/test_a.py"] - ranked["tests/test_b.py"] > 50_000_000
