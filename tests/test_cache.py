"""Values of files, kept on disk within a run and between runs."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from memlint import cache as cache_module
from memlint.cache import FileCache
from memlint.facts import digest_of, encode


class Count(msgspec.Struct):
    """What a test keeps of a file."""

    words: int
    padding: bytes = b""


def opened(folder: Path | None, version: str = "") -> FileCache[Count]:
    return FileCache(folder, "counts", Count, version)


def keep(cache: FileCache[Count], file: Path, padding: bytes = b"") -> str:
    content = file.read_bytes()
    value = encode(Count(len(content.split()), padding))
    cache.put(str(file), file.stat(), digest_of(content), value)
    return str(file)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files, of one, two and three words, changed long ago."""
    out = []
    for number in range(1, 4):
        path = tmp_path / f"{number}.py"
        path.write_text("word " * number)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        out.append(path)
    return out


def words(cache: FileCache[Count], files: list[Path]) -> list[int | None]:
    found = [cache.fresh(str(file), file.stat()) for file in files]
    return [value.words if value else None for value in found]


@pytest.fixture
def kept(tmp_path: Path, files: list[Path]) -> Path:
    """A cache folder that knows the three files."""
    cache = opened(tmp_path / "cache")
    for file in files:
        keep(cache, file)
    cache.write()
    return tmp_path / "cache"


def test_a_later_run_is_given_what_an_earlier_one_kept(kept: Path, files: list[Path]) -> None:
    assert words(opened(kept), files) == [1, 2, 3]
    assert words(opened(kept, version="other"), files) == [None, None, None]


def test_what_a_later_run_adds_joins_what_was_kept(kept: Path, files: list[Path]) -> None:
    files[1].write_text("six words are in this file")
    os.utime(files[1], (1_600_000_001, 1_600_000_001))
    cache = opened(kept)
    assert words(cache, files) == [1, None, 3]
    keep(cache, files[1])
    cache.write()
    assert words(opened(kept), files) == [1, 6, 3]


def test_files_that_are_gone_are_dropped(kept: Path, files: list[Path]) -> None:
    gone = str(files[0])
    files[0].unlink()
    cache = opened(kept)
    assert cache.knows(gone)
    keep(cache, files[1])
    cache.write()
    assert not opened(kept).knows(gone)


def test_a_touched_file_keeps_its_value(kept: Path, files: list[Path]) -> None:
    os.utime(files[2], (1_700_000_000, 1_700_000_000))
    cache = opened(kept)
    stat, digest = files[2].stat(), digest_of(files[2].read_bytes())
    assert cache.fresh(str(files[2]), stat) is None
    found = cache.same_content(str(files[2]), digest, stat)
    assert found is not None
    assert found.words == 3
    cache.write()
    assert words(opened(kept), files) == [1, 2, 3]


@pytest.mark.parametrize("cut", [0, 3, 8, 20, -1])
def test_a_cut_file_is_as_good_as_none(kept: Path, files: list[Path], cut: int) -> None:
    path = kept / "counts.cache"
    path.write_bytes(path.read_bytes()[:cut])
    cache = opened(kept)
    assert words(cache, files) == [None, None, None]
    keep(cache, files[0])
    cache.write()
    assert words(opened(kept), files) == [1, None, None]


def test_a_damaged_value_is_as_good_as_none(kept: Path, files: list[Path]) -> None:
    path = kept / "counts.cache"
    content = bytearray(path.read_bytes())
    content[0] = 0xC1  # never used in msgpack
    path.write_bytes(content)
    assert words(opened(kept), files) == [None, 2, 3]


@pytest.mark.parametrize("in_memory", [1, 10_000_000])
def test_a_run_is_given_again_what_it_has_put(
    in_memory: int, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the new values are few or so many that they lie on disk."""
    monkeypatch.setattr(cache_module, "_IN_MEMORY", in_memory)
    cache = opened(None)
    paths = [keep(cache, file, b"x" * 100_000) for file in files]
    assert [cache.held(path).words for path in paths] == [1, 2, 3]
    # asking by its public fileno() would put it on disk
    assert cache.new.file._rolled is (in_memory == 1)  # type: ignore[attr-defined]


def test_a_run_keeps_to_what_it_began_with(kept: Path, files: list[Path]) -> None:
    """Another run may write the cache meanwhile."""
    cache = opened(kept)
    other = opened(kept)
    files[0].write_text("now four words here")
    keep(other, files[0])
    other.write()
    assert cache.held(str(files[0])).words == 1
    assert opened(kept).held(str(files[0])).words == 4


def test_only_what_has_been_read_is_held(kept: Path, files: list[Path]) -> None:
    cache = opened(kept)
    cache.missing(str(files[0]))
    with pytest.raises(LookupError, match=r"1\.py"):
        cache.held(str(files[0]))
    assert cache.seen() == {str(files[0]): None}


def test_what_was_written_can_be_read_on(kept: Path, files: list[Path]) -> None:
    cache = opened(kept)
    old = cache.known.file
    keep(cache, files[0])
    cache.write()
    assert old.closed  # before it was replaced
    assert [cache.held(str(file)).words for file in files] == [1, 2, 3]


def test_a_write_that_fails_leaves_nothing_behind(
    kept: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in kept.iterdir()}

    def refuse(*_: object) -> None:
        raise PermissionError("somebody else has it open")

    cache = opened(kept)
    keep(cache, files[0])
    monkeypatch.setattr(Path, "replace", refuse)
    cache.write()
    assert {path: path.read_bytes() for path in kept.iterdir()} == before
    assert [cache.held(str(file)).words for file in files] == [1, 2, 3]
