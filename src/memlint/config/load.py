"""From configuration files and options to ``Settings``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memlint.config.budgets import budget_of
from memlint.config.layers import (
    NO_LAYERS,
    Entry,
    Layers,
    existing_folder,
    find_config,
    read_layers,
    rule_table,
)
from memlint.config.patterns import check
from memlint.config.pytest_config import PytestConfig, find_pytest_config, present_testpaths
from memlint.config.schema import DEFAULT_EXCLUDE, DEFAULT_MARKERS, DEFAULT_PYTHON_FILES, strings
from memlint.config.settings import ConfigError, OptionValue, Settings, shown
from memlint.disk import is_file
from memlint.knowledge.calibration import Calibration, read_calibration
from memlint.knowledge.rulebook import RuleBook, load_rulebook
from memlint.knowledge.selectors import ALL, UnknownSelectorError, choose, code_of, did_you_mean
from memlint.knowledge.toml import BadToml
from memlint.model import Budget, Level, Severity

CACHE_DIR = ".memlint_cache"
CALIBRATION = Path(".memlint/calibration.toml")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says; None and () where it is silent."""

    select: tuple[str, ...] = ()  # instead of the files' select and ignore
    ignore: tuple[str, ...] = ()  # beside the files' ignore
    level: Level | None = None
    fail_on: Severity | None = None
    baseline: Path | None = None
    cores: int | None = None


@dataclass(slots=True)
class _Reading:
    """What loading has at hand; ``origins`` fills as settings are taken."""

    layers: Layers
    overrides: Overrides
    origins: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, default: Any) -> Any:
        """The value of ``name``: from the options, else from the files, else ``default``."""
        option = getattr(self.overrides, name, None)
        key = name.replace("_", "-")
        if option is not None:
            self.origins[name] = f"--{key}"
            return option
        entry = self.layers.plain.get(key)
        self.origins[name] = entry.origin if entry else DEFAULT
        return entry.value if entry else default

    def take_path(self, name: str, default: Path | None) -> Path | None:
        """Likewise for a path, which counts from the folder of the file that sets it."""
        value = self.take(name, default)
        if not isinstance(value, str):
            return value if value is None else Path(value)
        return (self.layers.plain[name.replace("_", "-")].folder / Path(value).expanduser()).resolve()


def load_settings(
    start: Path | None = None,
    *,
    config: Path | None = None,
    isolated: bool = False,
    overrides: Overrides | None = None,
    working_dir: Path | None = None,
) -> Settings:
    """Return the settings that hold for the folder ``start`` (default: the working directory).

    ``config`` names the file to read instead of the closest one; ``isolated`` reads none of memlint's own.
    Raises ConfigError, with file and line, for anything that cannot be obeyed.
    """
    working_dir = (working_dir or Path.cwd()).resolve()
    start = (start or working_dir).resolve()
    path = None if isolated else (config.resolve() if config else find_config(start))
    if config and not is_file(config):
        raise ConfigError(f"{config}: no such configuration file")
    suite = find_pytest_config(start)
    root, root_origin = _root(start, path, suite)
    reading = _Reading(read_layers(path) if path else NO_LAYERS, overrides or Overrides())
    reading.origins["root"] = root_origin
    has_own_testpaths = "testpaths" in reading.layers.plain
    extra = _extra_rules(reading)
    book = _book(extra)
    markers: tuple[str, ...] = reading.take("markers", DEFAULT_MARKERS)
    calibration = _calibration(reading, root, isolated)
    return Settings(
        root=root,
        working_dir=working_dir,
        codes=_codes(reading, book),
        per_file_ignores=_per_file_ignores(reading, book),
        options=_options(reading, book),
        markers=markers,
        budgets=_budgets(reading, {*markers, *(suite.markers if suite else ())}, root),
        python_files=_from_suite(reading, "python_files", suite) or DEFAULT_PYTHON_FILES,
        testpaths=_from_suite(reading, "testpaths", suite, present_testpaths),
        testpaths_root=suite.path.parent if suite and not has_own_testpaths else root,
        exclude=reading.take("exclude", ()),
        default_exclude=DEFAULT_EXCLUDE,
        extra_rules=extra,
        level=reading.take("level", Level.CI),
        fail_on=reading.take("fail_on", Severity.NOTE),
        baseline=reading.take_path("baseline", None),
        cache_dir=reading.take_path("cache_dir", root / CACHE_DIR) or root / CACHE_DIR,
        cores=reading.take("cores", None),
        origins=reading.origins,
        calibration=calibration,
        calibrated=_calibrated(calibration),
        addopts=suite.addopts if suite else (),
        addopts_place=(suite.path, suite.addopts_line) if suite and suite.addopts else None,
    )


def _root(start: Path, config: Path | None, suite: PytestConfig | None) -> tuple[Path, str]:
    """The folder that patterns count from, and what makes it so."""
    if config and config.parent in (start, *start.parents):
        return config.parent, shown(config)
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return folder, shown(folder / ".git")
    return (suite.path.parent, shown(suite.path)) if suite else (start, DEFAULT)


