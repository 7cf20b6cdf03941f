"""Where a probe is kept."""

from __future__ import annotations

from pathlib import Path

from memlint.config import Settings
from memlint.config.load import CACHE_DIR, DEFAULT

NAME = "probe.json"


def probe_folder(settings: Settings) -> Path:
    """The cache folder; where nothing marks a project, that of the working directory, whatever paths are named."""
    if settings.origins.get("root") == settings.origins.get("cache_dir") == DEFAULT:
        return settings.working_dir / CACHE_DIR
    return settings.cache_dir


def is_probed(settings: Settings) -> bool:
    """Whether there is a probe, fresh or not."""
    return (probe_folder(settings) / NAME).is_file()
