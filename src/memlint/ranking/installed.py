"""What an environment beside the suite holds, as its folder shows: libraries, plugins of pytest. Nothing is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from configparser import ConfigParser, Error

from memlint.disk import RealDisk

_ENVIRONMENTS = (".venv", "venv", "env")
_LAYOUTS = ("lib/python*/site-packages", "Lib/site-packages")
_MARK = "*.dist-info"
_ENTRIES = "*.dist-info/entry_points.txt"
_PLUGINS = "pytest11"  # the group of entry points that a pytest session loads


def installed(disk: RealDisk) -> Callable[[str], bool] | None:
    """What tells whether a top-level module is there; None where no environment can be seen.

    The working directory itself may be one, when a suite is ranked where it was installed; else a virtual
    environment in it counts.
    """
    folders = library_folders(disk)
    if not folders:
        return None

    def holds(top: str) -> bool:
        if top in sys.stdlib_module_names or top.startswith("_pytest") or top == "pytest":
            return True
        return any(_holds(disk, f"{folder}{top}") for folder in folders)

    return holds


def environment_seen(disk: RealDisk) -> str:
    """The folder of packages that ``installed`` goes by, relative to the working directory; empty where it has none."""
    folders = library_folders(disk)
    return (folders[0] or "./") if folders else ""


def plugins(disk: RealDisk) -> tuple[str, ...]:
    """The modules that the environment's distributions have every pytest session load, sorted."""
    found = set[str]()
    for folder in library_folders(disk):
        for path in disk.matches(f"{folder}{_ENTRIES}"):
            found.update(_entries(disk.text(path)))
    return tuple(sorted(found))


def _entries(text: str) -> list[str]:
    """The modules that a distribution registers as plugins."""
    if _PLUGINS not in text:
        return []
    parser = ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except Error:
        return []
    section = parser[_PLUGINS] if parser.has_section(_PLUGINS) else {}
    return [value.partition(":")[0].strip() for value in section.values()]


def library_folders(disk: RealDisk) -> list[str]:
    """Where libraries are installed, relative to the working directory; each empty or with a slash at its end."""
    if disk.matches(_MARK):
        return [""]
    for name in _ENVIRONMENTS:
        if disk.size(f"{name}/pyvenv.cfg") is not None:
            found = [folder for layout in _LAYOUTS for folder in disk.matches(f"{name}/{layout}")]
            return [f"{folder}/" for folder in found]
    return []


def _holds(disk: RealDisk, stem: str) -> bool:
    if disk.is_dir(stem) or disk.size(f"{stem}.py") is not None or disk.matches(f"{stem}.*.so"):
        return True
    folder, _, top = stem.rpartition("/")
    return bool(disk.matches(f"{folder}/__editable__*{top}*".lstrip("/")))  # it lies elsewhere
