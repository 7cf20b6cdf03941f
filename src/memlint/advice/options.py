"""Which options are tried: the table ``rules/pytest-options.toml``, and each installed plugin switched off."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from memlint.knowledge.locate import rules_dir
from memlint.knowledge.toml import read_toml

FILE_NAME = "pytest-options.toml"
XDIST = "pytest-xdist"
_OURS = "pytest-memlint"
_PROBE_SECONDS = 60
_MARK = "memlint-plugins:"
_PROBE = f"""
import importlib.metadata, json
found = {{}}
for dist in importlib.metadata.distributions():
    names = sorted(point.name for point in dist.entry_points if point.group == "pytest11")
    if names:
        found[dist.metadata["Name"]] = names
print("{_MARK}" + json.dumps(found))
"""


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of pytest that are tried together."""

    name: str
    args: tuple[str, ...]
    costs: str  # what no longer works
    group: str = ""  # at most one option of a group is chosen


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    option: tuple[Option, ...] = ()


def load_options(extra: Sequence[Path] = ()) -> tuple[Option, ...]:
    """Return the options of the shipped table and of the folders ``extra``.

    Raises BadToml when a file does not fit the format.
    """
    paths = [rules_dir() / FILE_NAME, *(p for folder in extra if (p := folder / FILE_NAME).is_file())]
    return tuple(option for path in paths for option in read_toml(path, _File).option)


def installed_plugins(python: str, environment: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the plugins that pytest loads by itself over there: distribution → names of its entry points.

    memlint's own is left out. Empty where autoloading is off, or the interpreter does not answer.
    """
    merged = {**os.environ, **environment}
    if merged.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return {}
    try:
        answer = subprocess.run(
            [python, "-c", _PROBE],
            env=merged,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = answer.stdout.decode(errors="replace").splitlines()
    found = next((line.partition(":")[2] for line in lines if line.startswith(_MARK)), "{}")
    plugins: dict[str, list[str]] = json.loads(found)
    return {dist: tuple(names) for dist, names in sorted(plugins.items()) if dist != _OURS}


def without_plugin(distribution: str, names: Sequence[str]) -> Option:
    """The option that switches all plugins of a distribution off."""
    args = tuple(word for name in names for word in ("-p", f"no:{name}"))
    costs = f"what {distribution} brings is gone: its fixtures, markers and options"
    return Option(name=f"without {distribution}", args=args, costs=costs)
