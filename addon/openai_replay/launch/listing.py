"""The recordings as a person looks at them: one a line, or one of them at length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadOption, BadRecording
from ..format.recording import JSON, Chunks, FailedCall, RawLines, Response, dump_json
from ..replay.answer import render
from ..request.identity import describe
from ..request.redaction import redactor
from ..request.rules import Rules
from ..store import names
from ..store.index import Index
from ..store.store import Store

_LONGEST_PROMPT = 48

# How many recordings are named where one was meant.
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording in short. `path` is the one in the folder, `prompt` the last thing that was asked."""

    path: str
    test_id: str | None
    method: str
    endpoint: str
    model: str
    status: int
    answer: str
    prompt: str

    def short_name(self) -> str:
        """Return a name that `show` takes."""
        return names.stem_of(names.shortened(self.path))

    def cells(self) -> tuple[str, ...]:
        """Return what a person sees of it."""
        prompt = " ".join(self.prompt.split())
        if len(prompt) > _LONGEST_PROMPT:
            prompt = f"{prompt[: _LONGEST_PROMPT - 1].rstrip()}{names.ELLIPSIS}"
        test = f"[{self.test_id}]" if self.test_id else ""
        what = f"{self.method} {self.endpoint}"
        return (self.short_name(), what, self.model, str(self.status), self.answer, prompt, test)

    def to_json(self) -> dict[str, JSON]:
        """Return all of it for a program."""
        return {
            "recording": self.path,
            "test_id": self.test_id,
            "method": self.method,
            "endpoint": self.endpoint,
            "model": self.model,
            "status": self.status,
            "answer": self.answer,
            "prompt": self.prompt,
        }


def columns(found: Sequence[Entry]) -> Iterator[str]:
    """Yield a line for each recording, in columns."""
    rows = [entry.cells() for entry in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        yield "  ".join(cells).rstrip()


def entries(directory: Path) -> tuple[list[Entry], list[str]]:
    """Return the recordings of a folder, and what is wrong with the files that cannot be read."""
    store = _store(directory)
    listed = []
    problems = []
    with closing(store.index) as index:
        for path in index.paths():
            try:
                listed.append(_entry(store, path))
            except BadRecording as exc:
                problems.append(str(exc))
        problems += index.problems()
    return listed, problems


def found(directory: Path, name: str) -> Path:
    """Return the recording that a person means by its name, or by the beginning of it as `list` shows it.

    Raises:
        BadOption: there is none in the folder, or there are several.
    """
    with closing(_store(directory).index) as index:
        paths = [path for path in index.paths() if names.is_meant(path, name)]
    # The beginning of a name is that of its repeats, too.
    firsts = [path for path in paths if names.split_number(path)[1] == 1] or paths
    if len(firsts) == 1:
        return directory / firsts[0]
    if not firsts:
        raise BadOption(
            f"{name}: expected a file, or the beginning of a recording's name in {directory}; "
            "`openai-replay list` shows them, and --dir names another folder"
        )
    named = ", ".join([*firsts[:_MOST_NAMED], *([names.ELLIPSIS] if len(firsts) > _MOST_NAMED else [])])
    raise BadOption(f"{name}: expected one recording, {len(firsts)} begin so: {named}")


def shown(path: Path) -> Iterator[bytes]:
    """Yield the request of a recording as text, and then the bytes that a client gets.

    Raises:
        BadRecording: the file is no recording that can be replayed.
    """
    store = _store(path.absolute().parent)
    stored = store.read_existing(path.absolute())
    request = stored.recording.request
    described = describe(request.method, request.url, request.body, stored.recording.test_id, _rules())
    yield f"{request.method} {request.url}\n".encode()
    if stored.recording.test_id:
        yield f"test: {stored.recording.test_id}\n".encode()
    yield b"\n" + dump_json(request.body) + b"\n"
    answered = render([stored], described)
    yield f"{answered.status}{' (breaks off)' if answered.is_broken else ''}\n".encode()
    yield from (f"{name}: {value}\n".encode() for name, value in answered.headers)
    yield b"\n"
    yield from answered.pieces
    yield b"\n"


def _entry(store: Store, path: str) -> Entry:
    recording = store.read_existing(store.directory / path).recording
    request = recording.request
    return Entry(
        path,
        recording.test_id,
        request.method,
        request.endpoint,
        request.model,
        recording.response.sent_status(),
        _kind_of_answer(recording.response),
        _prompt(request.body),
    )


def _prompt(body: JSON) -> str:
    """Return the text of the last message, or what else the model is given to work on."""
    if not isinstance(body, dict):
        return ""
    value = next((body[name] for name in ("messages", "input", "prompt") if body.get(name)), "")
    while isinstance(value, list | dict):
        if isinstance(value, list):
            value = value[-1] if value else ""
        else:
            value = value.get("content") or value.get("text") or value.get("output") or ""
    return value if isinstance(value, str) else ""


def _kind_of_answer(response: Response) -> str:
    match response.content():
        case FailedCall():
            return "error"
        case Chunks(items) | RawLines(items):
            return f"{len(items)} chunks{' then broken' if response.is_broken() else ''}"
        case _:
            return ""


def _store(directory: Path) -> Store:
    return Store(directory, _rules(), Index(directory, _rules(), None))


def _rules() -> Rules:
    return Rules((), redactor(()))
