"""`recorder`: the answers of a run become one sequence, in the order of asking, and nothing else is left of before."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_replay.errors import KeptSuccess, NotRecordable
from openai_replay.format.recording import JSON
from openai_replay.record.exchange import End
from openai_replay.record.recorder import Recorder, Ticket
from openai_replay.request.identity import ApiRequest
from openai_replay.store.claim import Claim
from openai_replay.store.index import Index
from openai_replay.store.store import Store
from unit.conftest import OpenStore, StartReplay
from unit.exchanges import (
    NO_RULES,
    VERSION,
    Replay,
    answered,
    chat,
    completion,
    finished,
    get,
    names,
    recorded,
    refused,
    streamed,
    write_recording,
    written,
)

REQUEST = chat("Hi", test_id="t")
NAME = REQUEST.name()


def numbered(count: int, name: str = NAME) -> list[str]:
    return sorted(f"{name}{'' if number == 1 else f'-{number}'}.json" for number in range(1, count + 1))


def said(folder: Path) -> list[JSON]:
    """Return the model's answer in each file of the sequence."""
    count = len([name for name in names(folder) if name.endswith(".json")])
    files = [f"{NAME}{'' if number == 1 else f'-{number}'}.json" for number in range(1, count + 1)]
    bodies: list[Any] = [written(folder, name)["response"]["body"] for name in files]
    return [body and body["__data__"]["choices"][0]["message"]["content"] for body in bodies]


def fail(recorder: Recorder, status: int = 500) -> Path | None:
    ticket = recorder.ask(REQUEST)
    return recorder.finish(ticket, refused(REQUEST, status))


def succeed(recorder: Recorder, text: str = "ok") -> Path | None:
    return recorded(recorder, REQUEST, completion(text))


@pytest.fixture
def recorder(store: Store) -> Recorder:
    return Recorder(store)


# --- a sequence ---------------------------------------------------------------------------------------------------


def test_an_answer_is_written_under_the_requests_name(recorder: Recorder, folder: Path) -> None:
    assert succeed(recorder) == folder / f"{NAME}.json"
    assert names(folder) == [f"{NAME}.json"]
    assert written(folder, f"{NAME}.json")["request"]["body"] == REQUEST.body


def test_different_answers_to_the_same_request_are_numbered(recorder: Recorder, folder: Path) -> None:
    for text in ("queued", "running", "done"):
        succeed(recorder, text)

    assert names(folder) == numbered(3)
    assert said(folder) == ["queued", "running", "done"]


def test_equal_answers_at_the_end_are_one_file(recorder: Recorder, folder: Path) -> None:
    assert succeed(recorder, "done") is not None
    assert succeed(recorder, "done") is None
    assert succeed(recorder, "done") is None

    assert said(folder) == ["done"]


def test_equal_answers_that_another_follows_are_each_a_file(recorder: Recorder, folder: Path) -> None:
    for text in ("queued", "queued", "queued", "done", "done"):
        succeed(recorder, text)

    assert said(folder) == ["queued", "queued", "queued", "done"]


def test_an_answer_that_comes_again_is_a_file(recorder: Recorder, folder: Path) -> None:
    for text in ("a", "b", "a"):
        succeed(recorder, text)

    assert said(folder) == ["a", "b", "a"]


def test_an_equal_answer_is_written_when_somebody_took_the_one_before(
    recorder: Recorder, folder: Path
) -> None:
    path = succeed(recorder, "a")
    assert path is not None
    path.unlink()

    assert succeed(recorder, "a") is not None


def test_bodies_in_files_of_their_own_are_a_sequence_too(recorder: Recorder, folder: Path) -> None:
    request = get("/v1/files/f/content")
    for content in (b"\x00", b"\x01", b"\x01"):
        ticket = recorder.ask(request)
        recorder.finish(ticket, answered(request, content, headers=(("content-type", "audio/mpeg"), VERSION)))

    name = request.name()
    assert names(folder) == sorted([f"{name}.json", f"{name}.mp3", f"{name}-2.json", f"{name}-2.mp3"])
    assert (folder / f"{name}-2.mp3").read_bytes() == b"\x01"
    assert written(folder, f"{name}-2.json")["response"]["body"] == {"__file__": f"{name}-2.mp3"}


