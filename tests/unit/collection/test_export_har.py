"""`export_har`: entries as a HAR reader expects them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openai_replay.collection.attached import beside
from openai_replay.collection.export_har import Exported, har
from openai_replay.collection.import_har import exchanges
from openai_replay.record.raw_exchange import RawExchange
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.index import Index
from openai_replay.store.store import Store

RULES = Rules((), redactor(()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Index(tmp_path, RULES, None)) as index:
        yield Store(tmp_path, RULES, index)


def exported(store: Store, **changes: Any) -> dict[str, Any]:
    request = {"method": "POST", "url": "https://api.openai.com/v1/x?b=1&a=", "body": {"a": 1}, "headers": {}}
    value = {"test_id": "a test", "request": request, "response": {"body": {"ü": 1}}, **changes}
    path = store.directory / "a.json"
    path.write_text(json.dumps(value))
    written: Any = har([Exported(store.read_existing(path), 0.0)], RULES)
    [entry] = written["log"]["entries"]
    return dict(entry)


def test_an_entry_says_what_was_asked_and_answered(store: Store) -> None:
    entry = exported(store)
    assert entry["startedDateTime"] == "1970-01-01T00:00:00.000+00:00"
    assert entry["request"]["queryString"] == [{"name": "b", "value": "1"}, {"name": "a", "value": ""}]
    assert json.loads(entry["request"]["postData"]["text"]) == {"a": 1}
    content = entry["response"]["content"]
    assert content["size"] == len(content["text"].encode())
    assert (json.loads(content["text"]), content["mimeType"]) == ({"ü": 1}, "application/json")
    assert entry["_test_id"] == "a test"


def test_a_body_that_is_no_text_is_base64(store: Store) -> None:
    (store.directory / "a.mp3").write_bytes(b"\xff\x00")
    content = exported(store, response={"body": {"__file__": "a.mp3"}})["response"]["content"]
    assert (content["text"], content["encoding"], content["size"]) == ("/wA=", "base64", 2)


def test_a_har_is_read_again_with_its_test_id(store: Store) -> None:
    [found] = exchanges({"log": {"entries": [exported(store)]}}, "a.har", beside(Path("a.har")))
    assert isinstance(found, RawExchange)
    assert found.test_id == "a test"
    assert json.loads(found.response_body) == {"ü": 1}


KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
EVENTS = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in ("It is ", *KEY, ".")]
MESSAGES = [
    {"from": "client", "data": {"type": "session.update", "session": {"instructions": KEY}}},
    {"from": "client", "data": {"tools": [{"type": "mcp", "authorization": "a-secret-of-mine-42"}]}},
    {"from": "server", "data": {"type": "error", "error": {"message": f"a-secret-of-mine-42, {KEY}"}}},
    {"from": "server", "data": {"__base64__": base64.b64encode(KEY.encode()).decode()}},
]
REQUEST = {"method": "POST", "url": "https://api.openai.com/v1/x", "body": {}, "headers": {}}


@pytest.mark.parametrize(
    "changes",
    [
        {"test_id": f"a test of {KEY}"},
        {"request": REQUEST | {"url": f"https://api.openai.com/v1/x?api_key={KEY}"}},
        {"request": REQUEST | {"body": {"input": f"Use {KEY}."}}},
        {"request": REQUEST | {"body": {"password": KEY}}, "response": {"body": {"error": f"not {KEY}"}}},
        {"response": {"body": {"client_secret": KEY}}},
        {"response": {"body": [f"data: {KEY}", ""], "is_streaming": True}},
        {"response": {"body": EVENTS, "is_streaming": True}},
        {"response": {"body": None, "status": 302, "headers": {"location": f"https://h/?sig={KEY}"}}},
        {"response": {"body": MESSAGES, "is_streaming": True, "status": 101}},
    ],
)
def test_a_key_of_a_recording_made_by_hand_is_not_exported(store: Store, changes: dict[str, Any]) -> None:
    entry = exported(store, **changes)
    texts = json.dumps(entry)

    assert KEY not in texts.replace('"', "")
    assert base64.b64encode(KEY.encode()).decode() not in texts
    assert "a-secret-of-mine-42" not in texts
    assert "REDACTED" in texts
    assert all(KEY not in "".join(re.findall(r'"content": ?"(.*?)"', text)) for text in strings_of(entry))


def strings_of(value: Any) -> Iterator[str]:
    """Yield the strings in a JSON value."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings_of(item)
    if isinstance(value, str):
        yield value
