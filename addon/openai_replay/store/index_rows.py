"""Describe recordings for the index: identity, test id, endpoint and likeness of each file, in several processes.

Only the request counts here. In files that this project wrote the response is not read; a fault in it is found when the
recording is replayed or checked. A recording that was made elsewhere may hold secrets: the rows have them redacted.

Many files are described by helper processes, on all processors and beside the event loop: each runs this module, reads
a `Job` from its standard input and writes `Described` to its standard output, both pickled.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import NamedTuple

from ..errors import BadRecording, NotReplayable
from ..format.recording import Recording, from_json, load_json
from ..request.identity import Identity, identify
from ..request.redaction import Redactor
from ..request.rules import Rules
from ..request.urls import canonical_path
from .files import read_file
from .likeness import Leaf, sketch

log = logging.getLogger(__name__)

type Signature = tuple[int, int, int]

# Fewer files are described sooner than a process starts.
_FEWEST_FOR_PROCESSES = 3000

_PARTS_PER_PROCESSOR = 3

# How the response begins in a file of this project: a line's end is never inside a JSON string.
_RESPONSE = b'\n  "response": {'
_TEST_ID = b'"test_id"'

_LOOKS = Redactor()

_ROOT = Path(__file__).resolve().parents[2]
_HELPER = "import sys; sys.path.insert(0, sys.argv[1]); from openai_replay.store.index_rows import help_out; help_out()"


class FileRow(NamedTuple):
    """A file as the index keeps it: a tuple, because helper processes pickle very many.

    `problem` says why it cannot be replayed as a recording; its `key` is None if it cannot be read at all, and "" if
    it holds no HTTP exchange.
    """

    path: str
    signature: Signature
    key: str | None = None
    stream_options: str = ""
    test_id: str | None = None
    endpoint: str = ""
    sketch: bytes = b""
    problem: str | None = None


@dataclass(slots=True)
class Described:
    """Rows of files, and the texts in their requests: {leaf: (path in the body, text)}."""

    rows: list[FileRow] = field(default_factory=list)
    texts: dict[Leaf, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """Files to describe: their paths relative to the folder, each with its signature."""

    directory: Path
    rules: Rules
    files: Sequence[tuple[str, Signature]]


def describe_files(job: Job) -> Iterator[Described]:
    """Yield the description of files, in parts: of this process or, where there are many, of several others."""
    processors = os.cpu_count() or 1
    if len(job.files) < _FEWEST_FOR_PROCESSES or not _can_start_helpers():
        yield _described(job)
        return
    # More parts than processors, so that one is written to the index while others are still described.
    size = -(-len(job.files) // (_PARTS_PER_PROCESSOR * processors))
    parts = [Job(job.directory, job.rules, part) for part in batched(job.files, size)]
    with ThreadPoolExecutor(processors) as pool:
        yield from pool.map(_helped, parts)


def _can_start_helpers() -> bool:
    """Tell whether this program is Python itself; a frozen mitmdump would start another mitmdump."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def _helped(job: Job) -> Described:
    """Describe files in another process; in this one if that fails."""
    command = [sys.executable, "-c", _HELPER, str(_ROOT)]
    try:
        done = subprocess.run(command, input=pickle.dumps(job), stdout=subprocess.PIPE, check=True)
        described = pickle.loads(done.stdout)  # of a process that this one started
    except (OSError, subprocess.SubprocessError, pickle.UnpicklingError, EOFError) as exc:
        log.debug("A helper process of the index failed (%s)", exc)
        return _described(job)
    assert isinstance(described, Described)
    return described


def help_out() -> None:
    """Describe the files of the job on standard input, and write the result to standard output."""
    gc.disable()  # all that is made here is kept until the end
    job = pickle.load(sys.stdin.buffer)  # of the process that started this one
    pickle.dump(_described(job), sys.stdout.buffer)


def _described(job: Job) -> Described:
    result = Described()
    for path, signature in job.files:
        for row in _rows_of(job, path, signature, result.texts):
            result.rows.append(row)
    return result


def _rows_of(
    job: Job, path: str, signature: Signature, texts: dict[Leaf, tuple[str, str]]
) -> Iterator[FileRow]:
    """Yield the row of a file, none if it went away in the meantime."""
    opened = f"{job.directory}/{path}"
    full_path = Path(opened)  # for errors alone: a path takes long to make, and longer to be opened
    try:
        raw = read_file(opened)[1]
        recording = read_request(raw, full_path)
        identity = identity_of(recording, full_path, job.rules)
    except FileNotFoundError:
        return
    except NotReplayable as exc:
        yield FileRow(path, signature, "", problem=_LOOKS.text(str(exc)))
    except (BadRecording, OSError) as exc:
        yield FileRow(path, signature, None, problem=_LOOKS.text(str(exc)))
    else:
        body = job.rules.matched_body(recording.request.body)
        test_id = recording.test_id
        endpoint = canonical_path(path_of(recording.request.url))
        if _may_hold_secrets(raw):
            body, endpoint = _LOOKS.json(body), _LOOKS.text(endpoint)
            test_id = test_id and _LOOKS.text(test_id)
        sketched = sketch(body)
        texts |= sketched.texts
        yield FileRow(
            path, signature, identity.key, identity.stream_options, test_id, endpoint, sketched.packed
        )


def _may_hold_secrets(raw: bytes) -> bool:
    """Tell quickly whether the request in a recording may hold something to redact; most hold nothing."""
    end = raw.find(_RESPONSE)
    return _LOOKS.may_match((raw[:end] if end > 0 else raw).decode("utf-8", "replace"))


def read_request(raw: bytes, path: Path) -> Recording:
    """Read a recording; of one that this project wrote, the request alone, with an empty response.

    Raises:
        BadRecording: it cannot be read.
        NotReplayable: it is of a kind that holds no HTTP exchange.
    """
    end = raw.find(_RESPONSE)
    if end > 0 and raw.endswith(b"}\n") and _TEST_ID in raw[:end]:
        try:
            value = load_json(raw[:end].removesuffix(b",") + b"}", path)
        except BadRecording:
            return from_json(load_json(raw, path), path)  # it says where in the whole file the fault is
        if isinstance(value, dict) and value.keys() == {"test_id", "request"}:
            return from_json({**value, "response": {"body": None}}, path)
    return from_json(load_json(raw, path), path)


def identity_of(recording: Recording, path: Path, rules: Rules) -> Identity:
    """Return the identity of a recording's request.

    Raises:
        BadRecording: its body is nested deeper than one that was recorded.
    """
    request = recording.request
    try:
        return identify(request.method, request.url, request.body, rules)
    except RecursionError as exc:
        raise BadRecording(path, "expected JSON, it is nested too deeply", "$.request.body") from exc


def path_of(url: str) -> str:
    """Return the path of a URL, without query."""
    return url.partition("://")[2].partition("/")[2].join(("/", "")).partition("?")[0]