def test_requests_that_mean_the_same_are_one_sequence_whatever_their_hash(
    recorder: Recorder, folder: Path, start_replay: StartReplay
) -> None:
    python, node = chat(temperature=1.0), chat(temperature=1)
    assert python.name() != node.name()
    recorded(recorder, python, completion("a"))
    recorded(recorder, node, completion("b"))

    assert names(folder) == numbered(2, python.name())
    assert start_replay().contents(python, 3) == ["a", "b", "b"]
    assert start_replay().contents(node, 3) == ["a", "b", "b"]


def test_tests_have_sequences_of_their_own(recorder: Recorder, folder: Path) -> None:
    one, other = chat(test_id="a"), chat(test_id="b")
    recorded(recorder, one, completion("1"))
    recorded(recorder, other, completion("2"))

    assert names(folder) == sorted([f"{one.name()}.json", f"{other.name()}.json"])


def test_requests_with_other_stream_options_have_sequences_of_their_own(
    recorder: Recorder, folder: Path
) -> None:
    one, other = chat(stream=True), chat(stream=True, stream_options={"include_usage": True})
    for request in (one, other):
        recorder.finish(recorder.ask(request), streamed(request, [{}]))

    assert names(folder) == sorted([f"{one.name()}.json", f"{other.name()}.json"])


def test_the_same_request_to_two_hosts_is_two_recordings(
    recorder: Recorder, folder: Path, start_replay: StartReplay
) -> None:
    one, other = chat(), chat(url="http://localhost:11434/v1/chat/completions")
    recorded(recorder, one, completion("one"))
    recorded(recorder, other, completion("other"))

    replay = start_replay()
    assert (replay.contents(one, 1), replay.contents(other, 1)) == (["one"], ["other"])


# --- at the same time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_requests_at_the_same_time_are_numbered_in_the_order_of_asking(
    recorder: Recorder, folder: Path, order: tuple[int, ...]
) -> None:
    tickets = [recorder.ask(REQUEST) for _ in order]
    for number in order:
        finished(recorder, tickets[number], completion(f"{number}"))

    assert said(folder) == ["0", "1", "2"]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_one_that_got_nothing_leaves_no_gap(recorder: Recorder, folder: Path, order: tuple[int, ...]) -> None:
    tickets = [recorder.ask(REQUEST) for _ in order]
    for number in order:
        if number == 1:
            recorder.drop(tickets[number])
        else:
            finished(recorder, tickets[number], completion(f"{number}"))

    assert said(folder) == ["0", "2", "3"]


def test_no_answer_is_lost_when_an_earlier_one_is_dropped_late(recorder: Recorder, folder: Path) -> None:
    first, second = recorder.ask(REQUEST), recorder.ask(REQUEST)
    finished(recorder, second, completion("second"))
    recorder.drop(first)
    succeed(recorder, "third")

    assert said(folder) == ["second", "third"]


def test_a_body_in_a_file_of_its_own_is_renumbered_with_its_recording(
    recorder: Recorder, folder: Path, start_replay: StartReplay
) -> None:
    audio = (("content-type", "audio/mpeg"), VERSION)
    first, second, third = (recorder.ask(REQUEST) for _ in range(3))
    recorder.finish(second, answered(REQUEST, b"\x02", headers=audio))
    recorder.drop(first)
    recorder.finish(third, answered(REQUEST, b"\x03", headers=audio))

    assert names(folder) == sorted([f"{NAME}.json", f"{NAME}.mp3", f"{NAME}-2.json", f"{NAME}-2.mp3"])
    replay = start_replay()
    assert [answer.pieces for _ in range(2) if (answer := replay.answer(REQUEST))] == [(b"\x02",), (b"\x03",)]


ANSWERS = st.lists(st.sampled_from(["a", "b", "c", "drop", "fail"]), max_size=6)


