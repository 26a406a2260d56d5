"""`openai-replay import`: the cassettes of other tools, imported and then requested again from a real mitmdump."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL, Reply
from support.both import Wire, body_of
from support.cassettes import CASSETTES, Exchange, exchanges_of
from support.proxy import CEILING_S, bare_environment, proxy, recordings
from support.requests import CHAT_URL, chat_body

OPENAI_REPLAY = str(Path(sys.executable).with_name("openai-replay"))
TOOLS = ("vcr.py", "ruby", "go-vcr", "har", "mitmproxy", "batch")
# The one failure among the cassettes that is retried with success; recorders of the proxy keep the success alone.
RETRIED = "Try again [scenario: rate-limited-once]"


def imported(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return commanded(home, "import", *arguments)


def commanded(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [OPENAI_REPLAY, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=bare_environment(home, LANG="C.UTF-8"),
        cwd=home,
        timeout=CEILING_S,
        check=False,
    )


def is_retried(exchange: Exchange) -> bool:
    return RETRIED.encode() in exchange.request_body and exchange.status == 429


def sent_again(client: BaseURL, exchange: Exchange) -> Reply:
    parts = urlsplit(exchange.url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return client.send(
        exchange.request_body or None,
        path,
        method=exchange.method,
        content_type=exchange.request_headers.get("content-type"),
        test_id=exchange.cassette,
    )


def as_wire(exchange: Exchange, status: int, headers: dict[str, str], body: bytes) -> Wire:
    # Cassettes whose headers were taken out do not tell the type of the body; its beginning does.
    inferred = "text/event-stream" if body.startswith(b"data:") else ""
    kind = exchange.response_headers.get("content-type") or inferred
    return Wire(
        exchange.method, exchange.url, status, {"content-type": headers.get("content-type", kind)}, body
    )


def plain(value: str) -> str:
    """Return a header's value without the charset that JSON and events have anyway."""
    return value.replace(" ", "").removesuffix(";charset=utf-8")


@pytest.mark.parametrize("tool", TOOLS)
def test_each_exchange_of_a_cassette_is_answered_as_the_cassette_has_it(tmp_path: Path, tool: str) -> None:
    expected = [exchange for exchange in exchanges_of(tool) if not is_retried(exchange)]
    assert expected
    result = imported(tmp_path, "--test-id", "{name}", CASSETTES / tool)
    assert result.returncode == 0, result.stderr
    assert f"{len(expected)} exchange{'s' if len(expected) > 1 else ''} imported" in result.stderr
    with proxy(tmp_path, mode=REVERSE) as running, BaseURL(running) as client:
        for exchange in expected:
            reply = sent_again(client, exchange)
            assert reply.status == exchange.status, (exchange, reply.body)
            headers = {name.lower(): value for name, value in reply.headers.items()}
            for name in ("content-type", "retry-after", "openai-version"):
                if name in exchange.response_headers:
                    assert plain(headers[name]) == plain(exchange.response_headers[name])
            recorded = as_wire(exchange, exchange.status, {}, exchange.response_body)
            replayed = as_wire(exchange, reply.status, headers, reply.body)
            assert body_of(replayed) == body_of(recorded), exchange.url


def test_no_key_of_a_cassette_gets_into_a_recording(tmp_path: Path) -> None:
    # The makers of har/ and mitmproxy/ keep headers; a cassette may have the key in its body, too.
    key = "sk-proj-4f9aB7c2D8e1F6g3H5j0K9m2N4p7Q1r8"
    cassette = (CASSETTES / "go-vcr" / "all.yaml").read_text().replace("Hello from Go", f"My key is {key}")
    (tmp_path / "all.yaml").write_text(cassette)
    assert imported(tmp_path, "all.yaml").returncode == 0
    texts = [path.read_bytes() for path in (tmp_path / "recordings").iterdir()]
    assert texts
    assert not [text for text in texts if key.encode() in text]
    assert any(b"My key is REDACTED" in text for text in texts)


