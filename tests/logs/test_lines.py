"""From bytes to clean lines."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest

from memlint.logs import LogError, read_lines


def lines(content: bytes) -> list[str]:
    return list(read_lines(io.BufferedReader(io.BytesIO(content))))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("2026-03-04T09:10:11.1234567Z text", "text"),
        ("\ufeff2026-03-04T09:10:11.1Z text", "text"),
        ("2024-05-03T12:00:00.123456Z 01O text", "text"),
        ("2024-05-03T12:00:00.123456Z 00E+text", "text"),
        ("[2024-04-28T21:10:57.409Z] text", "text"),
        ("10:27:45 text", "text"),
        ("[12:00:00] text", "text"),
        ("tests-1  | text", "text"),
        ("[pod/ci-7/main] text", "text"),
        ("#14 3.101 text", "text"),
        ("job (3.11)\tRun tests\t2026-03-04T09:11:00.1Z text", "text"),
        ("\x1b[31;1mtext\x1b[0m", "text"),
        ("\x1b]8;;https://example.org\x1b\\text\x1b]8;;\x1b\\", "text"),
        ("10%\r50%\rtext\r", "text"),
        ("section_start:17:step\r\x1b[0K\x1b[36;1mtext\x1b[0;m", "text"),
        ("  indented text", "  indented text"),
        ("2026-03-04T09:10:11.1Z", ""),
    ],
)
def test_prefixes_and_colours_go(raw, clean):
    assert lines(raw.encode() + b"\n") == [clean]


def test_line_numbers_are_the_files(tmp_path):
    content = b"a\r\n\r\n" + b"x" * 100_000 + b"\nlast"
    found = lines(content)
    assert [found[0], found[1], found[3]] == ["a", "", "last"]
    assert 1000 < len(found[2]) < 100_000


def test_compressed_and_utf16_logs_are_read():
    text = "one\r\nKilled äöü\r\n"
    assert lines(gzip.compress(text.encode())) == ["one", "Killed äöü"]
    assert lines(text.encode("utf-16")) == ["one", "Killed äöü"]


def test_archives_and_damaged_files_are_refused():
    with pytest.raises(LogError, match="unpack it"):
        lines(b"PK\x03\x04rest")
    with pytest.raises(LogError, match="damaged"):
        lines(gzip.compress(b"x" * 9999)[:-9])
    with pytest.raises(LogError, match="damaged"):
        lines(gzip.compress(bytes(range(256)) * 40)[:40] + b"\xff" * 60)


def test_memory_does_not_grow_with_the_log():
    class Endless(io.RawIOBase):
        left = 4_000_000

        def readable(self) -> bool:
            return True

        def readinto(self, buffer):
            size = min(len(buffer), self.left)
            self.left -= size
            buffer[:size] = b"x" * size if self.left > 2_000_000 else (b"one line\n" * (size // 9 + 1))[:size]
            return size

    tracemalloc.start()
    try:
        assert sum(1 for _ in read_lines(io.BufferedReader(Endless()))) > 200_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
