"""Describe recordings for the index: identity, test id, endpoint and likeness of each file, in several processes.

Only the request counts here. In files that this project wrote the response is not read; a fault in it is found when the
recording is replayed or checked. A recording that was made elsewhere may hold secrets: the rows have them redacted.

Many files are described by helper processes, one for each processor, a part of the files at a time.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from ..errors import BadRecording, NotReplayable
from ..format.recording import Request, decode, load_json, request_from_json
from ..request.identity import Identity, identify
from ..request.redaction import Redactor
from ..request.rules import Rules
from ..request.urls import canonical_path
from . import other_process
from .files import read_file
from .likeness import Leaf, sketch
from .other_process import OtherProcess

type Signature = tuple[int, int, int]

# Fewer files are described sooner than a process starts.
_FEWEST_FOR_PROCESSES = 3000

# So many files are described at a time, so that these are written to the index while others are still described.
_FILES_AT_A_TIME = 1000

# How the response begins in a file of this project: a line's end is never inside a JSON string.
_RESPONSE = b'\n  "response": {'
_TEST_ID = b'"test_id"'

_ESCAPE = rb"\u"

_LOOKS = Redactor()

# Short lines of files in which there is nothing to redact.
_SHORT_LINE = 200
_MOST_CLEAN_LINES = 4096
_clean_lines: set[bytes] = set()

_HELPER = "store.index_rows:help_out"

# A row of the index's table of files: path, time of modification in ns, size, inode, key, stream_options, test id,
# endpoint, packed sketch, problem. Texts that may be no Unicode are `packed`. Plain tuples, for very many are pickled.
type FileRow = tuple[bytes, int, int, int, str | None, str, bytes | None, bytes, bytes, bytes | None]


class Problem(NamedTuple):
    """Why a file cannot be replayed; it `is_foreign` if it can be read and holds no HTTP exchange."""

    text: str
    is_foreign: bool


@dataclass(slots=True)
class Described:
    """Rows of files, the problems in them, and the texts in their requests.

    `texts` has for each leaf its path in the body and the text, both packed.
    """

    rows: list[FileRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    texts: dict[Leaf, tuple[bytes, bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """Files to describe: their paths relative to the folder, each with its signature."""

    directory: Path
    rules: Rules
    files: Sequence[tuple[str, Signature]]


@dataclass(frozen=True, slots=True)
class Search:
    """Files to search for texts: paths relative to the folder, each with its signature."""

    directory: Path
    files: Sequence[tuple[str, Signature]]
    texts: tuple[bytes, ...]


def search_files(search: Search) -> list[tuple[str, Signature]]:
    r"""Return the files that hold all the texts, or `\u` escapes, which may hide a text."""
    if not _are_many(search.files):
        return _found(search)
    parts = (Search(search.directory, part, search.texts) for part in batched(search.files, _FILES_AT_A_TIME))
    return [file for found in _in_helpers(_found, parts) for file in found]


def describe_files(job: Job) -> Iterator[Described]:
    """Yield the description of files in their order, in parts: by this process or, where there are many, by others."""
    if not _are_many(job.files):
        yield _described(job)
        return
    parts = (Job(job.directory, job.rules, part) for part in batched(job.files, _FILES_AT_A_TIME))
    yield from _in_helpers(_described, parts)


def _are_many(files: Sequence[tuple[str, Signature]]) -> bool:
    return len(files) >= _FEWEST_FOR_PROCESSES and other_process.can_start()


def _in_helpers[Part, Result](work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Yield the results of work on parts, in their order, done by a helper process for each processor."""
    processors = os.cpu_count() or 1
    helpers: SimpleQueue[OtherProcess] = SimpleQueue()
    for _ in range(processors):
        helpers.put(OtherProcess(_HELPER))

    def helped(part: Part) -> Result:
        helper = helpers.get()
        try:
            results: list[Result] | None = helper.call((work, part))
        finally:
            helpers.put(helper)
        return work(part) if results is None else results[0]

    try:
        with ThreadPoolExecutor(processors) as pool:
            yield from pool.map(helped, parts)
    finally:
        for _ in range(processors):
            helpers.get().close()


def help_out() -> None:
    """Do the work of a helper process."""
    gc.disable()  # nothing that is made here is part of a circle
    other_process.answer(_helped)


