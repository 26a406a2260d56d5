"""Export recordings as a HAR (HTTP Archive 1.2), which browsers, proxies and test tools read.

A recording that was made elsewhere or by hand may hold keys: they are redacted as they are while recording.
"""

from __future__ import annotations

import base64
import http
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import parse_qsl, urlsplit

from ..format import json_text
from ..format.recording import JSON, Messages
from ..record.split_secrets import lines_without_keys
from ..replay.answer import Answer, render
from ..replay.recorded_session import RecordedSession
from ..request.identity import describe
from ..request.multipart import MULTIPART
from ..request.redaction import RedactedRequest, Redactor
from ..request.rules import Rules
from ..store.store import Stored
from ..wire.session_messages import binary, binary_content

_JSON_TYPE = "application/json"

# The name of an entry's own member for the test id; HAR 1.2 reserves names with an underscore for extensions.
TEST_ID = "_test_id"

# Sizes that a recording does not know (HAR 1.2: -1).
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Exported:
    """A recording to export: `recorded_at` in seconds since 1970."""

    stored: Stored
    recorded_at: float


def har(recordings: Iterable[Exported], rules: Rules) -> dict[str, JSON]:
    """Return a HAR with an entry for each recording, in the order given.

    Raises:
        BadRecording: the response of one cannot be written; the message says where.
    """
    creator: JSON = {"name": "openai-replay", "version": version("openai-replay")}
    entries: list[JSON] = [_entry(one, rules) for one in recordings]
    return {"log": {"version": "1.2", "creator": creator, "pages": [], "entries": entries}}


def _entry(exported: Exported, rules: Rules) -> JSON:
    recording = exported.stored.recording
    request = recording.request
    described = describe(request.method, request.url, request.body, recording.test_id, rules)
    redacted = rules.redactor.request(request.url, request.body)
    if isinstance(recording.response.content(), Messages):
        return _session(exported, redacted, rules.redactor)
    answer = _without_secrets(render([exported.stored], described), redacted.credentials, rules.redactor)
    sent = _request(request.method, redacted.url, redacted.body)
    return _with_times(exported, sent, _response(answer), rules.redactor)


def _without_secrets(answer: Answer, credentials: Sequence[str], redactor: Redactor) -> Answer:
    content = lines_without_keys(b"".join(answer.pieces), redactor, credentials)
    headers = tuple((name, redactor.url(value, credentials)) for name, value in answer.headers)
    return replace(answer, headers=headers, pieces=(redactor.content(content, credentials),))


def _with_times(exported: Exported, request: JSON, response: JSON, redactor: Redactor) -> dict[str, JSON]:
    started = datetime.fromtimestamp(exported.recorded_at, UTC).isoformat(timespec="milliseconds")
    test_id = exported.stored.recording.test_id
    return {
        "startedDateTime": started,
        "time": 0,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        **({} if test_id is None else {TEST_ID: redactor.text(test_id)}),
    }


def _session(exported: Exported, request: RedactedRequest, redactor: Redactor) -> JSON:
    """Return the entry of a WebSocket, its messages as Chrome writes them, with their sound."""
    session = RecordedSession(exported.stored)
    url = urlsplit(request.url)
    sent = _request("GET", url._replace(scheme="wss" if url.scheme == "https" else "ws").geturl(), {})
    answer = Answer(exported.stored.path, http.HTTPStatus.SWITCHING_PROTOCOLS, (), ())
    messages = [*_messages(session, request.credentials, redactor)]
    return {**_with_times(exported, sent, _response(answer), redactor), "_webSocketMessages": messages}


def _messages(session: RecordedSession, credentials: Sequence[str], redactor: Redactor) -> Iterator[JSON]:
    """Yield the messages of a session; the server's may quote the secrets of the client's before them."""
    for number in range(len(session.messages)):
        data = session.data(number)
        if (content := binary_content(data)) is not None:
            yield _message(session, number, binary(redactor.content(content, credentials)))
        elif session.is_of_client(number):
            redacted = redactor.request("", data, credentials)
            credentials = redacted.credentials
            yield _message(session, number, redacted.body)
        else:
            yield _message(session, number, redactor.answer(data, credentials))


def _message(session: RecordedSession, number: int, data: JSON) -> JSON:
    content = binary_content(data)
    side = "send" if session.is_of_client(number) else "receive"
    if content is not None:
        return {"type": side, "time": 0, "opcode": 2, "data": base64.b64encode(content).decode()}
    text = data if isinstance(data, str) else json_text.compact(data)
    return {"type": side, "time": 0, "opcode": 1, "data": text}


def _request(method: str, url: str, body: JSON) -> JSON:
    mime_type, text = _sent(body)
    posted: dict[str, JSON] = {"postData": {"mimeType": mime_type, "text": text}} if text else {}
    return {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs([("content-type", mime_type)] if text else []),
        "queryString": _pairs(parse_qsl(urlsplit(url).query, keep_blank_values=True)),
        "headersSize": _UNKNOWN,
        "bodySize": len(text.encode("utf-8", "surrogatepass")),
        **posted,
    }


def _sent(body: JSON) -> tuple[str, str]:
    """Return the type and the text of a request's body. Of uploads, a recording has the description alone."""
    if body in ({}, None):
        return "", ""
    if isinstance(body, dict) and body.keys() == {"__text__"}:
        return "text/plain", str(body["__text__"])
    is_description = isinstance(body, dict) and body.keys() in ({MULTIPART}, {"__bytes__"})
    return "x-openai-replay/description" if is_description else _JSON_TYPE, json_text.compact(body)


def is_described(body: JSON) -> bool:
    """Tell whether a recording has a description in place of a request's body, as of an upload."""
    return _sent(body)[0] == "x-openai-replay/description"


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[JSON]:
    return [{"name": name, "value": value} for name, value in pairs]


def _response(answer: Answer) -> JSON:
    content = b"".join(answer.pieces)
    mime_type = next((value for name, value in answer.headers if name == "content-type"), "")
    return {
        "status": answer.status,
        "statusText": _reason(answer.status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(answer.headers),
        "content": {"size": len(content), "mimeType": mime_type, **_text(content)},
        "redirectURL": next((value for name, value in answer.headers if name == "location"), ""),
        "headersSize": _UNKNOWN,
        "bodySize": len(content),
    }


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _text(content: bytes) -> dict[str, JSON]:
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(content).decode(), "encoding": "base64"}
