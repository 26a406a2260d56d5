"""`openai-replay import`: recordings from the cassettes and archives of other tools."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ..collection.cassette_tests import CassetteTests
from ..collection.import_files import Files, found_in
from ..collection.importing import Imported, Importer
from ..errors import BadOption
from ..format.short_text import number_of
from ..front_end import FrontEnd
from ..options import Mode, Settings, host_values
from ..options_file import NAME
from ..proxy import flow_file
from ..record.raw_exchange import NotTaken
from ..record.recorder import Recorder
from .command_line import DIRECTORY, NOT_DONE, folder_settings, guarded
from .first_notes import MOST_NAMED, by_reason, say_first
from .opened_folder import opened_folder
from .progress import counted
from .run import say

_HINT = " (--verbose names them)"


@click.command("import")
@DIRECTORY
@click.option(
    "--test-id",
    metavar="ID",
    help="The test that the exchanges belong to; {name}, {folder} and {path} stand for parts of the file's path. "
    "Without this, the test is worked out from the path. Empty: no test.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="Take this host over too, besides the recorded hosts.",
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Name each exchange and file of a note, not the first ones."
)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILES..."
)
def import_command(
    directory: str | None, test_id: str | None, hosts: Sequence[str], verbose: bool, files: Sequence[Path]
) -> None:
    """Make recordings of cassettes and archives of other tools.

    FILES are files, or folders with files, of these formats: cassettes of VCR.py, of Ruby's VCR, of go-vcr and of tools
    with files like theirs (YAML, JSON, also with .gz), HAR (also in a zip file), mitmproxy flow files, recordings of
    nock, httpmock and WireMock, traces of Go's httprr, and input and output of OpenAI batches (JSONL, both needed).
    Other files of a folder are passed over, and so are packages that are installed in it.

    \b
    Each exchange is recorded as the proxy would have recorded it: same name, same redaction, same order of repeats.
    Exchanges and files that cannot be imported are named with place and reason, and the exit status is then 1; so it is
    if nothing was imported.

    \b
    Examples:
      openai-replay import tests/cassettes
      openai-replay import --test-id 'tests/{folder}.py::{name}' cassettes
      openai-replay import batch_input.jsonl batch_output.jsonl
    """

    def imported() -> int:
        checked = folder_settings(directory, Mode.RECORD, hosts)
        imported = _imported(checked, files, test_id)
        if imported.is_empty():
            raise BadOption(f"{', '.join(map(str, files))}: expected files with exchanges, found none")
        status = _tell(imported, checked.directory, most=None if verbose else MOST_NAMED)
        _tell_hosts(imported, folder_settings(directory, Mode.RECORD))
        return status

    sys.exit(guarded(imported, NOT_DONE))


def _imported(checked: Settings, paths: Sequence[Path], pattern: str | None) -> Imported:
    with opened_folder(checked) as folder:
        # An import made again must change nothing, also where a failure comes before a success.
        recorder = Recorder(folder.store, replaces_any=True)
        importer = Importer(recorder, folder.rules, checked.is_recorded, keeps_ids=checked.keeps_ids)
        files, tests = Files(flow_file.exchanges), CassetteTests(paths, pattern)
        for path, is_named in counted(found_in(paths, checked.directory), "files read"):
            test_id = tests.test_id_of(path)
            for found in files.exchanges(path, is_named=is_named):
                importer.take(found, test_id)
        for found in files.later_exchanges():
            importer.take(found, pattern or None)
    imported = importer.finish()
    imported.unknown_files = files.unknown
    return imported


def _tell(imported: Imported, directory: Path, *, most: int | None) -> int:
    """Say how an import went, and return the exit status for it."""
    for problem in imported.problems:
        say(f"not taken over: {problem}")
    for notes in by_reason(imported.notes):
        say_first("note", notes, most, _HINT)
    for host, places in imported.other_hosts.items():
        reason = f"{host} is none of the recorded hosts (--host {host} takes it over)"
        say_first("note: left out", [NotTaken(place, reason) for place in places], most, _HINT)
    say_first("note: left out", imported.unknown_files, most, _HINT)
    if imported.example is not None:
        place, test_id = imported.example
        say(f"the test id of {place} is {test_id} (--test-id sets another one)")
    equal = f" ({imported.equal} of them without a file: equal to the one before)" if imported.equal else ""
    taken = f"{number_of(imported.exchanges, 'exchange')} imported into {directory}{equal}"
    say(f"{taken}, {len(imported.problems)} not taken over")
    return 0 if imported.exchanges and not imported.problems else NOT_DONE


def _tell_hosts(imported: Imported, folder: Settings) -> None:
    """Say which option replay needs for imported hosts that are none of the folder's recorded hosts."""
    missing = sorted({name for host, port, name in imported.hosts if not folder.is_recorded(host, port)})
    if missing:
        values = host_values(folder.hosts, missing)
        option = FrontEnd.of_command_line(os.environ).option("recording_hosts", *values)
        say(f"to replay {', '.join(missing)}, add to {folder.directory / NAME}: hosts = {json.dumps(values)}")
        say(f"or give the option each time: {option}")
