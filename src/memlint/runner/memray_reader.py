"""Which lines of a project hold most at the peak, by a file that memray wrote; also of a process that was killed.

Run as a script by the suite's interpreter, which has memray: ``python memray_reader.py FILE ROOT``. Prints JSON:
``{"peak_bytes": …, "lines": [[path, line, function, bytes], …]}``, heaviest first. Each allocation counts for the
innermost frame whose file lies below ROOT and is no installed package; ``path`` is relative to ROOT.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import memray

MOST = 10
_FOREIGN = ("site-packages", "dist-packages", ".venv", "/_pytest/")


def read(file: Path, root: Path) -> dict[str, object]:
    """Sum the allocations alive at the peak by the project's line that made them."""
    totals: Counter[tuple[str, int, str]] = Counter()
    below = f"{root}/"
    with memray.FileReader(str(file), report_progress=False) as reader:
        for record in reader.get_high_watermark_allocation_records(merge_threads=True):
            for function, path, line in record.stack_trace():
                inside = path.removeprefix(below)
                if (path.startswith(below) or not path.startswith(("/", "<"))) and not any(
                    mark in path for mark in _FOREIGN
                ):
                    totals[inside, line, function] += record.size
                    break
        peak = reader.metadata.peak_memory
    heaviest = totals.most_common(MOST)
    return {"peak_bytes": peak, "lines": [[*place, size] for place, size in heaviest]}


if __name__ == "__main__":
    json.dump(read(Path(sys.argv[1]), Path(sys.argv[2])), sys.stdout)
