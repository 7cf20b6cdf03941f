"""The folder ``.memlint``: journals, reports and what else a run leaves in a checkout."""

from __future__ import annotations

from pathlib import Path

WORK_FOLDER = Path(".memlint")
JOURNAL = WORK_FOLDER / "journal.jsonl"  # of 'memlint measure'
BISECT_JOURNAL = WORK_FOLDER / "bisect.jsonl"
_IGNORE = "*\n!calibration.toml\n"  # calibration is meant to be reviewed and committed


def prepare(root: Path = Path()) -> Path:
    """Return the folder below ``root``; a new one gets a .gitignore of its own. Raises OSError."""
    folder = root / WORK_FOLDER
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text(_IGNORE, encoding="utf-8")
    return folder
