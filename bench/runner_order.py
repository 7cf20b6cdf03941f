"""How many runs reach the heaviest files: suspects first against alphabetical and random order.

    memlint measure tests --journal j.jsonl
    memlint rank tests --format json > rank.json
    python bench/runner_order.py j.jsonl rank.json

Without a ranking, the order of the run itself is judged (with -j 1 and the default order, that of the ranking then).
Random order is given as the mean over 2,000 shuffles.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from memlint.runner import journal

_SHUFFLES = 2000


def peaks_of(path: Path) -> dict[str, int]:
    """Measured peak of each file."""
    units = journal.load(path).units
    return {unit.unit: unit.peak_bytes for unit in units if unit.peak_bytes and "::" not in unit.unit}


def runs_until(order: Sequence[str], wanted: set[str]) -> int:
    """How many files of ``order`` must run before all of ``wanted`` have."""
    return max(order.index(name) for name in wanted) + 1


def main() -> None:
    """Print a line for each number of heaviest files."""
    peaks = peaks_of(Path(sys.argv[1]))
    suspects = list(peaks)
    if len(sys.argv) > 2:
        files = json.loads(Path(sys.argv[2]).read_bytes())["files"]
        rank = {file["path"]: file["rank"] for file in files}
        suspects.sort(key=lambda name: (rank.get(name, len(rank) + 1), name))
    luck = random.Random(1)
    heaviest = sorted(peaks, key=lambda name: -peaks[name])
    print(
        f"{len(peaks)} files, heaviest {', '.join(f'{name} {peaks[name] / 2**20:.0f} MiB' for name in heaviest[:3])}"
    )
    for count in (1, 3, 5, 10):
        wanted = set(heaviest[:count])
        shuffled = [runs_until(luck.sample(suspects, len(suspects)), wanted) for _ in range(_SHUFFLES)]
        found = [runs_until(suspects, wanted), runs_until(sorted(peaks), wanted), statistics.mean(shuffled)]
        print(f"heaviest {count}: suspects {found[0]}, alphabetical {found[1]}, random {found[2]:.1f}")


if __name__ == "__main__":
    main()
