"""Lists of tests in a file, as ``--test-file`` takes them."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"(?:^|\s)#.*")


def parse_test_list(text: str) -> tuple[str, ...]:
    """Return the paths and node ids in ``text``, one a line; ``#`` after nothing or a space is a comment."""
    lines = (_COMMENT.sub("", line).strip() for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))
