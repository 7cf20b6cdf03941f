"""Why a suspect is predicted to need what it needs: its terms as a tree, with bytes, place and source."""

from __future__ import annotations

from collections.abc import Iterator

from memlint.model import RankResult, Reason, Suspect
from memlint.report.escape import shown
from memlint.units import format_bytes

_TITLES = {
    "base": "every run",
    "imports": "imports",
    "fixture": "live fixtures",
    "allocation": "its own allocations",
    "load": "data loaded",
    "workers": "worker processes",
    "growth": "kept of each case",
}
_TESTS_SHOWN = 5


def why(result: RankResult, path: str) -> Iterator[str]:
    """Yield the tree of one file and of its heaviest tests; nothing where the file was not ranked."""
    for file in result.files:
        if file.path == path:
            yield from _tree(file, file.path)
    tests = [test for test in result.tests if test.path == path]
    for test in tests[:_TESTS_SHOWN]:
        yield "\n"
        yield from _tree(test, test.nodeid or test.path)
    if len(tests) > _TESTS_SHOWN:
        yield f"\n… and {len(tests) - _TESTS_SHOWN} lighter tests\n"


def _tree(suspect: Suspect, name: str) -> Iterator[str]:
    peak = suspect.peak
    bounds = f"{format_bytes(peak.low)} – {format_bytes(peak.high)}"
    yield f"{format_bytes(peak.likely):>8}  {shown(name)}  ({bounds})\n"
    groups: dict[str, list[Reason]] = {}
    for reason in suspect.reasons:
        groups.setdefault(reason.kind, []).append(reason)
    ordered = sorted(groups.items(), key=lambda group: (-sum(r.bytes for r in group[1]), group[0]))
    for number, (kind, reasons) in enumerate(ordered, 1):
        last = number == len(ordered)
        whole = sum(reason.bytes for reason in reasons)
        yield f"{format_bytes(whole):>8}  {'└─' if last else '├─'} {_TITLES.get(kind, kind)}\n"
        for place, reason in enumerate(reasons, 1):
            stem = ("   " if last else "│  ") + ("└─" if place == len(reasons) else "├─")
            yield f"{format_bytes(reason.bytes):>8}  {stem} {shown(reason.text)}{_place(reason)}\n"


def _place(reason: Reason) -> str:
    if not reason.path:
        return ""
    return f"  {shown(reason.path)}:{reason.line}" if reason.line else f"  {shown(reason.path)}"
