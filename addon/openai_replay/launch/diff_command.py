"""`openai-replay diff`: changes in recordings as a person reads them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ..collection.difference import Difference, differences, title
from ..collection.readable import lines_of
from ..collection.sides import Side, is_revision, side_of
from ..errors import BadOption, BadRecording
from ..format.recording import decode
from . import listing
from .command_line import DIRECTORY, folder_settings, guarded
from .printed import content_without_secrets, without_secrets
from .progress import Progress

# As diff and git diff have it.
_SAME, _DIFFERENT, _TROUBLE = 0, 1, 2

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@click.command("diff")
@DIRECTORY
@click.option("--textconv", is_flag=True, help="Print one file as text, for git's textconv.")
@click.option(
    "--names", "only_names", is_flag=True, help="Print the names of the recordings that differ, alone."
)
@click.argument("sides", nargs=-1, metavar="[A [B]]")
def diff_command(directory: str | None, textconv: bool, only_names: bool, sides: Sequence[str]) -> None:
    """Show changes in recordings as texts and tool calls.

    Ids, times and padding do not count.

    A and B are files, folders, names of recordings as `list` shows them, or git revisions of the folder of the
    recordings. Without B, it is that folder as it is; without A, the last commit. One recording alone is compared with
    its last commit.

    \b
    The exit status is 0 if nothing differs, 1 if something does, 2 if they cannot be compared.

    \b
    Examples:
      openai-replay diff                        # since the last commit
      openai-replay diff main                   # against a branch
      openai-replay diff v1.0 v2.0              # two revisions
      openai-replay diff old.json new.json
      openai-replay diff 0ea0bb1f93a4           # one recording, by the beginning of its name
      git config diff.openai-replay.textconv "openai-replay diff --textconv"
    """

    def compared() -> int:
        if textconv:
            return _converted(sides)
        found = _differences(directory, sides)
        is_different = False
        for difference in found:
            is_different = True
            _print(difference, only_names=only_names)
        return _DIFFERENT if is_different else _SAME

    sys.exit(guarded(compared, _TROUBLE))


def _converted(sides: Sequence[str]) -> int:
    """Print a file as text; a file that is no recording is printed unchanged, because git must get some text."""
    if len(sides) != 1:
        raise BadOption(f"--textconv: expected one file, got {len(sides)}")
    path = Path(sides[0])
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise BadOption(f"{path}: expected a readable file, {exc.strerror}") from exc
    try:
        text = "".join(f"{line}\n" for line in lines_of(decode(raw, path)))
    except BadRecording:
        click.echo(content_without_secrets(raw), nl=False)
    else:
        click.echo(without_secrets(text).encode("utf-8", "replace"), nl=False)
    return _SAME


def _differences(directory: str | None, sides: Sequence[str]) -> Iterator[Difference]:
    if len(sides) > 2:
        raise BadOption(f"expected at most two sides to compare, got {len(sides)}")
    before, after = _both(directory, sides)
    with Progress("recordings compared", len(before.paths() & after.paths())) as progress:
        yield from differences(before, after, progress.step)


def _both(directory: str | None, sides: Sequence[str]) -> tuple[Side, Side]:
    if len(sides) == 2 and all(Path(side).exists() for side in sides):
        return side_of(sides[0], Path()), side_of(sides[1], Path())
    folder = folder_settings(directory).directory
    sides = [_named(side, folder) for side in sides]
    if len(sides) == 1 and Path(sides[0]).is_file():
        path = os.path.relpath(sides[0], folder)
        return side_of("HEAD", folder).only(path), side_of(str(folder), folder).only(path)
    first = sides[0] if sides else "HEAD"
    return side_of(first, folder), side_of(sides[1] if len(sides) == 2 else str(folder), folder)


def _named(side: str, folder: Path) -> str:
    """Return the file of a recording that a side names as `list` shows it, else the side as it is."""
    if Path(side).exists() or is_revision(side, folder):
        return side
    try:
        return str(listing.found(folder, side))
    except listing.NoneFound:
        return side  # `side_of` says how it can be spelt


def _print(difference: Difference, *, only_names: bool) -> None:
    click.secho(without_secrets(title(difference)), bold=True)
    if not only_names:
        for line in difference.lines:
            shown = without_secrets(line).encode("utf-8", "replace").decode()
            click.secho(f"  {shown}", fg=_STYLES.get(line[:1]))
        click.echo()
