"""Checks a folder of recordings: each file reads, replays under its name, and holds no secret; nothing else lies there.

A finding is a problem, or a note where the recordings still work. `fix` mends the mechanical findings.
"""

from __future__ import annotations

import enum
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import BadRecording, NotReplayable
from ..format.recording import JSON, Request, from_json, load_json
from ..format.short_text import number_of
from ..options_file import NAME
from ..replay.answer import render
from ..request.identity import ApiRequest, describe
from ..request.rules import Rules
from ..request.urls import authority, host_and_port
from ..store import files, names
from ..store.index import signature_of
from ..store.index_rows import identity_of
from ..store.store import Stored, companions_of
from .folder import all_paths, each, is_document, odd_folders
from .secrets import secret_in_bytes, secret_places
from .unreachable import Place, continued, place_of, same_but_for_case, unreachable

# A name that the recorder gives, without the number: anything else is a person's own choice.
_RECORDERS_NAME = re.compile(r"(?P<models>models-)?(?P<hash>[0-9a-f]{64})(?P<rest>.*)", re.DOTALL)

# The members that a writer always writes, in their order.
_MEMBERS = ("test_id", "request", "response", "id_normalization_mapping")
_MEMBERS_OF_REQUEST = ("method", "url", "headers", "body", "endpoint", "model")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Larger files beside recordings are pointed out as too large instead.
_MOST_SEARCHED_BYTES = 64 * 1024 * 1024


type IsRecorded = Callable[[str, int], bool]


class Kind(enum.Enum):
    """The subject of a finding."""

    UNREADABLE = "unreadable"
    NOT_REPLAYABLE = "not replayable"
    NAME = "name"
    GAP = "gap"
    SECRET = "secret"
    HEADERS = "headers"
    LARGE = "large"
    STRAY = "stray"
    UNFINISHED = "unfinished"
    OLD_FORMAT = "old format"
    OUTDATED = "outdated"
    LINE_ENDS = "line ends"
    SHADOWED = "shadowed"
    LETTER_CASE = "letter case"
    HOST = "host"


# Findings that do not make a check fail.
NOTES = frozenset(
    (Kind.NOT_REPLAYABLE, Kind.OLD_FORMAT, Kind.OUTDATED, Kind.LINE_ENDS, Kind.SHADOWED, Kind.HOST)
)

