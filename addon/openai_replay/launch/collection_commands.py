"""Commands for a folder of recordings: init, list, show."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import click

from ..errors import BadOption
from ..options import Mode
from ..options_file import NAME, template
from . import listing
from .check_command import check_command
from .command_line import DIRECTORY, NOT_DONE, folder_settings, guarded
from .import_command import import_command
from .run import say


@click.command("init")
@DIRECTORY
def init_command(directory: str | None) -> None:
    """Write an openai-replay.toml with each option, its meaning and its default.

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


@click.command("list")
@DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_command(directory: str | None, as_json: bool) -> None:
    """List the recordings of a folder: what was asked, and what came back.

    Files that cannot be read are named on standard error, and the exit status is 1 then.
    """

    def listed() -> int:
        folder = folder_settings(directory).directory
        logging.disable(logging.WARNING)  # what cannot be read is said below
        entries, problems = listing.entries(folder)
        for line in map(_as_json, entries) if as_json else listing.columns(entries):
            click.echo(line)
        if not entries and not problems:
            say(f"there is no recording in {folder}")
        for problem in problems:
            say(problem)
        return NOT_DONE if problems else 0

    sys.exit(guarded(listed, NOT_DONE))


@click.command("show")
@click.argument("name")
@DIRECTORY
def show_command(name: str, directory: str | None) -> None:
    """Show a recording as a person reads it: the request's body, and the answer's bytes as clients get them.

    NAME is a file, or the name of a recording in the folder as `list` shows it.
    """

    def shown() -> int:
        file = Path(name)
        for piece in listing.shown(
            file if file.is_file() else listing.found(folder_settings(directory).directory, name)
        ):
            click.echo(piece, nl=False)
        return 0

    sys.exit(guarded(shown, NOT_DONE))


def _as_json(entry: listing.Entry) -> str:
    return json.dumps(entry.to_json(), ensure_ascii=False)


COMMANDS = (init_command, import_command, check_command, list_command, show_command)
