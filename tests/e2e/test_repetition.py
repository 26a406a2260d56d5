"""The same request again: which answer it gets, which files it leaves, and how they change in a second recording."""

import json
import random
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, Reply, answer_in_turn, said
from support.proxy import CEILING_S, Proxy, curl, proxy, wait_until
from support.requests import CHAT_PATH, CHAT_URL, chat_body

POLL = "/v1/poll"


@dataclass
class Rig:
    """A proxy that records and one that replays, on one folder. Each test has its own requests."""

    folder: Path
    upstream: Upstream
    recorder: BaseURL
    replayer: BaseURL
    recording_proxy: Proxy
    replaying_proxy: Proxy

    def record(self, *bodies: dict[str, Any] | None, path: str = CHAT_PATH, test_id: str = "") -> list[Reply]:
        """Record requests one after the other as a separate run."""
        assert self.recorder.send(None, "/@/reset", method="POST").status == 200
        replies = [self.recorder.send(body, path, test_id=test_id) for body in bodies]
        # It is answered when all that was asked before it on this connection is written.
        assert self.recorder.send(None, "/@/report").status == 200
        return replies

    def replay(self, *bodies: dict[str, Any] | None, path: str = CHAT_PATH, test_id: str = "") -> list[Reply]:
        """Replay requests one after the other as a separate run."""
        assert self.replayer.send(None, "/@/reset", method="POST").status == 200
        return [self.replayer.send(body, path, test_id=test_id) for body in bodies]

    def replayed_texts(self, *bodies: dict[str, Any]) -> list[str]:
        """Return the answers to requests, where the upstream answered in turn."""
        return [said(reply) for reply in self.replay(*bodies)]

    def files_of(self, body: dict[str, Any]) -> list[Path]:
        """Return the recordings of a request by their numbers."""
        return files_of(self.folder, body)


def files_of(folder: Path, body: dict[str, Any]) -> list[Path]:
    paths = [
        path for path in folder.rglob("*.json") if json.loads(path.read_bytes())["request"]["body"] == body
    ]
    return sorted(paths, key=lambda path: (len(path.name), path.name))


def numbers(paths: Sequence[Path]) -> list[str]:
    """Return the ends of the names after their hash, which they share."""
    assert len({path.name[:64] for path in paths}) == 1
    return [path.stem[64:] for path in paths]


@pytest.fixture(scope="module")
def running_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    top = tmp_path_factory.mktemp("repetition")
    folder = top / "recordings"
    folder.mkdir()
    options = (f"recording_dir={folder}",)
    with Upstream() as upstream, ExitStack() as stack:
        recording = stack.enter_context(
            proxy(top, "recording_mode=record", *options, upstream=upstream, mode=REVERSE)
        )
        replaying = stack.enter_context(proxy(top, *options, mode=REVERSE))
        recorder, replayer = (stack.enter_context(BaseURL(running)) for running in (recording, replaying))
        yield Rig(folder, upstream, recorder, replayer, recording, replaying)


@pytest.fixture
def rig(running_rig: Rig) -> Rig:
    running_rig.upstream.reset()
    return running_rig


# --- which files --------------------------------------------------------------------------------------------------


def test_a_poll_is_three_files_and_replays_to_its_end(rig: Rig) -> None:
    recorded = [reply.json()["status"] for reply in rig.record(*[None] * 5, path=POLL)]
    assert recorded == ["queued", "queued", "completed", "completed", "completed"]
    assert numbers(rig.files_of({})) == ["", "-2", "-3"]
    replayed = [reply.json()["status"] for reply in rig.replay(*[None] * 7, path=POLL)]
    assert replayed == ["queued", "queued", *["completed"] * 5]


@pytest.mark.parametrize(
    ("answers", "files"),
    [
        ("a", [""]),
        ("aaaa", [""]),
        ("abbb", ["", "-2"]),
        ("aabb", ["", "-2", "-3"]),
        ("abab", ["", "-2", "-3", "-4"]),
        ("aaab", ["", "-2", "-3", "-4"]),
    ],
)
def test_equal_answers_at_the_end_are_one_file(rig: Rig, answers: str, files: list[str]) -> None:
    answer_in_turn(rig.upstream, *answers)
    request = chat_body(f"answered {answers}")
    rig.record(*[request] * len(answers))
    assert numbers(rig.files_of(request)) == files
    assert rig.replayed_texts(*[request] * (len(answers) + 2)) == [*answers, answers[-1], answers[-1]]


