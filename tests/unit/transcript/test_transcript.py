"""`transcript`: each kind of recording read as a conversation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from openai_replay.format.recording import JSON, Failure, Recording, Request, Response
from openai_replay.transcript.transcript import transcript
from openai_replay.transcript.turns import Kind, Turn
from unit.exchanges import JSON_VALUES

CHUNK = "openai.types.chat.chat_completion_chunk.ChatCompletionChunk"


def recording(body: JSON, response: Response) -> Recording:
    return Recording(None, Request("POST", "https://api.openai.com/v1/x", body, "/v1/x", "gpt-4o"), response)


def streamed(*chunks: JSON, failure: Failure | None = None) -> Response:
    return Response(list(chunks), is_streaming=True, failure=failure)


def chunk(delta: JSON, finish_reason: str | None = None, **more: JSON) -> JSON:
    choice: JSON = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"__type__": CHUNK, "__data__": {"choices": [choice], **more}}


def call(index: int, name: str | None, arguments: str) -> JSON:
    return {"tool_calls": [{"index": index, "function": {"name": name, "arguments": arguments}}]}


MESSAGES: dict[str, JSON] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {}}],
        },
        {"role": "assistant", "tool_calls": [{"function": {"name": "add", "arguments": '{"a":1}'}}]},
        {"role": "tool", "content": "2", "tool_call_id": "c"},
    ]
}


def test_the_messages_of_a_chat_are_turns() -> None:
    assert transcript(recording(MESSAGES, Response(None))).sent == (
        Turn("system", "Be brief."),
        Turn("user", "Look"),
        Turn("user", "[image_url]", Kind.DATA),
        Turn("assistant", '{"a":1}', Kind.TOOL_CALL, "add"),
        Turn("tool", "2", Kind.TOOL_RESULT),
    )


def test_the_chunks_of_a_stream_are_one_text_with_its_tool_calls() -> None:
    read = transcript(
        recording(
            {},
            streamed(
                chunk({"role": "assistant", "content": ""}),
                chunk({"content": "Hel"}),
                chunk({"content": "lo"}),
                chunk(call(0, "add", '{"a"')),
                chunk(call(1, "sub", "{}")),
                chunk(call(0, None, ":1}")),
                chunk(
                    {}, "tool_calls", usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
                ),
            ),
        )
    )
    assert read.received == (
        Turn("assistant", "Hello"),
        Turn("assistant", '{"a":1}', Kind.TOOL_CALL, "add"),
        Turn("assistant", "{}", Kind.TOOL_CALL, "sub"),
    )
    assert (read.usage, read.ending) == ({"input": 3, "output": 2, "total": 5}, "tool_calls")


def test_a_stream_that_broke_off_says_so() -> None:
    read = transcript(
        recording({}, streamed(chunk({"content": "Hel"}), failure=Failure({}, "connection closed")))
    )
    assert (read.received, read.ending) == ((Turn("assistant", "Hel"),), "broke off: connection closed")


OUTPUT: list[JSON] = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Think."}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
    {"type": "function_call", "name": "add", "arguments": "{}"},
]
TURNS = (
    Turn("assistant", "Think.", Kind.REASONING),
    Turn("assistant", "Hi"),
    Turn("assistant", "{}", Kind.TOOL_CALL, "add"),
)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_response_is_its_output_whole_or_streamed(is_streamed: bool) -> None:
    body: dict[str, JSON] = {"object": "response", "status": "completed", "output": OUTPUT}
    response = streamed({"type": "response.completed", "response": body}) if is_streamed else Response(body)
    read = transcript(recording({"instructions": "Be brief.", "input": "Hello"}, response))
    assert read.sent == (Turn("system", "Be brief."), Turn("user", "Hello"))
    assert (read.received, read.ending) == (TURNS, "completed")


def test_a_response_without_its_last_event_is_read_from_its_deltas() -> None:
    events: tuple[Any, ...] = (
        {"type": "response.output_item.added", "item": {"id": "f", "type": "function_call", "name": "add"}},
        {"type": "response.output_text.delta", "item_id": "m", "delta": "H"},
        {"type": "response.output_text.delta", "item_id": "m", "delta": "i"},
        {"type": "response.function_call_arguments.delta", "item_id": "f", "delta": "{}"},
    )
    read = transcript(recording({}, streamed(*events)))
    assert read.received == (Turn("assistant", "Hi"), Turn("assistant", "{}", Kind.TOOL_CALL, "add"))


def test_a_failed_call_is_its_message_and_status() -> None:
    failure = Failure({"status_code": 429, "body": {"message": "Slow down."}}, "Error code: 429")
    read = transcript(recording({}, Response(None, failure=failure)))
    assert (read.received, read.ending) == ((Turn("error", "Slow down."),), "error 429")


WHOLE: dict[str, tuple[JSON, Turn]] = {
    "embeddings": (
        {"data": [{"embedding": [0.1, 0.2]}]},
        Turn("embeddings", "1 vector of 2 dimensions", Kind.DATA),
    ),
    "images": ({"data": [{"b64_json": "x"}, {"url": "y"}]}, Turn("images", "2 images", Kind.DATA)),
    "a transcription": ({"text": "Hello."}, Turn("assistant", "Hello.")),
    "another object": ({"id": "file-1"}, Turn("data", '{"id": "file-1"}', Kind.DATA)),
    "a message of Anthropic": ({"type": "message", "content": [{"text": "Hi"}]}, Turn("assistant", "Hi")),
}


@pytest.mark.parametrize(("body", "turn"), WHOLE.values(), ids=WHOLE)
def test_each_other_kind_of_answer_is_one_turn(body: JSON, turn: Turn) -> None:
    assert transcript(recording({}, Response(body))).received == (turn,)


def test_the_texts_of_embeddings_are_turns() -> None:
    read = transcript(recording({"input": ["one", "two"]}, Response({"data": []})))
    assert read.sent == (Turn("user", "one"), Turn("user", "two"))


@given(JSON_VALUES, JSON_VALUES)
def test_every_body_can_be_read(request: JSON, answer: JSON) -> None:
    for response in (Response(answer), streamed(answer), Response([answer])):
        read = transcript(recording(request, response))
        assert all(isinstance(turn.text, str) for turn in (*read.sent, *read.received))


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ({"flagged": False, "categories": {"violence": False}}, "not flagged"),
        ({"flagged": True, "categories": {"self-harm/intent": True, "self_harm_intent": True, "hate": True}},
         "flagged for hate, self_harm_intent"),
        ({"flagged": True}, "flagged"),
    ],
)  # fmt: skip
def test_a_moderation_says_its_verdict(verdict: JSON, text: str) -> None:
    read = transcript(recording({"input": "x"}, Response({"results": [verdict]})))
    assert read.received == (Turn("moderation", text, Kind.DATA),)
