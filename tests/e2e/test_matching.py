"""The same request is the same in every language, and a request that could be answered otherwise is another one.

The forms below are the bodies that clients write for one request. Each family is recorded in its first form, and
every other one has to find that recording; then one place after the other is changed, and has to miss.
"""

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, Reply, answer_in_turn, said
from support.proxy import Proxy, proxy, recordings
from support.requests import CHAT_PATH, chat_body, form_body

TRANSCRIPTIONS = "/v1/audio/transcriptions"
JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Form:
    """The request of one client."""

    client: str
    body: bytes
    content_type: str | None = JSON_TYPE
    path: str = CHAT_PATH


def form(client: str, text: str, content_type: str | None = JSON_TYPE, path: str = CHAT_PATH) -> Form:
    return Form(client, text.encode(), content_type, path)


# A conversation with text outside ASCII, and a temperature that languages write as 1.0 or as 1.
CONVERSATION = (
    form(
        "Python (httpx)",
        '{"messages":[{"role":"system","content":"Kurz, bitte: ein Satz/Zeile."},'
        '{"role":"user","content":"Was heißt „東京“? 🗼"}],"model":"gpt-4o-mini","temperature":1.0,"top_p":0.5}',
    ),
    form(
        "Python, older httpx: spaces and escapes",
        json.dumps(
            {
                "messages": [
                    {"role": "system", "content": "Kurz, bitte: ein Satz/Zeile."},
                    {"role": "user", "content": "Was heißt „東京“? 🗼"},
                ],
                "model": "gpt-4o-mini",
                "temperature": 1.0,
                "top_p": 0.5,
            }
        ),
    ),
    form(
        "Node",
        '{"model":"gpt-4o-mini","messages":[{"role":"system","content":"Kurz, bitte: ein Satz/Zeile."},'
        '{"role":"user","content":"Was heißt „東京“? 🗼"}],"temperature":1,"top_p":0.5}',
    ),
    form(
        "LangChain in Python: stream false, content before role",
        '{"model":"gpt-4o-mini","stream":false,"messages":[{"content":"Kurz, bitte: ein Satz/Zeile.","role":"system"},'
        '{"content":"Was heißt „東京“? 🗼","role":"user"}],"temperature":1.0,"top_p":0.5}',
    ),
    form(
        "Go: keys in order, HTML escapes",
        '{"messages":[{"content":"Kurz, bitte: ein Satz/Zeile.","role":"system"},'
        '{"content":"Was heißt „東京“? 🗼","role":"user"}],"model":"gpt-4o-mini","temperature":1,"top_p":5e-1}',
        "application/json; charset=utf-8",
    ),
    form(
        "Java: a surrogate pair for what is beyond the first plane",
        '{"messages":[{"content":"Kurz, bitte: ein Satz/Zeile.","role":"system"},'
        '{"content":"Was heißt „東京“? \\uD83D\\uDDFC","role":"user"}],'
        '"model":"gpt-4o-mini","temperature":1.0,"top_p":0.50}',
    ),
    form(
        "Rust: absent options as null",
        '{"messages":[{"role":"system","content":"Kurz, bitte: ein Satz/Zeile.","name":null},'
        '{"role":"user","content":"Was heißt „東京“? 🗼","name":null}],"model":"gpt-4o-mini","stop":null,'
        '"temperature":1.0,"top_p":0.5,"stream":null,"tools":null}',
    ),
    form(
        "PHP: escaped slashes and letters",
        '{"model":"gpt-4o-mini","messages":[{"role":"system","content":"Kurz, bitte: ein Satz\\/Zeile."},'
        '{"role":"user","content":"Was hei\\u00dft \\u201e\\u6771\\u4eac\\u201c? \\ud83d\\uddfc"}],'
        '"temperature":1.0,"top_p":0.5}',
    ),
    form(
        "curl: a form's content type, and white space as a person writes it",
        '{\n  "model": "gpt-4o-mini",\n\t"temperature": 1e0, "top_p": 0.5,\r\n  "messages": [\n'
        '    {"role": "system", "content": "Kurz, bitte: ein Satz/Zeile."},\n'
        '    {"role": "user", "content": "Was heißt „東京“? 🗼"}\n  ]\n}\n',
        "application/x-www-form-urlencoded",
    ),
    form(
        "a client without content type",
        '{"messages":[{"role":"system","content":"Kurz, bitte: ein Satz/Zeile."},'
        '{"role":"user","content":"Was heißt „東京“? 🗼"}],"model":"gpt-4o-mini","temperature":1,"top_p":0.5}',
        None,
    ),
    form(
        "a base URL that ends in /v1, joined to a path that begins with it",
        '{"messages":[{"role":"system","content":"Kurz, bitte: ein Satz/Zeile."},'
        '{"role":"user","content":"Was heißt „東京“? 🗼"}],"model":"gpt-4o-mini","temperature":1,"top_p":0.5}',
        path="/v1/v1/chat/completions",
    ),
)

