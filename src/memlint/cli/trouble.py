"""The error that ends a command with its message."""

from __future__ import annotations

import click


class TroubleError(click.ClickException):
    """The job could not be done: ends memlint with its message and exit code 2."""

    exit_code = 2