@given(answers=ANSWERS, data=st.data())
def test_whatever_happens_at_the_same_time_replay_gives_what_was_answered(
    answers: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Asked all at once, nothing is the retry of anything, so that each answer counts, in the order of asking."""
    folder = tmp_path_factory.mktemp("recordings")
    replay = Replay(folder)
    recorder = Recorder(replay.store)
    tickets = [(recorder.ask(REQUEST), answer) for answer in answers]
    for ticket, answer in data.draw(st.permutations(tickets)):
        _answer_or_drop(recorder, ticket, answer)

    expected = [answer for answer in answers if answer != "drop"]
    got = [_content_or_failure(replay) for _ in expected]
    replay.close()
    assert got == expected
    assert names(folder) == sorted(numbered(len(names(folder))))


def _answer_or_drop(recorder: Recorder, ticket: Ticket, answer: str) -> None:
    if answer == "drop":
        recorder.drop(ticket)
    elif answer == "fail":
        recorder.finish(ticket, refused(REQUEST, 500))
    else:
        finished(recorder, ticket, completion(answer))


def _content_or_failure(replay: Replay) -> str:
    body = replay.body(REQUEST)
    return "fail" if "error" in body else str(body["choices"][0]["message"]["content"])


# --- failures that were tried again -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_failure_that_was_tried_again_with_success_is_not_kept(
    recorder: Recorder, folder: Path, status: int
) -> None:
    fail(recorder, status)
    fail(recorder, status)
    succeed(recorder)

    assert names(folder) == numbered(1)
    assert said(folder) == ["ok"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_any_other_failure_is_kept(recorder: Recorder, folder: Path, status: int) -> None:
    fail(recorder, status)
    succeed(recorder)

    assert said(folder) == [None, "ok"]


def test_a_failure_that_nothing_follows_is_kept(recorder: Recorder, folder: Path) -> None:
    succeed(recorder)
    fail(recorder, 429)
    fail(recorder, 429)

    assert said(folder) == ["ok", None]


def test_a_failure_between_equal_answers_leaves_one(recorder: Recorder, folder: Path) -> None:
    succeed(recorder)
    fail(recorder)
    succeed(recorder)

    assert said(folder) == ["ok"]


def test_failures_before_several_requests_leave_no_gap(recorder: Recorder, folder: Path) -> None:
    succeed(recorder, "a")
    fail(recorder, 500)
    fail(recorder, 503)
    succeed(recorder, "b")
    fail(recorder, 429)
    succeed(recorder, "c")

    assert said(folder) == ["a", "b", "c"]


def test_a_failure_at_the_same_time_is_no_retry(recorder: Recorder, folder: Path) -> None:
    first, second = recorder.ask(REQUEST), recorder.ask(REQUEST)
    recorder.finish(first, refused(REQUEST, 500))
    finished(recorder, second, completion("ok"))

    assert said(folder) == [None, "ok"]


def test_a_retry_is_one_from_the_end_of_the_failure_on_though_its_file_comes_later(
    recorder: Recorder, folder: Path
) -> None:
    failure = recorder.ask(REQUEST)
    recorder.end(failure)
    retry = recorder.ask(REQUEST)
    recorder.finish(failure, refused(REQUEST, 500))
    finished(recorder, retry, completion("ok"))

    assert said(folder) == ["ok"]


def test_a_broken_stream_is_no_success_that_takes_a_failure_with_it(recorder: Recorder, folder: Path) -> None:
    fail(recorder)
    recorder.finish(recorder.ask(REQUEST), streamed(REQUEST, [{}], end=End.CUT_BY_UPSTREAM))

    assert names(folder) == numbered(2)


# --- earlier recordings -------------------------------------------------------------------------------------------


def test_recording_anew_replaces_the_whole_sequence(folder: Path, open_store: OpenStore) -> None:
    before = Recorder(open_store())
    for text in ("a", "b", "c"):
        succeed(before, text)
    succeed(Recorder(open_store()), "new")

    assert names(folder) == numbered(1)
    assert said(folder) == ["new"]


def test_recording_anew_replaces_what_has_another_name_or_is_in_a_subfolder(
    folder: Path, open_store: OpenStore
) -> None:
    write_recording(folder, "by-hand.json", REQUEST, completion("old"), test_id="t")
    write_recording(folder, "sub/by-hand-2.json", REQUEST, completion("old"), test_id="t")
    succeed(Recorder(open_store()))

    assert names(folder) == numbered(1)


def test_recording_anew_leaves_alone_what_is_not_of_the_request(folder: Path, open_store: OpenStore) -> None:
    write_recording(folder, "another-test.json", REQUEST, completion(), test_id="u")
    write_recording(folder, "another-request.json", chat("Bye"), completion())
    write_recording(folder, "another-host.json", chat(url="https://h/v1/chat/completions"), completion())
    write_recording(folder, "usage.json", chat(stream_options={"include_usage": True}), completion())
    (folder / "notes.json").write_text("[]")
    (folder / "broken.json").write_text("{")
    before = names(folder)
    succeed(Recorder(open_store()))

    assert names(folder) == sorted([*before, f"{NAME}.json"])


def test_recording_anew_takes_the_files_of_bodies_with_it(folder: Path, open_store: OpenStore) -> None:
    for content_type in ("audio/mpeg", "audio/flac"):
        recorder = Recorder(open_store())
        headers = (("content-type", content_type),)
        recorder.finish(recorder.ask(REQUEST), answered(REQUEST, b"\xff", headers=headers))
    assert len(names(folder)) == 2

    succeed(Recorder(open_store()))

    assert names(folder) == numbered(1)


def test_what_was_recorded_before_stays_until_the_first_new_answer_is_on_disk(
    folder: Path, open_store: OpenStore
) -> None:
    succeed(Recorder(open_store()), "old")
    recorder = Recorder(open_store())
    ticket = recorder.ask(REQUEST)
    assert said(folder) == ["old"]

    with pytest.raises(NotRecordable):
        recorder.finish(ticket, answered(REQUEST, b"{", end=End.CUT_BY_UPSTREAM))

    assert said(folder) == ["old"]


def broken(recorder: Recorder) -> Path | None:
    return recorder.finish(recorder.ask(REQUEST), streamed(REQUEST, [{}], end=End.CUT_BY_UPSTREAM))


@pytest.mark.parametrize("failing", [fail, broken], ids=["refused", "broken"])
def test_a_failure_leaves_the_success_of_an_earlier_run(
    folder: Path, open_store: OpenStore, failing: Callable[[Recorder], Path | None]
) -> None:
    before = Recorder(open_store())
    for text in ("ok", "b"):
        succeed(before, text)
    recorder = Recorder(open_store())
    with pytest.raises(KeptSuccess, match=f"Kept the recorded success {NAME}"):
        failing(recorder)

    assert said(folder) == ["ok", "b"]
    assert succeed(recorder, "new") == folder / f"{NAME}.json"
    assert said(folder) == ["new"]


@pytest.mark.parametrize("after", [[], ["new b"], ["fail"], ["fail", "new b", "new c"]])
def test_a_later_failure_leaves_the_success_of_an_earlier_run_in_its_place(
    folder: Path, open_store: OpenStore, after: list[str]
) -> None:
    before = Recorder(open_store())
    for text in ("a", "b", "c"):
        succeed(before, text)
    recorder = Recorder(open_store())
    succeed(recorder, "new a")
    for answer in ["fail", *after]:
        if answer == "fail":
            with pytest.raises(KeptSuccess, match=f"Kept the recorded success {NAME}-2"):
                fail(recorder, 400)
        else:
            succeed(recorder, answer)

    assert said(folder) == ["new a", *([answer for answer in after if answer != "fail"] or ["b"])]


def test_a_later_failure_brings_back_the_file_of_a_body(folder: Path, open_store: OpenStore) -> None:
    audio = (("content-type", "audio/mpeg"), VERSION)
    before = Recorder(open_store())
    for content in (b"1", b"2"):
        before.finish(before.ask(REQUEST), answered(REQUEST, content, headers=audio))
    recorder = Recorder(open_store())
    recorder.finish(recorder.ask(REQUEST), answered(REQUEST, b"new", headers=audio))
    assert len(names(folder)) == 2
    with pytest.raises(KeptSuccess):
        fail(recorder, 400)

    assert (folder / f"{NAME}-2.mp3").read_bytes() == b"2"
    assert len(names(folder)) == 4


def test_a_later_failure_where_equal_answers_were_held_back_leaves_no_gap(
    folder: Path, open_store: OpenStore
) -> None:
    before = Recorder(open_store())
    for text in ("a", "b", "c"):
        succeed(before, text)
    recorder = Recorder(open_store())
    succeed(recorder, "same")
    succeed(recorder, "same")
    with pytest.raises(KeptSuccess):
        fail(recorder, 400)

    assert said(folder) == ["same", "same", "c"]


def test_a_failure_replaces_a_success_of_an_earlier_run_for_a_run_that_replaces_any(
    folder: Path, open_store: OpenStore
) -> None:
    succeed(Recorder(open_store()))
    fail(Recorder(open_store(), replaces_any=True))

    assert said(folder) == [None]


def test_a_failure_replaces_a_failure_of_an_earlier_run_and_follows_a_success_of_its_own(
    folder: Path, open_store: OpenStore
) -> None:
    fail(Recorder(open_store()), 400)
    recorder = Recorder(open_store())
    fail(recorder, 404)
    succeed(recorder)
    fail(recorder, 404)

    assert said(folder) == [None, "ok", None]


def test_a_list_of_models_replaces_all_lists_of_models(folder: Path, open_store: OpenStore) -> None:
    request = get("/v1/models", test_id="t")

    def record_models(recorder: Recorder, *ids: str) -> None:
        data: list[JSON] = [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in ids]
        recorded(recorder, request, {"object": "list", "data": data})

    recorder = Recorder(open_store())
    record_models(recorder, "a")
    record_models(recorder, "a", "b")
    record_models(recorder, "a")
    assert len(names(folder)) == 2
    record_models(Recorder(open_store()), "c")

    assert len(names(folder)) == 1


# --- requests with one name ---------------------------------------------------------------------------------------


def scored(score: int, test_id: str | None = None) -> ApiRequest:
    """Return a request that the format's hash does not tell from those with another score."""
    return chat(f"Essay 7, score: {score} of 10. Pass or fail?", test_id=test_id)


def test_different_requests_with_one_hash_are_numbered_and_each_has_its_own_answer(
    recorder: Recorder, folder: Path, start_replay: StartReplay
) -> None:
    for score in (2, 9, 5):
        recorded(recorder, scored(score), completion(f"{score}"))

    assert names(folder) == numbered(3, scored(2).name())
    for score in (9, 5, 2, 9):
        assert start_replay().contents(scored(score), 2) == [f"{score}"] * 2
    assert start_replay().answer(scored(1)) is None


@pytest.mark.parametrize("test_id", [None, "t"])
def test_recording_one_of_them_anew_leaves_the_others(
    folder: Path, open_store: OpenStore, start_replay: StartReplay, test_id: str | None
) -> None:
    for score in (2, 9, 5):
        recorded(Recorder(open_store()), scored(score, test_id), completion(f"{score}"))
    for score in (9, 2):
        recorded(Recorder(open_store()), scored(score, test_id), completion(f"new {score}"))

    assert names(folder) == numbered(3, scored(2, test_id).name())
    contents = [start_replay().contents(scored(score, test_id), 1) for score in (2, 9, 5)]
    assert contents == [["new 2"], ["new 9"], ["5"]]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), max_size=14), st.randoms(use_true_random=False)
)
def test_series_with_one_name_stay_apart_in_whatever_order_they_are_answered(
    asked: list[tuple[int, int]], random: Any
) -> None:
    """Each request is (score, answer); the answers come in any order, and each series is replayed as it was."""
    with TemporaryDirectory() as top, closing(Index(Path(top), NO_RULES, None)) as index:
        recorder = Recorder(Store(Path(top), NO_RULES, index))
        tickets = [(recorder.ask(scored(score)), f"{score}: {answer}") for score, answer in asked]
        for ticket, answer in random.sample(tickets, len(tickets)):
            finished(recorder, ticket, completion(answer))
        with closing(Replay(Path(top))) as replay:
            for score in random.sample(range(3), 3):
                answers = [f"{score}: {answer}" for other, answer in asked if other == score]
                assert replay.contents(scored(score), len(answers)) == answers


