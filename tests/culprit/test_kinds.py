"""Every way of keeping or taking memory, in a real suite, is named rightly."""

from __future__ import annotations

import platform
import sys

import pytest

from culprit.kinds import KINDS, Kind
from memlint.culprit import diagnose
from memlint.runner.measurement import load_measurement
from runner.conftest import Bench, bench

__all__ = ["bench"]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="exact peaks are Linux's")
GLIBC = platform.libc_ver()[0] == "glibc"


@pytest.mark.parametrize("name", KINDS)
def test_kind_is_named(name: str, bench: Bench) -> None:
    expected: Kind = KINDS[name]
    if name == "fragmentation" and not GLIBC:
        pytest.skip("malloc_trim is glibc's")
    bench.write("test_it.py", expected.source)
    bench.run("test_it.py")
    causes = diagnose(load_measurement(bench.journal))
    leading = causes[0]
    assert leading.kind is expected.kind, causes
    if expected.culprit:
        assert leading.culprits[0].name.endswith(expected.culprit), leading
    assert any(expected.evidence in said for said in leading.evidence), leading
