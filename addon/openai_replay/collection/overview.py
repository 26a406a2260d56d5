"""Summarise recordings for `list`: model, endpoint, test and tokens of each, and their totals."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from ..errors import BadRecording, NotReplayable
from ..format.recording import JSON, Chunks, FailedCall, Messages, Recording, decode
from ..request.upgrade import is_upgrade
from ..request.urls import authority
from ..store import names
from ..store.files import read_file
from ..transcript.session import model_of
from ..transcript.transcript import transcript
from .folder import each, recording_paths


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording in short.

    Attributes:
        path: of the file, relative to the folder.
        chunks: of a stream, None for an answer in one piece.
        ending: how the answer ended, in the API's word or as an error.
        usage: tokens by `input`, `output` and `total`.
        prompt: the last text that the model was given; of a session, the user's first one.
        size: of the file, in bytes.
        recorded_at: seconds since 1970: the last commit of the file, else its modification time.
    """

    path: str
    test_id: str | None
    method: str
    host: str
    endpoint: str
    model: str
    status: int
    chunks: int | None
    is_error: bool
    is_broken: bool
    ending: str
    usage: Mapping[str, int]
    prompt: str
    size: int
    recorded_at: float

    def short_name(self) -> str:
        """Return a name that `show` takes."""
        return names.stem_of(names.shortened(self.path))

    def to_json(self) -> dict[str, JSON]:
        """Return all of it for a program."""
        return {
            "recording": self.path,
            "test_id": self.test_id,
            "method": self.method,
            "host": self.host,
            "endpoint": self.endpoint,
            "model": self.model,
            "status": self.status,
            "chunks": self.chunks,
            "is_error": self.is_error,
            "is_broken": self.is_broken,
            "ending": self.ending,
            "usage": dict(self.usage),
            "prompt": self.prompt,
            "size": self.size,
            "recorded_at": datetime.fromtimestamp(self.recorded_at, UTC).isoformat(timespec="seconds"),
        }


@dataclass(frozen=True, slots=True)
class Overview:
    """The entries of a folder in path order, and the problems of files that cannot be read."""

    entries: Sequence[Entry]
    problems: Sequence[str]


def overview(directory: Path, step: Callable[[], None] = lambda: None) -> Overview:
    """Read all recordings of a folder; files that hold no HTTP exchange are left out.

    Args:
        step: called for each file that is read.
    """
    commits = commit_times(directory)
    found = [*each(partial(_read_all, directory), recording_paths(directory), step)]
    entries = [_with_commit_time(one, commits) for one in found if isinstance(one, Entry)]
    return Overview(entries, [one for one in found if isinstance(one, str) and one])


def _with_commit_time(entry: Entry, commits: Mapping[str, float]) -> Entry:
    return replace(entry, recorded_at=commits.get(entry.path, entry.recorded_at))


def _read_all(directory: Path, paths: Sequence[str]) -> list[Entry | str]:
    return [_read(directory, path) for path in paths]


def _read(directory: Path, path: str) -> Entry | str:
    """Return an entry, the problem of the file, or "" for a file that holds no exchange."""
    full_path = directory / path
    try:
        status, raw = read_file(full_path)
        return _entry(path, decode(raw, full_path), len(raw), status.st_mtime)
    except NotReplayable:
        return ""
    except BadRecording as exc:
        return str(exc)
    except OSError as exc:
        return f"{full_path}: expected a readable file, {exc.strerror}"


def _entry(path: str, recording: Recording, size: int, modified: float) -> Entry:
    request, response = recording.request, recording.response
    content = response.content()
    read = transcript(recording)
    return Entry(
        path,
        recording.test_id,
        request.method,
        authority(urlsplit(request.url)),
        request.endpoint,
        request.model or _session_model(recording),
        response.sent_status(),
        len(content.items) if isinstance(content, Chunks) else None,
        isinstance(content, FailedCall),
        response.is_broken(),
        read.ending,
        read.usage,
        read.prompt(),
        size,
        modified,
    )


def _session_model(recording: Recording) -> str:
    """Return the model of a WebSocket's session, from its URL or its messages; "" for another recording."""
    content = recording.response.content()
    if not is_upgrade(recording.request.body):
        return ""
    named = dict(parse_qsl(urlsplit(recording.request.url).query)).get("model", "")
    return named or (model_of(content.items) if isinstance(content, Messages) else "")


def commit_times(directory: Path) -> dict[str, float]:
    """Return the time of the last commit of each file in a folder, by its path; {} where git does not know it.

    Files that differ from their commit are left out.
    """
    listed = _git(directory, "log", "--format=%x01%ct", "--name-only", "-z", "--relative", "--", ".")
    changed = set(_git(directory, "diff", "--name-only", "-z", "--relative", "HEAD", "--", ".").split("\0"))
    times: dict[str, float] = {}
    for commit in listed.split("\x01")[1:]:
        time, _, paths = commit.partition("\0")
        for path in paths.replace("\n", "").split("\0"):
            if path and path not in changed:
                times.setdefault(path, float(time.strip()))
    return times


def _git(directory: Path, *arguments: str) -> str:
    """Return the output of git, "" when there is no git or no repository."""
    try:
        result = subprocess.run(["git", "-C", directory, *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return result.stdout.decode("utf-8", "surrogateescape")


@dataclass(slots=True)
class Sums:
    """Counts over some recordings. Tokens are counted by the answers' `usage`."""

    recordings: int = 0
    bytes: int = 0
    tests: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    tokens_in: int = 0
    tokens_out: int = 0
    oldest: float = 0.0
    newest: float = 0.0

    def to_json(self) -> dict[str, JSON]:
        """Return the sums for a program."""
        return {
            "recordings": self.recordings,
            "bytes": self.bytes,
            "tests": len(self.tests),
            "hosts": [*sorted(self.hosts)],
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "oldest": datetime.fromtimestamp(self.oldest, UTC).isoformat(timespec="seconds"),
            "newest": datetime.fromtimestamp(self.newest, UTC).isoformat(timespec="seconds"),
        }


def sums_of(entries: Iterable[Entry]) -> Sums:
    """Return the sums of some entries."""
    sums = Sums()
    for entry in entries:
        sums.oldest = min(sums.oldest, entry.recorded_at) if sums.recordings else entry.recorded_at
        sums.newest = max(sums.newest, entry.recorded_at)
        sums.recordings += 1
        sums.bytes += entry.size
        sums.tokens_in += entry.usage.get("input", 0)
        sums.tokens_out += entry.usage.get("output", 0)
        sums.hosts.add(entry.host)
        if entry.test_id is not None:
            sums.tests.add(entry.test_id)
    return sums
