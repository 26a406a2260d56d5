"""`drift`: which recordings can be asked again, and which of them show a change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openai_replay.collection.drift import Choice, choose, drifted
from openai_replay.collection.shapes import Shape
from openai_replay.request.identity import describe
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.index import Index
from openai_replay.store.store import Store
from support.requests import embeddings_body

RULES = Rules((), redactor(()))
URL = "https://api.openai.com/v1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Index(tmp_path, RULES, None)) as index:
        yield Store(tmp_path, RULES, index)


def recording(store: Store, name: str, path: str = "/embeddings", method: str = "POST", **more: Any) -> None:
    body = more.pop("body", embeddings_body(name))
    response = more.pop("response", {"body": {"object": "list", "usage": {"prompt_tokens": 1_000_000}}})
    request = {
        "method": method,
        "url": f"{URL}{path}",
        "body": body,
        "headers": {},
        "model": "text-embedding-3-small",
    }
    (store.directory / f"{name}.json").write_text(json.dumps({"request": request, "response": response}))


def chosen(store: Store, **options: Any) -> Choice:
    paths = sorted(store.directory.glob("*.json"))
    stored = [store.read_existing(path) for path in paths]
    requests = [one.recording.request for one in stored]
    described = [describe(one.method, one.url, one.body, None, RULES) for one in requests]
    return choose(zip(stored, described, strict=True), **options)


def names(choice: Choice) -> Sequence[str]:
    return [question.path() for question in choice.questions]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": "/files", "method": "GET", "body": {}}, "it refers to objects of the account"),
        ({"path": "/files/file-1", "method": "DELETE", "body": {}}, "it refers to objects of the account"),
        ({"path": "/threads/thread_1/runs"}, "it refers to objects of the account"),
        (
            {"path": "/responses", "body": {"previous_response_id": "resp_1"}},
            "it refers to objects of the account",
        ),
        (
            {"path": "/audio/transcriptions", "body": {"__multipart__": []}},
            "the recording does not have the request's body",
        ),
        ({"body": {"input": ["a REDACTED-12ab b"]}}, "its request was redacted"),
    ],
)
def test_what_cannot_be_asked_again_is_left_out_with_its_reason(
    store: Store, change: dict[str, Any], reason: str
) -> None:
    recording(store, "a", **change)
    choice = chosen(store)
    assert choice.questions == []
    [left_out] = choice.left_out
    assert left_out.place.startswith("a.json (")
    assert left_out.reason.startswith(reason)


def test_the_first_of_a_series_stands_for_it(store: Store) -> None:
    for name in ("a", "a-2", "b"):
        recording(store, name)
    recording(store, "models", "/models", "GET", body={})
    choice = chosen(store)
    assert names(choice) == ["a.json", "b.json", "models.json"]
    assert [question.is_series for question in choice.questions] == [True, False, False]


def test_a_limit_of_cost_and_a_sample_leave_some_out(store: Store) -> None:
    for name in "abcd":
        recording(store, name)  # a million tokens for two cents each
    assert names(chosen(store, max_cost=0.05)) == ["a.json", "b.json"]
    assert len(names(chosen(store, sample=3))) == 3
    assert len(names(chosen(store, sample=0.5))) == 2
    assert names(chosen(store, sample=2, seed=7)) == names(chosen(store, sample=2, seed=7))
    assert len(names(chosen(store, sample=50))) == 4


def test_a_member_of_a_recording_that_was_not_asked_is_not_new(store: Store) -> None:
    recording(store, "a")
    recording(store, "b", response={"body": {"object": "list", "usage": {"prompt_tokens": 1}, "hint": "x"}})
    [first, second] = chosen(store).questions
    live = Shape("200", {**first.shape.types, "hint": frozenset(("text",)), "more": frozenset(("text",))})
    [one] = drifted({first.key(): live}, [first], [second])
    assert [str(change) for change in one.changes] == ["new: more"]
    assert one.to_json()["recordings"] == ["a.json"]
    assert drifted({first.key(): first.shape}, [first], [second]) == []


def test_a_body_that_is_gone_and_a_passing_failure_are_left_out(store: Store) -> None:
    recording(store, "gone", response={"body": {"__file__": "gone.mp3"}})
    failure = {"status_code": 429, "body": {}, "message": "Slow down."}
    failed = {"body": None, "is_exception": True, "exception_data": failure, "exception_message": "x"}
    recording(store, "busy", response=failed)
    recording(store, "sound")
    choice = chosen(store)
    assert names(choice) == ["sound.json"]
    assert [str(one).split(",")[0] for one in choice.left_out] == [
        "busy.json (POST /v1/embeddings): it is a failure that may be over by now (429)",
        "gone.json: expected the body in gone.mp3",
    ]


def test_recordings_of_one_name_in_two_folders_are_two_questions(store: Store) -> None:
    recording(store, "one")
    recording(store, "two")
    (store.directory / "sub").mkdir()
    (store.directory / "two.json").rename(store.directory / "sub" / "one.json")
    paths = sorted(store.directory.rglob("*.json"))
    stored = [store.read_existing(path) for path in paths]
    requests = [one.recording.request for one in stored]
    described = [describe(one.method, one.url, one.body, None, RULES) for one in requests]
    questions = choose(zip(stored, described, strict=True)).questions
    assert len({question.key() for question in questions}) == 2
