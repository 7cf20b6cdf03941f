"""Settings, from ``[tool.memlint]`` or memlint.toml, the suite's pytest configuration, and options."""

from memlint.config.load import Overrides, load_settings
from memlint.config.settings import ConfigError, OptionValue, Settings, shown

__all__ = ["ConfigError", "OptionValue", "Overrides", "Settings", "load_settings", "shown"]