def _helped[Part](order: tuple[Callable[[Part], object], Part]) -> Iterator[object]:
    work, part = order
    yield [work(part)]


def _found(search: Search) -> list[tuple[str, Signature]]:
    return [file for file in search.files if _may_hold(f"{search.directory}/{file[0]}", search.texts)]


def _may_hold(path: str, texts: Sequence[bytes]) -> bool:
    try:
        raw = read_file(path)[1]
    except OSError:
        return False
    return all(text in raw for text in texts) or _ESCAPE in raw


def _described(job: Job) -> Described:
    result = Described()
    for path, signature in job.files:
        _describe(path, signature, job, result)
    return result


def _describe(path: str, signature: Signature, job: Job, result: Described) -> None:
    """Add a file to a description, unless it went away in the meantime."""
    opened = f"{job.directory}/{path}"
    full_path = Path(opened)  # for errors alone: a path takes long to make, and longer to be opened
    place = packed(path)
    try:
        raw = read_file(opened)[1]
        test_id, request = read_request(raw, full_path)
        identity = identity_of(request, full_path, job.rules)
    except FileNotFoundError:
        return
    except (BadRecording, NotReplayable, OSError) as exc:
        problem = Problem(_LOOKS.text(str(exc)), isinstance(exc, NotReplayable))
        key = "" if problem.is_foreign else None
        result.problems.append(problem)
        result.rows.append((place, *signature, key, "", None, b"", b"", packed(problem.text)))
        return
    body = job.rules.matched_body(request.body)
    endpoint = canonical_path(path_of(request.url))
    if _may_hold_secrets(raw):
        body, endpoint = _LOOKS.json(body), _LOOKS.text(endpoint)
        test_id = test_id and _LOOKS.text(test_id)
    sketched = sketch(body)
    for leaf, (member, text) in sketched.texts.items():
        if leaf not in result.texts:
            result.texts[leaf] = (packed(member), packed(text))
    packed_id = None if test_id is None else packed(test_id)
    options = identity.stream_options
    result.rows.append(
        (place, *signature, identity.key, options, packed_id, packed(endpoint), sketched.packed, None)
    )


def packed(text: str) -> bytes:
    """Return a text as the index keeps it: as UTF-8, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")


def _may_hold_secrets(raw: bytes) -> bool:
    """Tell quickly whether the request in a recording may hold something to redact; most hold nothing.

    Most lines of a file are in others, too, and are searched once.
    """
    end = raw.find(_RESPONSE)
    lines = set((raw[:end] if end > 0 else raw).split(b"\n")) - _clean_lines
    if _LOOKS.may_match(b"\n".join(lines).decode("utf-8", "replace")):
        return True
    if len(_clean_lines) < _MOST_CLEAN_LINES:
        _clean_lines.update(line for line in lines if len(line) <= _SHORT_LINE)
    return False


def read_request(raw: bytes, path: Path) -> tuple[str | None, Request]:
    """Read the test id and the request of a recording; in a file that this project wrote, nothing else is read.

    Raises:
        BadRecording: it cannot be read.
        NotReplayable: it is of a kind that holds no HTTP exchange.
    """
    end = raw.find(_RESPONSE)
    if end > 0 and raw.endswith(b"}\n") and _TEST_ID in raw[:end]:
        try:
            value = load_json(raw[:end].removesuffix(b",") + b"}", path)
        except BadRecording:
            return _read_whole(raw, path)  # it says where in the whole file the fault is
        if isinstance(value, dict) and value.keys() == {"test_id", "request"}:
            return request_from_json(value, path)
    return _read_whole(raw, path)


def _read_whole(raw: bytes, path: Path) -> tuple[str | None, Request]:
    recording = decode(raw, path)
    return recording.test_id, recording.request


def identity_of(request: Request, path: Path, rules: Rules) -> Identity:
    """Return the identity of a recording's request.

    Raises:
        BadRecording: its body is nested deeper than one that was recorded.
    """
    try:
        return identify(request.method, request.url, request.body, rules)
    except RecursionError as exc:
        raise BadRecording(path, "expected JSON, it is nested too deeply", "$.request.body") from exc


def path_of(url: str) -> str:
    """Return the path of a URL, without query."""
    return url.partition("://")[2].partition("/")[2].join(("/", "")).partition("?")[0]
