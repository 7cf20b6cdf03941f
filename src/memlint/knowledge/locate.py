"""Where the rule book lies: inside the wheel as ``memlint/_rules``, else ``rules/`` of the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def rules_dir() -> Path:
    """Return the folder of the shipped rule book.

    Raises FileNotFoundError when the installation lacks it.
    """
    for candidate in (_PACKAGE / "_rules", _PACKAGE.parent.parent / "rules"):
        if (candidate / "apis").is_dir():
            return candidate
    raise FileNotFoundError(f"memlint's rule book is missing beside {_PACKAGE}; reinstall pytest-memlint")