def test_answers_that_differ_in_id_and_time_alone_are_equal(rig: Rig) -> None:
    whole, streamed = chat_body("Say hello"), chat_body("Say hello", stream=True)
    replies = rig.record(whole, whole, streamed, streamed)
    assert replies[0].json()["id"] != replies[1].json()["id"]
    assert replies[2].body != replies[3].body
    assert [len(rig.files_of(request)) for request in (whole, streamed)] == [1, 1]


def test_other_requests_in_between_do_not_count(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "a1", "b1", "a2", "b2", "a3")
    a, b = chat_body("between a"), chat_body("between b")
    rig.record(a, b, a, b, a)
    assert rig.replayed_texts(a, a, b, a, a, b, b) == ["a1", "a2", "b1", "a3", "a3", "b2", "b2"]


def test_the_same_request_in_another_form_is_the_next_one_of_the_sequence(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "1", "2", "3")
    plain = chat_body("forms", temperature=1.0)
    other = {"stream": False, "temperature": 1, **dict(reversed(list(chat_body("forms").items())))}
    rig.record(plain, other, plain)
    assert rig.replayed_texts(other, plain, other) == ["1", "2", "3"]


# --- at once ------------------------------------------------------------------------------------------------------


def asked_alone(running: Proxy, text: str) -> str:
    """Ask on a new connection."""
    with BaseURL(running) as client:
        return said(client.send(chat_body(text)))


def test_concurrent_requests_are_numbered_in_the_order_of_asking(rig: Rig) -> None:
    """The first answer comes last."""
    slow: dict[str, Any] = {"json": {"said": "first"}, "delivery": {"start_delay_ms": 1500}}
    rest: list[dict[str, Any]] = [{"json": {"said": text}} for text in ("second", "third")]
    rig.upstream.add({"match": {"path": CHAT_PATH}, "sequence": [slow, *rest]})
    with ThreadPoolExecutor() as pool:
        first = pool.submit(asked_alone, rig.recording_proxy, "all at once")
        rig.upstream.wait_for(lambda upstream: len(upstream.requests) == 1)
        others = [asked_alone(rig.recording_proxy, "all at once") for _ in range(2)]
        outcome_so_far = rig.upstream.requests[0].outcome
        assert (others, outcome_so_far) == (["second", "third"], None), "the first one is still waiting"
        assert first.result(CEILING_S) == "first"
    wait_until(lambda: len(rig.files_of(chat_body("all at once"))) == 3, "all are recorded")
    assert rig.replayed_texts(*[chat_body("all at once")] * 4) == ["first", "second", "third", "third"]


def test_concurrent_replays_get_each_answer_once(rig: Rig) -> None:
    texts = [f"answer {number}" for number in range(12)]
    answer_in_turn(rig.upstream, *texts)
    rig.record(*[chat_body("twelve at once")] * len(texts))
    with ThreadPoolExecutor(len(texts)) as pool:
        asked = [pool.submit(asked_alone, rig.replaying_proxy, "twelve at once") for _ in texts]
        answers = [one.result(CEILING_S) for one in asked]
    assert sorted(answers) == sorted(texts)


def test_streams_of_one_http2_connection_are_numbered_in_the_order_of_asking(
    tmp_path: Path, rig: Rig
) -> None:
    answer_in_turn(rig.upstream, "1", "2", "3")
    url, body = CHAT_URL, json.dumps(chat_body("h2"))
    again = ["--next", "-sS", "--http2", "-d", body]
    options = ("recording_mode=record", f"recording_dir={rig.folder}")
    with proxy(tmp_path, *options, upstream=rig.upstream) as running:
        asked = curl(running, url, "--http2", "-d", body, url, *again, url, *again)
        assert asked.stdout.count(b"said") == 3, asked.stderr
    assert numbers(rig.files_of(chat_body("h2"))) == ["", "-2", "-3"]
    assert rig.replayed_texts(*[chat_body("h2")] * 3) == ["1", "2", "3"]


# --- recording again ----------------------------------------------------------------------------------------------