# --- tests without a test id --------------------------------------------------------------------------------------


def recorded_by_tests_without_id(store: Store, *texts: str) -> None:
    run = Recorder(store)
    for text in texts:
        recorded(run, chat("Hi"), completion(text))


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        (["1", "2", "3"], ["new"], ["new", "2", "3"]),
        (["1", "2", "3"], ["new", "new"], ["new", "new", "3"]),
        (["1", "2"], ["new", "new"], ["new", "new"]),
        (["1"], ["new", "newer"], ["new", "newer"]),
        (["1", "2", "3"], ["1"], ["1", "2", "3"]),
    ],
)
def test_recording_one_test_anew_leaves_the_repeats_of_others(
    folder: Path,
    open_store: OpenStore,
    start_replay: StartReplay,
    before: list[str],
    now: list[str],
    after: list[JSON],
) -> None:
    """Several tests may make the same request; a run without test ids cannot tell which of them it is."""
    recorded_by_tests_without_id(open_store(), *before)
    recorded_by_tests_without_id(open_store(), *now)

    assert start_replay().contents(chat("Hi"), len(after)) == after


def test_an_equal_answer_at_the_end_takes_the_place_of_the_earlier_last_one(
    folder: Path, open_store: OpenStore
) -> None:
    recorded_by_tests_without_id(open_store(), "1", "2")
    recorded_by_tests_without_id(open_store(), "new", "new")

    assert names(folder) == numbered(1, chat("Hi").name())