def _calibration(reading: _Reading, root: Path, isolated: bool) -> Path | None:
    """The file that the configuration names, else the one of the project, if it has one."""
    named = reading.take_path("calibration", None)
    if named is not None:
        if not is_file(named):
            raise reading.layers.plain["calibration"].wrong("there is no such file", named.name)
        return named
    own = root / CALIBRATION
    if isolated or not own.is_file():
        return None
    reading.origins["calibration"] = "found"
    return own


def _calibrated(path: Path | None) -> Calibration | None:
    try:
        return None if path is None else read_calibration(path)
    except BadToml as error:
        raise ConfigError(str(error)) from error


def _extra_rules(reading: _Reading) -> tuple[Path, ...]:
    names = reading.take("extra_rules", ())
    return tuple(existing_folder(reading.layers.plain["extra-rules"], name) for name in names)


def _book(extra: tuple[Path, ...]) -> RuleBook:
    try:
        return load_rulebook(extra)
    except BadToml as error:
        raise ConfigError(str(error)) from error


def _codes(reading: _Reading, book: RuleBook) -> frozenset[str]:
    own = reading.overrides
    select = _words(reading, book, "select", own.select)
    ignore = _words(reading, book, "ignore", own.ignore)
    reading.origins["codes"] = _origin_of_codes(reading)
    if own.select:
        select, ignore = own.select, ()
    chosen = choose(select or (ALL,), (*ignore, *own.ignore), book)
    if not chosen:
        raise ConfigError(f"no rule is left to check; {reading.origins['codes']}")
    return chosen


def _origin_of_codes(reading: _Reading) -> str:
    given = {key: reading.origins[key] for key in ("select", "ignore") if reading.origins[key] != DEFAULT}
    return ", ".join(f"{key}: {origin}" for key, origin in given.items()) or DEFAULT


def _words(reading: _Reading, book: RuleBook, key: str, option: tuple[str, ...]) -> tuple[str, ...]:
    """The files' words for ``key``; both they and those of the option are checked."""
    entry = reading.layers.plain.get(key)
    origin = entry.origin if entry else DEFAULT
    reading.origins[key] = f"--{key}" if option else origin
    _resolve(option, book, f"--{key}")
    if entry:
        _resolve(entry.value, book, entry)
    return entry.value if entry else ()


def _resolve(words: tuple[str, ...], book: RuleBook, where: Entry | str) -> frozenset[str]:
    try:
        return choose(words, (), book)
    except UnknownSelectorError as error:
        if isinstance(where, str):
            raise ConfigError(f"{where}: {error}") from error
        raise where.wrong(error, error.word) from error


def _per_file_ignores(reading: _Reading, book: RuleBook) -> tuple[tuple[str, frozenset[str]], ...]:
    found = []
    for pattern, entry in reading.layers.tables["per-file-ignores"].items():
        try:
            check(pattern)
            words = strings(entry.value)
        except ValueError as error:
            raise entry.wrong(f'"{pattern}" {error}') from error
        found.append((pattern, _resolve(words, book, entry)))
        reading.origins[f"per_file_ignores.{pattern}"] = entry.origin
    return tuple(found)


def _budgets(reading: _Reading, markers: set[str], root: Path) -> tuple[Budget, ...]:
    entries = reading.layers.tables["budgets"]
    return tuple(budget_of(name, entry, markers, root) for name, entry in entries.items())


def _options(reading: _Reading, book: RuleBook) -> Mapping[str, Mapping[str, OptionValue]]:
    options = {code: {o.name: o.parse(o.default) for o in rule.option} for code, rule in book.rules.items()}
    for word, entry in reading.layers.tables["rules"].items():
        try:
            code = code_of(word, book)
        except UnknownSelectorError as error:
            raise entry.wrong(error) from error
        for name, value in rule_table(entry).items():
            origin = f"rules.{code}.{name}"
            if origin in reading.origins:
                raise entry.wrong(f"{name} of {code} is set at {reading.origins[origin]} already", None, name)
            options[code][name] = _option(entry, book, code, name, value)
            reading.origins[origin] = f"{shown(entry.source.path)}:{entry.source.line((*entry.keys, name))}"
    return options


def _option(entry: Entry, book: RuleBook, code: str, name: str, value: object) -> OptionValue:
    known = {option.name: option for option in book.rules[code].option}
    if name not in known:
        hint = did_you_mean(name, known) or (f"; it has {', '.join(known)}" if known else "; it has none")
        raise entry.wrong(f"{code} has no option {name!r}{hint}", None, name)
    try:
        return known[name].parse(value)
    except ValueError as error:
        raise entry.wrong(f"{code}: {error}", None, name) from error


def _from_suite(
    reading: _Reading,
    name: str,
    suite: PytestConfig | None,
    read: Callable[[PytestConfig], tuple[str, ...]] | None = None,
) -> tuple[str, ...]:
    """memlint's own value, else that of the suite's pytest configuration, else ()."""
    own: tuple[str, ...] = reading.take(name, ())
    if own or not suite:
        return own
    theirs: tuple[str, ...] = read(suite) if read else getattr(suite, name)
    if theirs:
        reading.origins[name] = f"{shown(suite.path)}:{getattr(suite, f'{name}_line')}"
    return theirs
