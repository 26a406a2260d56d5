"""`replayer`: the right recording answers, in its turn, and changes on disk count for the next request."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openai_replay.errors import BadRecording
from openai_replay.format.recording import JSON
from openai_replay.options import MatchPolicy as Match
from openai_replay.record.recorder import Recorder
from openai_replay.replay.positions import Positions
from openai_replay.replay.replayer import Replayer
from openai_replay.request.body import parse_body
from openai_replay.request.identity import ApiRequest, describe
from openai_replay.request.ignoring import ignore_rule
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.store.store import Store
from openai_replay.trouble.fault_rules import parse_faults_header
from openai_replay.trouble.terms import Terms
from support.requests import API, form_body
from unit.conftest import OpenStore, StartReplay
from unit.exchanges import NO_RULES, Replay, chat, completion, get, recorded, write_recording

REQUEST = chat("Hi")
NAME = REQUEST.name()


def write(folder: Path, name: str, text: str, test_id: str | None = None) -> Path:
    return write_recording(
        folder,
        name,
        REQUEST,
        {"__type__": "openai.types.chat.chat_completion.ChatCompletion", "__data__": completion(text)},
        test_id=test_id,
    )


@pytest.fixture
def replay(start_replay: StartReplay) -> Replay:
    return start_replay()


# --- finding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"{NAME}.json", "by-hand.json", "sub/folder/by-hand.json"])
def test_a_recording_answers_whatever_its_name(folder: Path, replay: Replay, name: str) -> None:
    write(folder, name, "found")
    assert replay.contents(REQUEST, 3) == ["found"] * 3


def test_a_request_without_a_recording_gets_none(folder: Path, replay: Replay) -> None:
    write(folder, "other.json", "x")
    assert replay.answer(chat("Bye")) is None


def test_the_name_alone_answers_nothing(folder: Path, replay: Replay) -> None:
    write_recording(folder, f"{NAME}.json", chat("Bye"), completion())
    assert replay.answer(REQUEST) is None


def test_a_hit_by_name_needs_no_index(folder: Path, replay: Replay) -> None:
    write(folder, f"{NAME}.json", "found")
    (folder / "broken.json").write_text("{")
    assert replay.name(REQUEST) == f"{NAME}.json"
    assert not replay.store.index.has_settled()
    assert replay.store.index.problems() == []  # no file was looked at


def test_a_broken_recording_is_an_error_for_its_own_request_alone(folder: Path, replay: Replay) -> None:
    (folder / f"{NAME}.json").write_text("{")
    write_recording(folder, "bye.json", chat("Bye"), completion())

    with pytest.raises(BadRecording) as caught:
        replay.answer(REQUEST)

    assert str(caught.value).startswith(f"{folder / NAME}.json: expected JSON, ")
    assert replay.name(chat("Bye")) == "bye.json"


def test_what_is_ignored_finds_one_recording(
    folder: Path, start_replay: StartReplay, open_store: OpenStore
) -> None:
    rules = Rules((ignore_rule("metadata.run_id"),), redactor(()))
    recorded(Recorder(open_store(rules)), chat(metadata={"run_id": "a"}, rules=rules), completion("found"))

    assert start_replay(rules=rules).contents(chat(metadata={"run_id": "b"}, rules=rules), 1) == ["found"]


# --- tests --------------------------------------------------------------------------------------------------------


def test_the_tests_own_recording_comes_first(folder: Path, start_replay: StartReplay) -> None:
    write(folder, "a.json", "another's", "x")
    write(folder, "b.json", "nobody's")
    write(folder, "c.json", "its own", "t")

    assert start_replay().contents(chat(test_id="t"), 1) == ["its own"]
    assert start_replay().contents(chat(test_id="u"), 1) == ["nobody's"]
    assert start_replay().contents(chat(), 1) == ["nobody's"]
    (folder / "b.json").unlink()
    assert start_replay().contents(chat(test_id="u"), 1) == ["another's"]


def test_required_tests_get_nothing_of_others(folder: Path, start_replay: StartReplay) -> None:
    write(folder, "a.json", "another's", "x")
    write(folder, "b.json", "nobody's")
    replay = start_replay(Match.REQUIRE)

    assert replay.answer(chat(test_id="t")) is None
    assert replay.contents(chat(test_id="x"), 1) == ["another's"]
    assert replay.contents(chat(), 1) == ["nobody's"]


def test_tests_count_their_repeats_by_themselves(folder: Path, replay: Replay) -> None:
    for number, text in enumerate("abc", 1):
        write(folder, f"x{'' if number == 1 else f'-{number}'}.json", text)

    assert replay.contents(chat(test_id="one"), 2) == ["a", "b"]
    assert replay.contents(chat(test_id="two"), 2) == ["a", "b"]
    assert replay.contents(chat(test_id="one"), 2) == ["c", "c"]


# --- repeats ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [NAME, "by-hand"])
def test_repeats_get_one_answer_after_the_other_and_then_the_last(
    folder: Path, replay: Replay, base: str
) -> None:
    write(folder, f"{base}.json", "a")
    write(folder, f"{base}-2.json", "b")
    write(folder, f"{base}-10.json", "c")
    assert replay.contents(REQUEST, 5) == ["a", "b", "c", "c", "c"]


def test_a_reset_begins_repeats_anew_for_one_test_or_all(folder: Path, replay: Replay) -> None:
    write(folder, f"{NAME}.json", "a")
    write(folder, f"{NAME}-2.json", "b")
    one, other = chat(test_id="one"), chat(test_id="other")
    assert replay.contents(one, 2) == replay.contents(other, 2) == ["a", "b"]

    replay.positions.reset("one", all_tests=False)
    assert replay.contents(one, 2) == ["a", "b"]
    assert replay.contents(other, 1) == ["b"]
    replay.positions.reset(None, all_tests=True)
    assert replay.contents(other, 1) == ["a"]


def test_requests_that_are_written_differently_share_their_repeats(folder: Path, replay: Replay) -> None:
    write(folder, f"{NAME}.json", "a")
    write(folder, f"{NAME}-2.json", "b")
    assert replay.contents(REQUEST, 1) == ["a"]
    assert replay.contents(chat("Hi", temperature=None), 1) == ["b"]


def test_requests_at_the_same_time_get_answers_in_the_order_of_asking(folder: Path, store: Store) -> None:
    for number in range(1, 6):
        write(folder, f"x{'' if number == 1 else f'-{number}'}.json", f"{number}")

    async def at_once(store: Store) -> list[str]:
        with ThreadPoolExecutor(max_workers=1) as one_thread:

            async def on_it[T](work: Callable[[], T]) -> T:
                return await asyncio.get_running_loop().run_in_executor(one_thread, work)

            replayer = Replayer(store, Match.PREFER, Positions(), on_it)
            answers = await asyncio.gather(*(replayer.answer(b"the same", lambda: REQUEST) for _ in range(5)))
            return [answer.path.name for answer in answers if answer is not None]

    assert sorted(asyncio.run(at_once(store))) == ["x-2.json", "x-3.json", "x-4.json", "x-5.json", "x.json"]


def test_lists_of_models_are_one_answer_however_often_asked(folder: Path, replay: Replay) -> None:
    request = get("/v1/models", test_id="t")
    for digest, name in (("00000001", "a"), ("00000002", "b")):
        model: JSON = {"__type__": "openai.types.model.Model", "__data__": {"id": name, "object": "model"}}
        write_recording(folder, f"models-{'0' * 64}-{digest}.json", request, [model], test_id=digest)

    for _ in range(3):
        assert [model["id"] for model in replay.body(request)["data"]] == ["a", "b"]
    (folder / f"models-{'0' * 64}-00000001.json").unlink()
    assert [model["id"] for model in replay.body(request)["data"]] == ["b"]


# --- changes on disk ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [NAME, "by-hand", "sub/by-hand"])
def test_an_edited_recording_counts_for_the_next_request(folder: Path, replay: Replay, base: str) -> None:
    path = write(folder, f"{base}.json", "before")
    assert replay.contents(REQUEST, 1) == ["before"]
    path.write_text(path.read_text().replace("before", "after that"))
    assert replay.contents(REQUEST, 1) == ["after that"]
    beside = path.with_suffix(".new")
    beside.write_text(path.read_text().replace("after that", "last"))
    os.replace(beside, path)
    assert replay.contents(REQUEST, 1) == ["last"]


@pytest.mark.parametrize("base", [NAME, "by-hand"])
def test_a_recording_that_is_removed_and_comes_back_counts_for_the_next_request(
    folder: Path, replay: Replay, base: str
) -> None:
    path = write(folder, f"{base}.json", "here")
    assert replay.contents(REQUEST, 1) == ["here"]
    path.unlink()
    assert replay.answer(REQUEST) is None
    write(folder, f"{base}.json", "again")
    assert replay.contents(REQUEST, 1) == ["again"]


def test_a_recording_whose_request_was_edited_answers_that_one(folder: Path, replay: Replay) -> None:
    for name in (f"{NAME}.json", "by-hand.json"):
        path = write(folder, name, "x")
        assert replay.contents(REQUEST, 1) == ["x"]
        path.write_text(path.read_text().replace('"Hi"', '"Edited"'))
        assert replay.answer(REQUEST) is None
        assert replay.name(chat("Edited")) == name
        path.unlink()


@pytest.mark.parametrize("base", [NAME, "by-hand"])
def test_one_removed_from_the_middle_of_a_sequence_is_passed_over(
    folder: Path, replay: Replay, base: str
) -> None:
    for number, text in ((1, "a"), (2, "b"), (3, "c")):
        write(folder, f"{base}{'' if number == 1 else f'-{number}'}.json", text)
    assert replay.contents(REQUEST, 1) == ["a"]
    (folder / f"{base}-2.json").unlink()
    assert replay.contents(REQUEST, 2) == ["c", "c"]


def test_one_that_comes_back_into_the_middle_of_a_sequence_counts(folder: Path, replay: Replay) -> None:
    write(folder, f"{NAME}.json", "a")
    write(folder, f"{NAME}-3.json", "c")
    assert replay.contents(REQUEST, 1) == ["a"]
    write(folder, f"{NAME}-2.json", "b")
    assert replay.contents(REQUEST, 2) == ["b", "c"]


def test_one_added_at_the_end_of_a_sequence_counts(folder: Path, replay: Replay) -> None:
    write(folder, f"{NAME}.json", "a")
    write(folder, f"{NAME}-2.json", "b")
    assert replay.contents(REQUEST, 3) == ["a", "b", "b"]
    write(folder, f"{NAME}-3.json", "c")
    assert replay.contents(REQUEST, 1) == ["c"]


def test_a_file_of_the_sequences_name_that_holds_another_request_is_no_answer(
    folder: Path, replay: Replay
) -> None:
    write(folder, f"{NAME}.json", "a")
    write_recording(folder, f"{NAME}-2.json", chat("Bye"), completion("wrong"))
    write(folder, f"{NAME}-3.json", "c")
    assert replay.contents(REQUEST, 3) == ["a", "c", "c"]


def test_a_file_of_the_requests_name_comes_before_one_by_hand_as_soon_as_it_is_there(
    folder: Path, replay: Replay
) -> None:
    write(folder, "by-hand.json", "by hand", "another test")
    assert replay.contents(REQUEST, 1) == ["by hand"]
    write(folder, f"{NAME}.json", "by name")
    assert replay.contents(REQUEST, 1) == ["by name"]


def test_a_recording_of_the_test_itself_comes_before_another_tests_as_soon_as_it_is_there(
    folder: Path, replay: Replay
) -> None:
    request = chat(test_id="t")
    write(folder, "a.json", "another's", "x")
    assert replay.contents(request, 1) == ["another's"]
    write(folder, "sub/b.json", "its own", "t")
    assert replay.contents(request, 1) == ["its own"]


def scored(score: int) -> ApiRequest:
    """Return a request that the format's hash does not tell from those with another score."""
    return chat(f"score: {score}")


