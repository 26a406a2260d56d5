"""Requests, answers and recordings for the tests of the core, and how a run records and a later one replays them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from openai_replay.format.recording import JSON
from openai_replay.mock.delivery import Ending, flushes
from openai_replay.mock.exchange import Request
from openai_replay.mock.server import SCENARIOS
from openai_replay.mock.service import Service
from openai_replay.mock.transmission import transmission
from openai_replay.options import MatchPolicy as Match
from openai_replay.record.exchange import End, Exchange
from openai_replay.record.recorder import Recorder, Ticket
from openai_replay.replay.answer import Answer
from openai_replay.replay.positions import Positions
from openai_replay.replay.recorded_series import KeptSeries
from openai_replay.replay.replayer import Replayer
from openai_replay.request.body import parse_body
from openai_replay.request.identity import ApiRequest, describe
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.index import Index
from openai_replay.store.store import Store
from openai_replay.store.watch import watch
from openai_replay.trouble.terms import Terms
from openai_replay.wire.white_space import COMPACT, usual
from support.requests import API, CHAT_URL, chat_body

VERSION = ("openai-version", "2020-10-01")
JSON_HEADERS = (("content-type", "application/json"), VERSION)
STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), VERSION)
PLAIN = Terms()
NO_RULES = Rules((), redactor(()))

TEXTS = st.text(max_size=8)
# Of a high and a low one after another JSON makes one character.
SURROGATES = st.sampled_from(["\ud800", "\udfff", "a\udc80b", "\udc80\ud800"])
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | SURROGATES,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3),
    max_leaves=8,
)
OBJECTS: st.SearchStrategy[dict[str, JSON]] = st.dictionaries(TEXTS, JSON_VALUES, max_size=4)


def chat(
    content: JSON = "Hi",
    *,
    url: str = CHAT_URL,
    test_id: str | None = None,
    rules: Rules = NO_RULES,
    **members: JSON,
) -> ApiRequest:
    """Return a request for a chat completion."""
    body: dict[str, JSON] = chat_body(content, **members)
    return describe("POST", url, body, test_id, rules)


def get(path: str, *, test_id: str | None = None, rules: Rules = NO_RULES) -> ApiRequest:
    """Return a request without a body."""
    return describe("GET", f"{API}{path}", {}, test_id, rules)


def completion(content: JSON = "Hello", *, number: int = 1) -> dict[str, JSON]:
    """Return a chat completion as the API writes it; `number` makes its id and time."""
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_700_000_000 + number,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def chunk(content: str, *, number: int = 1) -> dict[str, JSON]:
    """Return a chunk of a chat completion as the API streams it."""
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000 + number,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "delta": {"content": content}, "logprobs": None, "finish_reason": None}],
    }


def answered(
    request: ApiRequest,
    answer: JSON | bytes = None,
    *,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = JSON_HEADERS,
    end: End = End.COMPLETE,
) -> Exchange:
    """Return an exchange in one piece; `answer` is JSON, laid out as the API does, or the bytes themselves."""
    content = answer if isinstance(answer, bytes) else usual(request.url).written(answer).encode()
    return Exchange(request, status, headers, [content], end)


def streamed(
    request: ApiRequest, events: Sequence[JSON | str], *, end: End = End.COMPLETE, done: bool = True
) -> Exchange:
    """Return an exchange of events, each the JSON of its data, written as the API does, or the text of it."""
    texts = [event if isinstance(event, str) else COMPACT.written(event) for event in events]
    blocks = [f"data: {text}\n\n".encode() for text in [*texts, *(["[DONE]"] if done else [])]]
    return Exchange(request, 200, STREAM_HEADERS, blocks, end)


def refused(request: ApiRequest, status: int, message: str = "No.") -> Exchange:
    """Return an exchange that failed as the API's do."""
    error: dict[str, JSON] = {"message": message, "type": "some_error", "param": None, "code": None}
    return answered(request, {"error": error}, status=status)


# --- runs ---------------------------------------------------------------------------------------------------------


def recorded(
    recorder: Recorder, request: ApiRequest, answer: JSON | bytes = None, *, status: int = 200
) -> Path | None:
    """Ask and be answered at once."""
    return recorder.finish(recorder.ask(request), answered(request, answer, status=status))


def finished(recorder: Recorder, ticket: Ticket, answer: JSON | bytes) -> Path | None:
    """Answer an earlier request."""
    return recorder.finish(ticket, answered(ticket.api_request, answer))


