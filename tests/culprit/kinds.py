"""Small suites, one for each way in which memory is kept or taken: what the diagnosis must say of each."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from memlint.model import CauseKind

_LIGHT = "\n".join(f"def test_light_{n}(): assert {n} >= 0" for n in range(6))


@dataclass(frozen=True)
class Kind:
    """A suite of one file, the cause that fills it, and who is to blame."""

    code: str
    kind: CauseKind
    culprit: str  # end of the first culprit's name; "" where nobody in particular is
    evidence: str = ""  # that some line of the evidence holds

    @property
    def source(self) -> str:
        """The file, with light tests behind what is of interest."""
        return f"{textwrap.dedent(self.code)}\n{_LIGHT}\n"


KINDS = {
    "single heavy": Kind(
        """
        def test_heavy():
            block = bytearray(40 << 20)
            assert len(block)
        """,
        CauseKind.SINGLE_HEAVY,
        "::test_heavy",
    ),
    "child process": Kind(
        """
        import subprocess, sys
        def test_child():
            code = "import time; b = bytearray(b'x') * (40 << 20); time.sleep(1.5)"
            subprocess.run([sys.executable, "-c", code], check=True)
        """,
        CauseKind.CHILD_PROCESSES,
        "::test_child",
    ),
    "module global": Kind(
        """
        KEPT = []
        def test_keeps(): KEPT.append(bytearray(b"x") * (20 << 20))
        def test_keeps_too(): KEPT.append(bytearray(b"x") * (25 << 20))
        """,
        CauseKind.LEAKERS,
        "::test_keeps_too",
        "global test_it.py: KEPT",
    ),
    "class attribute": Kind(
        """
        class Table:
            rows = []
        def test_fills(): Table.rows.append(bytearray(b"x") * (20 << 20))
        """,
        CauseKind.LEAKERS,
        "::test_fills",
        "class attribute test_it.py: Table.rows",
    ),
    "self of a plain class": Kind(
        """
        class TestPlain:
            def test_keeps(self): self.block = bytearray(b"x") * (20 << 20)
            def test_other(self): pass
        """,
        CauseKind.LEAKERS,
        "::TestPlain::test_keeps",
    ),
    "class set-up without tear-down": Kind(
        """
        import unittest
        class TestCase(unittest.TestCase):
            @classmethod
            def setUpClass(cls): cls.block = bytearray(b"x") * (20 << 20)
            def test_first(self): pass
            def test_second(self): pass
        """,
        CauseKind.LEAKERS,
        "::TestCase::test_first",
        "class attribute test_it.py: TestCase.block",
    ),
    "module-level mock": Kind(
        """
        from unittest.mock import Mock
        send = Mock()
        def test_sends(): send(bytearray(b"x") * (20 << 20))
        """,
        CauseKind.LEAKERS,
        "::test_sends",
        "global test_it.py: send",
    ),
    "recorded property": Kind(
        """
        def test_records(record_property): record_property("block", "x" * (20 << 20))
        """,
        CauseKind.LEAKERS,
        "::test_records",
        "recorded properties of test_it.py::test_records",
    ),
    "cached function": Kind(
        """
        import functools
        @functools.lru_cache
        def table(n): return bytearray(b"x") * (n << 20)
        def test_first(): assert table(25)
        def test_second(): assert table(25)
        """,
        CauseKind.FILL_ONCE_CACHE,
        "::test_first",
        "lru_cache of test_it.table",
    ),
    "parametrize values": Kind(
        """
        import pytest
        @pytest.mark.parametrize("block", [bytearray(b"x") * (10 << 20) for _ in range(3)])
        def test_block(block): assert block
        """,
        CauseKind.IMPORT_COST,
        "test_it.py",
        "before the first test ran",
    ),
    "import inside a test": Kind(
        """
        def test_imports():
            import pandas
            assert pandas
        """,
        CauseKind.IMPORT_COST,
        "::test_imports",
        "imported libraries while they ran",
    ),
    "captured output": Kind(
        """
        import sys
        def test_prints(): print("x" * (15 << 20))
        def test_writes(): sys.stderr.write("x" * (15 << 20))
        def test_logs():
            import logging
            logging.getLogger().warning("x" * (5 << 20))
        """,
        CauseKind.CAPTURED_OUTPUT,
        "::test_prints",
        "captured output",
    ),
    "locals of a failing test": Kind(
        """
        def test_fails():
            block = bytearray(b"x") * (40 << 20)
            assert not "held by the frame", type(block)
        """,
        CauseKind.FAILING_LOCALS,
        "::test_fails",
        "failed",
    ),
    "module fixture": Kind(
        """
        import pytest
        class TestTable:
            @pytest.fixture(scope="class")
            def block(self): yield bytearray(b"x") * (40 << 20)
            def test_first(self, block): pass
            def test_second(self): pass
            def test_third(self, block): pass
        """,
        CauseKind.LONG_FIXTURE,
        "::TestTable::test_first",
        "gave it back",
    ),
    "uniform growth": Kind(
        """
        import pytest
        KEPT = []
        @pytest.mark.parametrize("n", range(40))
        def test_case(n): KEPT.append(bytearray(b"x") * (1 << 20))
        """,
        CauseKind.UNIFORM_GROWTH,
        "",
        "Theil–Sen",
    ),
    "garbage in cycles": Kind(
        """
        import gc
        gc.disable()
        class Node: pass
        def test_cycle():
            node = Node()
            node.itself = node
            node.block = bytearray(b"x") * (20 << 20)
        """,
        CauseKind.GARBAGE,
        "::test_cycle",
        "gc.collect()",
    ),
    "fragmentation": Kind(
        """
        PIN = []
        def test_fragments():
            blocks = [bytearray(b"x" * 2000) for _ in range(15_000)]
            PIN.append(bytearray(b"x" * 2000))
            blocks.clear()
        """,
        CauseKind.FRAGMENTATION,
        "::test_fragments",
        "malloc_trim",
    ),
}