def record(home: Path, upstream: Upstream, bodies: Iterable[dict[str, object]], *options: str) -> None:
    options = ("recording_mode=record", f"recording_dir={home / 'recordings'}", *options)
    with proxy(home, *options, upstream=upstream, mode=REVERSE) as running, BaseURL(running) as client:
        for body in bodies:
            assert client.send(body).status == 200


def test_an_imported_recording_is_the_file_that_recording_it_makes(tmp_path: Path) -> None:
    """One run is recorded and kept as a flow file by the same mitmdump: both ways lead to the same files."""
    bodies: list[dict[str, object]] = [
        chat_body("one"),
        chat_body("two", stream=True),
        chat_body("one"),
        chat_body("with a [scenario: gzip]", stream=True),
    ]
    flows = tmp_path / "all.flow"
    with Upstream() as upstream:
        options = (f"save_stream_file={flows}", "store_streamed_bodies=true")
        record(tmp_path / "recorded", upstream, bodies, *options)
    result = imported(tmp_path, "--test-id", "", "--dir", tmp_path / "imported", flows)
    assert result.returncode == 0, result.stderr
    recorded = recordings(tmp_path / "recorded" / "recordings")
    assert recordings(tmp_path / "imported") == recorded
    assert len(recorded) == 3


def test_what_cannot_be_taken_over_is_named_with_file_and_place(tmp_path: Path) -> None:
    good: dict[str, Any] = {
        "request": {"method": "GET", "uri": "https://api.openai.com/v1/poll", "body": None, "headers": {}},
        "response": {"status": {"code": 200}, "headers": {}, "body": {"string": "{}"}},
    }
    relative = {**good, "request": {**good["request"], "uri": "/v1/poll"}}
    placeholder = {**good, "request": {**good["request"], "uri": "https://<region>.openai.com/v1/poll"}}
    elsewhere = {**good, "request": {**good["request"], "uri": "https://example.org/v1/poll"}}
    without_status = {**good, "response": {"headers": {}, "body": {"string": "{}"}}}
    interactions = [good, relative, placeholder, elsewhere, without_status, 5]
    (tmp_path / "some.json").write_text(json.dumps({"version": 1, "interactions": interactions}))
    (tmp_path / "broken.yaml").write_text("interactions:\n- [")
    (tmp_path / "notes.txt").write_text("no cassette")
    (tmp_path / "empty.yaml").write_text("")
    result = imported(tmp_path, "some.json", "broken.yaml", "notes.txt", "empty.yaml")
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert lines[:-2] == [
        "openai-replay: not taken over: some.json, interaction 2: expected a URL with http or https and a host, "
        "got '/v1/poll'",
        "openai-replay: not taken over: some.json, interaction 3: expected a URL with http or https and a host, "
        "got 'https://<region>.openai.com/v1/poll'",
        "openai-replay: not taken over: some.json, interaction 5: expected an HTTP status response.status "
        "from 200 to 599, got None",
        "openai-replay: not taken over: some.json, interaction 6: expected a mapping for an interaction, "
        "got a number",
        "openai-replay: not taken over: broken.yaml: expected YAML, did not find expected node content "
        "@ line 3 column 1",
        "openai-replay: not taken over: notes.txt: expected a cassette of VCR.py, Ruby VCR, go-vcr or a tool with "
        "files like theirs, a HAR, a mitmproxy flow file, a recording of nock or httpmock, a mapping of WireMock, a "
        "trace of httprr, or a batch file",
        "openai-replay: not taken over: empty.yaml: the file is empty",
        "openai-replay: note: left out: some.json, interaction 4: example.org is none of the recorded hosts "
        "(--host example.org takes it over)",
    ]
    assert (
        lines[-2]
        == "openai-replay: the test id of some.json, interaction 1 is some (--test-id sets another one)"
    )
    assert lines[-1].startswith("openai-replay: 1 exchange imported into ")


def test_an_import_of_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = imported(tmp_path, "empty")
    assert result.returncode == 2
    assert "error: empty: expected files with exchanges, found none" in result.stderr