WEATHER = (
    form(
        "Python",
        '{"messages":[{"role":"user","content":"Wetter in Zürich?"}],"model":"gpt-4o-mini","seed":7,'
        '"tool_choice":"auto","tools":[{"type":"function","function":{"name":"get_weather","parameters":'
        '{"type":"object","properties":{"city":{"type":"string","default":null},"days":{"type":"number","minimum":1.0}}'
        ',"required":["city"],"additionalProperties":false}}}]}',
    ),
    form(
        "Go",
        '{"messages":[{"content":"Wetter in Zürich?","role":"user"}],"model":"gpt-4o-mini","seed":7,'
        '"tool_choice":"auto","tools":[{"function":{"name":"get_weather","parameters":{"additionalProperties":false,'
        '"properties":{"city":{"default":null,"type":"string"},"days":{"minimum":1,"type":"number"}},'
        '"required":["city"],"type":"object"}},"type":"function"}]}',
    ),
    form(
        "LangChain in JavaScript",
        '{"model":"gpt-4o-mini","seed":7,"stream":false,"tools":[{"type":"function","function":{"name":"get_weather",'
        '"parameters":{"type":"object","properties":{"city":{"type":"string","default":null},"days":{"type":"number",'
        '"minimum":1}},"required":["city"],"additionalProperties":false}}}],"tool_choice":"auto",'
        '"messages":[{"role":"user","content":"Wetter in Zürich?"}]}',
    ),
)

RESPONSE = (
    form(
        "Python",
        '{"input":"Grüße","model":"gpt-4o-mini","temperature":0.2}',
        path="/v1/responses",
    ),
    form(
        "Go",
        '{"temperature":0.20,"input":"Gr\\u00fc\\u00dfe","model":"gpt-4o-mini"}',
        path="/v1/responses",
    ),
    form(
        "LiteLLM, with what it leaves unset",
        '{"model":"gpt-4o-mini","input":"Grüße","tools":null,"stream":false,"temperature":0.2}',
        path="/v1/responses",
    ),
)

EMBEDDING = (
    form("Python", '{"input":["Zürich","東京"],"model":"text-embedding-3-small"}', path="/v1/embeddings"),
    form("Go", '{"input":["Zürich","東京"],"model":"text-embedding-3-small"}', path="/v1/embeddings"),
    form(
        "PHP",
        '{"model":"text-embedding-3-small","input":["Z\\u00fcrich","\\u6771\\u4eac"]}',
        path="/v1/embeddings",
    ),
)

SOUND = bytes(range(256)) * 40 + b"\r\n--not a boundary\r\n"


def multipart(client: str, boundary: str, parts: list[tuple[str, str, bytes]], quote: str = '"') -> Form:
    """Return a form of (name, the rest of its header, content); the header's lines end in CRLF."""
    body = form_body(boundary, *((f'name="{name}"{header}', content) for name, header, content in parts))
    content_type = f"multipart/form-data; boundary={quote}{boundary}{quote}"
    return Form(client, body, content_type, TRANSCRIPTIONS)


