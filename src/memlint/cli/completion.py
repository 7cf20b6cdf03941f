"""``memlint completion``: the shell's own completion, by click."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from memlint.cli.output import write_output

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_MEMLINT_COMPLETE"

_EPILOG = """\b
Examples:
  memlint completion bash >> ~/.bashrc
  memlint completion zsh >> ~/.zshrc
  memlint completion fish > ~/.config/fish/completions/memlint.fish
"""


@click.command("completion", epilog=_EPILOG)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that completes memlint's commands and options in SHELL."""
    from memlint.cli import cli

    found = get_completion_class(shell)
    assert found is not None, "click knows all SHELLS"
    write_output([f"{found(cli, {}, 'memlint', _VARIABLE).source()}\n"], None)
