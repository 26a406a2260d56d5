"""`openai-replay check`: one gate for a folder of recordings, for CI and for pre-commit."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from ..collection.check import FIXABLE, NOTES, Finding, Kind, Limits, check
from ..collection.fix import fix
from ..collection.folder import recording_paths
from ..errors import BadOption
from ..format.short_text import number_of
from ..options import Settings
from ..request.rules import Rules
from .command_line import DIRECTORY, NOT_DONE, folder_settings, guarded
from .printed import without_secrets
from .progress import Progress
from .run import say

_MOST_ROUNDS = 5

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_SIZE = re.compile(r"([0-9]+) ?([KMG]?)i?B?", re.IGNORECASE)


@click.command("check")
@DIRECTORY
@click.option(
    "--fix", "fixes", is_flag=True, help="Mend names, gaps in series, old formats and unfinished files."
)
@click.option(
    "--max-size",
    default="10MB",
    show_default=True,
    metavar="SIZE",
    help="The largest file that may be there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILES]...")
def check_command(
    directory: str | None, fixes: bool, max_size: str, as_json: bool, files: Sequence[Path]
) -> None:
    """Check that a folder of recordings is in order.

    \b
    Every file reads, replays, and has the name of its request. None holds a secret.
    No series has a gap, no file is without a recording, none is larger than a limit.

    The exit status is 1 if anything is wrong. Older formats, files that hold no HTTP exchange, and hosts that are not
    recorded are pointed out and do not count. With FILES, only their findings are told; the folder is checked all the
    same.
    """

    def checked() -> int:
        settings = folder_settings(directory)
        limits = Limits(_bytes(max_size))
        if not recording_paths(settings.directory):
            say(f"there is no recording in {settings.directory}")
        findings = _findings(settings, limits)
        if fixes:
            findings = _fixed(settings, findings, limits)
        return _told(_of_files(findings, settings.directory, files), as_json=as_json)

    sys.exit(guarded(checked, NOT_DONE))


def _rules(settings: Settings) -> Rules:
    return Rules(settings.ignore, settings.redactor)


def _findings(settings: Settings, limits: Limits) -> list[Finding]:
    with Progress("recordings checked", len(recording_paths(settings.directory))) as progress:
        return check(settings.directory, _rules(settings), limits, settings.is_recorded, progress.step)


def _fixed(settings: Settings, findings: list[Finding], limits: Limits) -> list[Finding]:
    """Mend findings, and return those that are left; a new name may leave a gap, which the next round closes."""
    for _ in range(_MOST_ROUNDS):
        if not any(finding.kind in FIXABLE for finding in findings):
            break
        for line in fix(settings.directory, findings, _rules(settings)):
            say(line)
        findings = _findings(settings, limits)
    return findings


def _bytes(size: str) -> int:
    match = _SIZE.fullmatch(size.strip())
    if match is None:
        raise BadOption(f"--max-size {size!r}: expected a size such as 500KB or 10MB")
    return int(match[1]) * _UNITS[match[2].upper()]


def _of_files(findings: list[Finding], directory: Path, files: Sequence[Path]) -> list[Finding]:
    if not files:
        return findings
    wanted = {file.absolute() for file in files}
    return [
        finding
        for finding in findings
        # A path that does not exist is that of a file whose name holds a secret.
        if directory / finding.path in wanted or not os.path.lexists(directory / finding.path)
    ]


def _told(findings: Sequence[Finding], *, as_json: bool) -> int:
    for finding in findings:
        note = "note: " if finding.kind in NOTES else ""
        line = json.dumps(finding.to_json(), ensure_ascii=False) if as_json else f"{note}{finding}"
        click.echo(without_secrets(line))
    counted = Counter(finding.kind for finding in findings)
    failing = sum(count for kind, count in counted.items() if kind not in NOTES)
    if not as_json:
        kinds = ", ".join(f"{count} {kind.value}" for kind, count in counted.items())
        say(f"{number_of(failing, 'problem')} ({kinds})" if kinds else "the recordings are in order")
        if Kind.UNREADABLE in counted:
            say("restore an unreadable file (git checkout HEAD -- FILE), or record it again")
    return NOT_DONE if failing else 0
