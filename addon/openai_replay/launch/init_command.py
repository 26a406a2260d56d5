"""`openai-replay init`: write an options file."""

from __future__ import annotations

import sys

import click

from ..errors import BadOption
from ..options import Mode
from ..options_file import NAME, template
from .command_line import DIRECTORY, NOT_DONE, folder_settings, guarded


@click.command("init")
@DIRECTORY
def init_command(directory: str | None) -> None:
    """Write an openai-replay.toml with all options.

    Each option has its meaning and its default, commented out.

    The file lies in the folder of the recordings, and is read whenever they are recorded, replayed, listed or checked.
    """

    def written() -> int:
        folder = folder_settings(directory, Mode.RECORD).directory
        path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(path, "x", encoding="utf-8") as file:
                file.write(template())
        except FileExistsError as exc:
            raise BadOption(
                f"{path}: expected no such file, it exists already; edit it, or remove it first"
            ) from exc
        except OSError as exc:
            raise BadOption(f"{path}: expected a place to write to, {exc.strerror}") from exc
        click.echo(path)
        return 0

    sys.exit(guarded(written, NOT_DONE))
