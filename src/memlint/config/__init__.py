"""Settings, from ``[tool.memlint]`` or memlint.toml, the suite's pytest configuration, and options."""

from memlint.config.layers import find_config
from memlint.config.load import Overrides, load_settings
from memlint.config.patterns import lenient, matcher
from memlint.config.pytest_config import PytestConfig, find_pytest_config
from memlint.config.settings import ConfigError, OptionValue, Settings, shown

__all__ = [
    "ConfigError",
    "OptionValue",
    "Overrides",
    "PytestConfig",
    "Settings",
    "find_config",
    "find_pytest_config",
    "lenient",
    "load_settings",
    "matcher",
    "shown",
]
