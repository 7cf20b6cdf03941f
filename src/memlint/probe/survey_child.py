"""Runs in the suite's own interpreter: says what it is, and which dotted names are modules, importing none of them."""

from __future__ import annotations

import json
import os
import platform
import sys


def _found(name: str, known: dict[str, object]) -> object:
    """The spec of a module, found without importing its packages; None where there is none."""
    if name not in known:
        parent = name.rpartition(".")[0]
        path = None
        if parent:
            package = _found(parent, known)
            path = getattr(package, "submodule_search_locations", None)
        try:
            if parent and not path:
                known[name] = None
            else:
                known[name] = _find(name, path)
        except Exception:
            known[name] = None
    return known[name]


def _find(name: str, path: object) -> object:
    """Ask the finders of sys.meta_path, editable installs among them."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = find(name, path) if find is not None else None
        if spec is not None:
            return spec
    return None


def _metadata(folders: list[str]) -> list[str]:
    """The folders of sys.path that hold installed distributions, with what tells their versions."""
    out = []
    for folder in folders:
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError:
            continue
        if any(name.endswith((".dist-info", ".egg-info", ".egg-link")) for name in names):
            out.append(os.path.abspath(folder))  # noqa: PTH100
    return out


def _versions() -> dict[str, str]:
    """The version of the distribution of each top-level module, as far as its files tell."""
    from importlib import metadata

    out: dict[str, str] = {}
    for distribution in metadata.distributions():
        record = distribution.read_text("RECORD") or distribution.read_text("installed-files.txt") or ""
        for top in {
            line.partition(",")[0].partition("/")[0].partition(".")[0] for line in record.splitlines()
        }:
            out.setdefault(top, distribution.version)
    return out


def main() -> None:
    """Write the answer to the file named first; the names to look for stand in the file named second."""
    target, wanted = sys.argv[1:3]
    sys.path[:] = [entry for entry in sys.path if entry]
    with open(wanted) as file:  # noqa: PTH123
        names = json.load(file)
    known: dict[str, object] = {}
    versions = _versions()
    answer = {
        "python": sys.executable,
        "version": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "folders": _metadata(sys.path),
        "modules": [name for name in names if _found(name, known) is not None],
        "versions": {top: versions[top] for top in {name.split(".")[0] for name in names} & set(versions)},
    }
    with open(target + ".part", "w") as file:  # noqa: PTH123
        json.dump(answer, file)
    os.replace(target + ".part", target)  # noqa: PTH105


main()