def test_each_request_with_one_name_has_its_own_files_of_the_series(folder: Path, replay: Replay) -> None:
    name = scored(1).name()
    for number, (score, text) in enumerate([(1, "a"), (2, "x"), (1, "b"), (2, "y"), (1, "c")], 1):
        suffix = "" if number == 1 else f"-{number}"
        write_recording(folder, f"{name}{suffix}.json", scored(score), completion(text))

    assert replay.contents(scored(2), 3) == ["x", "y", "y"]
    assert replay.contents(scored(1), 4) == ["a", "b", "c", "c"]
    assert replay.answer(scored(3)) is None


def test_another_requests_file_of_the_series_counts_as_soon_as_it_holds_this_one(
    folder: Path, replay: Replay
) -> None:
    name = scored(1).name()
    write_recording(folder, f"{name}.json", scored(1), completion("a"))
    write_recording(folder, f"{name}-2.json", scored(2), completion("x"))
    assert replay.contents(scored(1), 2) == ["a", "a"]
    assert replay.contents(scored(2), 1) == ["x"]

    write_recording(folder, f"{name}-2.json", scored(1), completion("now the same"))
    assert replay.contents(scored(1), 1) == ["now the same"]
    write_recording(folder, f"{name}.json", scored(2), completion("the other way round"))
    assert replay.contents(scored(2), 1) == ["the other way round"]


