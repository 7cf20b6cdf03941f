"""Generated expressions, evaluated by memlint and by Python: their sizes agree."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memlint.analysis.evaluate import Evaluator
from memlint.analysis.objects import bytes_of
from memlint.analysis.project import Project
from memlint.knowledge.index import api_index
from memlint.syntax.source import lower_file

EXAMPLES = 150
IMPORTS = "import os\nimport random\nimport numpy as np\nimport pandas as pd\n"


class NoDisk:
    """A disk without files."""

    def size(self, path: str) -> int | None:
        return None

    def matches(self, pattern: str) -> list[str]:
        return []

    def is_dir(self, path: str) -> bool:
        return False


def predicted(expression: str) -> float | None:
    """The bytes that memlint gives to an expression; None when it gives none."""
    facts = lower_file("test_x.py", f"{IMPORTS}value = {expression}\n".encode())
    evaluator = Evaluator(Project([facts], NoDisk()), api_index())
    (module,) = evaluator.project.modules.values()
    size = bytes_of(evaluator.module_frame(module).env["value"])
    return size.high if size is not None else None


@dataclass
class Tally:
    """How many figures were given, and which were wrong."""

    factor: float
    given: int = 0
    silent: int = 0
    wrong: list[str] = field(default_factory=list)

    def judge(self, expression: str, real: float) -> None:
        figure = predicted(expression)
        if figure is None:
            self.silent += 1
            return
        self.given += 1
        slack = 64  # of an empty thing
        if not real / self.factor - slack <= figure <= real * self.factor + slack:
            self.wrong.append(f"{expression}: {figure:,.0f} for {real:,.0f}")

    def check(self) -> None:
        assert self.given >= 0.8 * (self.given + self.silent), (
            f"silent on {self.silent} of {self.given + self.silent}"
        )
        assert len(self.wrong) <= self.given // 100, "\n".join(self.wrong)


def run(expressions: st.SearchStrategy[str], factor: float, weigh: Callable[[str], float]) -> None:
    """Judge many expressions, always the same."""
    tally = Tally(factor)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(expressions)
    def collect(expression: str) -> None:
        tally.judge(expression, weigh(expression))

    collect()
    tally.check()


def evaluate(expression: str) -> Any:
    """What Python makes of it."""
    names: dict[str, Any] = {}
    exec(IMPORTS, names)
    return eval(expression, names)


# --- arrays ---------------------------------------------------------------------------------------------------

DIMENSION = st.integers(1, 40)
DTYPE = st.sampled_from(["float64", "float32", "int64", "int8", "uint8", "int16", "complex128", "float16"])


def array_of(shape: tuple[int, ...]) -> st.SearchStrategy[str]:
    count = 1
    for axis in shape:
        count *= axis
    return st.one_of(
        st.builds(
            lambda name, dtype: f"np.{name}({shape}, dtype={dtype!r})",
            st.sampled_from(["zeros", "ones", "empty"]),
            DTYPE,
        ),
        st.sampled_from(
            [
                f"np.full({shape}, 1.5)",
                f"np.full({shape}, True)",
                f"np.arange({count}).reshape({shape})",
                f"np.linspace(0, 1, {count}).reshape{shape if len(shape) > 1 else (shape[0],)}",
                f"np.random.default_rng(0).random({shape})",
                f"np.random.default_rng(0).normal(0, 1, size={shape})",
                f"np.random.randint(0, 9, size={shape})",
                f"np.random.default_rng(1).integers(0, 9, {shape}, dtype='int32')",
            ]
        ),
    )


def changed(array: str) -> st.SearchStrategy[str]:
    number = st.integers(1, 5)
    return st.one_of(
        st.builds(lambda dtype: f"{array}.astype({dtype!r})", DTYPE),
        st.builds(lambda k: f"np.repeat({array}, {k})", number),
        st.builds(lambda k: f"np.tile({array}, {k})", number),
        st.builds(lambda k: f"({array})[:{k}].copy()", number),
        st.builds(lambda k: f"({array})[::{k}].copy()", number),
        st.builds(lambda k: f"np.concatenate([{array}] * {k})", number),
        st.sampled_from(
            [
                f"({array}).copy()",
                f"({array}).T.copy()",
                f"({array}).ravel().copy()",
                f"({array}).flatten()",
                f"({array}) * 2",
                f"({array}) + ({array})",
                f"({array}) > 0.5",
                f"np.zeros_like({array})",
                f"np.stack([{array}, {array}])",
                f"np.vstack([{array}, {array}])",
                f"({array})[..., None] - ({array})[..., None]",
                f"({array}).reshape(-1, 1) + ({array}).reshape(1, -1)",
                f"np.outer(({array}).ravel()[:50], ({array}).ravel()[:50])",
                f"np.where(({array}) > 0, {array}, {array})",
                f"np.abs({array})",
                f"np.cumsum(({array}).ravel())",
            ]
        ),
    )


SHAPES = st.lists(DIMENSION, min_size=1, max_size=3).map(tuple)
ARRAYS = SHAPES.flatmap(array_of).flatmap(lambda array: st.one_of(st.just(array), changed(array)))


def test_arrays_agree_within_a_tenth() -> None:
    numpy = pytest.importorskip("numpy")
    with numpy.errstate(all="ignore"):  # what np.empty leaves in an array may not fit the type it is cast to
        run(ARRAYS, 1.1, lambda expression: float(evaluate(expression).nbytes))


# --- bytes ----------------------------------------------------------------------------------------------------

LENGTH = st.integers(0, 5000)
BYTES = st.one_of(
    st.builds(lambda n: f"b'x' * {n}", LENGTH),
    st.builds(lambda n: f"b'ab' * {n} + b'c'", LENGTH),
    st.builds(lambda n: f"bytes({n})", LENGTH),
    st.builds(lambda n: f"bytearray({n})", LENGTH),
    st.builds(lambda n: f"bytearray(b'ab' * {n})", LENGTH),
    st.builds(lambda n: f"os.urandom({n})", LENGTH),
    st.builds(lambda n: f"random.randbytes({n})", LENGTH),
    st.builds(lambda n, k: f"b''.join([b'x' * {k}] * {n})", LENGTH, st.integers(1, 9)),
    st.builds(lambda n, k: f"(b'x' * {n})[:{k}]", LENGTH, LENGTH),
    st.builds(lambda n: f"('ab' * {n}).encode()", LENGTH),
    st.builds(lambda n: f"'x' * (1 << {n % 12})", LENGTH),
    st.builds(lambda n: f"'{{}}'.ljust({n})", LENGTH),
    st.builds(lambda n: f"bytes({n}).hex()", LENGTH),
    st.builds(lambda n: f"int(2 ** 9 + {n}) * b'z'", LENGTH),
)


def test_bytes_agree_within_a_tenth() -> None:
    run(BYTES, 1.1, lambda expression: float(len(evaluate(expression))))


# --- objects --------------------------------------------------------------------------------------------------

COUNT = st.integers(2_000, 6_000)  # ints up to 256 exist once, which would decide shorter lists
ELEMENT = st.sampled_from(
    [
        "i",
        "str(i)",
        "i * 1.5",
        "(i, i + 1)",
        "[i]",
        "[]",
        "{}",
        "{'a': i}",
        "{'id': i, 'name': f'row {i}'}",
        "f'key-{i}'",
        "None",
        "[0] * 20",
        "{i}",
    ]
)
OBJECTS = st.one_of(
    st.builds(lambda n, element: f"[{element} for i in range({n})]", COUNT, ELEMENT),
    st.builds(lambda n, element: f"list({element} for i in range({n}))", COUNT, ELEMENT),
    st.builds(lambda n, element: f"{{i: {element} for i in range({n})}}", COUNT, ELEMENT),
    st.builds(lambda n, element: f"{{f'k{{i}}': {element} for i in range({n})}}", COUNT, ELEMENT),
    st.builds(lambda n, element: f"tuple({element} for i in range({n}))", COUNT, ELEMENT),
    st.builds(lambda n: f"list(range({n}))", COUNT),
    st.builds(lambda n: f"set(range({n}))", COUNT),
    st.builds(lambda n: f"[0] * {n}", COUNT),
    st.builds(lambda n: f"[None, 1] * {n} + [2]", COUNT),
    st.builds(lambda n: f"sorted(range({n}), reverse=True)", COUNT),
    st.builds(lambda n: f"list(map(str, range({n})))", COUNT),
    st.builds(lambda n: f"dict(zip(range({n}), range({n})))", COUNT),
    st.builds(lambda n: f"list(enumerate(range({n})))", COUNT),
    st.builds(lambda n: f"list(zip(range({n}), range({n})))", COUNT),
    st.builds(lambda n, k: f"[[0.5] * {k} for _ in range({n})]", COUNT, st.integers(1, 60)),
    st.builds(lambda n: f"[bytes(100) for _ in range({n})]", COUNT),
)


def traced(expression: str) -> float:
    """Bytes that are allocated more once the value exists."""
    code = compile(expression, "<generated>", "eval")
    names: dict[str, Any] = {}
    exec(IMPORTS, names)
    eval(code, names)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        value = eval(code, names)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert value is not None
    return float(after - before)


def test_objects_agree_within_half() -> None:
    pytest.importorskip("pandas")
    run(OBJECTS, 1.5, traced)


# --- frames ---------------------------------------------------------------------------------------------------

ROWS = st.integers(50, 5_000)
COLUMN = st.sampled_from(
    [
        "np.arange({n})",
        "np.zeros({n})",
        "range({n})",
        "[str(i) for i in range({n})]",
        "np.ones({n}, dtype='int8')",
        "[True] * {n}",
    ]
)


def frame_of(rows: int, columns: list[str]) -> str:
    named = ", ".join(f"'{number}': {column.format(n=rows)}" for number, column in enumerate(columns))
    return f"pd.DataFrame({{{named}}})"


FRAMES = st.one_of(
    st.builds(frame_of, ROWS, st.lists(COLUMN, min_size=1, max_size=4)),
    st.builds(lambda n: f"pd.DataFrame({{'a': np.arange({n}), 'b': 1.5}})", ROWS),
    st.builds(lambda n, m: f"pd.DataFrame(np.zeros(({n}, {m})))", ROWS, DIMENSION),
    st.builds(lambda n, m: f"pd.DataFrame(np.random.randn({n}, {m})).astype('float32')", ROWS, DIMENSION),
    st.builds(lambda n: f"pd.DataFrame(0.0, index=range({n}), columns=list('abc'))", ROWS),
    st.builds(lambda n: f"pd.DataFrame({{'a': range({n})}}).copy()", ROWS),
    st.builds(lambda n: f"pd.concat([pd.DataFrame({{'a': range({n})}})] * 3)", ROWS),
    st.builds(lambda n: f"pd.Series(range({n}))", ROWS),
    st.builds(lambda n: f"pd.Series(np.ones({n}, dtype='float32'))", ROWS),
    st.builds(lambda n: f"pd.Series(0, index=range({n}))", ROWS),
    st.builds(lambda n: f"pd.DataFrame([{{'a': i, 'b': i * 1.5}} for i in range({n})])", ROWS),
    st.builds(lambda n: f"pd.DataFrame([[i, i] for i in range({n})], columns=['x', 'y'])", ROWS),
    st.builds(lambda n: f"pd.date_range('2020-01-01', periods={n}, freq='s')", ROWS),
    st.builds(lambda n: f"pd.get_dummies(pd.Series(range({n % 300 + 60})))", ROWS),
)


def held_by_pandas(expression: str) -> float:
    usage = evaluate(expression).memory_usage(deep=True)
    return float(getattr(usage, "sum", lambda: usage)())


def test_frames_agree_within_half() -> None:
    pytest.importorskip("pandas")
    run(FRAMES, 1.5, held_by_pandas)
