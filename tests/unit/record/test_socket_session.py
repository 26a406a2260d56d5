"""A session's messages as a recording, with its sound beside it."""

from __future__ import annotations

import base64
import io
import json
import wave
from typing import Any

from openai_replay.record.exchange import End
from openai_replay.record.socket_session import SocketSession, recorded_session
from openai_replay.request.identity import describe_sent
from openai_replay.request.redaction import redactor
from openai_replay.request.rules import Rules
from openai_replay.request.upgrade import upgrade_body
from openai_replay.wire.socket_notes import Close

URL = "https://api.openai.com/v1/realtime?model=gpt-realtime"
API_REQUEST = describe_sent(
    "GET", URL, upgrade_body([]), None, Rules((), redactor(())), ("sk-of-the-user-0123456789",)
)
CREATED = {"type": "session.created", "event_id": "event_1", "session": {"type": "realtime", "model": "m"}}


def recorded(*messages: tuple[str, Any], end: End = End.LEFT_BY_CLIENT, close: Close | None = None) -> Any:
    texts = [(side, m if isinstance(m, str | bytes) else json.dumps(m)) for side, m in messages]
    session = SocketSession(API_REQUEST, texts, end, close)
    made = recorded_session(session)
    beside = {one.holds: f"x{one.ending}" for one in made.companions}
    return json.loads(b"".join(made.pieces(beside))), made


def append(content: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(content).decode()}


def test_messages_stand_in_order_the_servers_in_envelopes() -> None:
    value, _ = recorded(("server", CREATED), ("client", {"type": "response.create"}))
    created, asked = value["response"]["body"]

    assert (created["from"], asked) == ("server", {"from": "client", "data": {"type": "response.create"}})
    assert created["data"]["__type__"] == "openai.types.realtime.session_created_event.SessionCreatedEvent"
    assert (value["response"]["status"], value["request"]["method"]) == (101, "GET")


def test_sound_is_a_file_for_each_side() -> None:
    delta = {"type": "response.output_audio.delta", "delta": base64.b64encode(b"server").decode()}
    value, made = recorded(
        ("client", append(b"one,")), ("server", delta), ("client", append(b"two!")), ("client", append(b""))
    )
    files = {one.holds: b"".join(one.content) for one in made.companions}
    body = [message["data"] for message in value["response"]["body"]]

    assert value["response"]["wire"]["audio"] == {"client": "x.client.wav", "server": "x.server.wav"}
    with wave.open(io.BytesIO(files["client"]), "rb") as reader:
        assert reader.readframes(100) == b"one,two!"
    assert [body[0]["audio"], body[2]["audio"], body[3]["audio"]] == [
        {"__audio__": "0-3"},
        {"__audio__": "4-7"},
        "",
    ]


def test_the_end_says_who_closed_and_how() -> None:
    by_server, _ = recorded(("server", CREATED), end=End.CUT_BY_UPSTREAM, close=Close(1011, "overloaded"))
    by_client, _ = recorded(("server", CREATED), close=Close(1000))
    broken, _ = recorded(("server", CREATED), end=End.CUT_BY_UPSTREAM)

    assert by_server["response"]["wire"]["close"] == {"by": "server", "code": 1011, "reason": "overloaded"}
    assert by_client["response"]["wire"]["close"]["by"] == "client"
    assert broken["response"]["exception_data"]["ended_by"] == "upstream"


def test_no_secret_is_written() -> None:
    key = "sk-of-the-user-0123456789"
    value, _ = recorded(("client", {"type": "session.update", "session": {"instructions": f"Use {key}."}}))

    assert key not in json.dumps(value)


def test_no_secret_is_in_a_binary_message_or_in_the_reason_of_the_end() -> None:
    key = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
    value, _ = recorded(
        ("server", f"\0 {key} \xff".encode()),
        ("client", b"\xff sk-of-the-user-0123456789"),
        close=Close(1000, f"bye {key}"),
    )
    texts = [base64.b64decode(message["data"]["__base64__"]) for message in value["response"]["body"]]

    assert texts == [b"\0 REDACTED \xc3\xbf", b"\xff REDACTED"]
    assert value["response"]["wire"]["close"] == {"by": "client", "code": 1000, "reason": "bye REDACTED"}


def test_a_secret_of_the_client_is_taken_out_where_the_server_quotes_it() -> None:
    tool = {"type": "mcp", "server_url": "https://x.example", "authorization": "secret-of-the-tool-42"}
    value, _ = recorded(
        ("client", {"type": "session.update", "session": {"tools": [tool]}}),
        ("server", {"type": "error", "error": {"message": "secret-of-the-tool-42 is wrong"}}),
    )

    assert "secret-of-the-tool-42" not in json.dumps(value)


def test_a_key_that_the_server_spells_out_in_pieces_is_taken_out() -> None:
    key = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
    pieces = ("It is ", *key, ".")
    deltas = [{"type": "response.output_text.delta", "item_id": "a", "delta": piece} for piece in pieces]
    value, _ = recorded(("client", {"type": "response.create"}), *(("server", delta) for delta in deltas))
    data = [message["data"]["__data__"] for message in value["response"]["body"][1:]]

    assert "".join(one["delta"] for one in data) == "It is REDACTED."


def test_text_and_bytes_that_are_no_json_are_kept() -> None:
    value, _ = recorded(("client", "hello"), ("server", b"\x00\xff"))

    assert [message["data"] for message in value["response"]["body"]] == ["hello", {"__base64__": "AP8="}]
