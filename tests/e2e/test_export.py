"""`openai-replay export`: a HAR that comes back as the same recordings, and misses that come back through a batch."""

import json
import shutil
from pathlib import Path

from openai_replay.mock import Upstream
from support.base_url import REVERSE, BaseURL
from support.cassettes import CASSETTES
from support.command import openai_replay
from support.proxy import proxy, recordings
from support.requests import chat_body, embeddings_body


def test_an_exported_har_is_imported_as_the_same_recordings(tmp_path: Path) -> None:
    for tool in ("go-vcr", "mitmproxy", "vcr.py/repeats.yaml"):
        openai_replay(tmp_path, "import", "--test-id", tool, str(CASSETTES / tool)).check_returncode()
    result = openai_replay(tmp_path, "export", "har", "all.har")
    assert result.returncode == 0, result.stderr
    [note] = [line for line in result.stderr.splitlines() if "note: " in line]
    assert "its upload is exported as names, sizes and hashes" in note
    before = recordings(tmp_path / "recordings")
    result = openai_replay(tmp_path, "import", "--dir", "again", "--test-id", "", "all.har")
    assert result.returncode == 0, result.stderr
    uploads = {name for name, one in before.items() if "__multipart__" in one["request"]["body"]}
    after = recordings(tmp_path / "again")
    assert len(uploads) == 1
    assert {name: after.get(name) for name in before.keys() - uploads} == {
        name: one for name, one in before.items() if name not in uploads
    }


def test_missed_requests_come_back_through_a_batch(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    embedding = embeddings_body("a batch")
    options = ("recording_report=report.json",)
    with proxy(tmp_path, *options, mode=REVERSE) as running, BaseURL(running) as client:
        assert client.send(chat_body("missed"), test_id="tests/a.py::b").is_miss()
        assert client.send(chat_body("missed", stream=True)).is_miss()
        assert client.send(embedding, "/v1/embeddings").is_miss()
    result = openai_replay(tmp_path, "export", "batch", "report.json", "misses.jsonl")
    assert result.returncode == 1
    assert "batches have no streams" in result.stderr
    files = [tmp_path / "misses-chat-completions.jsonl", tmp_path / "misses-embeddings.jsonl"]
    with (
        Upstream() as upstream,
        proxy(tmp_path / "live", "recording_mode=live", upstream=upstream, mode=REVERSE) as api,
    ):
        with BaseURL(api) as client:
            for file in files:
                answer_batch(client, file)
    named = [argument for file in files for argument in (file.name, f"{file.name}.out")]
    result = openai_replay(tmp_path, "import", *named)
    assert result.returncode == 0, result.stderr
    with proxy(tmp_path, "recording_test_match=require", mode=REVERSE) as running, BaseURL(running) as client:
        assert client.send(chat_body("missed"), test_id="tests/a.py::b").status == 200
        assert client.send(embedding, "/v1/embeddings").status == 200
    shutil.rmtree(tmp_path / "recordings")


def answer_batch(client: BaseURL, file: Path) -> None:
    """Send the requests of a batch to the mock API, and write its output."""
    with open(f"{file}.out", "w") as output:
        for line in map(json.loads, file.read_text().splitlines()):
            reply = client.send(line["body"], line["url"])
            response = {"status_code": reply.status, "request_id": "req_1", "body": reply.json()}
            print(
                json.dumps({"custom_id": line["custom_id"], "response": response, "error": None}), file=output
            )


def test_a_realtime_session_goes_through_a_har_with_its_sound(tmp_path: Path) -> None:
    said = [
        ("receive", 1, '{"type":"session.created","event_id":"e1","session":{"id":"s1"}}'),
        ("send", 1, '{"type":"input_audio_buffer.append","audio":"AAECAwQF"}'),
        ("receive", 2, "/wA="),
        ("receive", 1, '{"type":"response.done","event_id":"e2"}'),
    ]
    messages = [{"type": side, "opcode": opcode, "data": data} for side, opcode, data in said]
    request = {"method": "GET", "url": "wss://api.openai.com/v1/realtime?model=gpt-realtime", "headers": []}
    entry = {"request": request, "response": {"status": 101}, "_webSocketMessages": messages}
    (tmp_path / "one.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    openai_replay(tmp_path, "import", "one.har").check_returncode()
    openai_replay(tmp_path, "check").check_returncode()
    openai_replay(tmp_path, "export", "har", "two.har").check_returncode()
    [exported] = json.loads((tmp_path / "two.har").read_text())["log"]["entries"]
    again = [(one["type"], one["opcode"], one["data"]) for one in exported["_webSocketMessages"]]
    assert again == said
    openai_replay(tmp_path, "import", "--dir", "again", "two.har").check_returncode()
    assert recordings(tmp_path / "again") == recordings(tmp_path / "recordings")
    sounds = [next((tmp_path / folder).glob("*.wav")).read_bytes() for folder in ("recordings", "again")]
    assert sounds[0] == sounds[1]
    assert b"\0\1\2\3\4\5" in sounds[0]
