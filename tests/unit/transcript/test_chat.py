"""`chat`: chat and legacy completions as turns."""

from __future__ import annotations

from openai_replay.format.recording import JSON
from openai_replay.transcript.chat import completion, message_turns, streamed_completion
from openai_replay.transcript.turns import Kind, Turn


def test_a_message_may_hold_reasoning_text_refusal_and_calls() -> None:
    message: JSON = {
        "role": "assistant",
        "reasoning_content": "Think.",
        "content": "Hi",
        "refusal": "No.",
        "tool_calls": [
            {"function": {"name": "f", "arguments": "{}"}},
            {"custom": {"name": "g", "input": "x"}},
        ],
    }
    assert list(message_turns([message])) == [
        Turn("assistant", "Think.", Kind.REASONING),
        Turn("assistant", "Hi"),
        Turn("assistant", "No.", Kind.REFUSAL),
        Turn("assistant", "{}", Kind.TOOL_CALL, "f"),
        Turn("assistant", "x", Kind.TOOL_CALL, "g"),
    ]


def test_each_choice_of_a_completion_has_its_ending() -> None:
    read = completion(
        (), {"choices": [{"text": "a", "finish_reason": "stop"}, {"text": "b", "finish_reason": "length"}]}
    )
    assert (read.received, read.ending) == ((Turn("assistant", "a"), Turn("assistant", "b")), "stop, length")


def test_the_chunks_of_several_choices_are_put_together_by_index() -> None:
    chunks: list[dict[str, JSON]] = [
        {"choices": [{"index": index, "delta": {"content": text}}]}
        for index, text in ((1, "x"), (0, "a"), (1, "y"))
    ]
    read = streamed_completion((), chunks)
    assert read.received == (Turn("assistant", "a"), Turn("assistant", "xy"))


def test_tool_calls_without_an_index_are_put_together_by_their_place() -> None:
    call: JSON = {"function": {"name": "f", "arguments": "{}"}}
    read = streamed_completion((), [{"choices": [{"delta": {"tool_calls": [call]}}]}])
    assert read.received == (Turn("assistant", "{}", Kind.TOOL_CALL, "f"),)
