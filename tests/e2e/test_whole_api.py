"""Every endpoint: a client gets the same in replay as while recording, as objects and on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from openai import OpenAI

from openai_replay.mock.dispatch import ROUTES
from support.both import Both, Seen, assert_same_on_wire, both, shown
from support.node import node
from support.requests import embeddings_body, response_body

GREETING: Any = [{"role": "user", "content": "Hello"}]
WEATHER = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
CHAT_TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
RESPONSE_TOOL: Any = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}
PICTURE = ("a.png", b"\x89PNG\r\n\x1a\n and so on")
SOUND = ("hello.wav", b"RIFF\x00\xff and so on")
BATCH_LINE = (
    b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[]}}'
)

Session = Callable[[OpenAI], Any]
SeenOf = Callable[[str], tuple[Seen[Any], Seen[Any]]]
SESSIONS: dict[str, Session] = {}


def session(act: Session) -> Session:
    """Let this be done while recording and in replay; it returns the content of the client's objects."""
    SESSIONS[act.__name__] = act
    return act


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with both(tmp_path_factory.mktemp("whole-api")) as proxies:
        yield proxies


@session
def chat_completions(client: OpenAI) -> Any:
    create = client.chat.completions.create
    usage: Any = {"include_usage": True}
    for asked in (
        {"messages": GREETING},
        {"messages": GREETING, "tools": [CHAT_TOOL]},
        {"messages": [{"role": "user", "content": "in parallel"}], "tools": [CHAT_TOOL]},
        {"messages": [{"role": "user", "content": "please refuse"}]},
        {"messages": GREETING, "logprobs": True, "top_logprobs": 2, "n": 2},
    ):
        typed: Any = {"model": "gpt-4o", **asked}
        yield create(**typed)
        yield list(create(**typed, stream=True))
        yield list(create(**typed, stream=True, stream_options=usage))


@session
def chat_completion_helpers(client: OpenAI) -> Any:
    with client.chat.completions.stream(model="gpt-4o", messages=GREETING, tools=[CHAT_TOOL]) as stream:
        yield [event.type for event in stream]
        yield stream.get_final_completion()


@session
def stored_chat_completions(client: OpenAI) -> Any:
    made = client.chat.completions.create(
        model="gpt-4o", messages=GREETING, store=True, metadata={"run": "1"}
    )
    yield made.id
    yield client.chat.completions.retrieve(made.id)
    yield made.id in [one.id for one in client.chat.completions.list()]
    yield list(client.chat.completions.messages.list(made.id))
    yield client.chat.completions.update(made.id, metadata={"run": "2"})
    yield client.chat.completions.delete(made.id)