# --- memory -------------------------------------------------------------------------------------------------------


def test_what_was_read_once_is_not_read_again(folder: Path, replay: Replay) -> None:
    path = write(folder, f"{NAME}.json", "a")
    first = replay.answer(REQUEST)
    assert replay.answer(REQUEST) is first
    path.touch()
    assert replay.answer(REQUEST) is not first


def test_a_repeat_is_answered_from_memory_once_all_its_answers_were_read(
    folder: Path, replay: Replay
) -> None:
    for name in (NAME, f"{NAME}-2"):
        write(folder, f"{name}.json", name)
    assert [replay.repeated(REQUEST) for _ in range(2)] == [None, None]
    answers = [replay.answer(REQUEST) for _ in range(2)]
    assert [replay.repeated(REQUEST) for _ in range(2)] == [answers[1]] * 2
    (folder / f"{NAME}-2.json").unlink()
    assert replay.repeated(REQUEST) is None


@pytest.mark.parametrize(
    ("faults", "is_plain"), [("", True), ("rate_limit;model=gpt-none", True), ("rate_limit;every=9", False)]
)
def test_a_repeat_comes_from_memory_unless_a_fault_may_concern_it(
    folder: Path, replay: Replay, faults: str, is_plain: bool
) -> None:
    write(folder, f"{NAME}.json", "a")
    answer = replay.answer(REQUEST)
    terms = Terms(faults=parse_faults_header(faults))
    assert replay.repeated(REQUEST, terms) is (answer if is_plain else None)