def test_a_retry_takes_the_place_of_one_earlier_answer(folder: Path, open_store: OpenStore) -> None:
    recorded_by_tests_without_id(open_store(), "1", "2")
    run = Recorder(open_store(), replaces_any=True)
    run.finish(run.ask(chat("Hi")), refused(chat("Hi"), 500))
    recorded(run, chat("Hi"), completion("new"))

    assert [
        written(folder, name)["response"]["body"]["__data__"]["choices"][0]["message"]["content"]
        for name in (f"{chat('Hi').name()}.json", f"{chat('Hi').name()}-2.json")
    ] == ["new", "2"]


# --- runs ---------------------------------------------------------------------------------------------------------


def test_after_a_reset_the_sequence_begins_anew_and_replaces_the_one_before(
    recorder: Recorder, folder: Path
) -> None:
    for text in ("a", "b", "c"):
        succeed(recorder, text)
    recorder.reset(None, all_tests=True)
    assert not recorder.has_recorded(REQUEST)
    succeed(recorder, "new")

    assert names(folder) == numbered(1)
    assert said(folder) == ["new"]
    assert recorder.written() == {folder / f"{NAME}.json"}


def test_a_reset_of_one_test_leaves_the_others(recorder: Recorder, folder: Path) -> None:
    one, other = chat(test_id="a"), chat(test_id="b")
    for request in (one, other):
        recorded(recorder, request, completion("1"))
        recorded(recorder, request, completion("2"))
    recorder.reset("a", all_tests=False)
    for request in (one, other):
        recorded(recorder, request, completion("3"))

    assert names(folder) == sorted([f"{one.name()}.json", *numbered(3, other.name())])
    assert not recorder.written() - {folder / name for name in names(folder)}