def test_the_test_of_a_cassette_is_found_where_pytest_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "cassettes" / "test_chat"
    folder.mkdir(parents=True)
    (tmp_path / "tests" / "test_chat.py").write_text("class TestIt:\n    def test_ask(self): ...\n")
    cassette = (CASSETTES / "vcr.py" / "as_json.json").read_text()
    (folder / "TestIt.test_ask.json").write_text(cassette)
    assert imported(tmp_path, "tests").returncode == 0
    [recording] = recordings(tmp_path / "recordings").values()
    assert recording["test_id"] == "tests/test_chat.py::TestIt::test_ask"


def test_many_that_are_left_out_for_one_reason_are_named_in_part_or_all(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for number in range(8):
        (tmp_path / "folder" / f"{number}.json").write_text('{"requests": [], "responses": {}}')
    result = imported(tmp_path, "folder")
    assert result.returncode == 1  # nothing was imported
    assert result.stderr.count("note: left out: folder/") == 5
    assert "3 more for the same reason (--verbose names them)" in result.stderr
    assert imported(tmp_path, "-v", "folder").stderr.count("note: left out: folder/") == 8


def test_the_end_says_which_option_replay_needs_and_check_points_the_host_out(tmp_path: Path) -> None:
    cassette = (CASSETTES / "vcr.py" / "as_json.json").read_text()
    (tmp_path / "it.json").write_text(cassette.replace("//api.openai.com/", "//me.openai.azure.com/"))
    result = imported(tmp_path, "--host", "me.openai.azure.com", "it.json", "it.json")
    assert result.returncode == 0
    assert result.stderr.splitlines()[-2:] == [
        f"openai-replay: to replay me.openai.azure.com, add to {tmp_path / 'recordings' / 'openai-replay.toml'}: "
        'hosts = ["+me.openai.azure.com"]',
        "openai-replay: or give the option each time: --set recording_hosts=+me.openai.azure.com",
    ]
    checked = commanded(tmp_path, "check")
    assert (checked.returncode, checked.stderr) == (0, "openai-replay: 0 problems (1 host)\n")
    (tmp_path / "recordings" / "openai-replay.toml").write_text('hosts = ["+me.openai.azure.com"]')
    assert commanded(tmp_path, "check").stderr == "openai-replay: the recordings are in order\n"
    assert "hosts = " not in imported(tmp_path, "it.json").stderr


def test_equal_exchanges_are_said_to_share_a_file(tmp_path: Path) -> None:
    cassette = json.loads((CASSETTES / "vcr.py" / "as_json.json").read_text())
    cassette["interactions"] *= 2
    (tmp_path / "it.json").write_text(json.dumps(cassette))
    result = imported(tmp_path, "it.json")
    assert "2 exchanges imported into" in result.stderr
    assert "(1 of them without a file: equal to the one before)" in result.stderr
    assert len(recordings(tmp_path / "recordings")) == 1


TEST = """
import subprocess

def test_ask(openai_replay):
    url = "{url}"
    body = {body!r}
    answer = subprocess.check_output(["curl", "-sS", url, "-H", "content-type: application/json", "-d", body])
    assert b"chat.completion" in answer, answer
    assert openai_replay.report()["totals"]["missed"] == 0
"""


def test_the_tests_of_a_cassette_run_without_the_recorder_that_made_it(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "cassettes" / "test_chat"
    folder.mkdir(parents=True)
    shutil.copy(CASSETTES / "vcr.py" / "as_json.json", folder / "test_ask.json")
    [exchange] = [one for one in exchanges_of("vcr.py") if one.cassette == "as_json"]
    (tmp_path / "tests" / "test_chat.py").write_text(
        TEST.format(url=CHAT_URL, body=exchange.request_body.decode())
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    assert imported(tmp_path, "tests").returncode == 0
    (tmp_path / "recordings" / "openai-replay.toml").write_text("test_match = 'require'\n")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        capture_output=True,
        text=True,
        env=bare_environment(tmp_path, PYTHONDONTWRITEBYTECODE="1"),
        cwd=tmp_path,
        timeout=CEILING_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "1 replayed, 0 recorded, 0 missed" in result.stdout
