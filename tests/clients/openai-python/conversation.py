"""What the three openai-python programs ask, and how they print what they received."""

import json
import sys
from typing import Any

import openai
from openai.types import CompletionUsage, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam
from openai.types.chat import ChatCompletionFunctionToolParam as Tool
from openai.types.responses import Response, ResponseStreamEvent

JSONObject = dict[str, Any]

MODEL = "gpt-4o-mini"
QUESTION = "Grüße aus Zürich! Was heißt „東京“ auf Deutsch? 🗼"
WEATHER_QUESTION = "Wie ist das Wetter in Zürich?"
WORDS = ["Zürich", "東京"]
GET_WEATHER: Tool = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The current weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "e.g. Zürich"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def conversation(question: str) -> list[ChatCompletionMessageParam]:
    return [
        {"role": "system", "content": "Antworte knapp: höchstens ein Satz."},
        {"role": "user", "content": question},
    ]


def question_only(question: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": question}]


def token_usage(usage: CompletionUsage | None) -> JSONObject | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def from_completion(completion: ChatCompletion) -> JSONObject:
    choice = completion.choices[0]
    return {
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "tool_calls": [
            {"name": call.function.name, "arguments": call.function.arguments}
            for call in choice.message.tool_calls or []
            if call.type == "function"
        ],
        "usage": token_usage(completion.usage),
    }


def from_chunks(chunks: list[ChatCompletionChunk]) -> JSONObject:
    text: str | None = None
    finish_reason: str | None = None
    usage: CompletionUsage | None = None
    tool_calls: dict[int, JSONObject] = {}
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish_reason = choice.finish_reason or finish_reason
            if choice.delta.content is not None:
                text = (text or "") + choice.delta.content
            for piece in choice.delta.tool_calls or []:
                call = tool_calls.setdefault(piece.index, {"name": "", "arguments": ""})
                if piece.function is not None:
                    call["name"] += piece.function.name or ""
                    call["arguments"] += piece.function.arguments or ""
    return {
        "text": text,
        "finish_reason": finish_reason,
        "tool_calls": list(tool_calls.values()),
        "usage": token_usage(usage),
        "chunks": len(chunks),
    }


def from_embeddings(answer: CreateEmbeddingResponse) -> JSONObject:
    usage = answer.usage
    return {
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": 0,
            "total_tokens": usage.total_tokens,
        },
        "embeddings": [
            {"dimensions": len(item.embedding), "first": item.embedding[0]} for item in answer.data
        ],
    }


def from_response(response: Response) -> JSONObject:
    usage = response.usage
    return {
        "text": response.output_text,
        "finish_reason": response.status,
        "usage": usage
        and {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        },
    }


def from_response_events(events: list[ResponseStreamEvent]) -> JSONObject:
    received: JSONObject = {}
    text = ""
    for event in events:
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.completed":
            received = from_response(event.response)
    return received | {"text": text, "chunks": len(events)}


def from_failure(failure: openai.APIError) -> JSONObject:
    error = failure.body if isinstance(failure.body, dict) else {}
    return {
        "error": {
            "class": type(failure).__name__,
            "status": getattr(failure, "status_code", None),
            "message": error.get("message", failure.message),
            "code": failure.code,
        }
    }


def case_asked() -> str:
    """The case: the one argument of the program."""
    if len(sys.argv) != 2:
        raise SystemExit(f"expected one argument, the case, got {sys.argv[1:]}")
    return sys.argv[1]


def print_line(client: str, case: str, received: JSONObject) -> None:
    """Print every key, whether the case has it or not."""
    line: JSONObject = {
        "client": client,
        "case": case,
        "text": None,
        "finish_reason": None,
        "tool_calls": [],
        "usage": None,
        "chunks": 0,
        "embeddings": [],
        "error": None,
    }
    print(json.dumps(line | received))
