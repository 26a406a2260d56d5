"""A request without a recording: the client's error, the lines of the log, and the secrets in neither."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, Reply
from support.proxy import CEILING_S, PROGRAM_NAME, Proxy, curl, proxy, recordings
from support.requests import CHAT_PATH, CHAT_URL, chat_body

RECORDED: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You plan days. " + "Be brief and friendly. " * 30},
        {"role": "user", "content": "Plan my day, it is Tuesday, March 3"},
    ],
    "temperature": 0.5,
}


@dataclass
class Replayed:
    """A proxy that replays one recording, whose name is `name`."""

    running: Proxy
    client: BaseURL
    name: str

    def miss(self, body: dict[str, Any], **arguments: Any) -> tuple[Reply, list[str]]:
        """Send a request that misses; return the answer and the lines that the log has got for it."""
        before = len(self.running.log())
        reply = self.client.send(body, **arguments)
        assert reply.is_miss(), reply.body
        # It was written before the answer was sent.
        lines = told_of_miss(self.running.log()[before:])
        return reply, lines


def told_of_miss(text: str) -> list[str]:
    """Return the log of a miss: its line, and the indented ones that follow."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if "No recording for" in line)
    return [lines[first].partition("] ")[2] or lines[first], *_indented(lines[first + 1 :])]


