"""What ``memlint init`` proposes: files as they are and as they would be, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from memlint import __version__
from memlint.adoption import edits
from memlint.adoption.survey import GITHUB, GITLAB, PRE_COMMIT, Repository
from memlint.config.toml_source import read_text

MARKER = "memory_intensive"
BASELINE = "memlint-baseline.json"
GITLAB_PART = ".gitlab/memlint.yml"
_MARKER_LINE = f"{MARKER}: needs much memory; runs in a job of its own"
_TEMPLATES = Path(__file__).parent / "templates"

_HOOKS = f"""\
- repo: local
  hooks:
    - id: memlint
      name: memlint
      entry: memlint lint --level hook --quiet --color never --dependants
      language: python
      additional_dependencies: ["pytest-memlint=={__version__}"]
      types_or: [python]
      require_serial: true
    - id: memlint-suite
      name: memlint on the whole suite
      entry: memlint lint --quiet --color never
      language: python
      additional_dependencies: ["pytest-memlint=={__version__}"]
      pass_filenames: false
      always_run: true
      require_serial: true
      stages: [manual]
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks for; None: what the repository suggests."""

    github: bool | None = None
    gitlab: bool | None = None
    sharded: bool = False
    pre_commit: bool | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One file. ``before`` is None for a new one."""

    path: str  # POSIX, relative to the repository's root
    before: str | None
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """All changes, and what is left to a person."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def propose(repository: Repository, wanted: Wanted, baseline: str | None = None) -> Proposal:
    """Return what would bring memlint into the repository; nothing where it is there already.

    ``baseline`` is the text of a file that accepts the findings of today, if there are any.
    """
    draft = _Draft(repository)
    _settings(draft, bool(baseline))
    _marker(draft)
    _hooks(draft, wanted)
    _github(draft, wanted)
    _gitlab(draft, wanted)
    if baseline and not repository.baseline:
        draft.put(BASELINE, baseline, "accepts the findings of today: only new ones are reported")
    return Proposal(tuple(draft.changes()), tuple(draft.notes))


class _Draft:
    """Files as they would be. Several proposals may touch the same one."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.notes: list[str] = []
        self._before: dict[str, str | None] = {}
        self._after: dict[str, str] = {}
        self._why: dict[str, list[str]] = {}

    def text(self, path: str) -> str | None:
        """The file as it would be by now, with ``\\n`` line ends; None when there is none."""
        if path in self._after:
            return self._after[path]
        file = self.repository.root / path
        return read_text(file).replace("\r\n", "\n") if file.is_file() else None

    def put(self, path: str, after: str, why: str) -> None:
        before = self.text(path)
        if after != before:
            self._before.setdefault(path, before)
            self._after[path] = after
            self._why.setdefault(path, []).append(why)

    def edit(self, path: str, edit: Callable[[str], str], why: str, by_hand: str) -> None:
        """Put what ``edit`` makes of the file, or a note that says what to add by hand."""
        try:
            self.put(path, edit(self.text(path) or ""), why)
        except edits.EditError as error:
            self.notes.append(f"{path} is left as it is: {error}. Add by hand:\n{by_hand.rstrip()}")

    def changes(self) -> Iterator[Change]:
        for path, after in self._after.items():
            yield Change(path, self._before[path], after, "; ".join(self._why[path]))


def _settings(draft: _Draft, with_baseline: bool) -> None:
    repository = draft.repository
    if repository.settings_file is not None:
        return
    markers = ", ".join(f'"{name}"' for name in dict.fromkeys([MARKER, *repository.heavy_markers]))
    lines = [
        "# a test that carries one of these announces that it is heavy",
        f"markers = [{markers}]",
    ]
    if with_baseline and not repository.baseline:
        lines.append(f'baseline = "{BASELINE}"')
    body = "\n".join(lines) + "\n"
    why = "memlint's settings"
    if repository.has("pyproject.toml"):
        table = f"[tool.memlint]\n{body}"
        draft.edit("pyproject.toml", lambda text: edits.append_toml_table(text, table), why, table)
    else:
        draft.put("memlint.toml", body, why)