# --- requests that are near one another ---------------------------------------------------------------------------


def posted(path: str, *bodies: str) -> list[ApiRequest]:
    """Return a POST of each JSON text."""
    url = f"{API}{path}"
    return [describe("POST", url, parse_body(body.encode(), ""), "t", NO_RULES) for body in bodies]


def said(*texts: str) -> list[ApiRequest]:
    """Return a chat request of each text."""
    return [chat(text, test_id="t") for text in texts]


def form(*parts: tuple[str, bytes]) -> ApiRequest:
    body = parse_body(form_body("b", *parts), "multipart/form-data; boundary=b")
    return describe("POST", f"{API}/v1/files", body, "t", NO_RULES)


UUID = "0123456{}-89ab-cdef-0123-456789abcdef"
NEAR: dict[str, list[ApiRequest]] = {
    "scores": said("score: 1", "score: 9", "score: -1.5", "score: .5", "score:"),
    "long decimals": said("at 52.520008", "at 52.520011", "at 52.5200080", "at 52.52001"),
    "attributes": posted("/v1/responses", *(f'{{"input": "a{x} b"}}' for x in ("", ", attributes: {1}"))),
    "documents": posted("/v1/embeddings", *(f'{{"input": "document_id: {UUID.format(n)}"}}' for n in (1, 2))),
    "tokens": posted("/v1/completions", *(f'{{"prompt": "<|{UUID.format(n)}|>"}}' for n in (1, 2))),
    "floats": posted("/v1/x", *(f'{{"x": {x}}}' for x in ("0.123451", "0.123449", "0.12345"))),
    "big integers": posted("/v1/x", *(f'{{"x": {2**53 + n}}}' for n in (0, 1)), '{"x": 1e400}', '{"x": NaN}'),
    "kinds": posted("/v1/x", *(f'{{"x": {x}}}' for x in ("1", '"1"', "true", "[1]", "{}", "[]", "null"))),
    "doubled members": posted("/v1/x", '{"a":1,"a":2}', '{"a":0,"a":2}', '{"a":2}', '{"a":2,"a":2}'),
    "nulls of schemas": posted(
        "/v1/x", '{"tools":[{"parameters":{"a":null}}]}', '{"tools":[{"parameters":{}}]}'
    ),
    "letters": said("\u00e9", "e\u0301", "\ud800", "\ufffd", "\n", "\r\n"),
    "words like keys": said(*(f"sk-{maker}-ddr5-16gb" for maker in ("hynix", "samsung"))),
    "queries": [
        get(f"/v1/files{q}", test_id="t") for q in ("", "?a", "?a=", "?a=1", "?a=1&a=1", "?a=%2B", "?a=+")
    ],
    "paths": [get(path, test_id="t") for path in ("/v1/a%2Fb", "/v1/a/b", "/v1/a/b/", "/v1//a/b", "/v1/A/b")],
    "Azure": [
        chat("x", url=f"{API}/openai/deployments/{name}/chat/completions?api-version={version}", test_id="t")
        for name, version in (("a", 1), ("a", 2), ("b", 1))
    ],
    "methods": [
        describe(method, f"{API}/v1/x", {}, "t", NO_RULES) for method in ("GET", "POST", "DELETE", "HEAD")
    ],
    "forms": [
        form(('name="a"', b"score: 1")),
        form(('name="a"', b"score: 2")),
        form(('name="a"; filename="x"', b"score: 1")),
        form(('name="a"; filename=""', b"score: 1")),
        form(('name="a"', b"score: 1"), ('name="a"', b"score: 1")),
    ],
}


@pytest.mark.parametrize("group", NEAR.values(), ids=NEAR)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_near_requests_get_their_own_answers_and_keep_them_when_one_is_recorded_again(
    open_store: OpenStore, start_replay: StartReplay, group: list[ApiRequest], is_reversed: bool
) -> None:
    recorder = Recorder(open_store())
    for request in reversed(group) if is_reversed else group:
        recorded(recorder, request, {"of": group.index(request)})
    assert [start_replay().body(request) for request in group] == [{"of": n} for n in range(len(group))]

    recorded(Recorder(open_store()), group[0], {"of": "again"})
    answers = [start_replay().body(request) for request in group]
    assert answers == [{"of": "again"}, *({"of": number} for number in range(1, len(group)))]
