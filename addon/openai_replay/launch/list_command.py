"""`openai-replay list`, `show` and `prune`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click

from ..collection import prune
from ..collection.folder import recording_paths
from ..collection.overview import Entry, Overview, overview, sums_of
from ..collection.reports import Reported, read_reports
from ..format.short_text import number_of
from ..request.rules import Rules
from . import listing
from .command_line import DIRECTORY, NOT_DONE, folder_settings, guarded
from .printed import content_without_secrets, without_secrets
from .progress import Progress
from .run import say

_REPORT = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("list")
@DIRECTORY
@click.option(
    "--test", metavar="PATTERN", help="Recordings of these tests; * and ? stand for any characters."
)
@click.option("--host", metavar="PATTERN", help="Recordings of these hosts.")
@click.option("--endpoint", metavar="PATTERN", help="Recordings of these endpoints, such as '*/embeddings'.")
@click.option("--unused", "report", type=_REPORT, metavar="REPORT", help="Recordings that a run did not use.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--sums", "only_sums", is_flag=True, help="Print the sums alone.")
def list_command(
    directory: str | None,
    test: str | None,
    host: str | None,
    endpoint: str | None,
    report: Path | None,
    as_json: bool,
    only_sums: bool,
) -> None:
    """List recordings with their prompts and sums.

    The sums count tests, hosts, tokens and age.

    The sums go to standard error. Files that cannot be read are named there too, and the exit status is 1 then.
    """

    def listed() -> int:
        folder = folder_settings(directory).directory
        unused = None if report is None else read_reports([report]).unused
        read = _read(folder)
        patterns = (("test_id", test), ("host", host), ("endpoint", endpoint))
        entries = [one for one in read.entries if _is_wanted(one, patterns) and _is_in(one.path, unused)]
        for line in _lines(entries, as_json=as_json, only_sums=only_sums):
            click.echo(without_secrets(line))
        _tell(folder, entries, read, is_summed=not (as_json or only_sums))
        return NOT_DONE if read.problems else 0

    sys.exit(guarded(listed, NOT_DONE))


def _read(folder: Path) -> Overview:
    with Progress("recordings read", len(recording_paths(folder))) as progress:
        return overview(folder, progress.step)


def _is_wanted(entry: Entry, patterns: Iterable[tuple[str, str | None]]) -> bool:
    return all(
        pattern is None or fnmatchcase(getattr(entry, name) or "", pattern) for name, pattern in patterns
    )


def _is_in(path: str, paths: frozenset[str] | None) -> bool:
    return paths is None or path in paths


def _lines(entries: Sequence[Entry], *, as_json: bool, only_sums: bool) -> Iterable[str]:
    if only_sums:
        sums = sums_of(entries)
        return [json.dumps(sums.to_json()) if as_json else listing.sum_line(sums)]
    if as_json:
        return (json.dumps(entry.to_json(), ensure_ascii=False) for entry in entries)
    return listing.columns(entries)


def _tell(folder: Path, entries: Sequence[Entry], read: Overview, *, is_summed: bool) -> None:
    if not read.entries and not read.problems:
        say(f"there is no recording in {folder}")
    elif is_summed and entries:
        say(listing.sum_line(sums_of(entries)))
    for problem in read.problems:
        say(problem)


@click.command("show")
@click.argument("name")
@DIRECTORY
@click.option("--raw", is_flag=True, help="Show the request's JSON, and the bytes that a client gets.")
def show_command(name: str, directory: str | None, raw: bool) -> None:
    """Show a recording as a conversation.

    Texts, tool calls, reasoning, tokens and the ending; --raw shows the wire.

    NAME is a file, or the name of a recording in the folder as `list` shows it.
    """

    def shown() -> int:
        file = Path(name)
        path = file if file.is_file() else listing.found(folder_settings(directory).directory, name)
        for piece in (listing.raw if raw else listing.readable)(path):
            click.echo(content_without_secrets(piece), nl=False)
        return 0

    sys.exit(guarded(shown, NOT_DONE))


@click.command("prune")
@DIRECTORY
@click.option("--dry-run", is_flag=True, help="Name the recordings that would go, and remove none.")
@click.option(
    "--all-tests", is_flag=True, help="The reports are of all tests: remove recordings of other tests, too."
)
@click.argument("reports", nargs=-1, required=True, type=_REPORT, metavar="REPORTS...")
def prune_command(directory: str | None, dry_run: bool, all_tests: bool, reports: Sequence[Path]) -> None:
    """Remove recordings that no run used.

    REPORTS are the JSON reports of runs, for instance one for each part of a test suite. A recording stays if no
    report saw its test, or if its test had a request without a recorded answer.

    \b
    Examples:
      openai-replay run --report run.json -- npm test
      pytest --recording-set recording_report=run.json
      openai-replay prune --dry-run --all-tests run.json
    """

    def pruned() -> int:
        settings = folder_settings(directory)
        reported = read_reports(reports)
        test_ids = prune.test_ids_of(settings.directory, reported.unused)
        planned = prune.plan(reported, test_ids, all_tests=all_tests)
        rules = Rules(settings.ignore, settings.redactor)
        for path in planned.remove if dry_run else prune.remove(settings.directory, planned.remove, rules):
            click.echo(path)
        _tell_plan(planned, reported, dry_run=dry_run)
        return 0

    sys.exit(guarded(pruned, NOT_DONE))


def _tell_plan(planned: prune.Plan, reported: Reported, *, dry_run: bool) -> None:
    say(f"the reports saw {number_of(len(reported.tests), 'test')}: {prune.named(reported.tests)}")
    for line in prune.kept_lines(planned):
        say(line)
    say(f"{'would remove' if dry_run else 'removed'} {number_of(len(planned.remove), 'recording')}")
