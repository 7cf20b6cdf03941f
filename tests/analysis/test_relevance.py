"""Which functions are evaluated at all: those that may matter, and not whatever shares a name with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memlint.analysis.declarations import functions_of
from memlint.analysis.project import Project
from memlint.analysis.relevance import Relevance
from memlint.disk import RealDisk
from memlint.knowledge.index import api_index
from memlint.syntax.source import lower_file

Judge = Callable[..., set[str]]


@pytest.fixture
def mattering(tmp_path: Path) -> Judge:
    """The names of the functions that matter, of files given by path; those below ``product`` are product code."""

    def judge(files: dict[str, str]) -> set[str]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        facts = {name: lower_file(name, text.encode()) for name, text in files.items()}
        linted = [each for name, each in facts.items() if not name.startswith("product")]
        project = Project(linted, RealDisk(tmp_path), facts.get)
        relevance = Relevance(project, api_index(()))
        relevance.refresh()
        return {
            function.name
            for module in project.modules.values()
            for function in functions_of(module.statements())
            if relevance.matters(function, module)
        }

    return judge


def test_a_fixture_matters_below_the_folder_of_its_conftest(mattering: Judge) -> None:
    large = "import pytest\n@pytest.fixture\ndef data():\n    return [0] * 5_000_000\n"
    asking = "def test_{}(data):\n    assert data\n"
    found = mattering(
        {
            "tests/heavy/conftest.py": large,
            "tests/heavy/test_in.py": asking.format("in"),
            "tests/heavy/deep/test_deep.py": asking.format("deep"),
            "tests/light/test_out.py": asking.format("out"),
        }
    )
    assert found == {"data", "test_in", "test_deep"}


def test_a_fixture_imported_from_another_conftest_matters(mattering: Judge) -> None:
    found = mattering(
        {
            "tests/heavy/__init__.py": "",
            "tests/heavy/conftest.py": "import pytest\n@pytest.fixture\ndef data():\n    return [0] * 5_000_000\n",
            "tests/light/__init__.py": "",
            "tests/light/test_out.py": "from tests.heavy.conftest import data\ndef test_out(data):\n    assert data\n",
        }
    )
    assert found == {"data", "test_out"}


def test_the_parameter_of_a_plain_function_asks_for_no_fixture(mattering: Judge) -> None:
    found = mattering(
        {
            "tests/conftest.py": "import pytest\n@pytest.fixture\ndef data():\n    return [0] * 5_000_000\n",
            "tests/helper.py": "def total(data):\n    return sum(data)\n",
            "tests/test_a.py": "from helper import total\n\ndef test_total():\n    assert total([1]) == 1\n",
        }
    )
    assert found == {"data"}


@pytest.mark.parametrize(
    ("code", "matters"),
    [
        ("datetime(2011, 1, 1)", False),
        ("pd.Timestamp(2020, 3, 1).year", False),
        ("x ** 2", False),
        ("'20130101'", False),
        ("range(2011)", True),
        ("2 ** 20", True),
        ("x ** n", True),
        ("1 << n", True),
        ("x ** 20", True),
        ("os.environ['ROWS'] or '5000000'", True),
    ],
)
def test_numbers_that_may_be_sizes(mattering: Judge, code: str, matters: bool) -> None:
    assert mattering({"test_a.py": f"def test_a(x, n):\n    assert {code}\n"}) == (
        {"test_a"} if matters else set()
    )


def test_a_method_matters_where_its_library_is_named(mattering: Judge) -> None:
    found = mattering(
        {
            "test_web.py": "import requests\ndef test_page(session):\n    assert session.get('/')\n",
            "test_dict.py": "def test_dict(session):\n    assert session.get('a')\n",
        }
    )
    assert found == {"test_page"}


def test_a_plot_matters_whoever_made_the_frame(mattering: Judge) -> None:
    found = mattering(
        {
            "conftest.py": (
                "import pandas as pd\nimport pytest\n@pytest.fixture\ndef df():\n    return pd.DataFrame()\n"
            ),
            "test_a.py": "def test_a(df):\n    df.plot()\n\ndef test_b(df):\n    df.head()\n",
        }
    )
    assert found == {"test_a"}


def test_what_may_be_walked_for_ever_matters(mattering: Judge) -> None:
    found = mattering(
        {
            "fakes.py": (
                "class Rows:\n"
                "    def __getitem__(self, i):\n        return i\n"
                "    def __len__(self):\n        return 3\n"
                "class Held:\n"
                "    def __getitem__(self, i):\n        return self.rows[i]\n"
                "    def __len__(self):\n        return 3\n"
            ),
            "test_a.py": (
                "from fakes import Held, Rows\n"
                "def test_rows():\n    assert list(Rows())\n"
                "def test_held():\n    assert list(Held())\n"
            ),
        }
    )
    assert found == {"test_rows"}


PRODUCT = {
    "product/__init__.py": "",
    "product/table.py": (
        "from product.reader import read_all\n"
        "import pandas as pd\n"
        "class Table:\n"
        "    def __init__(self, rows):\n        self.rows = rows\n"
        "    def load(self, path):\n        return pd.read_csv(path)\n"
        "    @property\n    def kind(self):\n        return Kind(self)\n"
        "class Kind:\n"
        "    def __init__(self, table):\n        self.table = table\n"
        "    def refresh(self):\n        return self.table.load('x.csv')\n"
    ),
    "product/reader.py": "def read_all(path):\n    return open(path).read()\n",
    "product/server.py": (
        "import subprocess\n"
        "class Server:\n"
        "    def begin(self):\n        self._spawn()\n"
        "    def _spawn(self):\n        self.child = subprocess.Popen(['x'])\n"
        "def make_server():\n    return Server()\n"
    ),
}


def test_a_class_that_loads_matters_by_the_method_that_does(mattering: Judge) -> None:
    found = mattering(
        {
            **PRODUCT,
            "tests/test_table.py": (
                "from product.table import Table\n"
                "def test_kind():\n    assert Table([]).kind\n"
                "def test_load():\n    assert Table([]).load('x.csv')\n"
            ),
        }
    )
    assert "test_load" in found
    assert "test_kind" not in found


def test_a_class_that_starts_something_matters_wherever_one_is_had(mattering: Judge) -> None:
    found = mattering(
        {
            **PRODUCT,
            "tests/test_server.py": (
                "from product.server import Server, make_server\n"
                "def test_made():\n    assert make_server()\n"
                "def test_named():\n    assert Server()\n"
                "def test_begun(server):\n    server.begin()\n"
                "def test_none():\n    assert 1\n"
            ),
        }
    )
    assert {"test_made", "test_named", "test_begun"} <= found
    assert "test_none" not in found


def test_product_code_that_allocates_what_it_is_asked_for_is_evaluated(mattering: Judge) -> None:
    found = mattering(
        {
            "product/__init__.py": "",
            "product/grid.py": (
                "import numpy as np\ndef grid(n):\n    return np.empty((n, n))\ndef name():\n    return 'a'\n"
            ),
            "tests/test_grid.py": (
                "from product.grid import grid, name\ndef test_small():\n    assert grid(3) and name()\n"
            ),
        }
    )
    assert found == {"grid"}
