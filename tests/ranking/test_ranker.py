"""The ranking of small suites on disk, with footprints made up for the purpose."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from memlint.analysis.evaluate import Evaluator
from memlint.analysis.project import Project
from memlint.analysis.relevance import Relevance
from memlint.analysis.suite import Suite
from memlint.disk import RealDisk
from memlint.knowledge.footprints import FirstUse, Footprints, FootprintTable, Module
from memlint.knowledge.index import api_index
from memlint.knowledge.ranking import shipped_weights
from memlint.model import Suspect
from memlint.ranking import Ranker, counted, in_order
from memlint.ranking.extensions import loaded_bytes
from memlint.ranking.installed import installed, plugins
from memlint.ranking.named_sizes import largest_size
from memlint.ranking.opt_in import deselected_markers, skipped_markers
from memlint.syntax.source import lower_file

MB = 1_000_000
TABLE = FootprintTable(
    "3.11",
    "test",
    9 * MB,
    {
        "pytest:session": Module(20 * MB, 20 * MB),
        "small": Module(10 * MB, 10 * MB),
        "large": Module(110 * MB, 100 * MB, brings=("small",)),
        "late": Module(50 * MB, 50 * MB),
        "used": Module(10 * MB, 10 * MB),
    },
    {"used": FirstUse(5 * MB), "large.part": FirstUse(40 * MB)},
)
FIRST_USE = round(5 * MB * shipped_weights().first_use_share)


@pytest.fixture
def rank(tmp_path: Path):
    def run(tests: bool = False, **files: str) -> list[Suspect]:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/").replace("INIT", "__init__") + ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        found = sorted(path for path in tmp_path.rglob("*.py") if path.name.startswith(("test_", "support")))
        facts = [lower_file(path.relative_to(tmp_path).as_posix(), path.read_bytes()) for path in found]
        project = Project(facts, RealDisk(tmp_path))
        index = api_index(())
        suite = Suite(Evaluator(project, index, 2, Relevance(project, index)))
        ranker = Ranker(RealDisk(tmp_path), 2, footprints=Footprints(TABLE))
        return in_order(ranker.suspects(suite, project.modules.values(), counted([]), tests))

    return run


def names(suspects: list[Suspect]) -> list[str]:
    return [suspect.path for suspect in suspects]


def likely(suspects: list[Suspect], path: str) -> int:
    return next(
        suspect.peak.likely for suspect in suspects if suspect.path == path and suspect.nodeid is None
    )


def test_imports_are_followed_through_the_project(rank):
    found = rank(test_a="import product", test_b="import os", product="import inner", inner="import large")
    assert names(found) == ["test_a.py", "test_b.py"]
    assert 105 * MB < likely(found, "test_a.py") - likely(found, "test_b.py") < 115 * MB


def test_cycles_end(rank):
    found = rank(test_a="import one", one="import two", two="import one\nimport small")
    assert likely(found, "test_a.py") > 39 * MB


def test_a_chain_of_imports_may_be_long(rank):
    chain = {f"m{number}": f"import m{number + 1}" for number in range(600)}
    found = rank(test_a="import m0", test_b="", m600="import large", **chain)
    assert likely(found, "test_a.py") - likely(found, "test_b.py") > 100 * MB


def test_an_import_is_paid_once(rank):
    found = rank(test_a="import large", test_b="import large, small\nimport large")
    assert abs(likely(found, "test_a.py") - likely(found, "test_b.py")) < MB


def test_a_conftest_counts_for_all_below_it(rank):
    found = rank(sub__test_a="", sub__conftest="import large", test_b="")
    assert names(found) == ["sub/test_a.py", "test_b.py"]


def test_imports_in_a_test_count_and_in_an_unused_function_of_the_product_do_not(rank):
    product = "import small\ndef used():\n    import late\ndef unused():\n    import late\n"
    found = rank(
        product=product,
        test_a="import late as x\nfrom product import unused2\n",
        test_b="import product\ndef test_x():\n    import late\n",
        test_c="import product\ndef test_x():\n    product.other()\n",
    )
    assert likely(found, "test_b.py") - likely(found, "test_c.py") > 10 * MB


def test_calls_are_followed_through_functions_that_cost_nothing_themselves(rank):
    found = rank(
        product="def zero():\n    one()\ndef one():\n    two()\ndef two():\n    three()\n"
        "def three():\n    import late\n",
        test_b="import product\nlate = 1\ndef test_x():\n    product.one()\n",
        test_c="import product\nlate = 1\ndef test_x():\n    product.zero()\n",
    )
    assert likely(found, "test_b.py") > likely(found, "test_c.py")  # three calls lead there, not four


def test_the_first_use_of_a_library_counts_where_the_test_file_imports_it_itself(rank):
    test = "def test_a(): pass\n"
    suspects = rank(
        product="import used\n",
        test_itself=f"import used\n{test}",
        test_by_name=f"from used import thing\nimport used.more\n{test}",
        test_product=f"import product\n{test}",
        test_tried=f"try:\n    import used\nexcept ImportError:\n    used = None\n{test}",
    )
    reasons = {suspect.path: [reason.text for reason in suspect.reasons] for suspect in suspects}
    assert "the first use of used" in reasons["test_itself.py"]
    assert reasons["test_by_name.py"].count("the first use of used") == 1
    assert "the first use of used" not in reasons["test_product.py"] + reasons["test_tried.py"]
    assert abs(likely(suspects, "test_itself.py") - likely(suspects, "test_product.py") - FIRST_USE) < 20_000


def test_the_first_use_of_a_submodule_is_its_own(rank):
    test = "def test_a(): pass\n"
    suspects = rank(
        test_package=f"import large\n{test}",
        test_part=f"from large import part\n{test}",
        test_inside="def test_a():\n    import large.part\n",
    )
    using = {
        suspect.path
        for suspect in suspects
        if any("first use of large.part" in reason.text for reason in suspect.reasons)
    }
    assert using == {"test_part.py", "test_inside.py"}


def test_workers_pay_the_imports_again(rank):
    starts = "import large\nfrom joblib import Parallel\ndef test_x():\n    Parallel(n_jobs={n})(f() for f in fs)\n"
    found = rank(test_a=starts.format(n=4), test_b=starts.format(n=2), test_c=starts.format(n=1))
    assert names(found) == ["test_a.py", "test_b.py", "test_c.py"]
    assert likely(found, "test_b.py") - likely(found, "test_c.py") > 100 * MB
    assert any(reason.kind == "workers" and reason.line == 4 for reason in found[0].reasons)


def test_allocations_count_once_for_the_heaviest_test(rank):
    x, y = "x = np.ones(100_000_000)", "y = np.ones(10_000_000)"
    heavy = f"import numpy as np\ndef test_x():\n    {x}\ndef test_y():\n    {y}\n"
    found = rank(tests=True, test_a=heavy)
    assert {suspect.nodeid for suspect in found[:2]} == {None, "test_a.py::test_x"}
    assert found[2].nodeid == "test_a.py::test_y"
    reason = found[0].reasons[0]
    assert (reason.kind, reason.line) == ("allocation", 3)
    assert 200 * MB < reason.bytes <= 800 * MB


def test_cases_add_up(rank):
    many = "import pytest\n@pytest.mark.parametrize('x', range(5000))\ndef test_x(x): ...\n"
    found = rank(test_a=many, test_b="def test_x(): ...\n")
    assert likely(found, "test_a.py") - likely(found, "test_b.py") > 5 * MB


_GROWS = """
import pytest
KEPT = []
@pytest.mark.parametrize("n", range({cases}))
def test_x(n):
    KEPT.append(b"." * 30_000_000)
