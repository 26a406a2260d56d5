"""One request with openai-python's `.stream()` helpers, and one line of JSON saying what came back.

The helpers accumulate the chunks themselves, and are stricter about them than the plain iteration. The cases
are the streamed ones; key, base URL, proxy and certificates come from the environment alone.
"""

import openai
from conversation import (
    GET_WEATHER,
    MODEL,
    QUESTION,
    WEATHER_QUESTION,
    JSONObject,
    case_asked,
    conversation,
    from_completion,
    from_failure,
    from_response,
    print_line,
    question_only,
)
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamManager


def receive(manager: ChatCompletionStreamManager[None]) -> JSONObject:
    with manager as stream:
        chunks = sum(1 for event in stream if event.type == "chunk")
        return from_completion(stream.get_final_completion()) | {"chunks": chunks}


def receive_response(client: OpenAI) -> JSONObject:
    with client.responses.stream(model=MODEL, input=QUESTION, temperature=1.0) as stream:
        events = sum(1 for _ in stream)
        return from_response(stream.get_final_response()) | {"chunks": events}


def ask(client: OpenAI, case: str) -> JSONObject:
    completions = client.chat.completions
    match case:
        case "stream":
            return receive(
                completions.stream(
                    model=MODEL,
                    messages=conversation(QUESTION),
                    temperature=1.0,
                    stream_options={"include_usage": True},
                )
            )
        case "tools-stream":
            return receive(
                completions.stream(
                    model=MODEL,
                    messages=conversation(WEATHER_QUESTION),
                    temperature=1.0,
                    tools=[GET_WEATHER],
                    tool_choice="auto",
                    stream_options={"include_usage": True},
                )
            )
        case "miss":
            return receive(completions.stream(model=MODEL, messages=question_only("never recorded")))
        case "error":
            return receive(completions.stream(model="no-such-model", messages=question_only("Hallo")))
        case "responses-stream":
            return receive_response(client)
    raise SystemExit(f"unknown case: {case}")


def main() -> None:
    case = case_asked()
    try:
        received = ask(OpenAI(), case)
    except openai.APIError as failure:
        received = from_failure(failure)
    print_line("openai-python-stream-helper", case, received)


if __name__ == "__main__":
    main()
