"""What the evaluator knows of single expressions."""

from __future__ import annotations

import math

import pytest

from memlint.analysis.evaluate import Evaluator
from memlint.analysis.project import Project
from memlint.analysis.values import Data, Iterator, Num, Sequence, Value
from memlint.knowledge.index import api_index
from memlint.syntax.source import lower_file

IMPORTS = "import itertools\nimport functools\nimport numpy as np\nfrom scipy import sparse\n"


class NoDisk:
    """A disk without files."""

    def size(self, path: str) -> int | None:
        return None

    def matches(self, pattern: str) -> list[str]:
        return []

    def is_dir(self, path: str) -> bool:
        return False


def value_of(code: str) -> Value:
    """The value of ``value`` after the code has run at module level."""
    facts = lower_file("test_x.py", f"{IMPORTS}{code}\n".encode())
    evaluator = Evaluator(Project([facts], NoDisk()), api_index())
    (module,) = evaluator.project.modules.values()
    return evaluator.module_frame(module).env["value"]


@pytest.mark.parametrize(
    ("expression", "length"),
    [
        ("itertools.permutations(range(5))", 120),
        ("itertools.permutations('abcde', 2)", 20),
        ("itertools.combinations(range(10), 3)", 120),
        ("itertools.combinations_with_replacement('abc', 2)", 6),
        ("itertools.product('ab', range(3), repeat=2)", 36),
        ("itertools.chain([1, 2], range(3))", 5),
        ("itertools.islice(itertools.count(), 7)", 7),
        ("itertools.repeat('x', 4)", 4),
        ("itertools.zip_longest('abc', 'z')", 3),
        ("zip(itertools.count(), 'abcd')", 4),
        ("map(str, range(9))", 9),
        ("reversed([1, 2])", 2),
        ("range(10, 0, -3)", 4),
    ],
)
def test_iterators_know_their_length(expression: str, length: int) -> None:
    value = value_of(f"value = {expression}")
    assert isinstance(value, Iterator)
    assert value.length is not None
    assert value.length.high == length
    assert not value.endless


@pytest.mark.parametrize(
    "expression",
    [
        "itertools.count()",
        "itertools.cycle('ab')",
        "itertools.repeat(0)",
        "zip(itertools.count(), itertools.cycle('a'))",
    ],
)
def test_endless_iterators_are_seen(expression: str) -> None:
    value = value_of(f"value = {expression}")
    assert isinstance(value, Iterator)
    assert value.endless


@pytest.mark.parametrize(
    ("body", "endless"),
    [
        ("while True:\n        yield 1", True),
        ("while True:\n        if x: return\n        yield 1", False),
        ("while True:\n        for y in x:\n            break\n        yield 1", True),
        ("while True:\n        yield next(x)", False),
        ("try:\n        while True:\n            yield x()\n    except IndexError:\n        pass", False),
    ],
)
def test_generators_are_endless_when_nothing_ends_them(body: str, endless: bool) -> None:
    value = value_of(f"def made(x=None):\n    {body}\nvalue = made()")
    assert isinstance(value, Iterator)
    assert value.endless is endless


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("np.zeros((4, 5, 6))[1:3, ..., None]", (2, 5, 6, 1)),
        ("np.zeros((4, 5))[:, 0]", (4,)),
        ("np.zeros((4, 5))[::2]", (2, 5)),
        ("np.arange(12).reshape(3, -1)", (3, 4)),
        ("np.eye(3)[np.zeros(7, dtype=int)]", (7, 3)),
        ("np.ones((2, 3)) @ np.ones((3, 4))", (2, 4)),
        ("np.ones((5, 1)) - np.ones(7)", (5, 7)),
        ("np.stack([np.ones(3)] * 4)", (4, 3)),
        ("np.concatenate([np.ones((2, 3)), np.ones((4, 3))])", (6, 3)),
        ("functools.partial(np.full, fill_value=1.0)((2, 2))", (2, 2)),
    ],
)
def test_shapes_follow(expression: str, shape: tuple[int, ...]) -> None:
    value = value_of(f"value = {expression}")
    assert isinstance(value, Data)
    assert value.shape is not None
    assert tuple(axis.high for axis in value.shape) == shape


def test_a_broadcast_view_holds_nothing_and_its_copy_all() -> None:
    view = value_of("value = np.broadcast_to(np.ones(1000), (1000, 1000))")
    copy = value_of("value = np.broadcast_to(np.ones(1000), (1000, 1000)).copy()")
    assert isinstance(view, Data)
    assert view.virtual
    assert isinstance(copy, Data)
    assert not copy.virtual
    assert copy.bytes == Num(8_000_000, 8_000_000)


def test_a_sparse_matrix_weighs_what_it_stores_until_it_is_dense() -> None:
    matrix = value_of("value = sparse.random(1000, 1000, density=0.01)")
    dense = value_of("value = sparse.random(1000, 1000, density=0.01).toarray()")
    assert isinstance(matrix, Data)
    assert matrix.bytes is not None
    assert matrix.bytes.high == pytest.approx(160_000)
    assert isinstance(dense, Data)
    assert dense.bytes is not None
    assert dense.bytes.high == 8_000_000


def test_a_while_loop_that_counts_has_a_length() -> None:
    value = value_of("value = []\nwhile len(value) < 700:\n    value.append(str(len(value)))")
    assert isinstance(value, Sequence)
    assert value.length is not None
    assert value.length.high == 700


def test_a_fake_without_an_end_is_endless() -> None:
    value = value_of("class Rows:\n    def __getitem__(self, index):\n        return 1\nvalue = list(Rows())")
    assert isinstance(value, Sequence)
    assert value.length is not None
    assert math.isinf(value.length.high)


@pytest.mark.parametrize(
    "expression",
    ["int(float('nan'))", "f\"{float('nan')}\"", "'x' * int(float('nan'))", "[1, 2][()]", "(1, 2)[()]"],
)
def test_what_python_refuses_ends_no_evaluation(expression: str) -> None:
    value_of(f"value = {expression}")
