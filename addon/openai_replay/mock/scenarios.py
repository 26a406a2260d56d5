"""Scenarios: which requests get which answers, as data. See `scenarios/README.md` for the members.

Rule: an unknown member is an error that names its place, never ignored.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .api.answers import api_headers, json_bytes
from .api.text import last_user_text
from .conversation import AwaitMessages, Break, Close, Script, Step
from .delivery import read_delivery
from .errors import ScenarioError
from .events import ServerSentEvent, compact_json
from .exchange import Answer, Body, Chunks, EventStream, Headers, Request, WebSocketBody
from .transmission import without_fields

SCENARIO_MEMBERS = ("name", "match", "answer", "sequence")
MATCH_MEMBERS = ("method", "path", "query", "host", "headers", "body", "last_user_message", "times")
ANSWER_MEMBERS = ("status", "headers", "content_type", "delivery")
EVENT_MEMBERS = ("data", "event", "id", "retry", "comment")

Generate = Callable[[Request], Answer]
"""What the API itself would answer: the part that a scenario with `"api": true` alters."""


@dataclass(slots=True)
class Scenario:
    """One scenario, and how many requests it has answered."""

    name: str
    folder: Path
    match: dict[str, Any]
    sequence: list[dict[str, Any]]
    used: int = field(default=0)

    def matches(self, request: Request) -> bool:
        """Tell whether this scenario answers `request`."""
        return self.used < self.match.get("times", self.used + 1) and _matches(self.match, request)

    def answer(self, request: Request, generate: Generate) -> Answer:
        """Return the next answer of the sequence; the last answer is then reused."""
        number = min(self.used, len(self.sequence) - 1)
        self.used += 1
        return _answer(self.sequence[number], self, request, generate)


def load_scenarios(folder: Path) -> list[Scenario]:
    """Return the scenarios of the JSON files in `folder`, in the order of their names.

    Raises:
        ScenarioError: a file that is no scenario.
    """
    return [_load(file) for file in sorted(folder.glob("*.json"))]


def read_scenario(given: dict[str, Any], name: str = "scenario", folder: Path | None = None) -> Scenario:
    """Return `given` as a scenario, checked.

    Args:
        given: the members of a scenario file.
        name: for errors, where the scenario has no `name`.
        folder: where its `file` bodies are looked up; None: the working directory.

    Raises:
        ScenarioError: an unknown member, or no member with an answer.
    """
    name = given.get("name", name)
    _check_members(given, SCENARIO_MEMBERS, name)
    _check_members(given.get("match", {}), MATCH_MEMBERS, f"{name}: match")
    sequence = given.get("sequence", [given["answer"]] if "answer" in given else [])
    if not sequence:
        raise ScenarioError(name, "no answer", "`answer`, or `sequence` with at least one")
    for answer in sequence:
        _check_members(answer, (*ANSWER_MEMBERS, *BODIES, "api"), f"{name}: answer")
        read_delivery(answer.get("delivery", {}), name)
    return Scenario(name, folder or Path.cwd(), given.get("match", {}), sequence)


def _load(file: Path) -> Scenario:
    try:
        given = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ScenarioError(str(file), str(error), "a JSON object") from error
    return read_scenario(given, file.stem, file.parent)


def _check_members(given: dict[str, Any], known: Iterable[str], where: str) -> None:
    if not isinstance(given, dict):
        raise ScenarioError(where, repr(given), "an object")
    for name in given:
        if name not in known:
            raise ScenarioError(where, f"{name!r}", f"one of {', '.join(known)}")


def _matches(match: dict[str, Any], request: Request) -> bool:
    body = request.json()
    return all(
        (
            match.get("method", request.method) == request.method,
            fnmatchcase(request.path, match.get("path", "*")),
            fnmatchcase(request.query, match.get("query", "*")),
            fnmatchcase(request.host, match.get("host", "*")),
            all(
                fnmatchcase(request.header(name) or "", value)
                for name, value in match.get("headers", {}).items()
            ),
            _contains(body, match.get("body", {})),
            match.get("last_user_message", "") in last_user_text(body),
        )
    )


def _contains(value: Any, piece: Any) -> bool:
    """Tell whether `value` has every member of `piece`, at any depth; items of a list by their position."""
    if isinstance(piece, dict):
        return isinstance(value, dict) and all(
            name in value and _contains(value[name], piece[name]) for name in piece
        )
    if isinstance(piece, list):
        return isinstance(value, list) and len(value) == len(piece) and all(map(_contains, value, piece))
    return bool(value == piece)


def _answer(given: dict[str, Any], scenario: Scenario, request: Request, generate: Generate) -> Answer:
    if given.get("api"):
        answer = generate(request)
    else:
        body, content_type = _body(given, scenario)
        status = 101 if isinstance(body, WebSocketBody) else 200
        answer = Answer(status, api_headers(content_type), body)
    headers = _headers(answer.headers, given)
    delivery = read_delivery(given.get("delivery", {}), scenario.name, answer.delivery)
    return replace(answer, status=given.get("status", answer.status), headers=headers, delivery=delivery)


def _headers(headers: Headers, given: dict[str, Any]) -> Headers:
    """Return `headers`, overridden by the headers of `given`; null removes a header, a list repeats it."""
    changes = dict(given.get("headers", {}))
    if "content_type" in given:
        changes["content-type"] = given["content_type"]
    kept = without_fields(headers, [name.lower() for name in changes])
    added = [
        (name, one)
        for name, value in changes.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]
    return (*kept, *added)


def _body(given: dict[str, Any], scenario: Scenario) -> tuple[Body, str | None]:
    kinds = [kind for kind in BODIES if kind in given]
    if len(kinds) > 1:
        raise ScenarioError(scenario.name, f"bodies {', '.join(kinds)}", "one body")
    return BODIES[kinds[0]](given[kinds[0]], scenario) if kinds else (b"", None)


def _bytes(value: Any, where: str) -> bytes:
    """Return the bytes of a string, of `{"base64": …}` or of `{"hex": …}`."""
    match value:
        case str():
            return value.encode("utf-8", "surrogatepass")
        case {"base64": str(text)}:
            return base64.b64decode(text)
        case {"hex": str(text)}:
            return bytes.fromhex(text)
    raise ScenarioError(where, repr(value), 'a string, {"base64": …} or {"hex": …}')


def _event(given: dict[str, Any], where: str) -> ServerSentEvent:
    _check_members(given, EVENT_MEMBERS, f"{where}: event")
    data = given.get("data")
    text = data if isinstance(data, str) or data is None else compact_json(data)
    return ServerSentEvent(
        text, given.get("event"), given.get("id"), given.get("retry"), given.get("comment")
    )


def _event_stream(value: Any, scenario: Scenario) -> tuple[Body, str]:
    return EventStream([_event(one, scenario.name) for one in value]), "text/event-stream; charset=utf-8"


def _chunks(value: Any, scenario: Scenario) -> tuple[Body, str]:
    return Chunks([_bytes(one, scenario.name) for one in value]), "text/event-stream; charset=utf-8"


def _websocket(value: Any, scenario: Scenario) -> tuple[Body, None]:
    steps = [_step(given, scenario.name) for given in value]
    return WebSocketBody(lambda: Script(steps)), None


def _step(given: Any, where: str) -> Step:
    match given:
        case {"send": str(text)}:
            return text
        case {"send": {"base64": str(text)}}:
            return base64.b64decode(text)
        case {"send": value}:
            return compact_json(value)
        case {"await": int(count)}:
            return AwaitMessages(count)
        case {"close": [int(code), str(reason)]}:
            return Close(code, reason)
        case {"break": True}:
            return Break()
    raise ScenarioError(
        where, repr(given), '{"send": …}, {"await": COUNT}, {"close": [CODE, REASON]} or {"break": true}'
    )


BODIES: dict[str, Callable[[Any, Scenario], tuple[Body, str | None]]] = {
    "json": lambda value, _: (json_bytes(value), "application/json"),
    "text": lambda value, scenario: (_bytes(value, scenario.name), "text/plain; charset=utf-8"),
    "base64": lambda value, _: (base64.b64decode(value), "application/octet-stream"),
    "hex": lambda value, _: (bytes.fromhex(value), "application/octet-stream"),
    "file": lambda value, scenario: ((scenario.folder / value).read_bytes(), "application/octet-stream"),
    "events": _event_stream,
    "websocket": _websocket,
    "chunks": _chunks,
}
