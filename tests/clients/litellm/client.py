"""One request to the OpenAI API with litellm, and one line of JSON saying what came back.

The only argument is the case; key, base URL, proxy and certificates come from the environment alone.
"""

import json
import os
import sys
from typing import Any

# litellm downloads its price list from GitHub when it is imported, unless told to use the one it carries.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm
import openai

JSONObject = dict[str, Any]

MODEL = "openai/gpt-4o-mini"
QUESTION = "Grüße aus Zürich! Was heißt „東京“ auf Deutsch? 🗼"
WEATHER_QUESTION = "Wie ist das Wetter in Zürich?"
GET_WEATHER: JSONObject = {
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


def conversation(question: str) -> list[JSONObject]:
    return [
        {"role": "system", "content": "Antworte knapp: höchstens ein Satz."},
        {"role": "user", "content": question},
    ]


def question_only(question: str) -> list[JSONObject]:
    return [{"role": "user", "content": question}]


def token_usage(usage: Any) -> JSONObject | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def from_completion(completion: Any) -> JSONObject:
    choice = completion.choices[0]
    return {
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "tool_calls": [
            {"name": call.function.name, "arguments": call.function.arguments}
            for call in choice.message.tool_calls or []
        ],
        "usage": token_usage(getattr(completion, "usage", None)),
    }


def from_chunks(chunks: list[Any]) -> JSONObject:
    text: str | None = None
    finish_reason: str | None = None
    usage: Any = None
    tool_calls: dict[int, JSONObject] = {}
    for chunk in chunks:
        usage = getattr(chunk, "usage", None) or usage
        for choice in chunk.choices:
            finish_reason = choice.finish_reason or finish_reason
            if choice.delta.content is not None:
                text = (text or "") + choice.delta.content
            for piece in choice.delta.tool_calls or []:
                call = tool_calls.setdefault(piece.index, {"name": "", "arguments": ""})
                call["name"] += piece.function.name or ""
                call["arguments"] += piece.function.arguments or ""
    return {
        "text": text,
        "finish_reason": finish_reason,
        "tool_calls": list(tool_calls.values()),
        "usage": token_usage(usage),
        "chunks": len(chunks),
    }


def from_embeddings(answer: Any) -> JSONObject:
    vectors = [item["embedding"] for item in answer.data]
    return {
        "usage": token_usage(answer.usage),
        "embeddings": [{"dimensions": len(vector), "first": vector[0]} for vector in vectors],
    }


def from_response(response: Any) -> JSONObject:
    return {
        "text": response.output_text,
        "finish_reason": response.status,
        "usage": {
            "prompt_tokens": response.usage.input_tokens,
            "completion_tokens": response.usage.output_tokens,
            "total_tokens": response.usage.total_tokens,
        },
    }


def from_response_events(events: list[Any]) -> JSONObject:
    received: JSONObject = {}
    text = ""
    for event in events:
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.completed":
            received = from_response(event.response)
    return received | {"text": text, "chunks": len(events)}


def from_failure(failure: openai.APIError) -> JSONObject:
    return {
        "error": {
            "class": type(failure).__name__,
            "status": getattr(failure, "status_code", None),
            "message": failure.message,
            "code": failure.code,
        }
    }


def ask(case: str) -> JSONObject:
    match case:
        case "chat":
            return from_completion(
                litellm.completion(model=MODEL, messages=conversation(QUESTION), temperature=1.0)
            )
        case "stream":
            chunks = litellm.completion(
                model=MODEL,
                messages=conversation(QUESTION),
                temperature=1.0,
                stream=True,
                stream_options={"include_usage": True},
            )
            return from_chunks(list(chunks))
        case "tools":
            return from_completion(
                litellm.completion(
                    model=MODEL,
                    messages=conversation(WEATHER_QUESTION),
                    temperature=1.0,
                    tools=[GET_WEATHER],
                    tool_choice="auto",
                )
            )
        case "tools-stream":
            chunks = litellm.completion(
                model=MODEL,
                messages=conversation(WEATHER_QUESTION),
                temperature=1.0,
                tools=[GET_WEATHER],
                tool_choice="auto",
                stream=True,
                stream_options={"include_usage": True},
            )
            return from_chunks(list(chunks))
        case "miss":
            return from_completion(litellm.completion(model=MODEL, messages=question_only("never recorded")))
        case "error":
            return from_completion(
                litellm.completion(model="openai/no-such-model", messages=question_only("Hallo"))
            )
        case "embeddings":
            return from_embeddings(
                litellm.embedding(
                    model="openai/text-embedding-3-small",
                    input=["Zürich", "東京"],
                    encoding_format="float",
                )
            )
        case "responses":
            return from_response(litellm.responses(model=MODEL, input=QUESTION, temperature=1.0))
        case "responses-stream":
            events = litellm.responses(model=MODEL, input=QUESTION, temperature=1.0, stream=True)
            return from_response_events(list(events))
    raise SystemExit(f"unknown case: {case}")


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(f"expected one argument, the case, got {sys.argv[1:]}")
    case = sys.argv[1]
    litellm.suppress_debug_info = True  # it prints hints to standard output, which belongs to our line
    try:
        received = ask(case)
    except openai.APIError as failure:  # every exception of litellm is one of openai's
        received = from_failure(failure)
    line: JSONObject = {
        "client": "litellm",
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


if __name__ == "__main__":
    main()