UPLOAD = (
    multipart(
        "Python: fields first, a bare boundary",
        "4f1c2b7de8a94a0e9f6d5c3b2a190807",
        [
            ("model", "", b"whisper-1"),
            ("temperature", "", b"0.0"),
            ("file", '; filename="Tonprobe ü.wav"\r\nContent-Type: audio/x-wav', SOUND),
        ],
        quote="",
    ),
    multipart(
        "Node: the file first, an octet stream",
        "----formdata-undici-068318249721",
        [
            ("file", '; filename="Tonprobe ü.wav"\r\nContent-Type: application/octet-stream', SOUND),
            ("model", "", b"whisper-1"),
            ("temperature", "", b"0"),
        ],
        quote="",
    ),
    multipart(
        "Go: sixty hex digits",
        "c0ffee" * 10,
        [
            ("file", '; filename="Tonprobe ü.wav"\r\nContent-Type: application/octet-stream', SOUND),
            ("temperature", "", b"0"),
            ("model", "", b"whisper-1"),
        ],
        quote="",
    ),
    multipart(
        "Java: each part says its length",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        [
            ("temperature", "\r\nContent-Length: 3", b"0.0"),
            ("model", "\r\nContent-Length: 9", b"whisper-1"),
            (
                "file",
                f'; filename="Tonprobe ü.wav"\r\nContent-Type: audio/wav\r\nContent-Length: {len(SOUND)}',
                SOUND,
            ),
        ],
    ),
    multipart(
        "Rust: four hexadecimal numbers",
        "a1b2c3d4e5f60718-1122334455667788-99aabbccddeeff00-0123456789abcdef",
        [
            ("file", '; filename="Tonprobe ü.wav"\r\nContent-Type: audio/wav', SOUND),
            ("model", "", b"whisper-1"),
            ("temperature", "", b"0.0"),
        ],
        quote="",
    ),
    multipart(
        "PHP: a quoted boundary of Guzzle's, lengths and a type for fields",
        "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
        [
            ("model", "\r\nContent-Type: text/plain\r\nContent-Length: 9", b"whisper-1"),
            ("file", f'; filename="Tonprobe ü.wav"\r\nContent-Length: {len(SOUND)}', SOUND),
            ("temperature", "\r\nContent-Length: 1", b"0"),
        ],
    ),
    multipart(
        "curl: dashes, and the parts as they were given",
        "------------------------d74496d66958873e",
        [
            ("temperature", "", b"0"),
            ("file", '; filename="Tonprobe ü.wav"\r\nContent-Type: audio/wav', SOUND),
            ("model", "", b"whisper-1"),
        ],
        quote="",
    ),
)

FAMILIES = (CONVERSATION, WEATHER, RESPONSE, EMBEDDING, UPLOAD)

BATCH: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You are brief.", "name": "office"},
        {"role": "user", "content": [{"type": "text", "text": "Plan my day on March 3"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"day": 3}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "[]"},
    ],
    "temperature": 0.3,
    "max_completion_tokens": 100,
    "stop": ["\n"],
    "stream": True,
    "logprobs": False,
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "find",
                "strict": True,
                "parameters": {
                    "type": "object",
                    "properties": {
                        "day": {"type": ["integer", "null"], "enum": [1, 2, None], "default": None}
                    },
                },
            },
        }
    ],
    "metadata": {"run": "17"},
}


def send(client: BaseURL, sent: Form) -> Reply:
    return client.send(sent.body, sent.path, content_type=sent.content_type)


