"""The command line `openai-replay`: its commands, grouped, and its help.

The module of a command is imported when the command is called for, so that each starts as quickly as it can. The
context's object is the proxy that `program.py` has started for a command, None without one.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

import click

from ..dataclass_code import kept_dataclass_code
from ..modes import Mode

# The module of each command, in the order of the help. The command `list` is `list_command` there.
_MODULES: Mapping[str, str] = {
    "run": "run_command",
    "env": "env_command",
    "proxy": "proxy_command",
    "addon": "serve_command",
    "serve": "serve_command",
    "completion": "completion_command",
    "mock": "mock_command",
    "init": "init_command",
    "import": "import_command",
    "export": "export_command",
    "list": "list_command",
    "show": "list_command",
    "check": "check_command",
    "diff": "diff_command",
    "drift": "drift_command",
    "prune": "list_command",
}


class Commands(click.Group):
    """The group of all commands."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, None for another name."""
        if cmd_name not in _MODULES:
            return None
        command: click.Command = getattr(_imported(_MODULES[cmd_name]), f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that arguments begin with; another word is refused with the command that may be meant."""
        if args[0] not in _MODULES and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}{_meant(args[0])}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(_MODULES)


def _meant(word: str) -> str:
    """Return the command that a word may stand for, as the end of a sentence."""
    if word in {mode.value for mode in Mode}:
        return f": it is a mode, `openai-replay run --mode {word} -- COMMAND`"
    from difflib import get_close_matches  # late, for the import would delay every start

    near = get_close_matches(word, _MODULES, 1)
    return f": did you mean {near[0]}?" if near else f": a program is run by `openai-replay run -- {word} …`"


def _imported(name: str) -> ModuleType:
    gc.disable()  # imports make nothing but objects that stay: a tenth of their time
    try:
        with kept_dataclass_code(name):
            return import_module(f".{name}", __package__)
    finally:
        gc.enable()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="openai-replay")
def main() -> None:
    """Record your tests' OpenAI traffic once, with a key. After that they replay it: no key, no network, no flakiness.

    \b
    Examples:
      openai-replay run --mode record -- pytest     record, with OPENAI_API_KEY set
      openai-replay run -- pytest                   replay, without a key
      openai-replay list                            see the recordings

    `openai-replay COMMAND --help` explains a command and its options.
    """