def _marker(draft: _Draft) -> None:
    repository = draft.repository
    if MARKER in repository.markers:
        return
    why = f"registers the marker {MARKER}"
    path, keys = repository.pytest_file, repository.pytest_keys
    if path is None:
        draft.notes.append(
            f"pytest has no configuration here: when you use the marker {MARKER}, register it in one."
        )
    elif path.endswith(".toml"):
        by_hand = f'  in [{".".join(keys)}]: markers = ["{_MARKER_LINE}"]'
        draft.edit(path, lambda text: edits.add_toml_marker(text, keys, _MARKER_LINE), why, by_hand)
    else:
        by_hand = f"  in [{keys[0]}], markers: {_MARKER_LINE}"
        draft.edit(path, lambda text: edits.add_ini_marker(text, keys[0], _MARKER_LINE), why, by_hand)


def _hooks(draft: _Draft, wanted: Wanted) -> None:
    present = draft.text(PRE_COMMIT)
    if wanted.pre_commit is False or (wanted.pre_commit is None and present is None):
        return
    if present is not None and "memlint" in present:
        return
    why = "checks the test code of every commit (`pre-commit run --hook-stage manual memlint-suite`: the whole suite)"
    if present is None or not present.strip():
        draft.put(PRE_COMMIT, "repos:\n" + _indented(_HOOKS, "  "), why)
    else:
        draft.edit(PRE_COMMIT, lambda text: edits.add_pre_commit_repo(text, _HOOKS), why, _HOOKS)


def _github(draft: _Draft, wanted: Wanted) -> None:
    suggested = draft.repository.has(GITHUB) or _remote_is(draft.repository.root, "github.com")
    if not (suggested if wanted.github is None else wanted.github):
        return
    jobs = [
        ("memlint.yml", "github-memlint.yml", "checks what each pull request brings"),
        ("memory-diagnostic.yml", "github-memory-diagnostic.yml", "finds the culprits, on demand"),
    ]
    if wanted.sharded:
        name = "memory-diagnostic-sharded.yml"
        jobs.append((name, f"github-{name}", "the same over several machines"))
    for name, template, why in jobs:
        path = f"{GITHUB}/{name}"
        if draft.text(path) is None:
            draft.put(path, _filled(template, draft.repository), why)


def _gitlab(draft: _Draft, wanted: Wanted) -> None:
    if not (draft.repository.has(GITLAB) if wanted.gitlab is None else wanted.gitlab):
        return
    if draft.text(GITLAB_PART) is None:
        why = "checks merge requests; finds the culprits, by hand"
        draft.put(GITLAB_PART, _filled("gitlab-memlint.yml", draft.repository), why)
    if GITLAB_PART in (draft.text(GITLAB) or ""):
        return
    by_hand = f"include:\n  - local: {GITLAB_PART}"
    draft.edit(
        GITLAB, lambda text: edits.add_gitlab_include(text, GITLAB_PART), f"includes {GITLAB_PART}", by_hand
    )


def _filled(template: str, repository: Repository) -> str:
    """The template with what is known of the repository in its places.

    Raises ValueError when the result is not YAML: a template's fault.
    """
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    values = {"@PYTHON@": repository.python, "@VERSION@": __version__, "@INSTALL@": repository.install}
    for name, value in values.items():
        text = text.replace(name, value)
    if not isinstance(yaml.safe_load(text), dict):
        raise ValueError(f"{template} does not fit this repository")
    return text


def _indented(text: str, indent: str) -> str:
    return "".join(f"{indent}{line}\n" if line else "\n" for line in text.splitlines())


def _remote_is(root: Path, host: str) -> bool:
    config = root / ".git" / "config"
    return config.is_file() and host in config.read_text(encoding="utf-8", errors="replace")
