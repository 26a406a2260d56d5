"""The recordings as a person looks at them: one a line, or one of them at length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .answer import answer
from .errors import BadRecording
from .identity import Rules, asked
from .index import Index
from .recording import JSON, Response, dump_json
from .redaction import redactor
from .store import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording in one line. `path` is the one in the folder."""

    path: str
    test_id: str | None
    method: str
    endpoint: str
    model: str
    status: int
    answer: str

    def line(self) -> str:
        """Return the line for a person."""
        name = self.path.removesuffix(".json")
        short = f"{name[:12]}…" if len(name) > 40 else name
        parts = (short, self.method, self.endpoint, self.model, str(self.status), self.answer)
        return "  ".join(part for part in (*parts, f"[{self.test_id}]" if self.test_id else "") if part)

    def to_json(self) -> dict[str, JSON]:
        """Return the line for a program."""
        return {
            "recording": self.path,
            "test_id": self.test_id,
            "method": self.method,
            "endpoint": self.endpoint,
            "model": self.model,
            "status": self.status,
            "answer": self.answer,
        }


def entries(directory: Path) -> tuple[list[Entry], list[str]]:
    """Return the recordings of a folder, and what is wrong with the files that cannot be read."""
    store = _store(directory)
    found = []
    problems = []
    with closing(store.index) as index:
        for path in index.paths():
            try:
                found.append(_entry(store, path))
            except BadRecording as exc:
                problems.append(str(exc))
        problems += index.problems()
    return found, problems


def shown(path: Path) -> Iterator[bytes]:
    """Yield the request of a recording as text, and then the bytes that a client gets.

    Raises:
        BadRecording: the file is no recording that can be replayed.
    """
    store = _store(path.absolute().parent)
    stored = store.read_existing(path.absolute())
    request = stored.recording.request
    described = asked(request.method, request.url, request.body, stored.recording.test_id, _rules())
    yield f"{request.method} {request.url}\n".encode()
    if stored.recording.test_id:
        yield f"test: {stored.recording.test_id}\n".encode()
    yield b"\n" + dump_json(request.body) + b"\n"
    answered = answer([stored], described)
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
        recording.response.status,
        _kind_of_answer(recording.response),
    )


def _kind_of_answer(response: Response) -> str:
    chunks = (
        f"{len(response.body)} chunks" if isinstance(response.body, list) and response.is_streaming else ""
    )
    if response.failure is None:
        return chunks
    return f"{chunks} then broken" if chunks else "error"


def _store(directory: Path) -> Store:
    return Store(directory, _rules(), Index(directory, _rules(), None))


def _rules() -> Rules:
    return Rules((), redactor(()))
