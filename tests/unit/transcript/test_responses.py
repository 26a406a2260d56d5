"""`responses`: the Responses API as turns."""

from __future__ import annotations

from openai_replay.format.recording import JSON
from openai_replay.transcript.responses import input_turns, response
from openai_replay.transcript.turns import Kind, Turn


def test_items_of_the_input_are_turns() -> None:
    body: dict[str, JSON] = {
        "input": [
            "a text",
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "function_call", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
            {"type": "item_reference", "id": "x"},
        ]
    }
    assert list(input_turns(body)) == [
        Turn("user", "a text"),
        Turn("user", "Hi"),
        Turn("assistant", "{}", Kind.TOOL_CALL, "f"),
        Turn("tool", "1", Kind.TOOL_RESULT, "c"),
        Turn("user", "[item_reference]", Kind.DATA),
    ]


def test_an_incomplete_response_says_why() -> None:
    body: dict[str, JSON] = {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [],
    }
    assert response((), body).ending == "incomplete: max_output_tokens"


def test_a_call_of_a_tool_of_the_api_is_named_by_its_type() -> None:
    body: dict[str, JSON] = {
        "status": "completed",
        "output": [{"type": "web_search_call", "action": {"query": "x"}}],
    }
    assert response((), body).received == (
        Turn("assistant", '{"query": "x"}', Kind.TOOL_CALL, "web_search_call"),
    )