@session
def legacy_completions(client: OpenAI) -> Any:
    yield client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hello")
    yield list(client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hello", stream=True))


@session
def embeddings(client: OpenAI) -> Any:
    asked: Any = embeddings_body(["one", "two"])
    yield client.embeddings.create(**asked, encoding_format="float", dimensions=64)
    yield client.embeddings.create(**asked)
    yield client.embeddings.create(**asked, encoding_format="base64", dimensions=8)


@session
def models(client: OpenAI) -> Any:
    yield list(client.models.list())
    yield client.models.retrieve("gpt-4o")
    yield client.models.delete("ft:gpt-4o-mini:org::1")


@session
def moderations(client: OpenAI) -> Any:
    yield client.moderations.create(input=["Hello", "I will kill it"])


RESPONSES: tuple[dict[str, Any], ...] = (
    {"input": "Hello"},
    {"input": "Hello", "reasoning": {"effort": "low", "summary": "auto"}},
    {"input": "Hello", "tools": [RESPONSE_TOOL]},
    {"input": "Hello, in parallel", "tools": [RESPONSE_TOOL]},
    {"input": "Hello", "tools": [{"type": "custom", "name": "any"}]},
    {"input": "Hello", "tools": [{"type": "web_search"}]},
    {"input": "Hello", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    {"input": "6*7", "tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
    {"input": "a tape", "tools": [{"type": "image_generation"}]},
    {"input": "Hello", "tools": [{"type": "mcp", "server_label": "wiki", "server_url": "https://a"}]},
    {"input": "please refuse"},
    {"input": "Hello", "max_output_tokens": 4},
    {"input": "Hello", "text": {"format": {"type": "json_schema", "name": "w", "schema": WEATHER}}},
)


@session
def responses(client: OpenAI) -> Any:
    for asked in RESPONSES:
        yield client.responses.create(model="gpt-4.1", **asked)


@session
def streamed_responses(client: OpenAI) -> Any:
    for asked in RESPONSES:
        yield list(client.responses.create(model="gpt-4.1", stream=True, **asked))


@session
def chained_responses(client: OpenAI) -> Any:
    with client.responses.stream(model="gpt-4.1", input="Hello") as stream:
        first = stream.get_final_response()
    second = client.responses.create(model="gpt-4.1", input="haiku", previous_response_id=first.id)
    third = list(
        client.responses.create(model="gpt-4.1", input="Hi", previous_response_id=second.id, stream=True)
    )
    yield [first, second, third]
    yield client.responses.retrieve(second.id)
    yield list(client.responses.retrieve(second.id, stream=True, starting_after=3))
    yield list(client.responses.input_items.list(second.id))
    client.responses.delete(second.id)
    yield client.responses.input_tokens.count(model="gpt-4.1", input="Hello")


@session
def background_responses(client: OpenAI) -> Any:
    made = client.responses.create(model="gpt-4.1", input="Hello", background=True)
    yield [made, *(client.responses.retrieve(made.id) for _ in range(5))]
    yield client.responses.cancel(made.id)


@session
def conversations(client: OpenAI) -> Any:
    made = client.conversations.create(items=[{"type": "message", "role": "user", "content": "Hello"}])
    yield made
    more: Any = [{"type": "message", "role": "user", "content": "More"}]
    yield client.conversations.items.create(made.id, items=more)
    yield list(client.conversations.items.list(made.id, limit=1))
    yield client.responses.create(model="gpt-4.1", input="Hi", conversation=made.id)
    item = client.conversations.items.list(made.id).data[0].id or ""
    yield client.conversations.items.retrieve(item, conversation_id=made.id)
    yield client.conversations.items.delete(item, conversation_id=made.id)
    yield client.conversations.update(made.id, metadata={"run": "1"})
    yield client.conversations.retrieve(made.id)
    yield client.conversations.delete(made.id)


@session
def images(client: OpenAI) -> Any:
    yield client.images.generate(model="gpt-image-1", prompt="a tape", n=2)
    yield client.images.generate(model="dall-e-2", prompt="a tape")
    yield client.images.edit(model="gpt-image-1", image=PICTURE, prompt="b")
    yield client.images.create_variation(image=PICTURE)
    yield list(client.images.generate(model="gpt-image-1", prompt="a", stream=True, partial_images=2))
    yield list(
        client.images.edit(
            model="gpt-image-1", image=[PICTURE, PICTURE], prompt="b", stream=True, partial_images=1
        )
    )


@session
def speech(client: OpenAI) -> Any:
    asked: Any = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello"}
    for kind in ("mp3", "wav", "pcm", "opus", "aac", "flac"):
        yield client.audio.speech.create(**asked, response_format=kind).content
    with client.audio.speech.with_streaming_response.create(**asked, stream_format="sse") as stream:
        yield list(stream.iter_lines())


@session
def transcriptions(client: OpenAI) -> Any:
    for kind in ("json", "text", "srt", "vtt", "verbose_json"):
        typed: Any = kind
        yield client.audio.transcriptions.create(model="whisper-1", file=SOUND, response_format=typed)
    yield list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND, stream=True))
    yield client.audio.translations.create(model="whisper-1", file=SOUND)


@session
def files(client: OpenAI) -> Any:
    made = [
        client.files.create(file=(f"{number}.jsonl", b"\xff\n%d" % number), purpose="batch")
        for number in range(5)
    ]
    yield made
    yield list(client.files.list(limit=2, purpose="batch"))
    yield [client.files.retrieve(made[3].id), client.files.content(made[3].id).content]
    yield client.files.delete(made[0].id)


@session
def uploads(client: OpenAI) -> Any:
    made = client.uploads.create(bytes=6, filename="a.txt", mime_type="text/plain", purpose="assistants")
    parts = [client.uploads.parts.create(made.id, data=data) for data in (b"abc", b"def")]
    yield [made, *parts]
    yield client.uploads.complete(made.id, part_ids=[part.id for part in parts])
    other = client.uploads.create(bytes=1, filename="b.txt", mime_type="text/plain", purpose="assistants")
    yield client.uploads.cancel(other.id)


@session
def batches(client: OpenAI) -> Any:
    file = client.files.create(file=("in.jsonl", BATCH_LINE), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    polls = [client.batches.retrieve(made.id) for _ in range(4)]
    yield [made, *polls]
    yield client.files.content(polls[-1].output_file_id or "").content
    yield list(client.batches.list())
    yield client.batches.cancel(made.id)


@session
def vector_stores(client: OpenAI) -> Any:
    file = client.files.create(file=("a.txt", b"rings"), purpose="assistants")
    store = client.vector_stores.create(name="planets")
    yield [store, client.vector_stores.files.create(store.id, file_id=file.id)]
    group = client.vector_stores.file_batches.create(store.id, file_ids=[file.id])
    yield client.vector_stores.files.retrieve(file.id, vector_store_id=store.id)
    yield client.vector_stores.file_batches.retrieve(group.id, vector_store_id=store.id)
    yield list(client.vector_stores.file_batches.list_files(group.id, vector_store_id=store.id))
    yield client.vector_stores.file_batches.cancel(group.id, vector_store_id=store.id)
    yield list(client.vector_stores.list())
    yield client.vector_stores.update(store.id, name="moons")
    yield client.vector_stores.retrieve(store.id)
    yield list(client.vector_stores.search(store.id, query="rings"))
    yield list(client.vector_stores.files.list(store.id))
    yield client.vector_stores.files.update(
        file.id, vector_store_id=store.id, attributes={"a": 1.5, "b": True}
    )
    yield list(client.vector_stores.files.content(file.id, vector_store_id=store.id))
    yield client.vector_stores.files.delete(file.id, vector_store_id=store.id)
    yield client.vector_stores.delete(store.id)


@session
def fine_tuning(client: OpenAI) -> Any:
    made = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-a")
    yield [made, *(client.fine_tuning.jobs.retrieve(made.id) for _ in range(4))]
    yield list(client.fine_tuning.jobs.list_events(made.id, limit=2))
    yield list(client.fine_tuning.jobs.checkpoints.list(made.id))
    yield list(client.fine_tuning.jobs.list(limit=1))
    yield client.fine_tuning.jobs.pause(made.id)
    yield client.fine_tuning.jobs.resume(made.id)
    yield client.fine_tuning.jobs.cancel(made.id)


@session
def assistants(client: OpenAI) -> Any:
    assistant = client.beta.assistants.create(model="gpt-4o", instructions="Be brief.", tools=[CHAT_TOOL])
    asked: Any = {"messages": [{"role": "user", "content": "Hello"}]}
    yield list(client.beta.threads.create_and_run(assistant_id=assistant.id, thread=asked, stream=True))
    thread = client.beta.threads.create(messages=GREETING)
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        yield list(stream)
        run = stream.current_run
    assert run is not None
    assert run.required_action is not None
    call = run.required_action.submit_tool_outputs.tool_calls[0]
    yield client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=thread.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "21 degrees"}],
        poll_interval_ms=1,
    )
    steps = list(client.beta.threads.runs.steps.list(run.id, thread_id=thread.id))
    yield steps
    yield client.beta.threads.runs.steps.retrieve(steps[0].id, run_id=run.id, thread_id=thread.id)
    yield client.beta.threads.runs.update(run.id, thread_id=thread.id, metadata={"run": "1"})
    yield list(client.beta.threads.runs.list(thread.id))
    other = client.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
    yield [other, client.beta.threads.runs.cancel(other.id, thread_id=thread.id)]


