"""memlint: find the tests that eat the memory of a CI job."""

__version__ = "0.1.0"