def test_an_answer_that_comes_after_the_reset_of_its_run_is_not_mixed_into_the_next(
    recorder: Recorder, folder: Path
) -> None:
    late = recorder.ask(REQUEST)
    recorder.reset(None, all_tests=True)
    succeed(recorder, "new")

    with pytest.raises(NotRecordable, match=r"^the run that it belongs to was reset before it ended$"):
        finished(recorder, late, completion("late"))

    assert said(folder) == ["new"]


def test_what_a_run_records_is_known_from_the_asking_on(recorder: Recorder, folder: Path) -> None:
    assert not recorder.has_recorded(REQUEST)
    ticket = recorder.ask(REQUEST)
    assert recorder.has_recorded(REQUEST)
    assert recorder.written() == frozenset()
    finished(recorder, ticket, completion())
    assert recorder.written() == {folder / f"{NAME}.json"}


def test_a_folder_that_is_missing_is_made(store: Store, folder: Path) -> None:
    folder.rmdir()
    succeed(Recorder(store))
    assert names(folder) == numbered(1)


# --- two recorders at the same time -------------------------------------------------------------------------------


@contextmanager
def recorders(folder: Path) -> Iterator[list[Recorder]]:
    """Two recorders, like the recorders of two processes that began at the same time."""
    with ExitStack() as opened:
        found = []
        for process in ("one", "other"):
            index = opened.enter_context(closing(Index(folder, NO_RULES, None)))
            claim = Claim(folder, process)
            opened.callback(claim.end)
            claim.begin()
            found.append(Recorder(Store(folder, NO_RULES, index, claim=claim)))
        yield found