@session
def threads(client: OpenAI) -> Any:
    assistant = client.beta.assistants.create(model="gpt-4o")
    yield client.beta.assistants.update(assistant.id, name="tape")
    yield client.beta.assistants.retrieve(assistant.id)
    yield list(client.beta.assistants.list())
    thread = client.beta.threads.create()
    yield client.beta.threads.update(thread.id, metadata={"run": "1"})
    yield client.beta.threads.retrieve(thread.id)
    messages = client.beta.threads.messages
    one = messages.create(thread.id, role="user", content="Hello")
    yield [one, messages.retrieve(one.id, thread_id=thread.id)]
    yield messages.update(one.id, thread_id=thread.id, metadata={"run": "1"})
    yield list(messages.list(thread.id))
    yield messages.delete(one.id, thread_id=thread.id)
    yield client.beta.threads.delete(thread.id)
    yield client.beta.assistants.delete(assistant.id)


@session
def realtime_calls(client: OpenAI) -> Any:
    made = client.realtime.calls.create(sdp="v=0\r\n")
    yield made.content
    call_id = made.response.headers["location"].rpartition("/")[2]
    client.realtime.calls.hangup(call_id)


def client_secrets(client: OpenAI) -> Any:
    """Ask for the one answer that replay does not give as it was: it is a key."""
    yield client.realtime.client_secrets.create(session={"type": "realtime", "model": "gpt-realtime"})