"""


def test_what_cases_leave_in_a_global_adds_up(rank):
    emptied = _GROWS.format(cases=8) + "def teardown_function():\n    KEPT.clear()\n"
    found = rank(test_a=_GROWS.format(cases=8), test_b=_GROWS.format(cases=3), test_c=emptied)
    assert names(found) == ["test_a.py", "test_b.py", "test_c.py"]
    assert likely(found, "test_a.py") - likely(found, "test_b.py") == pytest.approx(150 * MB, rel=0.1)
    assert likely(found, "test_c.py") < 80 * MB
    grown = next(reason for reason in found[0].reasons if reason.kind == "growth" and reason.line == 6)
    assert grown.text == "kept in KEPT by 7 cases"


def test_what_a_fixture_leaves_in_a_class_adds_up(rank):
    code = """
import pytest
class Registry:
    made = []
@pytest.fixture
def row():
    Registry.made.append(b"." * 40_000_000)
def test_a(row): pass
def test_b(row): pass
def test_c(row): pass
"""
    found = rank(test_a=code, test_b=code.replace("(row)", "()"))
    assert likely(found, "test_a.py") - likely(found, "test_b.py") >= 80 * MB


def test_bounds_hold_the_likely_figure(rank):
    for suspect in rank(tests=True, test_a="import large\ndef test_x(): ...\n", test_b="import gone\n"):
        assert suspect.peak.low <= suspect.peak.likely <= suspect.peak.high


def test_a_file_that_does_not_parse_is_ranked_by_what_can_be_read(rank):
    found = rank(test_a="import large\ndef (((\n", test_b="")
    assert names(found) == ["test_a.py", "test_b.py"]


def test_a_package_beside_an_installed_one_is_a_library(rank, tmp_path):
    (tmp_path / "own-1.dist-info").mkdir()
    # what a library's functions may start says nothing: nobody follows calls into it
    package = {
        "own__INIT": "",
        "other__INIT": "import large\ndef work():\n    Pool(8)\n" + "x = 1\n" * 80_000,
    }
    found = rank(**package, own__test_a="from other import work\nwork()", own__test_b="import large")
    assert abs(likely(found, "own/test_a.py") - likely(found, "own/test_b.py")) < 2 * MB
    assert any("and other by their source" in reason.text for reason in found[0].reasons + found[1].reasons)


@pytest.mark.parametrize(
    ("written", "extra"),
    [
        ("import other", 106),
        ("from other import inner", 106),
        ("import other.inner", 106),
        ("import other.light", 0),
        ("def test_x():\n    import other.inner", 77),
    ],
)
def test_a_library_that_no_table_knows_is_followed_where_it_is_installed(rank, tmp_path, written, extra):
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("")
    (site / "other").mkdir(parents=True)
    eager = "from other import inner\n" if written == "import other" else ""
    (site / "other" / "__init__.py").write_text(f"import absent\n{eager}")
    (site / "other" / "inner.py").write_text("from further import thing\n")
    (site / "other" / "light.py").write_text("from . import nothing\n")
    (site / "further.py").write_text("import large\n")
    found = rank(test_a=written, test_b="", test_c="import absent")
    assert (extra - 3) * MB < likely(found, "test_a.py") - likely(found, "test_b.py") < (extra + 3) * MB
    assert likely(found, "test_c.py") - likely(found, "test_b.py") > MB, (
        "what is nowhere counts as a small library"
    )


def test_an_extension_module_that_no_table_knows_counts_with_its_file(rank, tmp_path):
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("")
    with (site / "_fast.cpython-311-x86_64-linux-gnu.so").open("wb") as file:
        file.truncate(30 * MB)
    found = rank(test_a="import _fast", test_b="")
    assert 10 * MB < likely(found, "test_a.py") - likely(found, "test_b.py") <= 31 * MB


def test_a_library_is_followed_so_far_and_no_further(rank, tmp_path):
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("")
    for number in range(302):
        (site / "other").mkdir(exist_ok=True)
        (site / "other" / f"m{number}.py").write_text(f"from other import m{number + 1}\n")
    (site / "other" / "__init__.py").write_text("from other import m0\n")
    (site / "other" / "m280.py").write_text("from other import m281\nimport small\n")
    (site / "other" / "m301.py").write_text("import large\n")
    found = rank(test_a="import other", test_b="")
    assert 8 * MB < likely(found, "test_a.py") - likely(found, "test_b.py") < 20 * MB


def test_without_installed_packages_a_neighbour_is_the_projects_own(rank):
    found = rank(
        own__INIT="", other__INIT="import large", own__test_a="import other", own__test_b="import own"
    )
    assert likely(found, "own/test_a.py") - likely(found, "own/test_b.py") > 100 * MB


def test_order_is_by_likely_high_and_path(rank):
    text = "def test_x(): ...\n"
    assert names(rank(test_c=text, test_a=text, test_b=text)) == ["test_a.py", "test_b.py", "test_c.py"]


def test_support_without_tests_is_no_suspect(rank):
    assert names(rank(test_a="import support_b", support_b="import large")) == ["test_a.py"]


def test_an_environment_beside_the_suite_tells_what_is_missing(rank, tmp_path):
    tried = "".join(f"try:\n    import {name}\nexcept ImportError: pass\n" for name in ("large", "late"))
    before = likely(rank(test_a=tried), "test_a.py")
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (site / "late").mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("")
    holds = installed(RealDisk(tmp_path))
    assert holds is not None
    assert (holds("late"), holds("large"), holds("json")) == (True, False, True)
    known = Footprints(TABLE, holds=holds)
    assert known.resolve("large") is None
    assert known.resolve("late") == "late"
    assert 50 * MB < before < 180 * MB  # a part of both counts where nobody knows


def test_imports_on_a_condition_are_less_than_certain(rank):
    found = rank(
        test_a="import os\nif os.environ.get('FULL'):\n    import large\n", test_b="import large", test_c=""
    )
    assert names(found) == ["test_b.py", "test_a.py", "test_c.py"]


def test_inherited_tests_are_cases_of_the_file(rank):
    base = "class Base:\n" + "".join(f"    def test_{n}(self): pass\n" for n in range(40))
    heirs = "".join(f"class Test{n}(Base): pass\n" for n in range(100))
    found = rank(test_a=base + heirs, test_b=base + heirs.replace("(Base)", ""))
    assert likely(found, "test_a.py") - likely(found, "test_b.py") > 10 * MB


def test_a_skipped_test_holds_nothing(rank):
    text = "import numpy as np\nimport pytest\n{}\ndef test_a():\n    x = np.ones(100_000_000)\n"
    found = rank(test_a=text.format("@pytest.mark.skip(reason='by hand')"), test_b=text.format(""))
    assert likely(found, "test_b.py") - likely(found, "test_a.py") > 300 * MB


def test_small_allocations_come_out_of_what_a_session_has_freed(rank):
    text = "import numpy as np\ndef test_a():\n    x = np.ones({})\n"
    found = rank(test_a=text.format(500_000), test_b=text.format(1))
    assert abs(likely(found, "test_a.py") - likely(found, "test_b.py")) < MB


def test_a_prediction_holds_the_largest_allocation_in_full(rank):
    text = "def test_a():\n    x = [bytes(4096) for _ in range(100_000)]\n"
    found = rank(test_a=text, test_b="def test_a(): ...\n")
    reason = next(reason for reason in found[0].reasons if reason.kind == "allocation")
    assert reason.bytes > 405_000_000
    assert likely(found, "test_a.py") > 409_600_000


def test_a_child_pays_what_its_script_imports(rank):
    text = "import subprocess, sys\ndef test_a():\n    subprocess.run([sys.executable, '-c', 'import {}'])\n"
    found = rank(test_a=text.format("large"), test_b=text.format("small"))
    assert 90 * MB < likely(found, "test_a.py") - likely(found, "test_b.py") < 110 * MB


def test_a_helper_that_the_file_names_starts_a_child(rank):
    helper = (
        "import subprocess, sys\ndef run_script(code):\n    subprocess.run([sys.executable, '-c', code])\n"
    )
    text = "from helpers import run_script\ndef test_a():\n    {}('import large')\n"
    found = rank(
        helpers=helper, test_a=text.format("run_script"), test_b=text.format("print").replace("run_", "no_")
    )
    assert likely(found, "test_a.py") - likely(found, "test_b.py") > 100 * MB
    assert any(reason.kind == "workers" and reason.path == "helpers.py" for reason in found[0].reasons)


def test_what_every_container_has_leads_to_no_function_of_the_product(rank):
    product = "from multiprocessing import Pool\ndef get(): Pool(8)\ndef fetch(): Pool(8)\n"
    found = rank(
        product=product,
        test_a="import product\ndef test_a():\n    {}.get(1)\n",
        test_b="import product\ndef test_b():\n    product.fetch()\n",
        test_c="from product import get\ndef test_c():\n    get()\n",
    )
    starters = {s.path for s in found if any(reason.kind == "workers" for reason in s.reasons)}
    assert starters == {"test_b.py", "test_c.py"}


def test_test_modules_that_come_along_are_rewritten_too(rank):
    big = "def helper():\n" + "    assert 1\n" * 20_000
    found = rank(test_big=big, plain=big, test_a="import test_big", test_b="import plain")
    assert likely(found, "test_a.py") - likely(found, "test_b.py") > 10 * MB


def test_an_extension_module_of_the_product_costs_its_file(rank, tmp_path):
    (tmp_path / "own").mkdir()
    with (tmp_path / "own" / "fast.cpython-311-x86_64-linux-gnu.so").open("wb") as file:
        file.truncate(30 * MB)
    found = rank(own__INIT="", test_a="from own import fast", test_b="from own import slow")
    assert 5 * MB < likely(found, "test_a.py") - likely(found, "test_b.py") <= 31 * MB


def elf(segments: list[tuple[int, int]]) -> bytes:
    """The start of a 64-bit ELF file with these program headers: type and size in the file."""
    table = b"".join(struct.pack("<IIQQQQQQ", kind, 4, 0, 0, 0, size, size, 4096) for kind, size in segments)
    header = struct.pack(
        "<4sB11xHHIQQQIHHHHHH", b"\x7fELF", 2, 3, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0
    )
    return header + table


@pytest.mark.parametrize(
    ("content", "loaded"),
    [
        pytest.param(elf([(1, 2 * MB), (4, 99), (1, MB)]), 3 * MB, id="without what debuggers read"),
        pytest.param(elf([(1, 2 * MB)])[:80], 30 * MB, id="cut off"),
        pytest.param(b"MZ", 30 * MB, id="of another system"),
    ],
)
def test_of_an_extension_module_its_loaded_segments_count(tmp_path, content, loaded):
    with (tmp_path / "fast.so").open("wb") as file:
        file.write(content)
        if len(content) != 80:
            file.truncate(30 * MB)
    whole = (tmp_path / "fast.so").stat().st_size
    assert loaded_bytes(RealDisk(tmp_path), "fast.so") == min(loaded, whole)


def test_cython_beside_an_extension_module_tells_what_it_imports(rank, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "fast.cpython-311-x86_64-linux-gnu.so").write_bytes(b"x")
    (tmp_path / "own" / "fast.pyx").write_text("from libc.math cimport sqrt\ncimport large\n")
    (tmp_path / "own" / "unbuilt.pyx").write_text("import large\n")
    found = rank(
        own__INIT="",
        test_a="from own import fast",
        test_b="from own.unbuilt import f",
        test_c="from own import slow",
    )
    light = likely(found, "test_c.py")
    assert likely(found, "test_a.py") - light > 100 * MB
    assert likely(found, "test_b.py") - light > 100 * MB


FAST = """
import numba
@numba.njit(cache=True)
def fast(x):
    return x
