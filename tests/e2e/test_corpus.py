"""Every replayable recording of the shared folders, asked for through the proxy and compared with its file.

The folders are beside the project, or where OPENAI_REPLAY_SHARED says; without them these tests are skipped.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from openai._models import construct_type

from openai_replay.mock import Upstream
from support.both import TrustingContext
from support.proxy import ROOT, Proxy, proxy
from support.reference_recorder import request_hash

SHARED = Path(os.environ.get("OPENAI_REPLAY_SHARED") or ROOT.parent / "shared")
FOLDERS = (SHARED / "seeds", SHARED / "corpus")
OTHERS = 3000

pytestmark = pytest.mark.skipif(
    not all(folder.is_dir() for folder in FOLDERS), reason=f"{SHARED} has no folders seeds and corpus"
)


@dataclass(frozen=True)
class File:
    """A recording, read without the code under test."""

    path: Path
    value: dict[str, Any]

    @property
    def request(self) -> dict[str, Any]:
        request: dict[str, Any] = self.value["request"]
        return request

    @property
    def response(self) -> dict[str, Any]:
        response: dict[str, Any] = self.value["response"]
        return response

    def is_replayable(self) -> bool:
        """Tell whether this is an HTTP exchange."""
        return str(self.request.get("url")).startswith("http")

    def test_id_header(self) -> dict[str, str]:
        """Return the header that names the test which made the request."""
        test_id = self.value.get("test_id")
        return {"X-Test-Id": test_id} if test_id else {}

    def is_model_list(self) -> bool:
        return self.path.name.startswith("models-")

    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem[:20]}"


FILES = [
    File(path, json.loads(path.read_bytes())) for folder in FOLDERS for path in sorted(folder.glob("*.json"))
]
REPLAYABLE = [file for file in FILES if file.is_replayable()]


def hosts() -> list[str]:
    """Return the hosts of all files, with the port where it is not that of https."""
    return sorted({urlsplit(file.request["url"]).netloc for file in REPLAYABLE})


@dataclass(frozen=True)
class Replayer:
    """A proxy that replays the files, and a client of it."""

    proxy: Proxy
    client: httpx.Client

    def ask(self, file: File) -> httpx.Response:
        """Make the request of a recording as its client made it."""
        request = file.request
        headers = {"content-type": "application/json"} | file.test_id_header()
        url = request["url"].replace("/v1/v1/", "/v1/")
        content = json.dumps(request["body"] if "body" in request else request["payload"])
        return self.client.request(request["method"], url, headers=headers, content=content)

    def list_models(self, file: File) -> httpx.Response:
        """Ask for a list of models as clients do, where recordings have the SDK's call."""
        url = file.request["url"].replace("/v1/v1/", "/v1/")
        extra_query = file.request["body"].get("extra_query")
        return self.client.get(url, params=extra_query, headers=file.test_id_header())


def others_in(folder: Path) -> None:
    """Fill a folder with recordings of other requests, each a seed's with another question."""
    seed = next(file for file in FILES if file.path.parent.name == "seeds")
    for number in range(OTHERS):
        body = {**seed.request["body"], "messages": [{"role": "user", "content": f"Question {number}"}]}
        value = {**seed.value, "request": {**seed.request, "body": body}}
        name = request_hash(seed.request["url"], body, seed.value["test_id"])
        (folder / f"{name}.json").write_text(json.dumps(value))


@pytest.fixture(scope="module", params=["HTTP/1.1", "HTTP/2, among thousands of others"])
def replayer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayer]:
    """Copies of the shared folders, and the same copies among thousands of other recordings."""
    top = tmp_path_factory.mktemp("corpus")
    is_among_others = "thousands" in request.param
    folder = top / "recordings"
    for source in FOLDERS:
        shutil.copytree(source, folder / source.name)
    if is_among_others:
        others_in(folder)
    options = [f"recording_hosts={host}" for host in hosts()]
    with Upstream(plain=True) as upstream:
        with proxy(top / "home", f"recording_dir={folder}", *options, upstream=upstream) as replaying:
            with httpx.Client(
                proxy=replaying.url,
                verify=TrustingContext(replaying, ["h2" if is_among_others else "http/1.1"]),
                http2=is_among_others,
                trust_env=False,
                timeout=60,
            ) as client:
                yield Replayer(replaying, client)
        assert upstream.connections == 0


