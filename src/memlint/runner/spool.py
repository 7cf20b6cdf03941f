"""The file through which a unit's pytest tells what happens, read as it grows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


class Spool:
    """Reads the events of one unit. The descriptor is ours, so the unit may even delete the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._rest = b""

    def events(self) -> Iterator[list[Any]]:
        """Events that arrived since the last call. A torn line waits for its end; garbage is passed over."""
        while chunk := os.read(self._fd, _CHUNK):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, list) and event:
                    yield event

    def close(self) -> None:
        """Remove the file."""
        os.close(self._fd)
        self.path.unlink(missing_ok=True)