def slow(x):
    return x
"""


@pytest.mark.parametrize(
    ("test", "least"),
    [
        pytest.param("import numba\n@numba.njit\ndef f(): ...\ndef test_x(): f()\n", 60, id="decorated"),
        pytest.param("from numba import jit\ndef test_x(): jit(nopython=True)(len)()\n", 60, id="called"),
        pytest.param("from own import fast\ndef test_x(): fast(1)\n", 30, id="led to"),
        pytest.param("from own import slow\ndef test_x(): slow(1)\n", 0, id="beside it"),
        pytest.param(
            "import numba, numpy as np\ndef test_x(): np.vectorize(len)('')\n", 0, id="of another library"
        ),
        pytest.param("import numba.cuda\n@numba.cuda.jit\ndef test_x(): ...\n", 0, id="for another machine"),
        pytest.param("from other import jit\n@jit\ndef test_x(): ...\n", 0, id="without the compiler"),
    ],
)
def test_a_function_that_is_compiled_when_it_is_called_brings_the_compiler(rank, test, least):
    found = rank(test_a=test, test_b="import numba\n", test_c="", own=FAST, numba__INIT="", numba__cuda="")
    more = likely(found, "test_a.py") - likely(found, "test_b.py")
    assert least * MB <= more < (2 * least + 5) * MB  # a library of which nothing is known counts for 3 MB


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("N = 10_000_000", 10_000_000),
        ("def test_x():\n    rows, columns = 1000, 2000  # of each", 2_000_000),
        ("SHAPE: tuple = (400, 400, 400)", 64_000_000),
        ("n = 1 << 20", 1 << 20),
        ("n = 3 * int(1e6)", 3_000_000),
        ("n = 2**24", 2**24),
        ("N = 20_000\nM = 50_000", 50_000),
        pytest.param("SEED = 1234567", None, id="a seed"),
        pytest.param("now = 1700000000", None, id="a point in time"),
        pytest.param("scale = 1e8", None, id="a scale"),
        pytest.param("limits.most = 10_000_000", None, id="a setting of something else"),
        pytest.param("n = 10_000_000 * share", None, id="a part that nobody knows"),
        pytest.param("call(n=10_000_000)", None, id="no name of the file's own"),
    ],
)
def test_a_round_number_with_a_name_may_be_a_size(text, size):
    assert (largest_size(text) or (None, 0))[0] == size


def test_a_size_that_has_a_name_counts_where_nothing_else_is_seen(rank):
    found = rank(
        test_a="N = 10_000_000\ndef test_x(): product(N)\n",
        test_b="import numpy\nN = 10_000_000\ndef test_x():\n    x = numpy.ones(N)\n    assert len(x)\n",
        test_c="import numpy\ndef test_x(): product(1)\n",
        test_d="N = 300_000_000\ndef test_x(): product(N)\n",
    )
    light = likely(found, "test_c.py")
    assert 50 * MB < likely(found, "test_a.py") - light < 110 * MB
    assert 50 * MB < likely(found, "test_b.py") - light < 110 * MB
    assert likely(found, "test_d.py") - light < 400 * MB


RUN_SLOW = """
import pytest
def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true")
def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="asks for --run-slow"))
"""


@pytest.mark.parametrize(
    ("conftest", "markers"),
    [
        (RUN_SLOW, {"slow"}),
        (
            """