def test_recording_anew_replaces_the_whole_set(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "old 1", "old 2", "old 3", "other")
    rig.record(*[chat_body("set")] * 3, chat_body("another request"), test_id="t")
    answer_in_turn(rig.upstream, "new 1", "new 2")
    rig.record(*[chat_body("set")] * 2, test_id="t")
    replies = rig.replay(*[chat_body("set")] * 3, chat_body("another request"), test_id="t")
    assert [said(reply) for reply in replies] == ["new 1", "new 2", "new 2", "other"]
    assert len(rig.files_of(chat_body("set"))) == 2


def test_recording_one_test_anew_leaves_the_repeats_of_others_that_have_no_test_id(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "one test's", "another's")
    rig.record(*[chat_body("shared")] * 2)
    answer_in_turn(rig.upstream, "new")
    rig.record(chat_body("shared"))
    assert rig.replayed_texts(*[chat_body("shared")] * 2) == ["new", "another's"]


def test_recording_anew_replaces_files_that_a_person_moved(tmp_path: Path, rig: Rig) -> None:
    answer_in_turn(rig.upstream, "old 1", "old 2")
    rig.record(*[chat_body("moved")] * 2)
    (rig.folder / "weather").mkdir()
    for path, name in zip(rig.files_of(chat_body("moved")), ("asked.json", "asked-2.json"), strict=True):
        path.rename(rig.folder / "weather" / name)
    assert rig.replayed_texts(*[chat_body("moved")] * 2) == ["old 1", "old 2"]
    answer_in_turn(rig.upstream, "new")
    # A recorder that runs has seen the files where they were; one that starts sees them where they are.
    options = ("recording_mode=record", f"recording_dir={rig.folder}")
    with proxy(tmp_path, *options, upstream=rig.upstream, mode=REVERSE) as running:
        assert asked_alone(running, "moved") == "new"
    assert rig.replayed_texts(*[chat_body("moved")] * 2) == ["new", "new"]
    assert len(rig.files_of(chat_body("moved"))) == 1


def test_recording_anew_leaves_other_tests_alone(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "old a", "old b", "new a")
    for test_id in ("a", "b", "a"):
        rig.record(chat_body("whose"), test_id=test_id)
    texts = [
        said(reply) for test_id in ("a", "b") for reply in rig.replay(chat_body("whose"), test_id=test_id)
    ]
    assert texts == ["new a", "old b"]


def test_nothing_is_replaced_where_the_new_run_got_no_answer(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "old 1", "old 2")
    rig.record(*[chat_body("kept")] * 2)
    rig.upstream.add({"match": {"path": CHAT_PATH}, "answer": {"delivery": {"no_answer": True}, "json": {}}})
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(asked_status, rig.recording_proxy, "kept") for _ in range(2)]
        assert {one.result(CEILING_S) for one in asked} == {502}
    assert rig.replayed_texts(*[chat_body("kept")] * 2) == ["old 1", "old 2"]


def asked_status(running: Proxy, text: str) -> int:
    with BaseURL(running) as client:
        return client.send(chat_body(text)).status


def test_a_run_that_is_killed_leaves_no_mixture(tmp_path: Path, rig: Rig) -> None:
    """Killed while it records several requests again, thrice each, after a number of answers that chance chooses."""
    folder = tmp_path / "recordings"
    requests = [chat_body(f"request {number}") for number in range(6)]
    asked = [request for request in requests for _ in range(3)]
    record_generation(tmp_path, rig.upstream, 0, asked)
    rng = random.Random(5)
    for generation in range(1, 6):
        killed_after = rng.randrange(1, len(asked))
        record_generation(tmp_path, rig.upstream, generation, asked, killed_after)
        for request in requests:
            generations, places = generations_and_places(folder, request)
            assert len(set(generations)) == 1, (generation, generations, places)
            assert places == list(range(1, len(places) + 1)), (generation, generations, places)


def record_generation(
    tmp_path: Path,
    upstream: Upstream,
    generation: int,
    asked: Sequence[dict[str, Any]],
    killed_after: int | None = None,
) -> None:
    """Record answers that say their generation and place, all of them or until the proxy is killed."""
    upstream.reset()
    answer_in_turn(upstream, *(f"{generation} {place % 3 + 1}" for place in range(len(asked))))
    options = ("recording_mode=record", f"recording_dir={tmp_path / 'recordings'}")
    with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        for body in asked[:killed_after]:
            assert client.send(body, test_id="t").status == 200
        if killed_after is not None:
            running.process.send_signal(signal.SIGKILL)