@dataclass
class Recorded:
    """A proxy that replays the recordings of each family's first form and of BATCH."""

    replayer: Proxy
    folder: Path
    upstream: Upstream
    answers: dict[Form, Reply]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    top = tmp_path_factory.mktemp("matching")
    folder = top / "recordings"
    options = (f"recording_dir={folder}",)
    with Upstream() as upstream:
        with proxy(
            top / "home", "recording_mode=record", *options, upstream=upstream, mode=REVERSE
        ) as recorder:
            with BaseURL(recorder) as client:
                answers = {family[0]: send(client, family[0]) for family in FAMILIES}
                assert client.send(BATCH).status == 200
                assert client.send(None, "/v1/models/gpt-4o").status == 200
                assert client.send(None, "/v1/files?limit=2&order=asc&purpose=").status == 200
        assert {reply.status for reply in answers.values()} == {200}
        with proxy(top / "home", *options, upstream=upstream, mode=REVERSE) as replayer:
            yield Recorded(replayer, folder, upstream, answers)


def without_new(value: Any) -> Any:
    """Return an answer without the members that a completion gets new each time it is recorded."""
    return {name: item for name, item in value.items() if name not in ("id", "created")}


def test_each_family_is_one_recording(recorded: Recorded) -> None:
    assert len(recordings(recorded.folder)) == len(FAMILIES) + 3


@pytest.mark.parametrize(
    ("first", "other"),
    [pytest.param(family[0], other, id=other.client) for family in FAMILIES for other in family],
)
def test_every_client_s_form_finds_the_recording(recorded: Recorded, first: Form, other: Form) -> None:
    connections = recorded.upstream.connections
    with BaseURL(recorded.replayer) as client:
        reply = send(client, other)
    assert reply.status == 200, reply.body
    assert without_new(reply.json()) == without_new(recorded.answers[first].json())
    assert recorded.upstream.connections == connections


def test_an_upload_of_other_bytes_or_under_another_name_misses(recorded: Recorded) -> None:
    first = UPLOAD[0].body
    changed = (
        first.replace(b"whisper-1", b"whisper-2"),
        first.replace(b"0.0", b"0.1"),
        first.replace("ü.wav".encode(), b"u.wav"),
        first.replace(b"\r\n--not a", b"\r\n--not b"),
        first.replace(SOUND, SOUND[:-1]),
        first.replace(SOUND, b""),
        first.replace(b'name="temperature"', b'name="temperatures"'),
    )
    with BaseURL(recorded.replayer) as client:
        for body in changed:
            assert body != first
            reply = client.send(body, TRANSCRIPTIONS, content_type=UPLOAD[0].content_type)
            assert reply.is_miss(), body[:300]


# --- misses ------------------------------------------------------------------------------------------------------


def test_another_method_path_or_query_misses(recorded: Recorded) -> None:
    with BaseURL(recorded.replayer) as client:
        assert client.send(BATCH).status == 200
        assert client.send(BATCH, method="PUT").is_miss()
        assert client.send(BATCH, "/v1/completions").is_miss()
        assert client.send(BATCH, "/v1/chat/completions/").is_miss()
        assert client.send(BATCH, "/v2/chat/completions").is_miss()
        assert client.send(BATCH, "/v1/chat/completions?api-version=1").is_miss()
        assert client.send(None, CHAT_PATH).is_miss()
        assert client.send(None, "/v1/models/gpt-4o-mini").is_miss()
        assert client.send(None, "/v1/models/gpt-4o", method="DELETE").is_miss()


def test_a_query_is_the_same_in_any_order_and_nothing_else(recorded: Recorded) -> None:
    with BaseURL(recorded.replayer) as client:
        assert client.send(None, "/v1/files?purpose=&order=asc&limit=2").status == 200
        for query in (
            "limit=2&order=asc",
            "limit=2&order=desc&purpose=",
            "limit=20&order=asc&purpose=",
            "limit=2&order=asc&purpose=&after=file-1",
            "",
        ):
            assert client.send(None, f"/v1/files?{query}").is_miss(), query


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in items:
        yield (*path, step)
        yield from places(item, (*path, step))