@session
def messages_of_another_vendor(client: OpenAI) -> Any:
    asked = {"model": "claude", "messages": GREETING}
    yield client.post("/messages", body=asked, cast_to=object)
    with client._client.stream(
        "POST", client.base_url.join("messages"), json={**asked, "stream": True}
    ) as response:
        yield list(response.iter_lines())


@pytest.fixture(scope="module")
def seen(proxies: Both) -> SeenOf:
    """Give the results of a session while recording and in replay; each is done once."""
    acts = {**SESSIONS, "client_secrets": client_secrets}
    done: dict[str, tuple[Seen[Any], Seen[Any]]] = {}

    def seen(name: str) -> tuple[Seen[Any], Seen[Any]]:
        if name not in done:
            done[name] = proxies.twice(lambda client: [shown(one) for one in acts[name](client)], name)
        return done[name]

    return seen


pytestmark = pytest.mark.filterwarnings("ignore:The Assistants API is deprecated:DeprecationWarning")


@pytest.mark.parametrize("name", SESSIONS)
def test_replay_is_what_was_recorded(name: str, seen: SeenOf) -> None:
    recorded, replayed = seen(name)

    assert replayed.result == recorded.result
    assert_same_on_wire(recorded.wires, replayed.wires)


def test_a_client_secret_is_replayed_without_its_key(seen: SeenOf) -> None:
    recorded, replayed = seen("client_secrets")
    [(kind, said, fields)] = recorded.result

    assert said["value"].startswith("ek_")
    assert replayed.result == [(kind, {**said, "value": "REDACTED"}, fields)]


def test_no_endpoint_is_left_out(seen: SeenOf) -> None:
    wires = [wire for name in (*SESSIONS, "client_secrets") for wire in seen(name)[0].wires]
    unasked = [
        f"{route.method} {route.pattern}"
        for route in ROUTES
        if not any(
            wire.method == route.method and route.maybe_names(urlsplit(wire.url).path) is not None
            for wire in wires
        )
    ]

    assert unasked == []


CALLS = [
    [["chat", "completions", "create"], {"model": "gpt-4o", "messages": GREETING, "tools": [CHAT_TOOL]}],
    [["chat", "completions", "create"], {"model": "gpt-4o", "messages": GREETING, "stream": True}],
    [["responses", "create"], response_body("Hello", model="gpt-4.1", reasoning={"effort": "low"})],
    [
        ["responses", "create"],
        response_body("Hello", model="gpt-4.1", tools=[RESPONSE_TOOL], stream=True),
    ],
    [["images", "generate"], {"model": "gpt-image-1", "prompt": "a", "stream": True, "partial_images": 1}],
    [
        ["audio", "transcriptions", "create"],
        {"model": "gpt-4o-transcribe", "file": {"name": "a.wav", "text": "RIFF"}, "stream": True},
    ],
    [["audio", "speech", "create"], {"model": "tts-1", "voice": "alloy", "input": "Hello"}],
    [
        ["beta", "threads", "createAndRun"],
        {"assistant_id": "ASSISTANT", "thread": {"messages": GREETING}, "stream": True},
    ],
    [["files", "create"], {"file": {"name": "a.jsonl", "text": "{}\n"}, "purpose": "batch"}],
    [["embeddings", "create"], embeddings_body("one", dimensions=8)],
    [["models", "list"], {}],
]


def test_node_gets_the_same_objects(proxies: Both) -> None:
    made = proxies.seen(proxies.recorder, lambda client: client.beta.assistants.create(model="gpt-4o"), "")
    calls = json.loads(json.dumps(CALLS).replace("ASSISTANT", made.result.id))
    recorded = node(proxies.recorder, calls, test_id="node")
    proxies.recorder.ask("/report")
    replayed = node(proxies.replayer, calls, test_id="node")

    assert not [answer for answer in recorded if "error" in answer]
    assert [normalised(answer) for answer in replayed] == [normalised(answer) for answer in recorded]


def normalised(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {name: normalised(item) for name, item in value.items()}
        if str(plain.get("object", "")).startswith("chat.completion"):
            plain |= {"id": "id", "created": "created"}
        return plain
    return [normalised(item) for item in value] if isinstance(value, list) else value