def generations_and_places(folder: Path, request: dict[str, Any]) -> tuple[list[str], list[int]]:
    """Return of which generation the recordings of a request are, and which answer of it each one is."""
    texts = [recorded_text(path).split() for path in files_of(folder, request)]
    return [generation for generation, _ in texts], [int(place) for _, place in texts]


def recorded_text(path: Path) -> str:
    return str(json.loads(path.read_bytes())["response"]["body"]["__data__"]["said"])


# --- by hand ------------------------------------------------------------------------------------------------------


def test_a_file_deleted_in_between_is_left_out(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "a", "b", "c", "d")
    rig.record(*[chat_body("by hand")] * 4)
    for path in rig.files_of(chat_body("by hand"))[1:3]:
        path.unlink()
    assert rig.replayed_texts(*[chat_body("by hand")] * 3) == ["a", "d", "d"]


def test_without_the_first_file_the_second_is_the_first(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "a", "b", "c")
    rig.record(*[chat_body("first deleted")] * 3)
    rig.files_of(chat_body("first deleted"))[0].unlink()
    assert rig.replayed_texts(*[chat_body("first deleted")] * 3) == ["b", "c", "c"]


def test_an_answer_added_by_hand_is_the_next_one(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "a")
    rig.record(chat_body("added"))
    assert rig.replayed_texts(chat_body("added"), chat_body("added")) == ["a", "a"]
    first = rig.files_of(chat_body("added"))[0]
    recording = json.loads(first.read_text())
    recording["response"]["body"]["__data__"]["said"] = "written by hand"
    first.with_name(f"{first.stem}-2.json").write_text(json.dumps(recording))
    assert rig.replayed_texts(*[chat_body("added")] * 3) == ["a", "written by hand", "written by hand"]


# --- failures that were retried -----------------------------------------------------------------------------------


def failure(status: int, message: str) -> dict[str, Any]:
    error = {"message": message, "type": "some_error", "param": None, "code": None}
    return {"status": status, "json": {"error": error}}


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_failure_that_was_retried_with_success_is_not_kept(rig: Rig, status: int) -> None:
    answers = [failure(status, "Not now"), failure(status, "Not yet"), {"json": {"said": "at last"}}]
    rig.upstream.add({"match": {"path": CHAT_PATH}, "sequence": answers})
    request = chat_body(f"retried after {status}")
    assert [reply.status for reply in rig.record(*[request] * 3)] == [status, status, 200]
    assert numbers(rig.files_of(request)) == [""]
    assert rig.replayed_texts(request, request) == ["at last", "at last"]


def test_failures_that_no_success_followed_are_kept(rig: Rig) -> None:
    answers = [failure(400, "Bad"), {"json": {"said": "yes"}}, failure(429, "Slow")]
    rig.upstream.add({"match": {"path": CHAT_PATH}, "sequence": answers})
    rig.record(*[chat_body("no success")] * 4)
    asked = rig.replay(*[chat_body("no success")] * 4)
    assert [reply.status for reply in asked] == [400, 200, 429, 429]
    assert [asked[number].json()["error"]["message"] for number in (0, 2, 3)] == ["Bad", "Slow", "Slow"]


# --- a new run ----------------------------------------------------------------------------------------------------


def test_a_reset_begins_repeats_anew_for_one_test_or_for_all(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "1", "2", "3")
    rig.record(*[chat_body("reset")] * 3)

    def next_of(test_id: str) -> str:
        return said(rig.replayer.send(chat_body("reset"), test_id=test_id))

    assert [next_of(test_id) for test_id in "aabb"] == ["1", "2", "1", "2"]
    assert rig.replayer.send(None, "/@/reset?test_id=a", method="POST").status == 200
    assert [next_of(test_id) for test_id in "ab"] == ["1", "3"]
    assert rig.replayer.send(None, "/@/reset", method="POST").status == 200
    assert [next_of(test_id) for test_id in "ab"] == ["1", "1"]


def test_a_reset_while_recording_begins_a_new_set(rig: Rig) -> None:
    answer_in_turn(rig.upstream, "1", "2", "3")
    rig.record(*[chat_body("new set")] * 2, test_id="t")
    assert [said(reply) for reply in rig.replay(*[chat_body("new set")] * 2, test_id="t")] == ["1", "2"]
    rig.record(chat_body("new set"), test_id="t")
    assert [said(reply) for reply in rig.replay(*[chat_body("new set")] * 2, test_id="t")] == ["3", "3"]
