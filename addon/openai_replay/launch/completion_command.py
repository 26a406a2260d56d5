"""`openai-replay completion`: print the completion of this command for a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_PROGRAM = "openai-replay"
_COMPLETE_VARIABLE = "_OPENAI_REPLAY_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion_command(shell: str) -> None:
    """Print the completion of this command for a shell.

    \b
    Examples:
      eval "$(openai-replay completion bash)"    in ~/.bashrc
      eval "$(openai-replay completion zsh)"     in ~/.zshrc
      openai-replay completion fish >~/.config/fish/completions/openai-replay.fish
    """
    complete = get_completion_class(shell)
    assert complete is not None
    group = click.get_current_context().find_root().command
    click.echo(complete(group, {}, _PROGRAM, _COMPLETE_VARIABLE).source())
