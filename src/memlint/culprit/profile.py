"""A second run of the culprits alone, under memray: which lines allocate what they hold at their peak."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memlint import runner
from memlint.culprit.wording import file_of
from memlint.model import Cause, CauseKind
from memlint.runner.display import Display
from memlint.runner.journal import UnitEnd, load
from memlint.runner.run import Request, carry_out
from memlint.runner.units import slug

READER = Path(runner.__file__).with_name("memray_reader.py")
MOST = 3  # culprits that are profiled
_SECONDS = 600  # for reading one file
_UNPROFILED = frozenset({CauseKind.NOTHING, CauseKind.PRESSURE, CauseKind.CHILD_PROCESSES})


@dataclass(frozen=True, slots=True)
class AllocatingLine:
    """A line of the project and what it had allocated of what lived at the peak. ``path`` is POSIX, relative."""

    path: str
    line: int
    function: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One culprit's run under memray and what it left beside the journal. Bytes."""

    name: str
    verdict: str
    peak_bytes: int
    lines: tuple[AllocatingLine, ...]
    artifacts: tuple[Path, ...]  # memray's own file, statistics, flame graph
    trouble: str = ""  # why something of it is missing


def has_memray(python: str) -> bool:
    """Whether the suite's interpreter can import memray."""
    return subprocess.run([python, "-c", "import memray"], capture_output=True, check=False).returncode == 0


def chosen(causes: Sequence[Cause], troubled: Sequence[UnitEnd], heaviest: Sequence[UnitEnd]) -> list[str]:
    """What to profile: victims of memory, then the culprits of the causes, else the heaviest unit."""
    victims = [unit.victim or unit.members[0] for unit in troubled if unit.verdict.startswith("oom")]
    leading = sorted(
        (cause for cause in causes if cause.where and cause.kind not in _UNPROFILED),
        key=lambda cause: -cause.bytes,
    )
    named = [culprit.name for cause in leading for culprit in cause.culprits[:1]]
    found = dict.fromkeys([*victims, *named])
    within = {file_of(name) for name in found if "::" in name}  # a test says more than its file
    most = [name for name in found if name not in within] or [unit.members[0] for unit in heaviest[:1]]
    return most[:MOST]


def profile(request: Request, names: Sequence[str], folder: Path, display: Display) -> list[Profile]:
    """Run each of these files or node ids alone under memray, within the request's limits.

    Raises what ``carry_out`` raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / "journal.jsonl"
    again = replace(
        request,
        named=tuple(names),
        journal=journal,
        order="given",
        shard=None,
        batch_size=1,
        repeat=1,
        in_process=False,
        by_test=False,
        jobs=1,
        resume=False,
        profiles=folder,
    )
    carry_out(again, display)
    return [_read(request, end, folder) for end in load(journal).units]


def _read(request: Request, end: UnitEnd, folder: Path) -> Profile:
    source = (folder / f"{slug(end.unit)}.bin").absolute()
    if not source.exists():
        return Profile(end.unit, end.verdict, 0, (), (), "memray wrote nothing")
    stats, flames = source.with_suffix(".json"), source.with_suffix(".html")
    tools = (
        [request.python, "-m", "memray", "stats", "--json", "-f", "-o", str(stats), str(source)],
        [request.python, "-m", "memray", "flamegraph", "-f", "-o", str(flames), str(source)],
    )
    trouble = [said for tool in tools if (said := _complaint(tool))]
    asked = [request.python, str(READER), str(source), str(request.root.absolute())]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=False)
    artifacts = tuple(path for path in (source, stats, flames) if path.exists())
    if answer.returncode:
        trouble.append(answer.stderr.strip()[-300:])
        return Profile(end.unit, end.verdict, 0, (), artifacts, "; ".join(trouble))
    found = json.loads(answer.stdout)
    lines = tuple(AllocatingLine(*line) for line in found["lines"])
    return Profile(end.unit, end.verdict, found["peak_bytes"], lines, artifacts, "; ".join(trouble))


def _complaint(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return done.stderr.strip()[-300:] if done.returncode else ""


def files_of(profiles: Sequence[Profile]) -> list[str]:
    """The files in which something allocates much, and those of the culprits."""
    named = [line.path for each in profiles for line in each.lines]
    return list(dict.fromkeys([*(file_of(each.name) for each in profiles), *named]))
