"""JSON that every parser takes: ASCII, one record a line, no lone surrogates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

# an escaped backslash and a surrogate pair are passed over, so that only a lone surrogate lands in the group
_TOKEN = re.compile(r"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\(ud[89a-f][0-9a-f]{2})")
_ENCODER = json.JSONEncoder(allow_nan=False)


def dumps(value: object) -> str:
    """Return ``value`` as JSON on one line; a lone surrogate becomes the six characters of its escape."""
    text = _ENCODER.encode(value)
    if "\\ud" not in text:
        return text
    return _TOKEN.sub(lambda match: rf"\\{match[1]}" if match[1] else match[0], text)


def array(records: Iterable[object], indent: str) -> Iterator[str]:
    """Yield a JSON array in chunks, one record a line."""
    yield "["
    separator = f"\n{indent}  "
    wrote = False
    for record in records:
        yield f"{',' if wrote else ''}{separator}{dumps(record)}"
        wrote = True
    yield f"\n{indent}]" if wrote else "]"
