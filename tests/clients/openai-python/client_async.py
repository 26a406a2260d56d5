"""One request with openai-python's asynchronous client, and one line of JSON saying what came back.

The only argument is the case; key, base URL, proxy and certificates come from the environment alone.
"""

import asyncio

import openai
from conversation import (
    GET_WEATHER,
    MODEL,
    QUESTION,
    WEATHER_QUESTION,
    WORDS,
    JSONObject,
    case_asked,
    conversation,
    from_chunks,
    from_completion,
    from_embeddings,
    from_failure,
    from_response,
    from_response_events,
    print_line,
    question_only,
)
from openai import AsyncOpenAI


async def ask(client: AsyncOpenAI, case: str) -> JSONObject:
    completions = client.chat.completions
    match case:
        case "chat":
            return from_completion(
                await completions.create(model=MODEL, messages=conversation(QUESTION), temperature=1.0)
            )
        case "stream":
            chunks = await completions.create(
                model=MODEL,
                messages=conversation(QUESTION),
                temperature=1.0,
                stream=True,
                stream_options={"include_usage": True},
            )
            return from_chunks([chunk async for chunk in chunks])
        case "tools":
            return from_completion(
                await completions.create(
                    model=MODEL,
                    messages=conversation(WEATHER_QUESTION),
                    temperature=1.0,
                    tools=[GET_WEATHER],
                    tool_choice="auto",
                )
            )
        case "tools-stream":
            chunks = await completions.create(
                model=MODEL,
                messages=conversation(WEATHER_QUESTION),
                temperature=1.0,
                tools=[GET_WEATHER],
                tool_choice="auto",
                stream=True,
                stream_options={"include_usage": True},
            )
            return from_chunks([chunk async for chunk in chunks])
        case "miss":
            return from_completion(
                await completions.create(model=MODEL, messages=question_only("never recorded"))
            )
        case "error":
            return from_completion(
                await completions.create(model="no-such-model", messages=question_only("Hallo"))
            )
        case "embeddings":
            return from_embeddings(
                await client.embeddings.create(
                    model="text-embedding-3-small", input=WORDS, encoding_format="float"
                )
            )
        case "responses":
            return from_response(await client.responses.create(model=MODEL, input=QUESTION, temperature=1.0))
        case "responses-stream":
            events = await client.responses.create(model=MODEL, input=QUESTION, temperature=1.0, stream=True)
            return from_response_events([event async for event in events])
    raise SystemExit(f"unknown case: {case}")


def main() -> None:
    case = case_asked()
    try:
        received = asyncio.run(ask(AsyncOpenAI(), case))
    except openai.APIError as failure:
        received = from_failure(failure)
    print_line("openai-python-async", case, received)


if __name__ == "__main__":
    main()