def _indented(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("    "):
            return
        yield line.strip()


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    top = tmp_path_factory.mktemp("miss")
    folder = top / "recordings"
    with Upstream() as upstream:
        options = (f"recording_dir={folder}",)
        with proxy(top, "recording_mode=record", *options, upstream=upstream, mode=REVERSE) as running:
            with BaseURL(running) as client:
                assert client.send(RECORDED).status == 200
    with proxy(top, *options, mode=REVERSE) as running, BaseURL(running) as client:
        yield Replayed(running, client, next(iter(recordings(folder))))


def changed(**members: Any) -> dict[str, Any]:
    return {**RECORDED, **members}


def with_text(text: str, number: int = 1) -> dict[str, Any]:
    messages = [dict(message) for message in RECORDED["messages"]]
    messages[number]["content"] = text
    return changed(messages=messages)


def test_the_client_is_told_which_request_and_which_recording_is_nearest(replayed: Replayed) -> None:
    reply, lines = replayed.miss(changed(temperature=0.25))
    request = lines[0].partition("(request ")[2][:12]
    assert reply.json() == {
        "error": {
            "message": f"No recording for POST /v1/chat/completions (request {request}). The nearest is "
            f"{replayed.name[:12]}….json; the proxy's log shows the difference.",
            "type": "recording_error",
            "param": None,
            "code": "recording_not_found",
        }
    }
    headers = {name.lower(): value for name, value in reply.headers.items()}
    assert reply.status == 400
    assert headers.pop("content-length") == str(len(reply.body))
    assert headers == {"content-type": "application/json", "x-should-retry": "false"}


def test_the_message_quotes_nothing_of_the_request(replayed: Replayed) -> None:
    body = with_text("tool_calls maximum context length exceeds the context window SECRET")
    reply, _ = replayed.miss(body | {"tool_calls": "context_length_exceeded"})
    for word in ("tool", "context", "window", "SECRET", "March", "gpt-4o"):
        assert word.encode() not in reply.body


def test_the_log_names_the_places_that_differ_with_both_values(replayed: Replayed) -> None:
    _, lines = replayed.miss(
        {**with_text("Plan my day, it is Tuesday, March 4"), "temperature": 1, "seed": 7}
    )
    request = lines[0].partition("(request ")[2][:12]
    assert lines == [
        f"No recording for POST /v1/chat/completions (request {request}). The nearest is {replayed.name}:",
        'messages[1].content: recorded "Plan my day, it is Tuesday, March 3", '
        'asked "Plan my day, it is Tuesday, March 4"',
        "temperature: recorded 0.5, asked 1",
        "seed: recorded nothing, asked 7",
    ]


def test_what_is_missing_is_told_as_well(replayed: Replayed) -> None:
    body = {name: value for name, value in RECORDED.items() if name != "temperature"}
    body["messages"] = [*RECORDED["messages"], {"role": "user", "content": "Go on"}]
    _, lines = replayed.miss(body)
    assert lines[1:] == [
        'messages[2]: recorded nothing, asked {"role": "user", "content": "Go on"}',
        "temperature: recorded 0.5, asked nothing",
    ]


def test_a_long_value_is_cut_around_the_difference(replayed: Replayed) -> None:
    recorded = str(RECORDED["messages"][0]["content"])
    at = recorded.index("brief", 400)
    _, lines = replayed.miss(with_text(recorded[:at] + "short" + recorded[at + 5 :], number=0))
    assert len(lines) == 2
    assert lines[1].startswith('messages[0].content: recorded "…')
    assert "Be brief and friendly." in lines[1].partition(", asked ")[0]
    assert "Be short and friendly." in lines[1].partition(", asked ")[2]
    assert lines[1].endswith('…"')
    assert len(lines[1]) < 220


def test_a_value_of_another_type_is_another_value(replayed: Replayed) -> None:
    _, lines = replayed.miss(changed(temperature="0.5"))
    assert lines[1:] == ['temperature: recorded 0.5, asked "0.5"']


def test_the_test_id_of_a_miss_is_told(replayed: Replayed) -> None:
    _, lines = replayed.miss(changed(seed=1), test_id="tests/test_a.py::test_b")
    assert "by test tests/test_a.py::test_b." in lines[0]
    assert lines[1:] == ["seed: recorded nothing, asked 1"]


def test_an_endpoint_without_recordings_is_told(replayed: Replayed) -> None:
    reply, lines = replayed.miss(RECORDED, path="/v1/embeddings")
    message = reply.json()["error"]["message"]
    assert message.startswith("No recording for POST /v1/embeddings (request ")
    assert message.endswith("). There is none of this endpoint.")
    assert lines == [message]


def test_the_ruby_sdk_finds_the_message_where_it_looks_for_it(replayed: Replayed) -> None:
    reply, _ = replayed.miss(changed(seed=2), headers={"user-agent": "OpenAI::Client/Ruby 0.80.0"})
    assert reply.json()["message"] == reply.json()["error"]["message"]
    reply, _ = replayed.miss(changed(seed=2), headers={"user-agent": "OpenAI/Python 2.8.1"})
    assert list(reply.json()) == ["error"]


def test_head_is_told_by_the_status_alone(replayed: Replayed) -> None:
    reply = replayed.client.send(None, "/v1/models/gpt-4o", method="HEAD")
    assert (reply.status, reply.body) == (400, b"")
    assert reply.headers["x-should-retry"] == "false"
    # The connection goes on.
    assert replayed.client.send(RECORDED, CHAT_PATH).status == 200


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_through_connect_it_is_the_same(tmp_path: Path, replayed: Replayed, protocol: str) -> None:
    folder = replayed.running.home / "recordings"
    with Upstream() as upstream:
        with proxy(tmp_path, f"recording_dir={folder}", upstream=upstream) as running:
            body = json.dumps(changed(temperature=0.25))
            # A variable that is not set leaves a space at the end of a header, which HTTP/2 forbids.
            unset = ("-H", "Authorization: Bearer ", "-H", "X-Tag:  ")
            asked = curl(running, CHAT_URL, protocol, *unset, "-d", body, "-w", "\n%{http_code}")
        assert upstream.connections == 0
    content, status = asked.stdout.rsplit(b"\n", 1)
    assert status == b"400"
    assert content == replayed.miss(changed(temperature=0.25))[0].body


def test_the_nearest_of_many_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    bodies = [
        chat_body(f"Tell me of city {number} in {country}")
        for number in range(40)
        for country in ("Chile", "Japan", "Ghana")
    ]
    with Upstream() as upstream:
        options = (f"recording_dir={folder}",)
        with proxy(tmp_path, "recording_mode=record", *options, upstream=upstream, mode=REVERSE) as running:
            with BaseURL(running) as client:
                assert {client.send(body).status for body in bodies} == {200}
    with proxy(tmp_path, *options, mode=REVERSE) as running, BaseURL(running) as client:
        body = chat_body("Tell me of city 17 in Japan!")
        assert client.send(body).is_miss()
        miss = client.send(None, "/@/report").json()["missed"][0]
    nearest = recordings(folder)[miss["nearest"]]["request"]["body"]["messages"][0]["content"]
    assert nearest == "Tell me of city 17 in Japan"
    assert miss["differences"] == [
        {
            "path": "messages[0].content",
            "recorded": '"Tell me of city 17 in Japan"',
            "asked": '"Tell me of city 17 in Japan!"',
        }
    ]


def test_the_log_says_what_to_do_next(replayed: Replayed) -> None:
    before = len(replayed.running.log())
    replayed.miss(with_text("Plan my day, it is Tuesday, March 4"))
    _, _, explained = replayed.running.log()[before:].partition("No recording for ")
    assert explained.splitlines()[2:6] == [
        "  Next: record it, with a key: mitmdump --set recording_mode=record-if-missing …",
        "  If this changes with each run, ignore it, both while recording and while replaying:",
        r"    --set 'recording_ignore=messages[1].content=\d+'",
        r"""    or ignore = "messages[1].content=\\d+" (in openai-replay.toml beside the recordings)""",
    ]


@pytest.mark.parametrize(
    "body", [b'{"model": "\\ud800", "messages": []}', b'{"model": "\xff"}', b'"\\udc80"'], ids=repr
)
@pytest.mark.parametrize("path", [CHAT_PATH, "/v1/caf\xe9", "/v1/\xff?a=\x80"])
def test_a_request_that_is_no_unicode_is_a_miss_like_others(
    replayed: Replayed, body: bytes, path: str
) -> None:
    before = len(replayed.running.log())
    request = b"POST %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
    with socket.create_connection(("127.0.0.1", replayed.running.port), CEILING_S) as client:
        client.sendall(request % (path.encode("latin-1"), len(body), body))
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert "Traceback" not in replayed.running.log()[before:], replayed.running.log()[before:]
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    if PROGRAM_NAME == "engine" and not path.isascii():
        return  # its server itself refuses a target that is no URI (RFC 9112, section 3.2)
    assert b'"code":"recording_not_found"' in answer
    assert replayed.client.send(None, "/@/report").json()["totals"]["missed"] > 0