def pytest_addoption(parser): ...
def pytest_runtest_setup(item):
    if item.get_closest_marker("large") and not item.config.getoption("--large"):
        pytest.skip()
""",
            {"large"},
        ),
        (
            """
KINDS = {
    "large": False,
    "quick": True,
    "database": False,
}
try:
    import database
    KINDS["database"] = True
except ImportError: ...
def pytest_addoption(parser): ...
def pytest_runtest_setup(item):
    for mark in item.iter_markers():
        if not KINDS[mark.name]:
            pytest.skip()
""",
            {"large"},
        ),
        pytest.param(RUN_SLOW.replace("--run-slow", "--skip-slow"), set(), id="asked to skip"),
        pytest.param(
            """
def pytest_addoption(parser): ...
def pytest_runtest_setup(item):
    if "slow" in item.keywords and item.config.getoption("--checked"):
        pytest.skip()
""",
            set(),
            id="skipped when asked",
        ),
        pytest.param(RUN_SLOW.replace("addoption", "unconfigure"), set(), id="no options"),
    ],
)
def test_markers_that_wait_for_an_option(conftest, markers):
    assert skipped_markers(conftest) == markers


def test_deselected_markers_of_the_suites_own_options():
    assert deselected_markers(["-q", "-m", "not slow and not network"]) == {"slow", "network"}
    assert deselected_markers(["-m=not slow"]) == {"slow"}
    assert deselected_markers(["-m", "slow or not network", "-k", "not this"]) == set()


def test_a_test_that_waits_for_an_option_widens_the_bounds_alone(rank):
    heavy = "import pytest, numpy\n@pytest.mark.slow\ndef test_x():\n    assert len(numpy.ones(10**8))\n"
    before = rank(test_a=heavy, test_b=heavy.replace("@pytest.mark.slow\n", ""))
    assert likely(before, "test_a.py") == pytest.approx(likely(before, "test_b.py"), rel=0.01)
    after = rank(tests=True, conftest=RUN_SLOW)
    light = next(item for item in after if item.path == "test_a.py" and item.nodeid is None)
    assert light.peak.likely < likely(after, "test_b.py") - 400 * MB < light.peak.high
    assert next(item for item in after if item.nodeid == "test_a.py::test_x").peak.likely > 400 * MB


def test_a_pool_that_a_script_starts_carries_what_the_script_imports(rank):
    script = 'SCRIPT = """\nfrom multiprocessing import Pool\nPool(4)\n"""\n'
    run = "import subprocess, sys\ndef test_x(): subprocess.run([sys.executable, '-c', SCRIPT])\n"
    found = rank(
        test_a="import large\n" + script + run,
        test_b="import large\n" + script.replace("Pool(4)", "pass") + run,
    )
    more = likely(found, "test_a.py") - likely(found, "test_b.py")
    assert 20 * MB < more < 120 * MB  # four interpreters, without the library that the test imports


def test_plugins_of_the_environment_are_loaded_by_every_session(rank, tmp_path):
    before = likely(rank(test_a=""), "test_a.py")
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (site / "one-1.dist-info").mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("")
    entries = site / "one-1.dist-info" / "entry_points.txt"
    entries.write_text("[console_scripts]\nx = one:main\n[pytest11]\none = late.plugin\nodd=unheard.of\n")
    assert plugins(RealDisk(tmp_path)) == ("late.plugin", "unheard.of")
    found = rank(test_a="", test_b="import late")
    assert 35 * MB < likely(found, "test_a.py") - before < 55 * MB
    assert abs(likely(found, "test_b.py") - likely(found, "test_a.py")) < MB
    entries.write_text("[pytest11\nnonsense")
    assert plugins(RealDisk(tmp_path)) == ()


@pytest.mark.parametrize("reading", ["assert read()", "text = read()", "helped()"])
def test_a_file_that_is_seen_to_be_read_counts_as_it_is_read(rank, tmp_path: Path, reading: str):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "orders.tsv").write_bytes(b"." * 20 * MB)
    found = rank(
        t__test_read=f"""
