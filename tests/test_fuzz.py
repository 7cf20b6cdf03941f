"""A few mutated files of every kind; ``scripts/fuzz.py`` runs as many as there is time for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import fuzz

COUNTS = {"python": 40, "config": 100, "rule": 10, "api": 10, "journal": 100, "baseline": 100}


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_mutated_files_are_taken_well(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMLINT_DEBUG", "1")
    found = [f"input {number}:\n{why}" for number, _, why in fuzz.faults(kind, COUNTS[kind], seed=0)]
    assert not found, "\n".join(found)


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def feed(content: bytes, folder: Path) -> None:
        raise RuntimeError("broken")

    monkeypatch.setitem(fuzz.KINDS, "config", (fuzz.config_seeds, feed))
    assert len(list(fuzz.faults("config", 3, seed=0))) == 3


def test_inputs_are_repeatable() -> None:
    assert list(fuzz.inputs("config", 20, 7)) == list(fuzz.inputs("config", 20, 7))
    assert list(fuzz.inputs("config", 20, 7)) != list(fuzz.inputs("config", 20, 8))
