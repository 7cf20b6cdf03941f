"""Journals written by hand: units with the peaks of their tests, in MB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from memlint.runner.journal import (
    SCHEMA,
    Context,
    Record,
    Run,
    TestEnd,
    TestStart,
    UnitEnd,
    UnitStart,
    encode,
)

MB = 10**6


def run(context: str = "c1", python: str = "3.11.7") -> Run:
    return Run(SCHEMA, "r", Context(context, python, "linux", "sampling", 2**33, "9.2.0"), ())


def unit(
    name: str, tests: Mapping[str, int], peak: int | None = None, repeat: int = 1, verdict: str = "passed"
) -> list[Record]:
    """A file's unit; every test begins at 40 MB."""
    records: list[Record] = [UnitStart(name, (name,), "s", repeat=repeat)]
    for test, size in tests.items():
        records.append(TestStart(name, f"{name}::{test}"))
        records.append(TestEnd(name, f"{name}::{test}", "passed", 40 * MB, size * MB, 40 * MB, 0.1))
    whole = (peak or max(tests.values(), default=0)) * MB
    records.append(
        UnitEnd(
            name,
            (name,),
            verdict,
            0,
            None,
            (),
            whole,
            30 * MB,
            10 * MB,
            None,
            "sampling",
            1.0,
            None,
            tests={"passed": len(tests)},
            repeat=repeat,
            collected_bytes=5 * MB,
        )
    )
    return records


def write(path: Path, *parts: Run | list[Record]) -> Path:
    flat = [record for part in parts for record in (part if isinstance(part, list) else [part])]
    path.write_bytes(b"".join(map(encode, flat)))
    return path


def peaks(path: Path, *sizes: Mapping[str, int], context: str = "c1") -> Path:
    """A journal of files that hold one test each; a mapping for each repeat."""
    repeats = [
        unit(n, {"test_a": mb}, repeat=i) for i, of_run in enumerate(sizes, 1) for n, mb in of_run.items()
    ]
    return write(path, run(context), *repeats)