# Findings that `fix` mends.
FIXABLE = frozenset(
    (Kind.NAME, Kind.GAP, Kind.HEADERS, Kind.UNFINISHED, Kind.OLD_FORMAT, Kind.OUTDATED, Kind.LINE_ENDS)
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: the file's path in the folder, and the problem; `target` is the name that the file should have."""

    path: str
    kind: Kind
    problem: str
    target: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"

    def to_json(self) -> dict[str, JSON]:
        """Return the finding for a program."""
        return {
            "path": self.path,
            "kind": self.kind.value,
            "problem": self.problem,
            "fails": self.kind not in NOTES,
            "fixable": self.kind in FIXABLE,
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be, in bytes."""

    most_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Looked:
    """The findings of one file.

    `companions` are the paths of the files beside it; `place` says when it answers; `url` is that of its request.
    """

    findings: tuple[Finding, ...]
    companions: tuple[str, ...] = ()
    place: Place | None = None
    url: str = ""


def check(
    directory: Path,
    rules: Rules,
    limits: Limits,
    is_recorded: IsRecorded,
    step: Callable[[], None] = lambda: None,
) -> list[Finding]:
    """Return the findings of a folder, in path order.

    Args:
        is_recorded: tells of a host name and a port whether replay answers for them.
        step: called for each recording that is done.
    """
    paths = all_paths(directory)
    recordings = [path for path in paths if names.is_recording(os.path.basename(path))]
    looked = [*each(partial(_look_at_all, directory, rules), recordings, step)]
    places = [one.place for one in looked if one.place is not None]
    findings = [*_without_continued((finding for one in looked for finding in one.findings), places)]
    findings += _hosts(zip(recordings, (one.url for one in looked), strict=True), is_recorded)
    companions = {companion for one in looked for companion in one.companions}
    companions |= {*_bodies_of_unreadable(paths, findings)}
    findings += _gaps(recordings)
    findings += _rivals(places, frozenset(recordings))
    findings += _strays(paths, companions | set(recordings))
    findings += (Finding(path, Kind.STRAY, problem) for path, problem in odd_folders(directory))
    findings += _secrets_outside(directory, paths, companions | set(recordings), rules)
    findings += _same_names(paths)
    findings += _large(directory, paths, limits)
    return sorted(findings, key=lambda finding: (finding.path, finding.kind.value))


def _look_at_all(directory: Path, rules: Rules, paths: Sequence[str]) -> list[_Looked]:
    return [_look_at(directory, rules, path) for path in paths]


def _look_at(directory: Path, rules: Rules, path: str) -> _Looked:
    try:
        return _looked(directory, rules, path)
    except NotReplayable as exc:
        return _Looked((_at(exc, path, Kind.NOT_REPLAYABLE),))
    except BadRecording as exc:
        return _Looked((_at(exc, path, Kind.UNREADABLE),))


def _at(exc: BadRecording, path: str, kind: Kind) -> Finding:
    return Finding(path, kind, f"{exc.problem} @ {exc.place}")


def _looked(directory: Path, rules: Rules, path: str) -> _Looked:
    full_path = directory / path
    raw, status = _read(full_path)
    value = load_json(raw, full_path)
    recording = from_json(value, full_path)
    identity = identity_of(recording.request, full_path, rules)
    stored = Stored(full_path, signature_of(status), recording, identity)
    request = recording.request
    described = describe(request.method, request.url, request.body, recording.test_id, rules)
    own_names = described.names(recording.test_id)
    render([stored], described)
    companions = companions_of(full_path, recording.response).values()
    beside = tuple(os.path.join(os.path.dirname(path), companion.name) for companion in companions)
    findings = [
        *_name_findings(path, own_names),
        *_shape_findings(path, value),
        *_outdated_findings(path, request, described),
        *_line_end_findings(path, raw),
        *(
            Finding(path, Kind.SECRET, f"a secret @ {place}")
            for place in secret_places(recording, value, raw, rules)
        ),
        *_companion_findings(companions, beside, rules),
    ]
    return _Looked(tuple(findings), beside, place_of(path, described, own_names), request.url)


def _hosts(urls: Iterable[tuple[str, str]], is_recorded: IsRecorded) -> Iterator[Finding]:
    """Yield a finding for each host that replay does not answer for, at the first of its recordings."""
    paths: dict[str, list[str]] = defaultdict(list)
    for path, url in urls:
        if url and not is_recorded(*host_and_port(urlsplit(url))):
            paths[authority(urlsplit(url))].append(path)
    for host, of_host in paths.items():
        others = f", nor for {number_of(len(of_host) - 1, 'other recording')}" if len(of_host) > 1 else ""
        problem = f"{host} is none of the recorded hosts: replay does not answer for it{others}"
        yield Finding(of_host[0], Kind.HOST, f'{problem}; hosts = ["+{host}"] in {NAME} makes it one')


def _companion_findings(companions: Iterable[Path], named: Iterable[str], rules: Rules) -> Iterator[Finding]:
    for name, companion in zip(named, companions, strict=True):
        if secret_in_bytes(_read(companion)[0], rules):
            yield Finding(name, Kind.SECRET, "a secret in the body of a recording")


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    try:
        status, raw = files.read_file(path)
        return raw, status
    except OSError as exc:
        raise BadRecording(path, f"expected a readable file, {exc.strerror}") from exc


# --- names ---


def _name_findings(path: str, own_names: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding where the recorder's name of a file is that of another request."""
    base, number = names.split_number(path)
    match = _RECORDERS_NAME.fullmatch(os.path.basename(base))
    if match is None or match["hash"] in own_names:
        return
    stem = f"{match['models'] or ''}{own_names[0]}{_after_hash(path, match)}"
    target = names.file_name(names.numbered_stem(stem, number))
    short = names.shortened(target)
    yield Finding(path, Kind.NAME, f"expected the name of its request, {short}", target)


def _without_continued(findings: Iterable[Finding], places: Sequence[Place]) -> Iterator[Finding]:
    """Leave out findings on names where a number continues the series of the same request in another spelling."""
    of_series = continued(places)
    yield from (one for one in findings if one.kind is not Kind.NAME or one.path not in of_series)


def _after_hash(path: str, match: re.Match[str]) -> str:
    """Return the part of a name behind the hash: a host, or the digest of a list of models."""
    if match["models"]:
        return names.stem_of(os.path.basename(path))[len(match["models"]) + 64 :]
    return match["rest"]


def _gaps(recordings: Iterable[str]) -> Iterator[Finding]:
    """Yield a finding for each recording whose number leaves out one before it."""
    series = defaultdict(list)
    for path in recordings:
        base, number = names.split_number(path)
        if _RECORDERS_NAME.fullmatch(os.path.basename(base)):
            series[base].append((number, path))
    for base, members in series.items():
        for place, (number, path) in enumerate(sorted(members), 1):
            if number > place and not _is_model_list(base):
                target = names.file_name(names.numbered_stem(os.path.basename(base), place))
                yield Finding(path, Kind.GAP, f"expected number {place} of its series, got {number}", target)


def _is_model_list(base: str) -> bool:
    return os.path.basename(base).startswith("models-")


def _rivals(places: Iterable[Place], recordings: frozenset[str]) -> Iterator[Finding]:
    for path, first in unreachable(places, recordings):
        problem = f"never answers, {names.shortened(first)} answers the same request of the same test"
        yield Finding(path, Kind.SHADOWED, problem)


def _same_names(paths: Iterable[str]) -> Iterator[Finding]:
    for path, other in same_but_for_case(paths):
        problem = f"expected a name that differs from {names.shortened(other)} in more than letter case"
        yield Finding(path, Kind.LETTER_CASE, problem)


# --- the shape of the file ---


def _outdated_findings(path: str, request: Request, described: ApiRequest) -> Iterator[Finding]:
    """Yield a finding for each member that repeats a part of the request, and differs from it."""
    body = request.body
    model = body.get("model", "") if isinstance(body, dict) else ""
    if request.model not in ("", model):
        problem = f"expected the model of the body, {model!r}, got {request.model!r} @ $.request.model"
        yield Finding(path, Kind.OUTDATED, problem)
    if not described.endpoint().endswith(request.endpoint):
        problem = f"expected the path of the url, got {request.endpoint!r} @ $.request.endpoint"
        yield Finding(path, Kind.OUTDATED, problem)


def _line_end_findings(path: str, raw: bytes) -> Iterator[Finding]:
    if raw.startswith(_BYTE_ORDER_MARK):
        yield Finding(path, Kind.LINE_ENDS, "expected no byte order mark @ byte 0")
    elif (at := raw.find(b"\r\n")) >= 0:
        yield Finding(path, Kind.LINE_ENDS, f"expected lines that end in LF, got CRLF @ byte {at}")


def _shape_findings(path: str, value: JSON) -> Iterator[Finding]:
    top = value if isinstance(value, dict) else {}
    request = top.get("request")
    request = request if isinstance(request, dict) else {}
    if request.get("headers"):
        yield Finding(
            path, Kind.HEADERS, "expected no headers of the request, they may hold keys @ $.request.headers"
        )
    missing = [f"$.{name}" for name in _MEMBERS if name not in top]
    missing += [f"$.request.{name}" for name in _MEMBERS_OF_REQUEST if name not in request]
    if missing:
        yield Finding(path, Kind.OLD_FORMAT, f"an older format, without {', '.join(missing)}")


# --- other files ---


def _bodies_of_unreadable(paths: Sequence[str], findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the files that, by their names, are bodies of recordings that cannot be read."""
    for finding in findings:
        if finding.kind is Kind.UNREADABLE:
            folder, name = os.path.split(finding.path)
            stem = names.stem_of(name)
            for path in paths:
                if os.path.dirname(path) == folder and names.is_companion(os.path.basename(path), stem):
                    yield path


def _strays(paths: Iterable[str], known: set[str]) -> Iterator[Finding]:
    for path in paths:
        name = os.path.basename(path)
        if (writer := names.writer_of(name)) is not None:
            if not _is_alive(writer):
                yield Finding(path, Kind.UNFINISHED, "a file that was never finished")
        elif path not in known and not name.startswith(".") and not is_document(name):
            yield Finding(
                path, Kind.STRAY, "expected a recording or the body of one, no recording names this file"
            )


def _secrets_outside(
    directory: Path, paths: Iterable[str], known: set[str], rules: Rules
) -> Iterator[Finding]:
    """Yield a finding for each secret in a name, or in a file that is no recording and no body of one."""
    for path in paths:
        if rules.redactor.text(path) != path:
            yield Finding(rules.redactor.text(path), Kind.SECRET, "a secret in the name of a file")
        if path not in known and _holds_secret(directory / path, rules):
            yield Finding(path, Kind.SECRET, "a secret in a file beside the recordings")


def _holds_secret(path: Path, rules: Rules) -> bool:
    try:
        return secret_in_bytes(files.read_file(path, _MOST_SEARCHED_BYTES)[1], rules)
    except OSError:  # gone, or no file
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def _large(directory: Path, paths: Iterable[str], limits: Limits) -> Iterator[Finding]:
    for path in paths:
        try:
            size = (directory / path).stat().st_size
        except OSError:  # it went away meanwhile
            continue
        if size > limits.most_bytes:
            problem = f"expected at most {limits.most_bytes:,} bytes, got {size:,}"
            yield Finding(path, Kind.LARGE, problem)
