"""`openai-replay export`: recordings as a HAR, and missed requests as the input of a batch."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click

from ..collection.export_batch import batch_input
from ..collection.export_har import Exported, har, is_described
from ..collection.folder import recording_paths
from ..collection.overview import commit_times
from ..collection.reports import read_reports
from ..errors import BadOption, BadRecording, NotReplayable
from ..format.short_text import number_of
from ..options import Settings
from ..store.store import Store
from .command_line import DIRECTORY, NOT_DONE, folder_settings, guarded
from .opened_folder import opened_folder
from .progress import counted
from .run import say

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("export")
def export_command() -> None:
    """Write a HAR, or the input of a batch.

    Recordings become a HAR, missed requests the input of OpenAI batches."""


@export_command.command("har")
@DIRECTORY
@click.option(
    "--test", metavar="PATTERN", help="Recordings of these tests; * and ? stand for any characters."
)
@click.argument("file", type=_FILE)
def har_command(directory: str | None, test: str | None, file: Path) -> None:
    """Write the recordings as a HAR to FILE, or to standard output for -.

    Of uploads, a recording has names, sizes and hashes alone; they are exported as this description, and named.
    """

    def exported() -> int:
        settings = folder_settings(directory)
        problems: list[str] = []
        with opened_folder(settings) as folder:
            chosen = [*_chosen(settings, folder.store, test, problems)]
            _write(file, json.dumps(har(chosen, folder.rules), ensure_ascii=False, indent=2) + "\n")
        for problem in problems:
            say(f"not exported: {problem}")
        say(f"{number_of(len(chosen), 'recording')} exported to {file}")
        return NOT_DONE if problems else 0

    sys.exit(guarded(exported, NOT_DONE))


def _chosen(settings: Settings, store: Store, test: str | None, problems: list[str]) -> Iterator[Exported]:
    commits = commit_times(settings.directory)
    for path in counted(recording_paths(settings.directory), "recordings read"):
        try:
            stored = store.read_existing(settings.directory / path)
        except NotReplayable:
            continue
        except BadRecording as exc:
            problems.append(str(exc))
            continue
        if test is None or fnmatchcase(stored.recording.test_id or "", test):
            if is_described(stored.recording.request.body):
                say(f"note: {path}: its upload is exported as names, sizes and hashes")
            yield Exported(stored, commits.get(path) or stored.path.stat().st_mtime)


@export_command.command("batch")
@click.argument(
    "reports", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="REPORTS..."
)
@click.argument("file", type=_FILE)
def batch_command(reports: Sequence[Path], file: Path) -> None:
    """Write the requests that runs missed as the input of an OpenAI batch to FILE.

    REPORTS are files that recording_report wrote. A batch is of one endpoint: where there are several, the endpoint
    is added to the name of each file. Requests that no batch can ask are named.

    \b
    Then, for each file:
      upload it, create a batch, and download its output (half the price of single calls)
      openai-replay import FILE OUTPUT
    """

    def exported() -> int:
        made = batch_input(read_reports(reports).missed)
        for left_out in made.left_out:
            say(f"not exported: {left_out}")
        for endpoint, lines in made.lines.items():
            target = file if len(made.lines) == 1 else _with_endpoint(file, endpoint)
            _write(target, "".join(f"{line}\n" for line in lines))
            say(f"{number_of(len(lines), 'request')} to {endpoint} exported to {target}")
        if not made.lines:
            say("no request to export")
        return NOT_DONE if made.left_out else 0

    sys.exit(guarded(exported, NOT_DONE))


def _with_endpoint(file: Path, endpoint: str) -> Path:
    return file.with_stem(f"{file.stem}-{endpoint.removeprefix('/v1/').replace('/', '-')}")


def _write(file: Path, text: str) -> None:
    if str(file) == "-":
        click.echo(text.encode("utf-8", "surrogatepass"), nl=False)
        return
    try:
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
    except OSError as exc:
        raise BadOption(f"{file}: expected a place to write to, {exc.strerror}") from exc
