"""The upstream's answers, judged by the openai package: every object must be valid for the class that models it.

The package itself accepts anything (it constructs without validating); here each object is validated afterwards,
required members, types and literals included.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from openai_replay.mock import Upstream
from support.requests import embeddings_body, streamed_chat_body

GREETING: Any = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "object",
    "properties": {"location": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}},
    "required": ["location"],
}
CHAT_TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
RESPONSE_TOOL: Any = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def client(upstream: Upstream) -> Iterator[OpenAI]:
    context = ssl.create_default_context(cafile=str(upstream.ca_file))
    with httpx.Client(verify=context, trust_env=False) as http_client:
        yield OpenAI(
            api_key="sk-test", base_url=f"https://127.0.0.1:{upstream.port}/v1", http_client=http_client
        )


def valid[M: openai.BaseModel](model: M) -> M:
    """Return `model`, validated by its own class."""
    type(model).model_validate(members_of(model))
    return model


def all_valid[M: openai.BaseModel](models: Iterable[M]) -> list[M]:
    """Return `models`, each validated by its own class."""
    return [valid(model) for model in models]


def members_of(model: openai.BaseModel) -> dict[str, Any]:
    """Return the object on the wire for `model`."""
    return model.to_dict(mode="json")


def test_chat_completion(client: OpenAI) -> None:
    completion = valid(client.chat.completions.create(model="gpt-4o", messages=GREETING))

    assert completion.choices[0].message.content == "Hello! How can I assist you today?"
    assert completion.model == "gpt-4o-2024-08-06"
    assert completion.choices[0].message.tool_calls is None


def test_streamed_chat_completion_says_what_the_whole_one_says(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="gpt-4o", messages=GREETING, stream=True)
    chunks = all_valid(stream)

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == "Hello! How can I assist you today?"
    assert len({chunk.id for chunk in chunks}) == 1


def test_chunks_have_the_members_that_the_api_sends(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="gpt-4o", messages=GREETING, stream=True)
    first, *middle, last = [members_of(chunk) for chunk in stream]

    assert first["choices"][0] == {
        "index": 0,
        "delta": {"role": "assistant", "content": "", "refusal": None},
        "logprobs": None,
        "finish_reason": None,
    }
    assert middle[0]["choices"][0]["delta"] == {"content": "Hello"}
    assert last["choices"][0]["delta"] == {}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert all("usage" not in chunk and "obfuscation" in chunk for chunk in [first, *middle, last])


def test_usage_is_null_until_the_chunk_without_choices(client: OpenAI) -> None:
    options: Any = {"include_usage": True}
    stream = client.chat.completions.create(
        model="gpt-4o", messages=GREETING, stream=True, stream_options=options
    )
    *earlier, last = [members_of(chunk) for chunk in all_valid(stream)]

    assert all(chunk["usage"] is None for chunk in earlier)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + 9


def test_tool_call_is_the_same_whole_streamed_and_through_the_helper(client: OpenAI) -> None:
    asked: Any = {"model": "gpt-4o", "messages": GREETING, "tools": [CHAT_TOOL]}
    whole = valid(client.chat.completions.create(**asked)).choices[0]
    chunks = all_valid(client.chat.completions.create(**asked, stream=True))
    with client.chat.completions.stream(**asked) as stream:
        stream.until_done()
        helped = stream.get_final_completion().choices[0]

    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    arguments = '{"location":"Paris, France","unit":"celsius"}'
    assert whole.finish_reason == helped.finish_reason == "tool_calls"
    assert [members_of(call)["function"]["arguments"] for call in whole.message.tool_calls] == [arguments]
    assert [call.function.arguments for call in helped.message.tool_calls or []] == [arguments]
    assert "".join(call.function.arguments for call in calls) == arguments
    assert calls[1].to_dict() == {"index": 0, "function": {"arguments": '{"'}}


def test_parallel_tool_calls(client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "The weather in two places, in parallel."}]
    with client.chat.completions.stream(model="gpt-4o", messages=asked, tools=[CHAT_TOOL]) as stream:
        stream.until_done()
        calls = stream.get_final_completion().choices[0].message.tool_calls

    assert [call.function.name for call in calls or []] == ["get_weather", "get_weather"]


def test_tool_output_is_used(client: OpenAI) -> None:
    messages: Any = [*GREETING, {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"}]
    completion = client.chat.completions.create(model="gpt-4o", messages=messages, tools=[CHAT_TOOL])

    assert completion.choices[0].message.content == "The tool says: 21 degrees"


def test_several_choices_are_mixed_in_a_stream(client: OpenAI) -> None:
    chunks = all_valid(client.chat.completions.create(model="gpt-4o", messages=GREETING, n=2, stream=True))
    indexes = [chunk.choices[0].index for chunk in chunks]

    assert indexes[:4] == [0, 1, 0, 1]
    assert len(valid(client.chat.completions.create(model="gpt-4o", messages=GREETING, n=3)).choices) == 3


def test_logprobs(client: OpenAI) -> None:
    asked: Any = {"model": "gpt-4o", "messages": GREETING, "logprobs": True, "top_logprobs": 2}
    whole = valid(client.chat.completions.create(**asked)).choices[0].logprobs
    chunks = all_valid(client.chat.completions.create(**asked, stream=True))

    streamed = [
        token for chunk in chunks if chunk.choices[0].logprobs for token in chunk.choices[0].logprobs.content
    ]
    assert whole.content == streamed
    assert len(whole.content[0].top_logprobs) == 2


def test_structured_output_fits_the_schema(client: OpenAI) -> None:
    class Weather(BaseModel):
        location: str
        degrees: float

    parsed = client.chat.completions.parse(model="gpt-4o", messages=GREETING, response_format=Weather)

    assert parsed.choices[0].message.parsed == Weather(location="Paris, France", degrees=21.5)


def test_refusal(client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "please refuse"}]
    with client.chat.completions.stream(model="gpt-4o", messages=asked) as stream:
        stream.until_done()
        message = stream.get_final_completion().choices[0].message

    assert message.refusal == "I'm sorry, I can't assist with that request."
    assert message.content is None


def test_stored_completion_can_be_fetched(client: OpenAI) -> None:
    made = client.chat.completions.create(
        model="gpt-4o", messages=GREETING, store=True, metadata={"run": "1"}
    )

    assert valid(client.chat.completions.retrieve(made.id)).id == made.id
    assert made.id in [one.id for one in client.chat.completions.list()]
    assert [message.content for message in client.chat.completions.messages.list(made.id)] == ["Hello"]
    updated = client.chat.completions.update(made.id, metadata={"run": "2"})
    assert members_of(updated)["metadata"] == {"run": "2"}
    assert valid(client.chat.completions.delete(made.id)).deleted


def test_long_answers_have_as_many_chunks_as_asked(client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "Write 500 words."}]
    chunks = client.chat.completions.create(model="gpt-4o", messages=asked, stream=True)

    assert sum(bool(chunk.choices[0].delta.content) for chunk in chunks) == 500


def test_legacy_completion(client: OpenAI) -> None:
    whole = valid(client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hello"))
    chunks = list(client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hello", stream=True))

    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]


def test_embeddings_are_the_same_as_numbers_and_as_base64(client: OpenAI) -> None:
    asked: Any = embeddings_body(["one", "two"])
    numbers = valid(client.embeddings.create(**asked, encoding_format="float")).data
    encoded = client.embeddings.create(**asked).data

    assert numbers[1].embedding == pytest.approx(encoded[1].embedding, rel=1e-6)
    assert len(numbers[0].embedding) == 1536
    assert len(client.embeddings.create(**asked, dimensions=256).data[0].embedding) == 256


def test_models(client: OpenAI) -> None:
    listed = all_valid(client.models.list())

    assert valid(client.models.retrieve("gpt-4o")) in listed
    with pytest.raises(openai.NotFoundError, match="The model 'none' does not exist"):
        client.models.retrieve("none")


def test_moderations(client: OpenAI) -> None:
    results = valid(client.moderations.create(input=["Hello", "I will kill it"])).results

    assert [result.flagged for result in results] == [False, True]


@pytest.mark.parametrize(
    ("scenario", "raised"),
    [
        ("bad-request", openai.BadRequestError),
        ("unauthorized", openai.AuthenticationError),
        ("forbidden", openai.PermissionDeniedError),
        ("not-found", openai.NotFoundError),
        ("conflict", openai.ConflictError),
        ("unprocessable", openai.UnprocessableEntityError),
        ("rate-limited", openai.RateLimitError),
        ("server-error", openai.InternalServerError),
        ("overloaded", openai.InternalServerError),
        ("gateway-error", openai.InternalServerError),
    ],
)
def test_failures_raise_what_the_api_makes_raise(
    client: OpenAI, scenario: str, raised: type[Exception]
) -> None:
    asked: Any = [{"role": "user", "content": f"[scenario: {scenario}]"}]

    with pytest.raises(raised):
        client.with_options(max_retries=0).chat.completions.create(model="gpt-4o", messages=asked)


def test_retried_failure_succeeds(client: OpenAI, upstream: Upstream) -> None:
    before = len(upstream.requests)
    asked: Any = [{"role": "user", "content": "Hello [scenario: server-error-twice]"}]
    completion = client.with_options(max_retries=2).chat.completions.create(model="gpt-4o", messages=asked)

    assert completion.choices[0].message.content
    assert len(upstream.requests) - before == 3


def test_error_event_in_a_stream(client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "[scenario: error-event]"}]
    stream = client.chat.completions.create(model="gpt-4o", messages=asked, stream=True)

    with pytest.raises(openai.APIError, match="The server had an error"):
        list(stream)


def test_response(client: OpenAI) -> None:
    response = valid(client.responses.create(model="gpt-4.1", input="Hello"))

    assert response.output_text == "Hello! How can I assist you today?"


RESPONSE_REQUESTS: dict[str, dict[str, Any]] = {
    "text": {"input": "Hello"},
    "reasoning": {"input": "Hello", "reasoning": {"effort": "low", "summary": "auto"}},
    "function call": {"input": "Hello", "tools": [RESPONSE_TOOL]},
    "parallel function calls": {"input": "Hello, in parallel", "tools": [RESPONSE_TOOL]},
    "custom tool call": {"input": "Hello", "tools": [{"type": "custom", "name": "any"}]},
    "web search": {"input": "Hello", "tools": [{"type": "web_search"}]},
    "file search": {"input": "Hello", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    "code interpreter": {"input": "6*7", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
    "image generation": {"input": "a tape", "tools": [{"type": "image_generation"}]},
    "mcp": {"input": "Hello", "tools": [{"type": "mcp", "server_label": "wiki", "server_url": "https://a"}]},
    "refusal": {"input": "please refuse"},
    "cut short": {"input": "Hello", "max_output_tokens": 4},
    "background": {"input": "Hello", "background": True},
}


@pytest.mark.parametrize("asked", RESPONSE_REQUESTS.values(), ids=list(RESPONSE_REQUESTS))
def test_streamed_response_adds_up_to_the_response(client: OpenAI, asked: dict[str, Any]) -> None:
    events = list(client.responses.create(model="gpt-4.1", stream=True, **asked))
    last = events[-1].response

    for event in events:
        # The package wants a `name` in this one, which the API does not send.
        if event.type != "response.function_call_arguments.done":
            TypeAdapter(ResponseStreamEvent).validate_python(event.to_dict(mode="json"))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == last.output_text


@pytest.mark.parametrize(
    ("scenario", "last"), [("response-failed", "response.failed"), ("response-error-event", "error")]
)
def test_streamed_response_that_fails(client: OpenAI, scenario: str, last: str) -> None:
    events = all_valid(client.responses.create(model="gpt-4.1", input=f"[scenario: {scenario}]", stream=True))

    assert events[-1].type == last


def test_response_helper_and_chain(client: OpenAI) -> None:
    with client.responses.stream(model="gpt-4.1", input="Hello") as stream:
        first = stream.get_final_response()
    second = valid(client.responses.create(model="gpt-4.1", input="haiku", previous_response_id=first.id))

    assert second.previous_response_id == first.id
    with pytest.raises(openai.BadRequestError, match="Previous response with id 'resp_none' not found"):
        client.responses.create(model="gpt-4.1", input="Hello", previous_response_id="resp_none")


def test_stored_response(client: OpenAI) -> None:
    made = client.responses.create(model="gpt-4.1", input="Hello")
    assert client.responses.retrieve(made.id).to_dict() == made.to_dict()
    resumed = client.responses.retrieve(made.id, stream=True, starting_after=3)

    assert next(iter(resumed)).sequence_number == 4
    assert len(list(client.responses.input_items.list(made.id))) == 1
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_background_response_is_done_at_the_third_look(client: OpenAI) -> None:
    made = client.responses.create(model="gpt-4.1", input="Hello", background=True)
    polls = [client.responses.retrieve(made.id).status for _ in range(4)]

    assert made.status == "queued"
    assert polls == ["queued", "in_progress", "completed", "completed"]
    assert client.responses.cancel(made.id).status == "cancelled"


def test_conversation(client: OpenAI) -> None:
    made = valid(client.conversations.create(items=[{"type": "message", "role": "user", "content": "Hello"}]))
    client.conversations.items.create(made.id, items=[{"type": "message", "role": "user", "content": "More"}])
    items = list(client.conversations.items.list(made.id))
    response: Response = valid(client.responses.create(model="gpt-4.1", input="Hi", conversation=made.id))

    assert len(items) == 2
    assert response.conversation
    assert response.conversation.id == made.id
    client.conversations.items.delete(items[0].id or "", conversation_id=made.id)
    assert len(list(client.conversations.items.list(made.id))) == 1
    assert valid(client.conversations.delete(made.id)).deleted


def test_images(client: OpenAI) -> None:
    images = valid(client.images.generate(model="gpt-image-1", prompt="a tape", n=2)).data or []
    linked = valid(client.images.generate(model="dall-e-2", prompt="a tape")).data or []
    edited = valid(client.images.edit(model="gpt-image-1", image=("a.png", b"\x89PNG"), prompt="b"))

    assert [bool(image.b64_json) for image in images] == [True, True]
    assert linked[0].url
    assert edited.data
    assert edited.data[0].b64_json


def test_streamed_images(client: OpenAI) -> None:
    events = all_valid(client.images.generate(model="gpt-image-1", prompt="a", stream=True, partial_images=2))

    kinds = ["image_generation.partial_image", "image_generation.partial_image", "image_generation.completed"]
    assert [event.type for event in events] == kinds


def test_streamed_image_edits(client: OpenAI) -> None:
    file = ("a.png", b"\x89PNG")
    events = all_valid(
        client.images.edit(model="gpt-image-1", image=file, prompt="b", stream=True, partial_images=1)
    )

    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]


def test_speech_as_events(client: OpenAI) -> None:
    asked: Any = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello"}
    spoken = client.audio.speech.create(**asked)
    with client.audio.speech.with_streaming_response.create(**asked, stream_format="sse") as stream:
        events = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line]

    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == spoken.content
    assert events[-1]["type"] == "speech.audio.done"


def test_speech_is_binary(client: OpenAI) -> None:
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello", response_format="wav")

    assert spoken.content[:4] == b"RIFF"
    assert spoken.response.headers["content-type"] == "audio/wav"


def test_transcription(client: OpenAI) -> None:
    file = ("hello.wav", b"RIFF and so on")
    written = valid(client.audio.transcriptions.create(model="whisper-1", file=file))
    text = client.audio.transcriptions.create(model="whisper-1", file=file, response_format="text")
    long = client.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json")
    events = all_valid(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=file, stream=True))

    assert written.text == "This is what 14 bytes of hello.wav say."
    assert text == written.text + "\n"
    assert valid(long).text == written.text
    assert "".join(event.delta for event in events[:-1]) == events[-1].text  # type: ignore[union-attr]


def test_files_are_kept_listed_in_pages_and_deleted(client: OpenAI) -> None:
    made = [
        valid(client.files.create(file=(f"{number}.jsonl", b"\xff\n%d" % number), purpose="batch"))
        for number in range(5)
    ]
    listed = all_valid(client.files.list(limit=2, purpose="batch"))

    assert [file.id for file in listed] == [file.id for file in reversed(made)]
    assert client.files.content(made[3].id).content == b"\xff\n3"
    assert valid(client.files.delete(made[0].id)).deleted
    with pytest.raises(openai.NotFoundError, match=f"No such File object: '{made[0].id}'"):
        client.files.retrieve(made[0].id)


def test_upload_in_parts(client: OpenAI) -> None:
    upload = valid(
        client.uploads.create(bytes=6, filename="a.txt", mime_type="text/plain", purpose="assistants")
    )
    parts = [valid(client.uploads.parts.create(upload.id, data=data)).id for data in (b"abc", b"def")]
    done = valid(client.uploads.complete(upload.id, part_ids=parts))

    assert done.file
    assert client.files.content(done.file.id).content == b"abcdef"


def test_batch_advances_and_answers_into_a_file(client: OpenAI) -> None:
    line = b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[]}}'
    file = client.files.create(file=("in.jsonl", line), purpose="batch")
    batch = valid(
        client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    )
    states = [valid(client.batches.retrieve(batch.id)).status for _ in range(3)]
    output = client.batches.retrieve(batch.id).output_file_id

    assert states == ["in_progress", "finalizing", "completed"]
    assert b'"custom_id": "a"' in client.files.content(output or "").content
    assert len(list(client.batches.list())) == 1
    assert valid(client.batches.cancel(batch.id)).status == "cancelling"


def test_vector_store(client: OpenAI) -> None:
    file = client.files.create(file=("a.txt", b"rings"), purpose="assistants")
    store = valid(client.vector_stores.create(name="planets"))
    attached = valid(client.vector_stores.files.create(store.id, file_id=file.id))
    batch = valid(client.vector_stores.file_batches.create(store.id, file_ids=[file.id]))

    assert attached.status == batch.status == "in_progress"
    assert valid(client.vector_stores.files.retrieve(file.id, vector_store_id=store.id)).status == "completed"
    assert client.vector_stores.file_batches.retrieve(
        batch.id, vector_store_id=store.id
    ).file_counts.completed
    assert all_valid(client.vector_stores.search(store.id, query="rings"))[0].content[0].text == "rings"
    assert next(iter(client.vector_stores.files.content(file.id, vector_store_id=store.id))).text == "rings"
    assert valid(client.vector_stores.delete(store.id)).deleted


def test_fine_tuning(client: OpenAI) -> None:
    # Not `valid`: the package wants members in `error`, which the API leaves empty where there is none.
    job = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-a")
    states = [client.fine_tuning.jobs.retrieve(job.id).status for _ in range(3)]

    assert states == ["queued", "running", "succeeded"]
    assert len(all_valid(client.fine_tuning.jobs.list_events(job.id, limit=2))) == 4
    assert all_valid(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"


@pytest.mark.filterwarnings("ignore:The Assistants API is deprecated:DeprecationWarning")
def test_assistant_run_streams_to_its_end(client: OpenAI) -> None:
    assistant = valid(client.beta.assistants.create(model="gpt-4o", instructions="Be brief."))
    asked: Any = {"messages": [{"role": "user", "content": "Hello"}]}
    events = all_valid(
        client.beta.threads.create_and_run(assistant_id=assistant.id, thread=asked, stream=True)
    )

    assert [event.event for event in events][:4] == [
        "thread.created",
        "thread.run.created",
        "thread.run.queued",
        "thread.run.in_progress",
    ]
    assert events[-1].event == "thread.run.completed"
    assert events[-1].data.usage


@pytest.mark.filterwarnings("ignore:The Assistants API is deprecated:DeprecationWarning")
def test_assistant_run_waits_for_its_tool(client: OpenAI) -> None:
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[CHAT_TOOL], instructions="Be brief.")
    thread = valid(client.beta.threads.create(messages=GREETING))
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        stream.until_done()
        run = stream.current_run
    assert run
    assert run.required_action
    call = run.required_action.submit_tool_outputs.tool_calls[0]

    done = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=thread.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "21 degrees"}],
        poll_interval_ms=1,
    )

    assert call.function.name == "get_weather"
    assert valid(done).status == "completed"
    assert [one.role for one in client.beta.threads.messages.list(thread.id)] == ["assistant", "user"]
    assert len(all_valid(client.beta.threads.runs.steps.list(run.id, thread_id=thread.id))) == 2


@pytest.mark.parametrize("host", ["ollama.example", "vllm.example", "openrouter.ai", "a.openai.azure.com"])
@pytest.mark.parametrize("tools", [{}, {"tools": [CHAT_TOOL]}], ids=["text", "tools"])
def test_compatible_hosts_are_understood(client: OpenAI, host: str, tools: Any) -> None:
    at_host = client.with_options(default_headers={"Host": host})
    asked: Any = {"model": "some-model", "messages": GREETING, **tools}
    whole = at_host.chat.completions.create(**asked).choices[0]
    stream = at_host.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    choices = [choice for chunk in stream for choice in chunk.choices]

    assert "".join(choice.delta.content or "" for choice in choices) == (whole.message.content or "")
    assert whole.finish_reason in [choice.finish_reason for choice in choices]


def test_azure_deployment_is_the_model(client: OpenAI) -> None:
    raw = client.with_options(default_headers={"Host": "a.openai.azure.com"})
    url = str(client.base_url).replace("/v1/", "/openai/deployments/gpt-4o/")
    at_azure = raw.with_options(base_url=url, default_query={"api-version": "2024-10-21"})
    completion = at_azure.chat.completions.create(model="ignored", messages=GREETING)

    assert completion.to_dict()["prompt_filter_results"]


def test_unknown_paths_are_refused_as_the_api_does(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(GET /v1/nothing\)"):
        client.get("/nothing", cast_to=object)


def test_a_fault_of_the_upstream_is_an_answer(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError, match="The mock API failed: KeyError"):
        client.with_options(max_retries=0).post("/vector_stores/vs_1/files", body={}, cast_to=object)


def test_invalid_key(client: OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key provided"):
        client.with_options(api_key="sk-invalid").models.list()


def test_messages_of_another_vendor(client: OpenAI) -> None:
    asked = streamed_chat_body("Hello", model="claude")
    with client._client.stream("POST", client.base_url.join("messages"), json=asked) as response:
        lines = [line for line in response.iter_lines() if line.startswith("event: ")]

    assert lines[:3] == ["event: message_start", "event: content_block_start", "event: ping"]
    assert lines[-1] == "event: message_stop"