def data_of(text: str) -> list[str]:
    """Return the data of a stream's events, which must each be one line; [DONE] among them."""
    blocks = text.split("\n\n")
    assert blocks.pop() == ""
    return [block.rpartition("data: ")[2] for block in blocks]


def refilled(envelope: dict[str, Any], wire: Any) -> Any:
    """Return the dump of an object of the wire by the class of an envelope, as the openai package has it."""
    module, _, name = envelope["__type__"].rpartition(".")
    if not module.startswith("openai."):
        return wire
    model = getattr(importlib.import_module(module), name)
    constructed: Any = construct_type(value=wire, type_=model)
    return constructed.model_dump(mode="json")


def assert_is(recorded: Any, wire: Any) -> None:
    """Assert that an object on the wire is the recorded one: filled with nulls again, it equals the envelope."""
    if isinstance(recorded, dict) and recorded.keys() == {"__type__", "__data__"}:
        expected = dict(recorded["__data__"])
        actual = refilled(recorded, wire)
        # Files of other versions of the package lack fields of this one, which are null then.
        assert {
            name: value for name, value in actual.items() if value is not None or name in expected
        } == expected
    else:
        assert wire == recorded


def assert_has_no_filling(chunk: dict[str, Any], body: dict[str, Any]) -> None:
    """Assert that a chunk of api.openai.com has the members that the API sends, and no other null."""
    asks_usage = (body.get("stream_options") or {}).get("include_usage")
    assert chunk.get("usage") is not None or ("usage" in chunk) == bool(asks_usage)
    for choice in chunk["choices"]:
        assert list(choice) == ["index", "delta", "logprobs", "finish_reason"]
        delta = choice["delta"]
        assert ("refusal" in delta) == ("role" in delta) or delta.get("refusal") is not None
        assert delta.get("function_call", 0) is not None
        assert delta.get("tool_calls", 0) is not None
        for call in delta.get("tool_calls") or ():
            assert None not in (*call.values(), *call["function"].values())


@pytest.mark.parametrize("file", [file for file in REPLAYABLE if not file.is_model_list()], ids=File.name)
def test_an_exchange_is_replayed_as_its_file_says(replayer: Replayer, file: File) -> None:
    answer = replayer.ask(file)
    response = file.response
    if response.get("is_exception"):
        assert_is_failure(answer, response)
        return
    assert answer.status_code == response.get("status", 200), answer.text
    if not response["is_streaming"]:
        assert answer.headers["content-type"] == "application/json"
        assert_is(response["body"], answer.json())
        return
    assert answer.headers["content-type"].startswith("text/event-stream")
    if isinstance(response["body"][0], str):
        assert answer.text == "".join(f"{line}\n" for line in response["body"])
        return
    assert_is_stream(answer, file)


def assert_is_stream(answer: httpx.Response, file: File) -> None:
    events = data_of(answer.text)
    if urlsplit(file.request["url"]).path.endswith("/completions"):
        assert events.pop() == "[DONE]"
    assert len(events) == len(file.response["body"])
    for recorded, text in zip(file.response["body"], events, strict=True):
        wire = json.loads(text)
        assert_is(recorded, wire)
        if "//api.openai.com/" in file.request["url"]:
            assert_has_no_filling(wire, file.request["body"])


def assert_is_failure(answer: httpx.Response, response: dict[str, Any]) -> None:
    data = response["exception_data"]
    assert answer.status_code == data["status_code"]
    _, _, literal = data["message"].partition(" - ")
    whole = ast.literal_eval(literal)
    assert answer.json() == whole or answer.json() == {"error": data["body"]}


@pytest.mark.parametrize("file", [file for file in REPLAYABLE if file.is_model_list()], ids=File.name)
def test_a_list_of_models_has_all_that_its_file_has(replayer: Replayer, file: File) -> None:
    for answer in (replayer.ask(file), replayer.list_models(file)):
        assert answer.status_code == 200, answer.text
        listed = answer.json()
        assert listed["object"] == "list"
        answered = [refilled(file.response["body"][0], model) for model in listed["data"]]
        recorded = [envelope["__data__"] for envelope in file.response["body"]]
        assert [model for model in recorded if model not in answered] == []


def test_files_that_are_no_exchanges_are_nobodys_error(replayer: Replayer) -> None:
    assert len(REPLAYABLE) < len(FILES)
    assert "Cannot read" not in replayer.proxy.log()
    report = replayer.proxy.ask("/report")
    assert report["totals"]["missed"] == 0
    assert report["totals"]["replayed"] >= len(REPLAYABLE)