def _fingerprint(request: ApiRequest) -> bytes:
    return repr((request.method, request.url, request.body, request.test_id)).encode()


class Replay:
    """A run that replays, as a new process that reads a folder would."""

    def __init__(
        self, folder: Path, match: Match = Match.PREFER, rules: Rules = NO_RULES, *, is_watched: bool = False
    ) -> None:
        self._watch = watch(folder) if is_watched else None
        if is_watched and self._watch is None:
            pytest.skip(
                "the folder for temporary files cannot be watched: inotify and a local file system can"
            )
        self.store = Store(folder, rules, Index(folder, rules, None), self._watch)
        self.positions = Positions()
        self._replayer = Replayer(self.store, match, self.positions, self._at_once)

    async def _at_once[T](self, work: Callable[[], T]) -> T:
        return work()

    def answer(self, request: ApiRequest) -> Answer | None:
        """Return the next answer to a request, from memory if it may; the same request has the same fingerprint."""
        repeated = self.repeated(request)
        return repeated or asyncio.run(self._replayer.answer(_fingerprint(request), lambda: request))

    def repeated(self, request: ApiRequest, terms: Terms = PLAIN) -> Answer | None:
        """Return the next answer to a request if it is in memory; see `answer`."""
        if self._watch is not None:
            self._watch.take_events()
        return self._replayer.repeated(_fingerprint(request), terms)

    def name(self, request: ApiRequest) -> str | None:
        """Return the name of the file that answers next."""
        answer = self.answer(request)
        return None if answer is None else answer.path.relative_to(self.store.directory).as_posix()

    def body(self, request: ApiRequest) -> Any:
        """Return the JSON that answers next."""
        answer = self.answer(request)
        assert answer is not None
        return json.loads(b"".join(answer.pieces))

    def contents(self, request: ApiRequest, times: int) -> list[JSON]:
        """Return the model's answers to a request made so many times."""
        return [self.body(request)["choices"][0]["message"]["content"] for _ in range(times)]

    def kept_series(self) -> KeptSeries:
        """Return the series that are in memory."""
        return self._replayer.kept

    def close(self) -> None:
        """Close the index, and end the watch."""
        self.store.index.close()
        if self._watch is not None:
            self._watch.close()


def names(folder: Path) -> list[str]:
    """Return the names of all files in a folder, hidden ones among them, but for the file that git ignores by."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".gitignore")
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def written(folder: Path, name: str) -> dict[str, Any]:
    """Return a file of a folder as JSON."""
    value: dict[str, Any] = json.loads((folder / name).read_bytes())
    return value


def write_recording(
    folder: Path,
    name: str,
    request: ApiRequest,
    answer: JSON,
    *,
    test_id: str | None = None,
    is_streaming: bool = False,
    **response: JSON,
) -> Path:
    """Write a recording as a person or another program would."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {
                "test_id": test_id,
                "request": {
                    "method": request.method,
                    "url": request.url,
                    "headers": {},
                    "body": request.body,
                },
                "response": {"body": answer, "is_streaming": is_streaming, **response},
            }
        )
    )
    return path


# --- the stand-in for the API, without a network -----------------------------------------------------------------


class Api:
    """The answers of the stand-in for the API, as the bytes that it would flush one by one."""

    def __init__(self) -> None:
        self._service = Service([SCENARIOS], lambda: None)

    def exchange(
        self, method: str, path: str, body: JSON = None, *, headers: Mapping[str, str] | None = None
    ) -> Exchange:
        """Return a request, with the answer to it."""
        content = b"" if body is None else json.dumps(body).encode()
        fields = {"content-type": "application/json", **(headers or {})}
        request = Request(method, path, "https", "api.openai.com", tuple(fields.items()), content, "HTTP/1.1")
        sent = transmission(self._service.answer(request), request)
        pieces = list(flushes(sent.chunks, sent.delivery))
        end = End.COMPLETE if pieces[-1:] != [Ending.CUT] else End.CUT_BY_UPSTREAM
        described = describe(method, f"{API}{path}", parse_body(content, "application/json"), None, NO_RULES)
        return Exchange(described, sent.status, sent.headers, _bytes(pieces), end)


def _bytes(pieces: Iterable[bytes | Ending]) -> list[bytes]:
    return [piece for piece in pieces if isinstance(piece, bytes)]