from pathlib import Path
def read():
    return (Path(__file__).parent / "orders.tsv").read_text()
def helped():
    with (Path(__file__).parent / "orders.tsv").open() as file:
        assert len(file.read())
def test_x():
    {reading}
""",
        t__test_named="""
def test_x():
    product("orders.tsv")
""",
        t__test_none="def test_x(): pass\n",
    )
    light = likely(found, "t/test_none.py")
    assert 10 * MB < likely(found, "t/test_read.py") - light < 21 * MB
    assert likely(found, "t/test_named.py") - light > 50 * MB  # nobody knows what is made of it


def test_a_large_data_file_counts_where_it_is_named(rank, tmp_path: Path):
    folder = tmp_path / "product" / "data"
    folder.mkdir(parents=True)
    (folder / "brain.nii.gz").write_bytes(b"." * 1_000_000)
    (folder / "small.csv").write_bytes(b"." * 1_000)
    found = rank(
        product__INIT='BRAIN = FOLDER / "brain.nii.gz"\ndef template():\n    return load(BRAIN)\n',
        test_constant="from product import BRAIN\ndef test_x(): read(BRAIN)\n",
        test_literal="import product\ndef test_x(): read('data/brain.nii.gz')\n",
        test_led_to="from product import template\ndef test_x(): template()\n",
        test_small="import product\ndef test_x(): read('data/small.csv')\n",
    )
    least = likely(found, "test_small.py")
    for name in ("test_constant.py", "test_literal.py", "test_led_to.py"):
        assert likely(found, name) - least == pytest.approx(shipped_weights().packed_expansion * MB, rel=0.1)
    reason = next(reason for reason in found[0].reasons if reason.kind == "allocation")
    assert reason.path == "product/data/brain.nii.gz"


def test_workers_of_a_fixture_count_for_the_file_that_asks_for_it(rank):
    conftest = """