def holder_of(body: Any, place: tuple[Any, ...]) -> Any:
    for step in place[:-1]:
        body = body[step]
    return body


def other_values(value: Any, rng: random.Random) -> Iterator[Any]:
    """Yield values that are not the same as `value`, each a small step away from it or of another type."""
    match value:
        case bool():
            yield from (not value, int(value), str(value))
        case int() | float():
            yield from (value + 1, -value, value + rng.choice((0.0001, 0.001, 0.5)), str(value), [value])
        case str():
            at = rng.randrange(len(value))
            yield from (value + "x", value[:at] + value[at + 1 :], value[:at] + "é" + value[at:], value + " ")
            yield from (value.swapcase() if value.swapcase() != value else value * 2, [value])
        case None:
            yield from (False, 0, "", "null", [])
        case list():
            yield from ([*value, rng.choice(value)], value[:-1], [value])
            if value[::-1] != value:
                yield value[::-1]
        case dict():
            yield from ({**value, "extra": rng.random()}, [value])


def near_misses(rng: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield BATCH with one place changed, taken out or renamed, for each place and several changes."""
    for place in places(BATCH):
        original = holder_of(BATCH, place)[place[-1]]
        for value in other_values(original, rng):
            body = copy.deepcopy(BATCH)
            holder_of(body, place)[place[-1]] = value
            yield f"{place}: {original!r} became {value!r}", body
        if isinstance(place[-1], str):
            if original is not None or place[0] == "tools":
                body = copy.deepcopy(BATCH)
                del holder_of(body, place)[place[-1]]
                yield f"{place} taken out", body
            if original is not None:
                body = copy.deepcopy(BATCH)
                holder = holder_of(body, place)
                holder[f"{place[-1]}_"] = holder.pop(place[-1])
                yield f"{place} renamed", body


def test_every_near_miss_misses(recorded: Recorded) -> None:
    rng = random.Random(2026)
    asked = 0
    with BaseURL(recorded.replayer) as client:
        for what, body in near_misses(rng):
            reply = client.send(body)
            assert reply.is_miss(), f"{what}: {reply.body[:200]!r}"
            asked += 1
        assert client.send(BATCH).status == 200
    assert asked > 250


def test_a_null_inside_a_json_schema_is_a_value(recorded: Recorded) -> None:
    body = copy.deepcopy(BATCH)
    body["tools"][0]["function"]["parameters"]["properties"]["day"]["title"] = None
    with BaseURL(recorded.replayer) as client:
        assert client.send(body).is_miss()


def test_bodies_that_are_no_json_are_compared_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    with Upstream() as upstream:
        upstream.add({"match": {"path": "/v1/raw"}, "answer": {"json": {"ok": True}}})
        options = (f"recording_dir={folder}",)
        with proxy(tmp_path, "recording_mode=record", *options, upstream=upstream, mode=REVERSE) as recorder:
            with BaseURL(recorder) as client:
                assert client.send(b'{"a": 1', "/v1/raw").status == 200
                assert client.send(b"\xff\x00\xfe", "/v1/raw").status == 200
        with proxy(tmp_path, *options, mode=REVERSE) as replayer, BaseURL(replayer) as client:
            assert client.send(b'{"a": 1', "/v1/raw").status == 200
            assert client.send(b'{"a":1', "/v1/raw").is_miss()
            assert client.send(b'{"a": 1}', "/v1/raw").is_miss()
            assert client.send(b"\xff\x00\xfe", "/v1/raw").status == 200
            assert client.send(b"\xff\x00\xfd", "/v1/raw").is_miss()
            assert client.send(b"", "/v1/raw").is_miss()


# --- stream_options -----------------------------------------------------------------------------------------------


def usages(reply: Reply) -> list[Any]:
    """Return the usage in each chunk of a stream, "absent" where there is none."""
    assert reply.status == 200, reply.body
    events = [block.removeprefix(b"data: ") for block in reply.body.split(b"\n\n") if block]
    assert events.pop() == b"[DONE]"
    return [json.loads(event).get("usage", "absent") for event in events]


WITH_USAGE = chat_body("Count to four", stream=True, stream_options={"include_usage": True})
WITHOUT_USAGE = chat_body("Count to four", stream=True)


@pytest.mark.parametrize("recorded_form", ["with", "without"])
def test_a_stream_answers_a_request_that_wants_no_more_than_it_gives(
    tmp_path: Path, recorded_form: str
) -> None:
    first = WITH_USAGE if recorded_form == "with" else WITHOUT_USAGE
    folder = tmp_path / "recordings"
    with Upstream() as upstream:
        options = (f"recording_dir={folder}",)
        with proxy(tmp_path, "recording_mode=record", *options, upstream=upstream, mode=REVERSE) as recorder:
            with BaseURL(recorder) as client:
                said = usages(client.send(first))
        with proxy(tmp_path, *options, mode=REVERSE) as replayer, BaseURL(replayer) as client:
            asked_for, not_asked_for = client.send(WITH_USAGE), usages(client.send(WITHOUT_USAGE))
    if recorded_form == "with":
        assert usages(asked_for) == said
        assert [usage for usage in said if usage] == said[-1:], "the usage comes in a chunk of its own"
        assert not_asked_for == ["absent"] * (len(said) - 1)
    else:
        assert not_asked_for == said == ["absent"] * len(said)
        assert asked_for.is_miss(), "usage is never invented"


def test_of_two_recordings_the_one_with_equal_stream_options_answers(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    other = {**WITH_USAGE, "stream_options": {"include_usage": True, "include_obfuscation": False}}
    with Upstream() as upstream:
        options = (f"recording_dir={folder}",)
        with proxy(tmp_path, "recording_mode=record", *options, upstream=upstream, mode=REVERSE) as recorder:
            with BaseURL(recorder) as client:
                with_usage = usages(client.send(WITH_USAGE))
                without_usage = usages(client.send(WITHOUT_USAGE))
        assert len(recordings(folder)) == 2
        with proxy(tmp_path, *options, mode=REVERSE) as replayer, BaseURL(replayer) as client:
            assert usages(client.send(WITH_USAGE)) == with_usage
            assert usages(client.send(WITHOUT_USAGE)) == without_usage
            assert client.send(other).status == 200
            assert client.send({**WITH_USAGE, "stream": False}).is_miss()


# --- one hash -----------------------------------------------------------------------------------------------------


def essay(score: int) -> dict[str, Any]:
    """Return a request that has the same hash with every other score."""
    return chat_body(f"Essay 7, score: {score} of 10. Pass or fail?")


def test_requests_with_one_hash_get_their_own_answers_in_any_order(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    with Upstream() as upstream:
        answer_in_turn(upstream, "FAIL", "PASS", "PASS after all")
        options = ("recording_mode=record", f"recording_dir={folder}")
        with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as recorder:
            with BaseURL(recorder) as client:
                assert [said(client.send(essay(score))) for score in (2, 9)] == ["FAIL", "PASS"]
        with proxy(tmp_path, *options, upstream=upstream, mode=REVERSE) as recorder:
            with BaseURL(recorder) as client:
                assert said(client.send(essay(9))) == "PASS after all"
        assert sorted(path.stem[64:] for path in folder.glob("*.json")) == ["", "-2"]
        with proxy(tmp_path, f"recording_dir={folder}", mode=REVERSE) as replayer:
            with BaseURL(replayer) as client:
                answers = [said(client.send(essay(score))) for score in (9, 2, 9)]
                assert answers == ["PASS after all", "FAIL", "PASS after all"]
                assert client.send(essay(3)).is_miss()
        loosely = (f"recording_dir={folder}", "recording_ignore=@reference")
        with proxy(tmp_path, *loosely, mode=REVERSE) as replayer, BaseURL(replayer) as client:
            assert said(client.send(essay(3))) == "FAIL"
