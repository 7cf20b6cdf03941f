"""Price lists in CSV files with the columns ``item`` and ``price``."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path


def read_prices(path: Path) -> Iterator[tuple[str, float]]:
    """Yield one price after the other."""
    with path.open(newline="") as source:
        for row in csv.DictReader(source):
            yield row["item"], float(row["price"])


def most_expensive(path: Path) -> str:
    return max(read_prices(path), key=lambda pair: pair[1])[0]