def contents_of(folder: Path) -> list[str]:
    """Return the texts and failures of all files, sorted."""
    bodies = [json.loads(path.read_bytes())["response"]["body"] for path in folder.glob("*.json")]
    return sorted(
        str(body["__data__"]["choices"][0]["message"]["content"]) if body else "fail" for body in bodies
    )


SHARED_RUN = st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.sampled_from("afd")), max_size=8)


@given(asked=SHARED_RUN, earlier=st.integers(0, 3), data=st.data())
def test_two_recorders_of_the_same_requests_lose_no_answer(
    asked: list[tuple[int, bool, str]],
    earlier: int,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each request is (recorder, whether it has a test id, answer, failure or drop); they are answered in any order."""
    folder = tmp_path_factory.mktemp("recordings")
    requests = (chat("Hi"), REQUEST)
    with closing(Index(folder, NO_RULES, None)) as index:
        before = Recorder(Store(folder, NO_RULES, index))
        for request, number in itertools.product(requests, range(earlier)):
            recorded(before, request, completion(f"earlier {number}"))
    expected = []
    with recorders(folder) as both:
        tickets = [
            (both[which], both[which].ask(requests[has_test]), "fail" if kind == "f" else f"{kind} {number}")
            for number, (which, has_test, kind) in enumerate(asked)
        ]
        for recorder, ticket, answer in data.draw(st.permutations(tickets)):
            with suppress(KeptSuccess):
                _answer_or_drop(recorder, ticket, "drop" if answer.startswith("d") else answer)
                expected += [answer] if answer.startswith("a") else []

    left = [text for text in contents_of(folder) if text.startswith("a")]
    assert left == sorted(expected)
    assert not (folder / ".recorders.tmp").exists()


def test_the_answers_of_two_recorders_replay_in_their_order(folder: Path, start_replay: StartReplay) -> None:
    with recorders(folder) as (one, other):
        first = [one.ask(REQUEST) for _ in range(2)]
        finished(one, first[1], completion("one 2"))
        finished(other, other.ask(REQUEST), completion("other 1"))
        finished(one, first[0], completion("one 1"))
        finished(other, other.ask(REQUEST), completion("other 2"))
        replayed = start_replay().contents(REQUEST, 4)

    assert sorted(map(str, replayed)) == ["one 1", "one 2", "other 1", "other 2"]
    for who in ("one", "other"):
        assert [text for text in replayed if str(text).startswith(who)] == [f"{who} 1", f"{who} 2"]


def test_bodies_in_files_of_their_own_are_not_mixed_up(folder: Path, start_replay: StartReplay) -> None:
    audio = (("content-type", "audio/mpeg"), VERSION)
    with recorders(folder) as both:
        for number in range(4):
            recorder = both[number % 2]
            recorder.finish(recorder.ask(REQUEST), answered(REQUEST, bytes([number]), headers=audio))
        replay = start_replay()
        answers = [answer.pieces for _ in range(4) if (answer := replay.answer(REQUEST))]

    assert answers == [(bytes([number]),) for number in range(4)]


def test_a_run_after_two_recorders_replaces_the_recordings_of_both(
    folder: Path, open_store: OpenStore
) -> None:
    with recorders(folder) as both:
        for recorder in both:
            succeed(recorder, "old")
            succeed(recorder, "older")
    assert len(names(folder)) == 4
    succeed(Recorder(open_store()), "new")

    assert said(folder) == ["new"]


# --- disks that do not do as they should --------------------------------------------------------------------------


def test_a_file_in_the_place_of_the_folder_costs_the_recording_alone(store: Store, folder: Path) -> None:
    folder.rmdir()
    folder.write_text("in the way")
    recorder = Recorder(store)
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        succeed(recorder)
    folder.unlink()

    assert succeed(recorder) is not None
    assert names(folder) == numbered(1)


def test_a_folder_in_the_place_of_the_file_costs_the_recording_alone(
    recorder: Recorder, folder: Path
) -> None:
    (folder / f"{NAME}.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        succeed(recorder)
    (folder / f"{NAME}.json").rmdir()
    succeed(recorder)

    assert names(folder) == numbered(1)


ON_A_FULL_DISK = """
import json, resource, signal, sys
from pathlib import Path
from openai_replay.store.index import Index
from openai_replay.store.index import Index
from openai_replay.record.recorder import Recorder
from openai_replay.store.store import Store
from unit.exchanges import NO_RULES, answered, chat, completion

folder = Path(sys.argv[1])
recorder = Recorder(Store(folder, NO_RULES, Index(folder, NO_RULES, None)))
request = chat("Hi", test_id="t")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
for text, headers in (("x" * 3000, None), (b"\\0" * 3000, (("content-type", "audio/mpeg"),))):
    try:
        answer = completion(text) if headers is None else text
        exchange = answered(request, answer, headers=headers or (("content-type", "application/json"),))
        recorder.finish(recorder.ask(request), exchange)
    except OSError as exc:
        print(exc.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if len(sys.argv) > 2:
    recorder.finish(recorder.ask(request), answered(request, completion("new")))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit to the size of files on this system")
def test_a_full_disk_costs_the_recording_alone(folder: Path, open_store: OpenStore) -> None:
    before = Recorder(open_store())
    headers = (("content-type", "audio/mpeg"), VERSION)
    before.finish(before.ask(REQUEST), answered(REQUEST, b"\xff", headers=headers))
    succeed(before, "b")
    contents = {name: (folder / name).read_bytes() for name in names(folder)}
    assert len(contents) == 3

    def on_a_full_disk(*arguments: str) -> str:
        paths = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-c", ON_A_FULL_DISK, str(folder), *arguments]
        return subprocess.run(
            command, env={**os.environ, "PYTHONPATH": paths}, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    assert on_a_full_disk() == "File too large\n" * 2
    assert {name: (folder / name).read_bytes() for name in names(folder)} == contents
    assert on_a_full_disk("and then there is room") == "File too large\n" * 2
    assert said(folder) == ["new"]


def test_a_retried_failure_stays_if_the_success_cannot_be_written(recorder: Recorder, folder: Path) -> None:
    fail(recorder)
    contents = (folder / f"{NAME}.json").read_bytes()
    ticket = recorder.ask(REQUEST)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            finished(recorder, ticket, completion("ok"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert (folder / f"{NAME}.json").read_bytes() == contents

    succeed(recorder, "at last")

    assert said(folder) == ["at last"]


class InterruptedStore(Store):
    """A store whose process is interrupted when it is about to remove one file more than so many."""

    def __init__(self, directory: Path, index: Index, removals: int) -> None:
        super().__init__(directory, NO_RULES, index)
        self._removals = removals

    def remove(self, path: Path) -> None:
        if self._removals == 0:
            raise KeyboardInterrupt
        self._removals -= 1
        super().remove(path)


@pytest.mark.parametrize(("removals", "left"), [(0, ["new", "b", "c"]), (1, ["new", "b"]), (2, ["new"])])
def test_an_interrupted_replacement_has_the_new_answer_and_a_beginning_of_the_old_sequence(
    folder: Path, open_store: OpenStore, removals: int, left: list[JSON]
) -> None:
    old = Recorder(open_store())
    for text in ("a", "b", "c"):
        succeed(old, text)
    run = Recorder(InterruptedStore(folder, open_store().index, removals))
    with suppress(KeyboardInterrupt):
        succeed(run, "new")

    assert said(folder) == left
    assert names(folder) == numbered(len(left))


# --- many ---------------------------------------------------------------------------------------------------------


def test_a_long_poll_keeps_one_answer_in_memory(recorder: Recorder) -> None:
    tickets = []
    for _ in range(500):
        ticket = recorder.ask(REQUEST)
        finished(recorder, ticket, completion("queued"))
        tickets.append(ticket)

    assert (
        len({id(ticket.recorded) for ticket in tickets}) == 2
    )  # the first one's is written, the others share one


def test_a_long_sequence_is_written_and_replayed_in_order(
    recorder: Recorder, folder: Path, start_replay: StartReplay
) -> None:
    texts: list[JSON] = [f"{number}" for number in range(120)]
    for text in texts:
        succeed(recorder, str(text))

    assert start_replay().contents(REQUEST, 121) == [*texts, "119"]


def test_a_file_can_be_read_by_any_reader_of_json(recorder: Recorder, folder: Path) -> None:
    recorded(recorder, chat("\ud800"), completion("\udfff"))
    [name] = names(folder)
    assert json.loads((folder / name).read_bytes())["request"]["body"]["messages"][0]["content"] == "\ud800"
