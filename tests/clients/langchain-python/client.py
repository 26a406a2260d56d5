"""One request to the OpenAI API with LangChain, and one line of JSON saying what came back.

The only argument is the case; key, base URL, proxy and certificates come from the environment alone.
"""

import json
import sys
from functools import reduce
from operator import add
from typing import Any

import openai
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

JSONObject = dict[str, Any]

MODEL = "gpt-4o-mini"
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


def conversation(question: str) -> list[BaseMessage]:
    return [SystemMessage("Antworte knapp: höchstens ein Satz."), HumanMessage(question)]


def from_message(message: AIMessage) -> JSONObject:
    metadata, usage = message.response_metadata, message.usage_metadata
    return {
        "text": message.text or None,
        # The Responses API has a status where chat completions have a finish reason.
        "finish_reason": metadata.get("finish_reason") or metadata.get("status"),
        "tool_calls": [
            # LangChain hands the arguments out parsed; this is how the API writes them.
            {
                "name": call["name"],
                "arguments": json.dumps(call["args"], ensure_ascii=False, separators=(",", ":")),
            }
            for call in message.tool_calls
        ],
        "usage": usage
        and {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


def from_stream(model: Runnable[Any, AIMessage], question: str) -> JSONObject:
    chunks = [chunk for chunk in model.stream(conversation(question)) if isinstance(chunk, AIMessageChunk)]
    return from_message(reduce(add, chunks)) | {"chunks": len(chunks)}


def from_embeddings() -> JSONObject:
    # The check of the input's length would download a tokenizer's vocabulary.
    model = OpenAIEmbeddings(
        model="text-embedding-3-small",
        check_embedding_ctx_length=False,
        model_kwargs={"encoding_format": "float"},
    )
    vectors = model.embed_documents(["Zürich", "東京"])
    return {"embeddings": [{"dimensions": len(vector), "first": vector[0]} for vector in vectors]}


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


def ask(case: str) -> JSONObject:
    # Without stream_usage LangChain asks for the usage of a stream or not depending on the base URL.
    chat = ChatOpenAI(model=MODEL, temperature=1.0, stream_usage=True)
    match case:
        case "chat":
            return from_message(chat.invoke(conversation(QUESTION)))
        case "stream":
            return from_stream(chat, QUESTION)
        case "tools":
            with_tool = chat.bind_tools([GET_WEATHER], tool_choice="auto")
            return from_message(with_tool.invoke(conversation(WEATHER_QUESTION)))
        case "tools-stream":
            with_tool = chat.bind_tools([GET_WEATHER], tool_choice="auto")
            return from_stream(with_tool, WEATHER_QUESTION)
        case "miss":
            return from_message(ChatOpenAI(model=MODEL).invoke([HumanMessage("never recorded")]))
        case "error":
            return from_message(ChatOpenAI(model="no-such-model").invoke([HumanMessage("Hallo")]))
        case "embeddings":
            return from_embeddings()
        case "responses":
            responses = ChatOpenAI(model=MODEL, temperature=1.0, use_responses_api=True)
            return from_message(responses.invoke(QUESTION))
        case "responses-stream":
            responses = ChatOpenAI(model=MODEL, temperature=1.0, use_responses_api=True)
            chunks = list(responses.stream(QUESTION))
            return from_message(reduce(add, chunks)) | {"chunks": len(chunks)}
    raise SystemExit(f"unknown case: {case}")


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(f"expected one argument, the case, got {sys.argv[1:]}")
    case = sys.argv[1]
    try:
        received = ask(case)
    except openai.APIError as failure:  # LangChain's own exceptions for the API derive from openai's
        received = from_failure(failure)
    line: JSONObject = {
        "client": "langchain-python",
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