import pytest
def cases(cls):
    return [{"n_workers": many} for many in (2,)]
@pytest.fixture(params=cases(int))
def client(request):
    return request.param
"""
    found = rank(
        conftest=conftest,
        test_a="import large\ndef test_x(client): ...\n",
        test_b="import large\ndef test_x(): ...\n",
    )
    assert likely(found, "test_a.py") - likely(found, "test_b.py") > 100 * MB


def test_a_name_means_what_later_files_make_of_it(rank):
    """What was found out for one test file is corrected by the functions that another one brings."""
    product = "def load(path):\n    import late\n    return parse(path)\n"
    parser = "def parse(path):\n    import large\n"
    files = {
        "test_a": "from product import load\n\ndef test_a():\n    load('x')  # large\n",
        "test_b": "import parser_\nfrom product import load\n\ndef test_b():\n    load('x')  # large\n",
        "test_c": "from product import load\n\ndef test_c():\n    load('x')  # large\n",
    }
    found = rank(product=product, parser_=parser, **files)
    late = {
        suspect.path for suspect in found if any("in parse()" in reason.text for reason in suspect.reasons)
    }
    assert late == {"test_b.py"}  # the parser is loaded for it alone
    assert likely(found, "test_a.py") == likely(found, "test_c.py")


def test_what_a_function_imports_counts_where_it_is_not_loaded_yet(rank):
    """That one file had it all does not mean that the next one has."""
    product = "def load():\n    import large\n"
    test = "from product import load\n\ndef test():\n    load()  # of large\n"
    found = rank(product=product, test_a=f"import large\n{test}", test_b=f"import os\n{test}", test_c=test)
    reasons = {
        suspect.path: sum("import when it runs" in reason.text for reason in suspect.reasons)
        for suspect in found
    }
    assert reasons == {"test_a.py": 0, "test_b.py": 1, "test_c.py": 1}


def test_only_the_owners_that_a_file_names_are_meant_by_a_common_name(rank):
    classes = "".join(f"class Kind{n}:\n    def load(self):\n        import late\n\n" for n in range(5))
    test = "import kinds\n\ndef test():\n    kinds.{}.load()  # late\n"
    found = rank(
        kinds=classes, test_a=test.format("other"), test_b=test.format("Kind3()"), test_c=test.format("none")
    )
    reasons = {
        suspect.path: [reason.line for reason in suspect.reasons if "import when it runs" in reason.text]
        for suspect in found
    }
    assert reasons == {"test_a.py": [], "test_b.py": [15], "test_c.py": []}
