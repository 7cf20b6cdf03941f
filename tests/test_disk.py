"""What the file system is asked, and what it must survive being asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from memlint.disk import RealDisk


@pytest.mark.parametrize("pattern", ["", ".", "/", "/etc/*", "**/**a", "\0", "a" * 5000])
def test_patterns_that_pathlib_refuses_match_nothing(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "data.csv").touch()
    disk = RealDisk(tmp_path)
    assert disk.matches(pattern) == []
    assert disk.size(pattern) is None
    assert disk.matches("*.csv") == ["data.csv"]
