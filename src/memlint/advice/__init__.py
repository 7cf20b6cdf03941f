"""What pytest options are worth on one's own suite, by measurement, and how many workers of xdist fit into memory."""

from memlint.advice.config_file import carried_over, render
from memlint.advice.options import Option, installed_plugins, load_options
from memlint.advice.trial import Advice, AdviceError, Comparison, Sample, Workers, advise

__all__ = [
    "Advice",
    "AdviceError",
    "Comparison",
    "Option",
    "Sample",
    "Workers",
    "advise",
    "carried_over",
    "installed_plugins",
    "load_options",
    "render",
]
