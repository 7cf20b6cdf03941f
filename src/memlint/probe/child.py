"""Runs in the suite's own interpreter, any Python from 3.8: imports some modules and says what that cost.

Its text is given to ``python -c`` with the path of a JSON file and a task:

    {"names": [...], "session": false}   import the names
    {"names": [...], "session": true}    let pytest collect and run one empty test in a module that imports them

The answer is written to the file, so that whatever a module prints does no harm. Bytes are peaks of resident memory.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import json
import os
import sys

_TEST = """
import importlib
for name in {names!r}:
    try:
        importlib.import_module(name)
    except BaseException:
        pass

def test_nothing():
    assert 1 + 1 == 2
"""


def peak() -> int:
    """High-water mark of this process's resident memory."""
    if sys.platform.startswith("linux"):
        with open("/proc/self/status") as status:  # noqa: PTH123 - pathlib would be loaded for it
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def count_compiled() -> list[str]:
    """A list that grows with every module that is compiled rather than read: compiling costs memory once."""
    compiled: list[str] = []
    original = importlib.machinery.SourceFileLoader.source_to_code

    def counting(self, data, path, *args, **options):  # type: ignore[no-untyped-def]
        compiled.append(path)
        return original(self, data, path, *args, **options)

    importlib.machinery.SourceFileLoader.source_to_code = counting  # type: ignore[method-assign]
    return compiled


def import_all(names: list[str]) -> tuple[str, str]:
    """Import the names; return the kind of trouble, and what it was."""
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            absent = error.name and (name + ".").startswith(error.name + ".")
            return ("missing", "") if absent else ("failed", f"needs {error.name}, which is missing")
        except BaseException as error:
            return "failed", f"{type(error).__name__}: {error}"[:300]
    return "", ""


def run_session(names: list[str]) -> tuple[str, str]:
    """Run pytest on one empty test in the working directory."""
    try:
        import pytest
    except ImportError:
        return "missing", ""
    with open("pytest.ini", "w") as file:  # noqa: PTH123 - so that no configuration further up is found
        file.write("[pytest]\n")
    with open("test_empty.py", "w") as file:  # noqa: PTH123
        file.write(_TEST.format(names=names))
    code = pytest.main(["-q", "-p", "no:cacheprovider", "test_empty.py"])
    return ("failed", f"pytest ended with {int(code)}") if code else ("", "")


def main() -> None:
    """Do the task and write the answer; a process that never gets so far leaves none."""
    target, task = sys.argv[1], json.loads(sys.argv[2])
    sys.path[:] = [entry for entry in sys.path if entry]
    sys.argv[1:] = []
    peak()  # opening a file for the first time costs memory too
    compiled = count_compiled()
    before, idle = set(sys.modules), peak()
    kind, text = run_session(task["names"]) if task["session"] else import_all(task["names"])
    answer = {
        "idle": idle,
        "peak": peak(),
        "loaded": sorted(set(sys.modules) - before),
        "compiled": len(compiled) > task["session"],  # the empty test itself always is
        "kind": kind,
        "text": text,
    }
    with open(target + ".part", "w") as file:  # noqa: PTH123
        json.dump(answer, file)
    os.replace(target + ".part", target)  # noqa: PTH105
    sys.stdout.flush()
    os._exit(0)  # threads that a module left running are nobody's business


main()
